# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
# debug: no, KASAN keeps memory that was freed, and is slow to fill a log
#
# A log whose changes, with the BAT, do not fit into the memory: the table is refused, and no process is
# killed to make room for it.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 750 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
"$vhdx" create --size 64T --block-size 1M --log-size 128M a.vhdx
"$VHDX_TOP/build/bench/fill-log" a.vhdx
dev=$(backing a.vhdx)
size=$((64 << 31))

# Memory that nothing but its owner gives back: there is no swap.
free_mib() { sed -nE 's/^MemAvailable: +([0-9]+) kB/\1/p' /proc/meminfo | awk '{ print int($1 / 1024) }'; }
mkdir hog
mount -t tmpfs -o size=100% hog hog
at_exit umount hog
take_memory()
{
	local left take

	# What is available changes by itself: it is read once for each decision. Not too much is taken, or
	# the kernel is busy for minutes with giving up its caches and reading them again.
	for left in 600 400 250 220 210 210; do
		take=$(($(free_mib) - left))
		[ $take -le 0 ] || fallocate -l ${take}M "$(mktemp hog/XXXXXX)"
	done
	note "$(free_mib) MiB are left"
	[ "$(free_mib)" -lt 240 ] || fail 'the memory cannot be taken away'
}

before=$(grep '^oom_kill ' /proc/vmstat)
for option in '' ' 1 read_only'; do
	# Looking for it makes the kernel give up caches, more of them than it said were available.
	take_memory
	expect_fail -k 'memory' dmsetup create a --table "0 $size vhdx $dev$option"
done
[ "$(grep '^oom_kill ' /proc/vmstat)" = "$before" ] || fail 'a process was killed for the log'
rm hog/*

map a "0 $size vhdx $dev"
unmap a
