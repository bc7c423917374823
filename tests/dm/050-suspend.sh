# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# timeout: 900
#
# Suspend leaves a clean image that others may change; resume sees what they did.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need qemu-io

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 40M --block-size 1M a.vhdx
dev=$(backing a.vhdx 60)
map_image a "$dev"
stamp /dev/mapper/a 0 64 before
dmsetup message a 0 commit
[ "$(status a dirty)" = 0 ] || fail 'the message has committed nothing'
stamp /dev/mapper/a 4096 64 before

dmsetup suspend a
snapshot "$dev" copy.vhdx
"$vhdx" check copy.vhdx
"$vhdx" info copy.vhdx | grep -qi 'clean' || fail 'the log is not clean'
qemu-io -r -f vhdx -c 'read -v 2097152 512' copy.vhdx >out
grep -q 'before[.]4096' out
dmsetup resume a
stamp /dev/mapper/a 8192 64 after
dmsetup suspend a

# Somebody else writes while it is suspended: an allocation, and new contents.
# (qemu puts new blocks at the end of the file, and the device is not to grow.)
dd if=a.vhdx of=other.vhdx bs=1M conv=sparse status=none
truncate -s "$(status a used)M" other.vhdx
qemu-io -f vhdx -c 'write -P 0x5a 20M 64k' -c 'write -P 0x5b 0 4k' other.vhdx >/dev/null
dd if=other.vhdx of="$dev" bs=1M oflag=direct conv=notrunc status=none
dmsetup resume a
cmp <(dd if=/dev/mapper/a bs=64k skip=320 count=1 iflag=direct status=none) \
	<(head -c 65536 /dev/zero | tr '\0' '\132') || fail 'resume has not seen the new block'
cmp <(dd if=/dev/mapper/a bs=4k count=1 iflag=direct status=none) \
	<(head -c 4096 /dev/zero | tr '\0' '\133')
dd if=/dev/mapper/a bs=512 skip=8192 count=1 iflag=direct status=none | grep -q 'after 8192'
# ... and goes on allocating where they left off.
stamp /dev/mapper/a 16384 64 later
dmsetup suspend a
dmsetup resume a
dd if=/dev/mapper/a bs=512 skip=16384 count=1 iflag=direct status=none | grep -q 'later 16384'
cmp <(dd if=/dev/mapper/a bs=64k skip=320 count=1 iflag=direct status=none) \
	<(head -c 65536 /dev/zero | tr '\0' '\132') || fail 'a new block was put over theirs'

# What they leave must be an image: else resume fails, says why, and may be tried again.
dmsetup suspend a
dd if="$dev" of=head bs=1M count=1 iflag=direct status=none
dd if=/dev/zero of="$dev" bs=64k seek=1 count=2 oflag=direct status=none
expect_fail -k 'cannot resume: both headers are damaged' dmsetup resume a
[ "$(status a mode)" = fail ]
dd if=head of="$dev" bs=1M oflag=direct status=none
dmsetup resume a
[ "$(status a mode)" = rw ]
dd if=/dev/mapper/a bs=512 skip=16384 count=1 iflag=direct status=none | grep -q 'later 16384'

# Suspend and resume under load.
fio --name=w --filename=/dev/mapper/a --rw=randwrite --bs=4k --size=38M --io_size=5M --ioengine=libaio \
	--iodepth=8 --direct=1 --verify=crc32c --minimal >fio.out &
fio=$!
for _ in 1 2 3 4 5 6 7 8; do
	sleep 0.3
	dmsetup suspend a
	dmsetup resume a
done
wait $fio || { cat fio.out; fail 'fio'; }
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx
