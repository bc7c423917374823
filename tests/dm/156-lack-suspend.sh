# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 400
#
# A suspend meets metadata that waits for space below. What is under way goes on waiting, or is handed
# back with noflush; a file system that is written back by the suspend is not shut down, and one that is
# given up has cost nothing. A resume without space says what is lacking.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 120
insmod_vhdx
fill_host()
{
	fallocate -l "$(df --output=avail -B1 . | tail -n 1)" ballast || true
	dd if=/dev/zero of=ballast2 bs=1M oflag=direct status=none 2>/dev/null || true
	dd if=/dev/zero of=ballast3 bs=4k oflag=direct status=none 2>/dev/null || true
}
free_host() { rm -f ballast ballast2 ballast3; }
point=0
told() { grep -q 'has no space for what is written' <<<"$(kmsg_since "$point")"; }

# What the log will need next is a hole, and nothing is held in reserve for it.
dig() { fallocate --punch-hole --keep-size -o $((1048576 + 12288)) -l $((1048576 - 12288)) a.vhdx; }

# An image with holes where its log is, and space for $1 MiB of blocks.
start()
{
	rm -f a.vhdx
	"$vhdx" create --size 200M --block-size 1M a.vhdx
	fallocate --dig-holes a.vhdx
	dev=$(backing a.vhdx 220)
	[ "$1" = 0 ] || fallocate -o 4M -l "$1M" a.vhdx
	map slow "0 $(sectors "$dev") linear $dev 0"
	map_image a /dev/mapper/slow commit_interval 3600000 idle_close 0 zeroed_from $((4 * 2048))
}

stop()
{
	unmap a
	unmap slow
	loop_remove "$dev"
	"$vhdx" check a.vhdx
}

for how in --noflush ''; do
	note "a write that waits for its session: suspend $how"
	start 0
	fill_host
	point=$(kmsg_point)
	dd if=/dev/zero of=/dev/mapper/a bs=4k seek=2560 count=1 oflag=direct status=none 2>"$STATE/out" &
	dd=$!
	wait_for 60 told
	sleep 1
	[ -n "$how" ] || { sleep 3; free_host; } &
	freed=$!
	# shellcheck disable=SC2086 # nothing, or a word
	dmsetup suspend $how --nolockfs a
	wait $freed
	free_host
	dmsetup resume a
	wait $dd || fail "the write failed: $(cat "$STATE/out")"
	[ "$(status a mode)" = rw ]
	stop
done

note 'a suspend that is given up'
start 20
stamp /dev/mapper/a 0 64 first
sync /dev/mapper/a
dig
fill_host
point=$(kmsg_point)
remap slow "0 $(sectors "$dev") delay $dev 0 8000 $dev 0 0"
{ dd if=/dev/zero of=/dev/mapper/a bs=4k seek=768 count=1 oflag=direct conv=fsync status=none 2>"$STATE/out"; } &
sync=$!
wait_for 60 told
dd if=/dev/mapper/a of=/dev/null bs=4k count=1 iflag=direct status=none &
read=$!
sleep 1
timeout -s INT 2 dmsetup suspend --nolockfs a || true
[ "$(dmsetup info -c --noheadings -o suspended a)" = Active ] || fail 'it was not given up'
free_host
wait $sync || fail "the flush failed: $(cat "$STATE/out")"
wait $read
[ "$(status a mode)" = rw ]
dd if=/dev/zero of=/dev/mapper/a bs=4k seek=9 count=1 oflag=direct status=none
stop

note 'a file system'
start 60
mkfs.ext4 -q -E lazy_itable_init=1 /dev/mapper/a 30M
mkdir -p inside
mount /dev/mapper/a inside
at_exit eval "! mountpoint -q $SCRATCH/inside || umount $SCRATCH/inside"
sync
dig
fill_host
dd if=/dev/zero of=inside/file bs=1M count=8 status=none
{ sleep 3; free_host; } &
freed=$!
dmsetup suspend a
wait $freed
dmsetup resume a
dd if=/dev/zero of=inside/file2 bs=4k count=1 conv=fsync status=none || fail 'the file system is gone'
umount inside
[ "$(status a mode)" = rw ]
stop

note 'a resume'
start 20
stamp /dev/mapper/a 0 64 first
sync /dev/mapper/a
dig
fill_host
dmsetup suspend --nolockfs a
[ "$(status a mode)" = ro ]
# The BAT is all in the log; its place is a hole.
fallocate --punch-hole --keep-size -o 3M -l 1M a.vhdx
fill_host
expect_fail -k 'no space for' dmsetup resume a
free_host
dmsetup resume a
[ "$(status a mode)" = rw ]
dd if=/dev/mapper/a bs=512 skip=8 count=1 iflag=direct status=none | grep -q 'first 8'
stop
