# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# A log entry that can be read but is not durable, as a sync has failed before: a power cut amid its replay
# leaves the disk as it is with it, or as it is without, but nothing in between. VHDX_SEED=N repeats a run
# that printed N, VHDX_STATES=N looks at so many states.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/crash.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# The entry has two sectors of the BAT, and wraps around the end of the log.
mkdir start c
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
from vhdx_disk import MIB, PAGE, Data, Entry, FULL, content
from vhdx_image import Block, Image

first = Entry(1, [], off=MIB - 2 * PAGE)
for path, entries in (('start/a.vhdx', 1), ('c/a.vhdx', 2)):
    image = Image(size=600 * MIB, blocks={0: Block()})
    image.place_blocks()
    mib = image.next_mib
    for i in range(2):
        image.patches.append(((mib + i) * MIB, content(f'new {i}', MIB)))
    second = Entry(2, [Data(image.bat, image.bat_sector(0, b1=Block(FULL, mib))),
                       Data(image.bat + PAGE, image.bat_sector(1, b520=Block(FULL, mib + 1)))],
                   tail=MIB - 2 * PAGE)
    image.dirty(*[first, second][:entries])
    image.file_bytes = (mib + 2) * MIB
    image.write(path)
EOP
"$vhdx" map start/a.vhdx >without
"$vhdx" map c/a.vhdx >with
! cmp -s without with || fail 'the entry changes nothing'
echo "$(stat -c %i c/a.vhdx) a.vhdx" >start/inodes
cat >judge <<-EOS
	#!/bin/bash
	exec >judged 2>&1
	"$vhdx" map c/a.vhdx >now || exit 1
	cmp now with || { [ ! "\$DONE" ] && cmp now without; }
EOS
chmod +x judge
record replay c/a.vhdx
crash_states "${VHDX_STATES:-40}" "$seed" || fail "$(<bad): $(<judged)"
note "$(<syncs) syncs"
