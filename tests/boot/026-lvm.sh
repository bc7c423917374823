# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# The root is on a logical volume in the image, with initramfs-tools and with dracut.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs debugfs qemu-img lvm losetup
[ "$(id -u)" = 0 ] || skip 'loop devices are for root'

# $1: file that becomes a physical volume with one logical volume, from 1 MiB on. Nothing of it is activated.
make_volume()
{
	local config='devices{use_devicesfile=0} activation{udev_sync=0 udev_rules=0}' loop command

	loop=$(losetup --find --show "$1") || skip 'there are no loop devices here'
	for command in "pvcreate -ff -y $loop" "vgcreate vmvg $loop" "lvcreate -an -Zn -Wn -y -l 100%FREE -n root vmvg"; do
		# shellcheck disable=SC2086 # words
		lvm ${command%% *} --driverloaded n --config "$config" ${command#* } >out 2>&1 || {
			losetup -d "$loop"
			cat out
			fail "$command"
		}
	done
	losetup -d "$loop"
}

for kind in initramfs-tools dracut; do
	boot_root $kind $kind
	truncate -s 900M disk.raw
	make_volume disk.raw
	dd if=$kind/root.raw of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
	mkdir -p host
	boot_image disk.raw host/root.vhdx
	boot_ext4 host host.disk 1G
	mv $kind/initrd initrd
	rm -r host disk.raw $kind

	boot_vm 026-lvm "rd.vhdx=disk=UUID=$HOST_UUID:/root.vhdx" --disk host.disk,serial=host
	boot_host_clean host.disk
	boot_image_of host.disk /root.vhdx left.vhdx
	boot_closed left.vhdx
	dd if=left.raw of=root.raw bs=1M skip=1 count=768 conv=sparse status=none
	boot_host_clean root.raw
	boot_image_of root.raw /written text
	[ "$(<text)" = lvm ]
done
