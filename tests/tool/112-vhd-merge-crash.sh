# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# As 109, of VHD images: there is no log, and the UniqueId changes in two steps.
# Controls: without some of the syncs there are bad states. VHDX_SEED=N repeats a run that printed N,
# VHDX_STATES=N has so many states.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/merge.sh"

states=${VHDX_STATES:-40}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# The leaf's disk is what it was; and so is the parent's, once the merge was done again.
cat >judge <<-EOS
	#!/bin/bash
	is_whole() { "$vhdx" convert --force "\$1" flat.raw >judged 2>&1 && cmp -s flat.raw disk.raw; }
	cp start/unwritten/* c
	for n in c/[0-9].vhd; do
		"$vhdx" check --quiet \$n >judged 2>&1 || [ \$? -le 2 ] || exit 1
	done
	is_whole c/0.vhd || exit 1
	[ \$((RANDOM % 4)) = 0 ] || exit 0
	"$vhdx" merge --into c/\$INTO.vhd c/0.vhd >judged 2>&1 && is_whole c/\$INTO.vhd
EOS
chmod +x judge

# Into one that has a parent itself, and into a dynamic one.
for into in 1 2; do
	vhd_chain start 2 $((20261129 + into)) $((512 * 1024))
	naive start/0.vhd start/1.vhd start/2.vhd >disk.raw
	export INTO=$into
	trace_merge vhd $into
	crash_states "$states" "$seed" || fail "into $into: $(<bad): $(<judged)"
	syncs=$(<syncs)
	note "into $into: $states states, $syncs syncs"
	# Each sync that somebody needs: the identity before the data, the data before the tables.
	caught=
	for ((n = 1; n <= syncs; n++)); do
		crash_states 20 $((seed + n)) --without $n || caught+=" $n"
	done
	note "found out without sync$caught"
	[ "$(wc -w <<<"$caught")" -ge 1 ] || fail 'it would not find a sync that is missing'
done
