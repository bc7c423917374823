# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
# smp: 2
# debug: long
# timeout: 900
#
# Parts of the backing device fail for a while, under eight jobs that write and allocate: errors
# reach who is to hear them, the mode is the right one, and what was flushed is there afterwards.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
ram=$(foreign_disk 220)
"$vhdx" create --force --size 200M --block-size 1M "$ram"
sit_on "$ram"
map_image a /dev/mapper/back commit_interval 100
meta=$(($(status a used) * 2048))
mib=0
readonly STEP=5

# $1: the mode that it leads to, or "any"; then what is to break
window()
{
	local mode point

	writer $mib $STEP
	more_ops 100
	mib=$((mib + 3 * STEP))
	point=$(kmsg_point)
	"${@:2}"
	writer_on
	# Who only flushes and rewrites, meets no error where only metadata is bad.
	[ "$1" != ro ] || wait_for 300 mode_is a ro
	more_errors 20
	heal
	mode=$(status a mode)
	note "${*:2}: $mode"
	# The log says what the mode says.
	if [ "$mode" = ro ]; then
		grep -q 'mode changes from rw to ro' <<<"$(kmsg_since "$point")" || fail 'nobody was told'
		expect_fail dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 seek=5 oflag=direct
		# There are blocks that cannot be made durable.
		[ "$1" != ro ] || expect_fail sync /dev/mapper/a
		recover a
	else
		[ "$mode" = rw ]
		! grep -q 'mode changes' <<<"$(kmsg_since "$point")" || fail 'the log has another mode'
	fi
	[ "$1" = any ] || [ "$1" = "$mode" ] || fail "\"${*:2}\" leads to $mode"
	writer_on
	more_ops 500
	writer_done
	[ "$(errors)" -gt 0 ] || fail "\"${*:2}\" was not noticed"
	holds /dev/mapper/a
}

window rw bad "$meta" "$back_sectors"	# payload
window ro bad 0 "$meta"			# headers, log, tables
window ro bad 2048 4096			# log
window any bad 0 "$back_sectors"
window any flaky error_writes
window any flaky

# The last window was closed a while ago: a session that ends is clean.
unmap a
unmap back
"$vhdx" check "$ram"
map_image a "$ram" read_only
holds /dev/mapper/a
unmap a

# Space known to be zero: blocks are published before their data is written.
dd if=/dev/zero of="$ram" bs=1M oflag=direct status=none 2>/dev/null || true
"$vhdx" create --force --size 200M --block-size 1M "$ram"
sit_on "$ram"
rm "$STATE/journal"
map_image a /dev/mapper/back commit_interval 100 zeroed_from "$meta"
mib=0
window any bad "$meta" "$back_sectors"
window ro bad 0 "$meta"
unmap a

# A device that says it has written what it has not, is beyond help: nothing can be asked of what is
# there but that it does no harm.
map_image a /dev/mapper/back commit_interval 100
writer $mib $STEP
more_ops 100
flaky drop_writes
writer_on
more_ops 500
heal
kill "$writer_pid"
wait "$writer_pid" || true
unmap a
dmsetup create b --table "0 $((200 * 2048)) vhdx /dev/mapper/back" && dmsetup remove b
unmap back
