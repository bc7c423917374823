# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 3600
#
# A machine with a Debian and its GRUB on the disk: "boot-install" writes an entry for an image there, with which
# GRUB boots the system in it; the machine's own is still what is booted otherwise, and after --remove /boot is
# what it was.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs e2fsck debugfs qemu-img sfdisk

boot_root grub
mkdir vm
# GRUB has its own way with blanks.
boot_image root.raw 'vm/my root.vhdx'
rm root.raw
boot_grub_disk host.disk vm

disk=(--disk "host.disk,serial=host")
VHDX_PARAMETERS=$("$VHDX_TOP/tests/vm/run" --cmdline --append rcupdate.rcu_cpu_stall_timeout=300)
export VHDX_PARAMETERS
boot_bare 031-grub "${disk[@]}"
for step in install inside remove after; do
	boot_firmware 031-$step "${disk[@]}"
done

dd if=host.disk of=host.raw bs=1M skip=2 count=$HOST_MIB conv=sparse status=none
boot_host_clean host.raw
boot_image_of host.raw '/vm/my root.vhdx' left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
boot_image_of left.raw /written text
[ "$(<text)" = inside ]
