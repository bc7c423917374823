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
boot_image root.raw root.vhdx
truncate -s 1G host.disk
mkfs.ntfs -q -Q -F -s 512 -p 0 -H 0 -S 0 host.disk >out 2>&1 || { cat out; fail 'mkfs.ntfs'; }
VHDX_HOST=$(blkid -p -o value -s UUID host.disk)
export VHDX_HOST
ntfscp host.disk root.vhdx /root.vhdx >out 2>&1 || { cat out; fail 'ntfscp'; }
rm root.raw root.vhdx

boot_vm 022-after "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --disk host.disk,serial=host
boot_said 'dracut Warning: Unmounted /oldroot\.'
boot_ntfs_clean host.disk
ntfscat host.disk /root.vhdx >left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
[ "$(ntfscat host.disk /written)" = host ]
