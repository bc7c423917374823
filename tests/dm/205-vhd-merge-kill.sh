# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1200
#
# As 187, of VHD images: "vhdx merge" of a disk in use that is killed at one of its writes. The disk goes
# on, be it by "dmsetup resume"; the files show what the disk does at any moment, as after a power cut;
# the same command goes on, and so does a merge of the files. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/chain.sh"

scratch_fs 600 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
at_exit "$vhdx" detach --all
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

listed() { "$vhdx" list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][sys.argv[1]])' "$1"; }
# Its files alone, as after a power cut.
files_agree()
{
	rm -rf cut
	mkdir cut
	cp --sparse=always ./*.vhd cut
	"$vhdx" attach --read-only --no-partitions cut/leaf.vhd cut >out
	same /dev/mapper/cut raw || fail "write $n: the files show something else"
	"$vhdx" detach cut
	"$vhdx" check --chain --quiet cut/leaf.vhd
}

done=0
kind=dynamic
truncate -s 32M raw
"$vhdx" create --format vhd --block-size 512K base.vhd 32M
for ((n = 1 + seed % 5; done < 2; n += n < 20 ? 5 : 37)); do
	# The UniqueId of a fixed one is in one footer only.
	if [ $kind = dynamic ] && ((n > 40)); then
		"$vhdx" convert --type fixed base.vhd fixed.vhd
		mv fixed.vhd base.vhd
		kind=fixed
		n=$((1 + seed % 5))
	fi
	"$vhdx" attach --no-partitions base.vhd vm >out
	expect_status 0 snapshot vm leaf.vhd
	"$scribble" /dev/mapper/vm raw $((seed + n)) 6
	# More than what is merged at once, or less.
	if ((n / 5 % 2)); then
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
	if [ "$(listed backing_file)" = "$PWD/base.vhd" ]; then
		note "write $n: all is merged"
		"$vhdx" detach vm
		rm -f leaf*.vhd
		continue
	fi
	[ ! -e leaf.vhd ] || [ "$(listed backing_file)" != "$PWD/leaf.vhd" ] || {
		sync -f .
		((n % 8 < 2)) || "$vhdx" detach vm
		files_agree
		[ -e /dev/mapper/vm ] || ((n % 4 < 2)) || "$vhdx" attach --no-partitions leaf.vhd vm >out
	}
	if [ -e /dev/mapper/vm ]; then
		expect_status 0 merge vm
		same /dev/mapper/vm raw || fail "write $n: the merge went wrong"
		"$vhdx" detach vm
	else
		expect_status 0 merge leaf.vhd
	fi
	[ ! -e leaf.vhd ] || fail "write $n: $(ls)"
	rm -f leaf*.vhd
	expect_status 0 check base.vhd
	naive base.vhd | cmp - raw || fail "write $n: the result is another disk"
	"$vhdx" attach --read-only --no-partitions base.vhd vm >out
	same /dev/mapper/vm raw || fail "write $n: the result is another disk"
	"$vhdx" detach vm
done
[ $kind = fixed ] || fail 'none was fixed'
