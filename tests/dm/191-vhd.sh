# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# kernels: check
# debug: turn
# timeout: 900
#
# The target "vhd", reading: every image of tests/images/mkvhd.py has its content or its sentence,
# random chains are what the naive model makes of them, and tables have to make sense.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
need python3

scratch_fs 400
insmod_vhdx

# --- every case ------------------------------------------------------------------

every_case()
{
	local good=0 bad=0 zeros name error sentence size sha dev args type

	mkdir cases
	"$VHDX_TOP/tests/images/mkvhd.py" cases cases
	vhd_cases cases/cases.tsv >rows
	"$vhdx" create --format vhd --type fixed --size 64M zeros.vhd
	zeros=$(loop_make zeros.vhd --read-only)
	while IFS=$'\t' read -r -u 3 name error sentence size sha; do
		[ "$size" != - ] || [ "$error" = ok ] || size=456192
		[ "$size" != - ] || size=$(image_number "cases/$name" virtual_size)
		dev=$(loop_make "cases/$name" --read-only)
		args=1
		type=$(dd if="$dev" bs=4 skip=15 count=1 status=none | od -An -tx1 | tr -d ' ')
		[ "$type" != 00000004 ] || args="4 parent $zeros ignore_parent_id"
		if [ "$error" = ok ]; then
			map x "0 $((size / 512)) vhd $dev $args read_only" --readonly
			if [ "$sha" != - ]; then
				[ "$(sha_dev /dev/mapper/x)" = "$sha" ] || fail "$name reads as something else"
			fi
			unmap x
			good=$((good + 1))
		else
			expect_fail -k "$sentence" dmsetup create x --readonly --table "0 $((size / 512)) vhd $dev $args read_only"
			bad=$((bad + 1))
		fi
		loop_remove "$dev"
	done 3<rows
	note "$good good ones, $bad bad ones"
	[ "$good" -gt 30 ]
	[ "$bad" -gt 40 ]
}
# KASAN and lockdep take their time, and so does Python there.
[ "$VHDX_KERNEL" = debug ] || every_case

# --- at the end of what a BAT entry can name ---------------------------------------------

python3 - <<-EOP >end
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkvhd import *
	image = Image(8 * MIB, 4 * MIB, DYNAMIC, {0: Block(sector=0xfffffffe), 1: Block()})
	image.footer.app, image.batmap = b'tap\0', b'\xc0'.ljust(512, b'\0')
	image.blocks[1].sector = 4096
	image.write('end.vhd')
	print(image.disk()[1])
EOP
dev=$(loop_make end.vhd --read-only)
map x "0 16384 vhd $dev 1 read_only" --readonly
for i in 1 2; do
	[ "$(sha_dev /dev/mapper/x)" = "$(<end)" ] || fail "a block at 2 TiB reads as something else, time $i"
done
unmap x
loop_remove "$dev"
rm end.vhd

# --- chains ----------------------------------------------------------------------

count=8
[ "$VHDX_KERNEL" != debug ] || count=3
vhd_chains chains $count
for ((c = 0; c < count; c++)); do
	devs=()
	for i in 3 2 1 0; do
		devs+=("$(loop_make chains/$c-$i --read-only)")
	done
	for depth in 1 2 3; do
		images=() parents=
		for ((i = depth; i >= 0; i--)); do
			images+=("chains/$c-$i")
			[ $i = $depth ] || parents+=" parent ${devs[3 - i]}"
		done
		naive "${images[@]}" >raw
		map x "0 $(($(stat -c %s raw) / 512)) vhd ${devs[3 - depth]} $((2 * depth + 1)) read_only$parents" --readonly
		cmp raw <(dd if=/dev/mapper/x bs=3584 iflag=direct status=none) || fail "chain $c, depth $depth: wrong"
		cmp raw <(dd if=/dev/mapper/x bs=1500k iflag=direct status=none) || fail "chain $c, depth $depth: wrong in large pieces"
		echo 2 >/proc/sys/vm/drop_caches
		cmp raw /dev/mapper/x || fail "chain $c, depth $depth: wrong without tiles"
		dmsetup suspend x
		dmsetup resume x
		cmp raw /dev/mapper/x || fail "chain $c, depth $depth: wrong after a suspend"
		unmap x
	done
	for dev in "${devs[@]}"; do
		loop_remove "$dev"
	done
done
