# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of "vhdx compact --fs" share; they source it after tool.sh, and set $seed.
# shellcheck disable=SC2154 # $vhdx and $seed are theirs

# judge RAW GOT BLOCK-BYTES MODE, by runs: GOT is RAW, but for whole blocks that are free: those are zeros,
# all of them if MODE is "all", or any if it is "some"
judge()
{
	python3 - "$@" <<-'EOP'
		import sys
		raw, got = open(sys.argv[1], 'rb'), open(sys.argv[2], 'rb')
		size, everything = int(sys.argv[3]), sys.argv[4] == 'all'
		total = raw.seek(0, 2)
		assert got.seek(0, 2) == total
		runs = []
		for line in open('runs'):
		    start, end = map(int, line.split())
		    if runs and runs[-1][1] == start:
		        runs[-1][1] = end
		    else:
		        runs.append([start, end])
		whole = set()
		for start, end in runs:
		    for block in range(-(-start // size), end // size):
		        whole.add(block)
		    if end == total and start <= end // size * size < end:
		        whole.add(end // size)
		raw.seek(0), got.seek(0)
		gone, zeros = 0, bytes(size)
		for block in range(-(-total // size)):
		    a, b = raw.read(size), got.read(size)
		    if block in whole and b == zeros[:len(b)]:
		        gone += 1
		        continue
		    if block in whole and everything:
		        sys.exit('block %d should be gone' % block)
		    if a != b:
		        sys.exit('block %d is another one%s' % (block, ', but free' if block in whole else ''))
		print(gone)
	EOP
}
# By what children know that it has changed: VHD has nothing else.
known_by() { "$vhdx" info --json "$1" | grep data_write_guid || "$vhdx" info --json "$1" | grep disk_id; }
is_good() # IMAGE: so it is when its log is replayed
{
	cp --sparse=always "$1" good
	"$vhdx" replay --quiet good 2>/dev/null || :
	"$vhdx" check --quiet good
}
# dice VARIABLE CHOICE...
dice()
{
	rolls=$((rolls + 1))
	printf -v "$1" %s "$(python3 -c 'import random, sys; print(random.Random(sys.argv[1]).choice(sys.argv[2:]))' "$seed $rolls" "${@:2}")"
}
rolls=0
