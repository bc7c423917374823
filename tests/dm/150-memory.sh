# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: only
# timeout: 900
#
# Memory that cannot be had: each allocation of a table load, a resume with replay, and a suspend
# fails in its turn; then one in ten of those that the worker, the commit and the writers make.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

debugfs=/sys/kernel/debug
for what in failslab fail_page_alloc; do
	[ -d $debugfs/$what ] || skip "the kernel has no $what"
	echo 0 >$debugfs/$what/verbose
	echo 0 >$debugfs/$what/probability
	echo N >$debugfs/$what/ignore-gfp-wait
done
echo 0 >$debugfs/fail_page_alloc/min-order

insmod_vhdx
# dm core makes a slab for the bios of a kind of target, and the slab allocator prints a stack if it
# cannot. With another mapping around there is one already.
"$vhdx" create --size 8M --block-size 1M other.vhdx
map_image other "$(loop_make other.vhdx)" read_only
ram=$(foreign_disk 100)
"$vhdx" create --force --size 80M --block-size 1M "$ram"
size=$(image_sectors "$ram")
sit_on "$ram"
nth=$VHDX_TOP/build/nth-fault

# A dirty image, for the replay.
map_image a /dev/mapper/back
writer 0 10
more_ops 200
writer_done
no_errors
flaky error_writes
unmap a
heal
dd if=/dev/mapper/back of=dirty bs=1M count=4 iflag=direct status=none
"$vhdx" info --json /dev/mapper/back | grep -q '"log_state":"dirty"' || fail 'the log is not dirty'
restore() { dd if=dirty of=/dev/mapper/back bs=1M oflag=direct conv=notrunc status=none; }

# Sets $left and $result.
left='' result=''
try()
{
	read -r left result < <("$nth" "$@")
	[ "$left" = 0 ] || [ "$result" = ok ] || fail "no fault, but \"$result\": $*"
	case $result in
	ok | 'Cannot allocate memory') ;;
	# What the kernel makes of a path that it has no memory to look up.
	'No such device'*) ;;
	*) fail "\"$result\" for a lack of memory: $*" ;;
	esac
}

# Not when it is resumed, as the one who does that here is not dmsetup.
dmsetup create a --notable --addnodeoncreate
at_exit unmap a

# Which of the allocations fail: the first and the last ones, and some of the hundreds between,
# which are those of the reserve and of the log.
which() { seq 1 8; seq 40 149 $(($1 - 24)); seq $(($1 > 32 ? $1 - 24 : 9)) $(($1 + 1)); }

try 100000 load a "$size" vhdx /dev/mapper/back
dmsetup clear a
count=$((100000 - left))
note "load: $count allocations"
[ $count -gt 500 ] || fail 'so few?'
for n in $(which $count); do
	try "$n" load a "$size" vhdx /dev/mapper/back
	[ "$result" != ok ] || dmsetup clear a
done

# A replay; and when a table is loaded over a live one, the first allocations of loading the image.
dmsetup load a --table "0 $size vhdx /dev/mapper/back"
try 100000 resume a
[ "$(status a mode)" = rw ]
count=$((100000 - left))
note "resume with replay: $count allocations"
for n in $(which $count); do
	dmsetup suspend a
	restore
	dmsetup load a --table "0 $size vhdx /dev/mapper/back"
	try "$n" resume a
	if [ "$result" != ok ]; then
		[[ $(dmsetup status a) == *' vhdx fail'* ]] || fail "$(dmsetup status a)"
		# As good as new when there is memory.
		dmsetup resume a
	fi
	[ "$(status a mode)" = rw ]
done
holds /dev/mapper/a

mib=10
dd if=/dev/mapper/a of=one bs=4k count=1 iflag=direct status=none
for ((n = 1; ; n++)); do
	dd if=one of=/dev/mapper/a bs=4k count=1 oflag=direct status=none
	try $n suspend a
	[ "$result" = ok ] || fail "a suspend fails: $result"
	mode=$(status a mode)
	[ "$mode" = rw ] || { [ "$mode" = ro ] && kmsg_has 'the session cannot be closed'; } || fail "the mode is $mode"
	dmsetup resume a
	[ "$(status a mode)" = rw ]
	[ "$left" = 0 ] || break
done
note "suspend: $n allocations"
holds /dev/mapper/a

# Kernel threads, and the writers.
for what in failslab fail_page_alloc; do
	echo Y >$debugfs/$what/task-filter
	echo -1 >$debugfs/$what/times
done
probability()
{
	local what

	for what in failslab fail_page_alloc; do echo "$1" >$debugfs/$what/probability; done
}
at_exit probability 0
mark_workers()
{
	local comm dir

	for dir in /proc/[0-9]*; do
		read -r comm 2>/dev/null <"$dir/comm" || continue
		[[ $comm != kworker* ]] || echo "$1" >"$dir/make-it-fail" 2>/dev/null || true
	done
}
for _ in 1 2 3; do
	writer $mib 10
	for task in /proc/"$writer_pid"/task/*; do
		echo 1 >"$task/make-it-fail"
	done
	mark_workers 1
	probability 10
	more_ops 500
	writer_on
	more_ops 500
	probability 0
	mark_workers 0
	mode=$(status a mode)
	note "$(dmsetup status a)"
	[ "$mode" = rw ] || recover a
	writer_done
	[ "$(errors)" -gt 0 ] || note 'nobody has noticed'
	holds /dev/mapper/a
	mib=$((mib + 20))
done
unmap a
unmap back
"$vhdx" check "$ram"
