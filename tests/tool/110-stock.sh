# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx attach --stock --dry-run": the table of dm-linear and dm-zero is the disk, for each image of
# mkvhdx.py; what cannot be done without the module is refused, with what to do. Nothing is written.
. "$VHDX_TOP/tests/lib/tool.sh"

stock() { expect_status "$1" attach --stock --dry-run "${@:2}"; }

# --- the disk -------------------------------------------------------------------

mkvhdx cases cases >/dev/null
"$VHDX_TOP/tests/lib/stock-cases" "$vhdx" cases | tee out
read -r right _ refused _ <out
[ "$right" -gt 150 ] && [ "$refused" -gt 150 ]

# As Windows made them; the second one has a log to replay.
while read -r name sha; do
	[ -e "$VHDX_TOP/../shared/images/$name.vhdx.bz2" ] || { note "$name is not here"; continue; }
	bunzip2 -c "$VHDX_TOP/../shared/images/$name.vhdx.bz2" >windows.vhdx
	"$VHDX_TOP/tests/lib/stock-cases" "$vhdx" windows.vhdx "$sha"
	rm windows.vhdx
done <<END
iotest-dynamic-1G d3d112d8dab7fd360609f7d5a7b769904b7a2a7d7b6b8c535f65a23293c05478
windows-dirtylog 3ba3b309425b7ff5e8e0199edceed95226250f880c53b24e8eae93865f3fad5e
END

# The log changes a block, in the middle of it: that part comes from another device.
stock 0 -r cases/071-payload.vhdx
expect_output '^[0-9]+ 8 linear /dev/loop1 0$'

# Neighbours that lie side by side in the file are one piece.
"$vhdx" create --type fixed --size 64M --block-size 1M fixed.vhdx
stock 0 fixed.vhdx
[ "$(<out)" = "0 131072 linear /dev/loop0 $((4 << 11))" ] || fail "$(<out)"
stock 0 --json fixed.vhdx
[ "$(json 'j["table"], j["read_only"], j["dry_run"]')" = "0 131072 linear /dev/loop0 8192 False True" ]
cp fixed.vhdx before.vhdx

# A disk of zeros holds on to the file all the same, by a sector that is one.
"$vhdx" create --size 10M empty.vhdx
stock 0 -r empty.vhdx
[ "$(<out)" = $'0 1 linear /dev/loop0 2047\n1 20479 zero' ] || fail "$(<out)"
"$vhdx" create --size 1M --logical-sector-size 4096 empty4k.vhdx
stock 0 -r empty4k.vhdx
[ "$(<out)" = $'0 8 linear /dev/loop0 2040\n8 2040 zero' ] || fail "$(<out)"
"$vhdx" create --size 512 sector.vhdx
stock 0 -r sector.vhdx
[ "$(<out)" = '0 1 linear /dev/loop0 2047' ] || fail "$(<out)"
# Region tables hold zeros, whoever has written what around them.
python3 - empty.vhdx <<'END'
import sys
with open(sys.argv[1], 'r+b') as file:
    for off in [*range(0x1000, 0x10000, 512), *range(0x11000, 0x20000, 512), *range(0x21000, 0x30000, 512),
                *range(0x50000, 0x100000, 512)]:
        file.seek(off)
        file.write(b'x' * 512)
END
stock 0 -r empty.vhdx
[ "$(<out)" = $'0 1 linear /dev/loop0 639\n1 20479 zero' ] || fail "$(<out)"

# Its log makes the file longer, and there are zeros.
stock 0 -r cases/D3-block-past-the-end.device.vhdx
expect_output '^2048 4096 zero$'
# --- what is written --------------------------------------------------------------

mkvhdx image part.vhdx >part.raw
stock 1 part.vhdx
expect_output 'part.vhdx: 61 of 64 blocks have no space in the image, which --stock cannot give them: add --read-only, or attach it with the module$'
stock 0 -r part.vhdx
# A dirty image is as it will be once its log is replayed: nothing comes from the log then.
mkvhdx image --dirty dirty.vhdx >dirty.raw
stock 1 dirty.vhdx
stock 0 -o read_only dirty.vhdx
python3 - <<END
import sys
sys.path.insert(0, '$VHDX_TOP/tests/images')
from mkvhdx import Block, Data, Entry, Image, MIB, PAGE
# The file holds no more of the last block than the disk has.
image = Image(size=2 * MIB + 4096, fixed=True, blocks={i: Block() for i in range(3)})
image.write('cut.vhdx')
image = Image(fixed=True, blocks={i: Block(mib=8 + i) for i in range(8)})
image.dirty(Entry(1, [Data(image.blocks[3].mib * MIB + 8 * PAGE, bytes([99]) * PAGE)]))
image.write('payload.vhdx')
END
truncate -s -1040384 cut.vhdx
stock 0 -r cut.vhdx
[ "$(<out)" = '0 4104 linear /dev/loop0 8192' ] || fail "$(<out)"
stock 0 cut.vhdx
[ "$(<out)" = '0 4104 linear /dev/loop0 8192' ] || fail "$(<out)"
stock 0 -r payload.vhdx
expect_output ' 8 linear /dev/loop1 0$'
stock 0 payload.vhdx
expect_no_output loop1

# --- what cannot be ---------------------------------------------------------------

"$vhdx" create --parent empty.vhdx child.vhdx
stock 1 -r child.vhdx
expect_output 'child.vhdx: a differencing image, which --stock cannot map yet: attach it with the module, or make one image'
"$vhdx" create --format vhd --type fixed --size 4M disk.vhd
stock 1 -r disk.vhd
expect_output 'a VHD image, which --stock cannot attach'
expect_status 2 attach --stock --all
expect_output '--stock is for a FILE, not for the table'
expect_status 2 attach --stock -o 'commit_interval 5' fixed.vhdx
expect_output '--stock does without the target that --options are for'

# As many pieces as a table may have, and one more: every second block has space, the last one too or not.
"$vhdx" create --size 1048577M --block-size 1M pieces.vhdx
first=$(($(stat -c %s pieces.vhdx) >> 20))
truncate -s $((first + 524289))M pieces.vhdx || skip 'no file can be that large here'
pieces() # BLOCKS
{
	python3 - pieces.vhdx $((3 << 20)) "$first" "$1" <<'END'
import struct
import sys
bat, first, blocks = (int(word) for word in sys.argv[2:])
with open(sys.argv[1], 'r+b') as file:
    for block in range(0, blocks, 2):
        if block % 4096 == 0:
            file.seek(bat + (block + block // 4096) * 8)
        file.write(struct.pack('<QQ', (first + block // 2) << 20 | 6, 0))
END
}
pieces 1048576
stock 0 -r pieces.vhdx
[ "$(wc -l <out)" = 1048576 ] || fail "$(wc -l <out) pieces"
pieces 1048577
stock 1 -r pieces.vhdx
expect_output 'the disk is in more than 1048576 pieces, which are too many for --stock: attach it with the module, or copy it'

cmp fixed.vhdx before.vhdx
