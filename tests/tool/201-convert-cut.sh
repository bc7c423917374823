# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 900
#
# "vhdx convert" that does not end: nothing of the target is there, and with --continue the same command
# goes on. Sharing, where a file system can. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# --- killed at each write --------------------------------------------------------------

python3 - <<-'EOP'
	import random
	with open('a.raw', 'wb') as f:
	    f.truncate(9 << 20)
	    for block in (0, 2, 3, 7):
	        f.seek((block << 20) + 8192)
	        f.write(random.Random(block).randbytes(300000))
EOP
is_a() { "$vhdx" convert -O raw --force b c.raw && cmp a.raw c.raw; }
for args in '-Ovhdx -b1M' '-Ovhd -b1M' '-Ovhdx -b1M --continue' '-Ovhd -b1M --continue' '-Oraw --continue' '-Ovhd -tfixed' '-Ovhdx -tfixed -b1M'; do
	for ((n = 1; n < 100; n++)); do
		rm -f b .b*
		status=0
		# shellcheck disable=SC2086 # words
		WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" convert $args a.raw b >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "$args, write $n: status $status: $(<err)"
		# It was complete when it got its name.
		[ ! -e b ] || is_a || fail "$args, write $n: the target is there, but not complete"
		if [[ $args == *continue ]]; then
			# shellcheck disable=SC2086 # words
			[ -e b ] || expect_status 0 convert $args a.raw b
			is_a || fail "$args, write $n: the next run does not end it"
			rm -f .b.vhdx-convert.state
		fi
		! compgen -G '.b*' >/dev/null || fail "$args, write $n leaves $(ls -A)"
	done
	if [ $n -le 2 ] || [ $n -ge 100 ]; then
		fail "$args: $n writes?"
	fi
	is_a
	note "$args: $n: no such write"
done 2>&1 | grep -v Killed
[ "${PIPESTATUS[0]}" = 0 ]
rm -f b .b*

# --- ended at any time -----------------------------------------------------------------

python3 - a.raw "$seed" <<-'EOP'
	import random, sys
	dice = random.Random(int(sys.argv[2]))
	data = dice.randbytes(8 << 20)
	with open(sys.argv[1], 'wb') as f:
	    f.truncate(2 << 30)
	    for i in range(60):
	        f.seek(i * (33 << 20))
	        f.write(i.to_bytes(8, 'little') + data[8:])
EOP
sum=$(sha256sum <a.raw)
gone_on=0
for to in vhdx vhd raw; do
	for ((n = 0; n < 40; n++)); do
		status=0
		timeout -s $((n % 2 ? 9 : 15)) "0.$((RANDOM % 4))$((RANDOM % 10))" \
			"$vhdx" convert --continue -O $to a.raw b >out 2>err || status=$?
		! grep -q 'going on where the last run has stopped' err || gone_on=$((gone_on + 1))
		[ $status != 0 ] || break
		[ $status -ge 124 ] || fail "status $status: $(<err)"
		# It was complete when it got its name.
		[ ! -e b ] || break
	done
	[ -e b ] || expect_status 0 convert --continue -O $to a.raw b
	expect_status 0 convert -O raw --force b c.raw
	[ "$(sha256sum <c.raw)" = "$sum" ] || fail "$to is something else"
	rm -f b c.raw .b*
done
[ $gone_on -gt 0 ] || note 'no run went on with another one'

# The source has changed: all begins anew.
timeout -s 15 0.2 "$vhdx" convert --continue -O vhdx a.raw b >out 2>err || :
if [ -e .b.vhdx-convert.state ]; then
	printf new | dd of=a.raw conv=notrunc status=none
	expect_status 0 convert --continue -O vhdx a.raw b
	expect_no_output 'going on'
	expect_status 0 convert -O raw b c.raw
	cmp a.raw c.raw
fi
rm -f b c.raw .b*

# Two at a time: the second one has the unfinished file open, which gets its name before the lock is free.
for to in raw vhdx; do
	LD_PRELOAD=$VHDX_TOP/build/write-fault.so WRITE_STOP=1 WRITE_FAULT=3 "$vhdx" convert --continue -O raw a.raw b >first 2>&1 &
	first=$!
	at_exit end_process $first
	wait_for 20 grep -q '^State:.*stopped' /proc/$first/status
	LD_PRELOAD=$VHDX_TOP/build/write-fault.so WRITE_FAULT=3 "$vhdx" convert --continue -O $to a.raw b >second 2>&1 &
	second=$!
	wait_for 4 grep -q -- "-> OFDLCK.*:$(stat -c %i .b.vhdx-convert) " /proc/locks
	kill -CONT $first
	wait $first || fail "$(<first)"
	status=0
	wait $second || status=$?
	cmp a.raw b || fail "what was finished has been written to again"
	[ $status = 1 ] || fail "status $status: $(<second)"
	grep -q 'another conversion to it has just ended' second
	[ ! -e .b.vhdx-convert ]
	rm b
done
rm -f a.raw first second

# --- sharing -----------------------------------------------------------------------------

for fs in xfs btrfs; do
	truncate -s 600M $fs.img
	mkdir $fs
	if ! mkfs.$fs -q $fs.img || ! mount -o loop $fs.img $fs 2>/dev/null; then
		note "no loop devices, or no $fs here: sharing is not tried on it"
		continue
	fi
	at_exit umount "$PWD/$fs"
	head -c 70M /dev/urandom >$fs/a.raw
	truncate -s 200M $fs/a.raw
	head -c 5M /dev/urandom >>$fs/a.raw
	sync -f $fs/a.raw
	used=$(df --output=used $fs | tail -n 1)
	for to in vhdx vhd raw; do
		expect_status 0 convert --json $fs/a.raw $fs/b.$to
		[ "$(json 'j["shared"] >= 75 << 20, j["copied"] < 1 << 20')" = 'True True' ] || fail "$fs, $to: $(cat out)"
		rm -f c.raw
		expect_status 0 convert --sha256 --json $fs/b.$to $fs/c.raw
		[ "$(json 'j["shared"] >= 75 << 20')" = True ] || fail "$fs, back from $to: $(cat out)"
		[ "$(json 'j["sha256"]')" = "$(sha256sum <$fs/a.raw | cut -d ' ' -f 1)" ]
		cmp $fs/a.raw $fs/c.raw
		[ $to = raw ] || expect_status 0 check --quiet $fs/b.$to
		rm $fs/c.raw
	done
	sync -f $fs/a.raw
	[ $(($(df --output=used $fs | tail -n 1) - used)) -lt 20000 ] || fail "it takes space on $fs"
	# Where space is to be its own it is not shared.
	expect_status 0 convert --json --preallocate $fs/a.raw $fs/p.vhdx
	[ "$(json 'j["shared"]')" = 0 ]
done

# --- devices -------------------------------------------------------------------------------

truncate -s 64M target.img
dev=$(losetup --show -f target.img 2>/dev/null) || dev=
if [ -n "$dev" ]; then
	at_exit losetup -d "$dev"
	python3 -c "
import random
with open('a.raw', 'wb') as f:
    f.truncate(20 << 20)
    for at in (100, 3000, 5 << 11, 30000):
        f.seek(at * 512); f.write(random.randbytes(100000))"
	expect_status 1 convert -O raw a.raw "$dev"
	expect_output 'is a block device: use --force'
	for args in '-O raw' '-O vhdx -b 1M' '-O vhd' '-O vhdx -t fixed -b 1M'; do
		head -c 64M /dev/zero | tr '\0' x | dd of="$dev" bs=1M status=none
		# shellcheck disable=SC2086 # words
		expect_status 0 convert $args --force a.raw "$dev"
		if [ "$args" = '-O raw' ]; then
			cmp -n $((20 << 20)) "$dev" a.raw
			continue
		fi
		expect_status 0 check "$dev"
		rm -f c.raw
		expect_status 0 convert -O raw "$dev" c.raw
		cmp a.raw c.raw
	done
	expect_status 1 convert -O vhd -t fixed --force a.raw "$dev"
	expect_output 'ends where the device does'
	truncate -s 80M a.raw
	expect_status 1 convert -O raw --force a.raw "$dev"
	expect_output 'too small: the disk has 80M, the device 64M'
	exec 5<"$dev"
	mkfs.ext4 -q "$dev" && mkdir -p mnt && mount "$dev" mnt
	at_exit umount "$PWD/mnt"
	truncate -s 20M a.raw
	expect_status 1 convert -O raw --force a.raw "$dev"
	expect_output 'in use by'
	exec 5<&-
else
	note 'no loop devices here: devices are not tried'
fi
