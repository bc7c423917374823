# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
#
# One bad MiB in the free space stops no allocation, and a FLUSH does not wait behind blocks that are
# being zeroed.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"
need fio

insmod_vhdx
ram=$(foreign_disk 300)
"$vhdx" create --force --size 200M --block-size 1M "$ram"
sit_on "$ram"
map_image a /dev/mapper/back commit_interval 100
free=$(($(status a used) * 2048))
bad "$free" $((free + 2048))
for i in 1 2 3 4 5 6 7 8; do
	dd if=/dev/zero of=/dev/mapper/a bs=4k seek=$((i * 256 + 7)) count=1 oflag=direct conv=fsync \
		status=none || fail "block $i finds no place"
done
[ "$(status a allocated)" = 8 ]
[ "$(status a mode)" = rw ]
# Nothing foreign is seen, in the blocks or elsewhere.
[ "$(dd if=/dev/mapper/a bs=1M iflag=direct status=none | tr -d '\0' | wc -c)" = 0 ]
unmap a
unmap back
"$vhdx" check "$ram"

# A slow device, hundreds of blocks to zero on it, and one to flush.
"$vhdx" create --force --size 250M --block-size 1M "$ram"
map back "0 $back_sectors delay $ram 0 0 $ram 0 20"
map_image a /dev/mapper/back commit_interval 3600000
dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct,dsync status=none
fio --name=new --filename=/dev/mapper/a --offset=1M --ioengine=libaio --direct=1 --rw=write:1020k \
	--bs=4k --iodepth=240 --io_size=960k --minimal >/dev/null &
fio=$!
some() { [ "$(status a allocated)" -gt 4 ]; }
wait_for 60 some
dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct conv=fsync status=none
now=$(status a allocated)
note "$now of 241 blocks were there when the flush was done"
[ "$now" -lt 200 ] || fail 'the flush came after all of them'
wait $fio
[ "$(status a allocated)" = 241 ] || fail "$(status a allocated) blocks"
unmap a
unmap back
"$vhdx" check "$ram"
