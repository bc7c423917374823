# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# timeout: 300
#
# "vhdx attach", "list" and "detach": a file becomes a disk with partitions and a file again, as small
# as it can be; whatever goes wrong, or comes between, leaves nothing behind.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 200 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

bytes() { stat -c %s "$1"; }
loops() { losetup -n -O NAME -l | wc -l; }
nothing_left()
{
	[ "$(loops)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}

# le32 NUMBER: its four bytes, for printf
le32() { printf '\\x%02x\\x%02x\\x%02x\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)); }
# partition START COUNT: an entry of a DOS partition table
# shellcheck disable=SC2059 # bytes
partition() { printf "\\0\\0\\0\\0\\x83\\0\\0\\0$(le32 "$1")$(le32 "$2")"; }

# --- there and back ---------------------------------------------------------

"$vhdx" create --size 1G --block-size 1M disk.vhdx
empty=$(bytes disk.vhdx)
"$vhdx" attach disk.vhdx >out
[ "$(<out)" = /dev/mapper/disk ]
[ "$(bytes disk.vhdx)" = $((empty + (1 << 30))) ] || fail 'the file has no room for the disk'
[ "$(losetup -n -l -O DIO,BACK-FILE | tr -s ' ')" = " 1 $PWD/disk.vhdx" ] || fail "$(losetup -l)"
dmsetup info -c --noheadings -o uuid disk | grep -q '^VHDX-[0-9a-f-]*-disk$'

# In use: by name, by file, and for the tool's other commands.
for command in 'attach disk.vhdx' 'attach disk.vhdx other' 'attach --read-only disk.vhdx other' \
	'check disk.vhdx' 'replay disk.vhdx' 'create --force --size 1M disk.vhdx'; do
	# shellcheck disable=SC2086 # words
	expect_fail -m 'in use by|of that name exists' "$vhdx" $command
done
"$vhdx" info disk.vhdx >out 2>&1
grep -q "note: in use by /dev/loop[0-9]*, mapped as 'disk'" out || fail "$(<out)"

{
	head -c 446 /dev/zero
	partition 2048 65536
	partition 67584 131072
	head -c 32 /dev/zero
	printf '\x55\xaa'
} | dd of=/dev/mapper/disk bs=512 oflag=direct status=none
"$vhdx" detach disk
nothing_left
[ "$(bytes disk.vhdx)" = $((empty + (1 << 20))) ] || fail 'detach has not cut off what was not used'
"$vhdx" check disk.vhdx

# --- partitions -------------------------------------------------------------

"$vhdx" attach --json disk.vhdx vm1 >out
grep -q '"path": *"/dev/mapper/vm1p2"' out || fail "no partition in $(<out)"
[ "$(sectors /dev/mapper/vm1p1) $(sectors /dev/mapper/vm1p2)" = '65536 131072' ]
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/vm1p2
mkdir mnt
mount /dev/mapper/vm1p2 mnt
expect_fail -m "vm1p2: in use by the file system mounted on '$PWD/mnt': unmount it first" "$vhdx" detach vm1
[ -e /dev/mapper/vm1p1 ] || fail 'a refused detach has removed a partition'
echo kept >mnt/file
umount mnt

"$vhdx" list >out
grep -qE "^vm1 +1 GiB +rw +active +[1-9][0-9]*/1024 +[0-9]+% +[0-9]+% +$PWD/disk.vhdx\$" out || fail "$(<out)"
"$vhdx" list --json >out
grep -q '"blocks_total": *1024' out || fail "$(<out)"
"$vhdx" detach "$PWD/disk.vhdx"
nothing_left
"$vhdx" list >out
grep -q vm1 out && fail 'still in the list'
"$vhdx" check disk.vhdx
qemu-img check -q disk.vhdx

# --- read-only --------------------------------------------------------------

sum=$(sha256sum <disk.vhdx)
"$vhdx" attach --read-only disk.vhdx
[ "$(status disk mode)" = ro ]
mount -o ro,noload /dev/mapper/disk2 mnt
[ "$(<mnt/file)" = kept ]
umount mnt
# Others may read it, too.
qemu-img info -f vhdx disk.vhdx >out
"$vhdx" check --quiet disk.vhdx
"$vhdx" attach -r --no-partitions disk.vhdx again >out
[ "$(<out)" = /dev/mapper/again ]
cmp /dev/mapper/disk /dev/mapper/again
"$vhdx" info disk.vhdx >out 2>&1
grep 'note:' out && fail 'nobody can write it'
for command in 'attach disk.vhdx other' 'check --repair disk.vhdx' 'replay disk.vhdx'; do
	# shellcheck disable=SC2086 # words
	expect_fail -m 'in use by' "$vhdx" $command
done
expect_fail -m "attached as 'disk', 'again': name the one you mean|attached as 'again', 'disk': name" "$vhdx" detach disk.vhdx
"$vhdx" detach disk again
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'a read-only attach has changed the file'
nothing_left

# --- what cannot be ---------------------------------------------------------

expect_fail -m 'name a regular file or a block device' "$vhdx" attach /dev/null
expect_fail -m 'No such file' "$vhdx" attach missing
expect_fail -m 'cannot be called that' "$vhdx" attach disk.vhdx a/b
expect_fail -m 'not attached' "$vhdx" detach disk
expect_fail -m "the target has no option 'frob'" "$vhdx" attach --options frob disk.vhdx
expect_fail -m 'commit_interval needs a number' "$vhdx" attach --options 'commit_interval error_if_no_space' disk.vhdx
expect_fail -m 'commit_interval needs a number' "$vhdx" attach -o 'commit_interval' disk.vhdx
nothing_left
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'a refused attach has left the file changed'
"$vhdx" attach -q -o $'commit_interval\t5' --options error_if_no_space disk.vhdx >out
[ ! -s out ]
dmsetup table disk | grep -q ' zeroed_from [0-9]* commit_interval 5 error_if_no_space$' || fail "$(dmsetup table disk)"
"$vhdx" detach disk

# As with --read-only: the file does not grow, and is not written.
sum=$(sha256sum <disk.vhdx)
"$vhdx" attach --options read_only disk.vhdx
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'the file has changed'
[ "$(status disk mode) $(blockdev --getro /dev/mapper/disk)" = 'ro 1' ]
[ "$(dmsetup table disk | grep -o read_only)" = read_only ]
"$vhdx" detach disk

# What would be: the same table, and nothing is touched.
"$vhdx" attach --dry-run disk.vhdx >would
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'a dry run has changed the file'
nothing_left
"$vhdx" attach --json disk.vhdx >out
[ "$(dmsetup table disk | sed 's/ [0-9]*:[0-9]* / X /')" = "$(sed 's|/dev/loop0|X|' would)" ] || fail "$(<would)"
expect_fail -m 'of that name exists' "$vhdx" attach --dry-run disk.vhdx
"$vhdx" detach disk

# --- file systems below -----------------------------------------------------

# The VM's root, an overlay over a tmpfs, takes direct I/O and then, on 6.1, fails each read.
below=$(mktemp -d /tmp/vhdx.XXXXXX)
chmod 755 "$below"
at_exit rm -r "$below"
"$vhdx" create --size 16M --block-size 1M "$below/o.vhdx"
"$vhdx" attach "$below/o.vhdx" >out 2>&1
if [ "$(losetup --noheadings -O DIO -j "$below/o.vhdx" | tr -d ' ')" = 1 ]; then
	[[ $(uname -r) != 6.1.* ]] || fail 'direct I/O on an overlay over a tmpfs'
	[ "$(grep -c 'page cache' out)" = 0 ]
else
	grep -q 'o.vhdx: note: .*through the page cache' out || fail "$(<out)"
fi
dd if=/dev/urandom of=/dev/mapper/o bs=1M count=2 oflag=direct status=none
"$vhdx" detach o
"$vhdx" check "$below/o.vhdx"
nothing_left

# Who is not root may ask as well.
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" attach -r --dry-run "$below/o.vhdx" >out
[ "$(<out)" = '0 32768 vhdx /dev/loop0 1 read_only' ] || fail "$(<out)"

# --- a file system on the whole disk, and a stray partition table ---------------

"$vhdx" create --size 64M --block-size 1M whole.vhdx
"$vhdx" attach whole.vhdx >out
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/whole
{ partition 2048 65536; partition 67584 16384; } |
	dd of=/dev/mapper/whole bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of=/dev/mapper/whole bs=1 seek=510 conv=notrunc status=none
"$vhdx" detach whole
"$vhdx" attach whole.vhdx >out 2>err
grep -q "whole: note: the whole disk carries 'ext4'" err || fail "$(<err)"
[ "$(<out)" = /dev/mapper/whole ] || fail "partitions: $(<out)"
e2fsck -fy /dev/mapper/whole
mount /dev/mapper/whole mnt
umount mnt
"$vhdx" detach whole
"$vhdx" attach --partitions whole.vhdx >out 2>err
[ "$(wc -l <out)" = 3 ] || fail "$(cat out err)"
[ ! -s err ]
"$vhdx" detach whole
# Where the partition table has overwritten the file system's superblock it is for the user to say.
"$vhdx" attach --no-partitions disk.vhdx >out
[ "$(<out)" = /dev/mapper/disk ] || fail "partitions: $(<out)"
"$vhdx" detach disk
nothing_left

# A signal between any two steps: all is there, or nothing.
"$vhdx" check --quiet disk.vhdx
size=$(bytes disk.vhdx)
for delay in 0 0.005 0.01 0.02 0.04 0.08 0.15; do
	"$vhdx" attach disk.vhdx >out 2>&1 &
	pid=$!
	sleep $delay
	kill -TERM $pid 2>/dev/null || :
	ended=0
	wait $pid || ended=$?
	[ ! -e /dev/mapper/disk ] || "$vhdx" detach disk
	nothing_left
	[ "$(bytes disk.vhdx)" = "$size" ] ||
		fail "ended with $ended after $delay s, the file has $(bytes disk.vhdx) bytes"
done

# --- a log that wants a larger file -----------------------------------------

cp "$VHDX_TOP/build/fuzz/images/088-more.device.vhdx" dirty.vhdx
small=$(bytes dirty.vhdx)
"$vhdx" attach --no-grow dirty.vhdx
[ "$(status dirty mode)" = rw ]
[ "$(bytes dirty.vhdx)" -gt "$small" ] || fail 'the file has not grown'
"$vhdx" detach dirty
"$vhdx" check dirty.vhdx
nothing_left
