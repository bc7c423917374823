# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kcsan: yes
# kernels: check
#
# A guest's flush costs one flush of the backing device, whether there are new blocks to commit or
# not, and however often the log wraps: what is applied rides on the flushes of later commits.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need fio

# Flush requests that a device has completed.
flushes() { awk '{ print $16 }' "/sys/block/${1##*/}/stat"; }

# flush_each NAME STRIDE_KIB COUNT: write 4 KiB and flush, COUNT times
flush_each()
{
	fio --name=flush --filename="/dev/mapper/$1" --ioengine=psync --direct=1 --bs=4k \
		--rw="write:$(($2 - 4))k" --io_size="$(($3 * 4))k" --fdatasync=1 --minimal >/dev/null
}

scratch_fs 700
insmod_vhdx
"$vhdx" create --size 600M --block-size 1M --log-size 1M f.vhdx
dev=$(backing f.vhdx 610)
map f "0 $(image_sectors f.vhdx) vhdx $dev 6 zeroed_from $((4 * 2048)) commit_interval 3600000 idle_close 0"
# The session: log and two headers.
stamp /dev/mapper/f 0 8 first
sync /dev/mapper/f

for kind in 'new blocks:1024' 'blocks that are there:8'; do
	before=$(flushes "$dev")
	entries=$(dmsetup status f | awk '{ print $13 }')
	flush_each f "${kind#*:}" 500
	count=$(($(flushes "$dev") - before))
	note "${kind%:*}: 500 flushes became $count, $(($(dmsetup status f | awk '{ print $13 }') - entries)) log entries"
	# fio leaves out the last one, or adds one in the end.
	[ $count -ge 499 ] || fail 'there are too few'
	[ $count -le 502 ] || fail 'there are too many'
done
[ "$(status f allocated)" -ge 500 ]
unmap f
loop_remove "$dev"
"$vhdx" check f.vhdx
