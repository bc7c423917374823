# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# timeout: 400
#
# "vhdx mount" and "umount": the file system that is meant, or a question; read-only whatever state it
# is in; and nothing is left, neither by umount nor where something fails or comes between.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need sfdisk mkfs.ntfs ntfs-3g mkfs.vfat

scratch_fs 400 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
mkdir mnt other

nothing_left()
{
	[ "$(losetup -n -O NAME -l | wc -l)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
	if mountpoint -q mnt || mountpoint -q other; then
		fail 'something is left mounted'
	fi
}
at_exit eval "! mountpoint -q $PWD/mnt || umount $PWD/mnt"
at_exit eval "! mountpoint -q $PWD/other || umount $PWD/other"

# --- one file system, as WSL has it -------------------------------------------

"$vhdx" create --size 64M --block-size 1M wsl.vhdx
"$vhdx" attach -q wsl.vhdx
mke2fs -q -F -t ext4 -L root -E nodiscard /dev/mapper/wsl
"$vhdx" detach wsl
expect_status 0 mount wsl.vhdx mnt
[ -z "$(cat out err)" ] || fail "$(cat out err)"
echo kept >mnt/file
expect_status 0 list
expect_output '^wsl .* rw '
# As a power cut would leave it: the file system has a journal to replay, and the image a log.
sync mnt/file
cp wsl.vhdx dirty.vhdx
expect_status 1 mount wsl.vhdx mnt/nothing
expect_output 'mnt/nothing: cannot mount there: No such file'
(
	cd mnt || exit
	expect_fail -m "mnt: cannot be unmounted: .*busy: end what uses it" "$vhdx" umount .
)
[ "$(<mnt/file)" = kept ]
expect_status 0 umount -v mnt
expect_output 'wsl: note: detached'
nothing_left
"$vhdx" check wsl.vhdx

sum=$(sha256sum <dirty.vhdx)
expect_status 0 mount -r dirty.vhdx mnt
expect_output 'mnt: note: its journal was not replayed'
expect_fail -m 'Read-only' touch mnt/more
expect_status 0 umount dirty.vhdx
nothing_left
expect_status 0 mount -o ro,noload --name look dirty.vhdx mnt
expect_no_output note
expect_status 0 umount look
nothing_left
[ "$(sha256sum <dirty.vhdx)" = "$sum" ] || fail 'the file has changed'
expect_status 0 mount --stock -r dirty.vhdx mnt
ls mnt >out
expect_status 0 umount mnt
nothing_left
[ "$(sha256sum <dirty.vhdx)" = "$sum" ] || fail 'the file has changed'
expect_status 0 mount dirty.vhdx mnt
[ "$(<mnt/file)" = kept ]
expect_status 0 umount mnt

# --- a disk of Windows: partitions for the firmware, reserved, and the system ------------

"$vhdx" create --size 160M --block-size 1M windows.vhdx
"$vhdx" attach -q windows.vhdx
sfdisk -q --no-reread --no-tell-kernel /dev/mapper/windows <<END
label: gpt
size=20M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
size=16M, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
size=60M, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
END
"$vhdx" detach windows
# Nothing on it yet.
expect_status 1 mount windows.vhdx mnt
expect_output 'windows: there is no file system on it \(1: nothing known, 20 MiB; 2: nothing known, 16 MiB; .*\): see with'
nothing_left
"$vhdx" attach -q windows.vhdx
mkfs.vfat -n EFI /dev/mapper/windows1 >out
"$vhdx" detach windows
# The only one, if it is but for the firmware.
expect_status 0 mount windows.vhdx mnt
[ "$(findmnt -n -o FSTYPE mnt)" = vfat ]
expect_status 0 umount mnt
"$vhdx" attach -q windows.vhdx
mkfs.ntfs -q -Q -F -L System /dev/mapper/windows3 >out 2>&1
"$vhdx" detach windows
expect_status 0 mount windows.vhdx mnt
[ "$(findmnt -n -o SOURCE mnt)" = /dev/mapper/windows3 ]
echo kept >mnt/file
expect_status 0 umount mnt
sum=$(sha256sum <windows.vhdx)
expect_status 0 mount -r windows.vhdx mnt
[ "$(<mnt/file)" = kept ]
# A second one beside it; the image stays until the last is gone.
expect_status 0 mount -r -p 1 windows.vhdx other
expect_status 1 mount -p 1 windows.vhdx other
expect_output "windows.vhdx: attached as 'windows', and only to be read: add --read-only"
expect_status 0 umount mnt
expect_output "windows: note: stays attached: more of it is mounted on '$PWD/other'"
expect_status 0 umount other
nothing_left
expect_status 0 mount -r windows.vhdx mnt
expect_status 0 mount -r -p 1 windows.vhdx other
expect_status 0 umount windows.vhdx
nothing_left
[ "$(sha256sum <windows.vhdx)" = "$sum" ] || fail 'the file has changed'
# Two that could be meant, and what cannot be.
"$vhdx" attach -q windows.vhdx
mke2fs -q -F -t ext4 -L data /dev/mapper/windows4
"$vhdx" detach windows
expect_status 1 mount windows.vhdx mnt
expect_output "windows: there are 2 file systems on it \(1: vfat 'EFI', 20 MiB; 2: nothing known, 16 MiB; 3: ntfs 'System', 60 MiB; 4: .*\): choose one with --partition"
expect_status 1 mount -p 2 windows.vhdx mnt
expect_output 'there is no file system on partition 2'
expect_status 1 mount -p 7 windows.vhdx mnt
expect_output 'it has no partition 7'
expect_status 2 mount -p x windows.vhdx mnt
expect_output "--partition needs a number, not 'x'"
nothing_left
expect_status 0 mount --partition 4 windows.vhdx mnt
[ "$(findmnt -n -o SOURCE mnt)" = /dev/mapper/windows4 ]
expect_status 0 umount "$PWD/mnt/"
nothing_left

# --- what goes wrong, and what comes between ----------------------------------------------

size=$(stat -c %s wsl.vhdx)
expect_status 1 mount -t xfs wsl.vhdx mnt
expect_output "mnt: ext4 of 'wsl' cannot be mounted: .*: 'dmesg' may tell more"
nothing_left
[ "$(stat -c %s wsl.vhdx)" = "$size" ] || fail 'the file is longer than it was'
expect_status 1 mount wsl.vhdx wsl.vhdx
expect_output 'wsl.vhdx: no directory to mount on'
expect_status 2 mount wsl.vhdx
expect_output 'DIRECTORY is missing'
expect_status 1 umount mnt
expect_output 'mnt: nothing is mounted there from a disk'
expect_status 1 umount "$SCRATCH"
expect_output 'what is mounted there is not on the disk of an image: use umount'
expect_status 1 umount wsl.vhdx
expect_output 'not attached'
for delay in 0 0.02 0.05 0.1 0.2 0.3 0.5; do
	"$vhdx" mount wsl.vhdx mnt >out 2>&1 &
	pid=$!
	sleep $delay
	kill -TERM $pid 2>/dev/null || :
	wait $pid || :
	! mountpoint -q mnt || "$vhdx" umount mnt
	nothing_left
done
# Ended without a chance to undo anything: umount does.
"$vhdx" attach -q wsl.vhdx
mount /dev/mapper/wsl mnt
mount --bind mnt other
expect_status 0 umount wsl.vhdx
nothing_left
