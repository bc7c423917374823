# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
#
# To be seen at work: message "stats", and a tracepoint for each step, in the order of the crash argument.
. "$VHDX_TOP/tests/lib/vhdx.sh"

events=/sys/kernel/tracing/events/dm_vhdx
# counted NAME: as the target tells it
counted()
{
	local number

	number=$(dmsetup message a 0 stats | awk -v name="$1" '$1 == name { print $2 }')
	[ -n "$number" ] || fail "there is no statistic $1"
	echo "$number"
}
is() { [ "$(counted "$1")" = "$2" ] || fail "$1 is $(counted "$1"), not $2: $(dmsetup message a 0 stats)"; }
# seen EVENT [TEXT]: so many of them
seen() { awk -v event="$1:" -v text="${2-}" '$5 == event && index($0, text)' /sys/kernel/tracing/trace | wc -l; }
# in_order EVENT...: among others
in_order()
{
	awk -v list="$*" 'BEGIN { n = split(list, want) } $5 == want[at + 1] ":" { at++ } END { exit at != n }' \
		/sys/kernel/tracing/trace || fail "not in this order: $*: $(cat /sys/kernel/tracing/trace)"
}

scratch_fs 300
insmod_vhdx
[ -d "$events" ] || fail 'no tracepoints'
for event in "$events"/*/; do
	grep -qF "vhdx_$(basename "$event" | sed 's/^vhdx_//')" "$VHDX_TOP/Documentation/dm-vhdx.rst" ||
		fail "the documentation knows nothing of $(basename "$event")"
done
echo 1 >"$events/enable"
"$vhdx" create --size 64M --block-size 1M f.vhdx
dev=$(backing f.vhdx 100)
map_image a "$dev" commit_interval 3600000 idle_close 0 zeroed_from $((50 * 2048))
for name in blocks_allocated blocks_zeroed blocks_freed commits sessions_opened; do
	is $name 0
done
[ "$(seen vhdx_ctr result=0)" -ge 1 ]
[ "$(seen vhdx_resume result=0)" -ge 1 ]

note 'a block whose space may hold anything'
dd if=/dev/urandom of=/dev/mapper/a bs=4k count=1 oflag=direct status=none
is blocks_allocated 1
is blocks_zeroed 1
is sessions_opened 1
is commits 0
sync /dev/mapper/a
is commits 1
is log_entries 1
in_order vhdx_session_open vhdx_prepare vhdx_publish vhdx_commit vhdx_flush vhdx_log_entry vhdx_flush vhdx_commit_done

note 'reads and overwrites leave no trace'
: >/sys/kernel/tracing/trace
before=$(dmsetup message a 0 stats)
dd if=/dev/urandom of=/dev/mapper/a bs=4k count=8 oflag=direct status=none
dd if=/dev/mapper/a of=/dev/null bs=64k count=32 iflag=direct status=none
[ "$(grep -c vhdx_ /sys/kernel/tracing/trace)" = 0 ] || fail "$(cat /sys/kernel/tracing/trace)"
[ "$(dmsetup message a 0 stats)" = "$before" ] || fail "$(dmsetup message a 0 stats)"

note 'freed'
blkdiscard -o 0 -l 1M /dev/mapper/a
dmsetup message a 0 commit
freed() { [ "$(counted mib_freed)" = 1 ]; }
wait_for 60 freed
is blocks_freed 1
is mib_passed_down 1
in_order vhdx_free vhdx_commit vhdx_log_entry vhdx_commit_done vhdx_pass_down vhdx_reusable

note 'for people and for programs'
"$vhdx" status --stats a | grep -qE '^ *blocks_freed +1$' || fail "$("$vhdx" status --stats a)"
"$vhdx" status -s --json a >out
python3 - out <<'END' || fail "$(<out)"
import json, sys
stats = {s["name"]: s["count"] for s in json.load(open(sys.argv[1]))["statistics"]}
assert stats["blocks_freed"] == 1 and stats["commits"] == 2, stats
END

note 'the end'
dmsetup message a 0 close
is sessions_closed 1
unmap a
in_order vhdx_checkpoint vhdx_session_close vhdx_suspend vhdx_dtr
echo 0 >"$events/enable"
