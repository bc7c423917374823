# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
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

# A slow device, more blocks to zero on it than a workqueue does at once, and one to flush. What is
# written to the blocks goes nowhere.
mib=1000
"$vhdx" create --size ${mib}M --block-size 1M a.vhdx
head=$((8 * 2048))
[ "$(stat -c %s a.vhdx)" -le $((head * 512)) ] || fail 'create has another layout'
dd if=a.vhdx of="$ram" bs=1M oflag=direct status=none
sectors=$((head + mib * 2048))
map flat "0 $head linear $ram 0
$head $((sectors - head)) zero"
map slow "0 $sectors delay /dev/mapper/flat 0 0 /dev/mapper/flat 0 0"
map a "0 $((mib * 2048)) vhdx /dev/mapper/slow 4 commit_interval 3600000 idle_close 0"
dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct,dsync status=none
remap slow "0 $sectors delay /dev/mapper/flat 0 0 /dev/mapper/flat 0 500"
fio --name=new --filename=/dev/mapper/a --offset=1M --ioengine=libaio --direct=1 --rw=write:1020k \
	--bs=4k --iodepth=900 --size=950M --io_size=3600k --minimal >/dev/null &
fio=$!
some() { [ "$(status a allocated)" -gt 4 ]; }
wait_for 120 some
sync /dev/mapper/a
now=$(status a allocated)
note "$now of 901 blocks were there when the flush was done"
[ "$now" -lt 450 ] || fail 'the flush came after half of them'
remap slow "0 $sectors linear /dev/mapper/flat 0"
wait $fio
[ "$(status a allocated)" = 901 ] || fail "$(status a allocated) blocks"
unmap a
unmap slow
unmap flat
