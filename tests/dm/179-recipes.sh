# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
#
# The recipes of Documentation/recipes.md, as they are written there, do what they say.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need sfdisk mkfs.ntfs ntfs-3g mkfs.vfat nbdkit nbd-client qemu-nbd lvcreate

recipes=$VHDX_TOP/Documentation/recipes.md
PATH=$VHDX_TOP/build:$PATH
scratch_fs 500 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
modprobe nbd nbds_max=1 max_part=0
# There is no udevd here.
mkdir lvm
cat >lvm/lvm.conf <<END
activation { udev_sync = 0 udev_rules = 0 }
devices { obtain_device_list_from_udev = 0 external_device_info_source = "none" use_devicesfile = 0 scan = [ "/dev", "/dev/mapper" ] }
global { locking_dir = "$PWD/lvm" use_lvmpolld = 0 event_activation = 0 }
backup { backup = 0 archive = 0 }
END
export LVM_SYSTEM_DIR=$PWD/lvm
grep -q server.example /etc/hosts || echo '127.0.0.1 server.example' >>/etc/hosts

# Headings have to be those that are run, or are known not to be.
headings=$(sed -n 's/^## //p' "$recipes")
run=0

# recipe HEADING: its commands, in a shell that ends with the first failure
recipe()
{
	grep -qxF "$1" <<<"$headings" || fail "there is no recipe '$1'"
	awk -v heading="## $1" '/^## / { here = $0 == heading } /^```/ { code = here && $0 == "```sh"; next } code' \
		"$recipes" >recipe.sh
	[ -s recipe.sh ] || fail "no commands: $1"
	bash -eEuxo pipefail recipe.sh >recipe.out 2>&1 </dev/null || { cat recipe.out; fail "$1"; }
	run=$((run + 1))
	if mountpoint -q /mnt; then
		fail "left mounted: $1"
	fi
}
nothing_left()
{
	[ "$(losetup -n -O NAME -l | wc -l)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}

"$vhdx" create ext4.vhdx 64M
"$vhdx" attach -q ext4.vhdx
mke2fs -q -F -t ext4 /dev/mapper/ext4
"$vhdx" detach ext4
recipe 'The disk of a distribution in WSL'
grep -q 'lost+found' recipe.out
nothing_left

"$vhdx" create windows.vhdx 100M
"$vhdx" attach -q windows.vhdx
sfdisk -q --no-reread --no-tell-kernel /dev/mapper/windows <<END
label: gpt
size=16M, type=E3C9E316-0B5C-4DB8-817D-F92DF00215AE
type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
END
"$vhdx" detach windows
"$vhdx" attach -q windows.vhdx
mkfs.ntfs -q -Q -F /dev/mapper/windows2 >out 2>&1
"$vhdx" detach windows
"$vhdx" mount windows.vhdx /mnt
mkdir /mnt/Users
"$vhdx" umount /mnt
sum=$(sha256sum <windows.vhdx)
recipe 'A Windows disk from Hyper-V, read-only'
grep -qx Users recipe.out
[ "$(sha256sum <windows.vhdx)" = "$sum" ] || fail 'the image has changed'
nothing_left

recipe 'A new disk with partitions'
nothing_left
recipe 'What is it doing?'
grep -qE '^blocks_allocated +[1-9]' recipe.out
grep -q 'vhdx_commit_done: .*result=1$' recipe.out
nothing_left
recipe 'Without the module'
nothing_left
recipe 'LVM on the disk'
grep -q 'lost+found' recipe.out
nothing_left

mkdir space formats
cd space || exit
"$vhdx" create disk.vhdx 200M --block-size 1M
"$vhdx" attach -q disk.vhdx
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/disk 100M
"$vhdx" detach disk
"$vhdx" mount disk.vhdx /mnt
head -c 30M /dev/urandom >/mnt/gone
echo kept >/mnt/kept
sync /mnt/gone
rm /mnt/gone
"$vhdx" umount /mnt
before=$(stat -c %s disk.vhdx)
recipe 'Disk space back'
[ "$(stat -c %s disk.vhdx)" -lt $((before - (20 << 20))) ] || fail "$before B before, $(stat -c %s disk.vhdx) now"
"$vhdx" info disk.vhdx | grep -q 100 || fail "$("$vhdx" info disk.vhdx)"
"$vhdx" mount disk.vhdx /mnt
[ "$(</mnt/kept)" = kept ]
"$vhdx" umount /mnt
nothing_left
"$vhdx" create --force disk.vhdx 64M
"$vhdx" attach -q disk.vhdx
sfdisk -q --no-reread --no-tell-kernel /dev/mapper/disk <<END
label: gpt
2048,
END
"$vhdx" detach disk
"$vhdx" attach -q disk.vhdx
mke2fs -q -F -t ext4 /dev/mapper/disk1
mount /dev/mapper/disk1 "$SCRATCH/lvm"
recipe 'More disk space'
[ "$(stat -f -c '%b * %S / 1048576' "$SCRATCH/lvm" | xargs expr)" -gt 1900 ] || fail "$(df "$SCRATCH/lvm")"
umount "$SCRATCH/lvm"
"$vhdx" detach disk
"$vhdx" check --quiet disk.vhdx
nothing_left
cd ../formats || exit
qemu-img create -q -f qcow2 disk.qcow2 20M
"$vhdx" create base.vhdx 10M
"$vhdx" create --parent base.vhdx disk_1A2B.avhdx
recipe 'Another format'
cmp disk.raw <(head -c 10M /dev/zero)
"$vhdx" info disk.vhd | grep -qi fixed || fail "$("$vhdx" info disk.vhd)"
nothing_left
cd .. || exit

vgcreate -qq vg "$(brd_make 500)"
recipe 'The image on a logical volume'
grep -qE '^data +100 MiB +rw +active .* /dev/mapper/vg-image$' recipe.out
"$vhdx" check /dev/vg/image
"$vhdx" detach --if-attached data
"$vhdx" create --force disk.vhdx 64M
"$vhdx" attach -q disk.vhdx
sfdisk -q --no-reread --no-tell-kernel /dev/mapper/disk <<END
label: gpt
2048,
END
"$vhdx" detach disk
"$vhdx" attach -q disk.vhdx
mke2fs -q -F -t ext4 /dev/mapper/disk1
"$vhdx" detach disk
"$vhdx" mount disk.vhdx /mnt
head -c 20M /dev/urandom >/mnt/moved
sum=$(sha256sum </mnt/moved)
"$vhdx" umount /mnt
recipe 'Off the image while it is in use'
grep -qx moved recipe.out
mount /dev/vg/plain /mnt
[ "$(sha256sum </mnt/moved)" = "$sum" ] || fail 'what has moved is something else'
umount /mnt
"$vhdx" check --quiet disk.vhdx
vgremove -qq --yes --force vg
nothing_left

at_exit eval 'pkill_nbdkit'
pkill_nbdkit()
{
	local dir

	for dir in /proc/[0-9]*; do
		[ "$(cat "$dir/comm" 2>/dev/null)" != nbdkit ] || kill "${dir#/proc/}"
	done
}
recipe 'The image on a network block device'
"$vhdx" check image.vhdx
nothing_left

[ $run = $(($(wc -l <<<"$headings") - 2)) ] || fail 'a recipe was not run'
