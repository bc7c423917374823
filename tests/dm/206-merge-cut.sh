# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
# debug: long
#
# "vhdx merge" and "vhdx snapshot" of a disk in use, under a writer, and then the power goes: what
# dm-log-writes has seen below the file system is put together again as it may have been at any time. The
# disk is found by one of its names, has all that was reported as durable, and a merge of the files ends it.
# Control: the leaf is deleted too early. VHDX_SEED=N repeats the choices of a run
# that printed N, VHDX_STATES=N has so many states of each.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

insmod_vhdx
modprobe dm_log_writes
py=$VHDX_TOP/tests/dm/206-merge-cut.py
states=${VHDX_STATES:-3}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
readonly MIB=56
fs=$(brd_make $MIB) log=$(brd_make $MIB) state=$(brd_make $MIB)
mkdir mnt look

# A file system whose journal is short, and in it a disk of 16 MiB with a leaf that has 7 MiB more.
dd if=/dev/urandom of=some bs=1M count=8 status=none
mke2fs -q -F -t ext4 -b 4096 -J size=4 -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "$fs"
mount "$fs" mnt
clean() # DIRECTORY
{
	local dir

	"$vhdx" detach --all
	for dir in "$1/look" "$1/mnt"; do
		! mountpoint -q "$dir" || umount "$dir"
	done
	unmap lw
}
at_exit clean "$PWD"
"$vhdx" create --size 16M --block-size 1M mnt/base.vhdx
"$vhdx" attach --no-partitions mnt/base.vhdx vm >out
dd if=some of=/dev/mapper/vm bs=1M count=5 seek=1 oflag=direct status=none
"$vhdx" snapshot --no-keep-name vm mnt/leaf.vhdx >out
dd if=some of=/dev/mapper/vm bs=512k count=7 skip=2 seek=7 oflag=direct status=none
dd if=some of=/dev/mapper/vm bs=4k count=100 seek=333 oflag=direct status=none
"$vhdx" detach vm
umount mnt
cp --sparse=always "$fs" start

# What is done with the files of a state: the disk is what has the leaf's name, if it is a leaf; or else
# what it was merged into.
cat >judge <<-EOS
	#!/bin/bash
	set -u
	exec >judged 2>&1
	export PATH=\$PATH:/sbin:/usr/sbin
	blockdev --flushbufs $state
	mount $state look || exit 1
	shows()
	{
		"$vhdx" attach --read-only --no-partitions look/\$1 cut || return 1
		dd if=/dev/mapper/cut of=cut.raw bs=1M iflag=direct status=none
		"$vhdx" detach cut
		python3 $py verify cut.raw $seed old.raw \$ACKED || { echo "\$1 is another disk"; umount look; exit 1; }
	}
	judge()
	{
		ls -l look
		if [ -e look/leaf.vhdx ] && shows leaf.vhdx; then
			"$vhdx" replay --quiet look/leaf.vhdx
			"$vhdx" check --chain --quiet look/leaf.vhdx || return 1
			[ \$((NUMBER % 3)) = 0 ] && [ -e look/base.vhdx ] || return 0
			"$vhdx" merge --into look/base.vhdx look/leaf.vhdx || return 1
		elif [ -e look/leaf.vhdx ]; then
			# Who has written to the parent since is the disk.
			grep -qE 'has changed|another|should have' judged || return 1
		fi
		[ -e look/base.vhdx ] && shows base.vhdx || return 1
		"$vhdx" replay --quiet look/base.vhdx
		"$vhdx" check --quiet look/base.vhdx
	}
	judge
	status=\$?
	umount look
	exit \$status
EOS
chmod +x judge

# cut COMMAND: is done to the disk in use; what was written is in the log
cut()
{
	local stop=$PWD/stop writer

	rm -f stop written
	dd if=start of="$fs" bs=1M status=none
	dd if=/dev/zero of="$log" bs=1M count=1 status=none
	dmsetup create lw --table "0 $(sectors "$fs") log-writes $fs $log"
	mount /dev/mapper/lw mnt
	"$vhdx" attach --no-partitions mnt/leaf.vhdx vm >out
	dd if=/dev/mapper/vm of=old.raw bs=1M iflag=direct status=none
	dmsetup message lw 0 mark begin
	python3 "$py" write /dev/mapper/vm "$seed" "$stop" >written &
	writer=$!
	at_exit end_process $writer
	until [ -s written ]; do
		sleep 0.1
	done
	eval "$1" || fail "$1: $(cat out err)"
	sleep 1
	touch stop
	wait $writer
	sync -f mnt
	dmsetup message lw 0 mark end
	note "$(tail -n 1 written) writes meanwhile, then $(cd mnt && echo *.vhdx)"
	"$vhdx" detach vm
	umount mnt
	dmsetup remove lw
}
explore() { python3 "$py" states start "$log" "$state" "$((seed + $1))" "$2" --within begin end -- ./judge >entries 2>bad; }

for command in 'expect_status 0 merge --no-keep-name vm' 'expect_status 0 merge --keep-name vm' \
	'expect_status 0 snapshot --keep-name vm mnt/before.vhdx'; do
	cut "$command"
	explore 1 "$states" || fail "$command: $(<entries): $(<bad): $(<judged)"
	note "${command#expect_status 0 }: $states states: $(<entries)"
done

# The leaf goes before its parent has all that it needs: while a merge is stopped at one of its writes.
too_early()
{
	local merge

	WRITE_STOP=1 WRITE_FAULT=30 LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" merge --no-keep-name vm >out 2>err &
	merge=$!
	at_exit end_process $merge
	until [[ $(</proc/$merge/stat) = *') T '* ]]; do
		sleep 0.1
	done
	rm mnt/leaf.vhdx
	sync -f mnt
	kill -CONT $merge
	wait $merge || :
}
cut too_early
! explore 2 8 || fail "it would not find that the leaf was deleted too early: $(<entries)"
note "found out, the leaf being deleted too early: $(<bad)"
