# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# debug: long
# timeout: 1500
#
# Chains that are bad, and tables that are: each is refused with a sentence of its own, and nothing is
# written. Chains that are merely odd are not.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
need python3

scratch_fs 400
insmod_vhdx
"$VHDX_TOP/tests/images/badchain.py" .

while IFS=$'\t' read -r name sentence; do
	# Room for what is written.
	[ "$sentence" != ok ] || truncate -s +8M "$name/0.vhdx"
	chain "$name" 512 rw
	size=$(image_sectors "$name/0.vhdx") || size=$(image_sectors plain/0.vhdx)
	if [ "$sentence" != ok ]; then
		md5sum "$name"/*.vhdx >sums
		expect_fail -k "$sentence" dmsetup create x --table "0 $size vhdx $leaf $count$parents" >/dev/null
		expect_fail -k "$sentence" dmsetup create x --readonly --table "0 $size vhdx $leaf $count$parents" >/dev/null
		md5sum --quiet -c sums || fail "$name: something was written"
	else
		md5sum "$name"/[12].vhdx >sums
		map x "0 $size vhdx $leaf $count$parents"
		cmp "$name/disk.raw" /dev/mapper/x || fail "$name: wrong"
		cmp "$name/disk.raw" <(dd if=/dev/mapper/x bs=3584 iflag=direct status=none) || fail "$name: wrong in pieces"
		note "$name"
		echo 3 >/proc/sys/vm/drop_caches
		"$scribble" /dev/mapper/x "$name/disk.raw" 1 60 --block 1048576 || fail "$name: scribble"
		same /dev/mapper/x "$name/disk.raw" || fail "$name: wrong after"
		unmap x
		map x "0 $size vhdx $leaf $((count + 1)) read_only$parents"
		same /dev/mapper/x "$name/disk.raw" || fail "$name: wrong anew"
		unmap x
		md5sum --quiet -c sums || fail "$name: a parent was written"
	fi
	drop
	[ "$sentence" != ok ] || "$vhdx" check --parent "$name/1.vhdx" "$name/0.vhdx" || fail "$name: check"
done <cases.tsv
