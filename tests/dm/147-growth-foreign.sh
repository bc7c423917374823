# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 300
#
# zeroed_from is about the device as it was when the table was loaded. What it grows by may hold
# anything, whenever that happens, and also for tables made from what "dmsetup table" prints.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
one_cpu
ram=$(foreign_disk 48)
"$vhdx" create --force --size 60M --block-size 1M "$ram"
size=$(image_sectors "$ram")
dd if=/dev/zero of="$ram" bs=1M seek=8 count=4 oflag=direct status=none
map back "0 $((12 * 2048)) linear $ram 0"
back_grow() { remap back "0 $(($1 * 2048)) linear $ram 0"; }
next=0

# Writes 4 KiB into each of N new blocks; the rest of them must read as zeros.
new_blocks()
{
	local n=$1

	while [ "$n" -gt 0 ]; do
		dd if=pattern of=/dev/mapper/a bs=4k count=1 seek=$((next * 256 + 3)) oflag=direct status=none
		cmp block <(dd if=/dev/mapper/a bs=1M count=1 skip=$next iflag=direct status=none) ||
			fail "block $next shows what the device held before"
		next=$((next + 1))
		n=$((n - 1))
	done
}
head -c 4096 /dev/zero | tr '\0' w >pattern
{ head -c 12288 /dev/zero; cat pattern; head -c $((1048576 - 16384)) /dev/zero; } >block

# Loaded while another one is live, and resumed when the device has grown.
line="0 $size vhdx /dev/mapper/back 2 zeroed_from $((8 * 2048))"
map a "$line"
new_blocks 1
dmsetup load a --table "$line"
back_grow 20
dmsetup resume a
new_blocks 12

# Loaded while that one is suspended, and true for what there is.
dmsetup suspend a
used=$(status a used)
dd if=/dev/zero of="$ram" bs=1M seek="$used" count=$((20 - used)) oflag=direct status=none
dmsetup load a --table "$line"
back_grow 28
dmsetup resume a
new_blocks 8

# Made from what the live one says of itself, when it has grown.
back_grow 36
dmsetup table a >line
dmsetup load a <line
dmsetup resume a
new_blocks 8
dmsetup load a --table "$(dmsetup table a)"
dmsetup resume a

# A table that is not replaced.
back_grow 44
new_blocks 6
raw_of /dev/mapper/a raw
unmap a
map a "0 $size vhdx /dev/mapper/back 1 read_only"
same /dev/mapper/a raw
unmap a
unmap back
"$vhdx" check "$ram"
