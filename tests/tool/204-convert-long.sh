# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 60
#
# "vhdx convert" to a VHD of small blocks whose file would get longer than its entries can say. As nobody
# has that much data, it goes on where a run has stopped that seems to have come there.
. "$VHDX_TOP/tests/lib/tool.sh"

python3 - <<-'EOP'
	import random
	with open('a.raw', 'wb') as f:
	    f.truncate(64 << 20)
	    for n in range(64):
	        f.seek(n << 20)
	        f.write(random.Random(n).randbytes(1000))
EOP
# cut_at END: it has stopped in the middle, where the file was so long
cut_at()
{
	local n

	rm -f b .b.*
	WRITE_FAULT=70 WRITE_STOP=1 LD_PRELOAD=$VHDX_TOP/build/write-fault.so \
		"$vhdx" convert --continue -b 64K -O vhd a.raw b >out 2>err &
	pid=$!
	for ((n = 0; n < 300; n++)); do
		[ "$(sed 's/.*) //; s/ .*//' /proc/$pid/stat)" != T ] || break
		sleep 0.1
	done
	kill -TERM $pid
	kill -CONT $pid
	! wait $pid || fail 'it did not stop'
	sed -i "s/\"end\": *[0-9]*/\"end\": $1/" .b.vhdx-convert.state
}
# The last block begins at what means that there is none; far before that all is well.
cut_at $(((0xffffffff - 29 * 136 - 1) * 512))
expect_status 1 convert --continue -b 64K -O vhd a.raw b
expect_output 'going on where the last run has stopped'
expect_output 'it would become longer than a VHD image can be, 2 TiB: take larger blocks'
[ ! -e b ]
cut_at $(((0xffffffff - 40 * 136) / 8 * 8 * 512))
expect_status 0 convert --continue -b 64K -O vhd a.raw b
expect_output 'going on where the last run has stopped'
expect_status 0 check b
