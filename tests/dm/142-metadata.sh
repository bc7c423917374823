# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# debug: long
# timeout: 900
#
# Each part of the metadata fails while a session ends, and while a dirty log is replayed: the suspend
# leaves what was flushed in the log, the resume fails with a sentence
# until the device is well, and then all is there.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
ram=$(foreign_disk 140)
"$vhdx" create --force --size 130M --block-size 1M "$ram"
"$vhdx" info --json "$ram" | grep -q '"log_offset":1048576' || fail 'create has another layout'
size=$(image_sectors "$ram")
sit_on "$ram"
map_image a /dev/mapper/back
mib=0
readonly STEP=2

both_headers() { bad 128 512; }
second_header() { bad 256 512; }
log() { bad 2048 4096; }
bat() { bad 6144 8192; }
all() { bad 0 "$back_sectors"; }
writes() { flaky error_writes; }

dirty=0 failed=0 round=0
parts=(both_headers second_header log bat all writes)
for close in "${parts[@]}"; do
	for other in 0 1 3; do
		open=${parts[(round + other) % ${#parts[@]}]}
		# Everything the writer leaves is flushed.
		writer $mib $STEP
		more_ops 100
		writer_done
		no_errors
		[ $mib -ge 125 ] || mib=$((mib + STEP))
		$close
		dmsetup suspend a
		mode=$(status a mode)
		if [ "$mode" = ro ]; then
			dirty=$((dirty + 1))
			kmsg_has 'the session cannot be closed, the log stays dirty' || fail 'nobody was told'
		else
			# No new block, nothing to apply: only the headers and the log are written then.
			[ "$close" = bat ] || fail "suspended with $close bad, but the mode is $mode"
		fi
		$open
		point=$(kmsg_point)
		if dmsetup resume a; then
			[ "$(status a mode)" = rw ]
		else
			failed=$((failed + 1))
			grep -q 'cannot resume: ' <<<"$(kmsg_since "$point")" || fail 'it fails without a reason'
			[[ $(dmsetup status a) == *' vhdx fail'* ]] || fail "it failed: $(dmsetup status a)"
			[ "$(dmsetup info -c --noheadings -o suspended a)" = Suspended ]
		fi
		heal
		dmsetup resume a
		[ "$(status a mode)" = rw ] || fail "after $close, $open: $(dmsetup status a)"
	done
	round=$((round + 1))
	holds /dev/mapper/a
done
note "$dirty suspends left the log dirty, $failed resumes failed"
[ $dirty -ge 15 ] || fail 'too few'
[ $failed -ge 10 ] || fail 'too few'

# Removed while the device fails: the log is left, and a table is refused as long as it does.
writer $mib $STEP
more_ops 100
writer_done
writes
unmap a
heal
for part in both_headers log bat all; do
	$part
	point=$(kmsg_point)
	expect_fail -k 'cannot be read|cannot resume' dmsetup create a --table "0 $size vhdx /dev/mapper/back"
	expect_fail dmsetup info a
	note "$part: $(kmsg_since "$point" | grep -o 'vhdx:.*' | tail -n 1)"
done
# Only read, it needs no more than reads.
writes
map_image a /dev/mapper/back read_only
holds /dev/mapper/a
unmap a
heal
map_image a /dev/mapper/back
holds /dev/mapper/a
unmap a
unmap back
"$vhdx" check "$ram"
