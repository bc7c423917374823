# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# The image is a file on NTFS, which 6.1 mounts by ntfs-3g only, a program that has to live until the end, and
# on which the file is extended in steps, by a service. The power fails while it is written: nothing that was
# fsynced is lost. Nor is anything by a shutdown, in which systemd ends what is FUSE by force, before the image
# can be closed: it is left with a log to replay.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs qemu-img mkfs.ntfs ntfscp ntfscat ntfsresize

boot_root initramfs-tools
boot_ntfs root.raw host.disk
rm root.raw
export VHDX_HOST_TYPE=fuseblk

boot_vm 022-cut "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --cut-on 'guest: cut the power' --disk host.disk,serial=host
[ "$(wc -l <results/ledger)" -ge 20 ]
ntfscat host.disk /root.vhdx >left.vhdx
# Nothing is wrong but that it was not closed.
expect_status 4 check left.vhdx
expect_output 'the image was not closed, its log has to be replayed'
expect_output ': 1 error left'

boot_vm 022-after "rd.vhdx=UUID=$VHDX_HOST:/root.vhdx" --disk host.disk,serial=host
boot_ntfs_clean host.disk
ntfscat host.disk /root.vhdx >left.vhdx
boot_closed left.vhdx
boot_host_clean left.raw
after=$(($(stat -c %s left.vhdx) >> 20))
[ $after -gt $((before + 30)) ] || fail "the file has not grown: $before MiB before, $after MiB after"
[ "$(ntfscat host.disk /written)" = host ]
