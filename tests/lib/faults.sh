# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of faults under load share; they source it after tests/lib/vhdx.sh.
#
#   foreign_disk MIB             a RAM disk full of somebody else's data
#   sit_on DEV                   /dev/mapper/back, all of DEV; $back_dev and $back_sectors say so
#   bad FROM TO                  its sectors FROM to TO-1 give errors from now on
#   flaky FEATURE...             all of it is dm-flakey's, which is "down"
#   heal                         it is DEV again
#   writer FROM STEP [DEV]       eight jobs write stamps, half of them to the STEP MiB from FROM on
#   writer_on                    ... which are the next STEP MiB from now on
#   more_ops N, more_errors N    waits until there were so many more of them
#   writer_done                  ends it; sets writes, write_errors, flushes, flush_errors...
#   holds DEV [all]              what has to be there is there, and nothing foreign
#   recover NAME                 suspend and resume, after which the mode is rw
#   mode_is NAME MODE
#   fill_host, free_host         the file system here has no space left, or what it had
#
# The journal of the stamps is the file $STATE/journal, where no test fills the file system.

stamper=$VHDX_TOP/build/stamper

fill_host()
{
	fallocate -l "$(df --output=avail -B1 . | tail -n 1)" ballast || true
	dd if=/dev/zero of=ballast2 bs=1M oflag=direct status=none 2>/dev/null || true
	dd if=/dev/zero of=ballast3 bs=4k oflag=direct status=none 2>/dev/null || true
}
free_host() { rm -f ballast ballast2 ballast3; }

foreign_disk()
{
	local dev

	dev=$(brd_make "$1")
	"$stamper" foreign "$dev"
	echo "$dev"
}

back_dev='' back_sectors=0
sit_on()
{
	back_dev=$1
	back_sectors=$(sectors "$1")
	map back "0 $back_sectors linear $1 0"
}

heal() { remap back "0 $back_sectors linear $back_dev 0"; }

bad()
{
	local table=''

	[ "$1" = 0 ] || table="0 $1 linear $back_dev 0"$'\n'
	table+="$1 $(($2 - $1)) error"
	[ "$2" = "$back_sectors" ] || table+=$'\n'"$2 $((back_sectors - $2)) linear $back_dev $2"
	remap back "$table"
}

flaky() { remap back "0 $back_sectors flakey $back_dev 0 0 1000 $# $*"; }

writer_pid=''
writer()
{
	: >"$STATE/journal.now"
	# Nice, so that who is to disturb it gets a turn.
	nice -n 19 "$stamper" write "${3:-/dev/mapper/a}" "$STATE/journal" "$1" "$2" >"$STATE/writer.out" 2>&1 &
	writer_pid=$!
	more_ops 8
}

writer_on() { kill -USR1 "$writer_pid"; }

now_ops=0 now_errors=0
read_now()
{
	kill -0 "$writer_pid" || fail "the writer is gone: $(cat "$STATE/writer.out")"
	read -r now_ops now_errors <"$STATE/journal.now" || true
	: "${now_ops:=0}" "${now_errors:=0}"
}
ops_reach() { read_now; [ "$now_ops" -ge "$1" ]; }
errors_reach() { read_now; [ "$now_errors" -ge "$1" ]; }
# Minutes, as these are for hangs.
more_ops() { read_now; wait_for 300 ops_reach $((now_ops + $1)); }
more_errors() { read_now; wait_for 300 errors_reach $((now_errors + $1)); }

# shellcheck disable=SC2034 # some tests look at one, some at another
writes=0 write_errors=0 flushes=0 flush_errors=0 reads=0 read_errors=0 space_errors=0 foreign=0 longest_ms=0
writer_done()
{
	local status=0 word

	kill -TERM "$writer_pid"
	wait "$writer_pid" || status=$?
	cat "$STATE/writer.out"
	[ $status = 0 ] || fail "the writer ended with status $status"
	for word in $(tail -n 1 "$STATE/writer.out"); do
		printf -v "${word%%=*}" %s "${word#*=}"
	done
}

errors() { echo $((write_errors + flush_errors + read_errors)); }

no_errors() { [ "$(errors)" = 0 ] || fail "$(errors) errors"; }

holds() { "$stamper" verify "$1" "$STATE/journal" "${@:2}" || fail "$1 does not hold what it should"; }

recover()
{
	dmsetup suspend "$1"
	dmsetup resume "$1"
	[ "$(status "$1" mode)" = rw ] || fail "suspend and resume do not bring it back: $(dmsetup status "$1")"
}

mode_is() { [ "$(status "$1" mode)" = "$2" ]; }

# A disk with a volatile cache that fails when told to; tests/lib/lossy-disk.c.
#   lossy_make MIB [nofua]       prints nothing; it is $lossy_dev
#   lossy_remove CONTROL         ends it; CONTROL is lossy.control
#   lossy COMMAND                see there
lossy_dev=''
lossy_make()
{
	[ -d /sys/module/nbd ] || modprobe nbd nbds_max=1 max_part=0
	lossy_dev=/dev/nbd0
	mkfifo lossy.control
	"$VHDX_TOP/build/lossy-disk" $lossy_dev "$1" lossy.control "${@:2}" >lossy.out 2>&1 &
	at_exit lossy_remove "$PWD/lossy.control"
	wait_for 60 test -e /sys/block/nbd0/pid
	# The block layer asks a disk only once.
	[ "$(cat /sys/block/nbd0/queue/write_cache)" = 'write back' ] || fail "$lossy_dev has no volatile cache"
}

lossy_gone() { [ ! -e /sys/block/nbd0/pid ]; }
lossy_remove()
{
	local control=$1

	[ -p "$control" ] || return 0
	echo quit >"$control"
	wait_for 60 lossy_gone
	rm "$control"
}

lossy_answers() { grep -c '^ok' lossy.out || true; }
lossy_answered() { [ "$(lossy_answers)" -gt "$1" ]; }
lossy()
{
	local before

	before=$(lossy_answers)
	echo "$*" >lossy.control
	wait_for 60 lossy_answered "$before"
}
lossy_failures() { grep -c '^a flush fails' lossy.out || true; }
