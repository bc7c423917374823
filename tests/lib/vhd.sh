# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of VHD images share.
#
#   vhd_cases FILE       the lines of a cases.tsv that a read-only mapping can be tried on:
#                        file, errno or "ok", sentence or "-", bytes, sha256
#   vhd_chains DIR N     N random chains: DIR/C-0 is the base of number C, DIR/C-3 the leaf
#   vhd_chain DIR DEPTH SEED [SIZE]   DIR/0.vhd to DIR/DEPTH.vhd, the leaf first: of one size,
#                        and each names its parent
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

# Python: images whose bitmaps have bits of every kind.
vhd_python=$(cat <<-EOP
	import os, sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	import random
	import mkvhd
	KIB = 1024

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

	def image(path, kind, size, block, tag, parent, name=''):
	    count = -(-size // block)
	    blocks = {n: mkvhd.Block(data=mkvhd.content(f'{tag} {n}', block), bits=bits(block // 512))
	              for n in random.sample(range(count), count // 2)}
	    made = mkvhd.Image(size, block, kind, blocks if kind != mkvhd.FIXED else None)
	    made.footer.id = mkvhd.content(tag, 16)
	    if parent:
	        made.header.parent_id = mkvhd.content(parent, 16)
	        made.header.parent_name = name.encode('utf-16-be')
	    made.write(path)
EOP
)

vhd_chains()
{
	python3 - "$@" <<-EOP
		$vhd_python
		random.seed(${VHDX_SEED:-$RANDOM})
		directory = sys.argv[1]

		os.makedirs(directory, exist_ok=True)
		for number in range(int(sys.argv[2])):
		    size = random.choice((300 * KIB, 333 * 512, 1024 * KIB, 3 * 1024 * KIB + 512))
		    kind = random.choice((mkvhd.DYNAMIC, mkvhd.FIXED))
		    image(f'{directory}/{number}-0', kind, random.choice((size, size - 512 * 77, size + 512)), 64 * KIB,
		          f'{number} 0', None)
		    for depth in (1, 2, 3):
		        block = random.choice((4, 16, 64, 256, 2048)) * KIB
		        image(f'{directory}/{number}-{depth}', mkvhd.DIFFERENCING, size, block, f'{number} {depth}',
		              f'{number} {depth - 1}')
	EOP
}

vhd_chain()
{
	rm -rf "$1"
	python3 - "$@" <<-EOP
		$vhd_python
		directory, depth, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
		random.seed(seed)
		size = int(sys.argv[4]) if sys.argv[4:] else random.choice((300 * KIB, 333 * 512, 1024 * KIB, 3 * 1024 * KIB + 512))
		os.makedirs(directory)
		for n in range(depth, -1, -1):
		    kind = mkvhd.DIFFERENCING if n < depth else random.choice((mkvhd.DYNAMIC, mkvhd.FIXED))
		    image(f'{directory}/{n}.vhd', kind, size, random.choice((4, 16, 64, 256)) * KIB,
		          f'{seed} {n}', f'{seed} {n + 1}' if n < depth else None, f'{n + 1}.vhd')
	EOP
}
