# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# What is no VHDX image is called by its name; what a differencing image says of its parent is shown.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img gzip xz

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

for format in qcow2 vpc vmdk vdi; do
	qemu-img create -q -f $format image.$format 4M
done
qemu-img create -q -f vpc -o subformat=fixed fixed.vhd 4M
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 4M
is image.qcow2 "no VHDX image but a QCOW2 image: .*'qemu-img convert -f qcow2 -O vhdx "
is image.vpc "no VHDX image but a VHD image \(version 1\): .*'qemu-img convert -f vpc -O vhdx "
is fixed.vhd 'no VHDX image but a VHD image \(version 1\)'
is image.vmdk 'no VHDX image but a VMDK image'
is flat.vmdk 'no VHDX image but the description of a VMDK image'
is image.vdi 'no VHDX image but a VDI image'
# Before 2004 a fixed one ended in 511 bytes.
truncate -s -1 fixed.vhd
is fixed.vhd 'no VHDX image but a VHD image \(version 1\)'
# The advice works.
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
expect_status 0 info --json child
[ "$(json 'j["type"], [r["key"] for r in j["parent_locator"]]')" = \
	"differencing ['parent_linkage', 'parent_linkage2', 'relative_path', 'absolute_win32_path']" ]
[ "$(PYTHONIOENCODING=utf-8 json 'j["parent_locator"][2]["value"]')" = '.\grün 😀.vhdx' ]
[ "$(json 'ascii(j["parent_locator"][3]["value"])')" = "'C:\\\\a\\x1b[2J\\u202eb.vhdx'" ] || fail "$(cat out)"
[ "$(json '"bat_faults" in j, j["virtual_size"], len(j["regions"])')" = 'False 8388608 2' ]
expect_status 0 info child
expect_output '^Type +differencing$'
expect_output '^relative_path +\.\\grün 😀\.vhdx$'
expect_output '^absolute_win32_path +C:\\a\\x1b\[2J\\xe2\\x80\\xaeb\.vhdx$'
expect_status 1 info bad
expect_output '^Type +differencing$'
expect_output 'the parent locator has no GUID of the parent'
expect_status 1 map child
expect_output 'differencing images are not supported'
