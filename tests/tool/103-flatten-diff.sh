# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx flatten" and "vhdx diff": what they make of chains, against the naive model's disks.
# VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"

need qemu-img 7zz

mkchain() { "$VHDX_TOP/tests/images/mkchain.py" "$@"; }

# reads_as IMAGE RAW: what we and others read from it, as far as they read such disks
reads_as()
{
	"$VHDX_TOP/tests/lib/flat-equals" "$1" "$2" || fail "$1 is not $2"
	[ "$sector" != 512 ] || qemu-img compare -q -f vhdx -F raw "$1" "$2" || fail "qemu-img reads something else from $1"
	[ $(($(stat -c %s "$2") % (1 << 20))) -ne 0 ] || 7zz x -tvhdx -so "$1" 2>/dev/null | cmp - "$2" ||
		fail "7zz reads something else from $1"
}

# same_diff OLD NEW OLD-RAW NEW-RAW: "vhdx diff" lists exactly the sectors that differ
same_diff()
{
	expect_status 0 diff --json "$1" "$2"
	python3 - out "$3" "$4" <<-'EOP' || fail "vhdx diff $1 $2"
		import json, sys
		old, new = (open(path, 'rb').read() for path in sys.argv[2:4])
		size = max(len(old), len(new))
		old, new = old.ljust(size, b'\0'), new.ljust(size, b'\0')
		differ = {at for at in range(0, size, 512) if old[at:at + 512] != new[at:at + 512]}
		told, end = set(), -1
		for row in json.load(open(sys.argv[1])):
		    assert row['start'] >= end, row
		    end = row['start'] + row['length']
		    told.update(range(row['start'], end, 512))
		    assert row['state'] == 'data' or not new[row['start']:end].strip(b'\0'), row
		sys.exit(told != differ)
	EOP
}

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
for i in 0 1 2 3 4 5; do
	sector=$((i % 3 ? 512 : 4096))
	rm -rf chain
	mkchain random chain $((seed + i)) --sector $sector --depth $((1 + i))
	find chain -name '*.vhdx' -exec sha256sum {} + | sort >before
	expect_status 0 flatten --force --json chain/0.vhdx flat.vhdx
	[ "$(json 'j["layers"]')" = $((1 + i)) ]
	expect_status 0 check flat.vhdx
	reads_as flat.vhdx chain/disk.raw
	same_diff chain/0.vhdx flat.vhdx chain/disk.raw chain/disk.raw
	[ "$(json 'j')" = '[]' ]
	if [ -e chain/parent.raw ]; then
		same_diff chain/1.vhdx chain/0.vhdx chain/parent.raw chain/disk.raw
		same_diff flat.vhdx chain/1.vhdx chain/disk.raw chain/parent.raw
	fi
	# Nothing of that is written to, dirty or not.
	find chain -name '*.vhdx' -exec sha256sum {} + | sort | cmp - before
done

# Another block size, larger or smaller; what is zero takes no space.
expect_status 0 flatten --block-size 32M chain/0.vhdx large.vhdx
expect_status 0 flatten --block-size 1M chain/0.vhdx small.vhdx
for image in large small; do
	expect_status 0 check $image.vhdx
	reads_as $image.vhdx chain/disk.raw
done
"$vhdx" create -b 1M empty.vhdx 10G
"$vhdx" create --parent empty.vhdx child.vhdx
expect_status 0 flatten child.vhdx flat2.vhdx
[ "$(stat -c %s flat2.vhdx)" = $((4 << 20)) ]
[ "$("$vhdx" info --json flat2.vhdx | grep disk_id)" = "$("$vhdx" info --json empty.vhdx | grep disk_id)" ]

# What was there stays: in use, a layer of it, no file, no space.
expect_status 1 flatten child.vhdx flat2.vhdx
expect_output '^vhdx: flat2.vhdx: exists: .*--force'
expect_status 1 flatten --force child.vhdx empty.vhdx
expect_output '^vhdx: empty.vhdx: is one of the images that are to be read: '
expect_status 1 flatten --force child.vhdx .
expect_status 1 flatten child.vhdx no/such/file
expect_status 2 flatten child.vhdx
expect_output 'NEW is missing'
expect_status 2 flatten --block-size 3M child.vhdx new
[ ! -e new ]
rm chain/1.vhdx
expect_status 1 flatten chain/0.vhdx new
[ ! -e new ]
expect_status 1 diff chain/0.vhdx flat.vhdx
[ ! -s out ]
# A limit on the size of files is one on the disk.
(
	ulimit -f $((3 << 10))
	expect_status 1 flatten flat.vhdx new
	expect_output '^vhdx: new: cannot create'
)
[ ! -e new ]
[ -z "$(find . -name '.new*')" ]

# Whatever "convert" reads can be compared with anything else: a chain of VHD, its disk, and what came of it.
vhd_chain vhd 2 "$seed"
naive vhd/{0,1,2}.vhd >new.raw
naive vhd/{1,2}.vhd >old.raw
same_diff vhd/1.vhd vhd/0.vhd old.raw new.raw
[ "$(json 'len(j) > 0')" = True ]
same_diff vhd/0.vhd vhd/1.vhd new.raw old.raw
"$vhdx" convert old.raw old.vhdx
qemu-img convert -O qcow2 old.raw old.qcow2
for image in old.raw old.vhdx old.qcow2; do
	same_diff $image vhd/0.vhd old.raw new.raw
	same_diff vhd/0.vhd $image new.raw old.raw
	same_diff $image vhd/1.vhd old.raw old.raw
	[ "$(json 'j')" = '[]' ]
done
same_diff old.qcow2 old.qcow2 old.raw old.raw
head -c 100 new.raw >odd.raw
same_diff new.raw odd.raw new.raw odd.raw
expect_status 1 diff new.raw missing
expect_output '^vhdx: missing: cannot open'

# The Windows images are read as flat ones.
images=$VHDX_TOP/../shared/images
if [ -e "$images/windows-dirtylog.vhdx.bz2" ]; then
	bunzip2 -c "$images/windows-dirtylog.vhdx.bz2" >windows.vhdx
	expect_status 0 flatten windows.vhdx windows-flat.vhdx
	[ "$(7zz x -tvhdx -so windows-flat.vhdx 2>/dev/null | sha256sum)" = \
		'3ba3b309425b7ff5e8e0199edceed95226250f880c53b24e8eae93865f3fad5e  -' ]
	"$vhdx" create --parent windows.vhdx windows-child.vhdx
	expect_status 0 diff --json windows.vhdx windows-child.vhdx
	[ "$(json 'j')" = '[]' ]
else
	note 'the images made by Windows are not here'
fi
