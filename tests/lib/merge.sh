# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of "vhdx merge" share, on top of tests/lib/tool.sh.
#
#   field IMAGE KEY          of "vhdx info --json"
#   same_disk IMAGE RAW      its disk is that, or the test fails
#   chain DIR DEPTH SEED     a random one whose logs are empty and whose disks have one size
#   mixed_chain DIR          whatever a block can be above what it can be below, twice
#   trace_merge FORMAT INTO  merges c/0.FORMAT into c/INTO.FORMAT; the writes are in trace, what was there
#                            before is in start
#
# And tests/lib/crash.sh.

. "$VHDX_TOP/tests/lib/crash.sh"

# shellcheck disable=SC2154 # vhdx is that of tests/lib/tool.sh
field() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1]))' "$2"; }
same_disk()
{
	"$vhdx" flatten --force "$1" flat
	# What is flat is a map of data and of zeros.
	python3 - flat "$2" "$vhdx" <<-'EOP' || fail "$1 is not what $2 is"
		import json, subprocess, sys
		rows = json.loads(subprocess.check_output([sys.argv[3], 'map', '--json', sys.argv[1]]))
		with open(sys.argv[1], 'rb') as image, open(sys.argv[2], 'rb') as raw:
		    for row in rows:
		        want = raw.read(row['length'])
		        got = bytes(row['length'])
		        if row['state'] == 'data':
		            image.seek(row['file_offset'])
		            got = image.read(row['length'])
		        if got != want:
		            sys.exit(f'{row} differs')
		    sys.exit(raw.read(1) != b'')
	EOP
}
chain()
{
	rm -rf "$1"
	python3 - "$@" <<-EOP
		import sys
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		import random
		from mkchain import *
		dice = random.Random(int(sys.argv[3]))
		sector = dice.choice((512, 4096))
		size = dice.randint(3, 7) * MIB + dice.choice((0, 5 * sector))
		layers = [random_layer(dice, size, sector, i == int(sys.argv[2]) - 1) for i in range(int(sys.argv[2]))]
		for layer in layers:
		    layer.dirty = False
		write_chain(sys.argv[1], layers)
	EOP
}
mixed_chain()
{
	python3 - "$@" <<-EOP
		import sys
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		from mkchain import *
		size = 9 * MIB
		bits = lambda step: [n // step % 2 == 0 for n in range(256)]
		leaf = Layer(size, MIB, 4096, {0: PARTIAL, 1: PARTIAL, 2: PARTIAL, 3: PARTIAL, 4: FULL, 5: ZERO, 6: ZERO, 7: FULL},
		             {n: bits(50 + 14 * n) for n in range(4)})
		middle = Layer(size, MIB, 4096, {0: PARTIAL, 1: FULL, 3: ZERO, 4: PARTIAL, 5: PARTIAL, 6: FULL, 8: PARTIAL},
		               {n: bits(90) for n in (0, 4, 5, 8)})
		base = Layer(size, MIB, 4096, {n: FULL for n in range(0, 9, 2)})
		base.states[3] = FULL
		write_chain(sys.argv[1], [leaf, middle, base])
	EOP
}
trace_merge()
{
	local n

	rm -rf c trace
	cp -r start c
	# What the merge does not write to, but deletes.
	mkdir start/unwritten
	cp start/[0-9]."$1" start/unwritten
	# The layer above, and the parent, by their numbers.
	for n in $(($2 - 1)) "$2"; do
		echo "$(stat -c %i "c/$n.$1") $n.$1"
		rm "start/unwritten/$n.$1"
	done >start/inodes
	record merge --into "c/$2.$1" "c/0.$1" || fail "$(<err)"
}
