# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# VHD images of others read as they read them, and ours as we do: QEMU, 7-Zip, Windows. Each disk is
# read three times: by "vhdx map", by the naive model, and by them.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img qemu-io 7zz

map_of() { "$VHDX_TOP/tests/lib/mapped-disk" "$vhdx" "$@"; }
naive() { "$VHDX_TOP/tests/lib/naive-vhd" "$@"; }

# same FILE: everybody sees the same disk
same()
{
	map_of "$1" >mapped
	naive "$1" | cmp - mapped || fail "$1: the naive model reads something else"
	qemu-img convert -f vpc -O raw "$1" theirs
	cmp theirs mapped || fail "$1: QEMU reads something else"
	# A fixed image is a raw disk to 7-Zip unless its name says what it is.
	7zz x -so -tvhd "$1" >theirs 2>7zz.err || { cat 7zz.err; fail "$1: 7-Zip cannot read it"; }
	cmp theirs mapped || fail "$1: 7-Zip reads something else"
	expect_status 0 check "$1"
}

# scribble FILE: here and there, across blocks, and in the last sector
scribble()
{
	local size

	size=$("$vhdx" info --json "$1" | sed -n 's/.*"virtual_size": *\([0-9]*\),.*/\1/p')
	qemu-io -f vpc -c 'write -q -P 1 0 4k' -c 'write -q -P 2 2093568 8k' -c 'write -q -P 3 5000k 512' \
		-c "write -q -P 4 $((size - 512)) 512" -c 'write -q -P 5 7M 300k' "$1"
	same "$1"
	[ "$(tail -c 1 mapped | od -An -tx1)" = ' 04' ] || fail "$1: the end of the disk is not what was written"
	[ "$(head -c 2093570 mapped | tail -c 1 | od -An -tx1)" = ' 02' ]
}

# By QEMU: its geometry makes a larger disk, unless it is told not to.
for subformat in dynamic fixed; do
	for force in off on; do
		file=$subformat-$force.vhd
		qemu-img create -q -f vpc -o subformat=$subformat,force_size=$force "$file" 20000256
		scribble "$file"
		expect_status 0 info --json "$file"
		wanted="vhd $subformat current 20000256"
		[ $force = on ] || wanted="vhd $subformat chs 20019200"
		[ "$(json 'j["format"], j["type"], j["size_from"], j["virtual_size"]')" = "$wanted" ] ||
			fail "$file: $(cat out)"
	done
done

# Ours, written by QEMU: whatever the size of a block.
for block in 64K 2M; do
	"$vhdx" create --format vhd --block-size $block ours-$block.vhd 9M
	scribble ours-$block.vhd
done
"$vhdx" create --format vhd --azure azure.vhd 9M
[ "$(stat -c %s azure.vhd)" = $(((9 << 20) + 512)) ]
scribble azure.vhd

# From a disk and back.
head -c 3000000 /dev/urandom >disk
truncate -s 6M disk
qemu-img convert -f raw -O vpc -o force_size=on disk converted.vhd
same converted.vhd
cmp disk mapped

# Made by Windows.
images=$VHDX_TOP/../shared/images
if [ -d "$images" ]; then
	for name in ext2 hyperv2012r2-dynamic virtualpc-dynamic; do
		bzcat "$images/$name.vhd.bz2" >$name.vhd
		expect_status 0 check $name.vhd
		expect_status 0 map --json $name.vhd
		"$vhdx" info --json $name.vhd >out
		size=$(json 'j["virtual_size"]')
		qemu-img info -f vpc --output=json $name.vhd >out
		[ "$(json 'j["virtual-size"]')" = "$size" ] || fail "$name: $size bytes, not as QEMU says"
	done
	[ "$size" = 136363130880 ] || fail "Virtual PC's size is not that of its geometry"
	same ext2.vhd
	[ "$(sha256sum <mapped)" = '870be7ae16c1fa8faab05c6eb9205dc9a7ae35c5f552c5cf8a267c0bc6a5cb99  -' ]
else
	note 'skipped: there are no images made by Windows'
fi
