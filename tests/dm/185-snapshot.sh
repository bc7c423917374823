# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# timeout: 400
#
# "vhdx snapshot" of a disk in use: what was on it stays in the old file, what is written goes to the
# new one, nobody sees an error; and whatever fails, it is as if nothing had been tried.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 400 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

bytes() { stat -c %s "$1"; }
inode() { stat -c %i "$1"; }
loops() { losetup -n -O NAME -l | wc -l; }
nothing_left()
{
	[ "$(loops)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
# shellcheck disable=SC2059 # bytes
partition() { printf "\\0\\0\\0\\0\\x83\\0\\0\\0$(le32 "$1")$(le32 "$2")"; }
# frozen FILE SUM: what an image shows read-only
frozen()
{
	local name

	"$vhdx" attach --read-only --no-partitions "$1" frozen >out
	[ "$(sha_dev /dev/mapper/frozen)" = "$2" ] || fail "line ${BASH_LINENO[0]}: $1 has changed"
	"$vhdx" detach frozen
}

# --- a disk with partitions, mounted and written ------------------------------------

"$vhdx" create --size 100M --block-size 1M disk.vhdx
"$vhdx" attach disk.vhdx >out
{
	head -c 446 /dev/zero
	partition 2048 100000
	partition 104448 98304
	head -c 32 /dev/zero
	printf '\x55\xaa'
} | dd of=/dev/mapper/disk bs=512 oflag=direct status=none
"$vhdx" detach disk
"$vhdx" attach -o 'commit_interval 300' disk.vhdx vm >out
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/vm1
mkdir mnt
mount /dev/mapper/vm1 mnt
echo before >mnt/file

# Who writes all the time sees no error, and all that was written is there.
(
	i=0
	while [ ! -e stop ]; do
		echo $((i++)) >>mnt/log || touch error
		[ $((i % 20)) != 0 ] || sync mnt/log || touch error
	done
) &
writer=$!
at_exit end_process $writer
size=$(bytes disk.vhdx)
pause=0
for n in 1 2 3; do
	expect_status 0 snapshot --verbose --json vm child$n.vhdx
	took=$(json 'j["pause_us"]')
	note "the pause took $took us"
	[ "$took" -lt "$pause" ] || pause=$took
	[ "$(json 'j["leaf"]')" = "child$n.vhdx" ]
	[ "$(loops)" = $((n + 1)) ] || fail "$(losetup -l)"
	sleep 0.3
done
touch stop
wait $writer
[ ! -e error ] || fail 'a write has failed'
# A pause that anybody would notice is a fault; how short it is depends on the machine.
[ "$pause" -lt 3000000 ]
[ "$(wc -l <mnt/log)" = "$(($(tail -n 1 mnt/log) + 1))" ] || fail 'what was written is not there'
dmsetup table vm | grep -q 'commit_interval 300 .*parent [0-9:]* parent [0-9:]* parent [0-9:]*$' || fail "$(dmsetup table vm)"
expect_status 0 list --json
[ "$(json 'j[0]["backing_file"], j[0]["layers"]')" = "$PWD/child3.vhdx 4" ]
[ "$(json '[p.rsplit("/")[-1] for p in j[0]["parents"]]')" = "['child2.vhdx', 'child1.vhdx', 'disk.vhdx']" ]
# What is a parent now is as small as it can be, and locked.
[ "$(bytes disk.vhdx)" -lt "$size" ] || fail 'the end of the file was not cut off'
expect_fail -m "disk.vhdx: in use by /dev/loop[0-9]*, as a parent of 'vm'" "$vhdx" attach --force disk.vhdx
"$vhdx" check --quiet disk.vhdx
expect_status 0 chain child3.vhdx
[ "$(wc -l <out)" = 4 ]
echo after >mnt/file
umount mnt
"$vhdx" detach vm
nothing_left
for image in disk child1 child2 child3; do
	"$vhdx" check --chain --quiet $image.vhdx
done

# The file systems in the snapshots were clean; each has what it had then.
last=0
for image in disk child1 child2; do
	"$vhdx" attach --read-only $image.vhdx look >out
	mount -o ro,noload /dev/mapper/look1 mnt
	[ "$(<mnt/file)" = before ]
	lines=$(wc -l <mnt/log)
	[ "$lines" -ge "$last" ] || fail "$image has $lines lines, an older one $last"
	last=$lines
	umount mnt
	"$vhdx" detach look
done
"$vhdx" attach child3.vhdx vm >out
mount /dev/mapper/vm1 mnt
[ "$(<mnt/file)" = after ]
umount mnt

# --- names ----------------------------------------------------------------------------

sum=$(sha_dev /dev/mapper/vm)
old=$(inode child3.vhdx)
expect_status 0 snapshot --keep-name vm saved.vhdx
expect_output "^Written from now on +$PWD/child3.vhdx$"
[ "$(inode saved.vhdx)" = "$old" ] || fail 'the files have not changed names'
[ "$(losetup -n -O BACK-FILE -l | grep -c "$PWD/saved.vhdx$")" = 1 ]
[ "$(sha_dev /dev/mapper/vm)" = "$sum" ]
dd if=/dev/urandom of=/dev/mapper/vm bs=1M seek=50 count=3 oflag=direct status=none
new=$(sha_dev /dev/mapper/vm)
frozen saved.vhdx "$sum"
expect_status 0 status vm
expect_output "^Image +$PWD/child3.vhdx$"
"$vhdx" detach vm
"$vhdx" attach child3.vhdx vm >out
[ "$(sha_dev /dev/mapper/vm)" = "$new" ]
# An image of the table is looked for under its name.
echo "vm $PWD/child3.vhdx" >tab
export VHDXTAB=$PWD/tab
expect_status 0 snapshot /dev/mapper/vm
expect_output 'the new leaf takes its name'
expect_output "^Kept as it is +$PWD/child3-[0-9]{8}-[0-9]{6}.vhdx$"
kept=$(sed -n 's/^Kept as it is *//p' out)
unset VHDXTAB
dd if=/dev/urandom of=/dev/mapper/vm bs=1M seek=60 count=1 oflag=direct status=none
frozen "$kept" "$new"

# --- what fails --------------------------------------------------------------------------

expect_fail -m 'saved.vhdx: exists' "$vhdx" snapshot vm saved.vhdx
"$vhdx" attach --read-only disk.vhdx look >out
expect_fail -m 'look: attached read-only' "$vhdx" snapshot look new.vhdx
"$vhdx" detach look
dmsetup suspend vm
expect_fail -m 'vm: only of a disk that is well and not suspended' "$vhdx" snapshot vm new.vhdx
dmsetup resume vm

# Less the part that writes change.
table_of() { dmsetup table "$1" | sed 's/ zeroed_from [0-9]*//'; }
as_before()
{
	[ ! -e new.vhdx ] || fail "line ${BASH_LINENO[0]}: the new file is there"
	[ "$(inode child3.vhdx)" = "$leaf" ] || fail "line ${BASH_LINENO[0]}: the file has another name"
	[ "$(table_of vm)" = "$table" ] || fail "line ${BASH_LINENO[0]}: another table: $(dmsetup table vm)"
	[ "$(dmsetup info -c --noheadings -o suspended,tables_loaded vm)" = "$info" ] ||
		fail "line ${BASH_LINENO[0]}: $(dmsetup info vm)"
	[ "$(loops)" = "$had" ] || fail "line ${BASH_LINENO[0]}: $(losetup -l)"
	dd if=/dev/urandom of=/dev/mapper/vm bs=64k seek=$((n * 37)) count=1 oflag=direct status=none
}

mount /dev/mapper/vm1 mnt
leaf=$(inode child3.vhdx)
table=$(table_of vm)
info=$(dmsetup info -c --noheadings -o suspended,tables_loaded vm)
had=$(loops)
# Each call of device mapper in turn; also if the names cannot be changed back then.
export LD_PRELOAD="$VHDX_TOP/build/dm-fault.so $VHDX_TOP/build/write-fault.so"
for ((n = 1; n < 20; n++)); do
	for rename in 2 0; do
		RENAME_FAULT=$rename DM_FAULT=$n "$vhdx" snapshot --keep-name vm new.vhdx >out 2>err && break 2
		cat err
		as_before
	done
done
unset LD_PRELOAD
# The last one is that of a partition, which is tried once more.
[ "$n" -gt 5 ] || fail "$n calls"
[ "$(dmsetup info -c --noheadings -o suspended | sort -u)" = Active ] || fail "$(dmsetup info)"
umount mnt
"$vhdx" detach vm
nothing_left
"$vhdx" check --chain --quiet child3.vhdx
