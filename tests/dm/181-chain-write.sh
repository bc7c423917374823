# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# debug: turn
# timeout: 900
#
# Chains, written: random ones, by one writer and by several, against what is to be read; again after
# the image was mapped anew; and as the tool reads them.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
need python3

scratch_fs 600
insmod_vhdx

seed=${VHDX_SEED:-$RANDOM}
note "seed $seed"
rounds=6
[ "$VHDX_KERNEL" != debug ] || rounds=2	# KASAN and lockdep take their time
for round in $(seq 1 "${VHDX_CHAINS:-$rounds}"); do
	sector=$((round % 3 ? 512 : 4096))
	rm -rf c
	mkchain random c $((seed + round)) --sector $sector --depth $((2 + round % 3))
	sha256sum c/[1-9]*.vhdx >parents.sum
	truncate -s +60M c/0.vhdx
	chain c $sector rw
	size=$(($(stat -c %s c/disk.raw) / 512))
	block=$(image_number c/0.vhdx block_size)
	map x "0 $size vhdx $leaf $count$parents"
	same /dev/mapper/x c/disk.raw || fail "round $round: wrong before"
	"$scribble" /dev/mapper/x c/disk.raw $((seed + round)) 120 --sector $sector --block "$block" ||
		fail "round $round"
	"$scribble" /dev/mapper/x c/disk.raw $((seed + round)) 40 --sector $sector --threads 4 ||
		fail "round $round, threads"
	same /dev/mapper/x c/disk.raw || fail "round $round: wrong"
	[ "$(status x mode)" = rw ]
	unmap x
	map x "0 $size vhdx $leaf $((count + 1)) read_only$parents"
	same /dev/mapper/x c/disk.raw || fail "round $round: wrong after"
	unmap x
	drop
	"$vhdx" check c/0.vhdx || fail "round $round: check"
	"$vhdx" flatten --force c/0.vhdx flat.vhdx
	qemu-img compare -q -f vhdx -F raw flat.vhdx c/disk.raw || [ $sector = 4096 ] ||
		fail "round $round: flatten reads something else"
	sha256sum --quiet -c parents.sum || fail 'a parent was written'
done
