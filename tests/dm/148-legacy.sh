# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# debug: long
# timeout: 600
#
# A suspend that cannot commit loses writes that were acknowledged. Whatever comes between, the next
# table that is resumed has to say so, once, and must not take the space of the lost blocks for zeros.
# Another mapped device has nothing to do with it.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
ram=$(brd_make 24)
other=$(brd_make 24)
"$vhdx" create --force --size 40M --block-size 1M "$other"
size=$(image_sectors "$other")
line="0 $size vhdx /dev/mapper/back 6 commit_interval 3600000 idle_close 0 zeroed_from $((8 * 2048))"
head -c 1M /dev/zero | tr '\0' L >lost
head -c 4096 /dev/zero | tr '\0' w >pattern
{ head -c 12288 /dev/zero; cat pattern; head -c $((1048576 - 16384)) /dev/zero; } >block

says_lost() { expect_fail -m 'Input/output error' sync /dev/mapper/a; sync /dev/mapper/a; }

# A table with acknowledged writes, of which none will be durable; the device is well again afterwards.
lose()
{
	"$vhdx" create --force --size 40M --block-size 1M "$ram"
	dd if=/dev/zero of="$ram" bs=1M seek=5 oflag=direct status=none 2>/dev/null || true
	sit_on "$ram"
	map a "$line"
	dd if=lost of=/dev/mapper/a bs=1M count=1 seek=5 oflag=direct status=none
	dd if=lost of=/dev/mapper/a bs=1M count=1 seek=6 oflag=direct status=none
	[ "$(status a dirty)" = 2 ]
	[ -z "${1-}" ] || dmsetup load a --table "$1"
	bad 0 $((2 * 2048))
	dmsetup suspend ${noflush:+--noflush} a
	[ "$(status a mode)" = ro ]
	heal
}

# The right table has its turn at last. $1: "told" if somebody has heard of it
right()
{
	dmsetup load a --table "$line"
	dmsetup resume a
	[ "$(status a mode)" = rw ]
	if [ "${1-}" = told ]; then sync /dev/mapper/a; else says_lost; fi
	dd if=pattern of=/dev/mapper/a bs=4k count=1 seek=$((9 * 256 + 3)) oflag=direct status=none
	cmp block <(dd if=/dev/mapper/a bs=1M count=1 skip=9 iflag=direct status=none) ||
		fail 'what was lost is seen in another block'
	cmp <(head -c 1M /dev/zero) <(dd if=/dev/mapper/a bs=1M count=1 skip=5 iflag=direct status=none)
	unmap a
	unmap back
	"$vhdx" check "$ram"
}

for noflush in '' yes; do
	# Nothing between.
	lose "$line"
	right

	# The resume of one of a wrong length, loaded when nobody could tell.
	lose "0 $((size + 8)) vhdx /dev/mapper/back"
	expect_fail -k 'cannot resume' dmsetup resume a
	right

	# A read-only one, and one after that.
	lose "0 $size vhdx /dev/mapper/back 1 read_only"
	dmsetup resume a
	dmsetup load a --table "0 $size vhdx /dev/mapper/back 1 read_only"
	dmsetup resume a
	right
done
noflush=''

# The replay fails, and once more; reading fails.
lose "$line"
bad 0 8
expect_fail -k 'cannot resume' dmsetup resume a
expect_fail -k 'cannot resume' dmsetup resume a
heal
bad $((3 * 2048)) $((4 * 2048))
expect_fail -k 'cannot resume' dmsetup resume a
heal
right

# Another target, cleared tables, another device; and back again. Whoever has the disk open has lost
# writes, whatever it lies on by now, but the space is that of the first device.
lose "0 $size zero"
dmsetup resume a
dmsetup load a --table "$line"
dmsetup clear a
dmsetup load a --table "0 $size vhdx $other"
dmsetup resume a
says_lost
dd if=pattern of=/dev/mapper/a bs=4k count=1 oflag=direct status=none
sync /dev/mapper/a
right told

# A read-only one says it as well, and then it has been said.
lose "0 $size vhdx /dev/mapper/back 1 read_only"
dmsetup resume a
says_lost
dmsetup load a --table "$line"
dmsetup resume a
sync /dev/mapper/a
unmap a
unmap back

# Removed, whatever its last table was: a new mapping of that name knows nothing of it.
for last in "$line" "0 $size zero" "0 $((size + 8)) vhdx /dev/mapper/back"; do
	lose "$last"
	dmsetup resume a || true
	unmap a
	map a "0 $size vhdx /dev/mapper/back"
	sync /dev/mapper/a
	unmap a
	unmap back
done
lose
unmap a
map a "0 $size vhdx /dev/mapper/back"
sync /dev/mapper/a
unmap a
unmap back

# The module goes and nobody has been told: it says so itself.
lose "0 $size zero"
dmsetup resume a
point=$(kmsg_point)
rmmod dm_vhdx
grep -q 'acknowledged writes are lost, and no flush will say so' <<<"$(kmsg_since "$point")" ||
	fail 'the module goes in silence'
insmod_vhdx
dmsetup load a --table "0 $size vhdx /dev/mapper/back"
dmsetup resume a
sync /dev/mapper/a
unmap a
# ... but not of a mapped device that is gone.
point=$(kmsg_point)
unmap back
lose "0 $size zero"
dmsetup resume a
unmap a
rmmod dm_vhdx
if grep -q 'no flush will say so' <<<"$(kmsg_since "$point")"; then fail 'it speaks of a device that is gone'; fi
unmap back
