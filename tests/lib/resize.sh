# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of "vhdx resize" of a disk in use share: vm, which is it, and raw, what is to be there.

scribble=$VHDX_TOP/build/scribble
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
# shellcheck disable=SC2154 # tests/lib/vhdx.sh has set it
at_exit "$vhdx" detach --all

bytes() { blockdev --getsize64 "/dev/mapper/$1"; }
running() { [ "$(dmsetup info -c --noheadings -o suspended,tables_loaded "$1")" = 'Active:Live' ]; }
write() { "$scribble" /dev/mapper/vm raw $((seed++)) "$1"; }
# shows SIZE: what was there, then zeros; and it can be written to
shows()
{
	[ "$(bytes vm)" = "$1" ] || fail "$(bytes vm) bytes, not $1"
	truncate -s "$1" raw
	same /dev/mapper/vm raw
	write 5
	same /dev/mapper/vm raw
}
closed() # IMAGE
{
	"$vhdx" detach vm
	[ "$(losetup -n -O NAME -l)" = '' ] || fail "a loop device is left: $(losetup -l)"
	"$vhdx" check --quiet --chain "$1" || fail "$("$vhdx" check "$1")"
	[ "$("$vhdx" info --json "$1" | grep -c data_write_guid)" = 0 ] || "$vhdx" convert -O raw --force "$1" got
	[ ! -e got ] || cmp got raw
	rm -f got
}
