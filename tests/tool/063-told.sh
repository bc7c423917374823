# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# "vhdx check --repair=salvage" gives up nothing before it has said so, whoever reads the report and
# whenever the run ends.
. "$VHDX_TOP/tests/lib/salvage.sh"

# run WANTED ARG...: like expect_status, for a command with its own redirections.
run()
{
	local wanted=$1 status=0

	shift
	"$vhdx" check --repair=salvage "$@" </dev/null || status=$?
	[ $status = "$wanted" ] || fail "status $status, not $wanted: $*"
}

# One and a half of four blocks are cut off; or the headers are gone, and one of two logs has to go.
"$vhdx" create --size 8M --block-size 2M cut
for b in 0 1 2 3; do
	qemu-io -f vhdx -c "write -P $((b + 65)) $((2 * b))M 2M" cut >out
done
truncate -s -3M cut
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'PYTHON'
from mkvhdx import *
image = default_image()
image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, 4))]))
image.both_headers(damage=1)
image.write('headless')
PYTHON

while read -r image told; do
	before=$(sum "$image")
	cp "$image" broken
	run 8 broken >/dev/full 2>err
	grep -q 'what is lost cannot be told, so it is not given up' err || fail "$image: $(cat err)"
	[ "$before" = "$(sum broken)" ] || fail "$image: written, and nobody was told"
	run 8 --json broken >out 2>/dev/full
	[ "$before" = "$(sum broken)" ] || fail "$image: written, and nobody was told before"

	# A run that is killed has said it by the time it writes, even where JSON is wanted.
	for json in '' --json; do
		cp "$image" broken
		status=0
		# shellcheck disable=SC2086 # none or one word
		DIE_AT=1 LD_PRELOAD=$PWD/die.so "$vhdx" check --repair=salvage $json broken >out 2>err || status=$?
		[ $status = 99 ]
		[ "$before" = "$(sum broken)" ]
		expect_output "$told"
	done
done <<'IMAGES'
cut salvage: lost: bytes 5242880 to 8388607 of the disk
headless salvage: the log is not replayed: what the log leads to has errors
IMAGES

# Whatever write the first run is killed at, the second one names all of it.
for ((n = 1; ; n++)); do
	cp cut broken
	status=0
	DIE_AT=$n LD_PRELOAD=$PWD/die.so "$vhdx" check --quiet --repair=salvage broken 2>err || status=$?
	[ $status = 99 ] || break
	expect_status 1 check --json --repair=salvage broken
	[ "$(json 'j["lost_bytes"]')" = 3145728 ] || fail "killed at write $n: $(cat out)"
	[ "$(json 'sum(l["length"] for l in j["lost"])')" = 3145728 ]
done
[ $n -gt 3 ]

# Blocks that it has left undefined are named ever after, and nothing is written.
before=$(sum broken)
expect_status 0 check --repair=salvage broken
expect_output 'salvage: undefined already: bytes 6291456 to 8388607 of the disk'
expect_status 0 check --json --repair=salvage broken
[ "$(json '[(l["start"], l["length"], l["was_undefined"]) for l in j["lost"]]')" = '[(6291456, 2097152, True)]' ] ||
	fail "$(cat out)"
[ "$before" = "$(sum broken)" ] || fail 'written, with nothing to be done'
