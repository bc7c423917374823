#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# debug: turn
# timeout: 300
#
# The helpers themselves, on devices that have nothing to do with ours: what the other tests
# rest on.

need dmsetup losetup fio

[ "$(uname -r)" = "$VHDX_RELEASE" ] || fail "running $(uname -r)"

# RAM disks, and a mapping over one
ram=$(brd_make 16)
other=$(brd_make 16)
[ "$ram" != "$other" ] || fail 'the same RAM disk twice'
[ "$(sectors "$ram")" = 32768 ] || fail 'RAM disk of another size'
map lin "0 16384 linear $ram 16384"
dd if=/dev/urandom of=/dev/mapper/lin bs=1M count=8 oflag=direct status=none
[ "$(sha_dev /dev/mapper/lin)" = "$(sha_dev "$ram" 8)" ] || fail 'dm-linear maps elsewhere'

# A new table for a live device
remap lin "0 8192 linear $ram 0"
[ "$(sectors /dev/mapper/lin)" = 8192 ] || fail 'the new table is not in use'
[ "$(sha_dev /dev/mapper/lin)" = "$(sha_dev "$ram" 0 4)" ] || fail 'the new table maps elsewhere'

# Failures are seen for what they are, with the kernel's reason
expect_fail -m 'device-mapper|Invalid' -k 'linear: Device lookup failed' \
	map nolin '0 8 linear /dev/nonexistent 0'
expect_fail test -e /dev/mapper/nolin
if (expect_fail true) 2>/dev/null; then fail 'expect_fail accepts success'; fi
if (expect_fail /nonexistent) 2>/dev/null; then fail 'expect_fail accepts a missing program'; fi
echo 'vhdx-test: hello' >/dev/kmsg
kmsg_has 'vhdx-test: hello' || fail 'the kernel log is out of reach'
if kmsg_has 'Linux version'; then fail 'the kernel log begins before the test'; fi

# A file system for loop devices with direct I/O
scratch_fs 16
truncate -s 8M image
loop=$(loop_make image --direct-io=on --sector-size 4096)
[ "$(cat "/sys/block/${loop##*/}/loop/dio")" = 1 ] || fail 'no direct I/O'
[ "$(blockdev --getss "$loop")" = 4096 ] || fail 'another sector size'

# null_blk: sizes and logical blocks to order, with a volatile cache
null=$(nullb_make 8 blocksize=4096 cache_size=1 discard=1)
[ "$(blockdev --getss "$null")" = 4096 ] || fail 'null_blk with another logical block size'
[ "$(cat "/sys/block/${null##*/}/queue/write_cache")" = 'write back' ] || fail 'no volatile cache'
fio --name=verify --filename="$null" --rw=randwrite --bs=4k --size=4M --verify=crc32c \
	--direct=1 --ioengine=libaio --iodepth=8 --output-format=terse >/dev/null

# What targets the crash tests build on
for module in dm-flakey dm-log-writes; do
	modprobe "$module" || fail "no $module"
done
targets=$(dmsetup targets)
for target in flakey log-writes error zero; do
	grep -q "^$target " <<<"$targets" || modprobe "dm-$target" || fail "no target $target"
done
