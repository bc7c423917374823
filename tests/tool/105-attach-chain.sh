# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx attach --dry-run" of differencing images: which devices the target would get, and what is
# refused before anything is made.
. "$VHDX_TOP/tests/lib/tool.sh"

table() { sed -n 's/^0 [0-9]* vhdx //p' out; }
# parents: those of the table, as the words say and as the count of words says
parents()
{
	read -r -a words <<<"$(table)"
	[ "${words[1]}" = $((${#words[@]} - 2)) ] || fail "${words[1]} words are ${#words[@]}: $(table)"
	grep -oE ' parent [^ ]*' out | sed 's/ parent //'
}
guid() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["data_write_guid"])'; }

"$vhdx" create base.vhdx 1G
"$vhdx" create --parent base.vhdx middle.vhdx
"$vhdx" create --parent middle.vhdx --block-size 1M leaf.vhdx

# Closest first, each on a device of its own.
expect_status 0 attach --dry-run leaf.vhdx
[ "$(parents | sort -u | wc -l)" = 2 ]
[ "$(parents)" = "$(parents | sort -V)" ]
expect_status 0 attach --dry-run --json leaf.vhdx
[ "$(json '[p["file"].rsplit("/")[-1] for p in j["parents"]]')" = "['middle.vhdx', 'base.vhdx']" ]
[ "$(json 'all(" parent " + p["device"] in j["table"] for p in j["parents"])')" = True ]
expect_status 0 attach --dry-run --read-only --options 'commit_interval 5' middle.vhdx
table | grep -qE '^/dev/loop[0-9]+ 5 read_only commit_interval 5 parent /dev/loop[0-9]+$' || fail "$(<out)"
[ "$(parents | wc -l)" = 1 ]
expect_status 0 attach --dry-run --read-only base.vhdx
[ -z "$(parents)" ]
# The leaf has a sector bitmap for each of its chunks to place: what is behind that was no part of it.
expect_status 0 attach --dry-run leaf.vhdx
! table | grep -q zeroed_from || [ "$(table | sed 's/.*zeroed_from \([0-9]*\).*/\1/')" -le $(($(stat -c %s leaf.vhdx) / 512)) ]

# --- where they are -------------------------------------------------------------

mkdir elsewhere
mv middle.vhdx elsewhere
expect_status 1 attach --dry-run leaf.vhdx
expect_output "^vhdx: leaf.vhdx: its parent with the data write GUID $(guid elsewhere/middle.vhdx) is not found: looked for '$PWD/middle.vhdx': name it"
# Its own parent is where its absolute path says, or nowhere.
expect_status 0 attach --dry-run --parent elsewhere/middle.vhdx leaf.vhdx
[ "$(parents | wc -l)" = 2 ]
mv base.vhdx saved
expect_status 1 attach --dry-run --parent elsewhere/middle.vhdx leaf.vhdx
expect_output "^vhdx: elsewhere/middle.vhdx: its parent with the data write GUID $(guid saved) is not found: looked for '$PWD/elsewhere/base.vhdx' and other places"
expect_status 0 attach --dry-run --parent elsewhere/middle.vhdx --parent saved leaf.vhdx
[ "$(parents | wc -l)" = 2 ]
mv saved base.vhdx
expect_status 0 attach --dry-run --parent-dir elsewhere --parent-dir . leaf.vhdx
[ "$(parents | wc -l)" = 2 ]
echo "disk $PWD/leaf.vhdx parent=$PWD/elsewhere/middle.vhdx,parent-dir=$PWD" >tab
expect_status 0 attach --dry-run --tab-file tab --tab disk
[ "$(parents | wc -l)" = 2 ]
echo "disk $PWD/leaf.vhdx parent-dir=elsewhere" >tab
expect_status 1 attach --dry-run --tab-file tab --all
expect_output "^vhdx: tab: line 1: ignored: parent= and parent-dir= need a path that begins with '/'"
expect_status 2 attach --dry-run --tab-file tab --tab disk --parent base.vhdx
expect_output 'the table says where parents are'
expect_status 2 attach --dry-run --tab-file tab --all --ignore-parent-id

# --- which they are -------------------------------------------------------------

"$vhdx" create --parent base.vhdx cousin.vhdx
expect_status 1 attach --dry-run --parent cousin.vhdx leaf.vhdx
expect_output "^vhdx: leaf.vhdx: its parent should have the data write GUID $(guid elsewhere/middle.vhdx), but 'cousin.vhdx' has $(guid cousin.vhdx): "
expect_status 0 attach --dry-run --ignore-parent-id --parent cousin.vhdx leaf.vhdx
expect_output "^vhdx: leaf.vhdx: note: its parent should have .* $(guid elsewhere/middle.vhdx): 'cousin.vhdx', which has $(guid cousin.vhdx), is taken all the same$"
table | grep -q ' ignore_parent_id$' || fail "$(<out)"
[ "$(parents | wc -l)" = 2 ]
# The right one still goes before; one that any would do is taken once.
expect_status 0 attach --dry-run --ignore-parent-id --parent cousin.vhdx --parent elsewhere/middle.vhdx leaf.vhdx
expect_no_output note:
"$vhdx" create --parent cousin.vhdx other-base.vhdx
mv base.vhdx elsewhere/away.vhdx
"$vhdx" create base.vhdx 1G
expect_status 0 attach --dry-run --ignore-parent-id --parent cousin.vhdx --parent base.vhdx leaf.vhdx
[ "$(grep -c 'is taken all the same$' err)" = 2 ]
[ "$(parents | wc -l)" = 2 ]
mv elsewhere/away.vhdx base.vhdx
mv elsewhere/middle.vhdx .
rm cousin.vhdx other-base.vhdx

# Sectors of another size, another format.
"$vhdx" create --logical-sector-size 4096 large.vhdx 1G
expect_status 1 attach --dry-run --ignore-parent-id --parent large.vhdx middle.vhdx
expect_output "middle.vhdx: it is the parent of"
expect_status 0 attach --dry-run --parent large.vhdx middle.vhdx --read-only
mv base.vhdx saved
mv large.vhdx base.vhdx
expect_status 1 attach --dry-run --ignore-parent-id --read-only middle.vhdx
expect_output "^vhdx: $PWD/base.vhdx: parent and child have logical sectors of different size"
"$vhdx" create --format vhd --force base.vhdx 1G
expect_status 1 attach --dry-run --read-only middle.vhdx
expect_output "^vhdx: middle.vhdx: its parent with the data write GUID $(guid saved) is not found: '$PWD/base.vhdx' is a VHD image, "
head -c 266240 /dev/zero >base.vhdx
expect_status 1 attach --dry-run --read-only middle.vhdx
expect_output "^vhdx: $PWD/base.vhdx: no VHDX image"
mv saved base.vhdx
head -c 266240 /dev/zero >set.vhds
expect_status 1 attach --dry-run --read-only set.vhds
expect_output "^vhdx: set.vhds: no VHDX image but a VHD Set, .*: name the '.avhdx' file"
# What is wrong with a parent's tables is told before the kernel sees it.
cp base.vhdx saved
bat=$("$vhdx" info --json base.vhdx | python3 -c 'import json, sys; print(json.load(sys.stdin).get("bat_offset") or 0x300000)')
printf '\x06\0\0\0\0\0\0\x70' | dd of=base.vhdx bs=1 seek=$((bat)) conv=notrunc status=none
expect_status 1 attach --dry-run --read-only middle.vhdx
expect_output "^vhdx: $PWD/base.vhdx: BAT entry 0: "
mv saved base.vhdx

# --- children -------------------------------------------------------------------

expect_status 1 attach --dry-run base.vhdx
expect_output "^vhdx: base.vhdx: it is the parent of '$PWD/middle.vhdx', and a write to it would make that useless: attach it with --read-only, or attach a child; --force "
expect_status 0 attach --dry-run --read-only base.vhdx
expect_status 0 attach --dry-run --force base.vhdx
echo "disk $PWD/base.vhdx" >tab
expect_status 1 attach --dry-run --tab-file tab --all
# A copy has the same GUID, but it is not the one that the child names.
cp --sparse=always base.vhdx copy.vhdx
expect_status 0 attach --dry-run copy.vhdx
# If that is not there, nobody knows.
mv base.vhdx elsewhere
expect_status 1 attach --dry-run copy.vhdx
expect_output "^vhdx: copy.vhdx: it is the parent of '$PWD/middle.vhdx'"
mv elsewhere/base.vhdx .
for ((i = 0; i < 5; i++)); do
	"$vhdx" create --parent base.vhdx child$i.vhdx
done
expect_status 1 attach --dry-run base.vhdx
expect_output "it is the parent of '$PWD/child0.vhdx', '$PWD/child1.vhdx', '$PWD/child2.vhdx' and 3 more, and a write to it would make them useless"
