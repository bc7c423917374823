# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx convert" to a device that has space in common with what is read is refused, and nothing of it
# is written: partitions of its disk, its disk, what is on it and what it is on.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need sfdisk

# node NAME PATH: of the device that the kernel calls NAME
node()
{
	local number

	number=$(<"/sys/class/block/$1/dev")
	[ -b "$2" ] || mknod "$2" b "${number%:*}" "${number#*:}"
}

scratch_fs 200
truncate -s 40M disk
sfdisk -q disk <<'END'
label: dos
2048,20480
22528,
END
modprobe loop
loop=$(loop_make disk --partscan)
node "${loop##*/}p1" "${loop}p1"
node "${loop##*/}p2" "${loop}p2"
dd if=/dev/urandom of="${loop}p1" bs=1M count=8 oflag=direct status=none
sum=$(sha256sum <disk)
refused() # SOURCE TARGET
{
	expect_status 1 convert --force -O raw "$1" "$2"
	expect_output "^vhdx: $2: has space in common with '$1', which is to be read"
	[ "$(sha_dev "$loop")" = "${sum%% *}" ] || fail "$1 to $2: written to"
}
refused "$loop" "${loop}p1"
refused "$loop" "${loop}p2"
refused "${loop}p2" "$loop"
# Two partitions are two things.
expect_status 0 convert --force -O raw "${loop}p1" "${loop}p2"
sum=$(sha256sum <disk)
# By another node of the same device.
node "${loop##*/}" "$SCRATCH/node"
refused "$loop" "$SCRATCH/node"
# The file that it is on, which a device that only reads does not keep from being read.
other=$(loop_make disk --read-only)
loop_remove "$loop"
expect_status 1 convert --force -O raw disk "$other"
expect_output "^vhdx: $other: has space in common with 'disk'"
[ "$(sha256sum <disk)" = "$sum" ]
