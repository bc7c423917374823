# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 300
#
# A table is judged when it is loaded, unless an active one may be writing the image. And what a mapped
# device says of itself to those who make file systems.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need mkfs.ext4 mkfs.xfs

scratch_fs 200
insmod_vhdx
"$vhdx" create --size 64M --block-size 1M a.vhdx
dev=$(backing a.vhdx 100)
size=$((64 * 2048))
wrong="0 $((size + 8)) vhdx $dev"
right="0 $size vhdx $dev"
refused() { expect_fail -k "has $((size + 8)) sectors, the disk $size" dmsetup load a --table "$wrong$*"; }

# Tables that were never resumed.
dmsetup create a --notable
at_exit unmap a
refused
dmsetup load a --table "$right"
refused
refused ' 1 read_only'
dmsetup load a --table "$right"
dmsetup clear a
dmsetup load a --table "$right"
dmsetup resume a
stamp /dev/mapper/a 0 64 first

# Active: it is not looked at. Suspended, by whichever kind of suspend: it is.
dmsetup load a --table "$wrong"
dmsetup clear a
for how in '' --noflush --nolockfs; do
	stamp /dev/mapper/a 4096 64 "with $how"
	# shellcheck disable=SC2086 # none is none
	dmsetup suspend $how a
	refused
	refused ' 1 read_only'
	dmsetup resume a
	[ "$(status a mode)" = rw ]
	dmsetup suspend a
	dmsetup load a --table "$right"
	refused
	dmsetup resume a
	[ "$(status a mode)" = rw ]
	dd if=/dev/mapper/a bs=512 skip=4096 count=1 iflag=direct status=none | grep -q 'with'
done

# A table that only reads is no reason to wait.
dmsetup load a --table "$right 1 read_only"
dmsetup resume a
refused
dmsetup load a --table "$right"
dmsetup resume a
[ "$(status a mode)" = rw ]

# A resume that has failed: what is loaded next is judged at once, and the device comes back.
dmsetup load a --table "$wrong"
expect_fail -k 'cannot resume' dmsetup resume a
[ "$(status a mode)" = fail ]
refused
dmsetup load a --table "$right"
dmsetup resume a
dd if=/dev/mapper/a bs=512 count=1 iflag=direct status=none | grep -q 'first 0'

dmsetup suspend a

# Judged while suspended; then the old table has another turn and changes the image.
dmsetup load a --table "$right"
dmsetup table --inactive a | grep -q vhdx
dmsetup clear a
dmsetup resume a
stamp /dev/mapper/a 8192 64 second
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx

# A snapshot's origin suspends internally what it sits on.
dev=$(backing a.vhdx)
map_image a "$dev" commit_interval 3600000 idle_close 0
cow=$(brd_make 200)
map o "0 $size snapshot-origin /dev/mapper/a"
stamp /dev/mapper/o 12288 64 origin
dmsetup suspend o
dmsetup suspend a
dmsetup load a --table "$right"
dmsetup resume a
dmsetup resume o
dd if=/dev/mapper/o bs=512 skip=12288 count=1 iflag=direct status=none | grep -q 'origin 12288'
map s "0 $size snapshot /dev/mapper/a $cow N 8"
stamp /dev/mapper/o 12288 64 newer
dd if=/dev/mapper/s bs=512 skip=12288 count=1 iflag=direct status=none | grep -q 'origin 12288'
unmap s
unmap o
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx

# Read-ahead is that of any disk, and mkfs sees no stripes, whatever the block size.
for block in 1M 32M 256M; do
	"$vhdx" create --force --size 1G --block-size $block l.vhdx
	l=$(backing l.vhdx 20)
	map_image l "$l"
	[ "$(blockdev --getioopt /dev/mapper/l)" -le 1048576 ]
	sys=/sys/block/$(dmsetup info -c --noheadings -o blkdevname l)
	[ "$(<"$sys/queue/read_ahead_kb")" -le 2048 ] || fail "read-ahead $(<"$sys/queue/read_ahead_kb") KiB"
	[ "$(<"$sys/alignment_offset")" = 0 ]
	mkfs.ext4 -n -v /dev/mapper/l >out
	grep -q 'Stride=0 blocks, Stripe width=0 blocks' out || fail "mkfs.ext4 $block: $(grep Str out)"
	mkfs.xfs -N /dev/mapper/l >out
	grep -q 'sunit=0 *swidth=0 blks' out || fail "mkfs.xfs $block: $(grep sunit out)"
	unmap l
	loop_remove "$l"
done

# Stripes of the backing device are real ones if they divide a MiB; others are not passed on.
r1=$(brd_make 200)
r2=$(brd_make 200)
for chunk in 128 24 4096; do
	stripes=$((195 * 2048 / chunk))
	map st "0 $((stripes * chunk * 2)) striped 2 $chunk $r1 0 $r2 0"
	"$vhdx" create --force --size 1G /dev/mapper/st
	map_image l /dev/mapper/st
	case $chunk in
	128) min=65536 opt=131072 ;;
	*) min=4096 opt=0 ;;
	esac
	[ "$(blockdev --getiomin /dev/mapper/l) $(blockdev --getioopt /dev/mapper/l)" = "$min $opt" ] ||
		fail "chunk $chunk: $(blockdev --getiomin /dev/mapper/l) $(blockdev --getioopt /dev/mapper/l)"
	unmap l
	unmap st
done
