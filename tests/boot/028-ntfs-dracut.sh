# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# As the second half of 022-ntfs.sh, with dracut, whose shutdown detaches the image while ntfs-3g serves it.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs qemu-img mkfs.ntfs ntfscp ntfscat ntfsresize

boot_root dracut
boot_ntfs root.raw host.disk
rm root.raw
export VHDX_HOST_TYPE=fuseblk

boot_vm 022-after "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --disk host.disk,serial=host
boot_said 'dracut Warning: Unmounted /oldroot\.'
boot_ntfs_clean host.disk
ntfscat host.disk /root.vhdx >left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
[ "$(ntfscat host.disk /written)" = host ]
