# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 900
#
# Odd uses of the target "vhd": tables that do not make sense, devices that it has no use for, several
# targets in a table, tables of both targets one after the other, blocks with large bitmaps in chains.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
need python3

scratch_fs 300
insmod_vhdx

# Device mapper asks for the module by the name of the target.
modinfo -F alias "$VHDX_KO" | grep -qx dm-vhd || fail 'nobody would load the module for a table with "vhd"'

# --- tables ----------------------------------------------------------------------

"$vhdx" create --format vhd --type fixed --size 8M f.vhd
dev=$(loop_make f.vhd --direct-io=on)
for args in '2 size_from disk' '1 size_from' '4 size_from current size_from disk' '3 size_from current size_from'; do
	expect_fail -k 'size_from is chs or current' dmsetup create x --table "0 16384 vhd $dev $args"
done
map x "0 16384 vhd $dev 4 size_from chs size_from current"
[[ $(dmsetup table x) == *' 2 size_from current' ]]
unmap x

# What an integrity measurement says of a table, where the kernel makes some.
ima=/sys/kernel/security/ima
mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
if [ -w $ima/policy ] && echo 'measure func=CRITICAL_DATA label=device-mapper' >$ima/policy; then
	map x "0 16384 vhd $dev 2 size_from current"
	unmap x
	hex=$(awk '/dm_table_load/ { print $NF }' $ima/ascii_runtime_measurements | tail -1)
	[[ $(python3 -c 'import sys; print(bytes.fromhex(sys.argv[1]))' "$hex") == *target_name=vhd,*,size_from=current* ]] ||
		fail 'what tells the size of the disk is not measured'
else
	note 'no measurements'
fi

# --- devices ---------------------------------------------------------------------

# Of large sectors: neither.
head -c 8M /dev/urandom >junk
junk=$(loop_make junk --sector-size 4096)
expect_fail -k 'no VHDX image: the signature' dmsetup create x --table "0 16384 vhdx $junk"
expect_fail -k 'logical sectors are larger' dmsetup create x --table "0 16384 vhd $junk"
loop_remove "$junk"

# --- several targets -------------------------------------------------------------

"$vhdx" create --format vhd --type fixed --size 8M g.vhd
other=$(loop_make g.vhd --direct-io=on)
expect_fail -k 'mapped already' dmsetup create x --table "0 16384 vhd $dev
16384 16384 vhd $dev"
map x "0 1000 zero
1000 16384 vhd $dev
17384 16384 vhd $other"
stamp /dev/mapper/x 1000 3000 new
for opt in dsync sync; do
	dd if=/dev/mapper/x of=/dev/mapper/x bs=64k seek=135 skip=15 count=2 oflag=direct,$opt iflag=direct status=none
done
expect_fail blkdiscard /dev/mapper/x
fallocate -z -o 2M -l 64K /dev/mapper/x
dd if=/dev/mapper/x of=all bs=1M iflag=direct status=none
for i in 1 2; do
	cmp <(tail -c +512001 all | head -c 8M) <(head -c 8M f.vhd) || fail 'the first one is not what was written'
	cmp <(tail -c +$((17384 * 512 + 1)) all | head -c 8M) <(head -c 8M g.vhd) || fail 'nor is the second'
	dmsetup suspend --noflush x
	dmsetup resume x
done
unmap x
"$vhdx" check "$dev"
"$vhdx" check "$other"

# --- one target after the other --------------------------------------------------

"$vhdx" create --size 8M --block-size 1M n.vhdx
new=$(backing n.vhdx 64)
map x "0 16384 vhd $dev"
stamp /dev/mapper/x 0 100 one
remap x "0 16384 vhdx $new"
stamp /dev/mapper/x 0 100 two
# Nobody looks at what is being written.
dmsetup load x --table "0 16384 vhd $new"
expect_fail -k "a VHDX image: use the target 'vhdx'" dmsetup resume x
remap x "0 16384 vhd $dev 1 read_only"
[ "$(status x mode)" = ro ]
[ "$(dd if=/dev/mapper/x skip=99 count=1 status=none iflag=direct | head -c 6)" = 'one 99' ]
expect_fail dd if=/dev/zero of=/dev/mapper/x count=1 oflag=direct status=none
remap x "0 16384 vhdx $new"
[ "$(dd if=/dev/mapper/x skip=99 count=1 status=none iflag=direct | head -c 6)" = 'two 99' ]
remap x "0 16384 vhd $dev"
stamp /dev/mapper/x 99 1 three
sync /dev/mapper/x
unmap x
[ "$(dd if=f.vhd skip=99 count=1 status=none | head -c 8)" = 'three 99' ]

# --- large blocks ----------------------------------------------------------------

python3 - <<-EOP
	import random, sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkvhd import *
	def bits(sectors):
	    found, at = [], 0
	    while at < sectors:
	        length = random.choice((1, 7, 8, 1000, 2048, 4096, 5000))
	        found.append((at, min(sectors, at + length)))
	        at += length + random.choice((1, 8, 2048, 3000))
	    return found
	size = 13 * MIB + 512
	for i, (block, disk) in enumerate(((8 * MIB, size), (4 * MIB, size - 3 * MIB), (16 * MIB, size))):
	    image = Image(disk, block, DIFFERENCING if i < 2 else DYNAMIC,
	                  {n: Block(content((i, n), block), bits(block // 512)) for n in range(-(-disk // block))})
	    image.footer.id = content(i, 16)
	    image.header.parent_id = content(i + 1, 16)
	    image.write(f'large-{i}')
EOP
naive large-{0,1,2} >raw
devs=()
for i in 0 1 2; do
	devs+=("$(loop_make large-$i --read-only)")
done
map x "0 $(($(stat -c %s raw) / 512)) vhd ${devs[0]} 5 read_only parent ${devs[1]} parent ${devs[2]}" --readonly
cmp raw <(dd if=/dev/mapper/x bs=1500k iflag=direct status=none) || fail 'large blocks: wrong'
cmp raw /dev/mapper/x || fail 'large blocks: wrong with tiles'
unmap x
