# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
# smp: 2
# debug: long
# timeout: 900
#
# Space runs out under eight jobs, and comes back: for the image, and for the sparse file below it.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

scratch_fs 200
insmod_vhdx
"$vhdx" create --size 120M --block-size 1M a.vhdx
size=$((120 * 2048))
dev=$(backing a.vhdx 14)
events() { dmsetup info -c --noheadings -o events a; }
grow() { truncate -s "$1M" a.vhdx && losetup -c "$dev"; }
full() { [ "$(status a used)" = "$(status a size)" ]; }
room() { [ "$(status a used)" -lt "$(status a size)" ]; }

# Writes wait; the others go on. It grows a little at a time, and no write fails.
map_image a "$dev" commit_interval 100
before=$(events)
writer 0 30
for mib in 18 22 30; do
	wait_for 300 full
	wait_for 300 kmsg_has 'no space left: extend the backing device, writes wait'
	grow $mib
done
grow 40
wait_for 300 room
more_ops 300
writer_done
no_errors
[ "$(events)" -gt "$before" ] || fail 'no event'
holds /dev/mapper/a all

# With error_if_no_space they fail, and only those that need space.
remap a "0 $size vhdx $dev 3 commit_interval 100 error_if_no_space"
writer 30 20
wait_for 300 full
more_errors 50
[ "$(status a mode)" = rw ]
sync /dev/mapper/a
grow 60
wait_for 300 room
more_ops 300
writer_done
[ "$space_errors" -gt 0 ] || fail 'nobody got ENOSPC'
[ $flush_errors = 0 ] || fail 'a flush has failed'
[ $((write_errors - space_errors)) = 0 ] || fail 'other errors than ENOSPC'
holds /dev/mapper/a all

# Suspended with noflush while writes wait, grown, and the same writes go to the next table.
remap a "0 $size vhdx $dev 2 commit_interval 100"
writer 50 40
for mib in 70 80; do
	wait_for 300 full
	dmsetup load a --table "0 $size vhdx $dev 2 commit_interval 50"
	dmsetup suspend --noflush a
	grow $mib
	dmsetup resume a
done
grow 110
wait_for 300 room
more_ops 300
writer_done
no_errors
holds /dev/mapper/a all

# The file system below is full: that is an error of the device.
fallocate -l "$(df --output=avail -B1 . | tail -n 1)" ballast || true
dd if=/dev/zero of=ballast2 bs=1M status=none 2>/dev/null || true
grow 125
writer 90 20
more_errors 20
note "$(dmsetup status a)"
rm -f ballast ballast2
[ "$(status a mode)" = rw ] || recover a
writer_on
more_ops 300
writer_done
holds /dev/mapper/a
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx
dev=$(backing a.vhdx)
map_image a "$dev" read_only
holds /dev/mapper/a
unmap a
