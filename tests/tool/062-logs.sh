# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# "vhdx check --repair=salvage" where both headers are lost and logs lie about: the one that was in use
# is not passed over, none that is over takes anything back, and what is not replayed is named.
. "$VHDX_TOP/tests/lib/salvage.sh"

# make_images: Python that gets its names from mkvhdx. "pending" is an image whose log, not applied yet,
# brings block 1; finished(N) are entries of N other sessions that changed nothing.
make_images()
{
	{
		cat <<'PYTHON'
import mkvhdx
from mkvhdx import *
def pending(*before, off=0):
    image = default_image()
    mib = image.next_mib - 1
    image.patches.append((mib * MIB, content('from the log', MIB)))
    image.dirty(*before, Entry(1, [image.bat_change(b1=Block(FULL, mib))], off=off))
    return image
def finished(n):
    return [Entry(1, [], off=k * 4 * KIB, log_guid=mkvhdx._full_guid(k)) for k in range(n)]
PYTHON
		cat
	} | PYTHONPATH=$VHDX_TOP/tests/images python3 -
}

# salvage IMAGE WANTED REASON: (chosen is the log, log_dropped), and why. Leaves "broken".
salvage()
{
	cp "$1" broken
	expect_status 1 check --json --repair=salvage broken
	[ "$(json 'any(v["chosen"] for v in j["views"][1:]), j["log_dropped"]')" = "$2" ] || fail "$1: $(cat out)"
	json 'j.get("log_dropped_because")' | grep -qxF "$3" || fail "$1: another reason: $(cat out)"
	expect_status 0 check broken
}

# The log that the damaged headers name, behind what many sessions have left.
make_images <<'PYTHON'
image = pending(*finished(30), off=512 * KIB)
image.write('whole')
image.both_headers(damage=1)
image.write('many')
# So many that not all are looked at: that is said.
image = pending(*finished(70), off=512 * KIB)
image.both_headers(damage=1)
image.write('crowd')
# The log that they name is not there.
image = default_image()
image.dirty(*finished(2))
image.both_headers(damage=1)
image.write('gone')
PYTHON
"$vhdx" check --quiet --repair whole || :
wanted=$(raw whole)
salvage many 'True False' None
[ "$(raw broken)" = "$wanted" ] || fail 'many: the log was not replayed'
salvage crowd 'False True' 'there are more logs than can be looked at'
salvage gone 'False True' 'of a log that the damaged headers name nothing is left'
