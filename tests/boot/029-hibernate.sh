# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# A machine with its root in an image hibernates, to a swap space outside of it, and goes on where it was: its
# initramfs has written neither the image nor what that is on before.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs debugfs qemu-img mkswap

boot_root initramfs-tools
mkdir -p host/vm
boot_image root.raw host/vm/root.vhdx
boot_ext4 host host.disk 1G
rm -r host root.raw
truncate -s 1G swap.disk
mkswap -q swap.disk 2>/dev/null

disks=(--disk "host.disk,serial=host" --disk "swap.disk,serial=swap")
parameters="rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx resume=/dev/disk/by-id/virtio-swap"
boot_vm 029-hibernate "$parameters" --cut-on 'reboot: Power down' "${disks[@]}"
[ "$(blkid -p -o value -s TYPE swap.disk)" = swsuspend ] || { tail -n 60 console; fail 'it does not sleep'; }

boot_vm none "$parameters" "${disks[@]}"
boot_said 'vhdx: /dev/disk/by-id/virtio-swap: note: trying to resume from it'
boot_said 'guest: goes on'
! grep -q 'dm_vhdx: loading' console || fail 'it has attached the image before'

boot_host_clean host.disk
boot_image_of host.disk /written text
[ "$(<text)" = host ]
boot_image_of host.disk /before text
[ "$(<text)" = before ]
boot_image_of host.disk /vm/root.vhdx left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
boot_image_of left.raw /written text
[ "$(<text)" = root ]
