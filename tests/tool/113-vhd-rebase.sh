# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx rebase" of VHD images: where the parent is now, another parent, another parent below the same disk;
# and what a power cut leaves. Controls: without some of the syncs there are bad states. VHDX_SEED=N repeats
# a run that printed N, VHDX_STATES=N has so many states.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/crash.sh"

field() { "$vhdx" info --json "$1" | python3 -c "import json, sys; print(json.load(sys.stdin)['$2'])"; }
paths() { "$vhdx" info --json "$1" | python3 -c 'import json, sys
print(*[e["key"] + "=" + e["value"] for e in json.load(sys.stdin)["parent_locator"]], sep="\n")'; }
reads_as() { naive "${@:2}" | cmp - "$1" || fail "${*:2} is not $1"; }
sums() { find "$@" -type f -exec sha256sum {} + | sort; }

states=${VHDX_STATES:-40}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# --- the same parent in another place ---------------------------------------------------

mkdir -p there/is
for ((i = 0; i < 4; i++)); do
	vhd_chain a 2 $((seed + i))
	naive a/{0,1,2}.vhd >disk.raw
	mv a/{1,2}.vhd there/is/
	sums there >before
	id=$(field a/0.vhd disk_id)
	size=$(stat -c %s a/0.vhd)
	expect_status 1 map a/0.vhd
	expect_status 0 rebase --json a/0.vhd there/is/1.vhd
	[ "$(json 'j["parent"], j["copied"], j["parent_id"]')" = "there/is/1.vhd 0 $(field there/is/1.vhd disk_id)" ]
	expect_status 0 check a/0.vhd
	! grep -q nothing out || fail "$(<out)"
	expect_status 0 map a/0.vhd
	paths a/0.vhd >said
	grep -xF 'W2ru=..\there\is\1.vhd' said
	grep -xF "W2ku=$(tr / '\134' <<<"$PWD/there/is/1.vhd")" said
	[ "$(field a/0.vhd parent_name)" = 1.vhd ]
	[ "$(field a/0.vhd disk_id)" = "$id" ] || fail 'the disk is the same, its identity not'
	reads_as disk.raw a/0.vhd there/is/{1,2}.vhd
	sums there | cmp - before || fail 'a parent was written to'
	# What is written again and again takes no more space.
	for _ in 1 2 3; do
		expect_status 0 rebase a/0.vhd there/is/1.vhd
	done
	[ "$(stat -c %s a/0.vhd)" -le $((size + 3072)) ] || fail "$size bytes became $(stat -c %s a/0.vhd)"
	reads_as disk.raw a/0.vhd there/is/{1,2}.vhd
done
# One of our own has room for other paths where the old ones are: it stays as long as it was.
"$vhdx" create --format vhd own-1.vhd 5M
"$vhdx" create --format vhd --parent own-1.vhd own-0.vhd
size=$(stat -c %s own-0.vhd)
mv own-1.vhd there
expect_status 0 rebase own-0.vhd there/own-1.vhd
[ "$(stat -c %s own-0.vhd)" = "$size" ]
expect_status 0 check own-0.vhd
[ "$(<out)" = 'own-0.vhd: clean, 0 of 3 blocks allocated' ] || fail "$(<out)"
# A path that is too long for that goes behind it all.
deep=there/$(printf 'd%.0s' {1..200})/$(printf 'e%.0s' {1..200})/$(printf 'f%.0s' {1..200})
mkdir -p "$deep"
mv there/own-1.vhd "$deep"
expect_status 0 rebase own-0.vhd "$deep/own-1.vhd"
expect_status 0 check own-0.vhd
expect_status 0 map own-0.vhd
expect_status 0 rebase own-0.vhd "$deep/own-1.vhd"
expect_status 0 map own-0.vhd

# --- another one -------------------------------------------------------------------------

vhd_chain b 1 $((seed + 10))
sums a b there >before
expect_status 1 rebase a/0.vhd b/0.vhd
expect_output "^vhdx: b/0.vhd: has the UniqueId $(field b/0.vhd disk_id), the parent of 'a/0.vhd' should have $(field there/is/1.vhd disk_id): use --content"
sums a b there | cmp - before
expect_status 0 rebase --force a/0.vhd b/0.vhd
[ "$(field a/0.vhd disk_id)" != "$id" ] || fail 'nobody who relies on it would know'
expect_status 0 check a/0.vhd
naive a/0.vhd b/{0,1}.vhd >other.raw
expect_status 0 convert a/0.vhd told.raw
cmp told.raw other.raw
expect_status 0 rebase --force a/0.vhd there/is/1.vhd
reads_as disk.raw a/0.vhd there/is/{1,2}.vhd

# --- another one, and the same disk -------------------------------------------------------

for ((i = 0; i < 6; i++)); do
	vhd_chain c 2 $((seed + 20 + i))
	vhd_chain d $((i % 3)) $((seed + 40 + i))
	naive c/{0,1,2}.vhd >disk.raw
	id=$(field c/0.vhd disk_id)
	sums c/1.vhd c/2.vhd d >before
	expect_status 0 rebase --content --json c/0.vhd d/0.vhd
	sums c/1.vhd c/2.vhd d | cmp - before || fail 'a parent was written to'
	expect_status 0 check c/0.vhd
	[ "$(field c/0.vhd disk_id)" = "$id" ]
	reads_as disk.raw c/0.vhd d/*.vhd
	rm c/1.vhd c/2.vhd
	rm -f told.raw
	expect_status 0 convert c/0.vhd told.raw
	cmp told.raw disk.raw
done
# The same disk by way of another file needs nothing; one sector that is another one is all that is copied.
vhd_chain c 1 $((seed + 50)) 65536
"$vhdx" convert c/1.vhd copy.vhd
expect_status 0 rebase --content --json c/0.vhd copy.vhd
[ "$(json 'j["copied"]')" = 0 ] || fail "$(<out)"
naive c/0.vhd copy.vhd >disk.raw

# --- what cannot be -----------------------------------------------------------------------

vhd_chain a 1 $((seed + 60))
"$vhdx" create new.vhdx 1M
"$vhdx" create --parent new.vhdx child.vhdx
sums a/0.vhd a/1.vhd child.vhdx >before
expect_status 1 rebase --force a/0.vhd a/0.vhd
expect_output '^vhdx: a/0.vhd: the chain of parents leads back to itself'
expect_status 1 rebase --force b/1.vhd b/0.vhd
expect_status 1 rebase --force a/1.vhd b/0.vhd
expect_output '^vhdx: a/1.vhd: has no parent: '
expect_status 1 rebase --force a/0.vhd missing
expect_status 1 rebase --force a/0.vhd new.vhdx
expect_output '^vhdx: new.vhdx: no VHD image'
expect_status 1 rebase --force child.vhdx a/1.vhd
expect_output '^vhdx: a/1.vhd: no VHDX image but a VHD image'
rm b/1.vhd
expect_status 1 rebase --force a/0.vhd b/0.vhd
expect_output "^vhdx: b/0.vhd: its parent with the UniqueId "
sums a/0.vhd a/1.vhd child.vhdx | cmp - before || fail 'something was written'
# No space for what differs.
vhd_chain b 0 $((seed + 61)) $((3 << 20))
vhd_chain a 1 $((seed + 62)) $((3 << 20))
sums a >before
(
	ulimit -f $(($(stat -c %s a/0.vhd) / 1024))
	expect_status 1 rebase --content a/0.vhd b/0.vhd
)
naive a/{0,1}.vhd >disk.raw
expect_status 0 rebase --content a/0.vhd b/0.vhd
reads_as disk.raw a/0.vhd b/0.vhd

# --- a power cut ----------------------------------------------------------------------------

# Whoever has which parent by then, the image is whole, also for those who go by the footer at the start; and the
# same command gives it the new one.
cat >header <<-'EOS'
	import struct, sys
	def right(data, at):
	    want, = struct.unpack_from('>I', data, at)
	    return want == ~(sum(data) - sum(data[at:at + 4])) & 0xffffffff
	file = open(sys.argv[1], 'rb')
	footer = file.read(512)
	file.seek(struct.unpack_from('>Q', footer, 16)[0])
	sys.exit(not right(footer, 64) or not right(file.read(1024), 36))
EOS
cat >judge <<-'EOS'
	#!/bin/bash
	is_whole() { rm -f told.raw; "$VHDX" convert c/0.vhd told.raw --parent there/1.vhd --parent d/0.vhd >judged 2>&1 && cmp -s told.raw disk.raw; }
	"$VHDX" check --quiet --parent there/1.vhd --parent d/0.vhd c/0.vhd >judged 2>&1 || [ $? -le 2 ] || exit 1
	is_whole || exit 1
	python3 header c/0.vhd || exit 1
	[ $((RANDOM % 4)) = 0 ] || exit 0
	"$VHDX" rebase $OPTION c/0.vhd $NEW --parent there/1.vhd >judged 2>&1 && is_whole && "$VHDX" check --parent there/1.vhd c/0.vhd >judged 2>&1
EOS
chmod +x judge
export VHDX=$vhdx OPTION NEW
vhd_chain start 2 20261130 $((256 << 10))
vhd_chain d 1 20261131 $((256 << 10))
naive start/{0,1,2}.vhd >disk.raw
rm -rf there
mkdir there
mv start/[12].vhd there
"$vhdx" rebase start/0.vhd there/1.vhd
for NEW in there/1.vhd d/0.vhd; do
	OPTION=
	[ $NEW = there/1.vhd ] || OPTION=--content
	rm -rf c trace
	cp -r start c
	echo "$(stat -c %i c/0.vhd) 0.vhd" >start/inodes
	record rebase $OPTION c/0.vhd $NEW || fail "$(<err)"
	crash_states "$states" "$seed" || fail "$NEW: $(<bad): $(<judged)"
	syncs=$(<syncs)
	# One of those that somebody needs is enough, or, as the next may stand in for it, two in a row.
	caught=
	for ((n = 1; n <= syncs; n++)); do
		for without in $n $n,$((n + 1)); do
			crash_states 60 $((seed + n)) --without "$without" || { caught=$without; break 2; }
		done
	done
	note "$NEW: $states states, $syncs syncs; found out without sync $caught"
	[ "$caught" ] || fail 'it would not find a sync that is missing'
done
# A header among blocks, which has no other room than behind them; in front of them is some for a path. Where it is
# in use it is not written, whatever becomes of the paths.
rm start/0.vhd
PYTHONPATH=$VHDX_TOP/tests/images python3 - "$(field there/1.vhd disk_id)" <<-'EOP'
	import sys, uuid
	import mkvhd
	blocks = {0: mkvhd.Block(sector=3), 2: mkvhd.Block(sector=134, bits=[(5, 50)])}
	image = mkvhd.Image(256 << 10, 64 << 10, mkvhd.DIFFERENCING, blocks)
	image.footer.data_offset, image.header.table, image.begin = 132 * 512, 512, 3
	image.header.parent_id = uuid.UUID(sys.argv[1]).bytes
	image.write('start/0.vhd')
EOP
naive start/0.vhd there/{1,2}.vhd >disk.raw
rm -rf c trace
cp -r start c
echo "$(stat -c %i c/0.vhd) 0.vhd" >start/inodes
NEW=there/1.vhd OPTION=
record rebase c/0.vhd $NEW || fail "$(<err)"
crash_states 150 "$seed" || fail "among blocks: $(<bad): $(<judged)"
