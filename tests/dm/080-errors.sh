# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: turn
# timeout: 900
#
# The backing device fails: errors reach the caller, the mode says so, and nothing that was flushed
# is lost.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 100M --block-size 1M a.vhdx
truncate -s 150M a.vhdx
dev=$(backing a.vhdx)
size=$((100 * 2048))
n=$(sectors "$dev")

map back "0 $n linear $dev 0"
# No commit but those asked for, or it would not be the FLUSH that finds out.
map a "0 $size vhdx /dev/mapper/back 4 commit_interval 3600000 idle_close 0"
stamp /dev/mapper/a 0 64 safe
sync /dev/mapper/a

# All writes fail: an allocation cannot be made durable.
remap back "0 $n flakey $dev 0 0 1000 1 error_writes"
expect_fail -m 'error' dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct
expect_fail -m 'error' dd if=/dev/urandom of=/dev/mapper/a bs=4k seek=12800 count=1 oflag=direct conv=fsync
note "$(dmsetup status a)"
# Reads go on.
dd if=/dev/mapper/a bs=512 count=1 iflag=direct status=none | grep -q 'safe 0'
remap back "0 $n linear $dev 0"

# The metadata fails, the payload does not: the first 8 MiB of the device are bad.
meta=$((8 * 2048))
dmsetup suspend a
dmsetup resume a
[ "$(status a mode)" = rw ] || fail 'suspend and resume did not bring it back'
# Whatever was under way when the flush failed may be lost, and nobody knows of what.
expect_fail -m 'Input/output error' sync /dev/mapper/a
dd if=/dev/urandom of=/dev/mapper/a bs=1M seek=2 count=4 oflag=direct conv=fsync status=none
remap back "0 $meta error
$meta $((n - meta)) linear $dev $meta"
dd if=/dev/urandom of=/dev/mapper/a bs=1M seek=20 count=1 oflag=direct status=none
expect_fail -k 'mode changes from rw to ro' sync /dev/mapper/a
[ "$(status a mode)" = ro ]
expect_fail -m 'error' dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct
expect_fail -m 'error' dmsetup message a 0 commit
expect_fail sync /dev/mapper/a
dd if=/dev/mapper/a bs=1M skip=20 count=1 iflag=direct status=none >/dev/null
# It cannot be loaded again like this, but once the device is well.
dmsetup suspend a
expect_fail -k 'cannot resume: cannot be read' dmsetup resume a
remap back "0 $n linear $dev 0"
dmsetup resume a
[ "$(status a mode)" = rw ]
dd if=/dev/mapper/a bs=512 count=1 iflag=direct status=none | grep -q 'safe 0'
stamp /dev/mapper/a 8192 64 again
unmap a

# The session cannot be opened.
map a "0 $size vhdx /dev/mapper/back"
remap back "0 $meta error
$meta $((n - meta)) linear $dev $meta"
expect_fail -k 'session cannot be opened' dd if=/dev/zero of=/dev/mapper/a bs=4k count=1 oflag=direct
[ "$(status a mode)" = ro ]
unmap a
expect_fail -k 'cannot be read' dmsetup create a --table "0 $size vhdx /dev/mapper/back"
remap back "0 $n linear $dev 0"

# The device vanishes under load.
map a "0 $size vhdx /dev/mapper/back"
fio --name=w --filename=/dev/mapper/a --rw=randwrite --bs=4k --size=100M --time_based --runtime=20 \
	--ioengine=libaio --iodepth=16 --direct=1 --fsync=8 --minimal >/dev/null 2>&1 &
fio=$!
sleep 2
remap back "0 $n error"
wait $fio || true
timeout 20 dmsetup remove --force a || fail 'cannot be removed'
remap back "0 $n linear $dev 0"
map a "0 $size vhdx /dev/mapper/back"
dd if=/dev/mapper/a bs=512 skip=8192 count=1 iflag=direct status=none | grep -q 'again 8192'
unmap a
unmap back
loop_remove "$dev"
"$vhdx" check a.vhdx
