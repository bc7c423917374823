# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx attach --all" without systemd and without udev: images on disks of others, in file systems that
# have to be mounted for them and are unmounted after them, and what stands in the way.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 100 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
hosts=/run/vhdx/host
export VHDXTAB=$SCRATCH/tab

nothing_left()
{
	[ "$(losetup -n -O NAME -l)" = '' ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls --target vhdx)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
	! grep -F " $hosts/" /proc/self/mounts || fail 'a mount is left'
	[ -z "$(ls -A $hosts 2>/dev/null)" ] || fail "a directory is left: $(ls -A $hosts)"
}
names() { dmsetup ls --target vhdx | cut -f1 | sort | paste -sd' '; }

# --- an image in a file system on another one's disk --------------------------------

"$vhdx" create --size 40M --block-size 1M outer.vhdx
"$vhdx" attach outer.vhdx >out
mke2fs -q -F -t ext4 -U 5c1d3d58-58a3-4d6a-8f55-00000000000a -L 'a b' /dev/mapper/outer
mkdir fs
mount /dev/mapper/outer fs
"$vhdx" create --size 8M --block-size 1M 'fs/in ner.vhdx'
"$vhdx" create --size 8M --block-size 1M fs/second.vhdx
umount fs
"$vhdx" detach outer
nothing_left

# The inner ones come first in the table: they wait. What is only read does not get a mount that is
# written, until somebody needs one.
cat >tab <<-END
	inner LABEL=a\\040b:/in\\040ner.vhdx ro
	second UUID=5c1d3d58-58a3-4d6a-8f55-00000000000a:/second.vhdx noauto
	third /dev/mapper/outer:/second.vhdx noauto,ro
	outer $SCRATCH/outer.vhdx error_if_no_space
END
"$vhdx" attach --all >out
[ "$(names)" = 'inner outer' ] || fail "attached: $(names)"
[ "$(<out)" = "/dev/mapper/outer"$'\n'"/dev/mapper/inner" ] || fail "printed: $(<out)"
grep -q 'error_if_no_space' <<<"$(dmsetup table outer)"
grep -qF " $hosts/a\\134x20b ext4 ro," /proc/self/mounts || fail "$(grep $hosts /proc/self/mounts)"
"$vhdx" attach --tab second >out
grep -qF " $hosts/a\\134x20b ext4 rw," /proc/self/mounts || fail "$(grep $hosts /proc/self/mounts)"
[ "$(grep -cF "$hosts/" /proc/self/mounts)" = 1 ]
dd if=/dev/urandom of=/dev/mapper/second bs=1M count=2 oflag=direct status=none
expect_status 0 attach --tab second --verbose
expect_output '^vhdx: second: note: attached already'
expect_status 0 attach --all
[ ! -s out ]

# With the last image the file system goes, and then the disk that it is on can go.
"$vhdx" detach second
[ "$(grep -cF "$hosts/" /proc/self/mounts)" = 1 ] || fail 'the first one is still on it'
expect_status 1 detach outer
expect_output "outer: in use by the file system mounted on '$hosts/"
"$vhdx" detach --all
nothing_left

# --- what is mounted already -----------------------------------------------------------

"$vhdx" attach outer.vhdx >out
mount -o ro /dev/mapper/outer fs
"$vhdx" attach --tab inner >out
[ "$(grep -cF "$hosts/" /proc/self/mounts)" = 0 ] || fail 'mounted twice'
"$vhdx" list | grep -qF "$SCRATCH/fs/in ner.vhdx" || fail "$("$vhdx" list)"
expect_status 1 attach --tab second
expect_output "^vhdx: $SCRATCH/fs: mounted read-only: remount it writable, or attach the image read-only"
expect_status 0 attach --tab third
"$vhdx" detach inner third
mountpoint -q fs || fail 'what others have mounted was unmounted'
umount fs
# A file system that cannot be mounted, and a file that is not there.
wipefs -q -a /dev/mapper/outer
expect_status 1 attach --tab third
expect_output "outer: the file system with the image .* cannot be mounted on '$hosts/outer': .*: mount it yourself"
mke2fs -q -F -t ext4 /dev/mapper/outer
expect_status 1 attach --tab third
expect_output "second.vhdx: cannot open"
[ -z "$(ls -A $hosts)" ] || fail 'it stays mounted for nobody'
"$vhdx" detach outer
nothing_left
expect_status 1 attach --tab third
expect_output '^vhdx: /dev/mapper/outer: no device with this name'

# --- waiting ----------------------------------------------------------------------------

"$vhdx" attach --tab outer >out
mount /dev/mapper/outer fs
expect_status 1 detach --wait 1 outer
expect_output '^vhdx: outer: note: in use: waiting up to 1 s for that to end'
expect_output "outer: in use by the file system mounted on '$SCRATCH/fs'"
"$vhdx" detach --wait 600 outer 2>err &
pid=$!
waits() { grep -q waiting err; }
wait_for 60 waits
umount fs
wait $pid
nothing_left
# What is on it and used by nobody stays: it waits for that no longer than a moment.
"$vhdx" attach --tab outer >out
map on_top "0 2048 linear /dev/mapper/outer 0"
status=0
timeout 300 "$vhdx" detach --wait 100000 outer 2>err || status=$?
[ $status = 1 ] || fail "status $status"
grep -q "outer: in use by 'on_top': remove that first" err || fail "$(<err)"
unmap on_top
"$vhdx" detach outer
nothing_left
expect_status 0 detach --if-attached outer
expect_status 1 detach outer
expect_output 'not attached'

# --- a VHD image ------------------------------------------------------------------------

"$vhdx" create --format vhd --size 8M older.vhd
echo "older $SCRATCH/older.vhd" >tab
expect_status 0 attach --all
expect_status 0 attach --all
[ ! -s out ] || fail "attached again: $(<out)"
dd if=/dev/urandom of=/dev/mapper/older bs=64k count=1 oflag=direct status=none
[ "$(dmsetup status older | awk '{ print $4 }')" = rw ]
"$vhdx" shutdown
"$vhdx" detach --all
nothing_left
