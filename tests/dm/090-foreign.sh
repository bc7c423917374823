# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: turn
# timeout: 900
#
# A backing device full of somebody else's data: not a byte of it is ever read through the mapping,
# while many jobs touch many blocks for the first time.
. "$VHDX_TOP/tests/lib/vhdx.sh"

insmod_vhdx
dev=$(brd_make 80)
head -c 80M /dev/zero | tr '\0' '\252' | dd of="$dev" bs=1M iflag=fullblock oflag=direct status=none
"$vhdx" create --force --size 60M --block-size 2M "$dev"
map_image a "$dev"

foreign() { [ "$(dd if="$1" bs=1M iflag=direct status=none | tr -dc '\252' | wc -c)" != 0 ]; }

# Partial first writes: at the start, the end, in the middle of a block, and whole blocks.
for where in 0 8188 10240 14332; do
	stamp /dev/mapper/a $where 4 first
done
dd if=/dev/zero of=/dev/mapper/a bs=2M seek=10 count=2 oflag=direct status=none
! foreign /dev/mapper/a || fail 'foreign data shows'

# Under load, with readers: fio writes no 0xaa, so that any 0xaa is foreign.
fio --name=w --filename=/dev/mapper/a --rw=randwrite --bs=4k --size=60M --io_size=3M --numjobs=4 \
	--ioengine=libaio --iodepth=8 --direct=1 --buffer_pattern=0x11 --fsync=32 --minimal >/dev/null &
fio=$!
while kill -0 $fio 2>/dev/null; do
	! foreign /dev/mapper/a || fail 'foreign data shows under load'
done
wait $fio
! foreign /dev/mapper/a || fail 'foreign data shows afterwards'
unmap a
map_image a "$dev" read_only
! foreign /dev/mapper/a || fail 'foreign data shows after remapping'
unmap a
"$vhdx" check "$dev"
