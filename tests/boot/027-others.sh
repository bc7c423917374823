# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3600
#
# Other file systems, in the image and below it: XFS on btrfs, btrfs on XFS, and ext4 on exFAT, on which the
# file is extended in steps. Each boots and is clean after a shutdown.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs qemu-img mkfs.xfs mkfs.btrfs mkfs.exfat xfs_repair xfs_logprint btrfs python3

try() # ROOT HOST MKFS-OPTION...
{
	local root=$1

	export VHDX_ROOT_TYPE=$1 VHDX_HOST_TYPE=$2 VHDX_MKFS="${*:3}"
	ROOT_TYPE=$root boot_root initramfs-tools "$root"
	mkdir -p results
	boot_image "$root/root.raw" results/root.vhdx
	rm "$root/root.raw"
	mv "$root/initrd" initrd
	truncate -s 1G host.disk
	boot_bare 027-fill --disk host.disk,serial=host
	rm results/root.vhdx
	VHDX_HOST=$(blkid -p -o value -s UUID host.disk)
	export VHDX_HOST
	boot_vm 027-others "rd.vhdx=UUID=$VHDX_HOST:/vm/root.vhdx" --disk host.disk,serial=host
	boot_bare 027-look --disk host.disk,serial=host
	rm host.disk
}

try xfs btrfs -q
try btrfs xfs -q
try ext4 exfat
