# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
# smp: 2
# debug: long
# timeout: 900
#
# Everything an administrator may do to a live device, under eight jobs that write and allocate: no
# write fails, and each is there. Then what takes the device away from them.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
ram=$(foreign_disk 140)
"$vhdx" create --force --size 130M --block-size 1M "$ram"
size=$(image_sectors "$ram")
map_image a "$ram" commit_interval 100

writer 0 4
options=('' ' 2 commit_interval 20' ' 1 error_if_no_space' ' 2 commit_interval 0')
for round in 0 1 2 3 4 5; do
	for i in 0 1; do
		option=${options[(2 * round + i) % 4]}
		dmsetup load a --table "0 $size vhdx $ram$option"
		# A table that is thought better of.
		[ $((round % 3)) != 0 ] || { dmsetup clear a; dmsetup load a --table "0 $size vhdx $ram$option"; }
		[ $((round % 4)) != 1 ] || dmsetup suspend --noflush a
		dmsetup resume a
	done
	dmsetup suspend a
	blockdev --flushbufs "$ram"
	"$vhdx" info --json "$ram" | grep -q '"log_state":"clean"' || fail 'suspended, but not clean'
	dmsetup resume a
	dmsetup message a 0 commit
	expect_fail -m 'in use' rmmod dm_vhdx
	expect_fail -m 'busy' dmsetup remove a
	expect_fail -k 'mapped already' dmsetup create b --table "0 $size vhdx $ram"
	[ "$(status a mode)" = rw ]
	writer_on
	more_ops 50
done
writer_done
no_errors
holds /dev/mapper/a all
unmap a
"$vhdx" check "$ram"
map_image a "$ram" read_only
holds /dev/mapper/a all
unmap a

# By force: those who write get errors from then on, the image is closed.
mib=28
for how in remove wipe_table; do
	map_image a "$ram" commit_interval 100
	writer $mib 8
	more_ops 100
	case $how in
	remove) dmsetup remove --force a || true ;;	# it is open
	wipe_table) dmsetup wipe_table a ;;
	esac
	more_errors 50
	writer_done
	dmsetup remove a 2>/dev/null || ! dmsetup info a >/dev/null 2>&1 || fail 'it cannot be removed'
	"$vhdx" check "$ram"
	"$vhdx" info --json "$ram" | grep -q '"log_state":"clean"' || fail 'the log is not clean'
	map_image a "$ram"
	holds /dev/mapper/a
	unmap a
	mib=$((mib + 8))
done

# By force while writes wait for space that never comes.
sit_on "$ram"
remap back "0 $(((mib + 8) * 2048)) linear $ram 0"
map a "0 $size vhdx /dev/mapper/back"
writer $mib 40
full() { [ "$(status a used)" = "$(status a size)" ]; }
wait_for 300 full
wait_for 300 kmsg_has 'no space left'
dmsetup remove --force a || true
more_errors 20
writer_done
dmsetup remove a 2>/dev/null || true
map a "0 $size vhdx /dev/mapper/back"
holds /dev/mapper/a
unmap a
unmap back
"$vhdx" check "$ram"
