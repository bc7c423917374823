# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# kernels: check
# timeout: 900
#
# "vhdx merge" of a disk in use: who writes to it meanwhile sees no error and always what was written,
# and it is the parent's in the end; whatever fails, and whenever the program is killed, the disk goes
# on and the same command, too.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 700 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
scribble=$VHDX_TOP/build/scribble
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

loops() { losetup -n -O NAME -l | wc -l; }
listed() { "$vhdx" list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][sys.argv[1]])' "$1"; }
layers() { listed layers; }
leaf() { listed backing_file; }
files() { echo ./*.vhdx; }
nothing_left()
{
	[ "$(loops)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}
write() { "$scribble" /dev/mapper/vm raw $((seed++)) "$1"; }
# So much that it takes a pass while the disk is in use.
write_much()
{
	dd if=/dev/urandom of=some bs=1M count=12 status=none
	dd if=some of=/dev/mapper/vm bs=1M seek=$((seed % 40)) oflag=direct status=none
	dd if=some of=raw bs=1M seek=$((seed++ % 40)) conv=notrunc status=none
}

truncate -s 64M raw
"$vhdx" create --size 64M --block-size 1M base.vhdx
"$vhdx" attach --no-partitions base.vhdx vm >out
write 40

# --- while nobody writes --------------------------------------------------------------

expect_status 0 snapshot vm leaf.vhdx
write 10
expect_status 0 merge --dry-run --json vm
[ "$(json 'j["file"].rsplit("/")[-1], j["layers"], j["attached"]')" = 'base.vhdx 1 True' ] || fail "$(<out)"
[ "$(layers)" = 2 ]
write_much
write 40
expect_status 0 merge --verbose --json vm
note "$(<out)"
[ "$(json 'j["layers"], j["passes"] >= 1, j["copied"] > 12 << 20')" = '1 True True' ] || fail "$(<out)"
[ "$(layers) $(leaf) $(files)" = "1 $PWD/base.vhdx ./base.vhdx" ] || fail "$(layers) $(leaf) $(files)"
[ "$(loops)" = 1 ] || fail "$(losetup -l)"
same /dev/mapper/vm raw
write 40
same /dev/mapper/vm raw
# It is locked as any leaf is.
expect_fail -m 'in use by /dev/loop' "$vhdx" check base.vhdx --repair
# What is little is merged at once; where the parent has something, or all of the block is written.
dd if=some of=/dev/mapper/vm bs=1M count=2 oflag=direct status=none
dd if=some of=raw bs=1M count=2 conv=notrunc status=none
expect_status 0 snapshot --keep-name vm before.vhdx
dd if=raw of=/dev/mapper/vm bs=4k seek=1 skip=9 count=3 oflag=direct status=none
dd if=raw of=moved bs=4k skip=9 count=3 status=none
dd if=moved of=raw bs=4k seek=1 conv=notrunc status=none
expect_status 0 merge --verbose --keep-name --json vm
note "$(<err)"
[ "$(json 'j["passes"], j["copied"], j["file"].rsplit("/")[-1]')" = '0 12288 base.vhdx' ] || fail "$(<out)"
[ "$(files)" = ./base.vhdx ] && [ "$(leaf)" = "$PWD/base.vhdx" ]
same /dev/mapper/vm raw
"$vhdx" detach vm
nothing_left
"$vhdx" check --quiet base.vhdx
readers_agree base.vhdx raw

# --- under a writer ---------------------------------------------------------------------

"$vhdx" attach --no-partitions base.vhdx vm >out
for layer in one two three; do
	expect_status 0 snapshot vm $layer.vhdx
	write 30
	write_much
done
(
	while [ ! -e stop ]; do
		"$scribble" /dev/mapper/vm raw $((seed += 1000)) 200 2>>errors || touch error stop
	done
) &
writer=$!
at_exit end_process $writer
# One, then what is left of the chain.
for into in two base; do
	expect_status 0 merge --verbose --into $into.vhdx --json vm
	note "$into: $(python3 -c 'import json; j = json.load(open("out")); print(j["passes"], "passes", j["pause_us"], "us", j["copied"], "bytes")')"
	[ "$(leaf)" = "$PWD/$into.vhdx" ] || fail "$(leaf)"
done
for n in 1 2; do
	expect_status 0 snapshot --keep-name vm kept.vhdx
	sleep 1
	expect_status 0 merge --keep-name --json vm
	note "$(python3 -c 'import json; j = json.load(open("out")); print(j["passes"], "passes", j["pause_us"], "us", j["copied"], "bytes")')"
done
touch stop
wait $writer
[ ! -e error ] || fail "$(<errors)"
[ "$(files)" = ./base.vhdx ] || fail "$(files)"
[ "$(layers)" = 1 ]
same /dev/mapper/vm raw
"$vhdx" detach vm
nothing_left

# --- by links, which stay: what is deleted, or changes its name, is the image -------------------

mkdir links
ln -s ../leaf.vhdx links/leaf.vhdx
ln -s ../base.vhdx links/base.vhdx
for names in --no-keep-name --keep-name; do
	"$vhdx" create --parent base.vhdx leaf.vhdx
	inode=$(stat -c %i base.vhdx)
	"$vhdx" attach --no-partitions --parent links/base.vhdx links/leaf.vhdx vm >out
	write 10
	expect_status 0 merge $names links/leaf.vhdx
	same /dev/mapper/vm raw
	[[ -L links/leaf.vhdx && -L links/base.vhdx ]] || fail "$(ls -l . links)"
	result=base.vhdx
	[ $names = --no-keep-name ] || result=leaf.vhdx
	[[ $(files) = ./$result && ! -L $result && $(stat -c %i $result) = "$inode" ]] || fail "$(ls -l . links)"
	[ "$(leaf)" = "$PWD/$result" ] || fail "$(leaf)"
	"$vhdx" detach vm
	nothing_left
done
mv leaf.vhdx base.vhdx
rm -r links
"$vhdx" check --quiet base.vhdx
readers_agree base.vhdx raw

# --- what cannot be -----------------------------------------------------------------------

"$vhdx" create --parent base.vhdx sibling.vhdx
"$vhdx" create --parent base.vhdx leaf.vhdx
"$vhdx" attach --no-partitions leaf.vhdx vm >out
expect_fail -m "base.vhdx: is the parent of .*sibling.vhdx', too" "$vhdx" merge vm
"$vhdx" attach --read-only --no-partitions sibling.vhdx other >out
expect_fail -m "base.vhdx: 'other' is on it, too" "$vhdx" merge --force vm
"$vhdx" detach other
rm sibling.vhdx
expect_fail -m 'in use, so that nothing' "$vhdx" merge --keep vm
dmsetup suspend vm
expect_fail -m 'vm: only of a disk that is well' "$vhdx" merge vm
dmsetup resume vm
expect_fail -m "raw: is no parent of" "$vhdx" merge --into raw vm
same /dev/mapper/vm raw

# While a merge is going on, and then the disk is detached. The write is one of the data.
expect_status 0 snapshot vm more.vhdx
write_much
WRITE_STOP=1 WRITE_FAULT=45 LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" merge vm >merge.out 2>&1 &
merge=$!
at_exit end_process $merge
for ((n = 0; n < 600; n++)); do
	[[ $(</proc/$merge/stat) != *') T '* ]] || break
	sleep 0.1
done
[[ $(</proc/$merge/stat) = *') T '* ]] || fail "$(<merge.out)"
[ "$(layers)" = 4 ] || fail "$("$vhdx" list)"
expect_fail -m 'vm: a merge of it is going on' "$vhdx" snapshot vm new.vhdx
expect_fail -m 'vm: a merge of it is going on' "$vhdx" merge vm
expect_fail -m 'leaf.vhdx: in use by' "$vhdx" attach --read-only leaf.vhdx look
write 10
dmsetup suspend vm
dmsetup resume vm
same /dev/mapper/vm raw
"$vhdx" detach vm
kill -CONT $merge
status=0
wait $merge || status=$?
[ $status = 1 ] || fail "$status: $(<merge.out)"
grep -q 'vm: detached in the meantime' merge.out || fail "$(<merge.out)"
expect_status 0 merge --json more.vhdx
[ "$(json 'j["layers"], j["file"].rsplit("/")[-1]')" = '2 leaf.vhdx' ] || fail "$(<out)"
[ "$(files)" = './base.vhdx ./leaf.vhdx' ] || fail "$(files)"
"$vhdx" attach --no-partitions leaf.vhdx vm >out
same /dev/mapper/vm raw

# Each call of device mapper in turn.
export LD_PRELOAD=$VHDX_TOP/build/dm-fault.so
for ((n = 1; n < 30; n++)); do
	[ "$(layers)" != 1 ] || LD_PRELOAD='' "$vhdx" snapshot vm leaf.vhdx >out
	LD_PRELOAD='' write_much
	DM_FAULT=$n "$vhdx" merge vm >out 2>err && break
	cat err
	[ "$(dmsetup info -c --noheadings -o suspended,tables_loaded vm)" = 'Active:Live' ] || fail "$n: $(dmsetup info vm)"
	LD_PRELOAD='' write 3
	same /dev/mapper/vm raw
done
unset LD_PRELOAD
[ "$n" -gt 7 ] || fail "$n calls"
same /dev/mapper/vm raw
[ "$(layers)" = 1 ]
[ "$(files)" = ./base.vhdx ] || fail "$(files)"
[ "$(loops)" = 1 ] || fail "$(losetup -l)"
"$vhdx" detach vm
nothing_left
"$vhdx" check --quiet base.vhdx
readers_agree base.vhdx raw
