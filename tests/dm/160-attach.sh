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
expect_fail -m 'vm1p2: in use: unmount it' "$vhdx" detach vm1
[ -e /dev/mapper/vm1p1 ] || fail 'a refused detach has removed a partition'
echo kept >mnt/file
umount mnt

"$vhdx" list >out
grep -qE "^vm1 +1 GiB +rw +[1-9][0-9]*/1024 +$PWD/disk.vhdx\$" out || fail "$(<out)"
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
"$vhdx" detach disk
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'a read-only attach has changed the file'
nothing_left

# --- what cannot be ---------------------------------------------------------

expect_fail -m 'name a regular file or a block device' "$vhdx" attach /dev/null
expect_fail -m 'No such file' "$vhdx" attach missing
expect_fail -m 'cannot be called that' "$vhdx" attach disk.vhdx a/b
expect_fail -m 'not attached' "$vhdx" detach disk
expect_fail -m 'Unknown optional argument|cannot be mapped' "$vhdx" attach --options frob disk.vhdx
nothing_left
[ "$(sha256sum <disk.vhdx)" = "$sum" ] || fail 'a refused attach has left the file changed'
"$vhdx" attach --options $'commit_interval\t5' disk.vhdx
dmsetup table disk | grep -q 'commit_interval 5'
"$vhdx" detach disk

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
