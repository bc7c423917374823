# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
#
# "vhdx compact" of a disk in use: what is on it stays, its file gives space back at once and gets shorter
# when it is detached.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need blkdiscard

json() { "$vhdx" compact --json "$@" >out || fail "compact $*: $(cat out)"; }
field() { sed -nE "s/^ *\"$1\": *([^,]*),?\$/\\1/p" out; }
has() { [ "$(field "$1")" = "$2" ] || fail "$1 is $(field "$1"), not $2: $(cat out)"; }
kib() { sync "$1"; du -k "$1" | cut -f1; }
fill() { dd if=/dev/urandom of=/dev/mapper/disk bs=1M seek="$1" count="$2" oflag=direct conv=notrunc status=none; }
content() { dd if=/dev/mapper/disk bs=1M iflag=direct status=none | sha256sum; }

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 100M --block-size 1M disk.vhdx
"$vhdx" attach disk.vhdx >/dev/null
fill 0 40
blkdiscard -o 0 -l 20M /dev/mapper/disk
dmsetup message disk 0 commit
sum=$(content)

note 'what would be done, and nothing is'
json --dry-run disk
has blocks_moved 20
has attached true
before=$(field size_before)
has won $((20 << 20))
[ "$(dmsetup message disk 0 stats | awk '$1 == "blocks_moved" { print $2 }')" = 0 ]

note 'by its name, while it is written; once more there is nothing to do'
# The same data, in a block that moves.
dd if=/dev/mapper/disk of=same bs=1M skip=30 count=1 iflag=direct status=none
(
	while [ ! -e stop ]; do
		dd if=same of=/dev/mapper/disk bs=64k seek=480 count=16 oflag=direct conv=notrunc status=none ||
			touch error
	done
) &
writer=$!
json disk
touch stop
wait $writer
[ ! -e error ]
has blocks_moved 20
has blocks_failed 0
has bytes_moved $((20 << 20))
json "$PWD/disk.vhdx"
has blocks_moved 0
[ "$(content)" = "$sum" ] || fail 'it shows something else'
[ "$(field size_after)" -le $((before - (19 << 20))) ] || fail "$(cat out)"

note 'zeros'
# Given back once it is durable, by a work of its own.
takes() { [ "$(kib disk.vhdx)" -le "$1" ]; }
wait_for 60 takes 30000
used=$(kib disk.vhdx)
dd if=/dev/zero of=/dev/mapper/disk bs=1M seek=20 count=10 oflag=direct conv=notrunc status=none
sum=$(content)
json --zeros disk
has blocks_dropped 10
wait_for 60 takes $((used - 9000))
[ "$(content)" = "$sum" ] || fail 'it shows something else'
end=$(field size_after)

note 'its file is cut when it is detached'
"$vhdx" detach disk
[ "$(stat -c %s disk.vhdx)" -le "$end" ] || fail "$(stat -c %s disk.vhdx), not $end"
"$vhdx" check disk.vhdx
qemu-img check -q disk.vhdx
"$vhdx" compact disk.vhdx >out
"$vhdx" attach disk.vhdx >/dev/null
[ "$(content)" = "$sum" ] || fail 'it shows something else'
"$vhdx" detach disk

note 'a leaf with a parent: its own, and what it hides'
"$vhdx" create --parent disk.vhdx --block-size 2M child.vhdx
"$vhdx" attach child.vhdx disk >/dev/null
fill 0 10
dd if=/dev/urandom of=/dev/mapper/disk bs=4k seek=$((35 * 256 + 3)) count=2 oflag=direct conv=notrunc status=none
blkdiscard -o 0 -l 8M /dev/mapper/disk
dd if=/dev/zero of=/dev/mapper/disk bs=1M seek=8 count=2 oflag=direct conv=notrunc status=none
dmsetup message disk 0 commit
sum=$(content)
json --zeros disk
has blocks_dropped 1
has blocks_moved 1
# It was given its place when there was but one behind the blocks.
has bitmaps_moved 1
has bitmaps_kept 0
has bytes_moved $((3 << 20))
[ "$(content)" = "$sum" ] || fail 'it shows something else'
"$vhdx" detach disk
"$vhdx" check --chain child.vhdx
"$vhdx" attach child.vhdx disk >/dev/null
[ "$(content)" = "$sum" ] || fail 'it shows something else'
"$vhdx" detach disk

note 'refused'
"$vhdx" attach --read-only disk.vhdx disk >/dev/null
expect_fail -m 'attached read-only' "$vhdx" compact disk
"$vhdx" detach disk
"$vhdx" attach --stock --read-only disk.vhdx disk >/dev/null
for command in compact 'resize --to-minimum' snapshot; do
	# shellcheck disable=SC2086 # words
	expect_fail -m 'attached with --stock' "$vhdx" $command disk
done
"$vhdx" detach disk
"$vhdx" create --type fixed --size 8M fixed.vhdx
"$vhdx" attach fixed.vhdx disk >/dev/null
expect_fail -m 'a fixed image' "$vhdx" compact disk
"$vhdx" detach disk
"$vhdx" create --format vhd --size 8M disk.vhd
"$vhdx" attach disk.vhd disk >/dev/null
expect_fail -m 'a VHD image' "$vhdx" compact disk
"$vhdx" detach disk
