# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
# kernel: backports
#
# As 022-ntfs.sh, on a kernel that has ntfs3, which takes an NTFS after a power cut only by force.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs qemu-img mkfs.ntfs ntfscp ntfscat ntfsfix

boot_root initramfs-tools
boot_ntfs root.raw host.disk
rm root.raw
export VHDX_HOST_TYPE=ntfs3

boot_vm 022-cut "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --cut-on 'guest: cut the power' --disk host.disk,serial=host
[ "$(wc -l <results/ledger)" -ge 20 ]

boot_vm 022-after "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --disk host.disk,serial=host
boot_said 'this NTFS was not unmounted properly and is mounted all the same'
# It leaves a volume that was dirty as dirty as it was, which others want to have looked at first.
ntfsfix -d host.disk >out 2>&1 || { cat out; fail 'ntfsfix'; }
ntfscat host.disk /root.vhdx >left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
after=$(($(stat -c %s left.vhdx) >> 20))
[ $after -gt $((before + 30)) ] || fail "the file has not grown: $before MiB before, $after MiB after"
[ "$(ntfscat host.disk /written)" = host ]
