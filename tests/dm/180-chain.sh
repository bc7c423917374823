# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# debug: turn
# timeout: 600
#
# Chains, read: random ones against the content that their maker worked out, and what the table may get
# wrong.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
need python3

scratch_fs 500
insmod_vhdx

seed=${VHDX_SEED:-$RANDOM}
note "seed $seed"
rounds=12
[ "$VHDX_KERNEL" != debug ] || rounds=4	# KASAN and lockdep take their time
for round in $(seq 1 "${VHDX_CHAINS:-$rounds}"); do
	sector=$((round % 3 ? 512 : 4096))
	rm -rf c
	mkchain random c $((seed + round)) --sector $sector --depth $((2 + round % 4))
	chain c $sector
	size=$(($(stat -c %s c/disk.raw) / 512))
	map x "0 $size vhdx $leaf $((count + 1)) read_only$parents" --readonly
	dmsetup table x | grep -q "read_only parent [0-9:]*" || fail "$(dmsetup table x)"
	# In small pieces that fit nothing, then in large ones, with and without tiles.
	cmp c/disk.raw <(dd if=/dev/mapper/x bs=$((sector * 7)) iflag=direct status=none) ||
		fail "round $round: wrong"
	cmp c/disk.raw <(dd if=/dev/mapper/x bs=1500k iflag=direct status=none) ||
		fail "round $round: wrong in large pieces"
	echo 2 >/proc/sys/vm/drop_caches
	cmp c/disk.raw /dev/mapper/x || fail "round $round: wrong without tiles"
	unmap x
	drop
done
