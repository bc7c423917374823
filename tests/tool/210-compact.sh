# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# "vhdx compact" and "vhdx trim": the disk stays what it is, against the raw one and against readers by
# others; also when the program is killed at any of its writes, and run once more. VHDX_SEED=N repeats a
# run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# A disk of blocks of 1 MiB with data, zeros that are written, and holes.
python3 - a.raw "$seed" <<-'EOP'
	import random, sys
	dice = random.Random(int(sys.argv[2]))
	with open(sys.argv[1], 'wb') as f:
	    f.truncate((14 << 20) + 512)
	    for block in range(14):
	        f.seek(block << 20)
	        what = dice.choice('dddzh')
	        if what == 'd':
	            f.seek((block << 20) + dice.randrange(2000) * 512)
	            f.write(dice.randbytes(4096))
EOP
is_disk() # IMAGE: it is the disk
{
	"$vhdx" convert -O raw --force "$1" c.raw && cmp c.raw a.raw
}
is_good() # IMAGE: so it is when its log is replayed
{
	cp --sparse=always "$1" good
	[ "$kind" = vhd ] || "$vhdx" replay --quiet good
	"$vhdx" check --quiet good
}
# scattered IMAGE FORMAT: blocks in any order, with space between them that nobody owns
scattered()
{
	rm -f "$1"
	"$vhdx" convert --no-sparse -b 1M -O "$2" a.raw "$1"
	python3 - "$1" "$2" "$seed" <<-'EOP'
		import random, struct, sys
		path, kind, dice = sys.argv[1], sys.argv[2], random.Random(int(sys.argv[3]))
		with open(path, 'r+b') as f:
		    data = f.read()
		    if kind == 'vhdx':
		        bat, = [struct.unpack_from('<Q', data, 0x30010 + 32 * i + 16)[0] for i in range(2)
		                if data[0x30010 + 32 * i:0x30010 + 32 * i + 2] == b'\x66\x77']
		        entries = list(struct.unpack_from('<15Q', data, bat))
		        unit, size = 20, 1 << 20
		        place = lambda e: (e >> 20) << 20
		        make = lambda off: (off >> 20) << 20 | 6
		        pack = '<Q'
		        tail = b''
		    else:
		        bat = 1536
		        entries = list(struct.unpack_from('>15I', data, bat))
		        size = (1 << 20) + 512
		        place = lambda e: e * 512
		        make = lambda off: off // 512
		        pack = '>I'
		        tail = data[-512:]
		    first = min(place(e) for e in entries)
		    stride = size if kind == 'vhdx' else size + 3584
		    slots = dice.sample(range(30), 15)
		    f.seek(first)
		    f.write(b'\xa5' * (31 * stride))
		    for i, (entry, slot) in enumerate(zip(entries, slots)):
		        off = first + slot * stride
		        f.seek(off)
		        f.write(data[place(entry):place(entry) + size])
		        f.seek(bat + i * struct.calcsize(pack))
		        f.write(struct.pack(pack, make(off)))
		    f.seek(first + 31 * stride)
		    f.write(tail)
		    f.truncate()
	EOP
	"$vhdx" check --quiet "$1" || fail "$1 is not what it should be: $("$vhdx" check "$1")"
}

for kind in vhdx vhd; do
	scattered start.$kind $kind
	is_disk start.$kind
	cp start.$kind b
	expect_status 0 compact --dry-run --json --zeros b
	cmp b start.$kind
	cp out told
	expect_status 0 compact --json --zeros b
	[ "$(sed 's/"dry_run":true/"dry_run":false/' told)" = "$(<out)" ] || fail "it is not as told: $(cat told out)"
	[ "$(json 'j["size_after"]')" = "$(stat -c %s b)" ]
	[ "$(json 'j["blocks_dropped"] > 0 and j["blocks_moved"] > 0')" = True ] || note "nothing to drop with this seed: $(cat out)"
	"$vhdx" check --quiet b
	is_disk b
	format=vpc
	[ $kind = vhd ] || format=vhdx
	! command -v qemu-img >/dev/null || qemu-img compare -q -f $format -F raw b a.raw
	# There is no more to be won, and what was written does not depend on zeros.
	expect_status 0 compact --json --zeros b
	[ "$(json 'j["won"], j["blocks_moved"], j["blocks_dropped"]')" = '0 0 0' ]
	size=$(stat -c %s b)
	expect_status 0 convert -O $kind -b 1M a.raw small --force
	[ "$size" -le "$(stat -c %s small)" ] || fail "$kind: $size bytes, converted anew it has $(stat -c %s small)"

	# Killed at each write.
	for ((n = 1; n < 400; n += 1)); do
		cp --sparse=always start.$kind b
		status=0
		WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" compact --zeros b >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "$kind, write $n: status $status: $(<err)"
		is_good b || fail "$kind, write $n: $("$vhdx" check b)"
		is_disk b || fail "$kind, write $n: the disk is another one"
		[ $((n % 3)) = 0 ] || continue
		expect_status 0 compact --zeros b
		"$vhdx" check --quiet b
		is_disk b || fail "$kind, write $n: the disk is another one after the next run"
		[ "$(stat -c %s b)" = "$size" ] || fail "$kind, write $n: the next run makes it $(stat -c %s b), not $size"
	done
	if [ $n -le 20 ] || [ $n -ge 400 ]; then
		fail "$kind: $n writes?"
	fi
	note "$kind: $n: no such write"

	# Without --zeros nothing is dropped; trim moves nothing.
	cp start.$kind b
	expect_status 0 trim --json b
	[ "$(json 'j["won"] >= 0')" = True ]
	cp start.$kind b
	truncate -s +3M b
	if [ $kind = vhd ]; then
		tail -c 512 start.vhd | dd of=b bs=512 seek=$(($(stat -c %s b) / 512)) status=none conv=notrunc
	fi
	expect_status 0 trim --json b
	[ "$(json 'j["won"] >= 3 << 20')" = True ] || fail "$(cat out)"
	"$vhdx" check --quiet b
	is_disk b
	expect_status 0 compact --json b
	[ "$(json 'j["blocks_dropped"]')" = 0 ]
	is_disk b
done

# --- children and chains ----------------------------------------------------------------------

for n in 1 2 3 4; do
	rm -rf chain
	python3 - chain $((seed + n)) <<-EOP
		import random, sys
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		from mkchain import *
		dice = random.Random(int(sys.argv[2]))
		size = dice.randint(3, 7) * MIB + 5 * 4096
		write_chain(sys.argv[1], [random_layer(dice, size, 512, i == 2) for i in range(3)])
	EOP
	for layer in 2 1 0; do
		"$vhdx" replay --quiet chain/$layer.vhdx
	done
	for layer in 2 1 0; do
		expect_status 0 compact --zeros chain/$layer.vhdx
		"$vhdx" check --quiet --chain chain/0.vhdx
		"$vhdx" convert -O raw --force chain/0.vhdx c.raw
		cmp c.raw chain/disk.raw
	done
done

# --- what is refused: nothing is written --------------------------------------------------

rm -rf chain
mkvhdx cases cases
"$vhdx" create -t fixed -b 1M fixed.vhdx 3M
"$vhdx" create --format vhd -t fixed fixed.vhd 3M
sha256sum fixed.vhdx fixed.vhd >sums
for image in fixed.vhdx fixed.vhd; do
	for command in compact trim; do
		expect_status 1 $command $image
		expect_output 'a fixed image, which keeps its size'
	done
done
sha256sum -c --quiet sums
errors() { "$vhdx" check "$1" 2>&1 | sed -n 's/.*: error: //p' || :; }
refused=0
for image in cases/*.vhdx; do
	"$vhdx" check --quiet "$image" && continue
	cp "$image" b
	status=0
	"$vhdx" compact --zeros b >out 2>err || status=$?
	if [ $status = 1 ]; then
		# Its log is replayed before anything else.
		cmp -s "$image" b || errors "$image" | grep -q 'was not closed' || fail "$image is refused, but written to"
		refused=$((refused + 1))
	else
		# That the parent is not there does not matter.
		[ "$(errors b)" = "$(errors "$image" | grep -v 'was not closed')" ] || fail "$image: compacted, and damaged: $(errors b)"
	fi
done
[ $refused -gt 20 ]
expect_status 1 compact none.vhdx
expect_status 2 compact
expect_status 2 compact --frob start.vhdx
# In use, by a lock of qemu's.
python3 - start.vhdx <<-'EOP' &
	import fcntl, struct, sys, time
	f = open(sys.argv[1], 'r+b')
	fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 100, 200, 0))
	open('locked', 'w').close()
	time.sleep(60)
EOP
pid=$!
at_exit end_process $pid
for ((n = 0; n < 100; n++)); do [ ! -e locked ] || break; sleep 0.1; done
expect_status 1 compact start.vhdx
expect_output 'in use by'
kill $pid
wait $pid 2>/dev/null || :
# Stale files beside it.
: >start.vhdx.rct
expect_status 0 compact start.vhdx
expect_output 'start.vhdx.rct: note: no longer fits the image'

# --- no space ---------------------------------------------------------------------------------

if truncate -s 40M fs && mkfs.ext4 -q fs && mkdir full && mount -o loop fs full 2>/dev/null; then
	at_exit umount "$PWD/full"
	scattered b vhdx
	python3 -c "
import subprocess
data = open('b', 'rb').read()
with open('full/b', 'wb') as f:
    f.truncate(len(data))
    for at in range(0, len(data), 4096):
        part = data[at:at + 4096]
        if part.strip(b'\\0') and part != b'\\xa5' * 4096: f.seek(at); f.write(part)"
	is_disk full/b
	dd if=/dev/zero of=full/rest bs=4096 status=none 2>/dev/null || :
	status=0
	"$vhdx" compact full/b >out 2>err || status=$?
	is_disk full/b
	rm full/rest
	expect_status 0 compact full/b
	is_disk full/b
else
	note 'no loop devices here: what happens without space is not tried'
fi

note 'what has only an anchor gives its space back, and stays what it is'
scattered anchors.vhdx vhdx
bat=$(python3 - anchors.vhdx <<-'EOP'
	import struct, sys
	with open(sys.argv[1], 'r+b') as f:
	    data = f.read(1 << 20)
	    bat, = [struct.unpack_from('<Q', data, 0x30010 + 32 * i + 16)[0] for i in range(2)
	            if data[0x30010 + 32 * i:0x30010 + 32 * i + 2] == b'\x66\x77']
	    for block, state in (3, 1), (4, 3):
	        f.seek(bat + 8 * block)
	        entry, = struct.unpack('<Q', f.read(8))
	        f.seek(bat + 8 * block)
	        f.write(struct.pack('<Q', entry & ~7 | state))
	    print(bat)
EOP
)
"$vhdx" convert -O raw --force anchors.vhdx before.raw
"$vhdx" compact anchors.vhdx
"$vhdx" convert -O raw --force anchors.vhdx c.raw
cmp before.raw c.raw
[ "$(od -An -v -tu8 -j $((bat + 24)) -N 16 anchors.vhdx | xargs)" = '1 3' ] ||
	fail "the entries are $(od -An -v -tx8 -j $((bat + 24)) -N 16 anchors.vhdx)"
"$vhdx" check --quiet anchors.vhdx
