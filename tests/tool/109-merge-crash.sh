# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# What a power cut leaves of a merge: states of the files in which what was written since the last sync
# is there in parts, in any order. Each has to show the same disk, and the merge has to go on from it.
# Controls: without some of the syncs there are bad ones. VHDX_SEED=N repeats a run that printed N,
# VHDX_STATES=N has so many states.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/merge.sh"

states=${VHDX_STATES:-40}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# The leaf's disk is what it was; and so is the parent's, once the merge was done again.
cat >judge <<-EOS
	#!/bin/bash
	is_whole()
	{
		"$vhdx" diff --json whole.vhdx "\$1" >out 2>>judged && [ "\$(tr -d '[] \n' <out)" = '' ]
	}
	# What the merge does not write to, but deletes.
	cp start/unwritten/* c
	"$vhdx" check --chain --quiet --json c/0.vhdx >judged 2>&1 || [ \$? -le 2 ] || exit 1
	is_whole c/0.vhdx || exit 1
	[ \$((RANDOM % 4)) = 0 ] || exit 0
	"$vhdx" merge --into c/\$INTO.vhdx c/0.vhdx >>judged 2>&1 && is_whole c/\$INTO.vhdx
EOS
chmod +x judge

for into in 1 2; do
	rm -rf start
	mixed_chain start
	# What is behind the parent's end is nobody's, and no zeros.
	head -c 3000000 /dev/urandom >>start/$into.vhdx
	"$vhdx" flatten --force start/0.vhdx whole.vhdx
	trace_merge vhdx $into
	export INTO=$into
	crash_states "$states" "$seed" || fail "into $into: $(<bad): $(<judged)"
	syncs=$(<syncs)
	note "into $into: $states states, $syncs syncs"
	[ $into = 1 ] || continue
	# Each sync that somebody needs: the GUID before the data, the data before the tables.
	caught=
	for ((n = 1; n <= syncs; n++)); do
		crash_states 25 $((seed + n)) --without $n || caught+=" $n"
	done
	note "found out without sync$caught"
	[ "$(wc -w <<<"$caught")" -ge 1 ] || fail 'it would not find a sync that is missing'
done
