# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx check" of differencing images: sector bitmaps, and the parent.
. "$VHDX_TOP/tests/lib/tool.sh"

export PYTHONPATH=$VHDX_TOP/tests/images
problems() { json '" ".join(sorted(p["name"] for p in j["problems"]))'; }

# child CODE: chain/0.vhdx, whose image has been changed by CODE
child()
{
	rm -rf chain
	mkdir chain
	python3 - "$1" <<-'EOP'
		import sys
		from mkchain import *
		MORE = sys.argv[1]
		base = Layer(4 * MIB, MIB, 512, {0: FULL, 3: FULL})
		leaf = Layer(4 * MIB, MIB, 512, {1: PARTIAL, 2: FULL}, {1: [True, False] * 1024})
		inner = Image.write
		def changed(image, path):
		    if path.endswith('0.vhdx'):
		        exec(MORE)
		    inner(image, path)
		Image.write = changed
		write_chain('chain', [leaf, base])
	EOP
}

child 'pass'
expect_status 0 check chain/0.vhdx
expect_output '^chain/0.vhdx: clean, 2 of 4 blocks allocated$'
expect_status 0 check --chain chain/0.vhdx
[ "$(wc -l <out)" = 2 ]
expect_output '/chain/1.vhdx: clean, 2 of 4 blocks allocated$'
expect_status 0 check --chain --json chain/0.vhdx
[ "$(json '[i["result"] for i in j]')" = "['clean', 'clean']" ]
expect_status 0 check --chain --quiet --json chain/0.vhdx
[ ! -s out ]

# Cases 61, 63, 64, 56, 58.
while read -r name code; do
	child "$code"
	expect_status 4 check --json chain/0.vhdx
	[ "$(problems)" = "$name" ] || fail "$code: $(problems)"
	expect_status 1 map chain/0.vhdx
	sum=$(sha256sum <chain/0.vhdx)
	expect_status 4 check --repair=salvage chain/0.vhdx
	[ "$(sha256sum <chain/0.vhdx)" = "$sum" ] || fail "$code: salvage has changed it"
done <<'EOL'
BITMAP_MISSING image.bitmaps = {}
BITMAP_STATE image.bitmaps = {0: 7 << 20 | 5}
BAT_OFFSET image.bitmaps = {0: 6}
BAT_RANGE image.bitmaps = {0: 999 << 20 | 6}
BAT_OVERLAP image.bitmaps = {0: image.blocks[2].mib << 20 | 6}
BAT_RESERVED image.bitmaps = {0: 1 << 19 | 6}
EOL
expect_status 4 check chain/0.vhdx
child 'image.bitmaps = {0: image.blocks[2].mib << 20 | 6}'
expect_status 4 check chain/0.vhdx
expect_output 'sector bitmap of chunk 0 +4096 .* block 2$'
child 'image.blocks[2].mib = image.bitmaps[0] >> 20'
expect_status 4 check chain/0.vhdx

# A damaged header is written again, parent or not; parents are not written to.
child 'image.headers[0].damage = 1'
expect_status 4 check chain/0.vhdx
rm chain/1.vhdx
expect_status 4 check --repair --json chain/0.vhdx
[ "$(json '[(p["name"], p["level"]) for p in j["problems"]]')" = "[('HEADER_DAMAGED', 'repaired'), ('PARENT_MISSING', 'error')]" ]
expect_status 4 check --repair chain/0.vhdx
expect_output 'the parent is not found: name it with --parent'
expect_status 16 check --repair --chain chain/0.vhdx

# A log is replayed, parent or not.
mkdir dirty
python3 - <<-'EOP'
	from mkchain import *
	leaf = Layer(4 * MIB, MIB, 512, {1: PARTIAL, 2: FULL}, {1: [True, False] * 1024})
	leaf.dirty = True
	write_chain('dirty', [leaf, Layer(4 * MIB, MIB, 512)])
EOP
rm dirty/1.vhdx
expect_status 0 replay dirty/0.vhdx
expect_output '^dirty/0.vhdx: replayed 1 log entry$'
! grep damaged out err || fail 'a differencing image is no damaged one'

# The parent: missing, changed, of other sectors, its own.
child 'pass'
mv chain/1.vhdx p.vhdx
expect_status 4 check --json chain/0.vhdx
[ "$(problems)" = PARENT_MISSING ]
expect_status 0 check --parent p.vhdx chain/0.vhdx
mkdir d
mv p.vhdx d/1.vhdx
expect_status 0 check --parent-dir d chain/0.vhdx
"$vhdx" create chain/1.vhdx 4M
expect_status 4 check --json chain/0.vhdx
[ "$(problems)" = CHAIN_LINKAGE ]
expect_status 4 check --json --chain chain/0.vhdx
[ "$(json 'len(j)')" = 1 ]
python3 - <<-'EOP'
	from mkchain import *
	a, b = Layer(2 * MIB, MIB, 512), Layer(2 * MIB, MIB, 4096)
	write_layer('.', [a, b], 0)
	write_layer('.', [a, b], 1)
	a, b = (Layer(2 * MIB, MIB, 512) for _ in range(2))
	for name in 'loop', 'loop2':
	    os.mkdir(name)
	write_layer('loop', [a, b, a], 0)
	write_layer('loop', [a, b, a], 1)
	data = open('loop/1.vhdx', 'rb').read()
	open('loop/1.vhdx', 'wb').write(data.replace('2.vhdx'.encode('utf-16-le'), '0.vhdx'.encode('utf-16-le')))
EOP
expect_status 4 check --json 0.vhdx
[ "$(problems)" = CHAIN_SECTOR ]
expect_status 0 check loop/0.vhdx
expect_status 4 check --chain loop/0.vhdx
expect_output 'the chain of parents leads back to itself'

# An error in a parent counts with --chain only.
child 'pass'
python3 - <<-'EOP'
	with open('chain/1.vhdx', 'r+b') as f:
	    f.seek(3 << 20)
	    f.write(b'\4' + bytes(7))
EOP
expect_status 0 check chain/0.vhdx
expect_status 4 check --chain chain/0.vhdx
expect_output '1.vhdx: error: a BAT entry has an invalid state'

# VHD, whose parents are known by their UniqueId.
. "$VHDX_TOP/tests/lib/vhd.sh"
vhd_chain v 2 7
expect_status 0 check v/0.vhd
expect_status 0 check --chain --json v/0.vhd
[ "$(json '[i["result"] for i in j]')" = "['clean', 'clean', 'clean']" ]
mkdir there
mv v/1.vhd there
expect_status 4 check --json v/0.vhd
[ "$(problems)" = PARENT_MISSING ]
expect_status 4 check --json --chain v/0.vhd
[ "$(json 'len(j)')" = 1 ]
expect_status 4 check v/0.vhd
expect_output 'the parent is not found: name it with --parent'
expect_status 0 check --parent there/1.vhd v/0.vhd
expect_status 0 check --parent-dir there v/0.vhd
expect_status 4 check --chain --parent there/1.vhd v/0.vhd
mv v/2.vhd there
expect_status 0 check --chain --parent there/1.vhd v/0.vhd
# Another one in its place, which is not written to.
cp there/2.vhd v/1.vhd
sum=$(cat v/*.vhd | sha256sum)
expect_status 4 check --json v/0.vhd
[ "$(problems)" = VHD_PARENT_ID ]
expect_status 4 check --repair v/0.vhd
expect_output 'not the one that the VHD image was made from'
[ "$(cat v/*.vhd | sha256sum)" = "$sum" ]
# No image at all.
echo none >v/1.vhd
expect_status 4 check --json v/0.vhd
[ "$(problems)" = PARENT_MISSING ]
# Each is the other's parent.
mkdir round
python3 - <<-EOP
	$vhd_python
	image('round/0.vhd', mkvhd.DIFFERENCING, 128 * KIB, 64 * KIB, 'a', 'b', '1.vhd')
	image('round/1.vhd', mkvhd.DIFFERENCING, 128 * KIB, 64 * KIB, 'b', 'a', '0.vhd')
EOP
expect_status 0 check round/0.vhd
expect_status 4 check --chain round/0.vhd
expect_output 'the chain of parents leads back to itself'
