# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: turn
# timeout: 600
#
# One writer, or many readers; and the next table of the same mapped device.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 200
insmod_vhdx
"$vhdx" create --size 64M --block-size 1M a.vhdx
dev=$(backing a.vhdx 100)
size=$((64 * 2048))

map_image a "$dev"
expect_fail -k 'mapped already' dmsetup create b --table "0 $size vhdx $dev"
expect_fail -k 'mapped already' dmsetup create b --readonly --table "0 $size vhdx $dev"
expect_fail -k 'mapped already' dmsetup create b --table "0 $size vhdx $dev 1 read_only"
unmap a
map_image a "$dev" read_only
map b "0 $size vhdx $dev" --readonly
expect_fail -k 'mapped already' dmsetup create c --table "0 $size vhdx $dev"
expect_fail -m 'error|not permitted|Read-only' dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct
expect_fail dd if=/dev/zero of=/dev/mapper/b bs=4k count=1 oflag=direct
[ "$(blockdev --getro /dev/mapper/b)" = 1 ]
unmap a
unmap b
expect_fail -k 'mapped already' dmsetup create two --table "0 $size vhdx $dev
$size $size vhdx $dev"

# A table loaded over the live one looks at the image only when it is its turn.
map_image a "$dev"
stamp /dev/mapper/a 0 64 old
dmsetup load a --table "0 $size vhdx $dev 2 commit_interval 77"
stamp /dev/mapper/a 20480 64 new	# the live one goes on
dmsetup resume a
dmsetup table a | grep -q 'commit_interval 77'
dd if=/dev/mapper/a bs=512 skip=20480 count=1 iflag=direct status=none | grep -q 'new 20480'
stamp /dev/mapper/a 40960 64 newer
dmsetup load a --table "0 $size vhdx $dev"
dmsetup clear a
dmsetup load a --table "0 $((size - 8)) vhdx $dev"
expect_fail -k 'cannot resume: .*length is not the size' dmsetup resume a
remap a "0 $size vhdx $dev"
dd if=/dev/mapper/a bs=512 skip=40960 count=1 iflag=direct status=none | grep -q 'newer 40960'
# Its limits are the image's, though it was not loaded when dm asked.
[ "$(blockdev --getpbsz /dev/mapper/a)" = 4096 ]
[ "$(blockdev --getioopt /dev/mapper/a)" -le 1048576 ]
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx

# Limits come from the image.
while read -r lss pss; do
	"$vhdx" create --force --size 64M --logical-sector-size "$lss" --physical-sector-size "$pss" --block-size 2M l.vhdx
	l=$(backing l.vhdx 80)
	map_image l "$l"
	[ "$(blockdev --getss /dev/mapper/l)" = "$lss" ]
	[ "$(blockdev --getpbsz /dev/mapper/l)" = "$pss" ]
	[ "$(blockdev --getioopt /dev/mapper/l)" -le 1048576 ]
	unmap l
	loop_remove "$l"
done <<<'512 512
512 4096
4096 4096'
# A backing device whose sectors are too large for the image.
"$vhdx" create --force --size 64M l.vhdx
l=$(loop_make l.vhdx --direct-io=on --sector-size 4096)
expect_fail -k 'logical sectors are larger' dmsetup create l --table "0 $size vhdx $l"
