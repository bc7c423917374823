# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: turn
# timeout: 900
#
# No space left: error or queue, and going on after the backing device grew.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 100M --block-size 1M a.vhdx
used=$(($(stat -c %s a.vhdx) / 1048576))
dev=$(backing a.vhdx $((used + 10)))
events() { dmsetup info -c --noheadings -o events "$1"; }

map_image a "$dev" error_if_no_space
before=$(events a)
dd if=/dev/urandom of=data bs=1M count=10 status=none
dd if=data of=/dev/mapper/a bs=1M oflag=direct status=none
expect_fail -m 'No space left' dd if=/dev/zero of=/dev/mapper/a bs=1M seek=50 count=1 oflag=direct
kmsg_has 'space is low' || fail 'nobody was told that space is low'
kmsg_has 'no space left: extend' || fail 'nobody was told that there is no space'
[ "$(events a)" -gt "$before" ] || fail 'no event'
# What is there stays usable, and nothing of the failed write is seen.
cmp <(dd if=/dev/mapper/a bs=1M count=10 iflag=direct status=none) data
dd if=data of=/dev/mapper/a bs=1M count=10 oflag=direct status=none
[ "$(dd if=/dev/mapper/a bs=1M skip=50 count=1 iflag=direct status=none | tr -d '\0' | wc -c)" = 0 ]
[ "$(status a mode)" = rw ]
# It grows: the next write finds the space.
truncate -s $((used + 20))M a.vhdx
losetup -c "$dev"
dd if=data of=/dev/mapper/a bs=1M seek=50 count=10 oflag=direct status=none
[ "$(status a allocated)" = 20 ]
unmap a

# The default: the write waits.
map_image a "$dev"
dd if=data of=/dev/mapper/a bs=1M seek=80 count=5 oflag=direct status=none 2>dd.out &
dd=$!
sleep 3
kill -0 $dd || fail "the write did not wait: $(cat dd.out)"
truncate -s $((used + 40))M a.vhdx
losetup -c "$dev"
wait $dd || fail "the write failed: $(cat dd.out)"
cmp <(dd if=/dev/mapper/a bs=1M skip=80 count=5 iflag=direct status=none) <(head -c 5M data)

# Suspend with noflush takes a waiting write to the next table.
fill=$((100 - $(status a allocated)))
note "$fill blocks are absent, $(($(status a size) - $(status a used))) MiB free"
dd if=/dev/zero of=/dev/mapper/a bs=1M oflag=direct status=none 2>dd.out &
dd=$!
full() { [ "$(status a used)" = "$(status a size)" ]; }
wait_for 20 full
sleep 1
dmsetup suspend --noflush a
truncate -s 220M a.vhdx
losetup -c "$dev"
dmsetup resume a
wait $dd || grep -q 'No space left' dd.out	# the end of the disk itself
[ "$(status a allocated)" = 100 ]
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx
