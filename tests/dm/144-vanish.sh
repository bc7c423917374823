# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# smp: 2
# debug: long
# timeout: 600
#
# The backing device is taken away under load: everybody gets errors, nobody hangs, the mapping can
# be removed; and when the disk comes back, what was flushed is on it.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

insmod_vhdx
modprobe sd_mod
modprobe scsi_debug dev_size_mb=120 delay=0 max_luns=1 num_tgts=1
at_exit rmmod scsi_debug
host=
for dir in /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*; do
	host=${dir##*/}
done
sd_found()
{
	local dir

	for dir in /sys/bus/pseudo/drivers/scsi_debug/adapter0/"$host"/target*/*/block/sd*; do
		[ -e "$dir" ] && sd=${dir##*/} && [ -b "/dev/$sd" ] && return 0
	done
	return 1
}
wait_for 60 sd_found
"$vhdx" create --force --size 100M --block-size 1M "/dev/$sd"

mib=0
readonly STEP=8
for how in idle suspended loaded; do
	map_image a "/dev/$sd" commit_interval 100
	writer $mib $STEP
	more_ops 100
	mib=$((mib + 2 * STEP))
	case $how in
	suspended) dmsetup suspend a ;;
	loaded) dmsetup load a --table "$(dmsetup table a)" ;;
	esac
	echo 1 >"/sys/block/$sd/device/delete"
	[ $how != suspended ] || { expect_fail -k 'cannot resume' dmsetup resume a; dmsetup wipe_table --noflush a; }
	writer_on
	more_errors 100
	[ $how != loaded ] || ! dmsetup resume a || fail 'a table of a device that is gone'
	note "$how: $(dmsetup status a)"
	[ $how != loaded ] || dmsetup wipe_table --noflush a
	writer_done
	dmsetup remove a
	echo '- - -' >"/sys/class/scsi_host/$host/scan"
	wait_for 60 sd_found
	map_image a "/dev/$sd"
	[ "$(status a mode)" = rw ]
	holds /dev/mapper/a
	unmap a
	"$vhdx" check "/dev/$sd"
done
