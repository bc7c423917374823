# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
#
# What a power cut leaves of an image that "vhdx check --repair" was writing to: as 223, for an image of each
# combination of problems that there is, and some with several. What could be read before can be read, and
# is what it was; what has lost something is known to have, or goes by another identity; and the same repair
# comes to what it would have come to.
# Controls: without some of the syncs there are bad states. VHDX_SEED=N repeats a run that printed N,
# VHDX_STATES=N has so many states of each, VHDX_CASES=RE only some images.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/crash.sh"

states=${VHDX_STATES:-4}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# disk FILE: when nothing is wrong with it, by readers that share no code with the tool
cat >disk <<-EOS
	#!/bin/bash
	case \$1 in
	*.vhd) "$VHDX_TOP/tests/lib/naive-vhd" \$1 ;;
	*) "$VHDX_TOP/tests/lib/naive-vhdx" \$1 ;;
	esac
EOS
cat >judge <<-EOS
	#!/bin/bash
	rm -f judged
	exec >judged 2>&1
	export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
	id() { "$vhdx" info --json \$1 | grep -E '"(disk_id|data_write_guid)"'; }
	# What was shared may show more once it is not: salvage makes data of that if it is asked again.
	is_after() { rm -f now.raw; ./disk \$image >now.raw && { cmp now.raw after.raw || cmp now.raw again.raw; }; }
	image=c/\$IMAGE
	rm -f now.raw
	if [ "\$READS" ]; then
		"$vhdx" convert -O raw --force \$image now.raw || exit 1
		cmp now.raw after.raw || exit 1
	elif "$vhdx" check --quiet \$image; then
		# Nobody is told any more that something is lost.
		! is_after || exit 0
		[ "\$(id start/\$IMAGE)" != "\$(id \$image)" ] || cmp now.raw before.raw || exit 1
	fi
	[ ! "\$DONE" ] || "$vhdx" check --quiet \$image || exit 1
	"$vhdx" check \$HOW \$image || [ \$? = 1 ] || exit 1
	"$vhdx" check --quiet \$image && is_after
EOS
chmod +x disk judge

# crash IMAGE HOW: repair start/IMAGE; ends with 1 if nothing can be repaired by that
crash()
{
	local status=0

	export IMAGE=$1 HOW=$2 READS=
	[[ "$1" =~ ${VHDX_CASES:-} ]] || return 0
	rm -rf c trace
	mkdir c
	cp --sparse=always "start/$1" c
	echo "$(stat -c %i "c/$1") $1" >start/inodes
	"$vhdx" convert -O raw --force "start/$1" before.raw >out 2>&1 || : >before.raw
	record check "$HOW" "c/$1" || status=$?
	[ $status = 1 ] || fail "$1: status $status: $(cat out err)"
	"$vhdx" check --quiet "c/$1"
	./disk "c/$1" >after.raw
	# What is given up, or has to be data, makes another disk.
	if cmp -s before.raw after.raw; then
		READS=1
	elif [ "$HOW" = --repair ]; then
		fail "$1: the disk has changed"
	fi
	cp --sparse=always "c/$1" again
	"$vhdx" check --quiet "$HOW" again || [ $? = 1 ]
	mv again "again.${1##*.}"
	./disk "again.${1##*.}" >again.raw
	crash_states "$states" "$seed" || fail "$1, $HOW: $(<bad): $(<judged)"
	note "$1, $HOW: $(<syncs) syncs${READS:+, the disk stays}"
}
caught()
{
	local n without

	[ -z "${VHDX_CASES:-}" ] || return 0
	for ((n = $(<syncs); n > 0; n--)); do
		for without in $n $n,$((n + 1)); do
			crash_states 30 $((seed + n)) --without "$without" || break 2
		done
	done
	[ $n -gt 0 ] || fail "it would not find a sync that is missing: $IMAGE"
	note "found out without sync $without"
}

# --- of each combination of problems one ------------------------------------------------------------

mkdir start
mkvhdx cases cases
"$VHDX_TOP/tests/images/mkvhd.py" cases cases
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
import mkvhd
for name, byte, damage in (('names-another', 0x8a, 0), ('checksum', 0x0a, 1), ('names-absent', 0x1a, 0)):
    image = mkvhd.changed(app=b'tap\0')
    image.batmap = bytes([byte]).ljust(512, b'\0')
    image.batmap_damage = damage
    image.write(f'cases/batmap-{name}.vhd')
EOP
for file in cases/*.vhdx cases/*.vhd; do
	[[ $file != *.device.* ]] || continue
	for how in --repair --repair=salvage; do
		cp --sparse=always "$file" image
		status=0
		LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" check --json $how image >out 2>err || status=$?
		[ $status != 1 ] || break
	done
	[ "$status" = 1 ] || continue
	echo "${file#cases/} $how $(grep -o '"name":"[A-Z_]*"' out | sort -u | tr -dc 'A-Z_\n' | paste -sd ,)"
done >list
shuf --random-source=<(yes "$seed") list | sort -s -u -k 2,3 >some
note "$(wc -l <some) of $(wc -l <list)"
while read -r file how problems; do
	cp --sparse=always "cases/$file" start
	note "$problems"
	crash "$file" "$how"
	rm "start/$file"
done <some

# --- several at once -----------------------------------------------------------------------------------

PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
from mkvhdx import *
import mkvhd

# A log, a damaged header, a damaged table, and a block that the file's end cuts.
def several(name, header, table, cut):
    image = Image(size=4 * MIB - 512 * KIB, block=MIB, blocks={n: Block(tag=f'{name} {n}') for n in range(3)})
    image.place_blocks()
    image.take(1)
    mib = image.next_mib - 1
    image.patches.append((mib * MIB, content('from the log', MIB)))
    image.dirty(Entry(1, [image.bat_change(b3=Block(FULL, mib))], flushed=mib * MIB, last=mib * MIB))
    image.tables[table].damage = 1
    image.headers[header].damage = 1
    image.write(f'start/{name}.vhdx')
    if cut:
        with open(f'start/{name}.vhdx', 'r+b') as file:
            file.truncate((mib + 1) * MIB - cut)
several('several', 0, 1, 0)
several('several-cut', 1, 0, 200 * KIB)
several('lost', 1, 0, 0)
with open('start/lost.vhdx', 'r+b') as file:
    file.seek(64 * KIB + 4)
    file.write(b'XXXX')
    file.seek(0)
    file.write(b'XXXXXXXX')

image = mkvhd.changed(app=b'tap\0')
image.batmap = bytes([0x8a]).ljust(512, b'\0')
image.batmap_damage = 1
image.gap = 3000 * 512
image.write('start/several.vhd')
with open('start/several.vhd', 'r+b') as file:
    file.seek(-400, 2)
    file.write(b'XXXX')
EOP
for file in several.vhdx several-cut.vhdx several.vhd; do
	crash $file --repair
	caught
done
crash lost.vhdx --repair=salvage
caught
