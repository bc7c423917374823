# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 240
#
# "vhdx resize" of VHD images by writers who do it in another way: what is behind the entries that count,
# XenServer's map, and limits of the format; and of children, whose parents stay as they are.
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

note 'children'
# child_grows SIZE: the leaf of c, as grows
child_grows()
{
	local parents=(c/[1-9].vhd)

	sha256sum "${parents[@]}" >sums
	naive c/0.vhd "${parents[@]}" >want
	truncate -s "$1" want
	expect_status 0 resize --force c/0.vhd "$1"
	expect_status 0 check c/0.vhd
	expect_no_output error
	naive c/0.vhd "${parents[@]}" | cmp - want || fail "$1: another disk"
	expect_status 0 convert -O raw --force c/0.vhd got
	cmp got want
	sha256sum -c --quiet sums
}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
for ((n = 0; n < 6; n++)); do
	# Sizes that end in the middle of a block, with bits of every kind behind that.
	vhd_chain c $((1 + n % 2)) $((seed + n)) $((333 * 512))
	child_grows 200K
	child_grows $(((1 << 20) + 512))
	child_grows 40M
	# What is cut off does not come back, from the child or from those below.
	id=$("$vhdx" info --json c/0.vhd | grep disk_id)
	expect_status 0 resize --force c/0.vhd 180K
	[ "$("$vhdx" info --json c/0.vhd | grep disk_id)" != "$id" ] || fail 'its children could not tell'
	child_grows 3M
	expect_status 0 resize --force c/0.vhd 100K
	naive c/0.vhd c/[1-9].vhd | cmp - <(head -c 100K want)
	expect_status 1 resize --force c/0.vhd 3M
	expect_output "its parent '.*c/1.vhd' has a larger disk, which would show behind"
done
# The names of the parent are behind the table: that goes elsewhere. Again, with blocks behind it, and
# the other way round.
rm -r c
mkdir c
head -c 500K /dev/urandom >a.raw
"$vhdx" convert -b 4K a.raw c/1.vhd
"$vhdx" create --format vhd --parent c/1.vhd -b 4K c/0.vhd
for size in 600K 3M 30M 31M 300M; do
	child_grows $size
done
expect_status 0 info --json c/0.vhd
[[ $(json 'j["parents"]' 2>/dev/null || cat out) = *1.vhd* ]] || fail "$(<out)"
# A block of the child that a partition table's copy needs: what is beside that is the parent's.
rm -r c
mkdir c
truncate -s 30M a.raw
dd if=/dev/urandom of=a.raw bs=1M seek=2 count=26 conv=notrunc status=none
echo 'start=2048,size=2048' | sfdisk -q --label gpt a.raw
"$vhdx" convert a.raw c/1.vhd
"$vhdx" create --format vhd --parent c/1.vhd c/0.vhd
expect_status 0 resize --force c/0.vhd 15M
expect_status 0 convert -O raw --force c/0.vhd got
sfdisk --verify got >out 2>&1 || fail "$(<out)"
cmp -n $(((14 << 20) - 33 * 512)) -i 1M got a.raw
# One that is being merged keeps its size until that is done.
rm -r c
vhd_chain c 1 "$seed" $((333 * 512))
! LD_PRELOAD=$VHDX_TOP/build/write-fault.so WRITE_FAULT=8 "$vhdx" merge c/0.vhd >out 2>err || fail 'it was not killed'
sum=$(sha256sum c/0.vhd)
expect_status 1 resize --force c/0.vhd 1M
expect_output "being merged into its parent, which was cut off: run the same 'vhdx merge' again, then resize"
[ "$(sha256sum c/0.vhd)" = "$sum" ]
expect_status 0 merge c/0.vhd
