# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# Chains of VHD images: what "map" says of them is what a naive model reads, whatever is in their
# bitmaps; and a child says of its parent what is so. (No other reader will do: QEMU and libvhdi misread
# chains in silence.)
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"

VHDX_SEED=20261128 vhd_chains . 6
for number in 0 1 2 3 4 5; do
	"$VHDX_TOP/tests/lib/naive-vhd" $number-3 $number-2 $number-1 $number-0 >naive
	"$VHDX_TOP/tests/lib/mapped-disk" "$vhdx" $number-3 $number-2 $number-1 $number-0 | cmp - naive ||
		fail "chain $number reads differently"
	[ "$(tr -d '\0' <naive | wc -c)" -gt 50000 ] || fail "chain $number holds next to nothing"
	parent=
	for depth in 0 1 2 3; do
		expect_status 0 check ${parent:+--parent "$parent"} $number-$depth
		parent=$number-$depth
	done
done

# A child has its parent's size and blocks, and both paths.
mkdir -p 'disks/old ones' children
"$vhdx" create --format vhd --block-size 512K 'disks/old ones/pärent.vhd' 5M
expect_status 0 info --json 'disks/old ones/pärent.vhd'
id=$(json 'j["disk_id"]')
expect_status 0 create --format vhd --parent 'disks/old ones/pärent.vhd' --json children/child.vhd
[ "$(json 'j["type"], j["virtual_size"], j["block_size"], j["parent_id"]')" = "differencing 5242880 524288 $id" ]
expect_status 0 info --json children/child.vhd
[ "$(json 'j["parent_id"]')" = "$id" ]
[ "$(json 'j["disk_id"] != j["parent_id"]')" = True ]
[ "$(PYTHONIOENCODING=utf-8 json 'j["parent_name"]')" = pärent.vhd ]
[ "$(PYTHONIOENCODING=utf-8 json '[(p["key"], p["value"]) for p in j["parent_locator"]][1]')" = \
	"('W2ru', '..\\\\disks\\\\old ones\\\\pärent.vhd')" ] || fail "$(cat out)"
[ "$(PYTHONIOENCODING=utf-8 json 'j["parent_locator"][0]["key"] + j["parent_locator"][0]["value"]')" = \
	"W2ku$(realpath 'disks/old ones/pärent.vhd' | tr / '\134')" ] || fail "$(cat out)"
expect_status 0 check children/child.vhd
expect_status 0 map children/child.vhd
expect_output '^ +0 +5242880 +unallocated +- +- +-$'
# Beside it, below it, above it.
expect_status 0 create --format vhd --parent children/child.vhd children/grandchild.vhd
expect_status 0 info children/grandchild.vhd
expect_output '^W2ru +\.\\child\.vhd$'
expect_status 0 create --format vhd --parent children/child.vhd above.vhd
expect_status 0 info above.vhd
expect_output '^W2ru +\.\\children\\child\.vhd$'
mkdir below
(cd below && "$vhdx" create --format vhd --parent ../above.vhd down.vhd)
expect_status 0 info below/down.vhd
expect_output '^W2ru +\.\.\\above\.vhd$'
# One that goes by its geometry: the child is as large as that makes it.
PYTHONPATH=$VHDX_TOP/tests/images python3 -c '
import mkvhd
image = mkvhd.Image()
image.footer.app, image.footer.chs = b"vpc ", (12, 4, 17)
image.write("vpc.vhd")'
expect_status 0 create --format vhd --parent vpc.vhd --json of-vpc.vhd
[ "$(json 'j["virtual_size"]')" = $((12 * 4 * 17 * 512)) ]

# What is no parent.
"$vhdx" create new.vhdx 5M
expect_status 1 create --format vhd --parent new.vhdx child
expect_output 'only a VHD image can be the parent of one'
expect_status 1 create --format vhd --parent above.vhd child 6M
expect_output 'has the size of its parent, 5M: leave SIZE out'
expect_status 1 create --format vhd --parent above.vhd --force above.vhd
expect_output 'is a parent of what is to be created: take another name'
# Nor is one of its parents replaced, by whatever name.
ln -s children/child.vhd linked.vhd
for name in 'disks/old ones/pärent.vhd' children/child.vhd linked.vhd; do
	sum=$(sha256sum <"$name")
	expect_status 1 create --format vhd --parent above.vhd --force "$name"
	expect_output 'is a parent of what is to be created: take another name'
	[ "$(sha256sum <"$name")" = "$sum" ] || fail "$name is another one"
done
rm linked.vhd
cp above.vhd bad.vhd
printf 'x' | dd of=bad.vhd bs=1 seek=600 conv=notrunc status=none
expect_status 1 create --format vhd --parent bad.vhd child
expect_output 'the header of the VHD image is damaged'
expect_status 1 create --format vhd --parent nothing child
expect_output 'nothing: cannot open'
name=$'l\xe9.vhd'
"$vhdx" create --format vhd "$name" 1M
expect_status 1 create --format vhd --parent "$name" child
expect_output 'is no UTF-8 text, so no image can name it: rename it'
[ ! -e child ]

# Which layer has what, and where: by the model's way to look at it.
vhd_chain layers 2 7 $((300 << 10))
expect_status 0 map --json layers/0.vhd
python3 - out <<-'EOP' || fail "$(<out)"
	import json, sys
	rows = json.load(open(sys.argv[1]))
	data = [row for row in rows if row['state'] == 'data']
	assert {row['layer'] for row in data} == {0, 1, 2}, data
	assert all(row['file'].endswith(f"{row['layer']}.vhd") for row in data), data
	assert all('layer' not in row and row['state'] == 'unallocated' for row in rows if row not in data), rows
EOP
"$VHDX_TOP/tests/lib/mapped-disk" "$vhdx" layers/{0,1,2}.vhd | cmp - <(naive layers/{0,1,2}.vhd)
mv layers/1.vhd layers/gone
expect_status 1 map layers/0.vhd
expect_output "^vhdx: layers/0.vhd: its parent with the UniqueId .* is not found"
[ ! -s out ] || fail 'a part of the disk without its parents'

# Which images are based on which others.
"$vhdx" create --format vhd first.vhd 5M
"$vhdx" create --format vhd --parent first.vhd second.vhd
"$vhdx" create --format vhd --parent second.vhd third.vhd
expect_status 0 chain third.vhd
[ "$(sed -E 's/  d[a-z]+, .*//; s,[^ ]*/,,' out)" = $'first.vhd\n└─ second.vhd\n   └─ third.vhd' ] || fail "$(<out)"
"$vhdx" chain --json third.vhd >json
[ "$(python3 -c 'import json; print([(i["type"], i["parent_state"]) for i in json.load(open("json"))])')" = \
	"[('differencing', 'ok'), ('differencing', 'ok'), ('dynamic', 'none')]" ]
mv first.vhd elsewhere
expect_status 1 chain third.vhd
expect_output "^! its parent $(python3 -c 'import json; print(json.load(open("json"))[-1]["disk_id"])') is missing: looked for .*/first.vhd"
expect_status 1 chain --json third.vhd
[ "$(json '[(i["parent_state"], "parent_id" in i, "parent_guid" in i) for i in j]')" = \
	"[('ok', True, False), ('missing', True, False)]" ]
expect_status 0 chain --parent elsewhere third.vhd
# A directory, with both formats, those that have no magic at their beginning, and what is no image.
mkdir dir
mv elsewhere second.vhd third.vhd dir
"$vhdx" create --format vhd --parent dir/second.vhd dir/brother.vhd
"$vhdx" create --format vhd --type fixed dir/fixed.vhd 1M
"$vhdx" create dir/new.vhdx 5M
"$vhdx" create --parent dir/new.vhdx dir/newer.vhdx
head -c 4096 /dev/urandom >dir/noise
tree() { sed -E 's/  (d[a-z]+|fixed|broken).*//; s,dir/,,' out; }
mv dir/elsewhere dir/first.vhd
expect_status 0 chain dir
[ "$(tree)" = $'first.vhd\n└─ second.vhd\n   ├─ brother.vhd\n   └─ third.vhd\nfixed.vhd\nnew.vhdx\n└─ newer.vhdx' ] ||
	fail "$(<out)"
expect_output '^dir/fixed.vhd  fixed, 1 MiB, [-0-9a-f]{36}$'
sum=$(cat dir/* | sha256sum)
# One that has another parent's place, one that is broken, and one that is of the other format.
mv dir/first.vhd saved
"$vhdx" create --format vhd dir/first.vhd 5M
expect_status 1 chain dir
expect_output "^   ! made from [-0-9a-f]{36}, but .*dir/first.vhd is [-0-9a-f]{36}: another image; last written "
expect_status 1 chain --json dir
[ "$(json 'sorted(i["parent_state"] for i in j)')" = "['changed', 'none', 'none', 'none', 'ok', 'ok', 'ok']" ]
[ "$(json '["parent_has_id" in i for i in j if i["parent_state"] == "changed"]')" = '[True]' ]
mv saved dir/first.vhd
[ "$(cat dir/* | sha256sum)" = "$sum" ] || fail 'something was written'
printf 'x' | dd of=dir/first.vhd bs=1 seek=600 conv=notrunc status=none
expect_status 1 chain dir
expect_output '^dir/first.vhd  broken: the header of the VHD image is damaged'
cp dir/fixed.vhd dir/new.vhdx
expect_status 1 chain dir
expect_output '^   ! its parent is a VHD image$'
