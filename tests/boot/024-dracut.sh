# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# As 020-root.sh, with dracut. At shutdown there is its initramfs again, which unmounts and detaches all of it
# properly, so that the file is cut off, too.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs debugfs qemu-img

boot_root dracut
mkdir -p host/vm
boot_image root.raw host/vm/root.vhdx
before=$(($(stat -c %s host/vm/root.vhdx) >> 20))
boot_ext4 host host.disk 1G
rm -r host root.raw

boot_vm 020-root "rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx" --disk host.disk,serial=host

boot_said 'dracut Warning: Unmounted /oldroot\.'
boot_said 'dracut Warning: Unmounted .*/run/vhdx/host/'
boot_host_clean host.disk
boot_image_of host.disk /written text
[ "$(<text)" = host ]
boot_image_of host.disk /vm/root.vhdx left.vhdx
boot_closed left.vhdx
after=$(($(stat -c %s left.vhdx) >> 20))
[ $after -lt $((before + 200)) ] || fail "the file is not cut off: $before MiB before, $after MiB after"
boot_host_clean left.raw
boot_image_of left.raw /written text
[ "$(<text)" = root ]
boot_image_of left.raw /var/random random
boot_image_of host.disk /vm/sum sum
sha256sum <random | cmp - sum
