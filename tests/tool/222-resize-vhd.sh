# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 120
#
# "vhdx resize" of VHD images by writers who do it in another way: what is behind the entries that count,
# XenServer's map, and limits of the format.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"

PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
import mkvhd
KIB = 1024

def image(name, size=7 * 64 * KIB, block=64 * KIB, entries=None, sectors={}, raw={}):
    made = mkvhd.Image(size, block)
    made.header.entries = entries or made.header.entries
    for number, sector in sectors.items():
        made.blocks[number] = mkvhd.Block(sector=sector)
    made.raw = raw
    made.write(f'{name}.vhd')
    return made

# Padding: of zeros; as a disk leaves it that was larger, when the power fails.
image('zeros', entries=20, raw={n: 0 for n in range(7, 20)})
image('larger', entries=20, sectors={10: None})
shared = image('shared', entries=20)
image('shared', entries=20, raw={12: shared.blocks[4].sector})
# Its last block is where the next one has no place, or just one.
for name, back in ('full', 129), ('over', 100), ('one-left', 258):
    image(name, size=128 * 64 * KIB, sectors={5: 0xffffffff - back})
image('small', size=7 * 4 * KIB, block=4 * KIB)
image('medium', size=7 * 64 * KIB, block=64 * KIB)
xen = mkvhd.Image()
xen.header.entries = 5000
xen.footer.app = b'tap\0'
xen.batmap = bytes([0x0a]).ljust(512, b'\0')
xen.write('xen.vhd')
xen.batmap = bytes([0x0a]).ljust(512, b'\xff')
xen.write('xen-ones.vhd')
xen.header.entries = 100
xen.begin = None
for block in xen.blocks.values():
    block.sector = None
xen.write('xen-short.vhd')
EOP
# grows FILE SIZE: and is what it was, with zeros behind
grows()
{
	naive "$1" >want
	truncate -s "$2" want
	expect_status 0 resize --force "$1" "$2"
	expect_status 0 check "$1"
	expect_no_output error
	naive "$1" | cmp - want
	expect_status 0 convert -O raw --force "$1" got
	cmp got want
}
# Each within the table that there is, to its end, and beyond.
for name in zeros larger shared; do
	for size in 1M 1280K 4M; do
		cp $name.vhd b
		grows b $size
	done
done

note 'limits of the format'
# Of a sparse file of 2 TiB: where its tables and blocks are.
ends() { { stat -c %s "$1"; head -c 1M "$1"; tail -c 1M "$1"; } | sha256sum; }
for name in full over one-left; do
	sum=$(ends $name.vhd)
	for args in '' --dry-run; do
		# shellcheck disable=SC2086 # words
		expect_status 1 resize --force $args $name.vhd 9M
		expect_output 'it would have too many blocks of this size, or become longer than it can be'
		[ "$(ends $name.vhd)" = "$sum" ] || fail "$name has changed"
	done
	# In the table that there is.
	expect_status 0 resize --force $name.vhd 8000K
	expect_status 0 check $name.vhd
done
sha256sum small.vhd >sums
expect_status 1 resize --force small.vhd 129G
expect_output 'too many blocks'
sha256sum -c --quiet sums
expect_status 0 resize --force small.vhd 127G
expect_status 0 resize --force medium.vhd 2040G
expect_status 0 check medium.vhd

note "XenServer's map"
for name in xen xen-ones; do
	cp $name.vhd b
	# What is cut off is not full when it is there again.
	expect_status 0 resize --force b 200K
	grows b 4M
	cp $name.vhd b
	grows b $(((4 << 20) + 512))
	# More than the map has bits for.
	cp b c
	expect_status 1 resize --force b 300M
	expect_output 'something that cannot move'
	cmp b c
done
# It is in the way of the table: nothing is written, and what is behind the disk stays, too.
sha256sum xen-short.vhd >sums
expect_status 1 resize --force xen-short.vhd 20M
expect_output 'something that cannot move'
sha256sum -c --quiet sums
grows xen-short.vhd 8M
