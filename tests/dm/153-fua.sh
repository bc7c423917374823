# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 600
#
# A FUA write that fails is no flush that fails: it may not have been tried at all (EAGAIN, no tag
# below), or one sector may be bad. Its sender hears of it, nobody else does.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need fio

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 100M --block-size 1M a.vhdx
dev=$(backing a.vhdx 120)
[ "$(cat "/sys/block/${dev##*/}/queue/write_cache")" = 'write back' ] || fail "$dev has no volatile cache"
map_image a "$dev"
dd if=/dev/zero of=/dev/mapper/a bs=1M oflag=direct conv=fsync status=none 2>/dev/null || true

# More in flight than the loop device has tags.
fio --name=dsync --filename=/dev/mapper/a --ioengine=io_uring --nowait=1 --sync=dsync --direct=1 \
	--rw=randwrite --bs=4k --iodepth=256 --size=100M --io_size=8M --ignore_error=,EAGAIN \
	--minimal >/dev/null || note 'fio was not content'
[ "$(status a mode)" = rw ] || fail "EAGAIN: the mode is $(status a mode)"
sync /dev/mapper/a
dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct,dsync status=none
used=$(status a used)
unmap a

# One bad MiB, in the middle of the blocks.
n=$(sectors "$dev")
at=$((used * 1024 / 2048 * 2048))
map back "0 $at linear $dev 0
$at 2048 error
$((at + 2048)) $((n - at - 2048)) linear $dev $((at + 2048))"
map_image a /dev/mapper/back
bad=0
for ((mib = 0; mib < 100; mib++)); do
	dd if=/dev/zero of=/dev/mapper/a bs=4k seek=$((mib * 256)) count=1 oflag=direct,dsync \
		status=none 2>dd.out || { bad=$((bad + 1)); grep -q 'Input/output error' dd.out; }
done
[ $bad = 1 ] || fail "$bad of 100 blocks fail"
[ "$(status a mode)" = rw ] || fail "a bad sector: the mode is $(status a mode)"
sync /dev/mapper/a
unmap a

# The same where device mapper below claims FUA itself, or has no cache at all.
ram=$(brd_make 300)
map back2 "0 $(sectors "$ram") linear $ram 0"
"$vhdx" create --force --size 100M --block-size 1M /dev/mapper/back2
map_image b /dev/mapper/back2
fio --name=dsync --filename=/dev/mapper/b --ioengine=psync --sync=dsync --direct=1 --rw=write --bs=64k \
	--size=40M --verify=crc32c --minimal >/dev/null
[ "$(status b mode)" = rw ]
unmap b
unmap back2
unmap back
loop_remove "$dev"
"$vhdx" check a.vhdx
