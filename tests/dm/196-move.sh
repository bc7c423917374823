# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# debug: turn
# kcsan: yes
# timeout: 400
#
# Blocks move to lower space while eight jobs write to them: all that was written is there, and nothing
# foreign. Suspends in between, places that cannot be written or read, a device that is slow.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"
need blkdiscard

# move BLOCK [zeros]: prints the answer; a suspend may come between, or somebody else who moves one
move()
{
	local answer

	while ! answer=$(dmsetup message a 0 move "$@" 2>"$STATE/move.err"); do
		grep -qE 'temporarily unavailable|resource busy' "$STATE/move.err" || return 1
		echo x >>"$STATE/again"
	done
	echo "$answer"
}
# expect PATTERN BLOCK [zeros]
expect()
{
	local pattern=$1 answer

	shift
	answer=$(move "$@")
	# shellcheck disable=SC2053 # it is a pattern
	[[ $answer == $pattern ]] || fail "move $*: $answer, not $pattern"
}
counted() { dmsetup message a 0 stats | awk -v name="$1" '$1 == name { print $2 }'; }
used_is() { [ "$(status a used)" = "$1" ]; }
present() { [ "$(status a allocated)" = "$1" ]; }
fill() { dd if=/dev/urandom of=/dev/mapper/a bs=2M seek="$1" count="$2" oflag=direct conv=notrunc status=none; }
# free BLOCK COUNT USED: until others may have the space
free()
{
	blkdiscard -o $(($1 * 2))M -l $(($2 * 2))M /dev/mapper/a
	dmsetup message a 0 commit
	wait_for 60 used_is "$3"
}

# Suspended and resumed all the time.
suspend_on()
{
	rm -f "$STATE/enough"
	while [ ! -e "$STATE/enough" ]; do
		dmsetup suspend a
		dmsetup resume a
	done &
	suspender=$!
}
suspend_off()
{
	touch "$STATE/enough"
	wait $suspender
}

insmod_vhdx
ram=$(foreign_disk 100)
"$vhdx" create --force --size 64M --block-size 2M "$ram"
sit_on "$ram"
map_image a /dev/mapper/back commit_interval 100
fill 16 16
writer 16 16
wait_for 120 present 32

note 'all of them, while they are written; then while it is suspended and resumed all the time'
high=$(status a used)
free 16 16 $((high - 32))
for ((block = 15; block >= 4; block--)); do
	expect 'moved * *' "$block"
done
suspend_on
for ((block = 3; block >= 0; block--)); do
	expect 'moved * *' "$block"
done
suspend_off
[ ! -e "$STATE/again" ] || note "$(wc -l <"$STATE/again") times one was given up, or not begun"
for ((block = 15; block >= 0; block--)); do
	expect 'stays *' "$block"
	expect 'absent' $((16 + block)) zeros
done
more_ops 20
dmsetup message a 0 commit
wait_for 60 used_is $((high - 32))
[ "$(counted blocks_moved)" = 16 ] || fail "$(counted blocks_moved) blocks have moved"
present 16
writer_done
no_errors
[ "$foreign" = 0 ] || fail "$foreign times something foreign was read"
holds /dev/mapper/a all
unmap a
"$vhdx" check /dev/mapper/back

note 'a sector bitmap, and blocks in parts, while their bits are set'
"$vhdx" create --size 64M --block-size 2M parent.vhdx
truncate -s +40M parent.vhdx
parent=$(loop_make parent.vhdx)
map_image p "$parent"
dd if=/dev/zero of=/dev/mapper/p bs=2M count=16 oflag=direct status=none
unmap p
loop_remove "$parent"
"$vhdx" create --force --parent parent.vhdx /dev/mapper/back
parent=$(loop_make parent.vhdx --read-only)
map a "0 $((64 * 2048)) vhdx /dev/mapper/back 4 commit_interval 100 parent $parent"
expect 'absent' bitmap 0
fill 16 4
# Of another disk.
rm "$STATE/journal"
writer 16 16
wait_for 120 present 20
high=$(status a used)
free 16 4 $((high - 8))
suspend_on
expect 'moved * *' bitmap 0
expect 'stays *' bitmap 0
for block in 15 14 13; do
	expect 'moved * *' "$block"
done
suspend_off
[ "$(counted bitmaps_moved)" = 1 ]
more_ops 20
dmsetup message a 0 commit
wait_for 60 used_is $((high - 8))
writer_done
no_errors
[ "$foreign" = 0 ] || fail "$foreign times something foreign was read"
holds /dev/mapper/a all
unmap a
map a "0 $((64 * 2048)) vhdx /dev/mapper/back 3 read_only parent $parent"
holds /dev/mapper/a all
unmap a
"$vhdx" check /dev/mapper/back

note 'places that cannot be written, or read'
"$vhdx" create --force --size 64M --block-size 2M /dev/mapper/back
map_image a /dev/mapper/back commit_interval 100
low=$(status a used)
fill 0 4
dd if=/dev/mapper/a of=was bs=2M count=4 iflag=direct status=none
free 0 2 $((low + 4))
bad $((low * 2048 + 2048)) $((low * 2048 + 2056))
expect_fail dmsetup message a 0 move 3
kmsg_has 'block 3 is not moved \(-5\): its new place cannot be written'
expect "moved $((low + 6)) $((low + 2))" 3
heal
bad $(((low + 4) * 2048 + 8)) $(((low + 4) * 2048 + 16))
# The place that was no good is not forgotten while it is mapped.
expect "stays $((low + 4))" 2
unmap a
map_image a /dev/mapper/back commit_interval 100
expect_fail dmsetup message a 0 move 2
kmsg_has 'block 2 is not moved \(-5\): it cannot be read'
[ "$(status a mode)" = rw ]
heal
expect "moved $((low + 4)) $low" 2
cmp <(tail -c 4M was) <(dd if=/dev/mapper/a bs=2M skip=2 count=2 iflag=direct status=none)

note 'zeros'
blkdiscard -o 4M -l 2M /dev/mapper/a
dd if=/dev/zero of=/dev/mapper/a bs=2M seek=3 count=1 oflag=direct conv=notrunc status=none
expect "zero $((low + 2))" 3 zeros
present 0
dmsetup message a 0 commit
wait_for 60 used_is "$low"

note 'a device that is slow: a suspend waits no longer than for a MiB'
unmap a
# The session stays open: what asks whether a block is being moved must not wait for the device.
map_image a /dev/mapper/back commit_interval 100 idle_close 0
fill 0 2
free 0 1 $((low + 2))
dd if=/dev/mapper/a of=was bs=2M skip=1 count=1 iflag=direct status=none
dmsetup load back --table "0 $back_sectors delay $back_dev 0 200"
dmsetup suspend --noflush --nolockfs back
move 1 >moved &
mover=$!
# One that is absent is soon done with, unless another one is being moved.
busy() { [[ $(dmsetup message a 0 move 31 2>&1) == *'resource busy'* ]]; }
wait_for 60 busy
dmsetup resume back
dd if=was of=/dev/mapper/a bs=4k skip=8 count=1 seek=520 oflag=direct conv=notrunc status=none &
dmsetup suspend a
dmsetup resume a
wait $mover
wait
heal
[ "$(cat moved)" = "moved $((low + 2)) $low" ] || fail "$(cat moved)"
cmp was <(dd if=/dev/mapper/a bs=2M skip=1 count=1 iflag=direct status=none)
unmap a
"$vhdx" check /dev/mapper/back

note 'what is not moved'
map_image a /dev/mapper/back
expect 'absent' bitmap 0
unmap a
map_image a /dev/mapper/back no_discard
expect_fail dmsetup message a 0 move 1
kmsg_has 'no space is freed under a table with no_discard'
expect_fail dmsetup message a 0 move 32
expect_fail dmsetup message a 0 move one
expect_fail dmsetup message a 0 move bitmap
expect_fail dmsetup message a 0 move bitmap 1
unmap a
map_image a /dev/mapper/back read_only
expect_fail dmsetup message a 0 move 1
unmap a
unmap back
