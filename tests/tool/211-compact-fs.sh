# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# "vhdx compact --fs": blocks that an ext2, ext3 or ext4 does not use go, exactly those, by a naive model
# that asks dumpe2fs; all else on the disk is what it was; also when the program is killed at any of its
# writes, and run once more. What cannot be relied upon is kept whole. VHDX_SEED=N repeats a run that
# printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/unused.sh"
command -v mke2fs debugfs dumpe2fs >/dev/null || skip 'no e2fsprogs'

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# free_runs RAW OFFSET BYTES: what dumpe2fs calls free in there, as "FROM TO" in bytes of RAW
free_runs()
{
	dd if="$1" of=part iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M conv=sparse status=none
	dumpe2fs part 2>/dev/null | awk -v base="$2" '
		/^Block size:/ { size = $3 }
		/^  Free blocks:/ {
			sub("^  Free blocks: ", "")
			n = split($0, run, ", ")
			for (i = 1; i <= n; i++) {
				if (run[i] == "")
					continue
				m = split(run[i], ends, "-")
				printf "%d %d\n", base + ends[1] * size, base + (ends[m] + 1) * size
			}
		}'
}
# ext RAW MIB: a file system with files, some of which were removed
ext()
{
	local type block i

	rm -rf files
	mkdir files
	python3 - "$seed $1 $rolls" <<-'EOP'
		import random, sys
		dice = random.Random(sys.argv[1])
		for i in range(24):
		    with open('files/%d' % i, 'wb') as f:
		        f.write(dice.randbytes(dice.choice([100, 5000, 70000, 300000])))
	EOP
	dice type ext2 ext3 ext4 'ext4 -O ^metadata_csum' 'ext4 -O ^flex_bg' 'ext4 -O ^64bit,^resize_inode'
	dice block 1024 2048 4096
	# Something that is not zeros where it is free.
	head -c "$2M" /dev/zero | tr '\0' '\245' >"$1"
	# shellcheck disable=SC2086 # words
	mke2fs -q -F -t $type -b "$block" -E nodiscard -d files "$1"
	for i in $(seq 0 2 23); do
		echo "rm $i"
	done | debugfs -w -f - "$1" >/dev/null 2>&1
	e2fsck -fn "$1" >/dev/null 2>&1 || fail "$type $block: no good file system to begin with"
	note "$1: $type $block"
}

# --- random ones, against the model --------------------------------------------------------------------

for round in 1 2; do
	ext whole.raw $((9 + RANDOM % 10))
	bytes=$(stat -c %s whole.raw)
	free_runs whole.raw 0 "$bytes" >runs
	formats=('-O vhdx -b 1M' '-O vhd -b 64K')
	[ $round = 1 ] || formats=('-O vhdx -b 2M' '-O vhd -b 512K')
	for args in "${formats[@]}"; do
		block=$(numfmt --from=iec "${args##* }")
		# shellcheck disable=SC2086 # words
		expect_status 0 convert --no-sparse $args --force whole.raw b
		guid=$(known_by b)
		expect_status 0 compact --fs --json b
		json 'j["blocks_dropped"]' >dropped
		[ "$(known_by b)" != "$guid" ] || fail 'nobody could tell that it has changed'
		"$vhdx" check --quiet b || fail "$args: $("$vhdx" check b)"
		"$vhdx" convert -O raw --force b got
		judge whole.raw got "$block" all >gone || fail "$round: $args"
		[ "$(<gone)" = "$(<dropped)" ] || fail "$args: $(<dropped) dropped, $(<gone) gone"
		e2fsck -fn got >/dev/null 2>&1 || fail "$args: the file system is damaged"
		[[ $args != *vhdx* ]] || ! command -v qemu-img >/dev/null || qemu-img compare -q -f vhdx -F raw b got
		guid=$(known_by b)
		expect_status 0 compact --fs --json b
		[ "$(json 'j["blocks_dropped"], j["blocks_moved"]')" = '0 0' ] || fail "$args: $(<out)"
		[ "$(known_by b)" = "$guid" ] || fail 'another disk, without need'
	done
done

# With partitions: two file systems, one that is swap, one that nobody knows, and space between.
if command -v sfdisk mkswap >/dev/null; then
	label=''
	dice label gpt dos
	ext one.raw 12
	ext two.raw 8
	head -c 44M /dev/zero | tr '\0' '\132' >disk.raw
	dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
	printf 'label: %s\n4096,%d\n%d,%d\n%d,8192\n%d,4096\n' "$label" $((12 << 11)) $((20 << 11)) $((8 << 11)) \
		$((30 << 11)) $((36 << 11)) | sfdisk -q disk.raw
	dd if=one.raw of=disk.raw bs=1M seek=2 conv=notrunc status=none
	dd if=two.raw of=disk.raw bs=1M seek=20 conv=notrunc status=none
	truncate -s 4M swap
	mkswap -q swap
	dd if=swap of=disk.raw bs=1M seek=30 conv=notrunc status=none
	{
		free_runs disk.raw $((2 << 20)) $((12 << 20))
		free_runs disk.raw $((20 << 20)) $((8 << 20))
	} >runs
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	cp b start
	expect_status 0 compact --fs b
	expect_output "note: partition 3 is kept whole \('swap'\): of that it is not known"
	expect_output "note: partition 4 is kept whole: nothing that is known"
	expect_output "note: partition 1 \('ext.'\) does not use"
	"$vhdx" convert -O raw --force b got
	judge disk.raw got 1048576 all >gone || fail "$label"
	[ "$(<gone)" -gt 0 ]
fi

# --- killed at each write --------------------------------------------------------------------------------

for kind in vhdx vhd; do
	[ -e start ] || break
	[ $kind = vhdx ] || {
		ext disk.raw 10
		free_runs disk.raw 0 $((10 << 20)) >runs
		"$vhdx" convert --no-sparse -O vhd -b 512K --force disk.raw start
	}
	block=1048576
	[ $kind = vhdx ] || block=524288
	for ((n = 1; n < 300; n++)); do
		cp --sparse=always start b
		status=0
		WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" compact --fs b >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "$kind, write $n: status $status: $(<err)"
		((n < 6 || n % 12 == seed % 12)) || continue
		is_good b || fail "$kind, write $n: $("$vhdx" check b)"
		"$vhdx" convert -O raw --force good got
		judge disk.raw got $block some >gone || fail "$kind, write $n"
		expect_status 0 compact --fs b
		is_good b
		"$vhdx" convert -O raw --force b got
		judge disk.raw got $block all >gone || fail "$kind, write $n, and once more"
	done
	note "$kind: $n writes"
	[ $n -gt 5 ]
done

# --- logical partitions -----------------------------------------------------------------------------------

# Their tables stay, which lie between them.
if command -v sfdisk >/dev/null; then
	head -c 40M /dev/zero | tr '\0' '\132' >disk.raw
	dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
	sfdisk -q disk.raw <<-EOP
		label: dos
		p1 : start=4096, size=$((12 << 11))
		p2 : start=$((15 << 11)), type=5
		p5 : start=$((16 << 11)), size=$((12 << 11))
		p6 : start=$((30 << 11)), size=$((8 << 11))
	EOP
	for at in 2 16 30; do
		dd if="$([ $at = 30 ] && echo two || echo one).raw" of=disk.raw bs=1M seek=$at conv=notrunc status=none
	done
	{
		free_runs disk.raw $((2 << 20)) $((12 << 20))
		free_runs disk.raw $((16 << 20)) $((12 << 20))
		free_runs disk.raw $((30 << 20)) $((8 << 20))
	} >runs
	sfdisk -d disk.raw >table
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	for number in 1 5 6; do
		expect_output "note: partition $number \('ext.'\) does not use"
	done
	expect_no_output 'kept whole'
	"$vhdx" convert -O raw --force b got
	judge disk.raw got 1048576 all >gone
	[ "$(<gone)" -gt 0 ]
	sfdisk -d got | sed s/got/disk.raw/g | cmp - table
	# One of the tables is in what looks free of another partition.
	python3 - <<-'EOP'
		import struct
		def table(*entries):
		    return b''.join(struct.pack('<8xII', start, count)[:4] + bytes([kind]) + struct.pack('<3xII', start, count)
		                    for kind, start, count in entries).ljust(64, b'\0') + b'\x55\xaa'
		with open('disk.raw', 'r+b') as f:
		    f.seek((15 << 20) + 446)
		    f.write(table((0x83, 1 << 11, 12 << 11), (0x05, 12 << 11, 12 << 11)))
		    f.seek((27 << 20) + 446)
		    f.write(table((0x83, 3 << 11, 8 << 11)))
	EOP
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: partition 5 is kept whole \('ext.'\): a table of logical partitions is in it"
	expect_output "note: partition 6 \('ext.'\) does not use"
fi

# --- a child: what is free there may be in its parent --------------------------------------------------------

ext disk.raw 12
"$vhdx" convert --no-sparse -O vhdx -b 1M --force disk.raw base.vhdx
expect_status 0 snapshot base.vhdx leaf.vhdx
expect_status 1 compact --fs base.vhdx
expect_output "base.vhdx: is the parent of '.*leaf.vhdx': merge or flatten them first, or leave --fs out"
sum=$(sha256sum <base.vhdx)
expect_status 0 compact --fs leaf.vhdx
"$vhdx" convert -O raw --force leaf.vhdx got
cmp got disk.raw
mkdir away
mv base.vhdx away
expect_status 1 compact --fs leaf.vhdx
expect_output 'leaf.vhdx: its parent .* is not found'
expect_status 0 compact --fs --parent away/base.vhdx leaf.vhdx
[ "$(sha256sum <away/base.vhdx)" = "$sum" ]
rm -r away leaf.vhdx

# --- what is kept whole --------------------------------------------------------------------------------------

kept() # RE: all of disk.raw, because of that
{
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	guid=$("$vhdx" info --json b | grep data_write_guid)
	expect_status 0 compact --fs b
	expect_output "note: the disk is kept whole$1"
	"$vhdx" convert -O raw --force b got
	cmp got disk.raw
	[ "$("$vhdx" info --json b | grep data_write_guid)" = "$guid" ] || fail 'another disk, without need'
}
changed() # DEBUGFS-COMMAND
{
	cp clean.raw disk.raw
	debugfs -w -R "$1" disk.raw >/dev/null 2>&1
	! cmp -s clean.raw disk.raw || fail "$1 does nothing"
}
truncate -s 12M clean.raw
mke2fs -q -F -t ext4 -E nodiscard clean.raw
changed 'ssv state 0'
kept " \('ext4'\): it is mounted, was not unmounted, or has errors: run e2fsck"
changed 'ssv state 3'
kept " \('ext4'\): it is mounted, was not unmounted, or has errors"
changed 'feature needs_recovery'
kept " \('ext4'\): its journal has to be replayed"
changed 'ssv last_orphan 12'
kept " \('ext4'\): it has files that are to be deleted"
changed 'ssv blocks_count 20000'
kept " \('ext4'\): "
changed 'set_bg 0 free_blocks_count 77'
kept " \('ext4'\): its group descriptors are damaged"
cp disk.raw wrong.raw
debugfs -w -R 'set_bg 0 checksum calc' disk.raw >/dev/null 2>&1
! cmp -s wrong.raw disk.raw || fail 'debugfs makes no checksum'
kept " \('ext4'\): it does not agree with itself about what is free"
cp clean.raw disk.raw
mke2fs -q -F -t ext4 -O mmp -E nodiscard disk.raw
kept " \('ext4'\): others may have it mounted"
# Its bitmap, whose checksum is wrong then.
cp clean.raw disk.raw
at=$(dumpe2fs clean.raw 2>/dev/null | sed -n 's/^  Block bitmap at \([0-9]*\).*/\1/p' | head -n 1)
printf '\0' | dd of=disk.raw bs=1 seek=$((at * $(dumpe2fs -h clean.raw 2>/dev/null | awk '/^Block size:/ { print $3 }'))) conv=notrunc status=none
kept " \('ext4'\): .*: run e2fsck on it"
# A group's descriptor that is another one's: of its bitmap, checksum and number of free blocks are right.
for features in metadata_csum ^metadata_csum,uninit_bg ^metadata_csum,^uninit_bg; do
	rm disk.raw
	truncate -s 40M disk.raw
	mke2fs -q -F -t ext4 -b 1024 -O "^flex_bg,^64bit,^has_journal,$features" -E nodiscard disk.raw
	printf 'write out file\nwrite disk.raw other\n' | debugfs -w -f - disk.raw >/dev/null 2>&1
	python3 - <<-'EOP'
		with open('disk.raw', 'r+b') as f:
		    f.seek(2048 + 2 * 32)
		    group = f.read(32)
		    f.seek(2048 + 32)
		    f.write(group)
	EOP
	kept " \('ext4'\): its group descriptors are damaged: run e2fsck"
done
# Clusters are counted as well as blocks; a group that says of no bitmap where it is looks like a free one.
bigalloc()
{
	rm disk.raw
	truncate -s 12M disk.raw
	mke2fs -q -F -t ext4 -b 1024 -C 16384 -O bigalloc,^metadata_csum,^uninit_bg,^has_journal -E nodiscard disk.raw
}
bigalloc
debugfs -w -R 'set_bg 0 free_blocks_count 77' disk.raw >/dev/null 2>&1
kept " \('ext4'\): it does not agree with itself about what is free"
bigalloc
debugfs -w -R 'set_bg 0 block_bitmap 0' disk.raw >/dev/null 2>&1
kept " \('ext4'\): its group descriptors are damaged"
bigalloc
expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
expect_status 0 compact --fs b
expect_output "note: the disk \('ext4'\) does not use"
# What a clear bit means is a matter of features.
python3 - <<-'EOP'
	with open('disk.raw', 'r+b') as f:
	    f.seek(1024 + 0x64 + 3)
	    f.write(b'\x40')
EOP
kept " \('ext4'\): it has features that are not known here"
# A partition that Linux cuts at the end of the disk, over one with a file system.
rm disk.raw
truncate -s 30M disk.raw
mke2fs -q -F -t ext4 -E nodiscard,offset=$((1 << 20)) disk.raw 16M
python3 - <<-'EOP'
	import struct
	def entry(start, count):
	    return struct.pack('<BBBBBBBBII', 0, 0, 0, 0, 0x83, 0, 0, 0, start << 11, count << 11)
	with open('disk.raw', 'r+b') as f:
	    f.seek(446)
	    f.write(entry(1, 16) + entry(10, 60) + bytes(32) + b'\x55\xaa')
	    f.seek(12 << 20)
	    f.write(b'second' * 1000)
EOP
expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
expect_status 0 compact --fs b
expect_output "note: partition 1 is kept whole \('ext4'\): it overlaps with another partition"
"$vhdx" convert -O raw --force b got
cmp got disk.raw
# A partition table that is left over, or a file system that is.
cp clean.raw disk.raw
printf 'label: dos\n8192,\n' | sfdisk -q -f disk.raw
kept " \('ext4'\): there are partitions, too"
# The same in a partition that somebody had as a disk; and a type of partitions that have a table of their own.
for type in 83 a5; do
	head -c 14M /dev/zero | tr '\0' '\132' >disk.raw
	dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
	printf 'label: dos\nstart=2048, size=%d, type=%s\n' $((12 << 11)) $type | sfdisk -q disk.raw
	cp clean.raw one.raw
	[ $type = a5 ] || printf 'label: dos\n8192,\n' | sfdisk -q -f one.raw
	dd if=one.raw of=disk.raw bs=1M seek=1 conv=notrunc status=none
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: partition 1 is kept whole \('ext4'\): (there are partitions, too|by its type it is divided)"
	"$vhdx" convert -O raw --force b got
	cmp got disk.raw
done
head -c 8M /dev/zero | tr '\0' '\132' >disk.raw
kept ': nothing that is known'
printf 'LUKS\272\276\0\1' | dd of=disk.raw conv=notrunc status=none
expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
expect_status 0 compact --fs b
expect_output 'note: the disk is kept whole'
# VHD: blocks of a child cannot be dropped.
expect_status 0 convert -O vhd --force clean.raw base.vhd
expect_status 0 create --format vhd --parent base.vhd child.vhd
expect_status 0 compact --fs child.vhd
expect_output 'note: all blocks are kept, as a VHD with a parent has no way to drop them'
# Its parent, as far as that is known; if it is elsewhere it notices.
expect_status 1 compact --fs base.vhd
expect_output "base.vhd: is the parent of '.*child.vhd': merge or flatten them first, or leave --fs out"
mkdir away
mv child.vhd away
head -c 12M /dev/zero | tr '\0' '\245' >disk.raw
mke2fs -q -F -t ext4 -E nodiscard disk.raw
expect_status 0 convert -O vhd --force disk.raw base.vhd
expect_status 0 create --format vhd --force --parent base.vhd away/child.vhd
expect_status 0 compact --fs base.vhd
expect_status 1 chain away/child.vhd
expect_output "^ *! made from [-0-9a-f]{36}, but .*/base.vhd is [-0-9a-f]{36}: another image"
rm -r away
# A machine that is suspended knows more than the disk; and a footer of before 2004 cannot be changed.
expect_status 0 convert -O vhd --force disk.raw b
python3 - <<-'EOP'
	import os, struct
	with open('b', 'r+b') as f:
	    for at in 0, os.path.getsize('b') - 512:
	        f.seek(at)
	        footer = bytearray(f.read(512))
	        footer[84] = 1
	        footer[64:68] = bytes(4)
	        footer[64:68] = struct.pack('>I', ~sum(footer) & 0xffffffff)
	        f.seek(at)
	        f.write(footer)
EOP
sum=$(sha256sum <b)
expect_status 1 compact --fs b
expect_output 'b: belongs to a virtual machine that is suspended'
[ "$(sha256sum <b)" = "$sum" ]
expect_status 0 convert -O vhd --force disk.raw b
truncate -s -1 b
sum=$(sha256sum <b)
expect_status 1 compact --fs b
expect_output "b: its size is no multiple of 512 bytes, .*: run 'vhdx check --repair'"
[ "$(sha256sum <b)" = "$sum" ]
expect_status 0 convert -O vhdx -t fixed --force clean.raw b
expect_status 1 compact --fs b
expect_output 'a fixed image, which keeps its size'
