# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# boot: check
# timeout: 900
#
# A Debian with initramfs-tools has its root in a dynamic image, a file on ext4: it boots, writes both, and
# shuts down. Then the image's log is empty and both file systems are clean, though nothing could be
# unmounted.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs debugfs qemu-img

boot_root initramfs-tools
mkdir -p host/vm
boot_image root.raw host/vm/root.vhdx
boot_ext4 host host.disk 1G
rm -r host root.raw

boot_vm 020-root "rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx" --disk host.disk,serial=host

boot_host_clean host.disk
boot_image_of host.disk /written text
[ "$(<text)" = host ]
boot_image_of host.disk /vm/root.vhdx left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
boot_image_of left.raw /written text
[ "$(<text)" = root ]
boot_image_of left.raw /var/random random
boot_image_of host.disk /vm/sum sum
sha256sum <random | cmp - sum
