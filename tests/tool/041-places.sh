# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# "vhdx check": how many errors, where they are and whose space they take; what is only a note.
. "$VHDX_TOP/tests/lib/tool.sh"

bat() # FILE [INDEX STATE MIB]...
{
	python3 - "$@" <<'EOF2'
import struct, sys
with open(sys.argv[1], 'r+b') as f:
    for i in range(2, len(sys.argv), 3):
        index, state, mib = map(int, sys.argv[i:i + 3])
        f.seek((3 << 20) + 8 * index)
        f.write(struct.pack('<Q', mib << 20 | state))
EOF2
}

# All entries count, not their kinds.
"$vhdx" create --size 256M --block-size 1M image
truncate -s 8M image
mapfile -t entries < <(for i in {1..100}; do printf '%s\n' "$i" 6 4; done)
bat image 0 6 4 "${entries[@]}" 200 4 0
expect_status 4 check image
expect_output '^image: 101 errors of 2 kinds left$'
expect_output '\(100 times\)'
expect_status 4 check --json image
[ "$(json 'j["errors"], [p["count"] for p in j["problems"]], len(j["places"])')" = '101 [1, 100] 21' ]

# Whose space it is.
"$vhdx" create --force --size 64M --block-size 2M image
truncate -s 12M image
bat image 0 6 4 1 6 5 2 6 1 3 6 2 4 6 3 5 3 8 6 6 9
expect_status 4 check --json image
[ "$(json '[(p["number"], p["owner"], p.get("owner_number")) for p in j["places"]]')" = \
	"[(1, 'block', 0), (2, 'log', None), (3, 'region', None), (4, 'region', None), (5, 'block', 6)]" ]
[ "$(json '[p["owner_guid"] for p in j["places"] if "owner_guid" in p]')" = \
	"['8b7ca206-4790-4b9a-b8fe-575f050f886e', '2dc27766-f623-4200-9d64-115e9bfd4a08']" ]
expect_status 4 check image
expect_output '^block 1 +1 +5242880 +block 0$'
expect_output '^block 2 +2 +1048576 +log$'
expect_output '^block 3 +3 +2097152 +metadata region$'
expect_output '^block 4 +4 +3145728 +BAT region$'
expect_output '^block 5 +5 +8388608 +block 6$'
bat image 1 6 63
expect_status 4 check image
expect_output '^block 1 +1 +66060288 *$'

# What QEMU before 8.0 leaves where a sector bitmap would be: a note, and if it is a block's, more.
"$vhdx" create --force --size 8G --block-size 1M image
truncate -s 10M image
bat image 0 6 6 4096 2 0
expect_status 0 check image
expect_output 'note: .*QEMU before 8.0.*nothing has to be done$'
expect_output '^sector bitmap of chunk 0 +4096 +0$'
expect_output '^image: clean'
expect_status 0 check --json image
[ "$(json '[(p["name"], p["level"], p["count"]) for p in j["problems"]], j["errors"]')" = "[('BITMAP_STALE', 'note', 1)] 0" ]
expect_status 0 check --repair image
expect_status 0 info image
expect_no_output 'may be a block'
bat image 4096 6 8
expect_status 4 check image
expect_output "map it read-only and compare .*QEMU before 8.0 moves entries"
expect_status 4 check --repair=salvage image
expect_status 0 map image
expect_status 0 info image
expect_output "note: .*may be a block's: run 'vhdx check' on it"
