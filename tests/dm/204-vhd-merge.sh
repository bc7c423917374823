# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1200
#
# As 186, of VHD images: "vhdx merge" of a disk in use, into dynamic, differencing and fixed parents, of
# the tool and of other writers, under somebody who writes and knows what he has written; whatever fails,
# and whenever the program is stopped, the disk goes on and the same command, too.
# VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
need qemu-img python3

scratch_fs 700 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
at_exit "$vhdx" detach --all
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

loops() { losetup -n -O NAME -l | wc -l; }
listed() { "$vhdx" list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0][sys.argv[1]])' "$1"; }
layers() { listed layers; }
leaf() { listed backing_file; }
files() { echo ./*.vhd; }
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
told() { python3 -c 'import json; j = json.load(open("out")); print(j["passes"], "passes", j["pause_us"], "us", j["copied"], "bytes")'; }
# The only image there is, by the model, by another program and by the checker.
is_all() # IMAGE
{
	[ "$(files)" = "./$1" ] || fail "$(files)"
	naive "$1" | cmp - raw
	qemu-img convert -f vpc -O raw "$1" q.raw
	cmp q.raw raw
	expect_status 0 check "$1"
	expect_no_output 'error|warning|and [1-9].* behind'
	cmp <(head -c 512 "$1") <(tail -c 512 "$1") || fail "$1 does not end with a footer"
}

# --- while nobody writes --------------------------------------------------------------

truncate -s 64M raw
"$vhdx" create --format vhd --block-size 512K base.vhd 64M
"$vhdx" attach --no-partitions base.vhd vm >out
write 40
expect_status 0 snapshot vm leaf.vhd
write 10
expect_status 0 merge --dry-run --json vm
[ "$(json 'j["file"].rsplit("/")[-1], j["layers"], j["attached"]')" = 'base.vhd 1 True' ] || fail "$(<out)"
[ "$(layers)" = 2 ]
write_much
write 40
expect_status 0 merge --verbose --json vm
note "$(<out)"
[ "$(json 'j["layers"], j["passes"] >= 1, j["copied"] > 12 << 20')" = '1 True True' ] || fail "$(<out)"
[ "$(layers) $(leaf) $(files)" = "1 $PWD/base.vhd ./base.vhd" ] || fail "$(layers) $(leaf) $(files)"
[ "$(loops)" = 1 ] || fail "$(losetup -l)"
same /dev/mapper/vm raw
write 40
same /dev/mapper/vm raw
# It is locked as any leaf is.
expect_fail -m 'in use by /dev/loop' "$vhdx" check base.vhd --repair
# What is little is merged at once.
expect_status 0 snapshot --keep-name vm before.vhd
dd if=some of=/dev/mapper/vm bs=4k seek=1 count=3 oflag=direct status=none
dd if=some of=raw bs=4k seek=1 count=3 conv=notrunc status=none
expect_status 0 merge --verbose --keep-name --json vm
note "$(<err)"
# Of a block that no parent has anything of all is there.
[ "$(json 'j["passes"], j["copied"] in (12 << 10, 512 << 10), j["file"].rsplit("/")[-1]')" = '0 True base.vhd' ] || fail "$(<out)"
[ "$(files)" = ./base.vhd ] && [ "$(leaf)" = "$PWD/base.vhd" ]
write 20
same /dev/mapper/vm raw
"$vhdx" detach vm
nothing_left
is_all base.vhd

# --- under a writer, of a chain --------------------------------------------------------

"$vhdx" attach --no-partitions base.vhd vm >out
for layer in one two three; do
	expect_status 0 snapshot vm $layer.vhd
	write 30
	write_much
done
(
	turn=$seed
	while [ ! -e stop ]; do
		"$scribble" /dev/mapper/vm raw $((turn += 1000)) 200 2>>errors || touch error stop
	done
) &
writer=$!
at_exit end_process $writer
# Into one that is differencing, then into the one that is not.
for into in two base; do
	expect_status 0 merge --verbose --into $into.vhd --json vm
	note "$into: $(told)"
	[ "$(leaf)" = "$PWD/$into.vhd" ] || fail "$(leaf)"
done
expect_status 0 snapshot --keep-name vm kept.vhd
sleep 1
expect_status 0 merge --keep-name --json vm
note "$(told)"
touch stop
wait $writer
[ ! -e error ] || fail "$(<errors)"
[ "$(layers)" = 1 ]
same /dev/mapper/vm raw
"$vhdx" detach vm
nothing_left
is_all base.vhd

# --- of other writers' images: blocks of all sizes, fixed ones, bits of every kind ----------------

mv raw base.raw
for ((n = 0; n < 4; n++)); do
	vhd_chain c 2 $((seed++)) $((12 << 20))
	naive c/0.vhd c/1.vhd c/2.vhd >raw
	"$vhdx" attach --no-partitions c/0.vhd vm >out
	write 10
	((n % 2)) || {
		# More than is merged while I/O waits.
		dd if=/dev/urandom of=some bs=1M count=6 status=none
		dd if=some of=/dev/mapper/vm bs=1M seek=3 oflag=direct status=none
		dd if=some of=raw bs=1M seek=3 conv=notrunc status=none
	}
	into=$((1 + n / 2))
	expect_status 0 merge --into c/$into.vhd --json vm
	note "$(told)"
	write 10
	same /dev/mapper/vm raw || fail "number $n: another disk"
	"$vhdx" detach vm
	expect_status 0 check c/$into.vhd
	expect_no_output 'error|warning'
	# shellcheck disable=SC2046 # names without spaces
	naive $(echo c/*) | cmp - raw || fail "number $n: the files show another disk"
done
mv base.raw raw
rm -r c
nothing_left

# --- what cannot be -----------------------------------------------------------------------

"$vhdx" create --format vhd --parent base.vhd sibling.vhd
"$vhdx" create --format vhd --parent base.vhd leaf.vhd
"$vhdx" attach --no-partitions leaf.vhd vm >out
expect_fail -m "base.vhd: is the parent of .*sibling.vhd', too" "$vhdx" merge vm
"$vhdx" attach --read-only --no-partitions sibling.vhd other >out
expect_fail -m "base.vhd: 'other' is on it, too" "$vhdx" merge --force vm
"$vhdx" detach other
rm sibling.vhd
expect_fail -m 'in use, so that nothing' "$vhdx" merge --keep vm
same /dev/mapper/vm raw

# While a merge is going on the table may be resumed, which loads it again; and then the disk is
# detached. The write is one of the data.
write_much
WRITE_STOP=1 WRITE_FAULT=60 LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" merge vm >merge.out 2>&1 &
merge=$!
at_exit end_process $merge
for ((n = 0; n < 600; n++)); do
	[[ $(</proc/$merge/stat) != *') T '* ]] || break
	sleep 0.1
done
[[ $(</proc/$merge/stat) = *') T '* ]] || fail "$(<merge.out)"
[ "$(layers)" = 3 ] || fail "$("$vhdx" list)"
expect_fail -m 'vm: a merge of it is going on' "$vhdx" snapshot vm new.vhd
expect_fail -m 'vm: a merge of it is going on' "$vhdx" merge vm
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
# It knows what it was going into, without being told.
expect_status 0 merge --json leaf.vhd
[ "$(json 'j["layers"], j["file"].rsplit("/")[-1]')" = '2 base.vhd' ] || fail "$(<out)"
is_all base.vhd
"$vhdx" attach --no-partitions base.vhd vm >out
same /dev/mapper/vm raw

# Each call of device mapper in turn.
export LD_PRELOAD=$VHDX_TOP/build/dm-fault.so
for ((n = 1; n < 30; n++)); do
	[ "$(layers)" != 1 ] || LD_PRELOAD='' "$vhdx" snapshot vm leaf.vhd >out
	LD_PRELOAD='' write_much
	DM_FAULT=$n "$vhdx" merge vm >out 2>err && break
	cat err
	[ "$(dmsetup info -c --noheadings -o suspended,tables_loaded vm)" = 'Active:Live' ] || fail "$n: $(dmsetup info vm)"
	LD_PRELOAD='' write 3
	same /dev/mapper/vm raw
done
unset LD_PRELOAD
[ "$n" -gt 5 ] || fail "$n calls"
same /dev/mapper/vm raw
[ "$(layers)" = 1 ]
[ "$(loops)" = 1 ] || fail "$(losetup -l)"
"$vhdx" detach vm
nothing_left
is_all base.vhd
