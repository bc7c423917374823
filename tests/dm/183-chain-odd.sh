# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 600
#
# Chains and their devices: tables that name the wrong ones, parents that are written, bad sectors.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
. "$VHDX_TOP/tests/lib/faults.sh"
need python3

scratch_fs 400
insmod_vhdx
"$VHDX_TOP/tests/images/badchain.py" . plain
cd plain || exit
sha256sum ./*.vhdx >sums
chain . 512 rw
size=$(image_sectors 0.vhdx)
read -r _ one _ two <<<"$parents"
unchanged() { sha256sum --quiet -c sums || fail "$1: something was written"; }

# In the wrong order, twice, too few, too many, themselves, none at all.
expect_fail -k 'layer 1: the parent is not what' dmsetup create x --table "0 $size vhdx $leaf 4 parent $two parent $one"
expect_fail -k 'layer 2: ' dmsetup create x --table "0 $size vhdx $leaf 5 ignore_parent_id parent $one parent $one"
expect_fail -k 'leads back to itself' dmsetup create x --readonly \
	--table "0 $size vhdx $leaf 3 ignore_parent_id parent $leaf"
expect_fail -k 'is mapped for writing' dmsetup create x --table "0 $size vhdx $leaf 3 ignore_parent_id parent $leaf"
expect_fail -k 'layer 1: a differencing image needs its parents' dmsetup create x \
	--table "0 $size vhdx $leaf 2 parent $one"
expect_fail -k 'loop[0-9]*: a differencing image needs' dmsetup create x --table "0 $size vhdx $leaf"
expect_fail -k 'layer 3: this is no differencing image' dmsetup create x \
	--table "0 $size vhdx $leaf 7 ignore_parent_id$parents parent $leaf" --readonly
expect_fail -k 'cannot be opened' dmsetup create x --table "0 $size vhdx $leaf 4 parent /dev/nothing parent $two"
expect_fail -k 'parent needs a device' dmsetup create x --table "0 $size vhdx $leaf 1 parent"
many=
for ((i = 0; i < 256; i++)); do
	many+=" parent $one"
done
expect_fail -k '256 images at most' dmsetup create x --table "0 $size vhdx $leaf 512$many"
many=${many#" parent $one"}
expect_fail -k 'layer 2: ' dmsetup create x --table "0 $size vhdx $leaf 511 ignore_parent_id$many"
unchanged tables

# A parent is nobody's to write, in whatever order.
base_size=$(image_sectors 2.vhdx)
loop_remove "$two"
two=$(loop_make 2.vhdx --direct-io=on)
map x "0 $size vhdx $leaf 4 parent $one parent $two"
expect_fail -k 'mapped already' dmsetup create y --table "0 $base_size vhdx $two"
map y "0 $base_size vhdx $two" --readonly
unmap y
unmap x
map y "0 $base_size vhdx $two"
expect_fail -k 'is mapped for writing' dmsetup create x --table "0 $size vhdx $leaf 4 parent $one parent $two"
unmap y
unchanged exclusion

# A parent that changes under a child that is suspended: it does not go on before that is undone.
cp 2.vhdx was
map x "0 $size vhdx $leaf 4 parent $one parent $two"
dmsetup suspend x
for at in $((64 << 10)) $((128 << 10)); do
	printf x | dd of=2.vhdx bs=1 seek=$((at + 32)) conv=notrunc status=none
done
expect_fail -k 'cannot resume' dmsetup resume x
[ "$(status x mode)" = fail ]
dd if=was of=2.vhdx bs=1M conv=notrunc status=none
dmsetup resume x
same /dev/mapper/x disk.raw
unmap x
unchanged parents

# Bad sectors: of a parent, of its bitmap, of the leaf's bitmap. What cannot be read fails alone, and comes back.
sit_on "$one"
map x "0 $size vhdx $leaf 4 parent /dev/mapper/back parent $two"
bad 8192 "$back_sectors"
expect_fail -m 'Input/output error' dd if=/dev/mapper/x of=/dev/null bs=1M count=1 iflag=direct
dd if=/dev/mapper/x bs=4k skip=768 count=16 iflag=direct status=none | cmp -n 65536 - <(tail -c +$((768 * 4096 + 1)) disk.raw)
heal
same /dev/mapper/x disk.raw

# A further table while a parent's headers cannot be read: the kernel log says whose.
dmsetup suspend x
bad 128 384
expect_fail -k 'dm-[0-9]*: cannot be read' dmsetup load x --table "$(dmsetup table x)"
heal
dmsetup load x --table "$(dmsetup table x)"
dmsetup resume x
same /dev/mapper/x disk.raw
unmap x
unmap back
unchanged errors

# A parent that is edited while its child is suspended, between the load of a further table and its turn,
# or before the load.
cp 2.vhdx 3.vhdx
loop_remove "$two"
two=$(loop_make 2.vhdx --read-only)
# The tool itself keeps its hands off what is mapped.
edit()
{
	cp 1.vhdx edited.vhdx
	"$vhdx" rebase edited.vhdx "$1"
	dd if=edited.vhdx of=1.vhdx bs=1M conv=notrunc status=none
}
table="0 $size vhdx $leaf 4 parent $one parent $two"
map x "$table"
dmsetup load x --table "$table"
dmsetup suspend x
edit 3.vhdx
dmsetup resume x
same /dev/mapper/x disk.raw
dmsetup suspend x
edit 2.vhdx
dmsetup load x --table "$table"
dmsetup resume x
same /dev/mapper/x disk.raw
unmap x
