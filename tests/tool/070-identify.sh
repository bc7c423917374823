# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# What is no VHDX image is called by its name; what a differencing image says of its parent is shown.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img qemu-io gzip xz

is() # FILE RE
{
	expect_status 8 check "$1"
	expect_output "^vhdx: $1: $2"
	expect_no_output 'complete|restore'
	expect_status 8 check --repair=salvage --json "$1"
	[ ! -s out ] || fail "$1: output of a check that failed"
	for command in info map replay; do
		expect_status 1 $command "$1"
		expect_output "^vhdx: $1: $2"
	done
}

for format in qcow2 vmdk vdi; do
	qemu-img create -q -f $format image.$format 4M
done
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 4M
is image.qcow2 "no VHDX image but a QCOW2 image: .*'qemu-img convert -f qcow2 -O vhdx "
is image.vmdk 'no VHDX image but a VMDK image'
is flat.vmdk 'no VHDX image but the description of a VMDK image'
is image.vdi 'no VHDX image but a VDI image'

# VHD is known, by what is in the file: but what needs a log says that it cannot.
qemu-img create -q -f vpc image.vpc 4M
qemu-img create -q -f vpc -o subformat=fixed fixed 4M
# Before 2004 a fixed one ended in 511 bytes.
head -c -1 fixed >short.vhdx
"$vhdx" create --format vhd --parent image.vpc child
for file in image.vpc fixed short.vhdx child; do
	for command in info map check; do
		expect_status 0 $command $file
		expect_no_output 'no VHDX image'
	done
	expect_status 1 replay $file
	expect_output "$file: a VHD image \(version 1\), which has no log to replay: run 'vhdx check'"
done
# What "attach" advises works.
qemu-img convert -O vhdx -o subformat=dynamic -f vpc image.vpc converted
expect_status 0 check converted

"$vhdx" create --size 8M --block-size 1M image.vhdx
gzip -k image.vhdx
xz -k image.vhdx
python3 -c 'import zipfile; zipfile.ZipFile("image.zip", "w", zipfile.ZIP_DEFLATED).write("image.vhdx")'
is image.vhdx.gz "no VHDX image but a gzip archive: .*'gunzip'"
is image.vhdx.xz "no VHDX image but an xz archive: .*'unxz'"
is image.zip "no VHDX image but a zip archive: .*'unzip'"
touch empty
is empty 'no VHDX image: the file is empty'
head -c 3M /dev/zero >zeros
is zeros "no VHDX image: the signature 'vhdxfile' is missing"
printf 'short' >short
is short "no VHDX image: the signature 'vhdxfile' is missing"
# The start of one is another matter.
head -c 70000 image.vhdx >start
expect_status 4 check start
expect_output 'shorter than 1 MiB.*make sure that the copy of the image is complete'

# Only the identifier is lost: that is said, with what else there is, and a salvage writes it again.
lost() # FILE: status 4 and 1 as for what is in it, and all of it as it was in image.vhdx
{
	expect_status 1 info "$1"
	expect_output "the file identifier is lost, but there is more of a VHDX image: run 'vhdx check --repair=salvage' on a copy"
	before=$(sha256sum <"$1")
	for repair in '' --repair; do
		expect_status 4 check $repair "$1"
		expect_output "error: the file identifier 'vhdxfile' is lost, .*: run 'vhdx check --repair=salvage' on a copy"
	done
	[ "$before" = "$(sha256sum <"$1")" ] || fail "$1: a repair that was not asked for"
	expect_status 1 check --repair=salvage "$1"
	expect_output "repaired: the file identifier 'vhdxfile' is lost"
	expect_status 0 check "$1"
	qemu-img compare -q -f vhdx -F vhdx "$1" whole.vhdx || fail "$1: other contents"
}

cp image.vhdx whole.vhdx
qemu-io -f vhdx -c 'write -P 65 1M 64k' whole.vhdx >out
cp whole.vhdx first.vhdx
dd if=/dev/zero of=first.vhdx bs=4096 count=1 conv=notrunc status=none
lost first.vhdx
cmp <(tail -c +4097 first.vhdx) <(tail -c +4097 whole.vhdx) || fail 'more than the identifier was written'
# Whatever came over it; and further damage beside it.
cp whole.vhdx garbage.vhdx
dd if=/dev/urandom of=garbage.vhdx bs=4096 count=1 conv=notrunc status=none
dd if=/dev/zero of=garbage.vhdx bs=4096 seek=16 count=1 conv=notrunc status=none
lost garbage.vhdx
# Without headers, too, by what the region tables say.
cp whole.vhdx headless.vhdx
dd if=/dev/zero of=headless.vhdx bs=4096 count=33 conv=notrunc status=none
expect_status 4 check headless.vhdx
expect_output 'identifier .* is lost'
expect_output 'both headers are damaged'
lost headless.vhdx
# A log to replay is not hidden by it.
mkvhdx image dirty.vhdx --size 16777216 --dirty >out
cp dirty.vhdx replayed.vhdx
expect_status 0 replay replayed.vhdx
dd if=/dev/zero of=dirty.vhdx bs=4096 count=1 conv=notrunc status=none
expect_status 4 check --json dirty.vhdx
[ "$(json '[p["name"] for p in j["problems"]]')" = "['IDENTIFIER_LOST', 'LOG_DIRTY']" ] || fail "$(cat out)"
expect_status 1 check --repair=salvage dirty.vhdx
qemu-img compare -q -f vhdx -F vhdx dirty.vhdx replayed.vhdx || fail 'the log was not replayed'
# What is another format by its start stays that, whatever follows.
cp whole.vhdx disguised
printf 'QFI\373' | dd of=disguised conv=notrunc status=none
is disguised 'no VHDX image but a QCOW2 image'

# Differencing images.
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOF2'
from mkvhdx import *
def write(name, pairs, **more):
    image = differencing_image(pairs, **more)
    image.write(name)
GUID = '{83ed0ec3-24c8-49a6-a959-5e4bd1288791}'
write('child', [('parent_linkage', GUID), ('parent_linkage2', '{00000000-0000-0000-0000-000000000000}'),
                ('relative_path', '.\\grün \U0001f600.vhdx'), ('absolute_win32_path', 'C:\\a\x1b[2J\u202eb.vhdx')])
write('bad', [('relative_path', 'p')])
EOF2
guid=83ed0ec3-24c8-49a6-a959-5e4bd1288791
expect_status 0 info --json child
[ "$(json 'j["type"], [r["key"] for r in j["parent_locator"]]')" = \
	"differencing ['parent_linkage', 'parent_linkage2', 'relative_path', 'absolute_win32_path']" ]
[ "$(PYTHONIOENCODING=utf-8 json 'j["parent_locator"][2]["value"]')" = '.\grün 😀.vhdx' ]
[ "$(json 'ascii(j["parent_locator"][3]["value"])')" = "'C:\\\\a\\x1b[2J\\u202eb.vhdx'" ] || fail "$(cat out)"
[ "$(json 'j["bat_faults"], j["blocks_allocated"], j["blocks_partial"], j["virtual_size"], len(j["regions"])')" = '0 3 0 8388608 2' ]
expect_status 0 info child
expect_output '^Type +differencing$'
expect_output '^relative_path +\.\\grün 😀\.vhdx$'
expect_output '^absolute_win32_path +C:\\a\\x1b\[2J\\xe2\\x80\\xaeb\.vhdx$'
expect_status 1 info bad
expect_output '^Type +differencing$'
expect_output 'the parent locator has no GUID of the parent'
expect_status 1 map child
expect_output "^vhdx: child: its parent with the data write GUID ${guid} is not found: looked for '.*/grün 😀.vhdx'"
expect_status 1 map bad
expect_output '^vhdx: bad: the parent locator has no GUID of the parent'
expect_not_attached child "child: its parent with the data write GUID $guid is not found: looked for '.*/grün 😀.vhdx'"
