# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
#
# The tool is newer than the module that is loaded, as after an upgrade while images are attached: what
# that target does not know is named, with what to do, and what can be done without is done without.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need readelf mkntfs ntfs-3g blkdiscard

# The module as it is, but for the version it states: 1.MINOR.0 instead of 1.x.y. In struct target_type
# (include/linux/device-mapper.h) that is behind a number and two pointers.
older_module() # FILE MINOR
{
	local section offset value

	# "NUM: VALUE SIZE TYPE BIND VIS NDX NAME"; "[ N] NAME TYPE ADDRESS OFFSET"
	read -r value section < <(readelf -sW "$1" | awk '$8 == "vhdx_target" { print $2, $7 }')
	offset=$(readelf -SW "$1" | tr -d '[]' | awk -v n="$section" '$1 == n { print $5 }')
	[ -n "$value$offset" ] || fail 'where is the version?'
	offset=$((0x$offset + 0x$value + 24))
	[ "$(od -An -tu4 -j $offset -N 4 "$1" | tr -d ' ')" = 1 ] || fail 'that is not the version'
	printf '%b' "\\x$2\\0\\0\\0\\0\\0\\0\\0" | dd of="$1" bs=1 seek=$((offset + 4)) conv=notrunc status=none
}

# told WHAT VERSION [LOADED]: in out, with all that is to be done
told()
{
	grep -F "the $1 needs version $2 of the kernel's vhdx target, and ${3:-1.0} is loaded: " out |
		grep -F "takes effect after a reboot, or after 'vhdx detach --all' and 'rmmod dm_vhdx'" ||
		fail "$(<out)"
}

scratch_fs 200 mke2fs -q -F -t ext4 -E nodiscard
cp "$VHDX_KO" older.ko
strip -g older.ko
older_module older.ko 0
VHDX_KO=$PWD/older.ko insmod_vhdx
dmsetup targets | grep -qE '^vhdx +v1\.0\.0$' || fail "$(dmsetup targets)"

# Asked for: refused, and nothing is left behind.
"$vhdx" create --size 32M --block-size 1M d.vhdx
expect_fail -m 'd.vhdx: the option no_unmap' "$vhdx" attach -o 'commit_interval 500 no_unmap' d.vhdx d >out
told 'option no_unmap' 1.1
[ "$(losetup -l)" = '' ] || fail "$(losetup -l)"
[ "$(dmsetup ls)" = 'No devices found' ]

# Not asked for: done without, and said.
"$vhdx" create --size 8M --type fixed f.vhdx
"$vhdx" attach -o 'commit_interval 500' f.vhdx d >out 2>&1
told 'option no_unmap' 1.1
dmsetup table d | grep -q 'commit_interval 500$' || fail "$(dmsetup table d)"
"$vhdx" detach d
"$vhdx" attach d.vhdx d >out 2>&1
[ "$(<out)" = /dev/mapper/d ] || fail "nothing is lacking: $(<out)"
"$vhdx" detach d

# The monitor: it works, and says once what would work better.
modprobe fuse
truncate -s 130M ntfs.img
mkntfs -q -F -f ntfs.img 2>/dev/null
mkdir fs
at_exit eval "! mountpoint -q '$SCRATCH/fs' || umount '$SCRATCH/fs'"
ntfs-3g -o big_writes ntfs.img fs
"$vhdx" create --size 64M --block-size 1M fs/d.vhdx
"$vhdx" attach fs/d.vhdx d >out 2>&1
told 'option no_unmap' 1.1
# The one that attach has started gives way.
pkill -f 'vhdx monitor' || :
wait_for 10 eval "! pgrep -f 'vhdx monitor'"
"$vhdx" monitor d >out 2>&1 &
dd if=/dev/urandom of=/dev/mapper/d bs=1M count=40 oflag=direct status=none
told 'message zeroed' 1.1
[ "$(grep -c zeroed out)" = 1 ]
"$vhdx" detach d
wait $!
if kmsg_has 'unknown message'; then fail 'it was told what it does not know'; fi
umount fs
rmmod_vhdx

# One that only reads what grows in a VHD image.
older_module older.ko 5
VHDX_KO=$PWD/older.ko insmod_vhdx
"$vhdx" create --format vhd --size 32M d.vhd
expect_fail -m 'd.vhd: the feature vhd-growing' "$vhdx" attach d.vhd d >out
told 'feature vhd-growing' 1.6 1.5
"$vhdx" attach --read-only d.vhd d
"$vhdx" detach d
"$vhdx" create --format vhd --type fixed --size 8M f.vhd
"$vhdx" attach f.vhd d
"$vhdx" detach d
rmmod_vhdx

# One that moves blocks, but no sector bitmaps: the child's is behind what was discarded.
older_module older.ko 7
VHDX_KO=$PWD/older.ko insmod_vhdx
"$vhdx" create --size 32M --block-size 1M p.vhdx
"$vhdx" attach p.vhdx d
dd if=/dev/urandom of=/dev/mapper/d bs=1M seek=8 count=2 oflag=direct status=none
"$vhdx" detach d
"$vhdx" create --parent p.vhdx --block-size 1M c.vhdx
"$vhdx" attach c.vhdx d
dd if=/dev/urandom of=/dev/mapper/d bs=1M count=4 oflag=direct conv=notrunc status=none
dd if=/dev/urandom of=/dev/mapper/d bs=4k seek=2050 count=1 oflag=direct conv=notrunc status=none
blkdiscard -l 4M /dev/mapper/d
"$vhdx" compact --json d >json 2>out
grep -qE '"bitmaps_kept": *1,?$' json || fail "$(<json)"
grep -qE '"blocks_moved": *1,' json || fail "$(<json)"
grep -F '1 sector bitmaps stay where they are: the message move-bitmap needs version 1.8' out || fail "$(<out)"
"$vhdx" detach d
"$vhdx" check c.vhdx
rmmod_vhdx

# A new one: not a word.
insmod_vhdx
"$vhdx" attach -o no_unmap d.vhdx d >out 2>&1
[ "$(<out)" = /dev/mapper/d ] || fail "$(<out)"
"$vhdx" detach d
"$vhdx" attach d.vhd d >out 2>&1
[ "$(<out)" = /dev/mapper/d ] || fail "$(<out)"
"$vhdx" detach d
