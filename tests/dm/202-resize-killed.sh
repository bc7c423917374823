# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# long: yes
#
# "vhdx resize" of a disk in use: what is refused, and whatever fails the disk goes on with its old size;
# whenever the program is killed the next command says what to do. VHDX_SEED=N repeats a run that
# printed N.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 900 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
. "$VHDX_TOP/tests/lib/resize.sh"

# --- what cannot be -----------------------------------------------------------------------------------

"$vhdx" create --size 9M --block-size 1M a.vhdx
rm -f raw
truncate -s 9M raw
"$vhdx" attach --no-partitions --read-only a.vhdx vm >out
expect_fail -m 'vm: attached read-only' "$vhdx" resize vm 10M
"$vhdx" detach vm
"$vhdx" attach --no-partitions a.vhdx vm >out
write 20
expect_fail -m 'sectors of 512 bytes' "$vhdx" resize vm 1000001
expect_fail -m 'vm: holds nothing that is known, of which nobody knows where it ends' "$vhdx" resize vm 5M
dmsetup suspend vm
expect_fail -m "vm: suspended: 'dmsetup resume' it" "$vhdx" resize vm 10M
dmsetup resume vm
# Somebody else is at it.
flock /dev/mapper/vm -c "! $vhdx resize vm 10M" 2>err
grep -q 'somebody else changes it right now' err || fail "$(<err)"
# It would move the table of blocks, for which there is no room: nothing is written.
fallocate -l 600M filler
expect_fail -m 'its image has to grow by .* there are' "$vhdx" resize vm 64T
rm filler
running vm
shows $((9 << 20))

# --- each call of device mapper in turn, failing ---------------------------------------------------------

size=$((9 << 20))
fault() { LD_PRELOAD=$VHDX_TOP/build/dm-fault.so DM_FAULT=$1 "$vhdx" resize vm "$2" >out 2>err; }
# The table of blocks moves, and stays where it is then; where it was is space for blocks.
for n in 2 3; do
	! fault $n 300G || fail "call $n did not fail"
	running vm || fail "call $n: $(dmsetup info vm)"
	shows $size
done
for ((n = 1; n < 30; n++)); do
	! fault $n $((size + (1 << 20))) || break
	running vm || fail "call $n: $(dmsetup info vm)"
	shows $size
done
[ $n -gt 3 ] || fail "$n calls"
size=$((size + (1 << 20)))
shows $size

# --- killed ----------------------------------------------------------------------------------------------

# after N: whatever is to be done then the command says
killed()
{
	local state

	state=$(dmsetup info -c --noheadings -o suspended vm)
	if [ "$state" != Active ]; then
		if "$vhdx" resize vm $((size + (1 << 20))) >out 2>err; then
			note "$1: gone on with"
		else
			grep -q "vm: suspended: 'dmsetup resume' it" err || fail "$1: $(<err)"
			note "$1: as it was"
			dmsetup resume vm
		fi
	fi
	running vm || fail "$1: $(dmsetup info vm)"
	[ "$(bytes vm)" = $size ] || size=$((size + (1 << 20)))
	shows $size
}
for ((n = 1; n < 30; n++)); do
	status=0
	DM_KILL=1 fault $n $((size + (1 << 20))) || status=$?
	killed "call $n"
	[ $status != 0 ] || break
	[ $status = 137 ] || fail "call $n: $status: $(<err)"
done
[ $n -gt 3 ] || fail "$n calls"
for ((n = 1 + seed % 5; n < 60; n += 5)); do
	status=0
	WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" resize vm $((size + (1 << 20))) >out 2>err || status=$?
	killed "write $n"
	[ $status != 0 ] || break
	[ $status = 137 ] || fail "write $n: $status: $(<err)"
done
[ $n -gt 10 ] || fail "$n writes"
closed a.vhdx
# Of a VHD, whose file is cut before it gets longer.
"$vhdx" create --format vhd --size 9M --block-size 1M a.vhd
rm raw
truncate -s 9M raw
size=$((9 << 20))
"$vhdx" attach --no-partitions a.vhd vm >out
write 20
for ((n = 1 + seed % 3; n < 60; n += 3)); do
	status=0
	WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" resize vm $((size + (1 << 20))) >out 2>err || status=$?
	killed "VHD, write $n"
	[ $status != 0 ] || break
	[ $status = 137 ] || fail "VHD, write $n: $status: $(<err)"
done
[ $n -gt 4 ] || fail "$n writes"
closed a.vhd
