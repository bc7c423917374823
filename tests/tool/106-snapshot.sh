# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx snapshot" of images that are not attached: names, and who is whose parent.
. "$VHDX_TOP/tests/lib/tool.sh"

field() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"; }

"$vhdx" create --size 8M --block-size 1M disk.vhdx
expect_status 0 snapshot --json disk.vhdx one.vhdx
[ "$(json 'j["leaf"], j["parent"], j["attached"]')" = 'one.vhdx disk.vhdx False' ]
for key in virtual_size disk_id logical_sector_size; do
	[ "$(field one.vhdx $key)" = "$(field disk.vhdx $key)" ]
done
[ "$(field one.vhdx block_size)" = 2097152 ]
expect_status 0 snapshot -b 1M one.vhdx two.vhdx
[ "$(field two.vhdx block_size)" = 1048576 ]
expect_status 0 chain two.vhdx
[ "$(wc -l <out)" = 3 ]

# Names by the time; they do not grow.
expect_status 0 snapshot two.vhdx
made=$(sed -n 's/^Written from now on *//p' out)
grep -qE '^two-[0-9]{8}-[0-9]{6}\.vhdx$' <<<"$made"
expect_status 0 snapshot "$made"
grep -qE '^Written from now on +two-[0-9]{8}-[0-9]{6}(-2)?\.vhdx$' out || fail "$(<out)"
expect_status 0 chain "$(sed -n 's/^Written from now on *//p' out)"
[ "$(wc -l <out)" = 5 ]
cp disk.vhdx bare
expect_status 0 snapshot ./bare
grep -qE '^Written from now on +\./bare-[0-9]{8}-[0-9]{6}$' out || fail "$(<out)"

# The new one takes the name, and the old one another.
mkdir keep
"$vhdx" create --size 8M keep/disk.vhdx
old=$(stat -c %i keep/disk.vhdx)
guid=$(field keep/disk.vhdx data_write_guid)
expect_status 0 snapshot --keep-name --json keep/disk.vhdx keep/before.vhdx
[ "$(json 'j["leaf"], j["parent"]')" = 'keep/disk.vhdx keep/before.vhdx' ]
[ "$(stat -c %i keep/before.vhdx)" = "$old" ]
[ "$(field keep/before.vhdx data_write_guid)" = "$guid" ]
expect_status 0 snapshot --keep-name keep/disk.vhdx keep/later.vhdx
mv keep kept
expect_status 0 chain kept/disk.vhdx
[ "$(grep -o '[a-z]*\.vhdx' out | xargs)" = 'before.vhdx later.vhdx disk.vhdx' ]
# As the table wants it.
echo "disk $PWD/kept/disk.vhdx" >tab
export VHDXTAB=$PWD/tab
expect_status 0 snapshot kept/disk.vhdx kept/third.vhdx
expect_output "^vhdx: kept/disk.vhdx: note: named in /etc/vhdxtab or by rd.vhdx: "
expect_status 0 chain kept/disk.vhdx
[ "$(grep -o '[a-z]*\.vhdx' out | xargs)" = 'before.vhdx later.vhdx third.vhdx disk.vhdx' ]
echo "disk UUID=AAAA-1111:/kept/disk.vhdx" >tab
expect_status 0 snapshot kept/disk.vhdx kept/fourth.vhdx
expect_output "^Kept as it is +kept/fourth.vhdx$"
echo "disk UUID=AAAA-1111:/pt/disk.vhdx" >tab
expect_status 0 snapshot --json kept/disk.vhdx kept/fifth.vhdx
[ "$(json 'j["leaf"]')" = kept/fifth.vhdx ]
echo "disk $PWD/kept/fifth.vhdx" >tab
expect_status 0 snapshot --no-keep-name kept/fifth.vhdx kept/sixth.vhdx
expect_no_output note:
unset VHDXTAB

# What cannot be: nothing is left behind.
find . -name '*.vhd*' | sort >before
expect_status 1 snapshot kept/sixth.vhdx disk.vhdx
expect_output '^vhdx: disk.vhdx: exists: '
expect_status 1 snapshot --keep-name kept/sixth.vhdx new.vhdx
expect_output '^vhdx: new.vhdx: with --keep-name the image below takes this name'
expect_status 1 snapshot --keep-name kept/disk.vhdx kept/new.vhdx
expect_output "^vhdx: kept/disk.vhdx: it is the parent of '.*/fifth.vhdx', too, and could not be found"
expect_status 1 snapshot kept/sixth.vhdx none/new.vhdx
expect_status 1 snapshot none.vhdx new.vhdx
expect_status 2 snapshot --block-size 3M kept/sixth.vhdx new.vhdx
mv kept/later.vhdx later
expect_status 1 snapshot kept/sixth.vhdx new.vhdx
expect_output 'third.vhdx: its parent .* is not found: '
expect_status 0 snapshot --parent later --parent-dir kept --json kept/sixth.vhdx seventh.vhdx
mv later kept/later.vhdx
rm seventh.vhdx
"$vhdx" create --format vhd old.vhd 8M
expect_status 1 snapshot old.vhd new.vhdx
expect_output '^vhdx: old.vhd: no VHDX image but a VHD image'
rm old.vhd
find . -name '*.vhd*' | sort | diff before -
