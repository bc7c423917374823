# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx merge --to": a chain, or its upper layers, in a new image, which is there as a whole or not at
# all; and which parent a merge goes into that was interrupted. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/merge.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

for ((i = 0; i < ${VHDX_ROUNDS:-3}; i++)); do
	depth=$((2 + i % 3))
	chain c $depth $((seed + i))
	sha256sum c/*.vhdx >sums
	expect_status 0 merge --to new.vhdx --json c/0.vhdx
	[ "$(json 'j["file"], j["layers"], j["attached"]')" = "new.vhdx $depth False" ] || fail "$(<out)"
	same_disk new.vhdx c/disk.raw
	[ "$(field new.vhdx parent)" = None ]
	rm new.vhdx
	for ((above = 1; above < depth; above++)); do
		expect_status 0 merge --to c/new.vhdx --above c/$above.vhdx --json c/0.vhdx
		[ "$(json 'j["layers"]')" = $above ] || fail "$(<out)"
		"$vhdx" check --chain --quiet c/new.vhdx
		# It does not need those it was made from.
		mkdir aside
		for ((n = 0; n < above; n++)); do
			mv c/$n.vhdx aside
		done
		same_disk c/new.vhdx c/disk.raw
		mv aside/* c
		rm -r aside c/new.vhdx
	done
	sha256sum -c --quiet sums
done

# A larger child, and another block size than the parent's.
"$vhdx" create --size 9M --block-size 1M base.vhdx
"$vhdx" create --parent base.vhdx --size 64M --block-size 4M large.vhdx
expect_status 0 merge --to new.vhdx --above base.vhdx large.vhdx
[ "$(field new.vhdx virtual_size) $(field new.vhdx block_size)" = '67108864 4194304' ]
"$vhdx" check --chain --quiet new.vhdx

# --- killed at each write, it is not there, or it is right ----------------------------------

export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
chain c 3 $((seed + 50))
for above in '' "--above c/2.vhdx"; do
	for ((n = 1; n < 400; n++)); do
		rm -f c/new.vhdx
		status=0
		# shellcheck disable=SC2086 # options
		WRITE_FAULT=$n "$vhdx" merge --to c/new.vhdx $above c/0.vhdx >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "write $n: status $status: $(<err)"
		[ ! -e c/new.vhdx ] || same_disk c/new.vhdx c/disk.raw
	done
	grep -q 'no call was doomed' err || fail "$(<err)"
	note "$n: no such write"
	[ $n -gt 5 ] && [ $n -lt 400 ]
	same_disk c/new.vhdx c/disk.raw
done
[ "$(echo c/*.vhdx*)" = 'c/0.vhdx c/1.vhdx c/2.vhdx c/new.vhdx' ] || fail "$(ls c)"

# --- the same command goes on, into the parent that it was about ------------------------------

cp -r c start
for n in 12 20; do
	rm -rf c
	cp -r start c
	rm c/new.vhdx
	status=0
	WRITE_FAULT=$n "$vhdx" merge --into c/2.vhdx c/0.vhdx >out 2>err || status=$?
	[ $status = 137 ] || fail "write $n: status $status: $(<err)"
	# There are chains of which so little is to be copied that it is deleting by then.
	[ -e c/0.vhdx ] || continue
	same_disk c/0.vhdx c/disk.raw
	expect_status 0 merge --json c/0.vhdx
	[ "$(json 'j["file"], j["layers"]')" = "$(realpath c)/2.vhdx 2" ] || fail "write $n: $(<out)"
	same_disk c/2.vhdx c/disk.raw
done
unset LD_PRELOAD
# What has ended is not gone on with.
rm -r c
cp -r start c
rm c/new.vhdx c/0.vhdx
expect_status 0 merge --keep --into c/2.vhdx c/1.vhdx
"$vhdx" create --parent c/1.vhdx c/other.vhdx
expect_status 0 merge --json c/other.vhdx
[ "$(json 'j["file"]')" = "$(realpath c)/1.vhdx" ] || fail "$(<out)"

# --- what cannot be, and what is not done ---------------------------------------------------------

sha256sum c/*.vhdx >sums
expect_status 0 merge --dry-run --json c/1.vhdx
[ "$(json 'j["layers"], j["growth"] % 1048576, j["attached"]')" = '1 0 False' ] || fail "$(<out)"
expect_status 1 merge --to c/2.vhdx c/1.vhdx
expect_output "^vhdx: c/2.vhdx: is one of the images"
expect_status 1 merge --to base.vhdx c/1.vhdx
expect_output "^vhdx: base.vhdx: exists: "
expect_status 1 merge --to none.vhdx --above base.vhdx c/1.vhdx
expect_output "^vhdx: base.vhdx: is no parent of 'c/1.vhdx'"
expect_status 2 merge --above base.vhdx c/1.vhdx
expect_status 2 merge --to none.vhdx --keep c/1.vhdx
[ ! -e none.vhdx ]
sha256sum -c --quiet sums
