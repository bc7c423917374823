# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of VHD images share.
#
#   vhd_cases FILE       the lines of a cases.tsv that a read-only mapping can be tried on:
#                        file, errno or "ok", sentence or "-", bytes, sha256
#   vhd_chains DIR N     N random chains: DIR/C-0 is the base of number C, DIR/C-3 the leaf
#   naive IMAGE...       what the disk of such a chain is

naive() { "$VHDX_TOP/tests/lib/naive-vhd" "$@"; }

# One whose size is no multiple of a sector is another one to a block device.
vhd_cases()
{
	python3 - "$1" "$VHDX_TOP/kmod/format/vhd-fault.h" <<-'EOP'
		import os, re, sys
		text = open(sys.argv[2]).read().replace('\\\n', '')
		faults = dict(re.findall(r'F\((VHD_\w+),\s+\w+,\s+"([^"]+)"', text))
		rows = {}
		for line in open(sys.argv[1]):
		    number, name, _, mode, error, fault, size, sha = line.rstrip('\n').split('\t')
		    if mode == 'ro' or name not in rows:
		        rows[name] = name, error, faults.get(fault, '-'), size, sha
		for name, row in rows.items():
		    if os.path.getsize(os.path.join(os.path.dirname(sys.argv[1]), name)) % 512 == 0:
		        print(*row, sep='\t')
	EOP
}

vhd_chains()
{
	python3 - "$@" <<-EOP
		import os, sys
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		import random
		import mkvhd
		random.seed(${VHDX_SEED:-$RANDOM})
		KIB = 1024
		directory = sys.argv[1]

		def bits(sectors):
		    """Ranges of sectors, many or few, at bits of every kind."""
		    if random.random() < .3:
		        return None
		    ranges, at = [], 0
		    while at < sectors:
		        length = random.choice((1, 2, 7, 8, 9, 40, sectors))
		        if random.random() < .5:
		            ranges.append((at, min(sectors, at + length)))
		        at += length
		    return ranges

		def image(name, kind, size, block, tag, parent):
		    count = -(-size // block)
		    blocks = {n: mkvhd.Block(data=mkvhd.content(f'{tag} {n}', block), bits=bits(block // 512))
		              for n in random.sample(range(count), count // 2)}
		    made = mkvhd.Image(size, block, kind, blocks if kind != mkvhd.FIXED else None)
		    made.footer.id = mkvhd.content(tag, 16)
		    if parent:
		        made.header.parent_id = mkvhd.content(parent, 16)
		    made.write(os.path.join(directory, name))

		os.makedirs(directory, exist_ok=True)
		for number in range(int(sys.argv[2])):
		    size = random.choice((300 * KIB, 333 * 512, 1024 * KIB, 3 * 1024 * KIB + 512))
		    kind = random.choice((mkvhd.DYNAMIC, mkvhd.FIXED))
		    image(f'{number}-0', kind, random.choice((size, size - 512 * 77, size + 512)), 64 * KIB,
		          f'{number} 0', None)
		    for depth in (1, 2, 3):
		        block = random.choice((4, 16, 64, 256, 2048)) * KIB
		        image(f'{number}-{depth}', mkvhd.DIFFERENCING, size, block, f'{number} {depth}',
		              f'{number} {depth - 1}')
	EOP
}
