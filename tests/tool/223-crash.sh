# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1800
#
# What a power cut leaves of an image that a command was writing to: states of the file in which what was
# written since the last sync is there in parts, in any order. Each can be read, by others as well, and shows
# the disk as it was before or as it is afterwards; and the same command comes to its end.
# Controls: without some of the syncs there are bad ones. VHDX_SEED=N repeats a run that printed N,
# VHDX_STATES=N has so many states of each, VHDX_CASES=RE only some cases.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/crash.sh"

states=${VHDX_STATES:-8}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# The start of the disk of an image, by a reader that shares no code with the tool, if there is one; and its
# size.
cat >disk <<-EOS
	#!/bin/bash
	# What replaces something is written back at once.
	rm -f \$2
	case \$1 in
	*/child.vhd) "$VHDX_TOP/tests/lib/naive-vhd" \$1 start/base.vhd >\$2 ;;
	*.vhd) "$VHDX_TOP/tests/lib/naive-vhd" \$1 >\$2 ;;
	*) "$vhdx" convert -O raw --force \$1 \$2 ;;
	esac || exit 1
	stat -c %s \$2 >\$2.size
	truncate -s '<48M' \$2
EOS
# A log is replayed first. What is lost stays so, and who reads it as zeros knows it by another UniqueId.
cat >judge <<-EOS
	#!/bin/bash
	exec >judged 2>&1
	# It does not wait for a disk.
	export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
	id() { "$vhdx" info --json \$1 | grep disk_id; }
	case \$IMAGE in
	*.vhdx) "$vhdx" replay --quiet c/\$IMAGE ;;
	esac
	status=0
	"$vhdx" check c/\$IMAGE || status=\$?
	if [ "\$DAMAGED" ]; then
		[ \$status != 0 ] || [ "\$(id start/\$IMAGE)" != "\$(id c/\$IMAGE)" ] || exit 1
	else
		[ \$status = 0 ] || exit 1
		./disk c/\$IMAGE now.raw || exit 1
		if [ "\$DONE" ]; then
			cmp now.raw after.raw && cmp now.raw.size after.raw.size || exit 1
		elif [ "\$PARTITION" ]; then
			# One of the two tables may be where it was, or not be there yet.
			[ "\$(sfdisk -l -o Start,End now.raw 2>/dev/null | tail -n 1 | tr -s ' ')" = "\$PARTITION" ] || exit 1
			cmp -i \$((1 << 20)) -n \$((4 << 20)) now.raw before.raw || exit 1
		elif ! cmp now.raw after.raw || ! cmp now.raw.size after.raw.size; then
			cmp now.raw.size before.raw.size || exit 1
			cmp -n \$LEAST now.raw before.raw || exit 1
		fi
	fi
	"$vhdx" \$COMMAND c/\$IMAGE \$ARGS || [ \$? = "\$STATUS" ] || exit 1
	"$vhdx" check --quiet c/\$IMAGE || exit 1
	./disk c/\$IMAGE now.raw
	cmp now.raw after.raw && cmp now.raw.size after.raw.size
EOS
chmod +x disk judge

# crash IMAGE COMMAND ARGS STATUS [DAMAGED]: in start. PARTITION: where it is on the disk, if there is one
crash()
{
	local name="$*" status=0

	[[ $name =~ ${VHDX_CASES:-} ]] || return 0
	export IMAGE=$1 COMMAND=$2 ARGS=$3 STATUS=$4 DAMAGED=${5:-}
	rm -rf c trace
	cp -r --sparse=always start c
	rm -f c/inodes
	echo "$(stat -c %i "c/$1") $1" >start/inodes
	if [ "$DAMAGED" ]; then
		cp "start/$1" before.raw
	else
		./disk "start/$1" before.raw
	fi
	# shellcheck disable=SC2086 # words
	record $2 "c/$1" $3 || status=$?
	[ $status = "$4" ] || fail "$name: status $status: $(<err)"
	./disk "c/$1" after.raw
	LEAST=$(stat -c '%s' before.raw after.raw | sort -n | head -n 1)
	export LEAST
	crash_states "$states" "$seed" || fail "$name: $(<bad): $(<judged)"
	note "$name: $(<syncs) syncs"
}
# caught: by the states, without a sync of the last case
caught()
{
	local n without count

	[ -z "${VHDX_CASES:-}" ] || return 0
	count=$(<syncs)
	# One, or, as the next may stand in for it, two in a row.
	for ((n = 1; n <= count; n++)); do
		for without in $n $n,$((n + 1)); do
			crash_states 60 $((seed + n)) --without "$without" || break 2
		done
	done
	[ $n -le "$count" ] || fail 'it would not find a sync that is missing'
	note "found out without sync $without"
}

mkdir start
python3 - a.raw "$seed" <<-'EOP'
	import random, sys
	dice = random.Random(int(sys.argv[2]))
	with open(sys.argv[1], 'wb') as f:
	    f.truncate((4 << 20) + 1536)
	    for block in (0, 2, 3, 4):
	        f.seek((block << 20) + (0 if block == 4 else 500 * 512))
	        f.write(dice.randbytes(1536))
EOP
made() { rm -f "start/$1"; "$vhdx" convert "${@:2}" a.raw "start/$1"; }

# --- resize --------------------------------------------------------------------------------

made r.vhdx -b 1M
crash r.vhdx 'resize --force' 7M 0
crash r.vhdx 'resize --force' 2560K 0
states=5 crash r.vhdx 'resize --force' 200G 0
made f.vhdx -b 1M -t fixed
crash f.vhdx 'resize --force' 7M 0
made r.vhd -b 64K
crash r.vhd 'resize --force' 4200K 0
crash r.vhd 'resize --force' 9M 0
crash r.vhd 'resize --force' 2500K 0
"$vhdx" create --format vhd -b 64K start/e.vhd 3M
crash e.vhd 'resize --force' 9M 0
made f.vhd -t fixed
crash f.vhd 'resize --force' 5M 0
crash f.vhd 'resize --force' 4197K 0
crash f.vhd 'resize --force' 3M 0
# Children: within the table, with that going elsewhere, and smaller.
made base.vhd -b 64K
"$vhdx" create --format vhd --parent start/base.vhd -b 16K start/child.vhd
crash child.vhd 'resize --force' 5M 0
crash child.vhd 'resize --force' 9M 0
caught
crash child.vhd 'resize --force' 2500K 0

# A table of partitions moves with the end.
truncate -s 8M p.raw
printf 'label: gpt\nstart=2048, size=8192\n' | sfdisk -q p.raw
dd if=a.raw of=p.raw bs=1M seek=1 count=4 conv=notrunc status=none
for format in vhdx vhd; do
	"$vhdx" convert -O $format -b 1M p.raw start/p.$format
	for args in --to-minimum 7M 10M; do
		command=resize
		[ $args != --to-minimum ] || command+=" $args" args=
		PARTITION=' 2048 10239' crash p.$format "$command" "$args" 0
	done
done
caught

# --- compact and trim -------------------------------------------------------------------------

made c.vhdx -b 1M --no-sparse
head -c 3M /dev/urandom >>start/c.vhdx
crash c.vhdx 'compact --zeros' '' 0
crash c.vhdx trim '' 0
made c.vhd -b 64K --no-sparse
crash c.vhd 'compact --zeros' '' 0
# A child.
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<-'EOP'
	from mkchain import *
	bits = [n // 16 % 2 == 0 for n in range(256)]
	size = 6 * MIB
	leaf = Layer(size, MIB, 4096, {5: FULL, 3: PARTIAL, 1: FULL, 0: ZERO, 4: PARTIAL}, {3: bits, 4: [n == 9 for n in range(256)]})
	write_chain('mixed', [leaf, Layer(size, MIB, 4096, {n: FULL for n in range(5)})])
EOP
cp mixed/*.vhdx start
# Block 1, the first one in the file, is the parent's from now on.
head -c 8 /dev/zero | dd of=start/0.vhdx bs=8 seek=$(((3 << 17) + 1)) conv=notrunc status=none
truncate -s +5M start/0.vhdx
crash 0.vhdx 'compact --zeros' '' 0
caught
crash 0.vhdx trim '' 0
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
import mkvhd
KIB = 1024
size = 7 * 64 * KIB
unit = (64 * KIB + 512) // 512

def image(name, places, cut=0, raw={}, bits={}):
    made = mkvhd.Image(size, 64 * KIB)
    made.blocks = {n: mkvhd.Block(sector=made.first() + place, bits=bits.get(n)) for n, place in places.items()}
    made.raw = {n: made.first() + place for n, place in raw.items()}
    made.write(f'start/{name}.vhd')
    if cut:
        with open(f'start/{name}.vhd', 'r+b') as file:
            file.truncate(file.seek(0, 2) - 512 - cut)
    return made

# Blocks right behind the table, which has no room left.
made = mkvhd.Image(128 * 4 * KIB, 4 * KIB, blocks={n: mkvhd.Block() for n in (0, 100, 7)})
made.write('start/tight.vhd')
image('scattered', {0: 9 * unit, 2: unit + 3, 3: 17 * unit, 5: 5 * unit}, bits={3: [(0, 5)]})
made = mkvhd.Image()
made.gap = 3000 * 512
made.write('start/gap.vhd')
# Shared, and behind it one that is cut; and one behind the end, where the copy goes.
image('shared-cut', {0: 0, 5: unit}, cut=20000, raw={2: 0})
image('shared-behind', {0: 0, 5: unit}, raw={2: 0, 4: 2 * unit})
image('cut', {0: 0, 5: unit}, cut=20000)
# A child, for which the footer's place is not right behind the last block.
base = mkvhd.Image(size, 64 * KIB)
base.footer.id = bytes([7] * 16)
base.write('start/base.vhd')
child = mkvhd.Image(size, 64 * KIB, mkvhd.DIFFERENCING)
child.header.parent_id = base.footer.id
child.header.parent_name = 'base.vhd'.encode('utf-16-be')
for n, place in {0: 9 * unit, 2: unit + 3, 3: 17 * unit, 5: 5 * unit}.items():
    child.blocks[n] = mkvhd.Block(mkvhd.content(f'child {n}', 64 * KIB), [(0, 5), (60, 100)], child.first() + place)
child.gap = 3000 * 512
child.write('start/child.vhd')
image('behind-end', {0: 0, 5: unit}, raw={3: 2 * unit + 1})
EOP
crash tight.vhd 'resize --force' 1M 0
caught
crash scattered.vhd compact '' 0
caught
crash child.vhd compact '' 0
crash child.vhd trim '' 0
crash gap.vhd trim '' 0
crash gap.vhd 'check --repair' '' 1

# --- salvage -----------------------------------------------------------------------------------

for name in shared-cut shared-behind cut behind-end; do
	crash $name.vhd 'check --repair=salvage' '' 1 damaged
done
