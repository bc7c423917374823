# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx map": a disk in very many pieces, as JSON about as quick as text.
. "$VHDX_TOP/tests/lib/tool.sh"

"$vhdx" create --block-size 1M pieces 256G
python3 - <<'EOP'
import struct
blocks, chunk, first = 256 << 10, 4096, 16
with open('pieces', 'r+b') as f:
    f.truncate((first + blocks) << 20)
    f.seek(3 << 20)
    # Two and two change places, so that none follows the one before it in the file.
    for start in range(0, blocks, chunk):
        f.write(struct.pack('<%dQ' % (chunk + 1),
                            *[(first + (i ^ 1)) << 20 | 6 for i in range(start, start + chunk)], 0))
EOP

# The same rows.
expect_status 0 map pieces
tail -n +2 out | awk '{ print $1, $2, $3, $4 }' >text
expect_status 0 map --json pieces
[ "$(json 'len(j)')" = 262144 ]
json '"\n".join("%d %d %s %d" % (e["start"], e["length"], e["state"], e["file_offset"]) for e in j)' | cmp - text

# user ARG...: what it costs, the least of three
user()
{
	local least=999999 ms

	for _ in 1 2 3; do
		ms=$(python3 - "$@" <<-'EOP'
			import resource, subprocess, sys
			subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
			used = resource.getrusage(resource.RUSAGE_CHILDREN)
			print(round((used.ru_utime + used.ru_stime) * 1000))
		EOP
		)
		[ "$ms" -ge "$least" ] || least=$ms
	done
	echo "$least"
}
text=$(user "$vhdx" map pieces)
json=$(user "$vhdx" map --json pieces)
note "text $text ms, JSON $json ms"
[ "$json" -le $((2 * text + 20)) ] || fail "JSON takes $json ms, the text $text ms"
