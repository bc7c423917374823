# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# vm: own
# debug: no, it is about what is on the disk after VMs were killed
# timeout: 1200
#
# The power goes, for real: the VM is killed while stamped sectors are written and new blocks
# allocated, on a backing device full of foreign data. Then the image's replay by the tool and by
# the kernel in a new VM must agree, and show everything that was reported as durable, and for the
# rest old, new or zeros. It goes on from there, a few times over. What is written to the virtual
# disk survives the VM, whether flushed or not; losing a volatile cache is the subject of other tests.

need qemu-img python3

readonly CUTS=4 LIFE=10000
run=$VHDX_TOP/tests/vm/run
py=$VHDX_TOP/tests/dm/130-power-cut.py
vhdx=$VHDX_TOP/build/vhdx
seed=${VHDX_SEED:-$((EPOCHSECONDS % 32768))}
RANDOM=$seed
note "VHDX_SEED=$seed repeats the writes, though not the very moment of the cuts"

# In the VM: what a machine does that comes up after a power cut, and then works on.
cat >guest <<'GUEST'
set -euo pipefail
disk=/dev/vhdx-disk/cut options=$1 expected=$2 first=$3 last=$4 stale=$5
export PATH="$VHDX_TOP/build:$PATH"

# NAME DISK [OPTIONS]
map() { dmsetup create "$1" --table "0 $((256 * 2048)) vhdx $2 ${3-}"; }
content() { cmp "/dev/mapper/$1" "$2" && echo "$1: the kernel replays it as the tool does"; }

for m in $(modinfo -F depends "$VHDX_KO" | tr , ' '); do modprobe "$m"; done
insmod "$VHDX_KO"
if [ -z "$expected" ]; then
	vhdx create --force --size 256M --block-size 1M $disk
else
	# Without a write, then with the replay made durable.
	map cut $disk '1 read_only'
	content cut "$expected"
	dmsetup remove cut
	map cut $disk
	content cut "$expected"
	dmsetup remove cut
	vhdx check $disk
fi
if [ -n "$stale" ]; then
	map stale /dev/vhdx-disk/stale
	content stale "$stale"
	dmsetup remove stale
	vhdx check /dev/vhdx-disk/stale
fi
map cut $disk "$options"
/usr/bin/env python3 -S "$VHDX_TOP/tests/dm/130-power-cut.py" write /dev/mapper/cut "$6" "$first" "$last"
dmsetup remove cut
vhdx check $disk
echo 'guest: done'
GUEST

boot() # VM_OPTION... -- GUEST_ARGUMENT...
{
	local -a options=()

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	# Acknowledgements are worth what the log file has of them at the cut.
	"$run" --kernel "$VHDX_KERNEL" --smp 1 --timeout 120 "${options[@]}" \
		--disk "$SCRATCH/disk,serial=cut" -- bash "$SCRATCH/guest" "$@" "$seed" >out 2>&1 ||
		{ tail -n 40 out; fail "tests/vm/run ended with status $?"; }
	grep -vE '^(writing|durable) ' out || true
	sed -nE 's/^durable ([0-9]+)\.$/\1/p' out >>acked
}

# Replays a copy of the image in FILE, and looks at what qemu-img reads from it, which stays in RAW.
look() # FILE RAW ACKED LAST
{
	cp --sparse=always "$1" replayed
	"$vhdx" replay replayed
	"$vhdx" check replayed
	qemu-img convert -f vhdx -O raw replayed "$2"
	rm replayed
	python3 "$py" verify "$2" "$seed" "$3" "$4" || fail 'see above'
}

log_state() { "$vhdx" info --json "$1" | sed -nE 's/^ *"log_state": *"([^"]*)".*/\1/p'; }

head -c 280M /dev/zero | tr '\0' '\252' >disk
: >acked
expected=''
options=('' '2 commit_interval 20' '4 commit_interval 3600000 idle_close 0' '' '')
dirty=0
stale=''
for ((life = 1; life <= CUTS; life++)); do
	first=$((life * LIFE))
	moment="$([ $((RANDOM % 2)) = 0 ] && echo durable || echo writing) $((first + 5 + RANDOM % 60))."
	note "cut $life: at \"$moment\""
	boot --cut-on "$moment" -- "${options[life - 1]}" "$expected" $first $((first + LIFE - 1)) ''
	[ "$(tail -n 1 acked)" -ge $first ] || fail 'nothing was durable before the cut'
	state=$(log_state disk)
	note "cut $life: $(tail -n 1 out) the log is $state"
	[ "$state" != dirty ] || dirty=$((dirty + 1))
	expected=$SCRATCH/raw-$life
	look disk "$expected" acked $((first + LIFE - 1))
	rm -f "$SCRATCH/raw-$((life - 2))"

	# A copy with its log, left alone while the original is written on.
	if [ $life = 2 ]; then
		cp --sparse=always disk stale
		cp acked acked-stale
		cp --sparse=always "$expected" raw-stale
		stale=$state
	fi
done
[ $dirty -ge $((CUTS / 2)) ] || fail "only $dirty of $CUTS cuts left a log to replay"
note "the copy made after cut 2 has a $stale log"

# The last life ends in peace.
first=$((life * LIFE))
boot --disk "$SCRATCH/stale,serial=stale" -- '' "$expected" $first $((first + 30)) "$SCRATCH/raw-stale"
grep -qx 'guest: done' out
[ "$(log_state disk)" = clean ] || fail 'the image is not clean'
look disk raw-last acked $((first + 30))
[ "$(log_state stale)" = clean ] || fail 'the copy is not clean'
look stale raw-other acked-stale $((3 * LIFE - 1))
cmp raw-stale raw-other

# Would it be seen? A durable sector that is lost, foreign, another's, old.
last=$(tail -n 1 acked)
sector=$(python3 "$py" place raw-last "$seed" "$last")
spoil() { cp --sparse=always raw-last spoiled; dd of=spoiled bs=512 seek="$sector" count=1 conv=notrunc status=none; }
caught() { expect_fail -m "^sector $sector: $1" python3 "$py" verify spoiled "$seed" acked $((first + 30)); }
head -c 512 /dev/zero | spoil
caught zeros
head -c 512 disk | spoil
caught 'something foreign'
python3 "$py" stamp raw-last "$seed" "$last" $((sector ^ 1)) | spoil
caught 'something foreign'
python3 "$py" stamp raw-last "$seed" $((last - 1)) "$sector" | spoil
caught 'generation'
python3 "$py" stamp raw-last "$seed" $((last + 1000)) "$sector" | spoil
caught 'generation .* never been written'
