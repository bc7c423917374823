# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# smp: 2
# debug: long
# timeout: 900
#
# A flush of the backing device fails just once, and what was in its cache is gone: who asked for it
# hears of it, and nothing that an earlier or a later one has made durable is lost. When a session
# opens, under load, at suspend, and when a log is replayed.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
mib=0
readonly STEP=4

lossy_image()
{
	lossy_make 150 "$@"
	"$vhdx" create --force --size 130M --block-size 1M $lossy_dev
	map_image a $lossy_dev commit_interval 100
	size=$(image_sectors $lossy_dev)
}

# Under load, the cache lost or kept. Whose flush it was does not matter.
under_load() # HOW SKIP
{
	local before

	writer $mib $STEP
	more_ops 100
	before=$(lossy_failures)
	lossy skip "$2"
	lossy "$1" 1
	writer_on
	failed() { [ "$(lossy_failures)" -gt "$before" ]; }
	wait_for 300 failed
	wait_for 300 mode_is a ro
	# Nothing can be promised now.
	expect_fail sync /dev/mapper/a
	expect_fail sync /dev/mapper/a
	more_errors 10
	note "$1 after $2: $(kmsg | grep -o 'nbd0: .*mode changes' | tail -n 1)"
	recover a
	more_ops 300
	writer_done
	mib=$((mib + 2 * STEP))
	[ $((flush_errors + write_errors)) -gt 0 ] || fail 'nobody has heard of it'
	holds /dev/mapper/a
}

# FUA writes end with a flush of the block layer's here, which nobody can see but by their errors.
lossy_image nofua
for skip in 0 3; do
	under_load flush-loses $skip
done
unmap a
lossy_remove lossy.control
rm "$STATE/journal"
mib=0

lossy_image
for how in flush-loses flush-fails; do
	for skip in 0 5; do
		under_load $how $skip
	done
done

# Writes that had completed may be gone with a flush that was not the guest's own: its next one says so.
lost_is_told()
{
	expect_fail sync /dev/mapper/a
	sync /dev/mapper/a
}

flush_fails() { lossy skip "$1"; lossy flush-loses 1; }

# The same image for all that follows: nothing is left of it but what was flushed.
unmap a
"$vhdx" check $lossy_dev
map_image a $lossy_dev
holds /dev/mapper/a
writer $mib $STEP
more_ops 300
writer_done
no_errors

# A suspend does some flushes, and any of them may fail.
for skip in 0 1 2 3 4 5 6 7; do
	writer $mib $STEP
	more_ops 100
	writer_done
	no_errors
	before=$(lossy_failures)
	flush_fails $skip
	dmsetup suspend a
	mode=$(status a mode)
	if [ "$(lossy_failures)" = "$before" ]; then
		[ "$mode" = rw ]
		lossy flush-loses 0
		dmsetup resume a
		[ $skip -gt 2 ] || fail 'a suspend that flushes less than three times'
		break
	fi
	note "at suspend, after $skip: $mode"
	[ "$mode" = ro ] || fail 'nobody says that the session was not closed'
	kmsg_has 'the session cannot be closed, the log stays dirty'
	# So does the replay; once is enough to try that.
	[ $skip = 1 ] || { recover a; lost_is_told; continue; }
	for again in 0 1 2 3 4 5 6 7; do
		before=$(lossy_failures)
		flush_fails $again
		if dmsetup resume a; then
			[ "$(lossy_failures)" = "$before" ] || fail 'a flush has failed in vain'
			lossy flush-loses 0
			break
		fi
		[ "$(status a mode)" = fail ] || fail "the mode is $(status a mode)"
		note "at resume, after $again: $(status a mode)"
	done
	[ "$(status a mode)" = rw ]
	[ "$again" -gt 2 ] || fail 'a replay that flushes less than three times'
	lost_is_told
	holds /dev/mapper/a
done
holds /dev/mapper/a

# The first write opens the session.
for skip in 0 1 2 3; do
	recover a
	before=$(lossy_failures)
	flush_fails $skip
	if dd if=/dev/mapper/a of=one bs=4k count=1 iflag=direct status=none &&
	   dd if=one of=/dev/mapper/a bs=4k oflag=direct status=none; then
		[ "$(lossy_failures)" = "$before" ] || fail 'a flush has failed in vain'
		[ $skip -gt 1 ] || fail 'a session that opens without flushes'
		lossy flush-loses 0
		break
	fi
	note "at the first write, after $skip: $(status a mode)"
	[ "$(status a mode)" = ro ]
	kmsg_has 'the session cannot be opened'
	recover a
	holds /dev/mapper/a
done
unmap a
"$vhdx" check $lossy_dev
map a "0 $size vhdx $lossy_dev 1 read_only"
holds /dev/mapper/a
unmap a
