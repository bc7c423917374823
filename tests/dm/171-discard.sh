# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# debug: turn
# kcsan: yes
# timeout: 300
#
# Discards give blocks back: to the image, and by holes to the file below. Zeroes by command, too.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need blkdiscard fstrim

queue() { cat "/sys/block/$(dmsetup info -c --noheadings -o blkdevname a)/queue/$1"; }
file_kib() { sync f.vhdx; du -k f.vhdx | cut -f1; }
fill() { dd if=/dev/urandom of=/dev/mapper/a bs=1M seek="$1" count="$2" oflag=direct conv=notrunc status=none; }
zeros() { cmp -s <(dd if=/dev/mapper/a bs=1M skip="$1" count="$2" iflag=direct status=none) <(head -c "${2}M" /dev/zero); }
quiet() { [ "$(file_kib)" -le "$1" ]; }

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 64M --block-size 2M f.vhdx
dev=$(backing f.vhdx 100)
meta=$(stat -c %s f.vhdx)
map_image a "$dev" zeroed_from $((6 * 2048))
[ "$(queue discard_granularity)" = $((2 << 20)) ] || fail "granularity $(queue discard_granularity)"
[ "$(queue discard_max_bytes)" -gt $((1 << 30)) ] || fail "at most $(queue discard_max_bytes)"
[ "$(queue discard_max_bytes)" = $(($(queue discard_max_bytes) >> 21 << 21)) ]

note 'whole blocks'
empty=$(file_kib)
fill 0 64
[ "$(status a allocated)" = 32 ]
full=$(file_kib)
[ "$full" -ge $((empty + 60000)) ]
blkdiscard -o 4M -l 20M /dev/mapper/a
zeros 4 20 || fail 'not zeros at once'
! zeros 0 4 || fail 'too much'
[ "$(status a allocated)" = 22 ] || fail "$(dmsetup status a)"
dmsetup message a 0 commit
wait_for 60 quiet $((full - 19000))
used=$(status a used)

note 'the space is used again, and the file does not grow'
fill 10 4
[ "$(status a allocated)" = 24 ]
[ "$(file_kib)" -le $((full - 15000)) ] || fail 'it takes other space'
[ "$(status a used)" = $((used + 4)) ]
zeros 14 2

note 'parts of blocks are passed down, ends of ranges do no harm'
dd if=/dev/mapper/a of=was bs=1M count=64 iflag=direct status=none
blkdiscard -o 1M -l 2M /dev/mapper/a
cmp <(head -c 1M was) <(dd if=/dev/mapper/a bs=1M count=1 iflag=direct status=none)
cmp <(tail -c +3145729 was | head -c 1M) <(dd if=/dev/mapper/a bs=1M skip=3 count=1 iflag=direct status=none)
[ "$(status a allocated)" = 24 ]

note 'zeroes'
fill 0 8
blkdiscard -z -o 512 -l $((3 << 20)) /dev/mapper/a
zeros 1 2 || fail 'not zeros'
[ "$(dd if=/dev/mapper/a bs=512 count=1 iflag=direct status=none | tr -d '\0' | wc -c)" -gt 400 ] || fail 'too much'
! zeros 4 4

note 'beyond the end, unaligned, huge'
expect_fail blkdiscard -o 100M -l 2M /dev/mapper/a
expect_fail blkdiscard -o 100 -l 2M /dev/mapper/a
blkdiscard /dev/mapper/a
zeros 0 64
[ "$(status a allocated)" = 0 ] || fail "$(dmsetup status a)"
unmap a
"$vhdx" check "$dev"
quiet $((empty + 1024)) || fail "the file has $(file_kib) KiB, not $empty"

note 'a file system gives back what it does not use'
map_image a "$dev"
mkfs.ext4 -q -E nodiscard /dev/mapper/a
mkdir mnt
mount /dev/mapper/a mnt
dd if=/dev/urandom of=mnt/big bs=1M count=30 conv=fsync status=none
before=$(status a allocated)
rm mnt/big
sync -f mnt
fstrim -v mnt
[ "$(status a allocated)" -lt $((before - 8)) ] || fail "$before before, $(status a allocated) after"
umount mnt
e2fsck -fn /dev/mapper/a >/dev/null
unmap a

note 'as the table says'
map_image a "$dev" no_discard_passdown
fill 0 4
full=$(file_kib)
blkdiscard -l 4M /dev/mapper/a
zeros 0 4
unmap a
[ "$(file_kib)" -ge $((full - 100)) ] || fail 'passed down'
map_image a "$dev" no_discard
[ "$(queue discard_max_bytes)" = 0 ]
expect_fail blkdiscard /dev/mapper/a
fill 0 4
blkdiscard -z -l 4M /dev/mapper/a
zeros 0 4
unmap a
map_image a "$dev" read_only
[ "$(queue discard_max_bytes)" = 0 ] || expect_fail blkdiscard /dev/mapper/a
unmap a
loop_remove "$dev"
"$vhdx" check f.vhdx

note 'a table offers what it does, whatever the one before it did'
dev=$(backing f.vhdx 100)
map_image a "$dev" no_discard
remap a "0 $(image_sectors "$dev") vhdx $dev"
[ "$(queue discard_max_bytes)" -gt 0 ] || fail 'none offered'
remap a "0 $(image_sectors "$dev") vhdx $dev 1 no_discard"
[ "$(queue discard_max_bytes)" = 0 ] || fail 'offered'
unmap a
loop_remove "$dev"

note 'one that waits when the mode changes fails'
dev=$(backing f.vhdx 100)
map back "0 $(blockdev --getsz "$dev") linear $dev 0"
map a "0 $(image_sectors "$dev") vhdx /dev/mapper/back"
remap back "0 $(blockdev --getsz "$dev") flakey $dev 0 0 1000 1 error_writes"
expect_fail timeout 60 blkdiscard -l 2M /dev/mapper/a
[ "$(status a mode)" = ro ]
unmap a
unmap back
loop_remove "$dev"

note 'a device that frees pieces of 3 MiB, and those whole, frees them all'
truncate -s 4M thin-meta
truncate -s 100M thin-data
meta_dev=$(loop_make thin-meta)
data_dev=$(loop_make thin-data)
map pool "0 $((100 * 2048)) thin-pool $meta_dev $data_dev 6144 0"
dmsetup message pool 0 'create_thin 0'
map thin "0 $((99 * 2048)) thin /dev/mapper/pool 0"
"$vhdx" create --size 64M --block-size 2M h.vhdx
dd if=h.vhdx of=/dev/mapper/thin bs=1M conv=sparse,notrunc oflag=direct status=none
map_image a /dev/mapper/thin
fill 0 60
thin_mib() { echo $(($(dmsetup status thin | cut -d' ' -f4) / 2048)); }
frees() { [ "$(thin_mib)" -le "$1" ]; }
before=$(thin_mib)
blkdiscard -l 60M /dev/mapper/a
dmsetup message a 0 commit
wait_for 60 frees $((before - 54))
unmap a
unmap thin
unmap pool
loop_remove "$meta_dev"
loop_remove "$data_dev"

note 'a fixed image keeps its blocks'
"$vhdx" create --type fixed --size 16M g.vhdx
dev=$(backing g.vhdx)
map_image a "$dev"
[ "$(queue discard_max_bytes)" = 0 ]
fill 0 16
kib=$(du -k g.vhdx | cut -f1)
blkdiscard -z -l 8M /dev/mapper/a
zeros 0 8
unmap a
[ "$(du -k g.vhdx | cut -f1)" -ge $((kib - 8200)) ]
loop_remove "$dev"
"$vhdx" check g.vhdx
[ "$meta" -gt 0 ]
