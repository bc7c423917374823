# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 400
#
# "vhdx resize" of a disk in use: who writes to it meanwhile sees no error and always what was written,
# in each format. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need fio sfdisk resize2fs qemu-img

scratch_fs 900 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
. "$VHDX_TOP/tests/lib/resize.sh"

# --- a file system that is mounted ---------------------------------------------------------------------

"$vhdx" create --size 64M --block-size 1M disk.vhdx
"$vhdx" attach disk.vhdx disk >out
sfdisk -q --no-reread --no-tell-kernel /dev/mapper/disk <<END
label: gpt
2048,
END
"$vhdx" detach disk
"$vhdx" attach disk.vhdx disk >out
mkfs.ext4 -q /dev/mapper/disk1
mkdir mnt
mount /dev/mapper/disk1 mnt
unmount() { ! mountpoint -q "$SCRATCH/mnt" || umount "$SCRATCH/mnt"; }
at_exit unmount
fio --name=w --directory=mnt --rw=randwrite --bs=4k-64k --size=24M --ioengine=libaio --iodepth=8 --direct=1 \
	--loops=2 --do_verify=1 --verify=crc32c --verify_fatal=1 --minimal >fio.out 2>&1 &
fio=$!
at_exit end_process $fio
# By name, by its file, by its node; dry runs change nothing.
expect_status 0 resize --dry-run disk 100M
[ "$(bytes disk)" = $((64 << 20)) ]
expect_status 0 resize --verbose --json disk 100M
[ "$(json 'j["attached"], j["size_before"], j["virtual_size"], j["partition_table"]')" = \
	"True $((64 << 20)) $((100 << 20)) gpt" ] || fail "$(<out)"
grep -q 'disk: note: I/O waited for' err || fail "$(<err)"
expect_status 0 resize disk.vhdx 200M
expect_status 0 resize /dev/mapper/disk 400M
[ "$(bytes disk)" = $((400 << 20)) ]
running disk && running disk1
wait $fio || { cat fio.out; fail 'what was written is not there'; }
# The copy of its table has moved; the partition gets larger, and then its file system.
sfdisk -V /dev/mapper/disk >verified 2>&1 || fail "$(<verified)"
! grep -qiE 'mismatch|corrupt|backup' verified || fail "$(<verified)"
sfdisk -q --force --no-reread --no-tell-kernel -N 1 /dev/mapper/disk <<<', +'
[ "$(bytes disk1)" -lt $((64 << 20)) ]
expect_status 0 resize disk 400M
[ "$(bytes disk1)" -gt $((398 << 20)) ] || fail "$(bytes disk1)"
resize2fs /dev/mapper/disk1 >out 2>&1 || fail "$(<out)"
dd if=/dev/urandom of=mnt/more bs=1M count=60 status=none
sum=$(sha256sum <mnt/more)
# Nobody cuts off what is in use, nor a partition.
expect_fail -m 'in use by .*/mnt' "$vhdx" resize --force disk 300M
umount mnt
expect_fail -m 'the last partition needs' "$vhdx" resize disk 300M
fsck.ext4 -fy /dev/mapper/disk1 >out 2>&1 || fail "$(<out)"
[ "$(bytes disk1)" -gt $((398 << 20)) ]
# It gets smaller when nobody uses it, and keeps its partitions.
resize2fs /dev/mapper/disk1 320M >out 2>&1 || fail "$(<out)"
sfdisk -q --force --no-reread --no-tell-kernel -N 1 /dev/mapper/disk <<<', 320M'
expect_status 0 resize --to-minimum disk
[ "$(bytes disk)" = $((322 << 20)) ] || fail "$(bytes disk)"
[ "$(bytes disk1)" = $((320 << 20)) ] || fail "$(bytes disk1)"
sfdisk -V /dev/mapper/disk >verified 2>&1 || fail "$(<verified)"
fsck.ext4 -fn /dev/mapper/disk1 >out 2>&1 || fail "$(<out)"
mount /dev/mapper/disk1 mnt
[ "$(sha256sum <mnt/more)" = "$sum" ]
umount mnt
"$vhdx" detach disk
"$vhdx" check --quiet disk.vhdx
qemu-img check -q disk.vhdx
rm disk.vhdx

# --- formats, and what they lie on ---------------------------------------------------------------------

dev=$(brd_make 900)
for args in '' '--type fixed' '--format vhd' '--format vhd --type fixed' "$dev"; do
	image=image
	[ "$args" != "$dev" ] || image=$dev
	# shellcheck disable=SC2086 # words
	"$vhdx" create --force --size 9M ${args#"$dev"} $image
	rm -f raw
	truncate -s 9M raw
	"$vhdx" attach --no-partitions "$image" vm >out
	write 20
	expect_status 0 resize vm 33M
	shows $((33 << 20))
	expect_status 0 resize --force vm 5M
	shows $((5 << 20))
	expect_status 0 resize vm 40M
	shows $((40 << 20))
	closed "$image"
	[ "$image" = "$dev" ] || rm "$image"
done

# A leaf, with a parent that is shorter, and one that was longer.
for format in vhdx vhd; do
	"$vhdx" create --format $format --size 9M --block-size 1M base.$format
	rm raw
	truncate -s 9M raw
	"$vhdx" attach --no-partitions base.$format vm >out
	write 20
	expect_status 0 snapshot vm leaf.$format
	write 20
	expect_fail -m 'in use by .*as a parent' "$vhdx" resize base.$format 20M
	# More than a sector of a VHD's table has entries for, and behind that are the parent's names.
	size=$(((300 << 20) + 512))
	[ $format = vhd ] || size=$(((30 << 20) + 512))
	expect_status 0 resize vm $size
	shows $size
	expect_status 0 snapshot vm top.$format
	expect_status 0 resize --force vm 8M
	shows $((8 << 20))
	expect_fail -m "its parent '.*leaf.$format' has a larger disk" "$vhdx" resize vm 10M
	closed top.$format
	"$vhdx" convert -O raw --force top.$format got
	cmp got raw
	rm base.$format leaf.$format top.$format got
done
