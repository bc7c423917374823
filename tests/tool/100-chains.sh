# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# Chains of differencing images: who has what, against a model that asks one sector and one layer at
# a time. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

mkchain() { "$VHDX_TOP/tests/images/mkchain.py" "$@"; }

# same_map DIR: "vhdx map" says what the model says; names of files apart, which may be relative.
same_map()
{
	expect_status 0 map --json "$1/0.vhdx"
	python3 - out "$1" <<-'EOP' || fail "vhdx map $1 is not what the model says"
		import json, os, sys
		got = json.load(open(sys.argv[1]))
		want = json.load(open(sys.argv[2] + '/map.json'))
		for row in got:
		    if 'file' in row:
		        row['file'] = os.path.basename(row['file'])
		if not os.path.exists(sys.argv[2] + '/1.vhdx'):
		    for row in want:
		        row.pop('layer', None), row.pop('file', None)
		for g, w in zip(got, want):
		    if g != w:
		        sys.exit(f'got {g}, not {w}')
		sys.exit(len(got) != len(want))
	EOP
}

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
for ((i = 0; i < 6; i++)); do
	rm -rf chain
	mkchain random chain $((seed + i))
	find chain -name '*.vhdx' -exec sha256sum {} + | sort >before
	same_map chain
	# Dirty ones are replayed in memory only.
	find chain -name '*.vhdx' -exec sha256sum {} + | sort | cmp - before
done

# Each depth and sector size at least once.
for depth in 2 8; do
	for sector in 512 4096; do
		rm -rf chain
		mkchain random chain "$seed" --depth $depth --sector $sector
		[ -e chain/$((depth - 1)).vhdx ]
		same_map chain
	done
done

# Blocks of one layer that follow each other on the disk only; zeros of two layers.
rm -rf chain
python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	leaf = Layer(5 * MIB, MIB, 512, {0: FULL, 1: FULL, 2: ZERO})
	write_chain('chain', [leaf, Layer(5 * MIB, MIB, 512, {3: ZERO, 4: FULL})])
EOP
same_map chain
[ "$(json 'len(j)')" = 5 ]

# As deep as can be, and one more.
python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	import os
	layers = [Layer(MIB, MIB, 4096) for _ in range(256)]
	# Each has one sector, all over the block.
	for i, layer in enumerate(layers[:-1]):
	    layer.states[0] = PARTIAL
	    layer.bits[0] = [n == i for n in range(256)]
	one = sector_data('x', 3, 4096)
	sys.modules['mkchain'].sector_data = lambda tag, number, size: one
	write_chain('deep', layers)
	os.mkdir('deeper')
	write_layer('deeper', [Layer(MIB, MIB, 4096), layers[0]], 0)
	os.symlink('../deep/0.vhdx', 'deeper/1.vhdx')
EOP
same_map deep
[ "$(json 'len(j)')" = 256 ]
[ "$(json '[e["layer"] for e in j[:-1]] == list(range(255))')" = True ]
expect_status 1 map deeper/0.vhdx
expect_output "/deep/254.vhdx: its parent '.*/deep/255.vhdx': a chain of more than 256 images: "
expect_status 1 create --parent deep/0.vhdx new
expect_output '^vhdx: deep/0.vhdx: a chain of more than 256 images: '
expect_status 0 check --chain --json deep/0.vhdx
[ "$(json 'len(j)')" = 256 ]
rm -rf deep deeper

# --- where parents are ---------------------------------------------------------

rm -rf chain
mkchain random chain 1 --depth 3
mkdir -p parents/Disks elsewhere
mv chain/1.vhdx parents/Disks
expect_status 1 map chain/0.vhdx
expect_output "^vhdx: chain/0.vhdx: its parent with the data write GUID .* is not found: looked for '.*/chain/1.vhdx'.*--parent-dir$"
[ ! -s out ]
# Its own parent is not there either.
expect_status 1 map --parent parents/Disks/1.vhdx chain/0.vhdx
expect_output "^vhdx: parents/Disks/1.vhdx: its parent .* looked for '.*/Disks/2.vhdx'"
for args in '--parent parents/Disks/1.vhdx --parent chain/2.vhdx' '--parent chain/2.vhdx --parent parents/Disks/1.vhdx' \
	'--parent-dir chain --parent-dir parents/Disks'; do
	# shellcheck disable=SC2086 # words
	expect_status 0 map $args chain/0.vhdx
done
# Not the right one: both GUIDs are told.
expect_status 1 map --parent chain/2.vhdx chain/0.vhdx
expect_output "should have the data write GUID [0-9a-f-]{36}, but 'chain/2.vhdx' has [0-9a-f-]{36}"
expect_status 1 map --parent before chain/0.vhdx
expect_output '^vhdx: before: no VHDX image: '

# --- a parent that may not be read -----------------------------------------------------------------

# Root may read everything.
if be_nobody; then
	mkdir "$nobody/dir" "$nobody/closed"
	for format in vhdx vhd; do
		"$vhdx" create --format $format "$nobody/dir/base" 5M
		expect_status 0 create --format $format --parent "$nobody/dir/base" "$nobody/child"
		# The map of a VHD is of that image alone.
		reads=(map)
		[ $format = vhdx ] || reads=(merge --dry-run)
		chmod 666 "$nobody/child"
		chmod 600 "$nobody/dir/base"
		as_nobody 1 "${reads[@]}" "$nobody/child"
		expect_output "^vhdx: $nobody/child: its parent may be '$nobody/dir/base', which cannot be read: Permission denied: "
		as_nobody 1 chain "$nobody/child"
		expect_output "^! its parent [-0-9a-f]{36} may be $nobody/dir/base, which cannot be read: Permission denied$"
		as_nobody 1 chain --json "$nobody/child"
		[ "$(json 'j[0]["parent_state"]')" = unreadable ]
		# The other way round: who looks for children says what may be one.
		cp "$nobody/child" "$nobody/dir/child.$format"
		chmod 600 "$nobody/dir/child.$format"
		chmod 666 "$nobody/dir/base"
		as_nobody 0 compact --fs --dry-run "$nobody/dir/base"
		expect_output "^vhdx: $nobody/dir/base: note: '$nobody/dir/child.$format' cannot be read: it may be a child of this image$"
		rm "$nobody/dir/child.$format"
		chmod 644 "$nobody/dir/base"
		as_nobody 0 chain "$nobody/child"
		# The directory may not be looked into.
		chmod 700 "$nobody/dir"
		as_nobody 1 "${reads[@]}" "$nobody/child"
		expect_output "its parent may be '$nobody/dir/base', which cannot be read: Permission denied"
		[ $format = vhd ] || as_nobody 8 check "$nobody/child"
		[ $format = vhd ] || expect_output "its parent may be '$nobody/dir/base', which cannot be read: Permission denied"
		# Another place that it is in.
		as_nobody 1 "${reads[@]}" --parent-dir "$nobody/closed" "$nobody/child"
		cp "$nobody/dir/base" "$nobody/closed"
		as_nobody 0 chain --parent-dir "$nobody/closed" "$nobody/child"
		chmod 755 "$nobody/dir"
		rm "$nobody/dir/base" "$nobody/child" "$nobody/closed/base"
	done
fi
