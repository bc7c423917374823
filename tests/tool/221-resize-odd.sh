# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx resize" of disks whose partition tables are odd, and of disks that hold more than one thing.
. "$VHDX_TOP/tests/lib/tool.sh"

size_of() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual_size"])'; }

# --- partition tables ------------------------------------------------------------------------

truncate -s 40M p.raw
printf 'label: gpt\nstart=2048, size=20480\n' | sfdisk -q p.raw
# gpt FIELD VALUE: in the first header, which is sealed again
gpt()
{
	cp p.raw q.raw
	python3 - "$@" <<-'EOP'
		import struct, sys, zlib
		with open('q.raw', 'r+b') as f:
		    f.seek(512)
		    header = bytearray(f.read(92))
		    struct.pack_into('<Q', header, int(sys.argv[1]), int(sys.argv[2]))
		    struct.pack_into('<I', header, 16, 0)
		    struct.pack_into('<I', header, 16, zlib.crc32(header))
		    f.seek(512)
		    f.write(header)
	EOP
	"$vhdx" convert -O vhdx -b 1M --force q.raw b.vhdx
	sha256sum b.vhdx >sums
}
# Where the header is itself; where its entries are; where partitions may begin.
for case in "24 $((1 << 40))" '24 0' '24 3' "72 $((1 << 40))" "72 $(((1 << 55) - 1))" '72 0' '72 1' '72 78000' '40 33' '40 0' '40 -1'; do
	# shellcheck disable=SC2086 # words
	gpt ${case/-1/18446744073709551615}
	for size in 50M 20M; do
		expect_status 1 resize b.vhdx $size
		expect_output 'its partition table is damaged'
	done
	sha256sum -c --quiet sums
	expect_status 0 resize --force b.vhdx 50M
	"$vhdx" check --quiet b.vhdx
done

# No place for the copy, nor for anything else.
for to in vhdx vhd; do
	for size in 512 16K 34K; do
		expect_status 0 convert -O $to -b 1M --force p.raw b
		expect_status 0 resize --force b $size
		expect_output 'there is no place for the copy of its partition table'
		"$vhdx" check --quiet b
		rm -f q.raw
		"$vhdx" convert b q.raw
		cmp -n "$(stat -c %s q.raw)" q.raw p.raw
	done
done

# One with very many entries takes more than what a partition does that is not there.
truncate -s 40M m.raw
printf 'label: gpt\ntable-length: 8192\n' | sfdisk -q m.raw
"$vhdx" convert -b 1M m.raw m.vhdx
expect_status 0 resize --to-minimum m.vhdx
[ "$(size_of m.vhdx)" = $((3 << 20)) ]
rm -f q.raw
"$vhdx" convert m.vhdx q.raw
sfdisk --verify q.raw >verified 2>&1 || fail "$(<verified)"
! grep -iE 'mismatch|corrupt|backup|not at the end' verified || fail "$(<verified)"

# --- more than one thing ------------------------------------------------------------------------

# A partition table that is left over in front of a file system says nothing of that.
rm -f f.raw f.vhdx
mkfs.ext4 -q -F f.raw 30M
truncate -s 40M f.raw
printf 'label: dos\nstart=2048, size=8192\n' | sfdisk -q --wipe never f.raw
expect_status 0 convert -b 1M f.raw f.vhdx
expect_status 1 resize f.vhdx 8M
expect_output 'the file system needs 30M at least'
expect_status 0 resize --to-minimum f.vhdx
[ "$(size_of f.vhdx)" = $((30 << 20)) ]
rm -f q.raw
"$vhdx" convert f.vhdx q.raw
e2fsck -fn q.raw >/dev/null 2>&1
# A partition behind it counts, too.
printf 'label: dos\nstart=2048, size=8192\nstart=67584, size=4096\n' | sfdisk -q --wipe never f.raw
expect_status 0 convert -b 1M --force f.raw f.vhdx
expect_status 0 resize --to-minimum f.vhdx
[ "$(size_of f.vhdx)" = $((35 << 20)) ]

# A mirror has its own data at the end of the disk, behind the partitions that are on it.
cp p.raw r.raw
python3 - <<-'EOP'
	import struct
	# Version 1.0, as "mdadm --metadata=1.0" makes it: 8 KiB before the end, at a multiple of 4 KiB.
	sectors = (40 << 20) // 512
	place = (sectors - 16) & ~7
	block = bytearray(256)
	struct.pack_into('<III', block, 0, 0xa92b4efc, 1, 0)
	block[16:32] = bytes(range(16))
	struct.pack_into('<iiQI', block, 72, 1, 0, sectors - 64, 0)
	struct.pack_into('<I', block, 92, 2)
	struct.pack_into('<QQQ', block, 128, 0, sectors - 64, place)
	total = sum(struct.unpack('<64I', block)) & 0xffffffffffffffff
	struct.pack_into('<I', block, 216, (total & 0xffffffff) + (total >> 32) & 0xffffffff)
	with open('r.raw', 'r+b') as f:
	    f.seek(place * 512)
	    f.write(block)
EOP
expect_status 0 convert -b 1M r.raw r.vhdx
expect_status 1 resize r.vhdx 20M
expect_output "holds 'linux_raid_member', of which nobody knows where it ends"
