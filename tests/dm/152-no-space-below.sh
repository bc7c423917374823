# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
# smp: 2
# debug: long
# timeout: 900
#
# The file system below a sparse image runs full: what needs space waits and is done again, in blocks
# that are published and in exposed ones, in payload, log and headers; nothing is lost, the mode stays
# rw, and only time, error_if_no_space or a suspend make an error of it.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

scratch_fs 120
insmod_vhdx
events() { dmsetup info -c --noheadings -o events a; }

# $1: reserved, or holes where log and tables are; then the options
start()
{
	local how=$1

	shift
	rm -f a.vhdx
	"$vhdx" create --size 200M --block-size 1M a.vhdx
	# As "cp --sparse" leaves it.
	if [ "$how" = reserved ]; then fallocate -l 5M a.vhdx; else fallocate --dig-holes a.vhdx; fi
	dev=$(backing a.vhdx 220)
	map_image a "$dev" "$@"
}

stop()
{
	unmap a
	loop_remove "$dev"
	"$vhdx" check a.vhdx
}

# Not on the file system that runs full.
stamp "$STATE/data" 0 8192 waits

# Waiting, then all is well: space known to be zero, and exposed space.
for options in "zeroed_from $((6 * 2048))" ''; do
	for how in reserved holes; do
		note "$how $options"
		# shellcheck disable=SC2086 # words
		start $how commit_interval 100 $options
		[ $how = holes ] || stamp /dev/mapper/a 0 64 first
		sync /dev/mapper/a
		before=$(events)
		point=$(kmsg_point)
		fill_host
		dd if="$STATE/data" of=/dev/mapper/a bs=64k seek=16 oflag=direct conv=fsync status=none 2>"$STATE/dd.out" &
		dd=$!
		told() { grep -q 'has no space for what is written.*writes wait' <<<"$(kmsg_since "$point")"; }
		wait_for 60 told
		sleep 2
		kill -0 $dd || fail "it did not wait: $(cat "$STATE/dd.out")"
		[ "$(status a mode)" = rw ] || fail "mode $(status a mode)"
		[ "$(events)" -gt "$before" ] || fail 'no event'
		# Others go on.
		[ $how = holes ] || stamp /dev/mapper/a 0 64 again
		free_host
		wait $dd || fail "the write has failed: $(cat "$STATE/dd.out")"
		cmp <(dd if=/dev/mapper/a bs=64k skip=16 count=64 iflag=direct status=none) "$STATE/data"
		[ "$(status a mode)" = rw ] || fail "mode $(status a mode)"
		stop
	done
done

# With error_if_no_space it fails at once, and works as soon as there is some.
start reserved error_if_no_space zeroed_from $((6 * 2048))
stamp /dev/mapper/a 0 64 first
sync /dev/mapper/a
fill_host
expect_fail -m 'No space left' dd if="$STATE/data" of=/dev/mapper/a bs=64k seek=400 oflag=direct status=none
[ "$(status a mode)" = rw ]
sync /dev/mapper/a
free_host
dd if="$STATE/data" of=/dev/mapper/a bs=64k seek=400 oflag=direct conv=fsync status=none
cmp <(dd if=/dev/mapper/a bs=64k skip=400 count=64 iflag=direct status=none) "$STATE/data"
stop

# A suspend does not wait for metadata; what it leaves is told and can be replayed.
start holes commit_interval 3600000 idle_close 0 zeroed_from $((6 * 2048))
stamp /dev/mapper/a 0 64 safe
sync /dev/mapper/a
# What the log will need next is a hole, and nothing is held in reserve for it.
fallocate --punch-hole --keep-size -o $((1048576 + 12288)) -l $((1048576 - 12288)) a.vhdx
fill_host
stamp /dev/mapper/a 0 8 over 2>/dev/null || true
dmsetup suspend --nolockfs a
[ "$(status a mode)" = ro ] || fail "mode $(status a mode): nobody says that the log stays dirty"
kmsg_has 'the log stays dirty'
free_host
dmsetup resume a
[ "$(status a mode)" = rw ]
dd if=/dev/mapper/a bs=512 skip=8 count=1 iflag=direct status=none | grep -q 'safe 8'
stop

# Under load, again and again.
start holes commit_interval 100 zeroed_from $((6 * 2048))
writer 0 12
for _ in 1 2 3; do
	point=$(kmsg_point)
	fill_host
	writer_on
	told() { grep -q 'has no space for what is written' <<<"$(kmsg_since "$point")"; }
	wait_for 300 told
	free_host
	more_ops 200
done
writer_done
# An overwrite in a hole gets the error itself.
[ "$(errors)" = "$space_errors" ] || fail 'other errors than ENOSPC'
[ $flush_errors = 0 ] || fail 'a flush has failed'
[ "$(status a mode)" = rw ]
holds /dev/mapper/a
stop
