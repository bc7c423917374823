# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 900
#
# "vhdx merge" of a disk in use that is killed at one of its writes: the disk shows what it did, in the
# kernel and by its files; the same command goes on; and so does a merge of the files, if the disk was
# detached. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 600 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
scribble=$VHDX_TOP/build/scribble
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

listed() { "$vhdx" list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][sys.argv[1]])' "$1"; }
# Its files alone, as after a power cut.
files_agree()
{
	rm -rf cut
	mkdir cut
	cp --sparse=always ./*.vhdx cut
	"$vhdx" attach --read-only --no-partitions cut/leaf.vhdx cut >out
	same /dev/mapper/cut raw || fail "write $n: the files show something else"
	"$vhdx" detach cut
	"$vhdx" check --chain --quiet cut/leaf.vhdx
}

truncate -s 32M raw
"$vhdx" create --size 32M --block-size 1M base.vhdx
"$vhdx" attach --no-partitions base.vhdx vm >out
"$scribble" /dev/mapper/vm raw "$seed" 30
"$vhdx" detach vm
done=0
for ((n = 1 + seed % 7; done < 2; n += 7)); do
	"$vhdx" attach --no-partitions base.vhdx vm >out
	expect_status 0 snapshot vm leaf.vhdx
	"$scribble" /dev/mapper/vm raw $((seed + n)) 6
	# More than what is merged at once, or less.
	if ((n % 2)); then
		dd if=/dev/urandom of=some bs=1M count=6 status=none
		dd if=some of=/dev/mapper/vm bs=1M seek=$((n % 26)) oflag=direct status=none
		dd if=some of=raw bs=1M seek=$((n % 26)) conv=notrunc status=none
	fi
	status=0
	WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" merge vm >out 2>err || status=$?
	if [ $status = 0 ]; then
		note "no write $n"
		done=$((done + 1))
		"$vhdx" detach vm
		continue
	fi
	[ $status = 137 ] || fail "write $n: status $status: $(<err)"
	suspended=$(dmsetup info -c --noheadings -o suspended vm)
	[ "$suspended" = Active ] || dmsetup resume vm
	same /dev/mapper/vm raw || fail "write $n, $suspended: the disk shows something else"
	"$scribble" /dev/mapper/vm raw $((seed - n)) 3
	if [ "$(listed backing_file)" = "$PWD/base.vhdx" ]; then
		note "write $n: all is merged"
		"$vhdx" detach vm
		rm -f leaf*.vhdx
		continue
	fi
	[ ! -e leaf.vhdx ] || [ "$(listed backing_file)" != "$PWD/leaf.vhdx" ] || {
		sync -f .
		"$vhdx" detach vm
		files_agree
		((n % 4 < 2)) || "$vhdx" attach --no-partitions leaf.vhdx vm >out
	}
	if [ -e /dev/mapper/vm ]; then
		expect_status 0 merge vm
		same /dev/mapper/vm raw || fail "write $n: the merge went wrong"
		"$vhdx" detach vm
	else
		expect_status 0 merge leaf.vhdx
	fi
	[ ! -e leaf.vhdx ] || fail "write $n: $(ls)"
	rm -f leaf*.vhdx
	"$vhdx" check --quiet base.vhdx
	"$vhdx" attach --read-only --no-partitions base.vhdx vm >out
	same /dev/mapper/vm raw || fail "write $n: the result is another disk"
	"$vhdx" detach vm
done
[ "$n" -gt 20 ] || fail "$n writes"
