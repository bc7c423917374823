# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# "vhdx check --repair=salvage" where both headers are lost: a log is replayed only if it can only be
# that one, else all there is to choose from is shown.
. "$VHDX_TOP/tests/lib/salvage.sh"

# mangle FILE HOW: "checksum", or "all" of both headers.
mangle()
{
	local slot

	for slot in 1 2; do
		if [ "$2" = checksum ]; then
			printf 'XXXX' | dd of="$1" bs=1 seek=$((slot * 65536 + 4)) conv=notrunc status=none
		else
			dd if=/dev/zero of="$1" bs=4096 seek=$((slot * 16)) count=1 conv=notrunc status=none
		fi
	done
}

# The log is replayed where there is only one that can be meant.
read -r _ wanted < <(mkvhdx image dirty --size 16777216 --dirty)
for how in checksum all; do
	cp dirty broken
	mangle broken $how
	before=$(sum broken)
	expect_status 4 check --repair broken
	expect_output "both headers are damaged: run 'vhdx check --repair=salvage' on a copy"
	[ "$before" = "$(sum broken)" ]
	cp broken json
	expect_status 1 check --json --repair=salvage json
	[ "$(json '[(v["chosen"], v["changes"], v["errors"]) for v in j["views"]], j["log_dropped"]')" = \
		'[(False, False, 0), (True, True, 0)] False' ] || fail "$how: $(cat out)"
	salvage_killed broken
	[ "$(raw killed)" = "$wanted  -" ] || fail "$how: not what the log makes of it"
done

# Sessions that are over leave their entries: no block gets lost by an old one.
"$vhdx" create --force --size 16M --block-size 1M image
for b in 1 2 3; do
	qemu-io -f vhdx -c "write -P 65 ${b}M 1M" image >out
done
wanted=$(raw image)
for how in checksum all; do
	cp image broken
	mangle broken $how
	expect_status 1 check --json --repair=salvage broken
	[ "$(json 'j["headers_rebuilt"], [v["chosen"] for v in j["views"]][0]')" = 'True True' ]
	[ "$(raw broken)" = "$wanted" ] || fail "$how: an old log was replayed"
	expect_status 0 check broken
done

# Two that would change something; one that says to lead to errors: neither, and all views are shown.
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOF2'
import mkvhdx
from mkvhdx import *
def base():
    image = default_image()
    mib = image.next_mib - 1
    image.patches.append((mib * MIB, content('from the log', MIB)))
    return image, mib
image, mib = base()
image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, mib))]),
            Entry(1, [image.bat_change(b2=Block(FULL, mib))], off=64 * KIB, log_guid=mkvhdx.full_guid(1)))
image.write('two')
image, mib = base()
image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, 4))]))
image.write('overlap')
EOF2
while read -r name views; do
	for how in checksum all; do
		cp "$name" broken
		mangle broken $how
		cp broken json
		expect_status 1 check --json --repair=salvage json
		[ "$(json '[(v["chosen"], v["changes"], v["blocks_allocated"]) for v in j["views"]]')" = "$views" ] ||
			fail "$name, $how: $(cat out)"
		[ "$(json 'j["log_dropped"], bool(j["log_dropped_because"])')" = 'True True' ]
		cp broken killed
		expect_status 1 check --repair=salvage killed
		expect_output 'the log is not replayed: '
		expect_output 'with the log [0-9a-f-]+ \(1 entry\): (4 blocks allocated, 0|3 blocks allocated, 1) errors'
		expect_status 0 info --json killed
		[ "$(json 'j["log_state"], j["blocks_allocated"]')" = 'clean 3' ]
	done
done <<'VIEWS'
two [(True, False, 3), (False, True, 4), (False, True, 4)]
overlap [(True, False, 3), (False, True, 3)]
VIEWS

# Headers and the end of the file: that is too much to trust a log.
cp dirty broken
mangle broken checksum
truncate -s -524288 broken
expect_status 1 check --json --repair=salvage broken
[ "$(json 'j["headers_rebuilt"], j["log_dropped"], [v["changes"] for v in j["views"]]')" = \
	'True True [False, True]' ] || fail "$(cat out)"
expect_status 0 check broken
