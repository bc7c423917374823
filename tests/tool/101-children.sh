# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Children: how they are made, what they say of their parents, where parents are found.
. "$VHDX_TOP/tests/lib/tool.sh"

locator() { "$vhdx" info --json "$1" | python3 -c 'import json, sys
print(*[e["key"] + "=" + e["value"] for e in json.load(sys.stdin)["parent_locator"]], sep="\n")'; }
field() { "$vhdx" info --json "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'])"; }

# --- create ---------------------------------------------------------------------

mkdir -p vm/deep/er other
"$vhdx" create -b 1M --logical-sector-size 4096 vm/base.vhdx 10M
sum=$(sha256sum <vm/base.vhdx)
expect_status 0 create --parent vm/base.vhdx --json vm/child.vhdx
[ "$(json 'j["type"], j["parent"], j["virtual_size"], j["block_size"], j["logical_sector_size"], j["physical_sector_size"]')" = \
	'differencing vm/base.vhdx 10485760 2097152 4096 4096' ]
for key in disk_id logical_sector_size virtual_size; do
	[ "$(field vm/child.vhdx $key)" = "$(field vm/base.vhdx $key)" ]
done
[ "$(field vm/child.vhdx data_write_guid)" != "$(field vm/base.vhdx data_write_guid)" ]
expect_status 0 create --parent vm/child.vhdx --block-size 1M --size 20M vm/deep/er/leaf.vhdx
[ "$(field vm/deep/er/leaf.vhdx virtual_size)" = 20971520 ]
"$vhdx" create --parent vm/base.vhdx other/cousin.vhdx
here=$(pwd -P)
[ "$(locator vm/child.vhdx)" = "parent_linkage={$(field vm/base.vhdx data_write_guid)}
relative_path=.\\base.vhdx
absolute_win32_path=${here//\//\\}\\vm\\base.vhdx" ] || fail "$(locator vm/child.vhdx)"
locator vm/deep/er/leaf.vhdx | grep -xF 'relative_path=..\..\child.vhdx' >/dev/null
locator other/cousin.vhdx | grep -xF 'relative_path=..\vm\base.vhdx' >/dev/null
# In the file: UTF-16, little-endian.
python3 - <<'EOP'
assert '..\\..\\child.vhdx'.encode('utf-16-le') in open('vm/deep/er/leaf.vhdx', 'rb').read()
EOP
for image in vm/child.vhdx vm/deep/er/leaf.vhdx other/cousin.vhdx; do
	vhdiinfo $image | grep 'Disk type.*Differential' >/dev/null
	expect_status 0 map $image
done

# A name in other letters than ours; through a link; from another directory.
"$vhdx" create 'vm/grün €.vhdx' 1M
(cd vm && "$vhdx" create --parent 'grün €.vhdx' ../other/g.vhdx)
locator other/g.vhdx | grep -xF 'relative_path=..\vm\grün €.vhdx' >/dev/null
ln -s ../vm/base.vhdx other/link.vhdx
"$vhdx" create --parent other/link.vhdx other/linked.vhdx
locator other/linked.vhdx | grep -xF 'relative_path=..\vm\base.vhdx' >/dev/null
"$vhdx" create 'vm/back\slash' 1M
expect_status 1 create --parent 'vm/back\slash' new
expect_output 'rename it$'

# What cannot be.
expect_status 2 create --parent vm/base.vhdx new 5M
expect_output "the size is less than the parent's, 10M"
expect_status 2 create --parent vm/base.vhdx --type fixed new
expect_output "an image with a parent cannot be 'fixed'"
expect_status 2 create --parent vm/base.vhdx --logical-sector-size 512 new
expect_output "the parent's sectors have 4096 bytes"
expect_status 2 create --parent vm/base.vhdx --parent vm/child.vhdx new
expect_status 2 create --parent-dir vm new 1M
expect_status 2 create --parent vm/base.vhdx new 0
expect_status 1 create --force --parent vm/deep/er/leaf.vhdx vm/base.vhdx
expect_output '^vhdx: vm/base.vhdx: is a parent of what is to be created: '
expect_status 1 create --parent missing new
expect_status 1 create --parent out new
expect_output '^vhdx: out: no VHDX image'
mv vm/child.vhdx vm/deep/
expect_status 1 create --parent vm/deep/er/leaf.vhdx new
expect_output "^vhdx: vm/deep/er/leaf.vhdx: its parent .* is not found"
[ ! -e new ]
expect_status 0 create --parent vm/deep/er/leaf.vhdx --parent-dir vm/deep --parent-dir vm new
mv vm/deep/child.vhdx vm/
[ "$(sha256sum <vm/base.vhdx)" = "$sum" ]

# Somebody writes to the parent meanwhile.
python3 - vm/base.vhdx <<-'EOP' &
	import fcntl, struct, sys, time
	f = open(sys.argv[1], 'r+b')
	for at in (100, 101, 201):
	    fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, at, 1, 0))
	print('locked', flush=True, file=open('locked', 'w'))
	time.sleep(600)
EOP
holder=$!
at_exit end_process $holder
wait_for 20 test -s locked
expect_status 0 map vm/child.vhdx
[ "$(grep -c 'note: in use by' err)" = 1 ]
expect_status 1 create --parent vm/base.vhdx new2
expect_output '^vhdx: vm/base.vhdx: in use by '
[ ! -e new2 ]
kill $holder

# --- chain ----------------------------------------------------------------------

expect_status 0 chain vm/deep/er/leaf.vhdx
[ "$(grep -c . out)" = 3 ]
sed -n 1p out | grep "vm/base.vhdx  dynamic, 10 MiB, blocks of 1 MiB, $(field vm/base.vhdx data_write_guid)$" >/dev/null
sed -n 2p out | grep '^└─ .*vm/child.vhdx  differencing' >/dev/null
sed -n 3p out | grep '^   └─ vm/deep/er/leaf.vhdx  differencing, 20 MiB' >/dev/null
expect_status 0 chain other
[ "$(grep -c . out)" = 5 ] || fail "$(<out)"
grep -q '^├─ other/cousin.vhdx' out
grep -q '^└─ other/linked.vhdx' out
expect_status 0 chain --json vm/deep/er/leaf.vhdx
[ "$(json '[e["parent_state"] for e in j]')" = "['ok', 'ok', 'none']" ]
[ "$(json 'j[0]["parent"] == j[1]["file"], j[0]["parent_guid"] == j[1]["data_write_guid"]')" = 'True True' ]

# Missing, changed, another disk, no image at all.
cp vm/base.vhdx saved
old=$(field saved data_write_guid)
rm vm/base.vhdx
expect_status 1 chain vm/child.vhdx
expect_output "^! its parent $old is missing: looked for .*/vm/base.vhdx"
expect_status 1 map vm/child.vhdx
expect_output "^vhdx: vm/child.vhdx: its parent with the data write GUID $old is not found: looked for '.*/vm/base.vhdx'"
# changed GUID of the same disk: headers written anew
python3 - saved vm/base.vhdx <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkvhdx import Header
	data = bytearray(open(sys.argv[1], 'rb').read())
	for slot in range(2):
	    data[(64 + 64 * slot) << 10:(68 + 64 * slot) << 10] = Header(7 + slot).encode()
	open(sys.argv[2], 'wb').write(data)
EOP
expect_status 1 chain vm/child.vhdx
expect_output "^(   )?! made from $old, but .*/vm/base.vhdx is 66666666-7777-8888-9999-aaaaaaaaaaaa: the same disk"
expect_status 1 chain --json vm/child.vhdx
[ "$(json 'j[0]["parent_state"], j[0]["parent_guid"], j[0]["parent_has_guid"], j[0]["parent_is_same_disk"]')" = \
	"changed $old 66666666-7777-8888-9999-aaaaaaaaaaaa True" ]
expect_status 1 map vm/child.vhdx
expect_output "should have the data write GUID $old, but '.*/vm/base.vhdx' has 66666666-7777-8888-9999-aaaaaaaaaaaa"
"$vhdx" create --force -b 1M vm/base.vhdx 10M
expect_status 1 chain vm/child.vhdx
expect_output 'another disk; last written '
echo text >vm/base.vhdx
expect_status 1 chain vm/child.vhdx
expect_output 'vm/base.vhdx  no VHDX image'
expect_status 1 map vm/child.vhdx
expect_output 'vm/base.vhdx: no VHDX image'
# The right one under another name, in a case that Windows does not mind.
rm vm/base.vhdx
cp saved vm/BASE.vhdx
expect_status 0 chain vm/child.vhdx
expect_output '/vm/BASE.vhdx  dynamic'
rm vm/BASE.vhdx
expect_status 0 chain --parent saved vm/child.vhdx
expect_output '^saved  dynamic'

# --- as Windows says it --------------------------------------------------------------

mkdir -p mapped/VMs/Disks
cp saved mapped/VMs/Disks/base.vhdx
windows() # NAME VALUE...: a child whose locator says that
{
	python3 - "$@" <<-EOP
		import struct, sys, uuid
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		from mkvhdx import *
		image = Image(size=10 * MIB, sector=4096)
		image.metadata.item(FILE_PARAMETERS).data = struct.pack('<II', MIB, 2)
		pairs = [('parent_linkage', '{${linkage:-$old}}'), *(p.split('=') for p in sys.argv[2:])]
		image.metadata.items.append(Item(PARENT_LOCATOR, locator(pairs), REQUIRED))
		image.write(sys.argv[1])
	EOP
}
zero='parent_linkage2={00000000-0000-0000-0000-000000000000}'
volume='volume_path=\\?\Volume{26a21bda-a627-11d7-9931-806e6f6e6963}\VMs\Disks\base.vhdx'
absolute='absolute_win32_path=\\?\D:\VMs\Disks\base.vhdx'
windows five.avhdx 'relative_path=..\Disks\base.vhdx' "$volume" "$absolute" "$zero"
expect_status 1 map five.avhdx
expect_output "looked for '.*/Disks/base.vhdx' and other places"
for dir in mapped mapped/VMs mapped/VMs/Disks; do
	expect_status 0 map --parent-dir $dir five.avhdx
done
windows volume.avhdx "$volume"
expect_status 0 map --parent-dir mapped volume.avhdx
windows unc.avhdx 'absolute_win32_path=\\?\UNC\server\share\VMs\Disks\base.vhdx'
expect_status 0 map --parent-dir mapped unc.avhdx
windows drive.avhdx 'absolute_win32_path=d:\vms\disks\base.vhdx'
expect_status 0 map --parent-dir mapped drive.avhdx
# Not by Windows, but there are such.
windows slashes.avhdx "absolute_win32_path=$PWD/mapped/VMs/Disks/base.vhdx"
expect_status 0 map slashes.avhdx
windows none.avhdx
expect_status 1 map --parent-dir mapped none.avhdx
expect_output 'it does not say where its parent with the data write GUID .* is: name it with --parent$'
expect_status 0 map --parent saved none.avhdx
cp saved "base.vhdx"
expect_status 0 map volume.avhdx
rm base.vhdx
# linkage2 alone is right: a merge is going on.
linkage=11111111-2222-3333-4444-555555555555 windows second.avhdx "parent_linkage2={$old}"
expect_status 0 map --parent saved second.avhdx

# A loop, however it came to be.
python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	a, b = (Layer(2 * MIB, MIB, 512) for _ in range(2))
	write_layer('.', [a, b, a], 0)
	write_layer('.', [a, b, a], 1)
	import os
	data = open('1.vhdx', 'rb').read().replace('.\\\\2.vhdx'.encode('utf-16-le'), '.\\\\0.vhdx'.encode('utf-16-le'))
	open('1.vhdx', 'wb').write(data)
EOP
expect_status 1 map 0.vhdx
expect_output "^vhdx: .*1.vhdx: its parent '.*/0.vhdx': the chain of parents leads back to itself"
expect_status 1 chain 0.vhdx
expect_output '! its parent is made from it'
expect_not_attached 0.vhdx "1.vhdx: its parent '.*/0.vhdx': the chain of parents leads back to itself"

# A child that has to be repaired first is a child all the same, but nobody can tell whose.
for format in vhdx vhd; do
	"$vhdx" create --format $format --size 8M parent.$format
	"$vhdx" create --format $format --parent parent.$format child.$format
	for off in $((65536 + 20)) $((131072 + 20)) $((512 + 40)); do
		printf bad | dd of=child.$format bs=1 seek=$off conv=notrunc status=none
	done
	expect_status 0 snapshot --keep-name parent.$format now.$format
	expect_output "^vhdx: parent.$format: note: '.*/child.$format' is damaged: it may be a child of this image$"
	rm parent.$format now.$format child.$format
done
