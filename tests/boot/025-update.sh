# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# In a system that "boot-install" has seen to, the initramfs is made again: it goes to where GRUB reads it, the
# one before stays, and the new one boots.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs debugfs qemu-img

boot_root initramfs-tools
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
release=$(<root/etc/vm-release)
echo "kernel of $release" | "${sudo[@]}" tee "root/boot/vmlinuz-$release" >/dev/null
"$VHDX_TOP/tests/boot/make-root" --image .
mkdir -p host/vm/root.vhdx.boot
boot_image root.raw host/vm/root.vhdx
# As "boot-install" leaves it.
parameters="root=UUID=$ROOT_UUID ro rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx"
printf '%s\n' 'My system' "$parameters" >host/vm/root.vhdx.boot/settings
boot_ext4 host host.disk 1G
rm -r host root.raw

VHDX_KERNEL_RELEASE=$release boot_vm 025-update "rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx" --disk host.disk,serial=host
boot_image_of host.disk /vm/root.vhdx.boot/grub.cfg grub.cfg
grep -qF "linux '/vm/root.vhdx.boot/vmlinuz-$release' 'root=UUID=$ROOT_UUID' 'ro' 'rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx'" grub.cfg ||
	{ cat grub.cfg; fail 'the entry'; }
cp initrd initrd.before
boot_image_of host.disk "/vm/root.vhdx.boot/initrd.img-$release.old" old
cmp old initrd.before
boot_image_of host.disk "/vm/root.vhdx.boot/initrd.img-$release" initrd
! cmp -s initrd initrd.before || fail 'it is the old one'

boot_vm 025-after "rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx" --disk host.disk,serial=host
boot_host_clean host.disk
