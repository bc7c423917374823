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
    return [Entry(1, [], off=k * 4 * KIB, log_guid=mkvhdx.full_guid(k)) for k in range(n)]
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
	"$vhdx" check --quiet broken || fail "$1: not clean afterwards"
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

# Errors that are there without the log, too, or that are repaired in a moment, say nothing against it.
make_images <<'PYTHON'
image = pending()
image.patches.append((192 * KIB, bytes([1]) * (64 * KIB)))
image.both_headers(damage=1)
image.write('table')
# A block of which the entry is garbage, in the file as in the log.
image = default_image()
image.blocks[5] = Block(raw=5 << 20 | 5)
mib = image.next_mib - 1
image.patches.append((mib * MIB, content('from the log', MIB)))
image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, mib))]))
image.both_headers(damage=1)
image.write('garbage')
# Another error than there is without the log, if not more of them.
image = default_image()
image.blocks[5] = Block(raw=5 << 20 | 5)
image.dirty(Entry(1, [image.bat_change(b1=Block(FULL, 4), b5=Block(NOT_PRESENT, 0))]))
image.both_headers(damage=1)
image.write('worse')
# One flipped bit in each header: the sequence number of the older one, and the other's checksum.
image = pending()
image.headers[0] = dataclasses.replace(image.headers[0], sequence=5, log_guid=NULL)
image.headers[1] = dataclasses.replace(image.headers[1], sequence=6, damage=1)
head = bytearray(image.headers[0].encode())
head[8] ^= 8
image.patches.append((64 * KIB, bytes(head)))
image.write('sequence')
# The same, the wrong way round: the older one is it that names a log.
image.headers[0].log_guid, image.headers[1].log_guid = LOG, NULL
image.patches.pop()
image.headers[0].damage = 1
image.write('stale')
PYTHON
for image in table garbage; do
	salvage $image 'True False' None
	[ "$(raw broken)" = "$wanted" ] || fail "$image: the log was not replayed"
done
salvage worse 'False True' 'what the log leads to has errors'
for image in sequence stale; do
	salvage $image 'False True' 'the two headers name different logs'
	[ "$(json '[(v["changes"], v["blocks_allocated"]) for v in j["views"]]')" = '[(False, 3), (True, 4)]' ] ||
		fail "$image: $(cat out)"
done

# An old log would bring back what was discarded since. Nothing but a header that names it speaks for it.
make_images <<'PYTHON'
for name, state in ('zeroed', ZERO), ('unmapped', UNMAPPED), ('undefined', UNDEFINED):
    image = pending(*finished(1), off=64 * KIB)
    image.blocks[1] = Block(state, 0)
    image.both_headers(damage=1)
    image.write(name + '-named')
    image.patches.append((64 * KIB, bytes([1]) * (128 * KIB)))
    image.write(name)
PYTHON
for image in zeroed unmapped undefined; do
	salvage $image 'False True' 'the log brings back blocks that were discarded, so it may be an old one'
	[ "$(json '[(v["changes"], v["blocks_allocated"]) for v in j["views"]]')" = \
		'[(False, 3), (False, 3), (True, 4)]' ] || fail "$image: $(cat out)"
	expect_status 0 info --json broken
	[ "$(json 'j["log_state"], j["blocks_allocated"]')" = 'clean 3' ] || fail "$image: $(cat out)"
	salvage $image-named 'True False' None
	[ "$(raw broken)" = "$wanted" ] || fail "$image-named: the log was not replayed"
done
