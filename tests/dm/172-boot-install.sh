# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx boot-install": what it finds in an image, prints, writes, and removes; what it refuses; and what stays
# when there is a new kernel.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need cpio zstd sfdisk

scratch_fs 220 mke2fs -q -F -t ext4 -U 5c1d3d58-58a3-4d6a-8f55-00000000000b -E nodiscard
insmod_vhdx
root=5c1d3d58-58a3-4d6a-8f55-00000000000c uuid=5c1d3d58-58a3-4d6a-8f55-00000000000b
mkdir vm grub
image=$PWD/vm/"my system.vhdx" dir=$PWD/vm/"my system.vhdx.boot"
place=${PWD#"$(findmnt -n -o TARGET -T .)"}/vm/"my system.vhdx.boot"

# initramfs FILE PACKER NAME...: with microcode in front, as Debian has it
initramfs()
{
	local file=$1 packer=$2

	shift 2
	rm -rf early tree
	mkdir -p early/kernel/x86 tree
	echo microcode >early/kernel/x86/x
	for name; do
		mkdir -p "tree/$(dirname "$name")"
		echo "$name" >"tree/$name"
	done
	{
		(cd early && find . | cpio -o -H newc --quiet)
		(cd tree && find . | cpio -o -H newc --quiet) | $packer
	} >"$file"
}
all=(usr/bin/vhdx usr/lib/modules/1.2/updates/dm-vhdx.ko scripts/local-top/vhdx)

"$vhdx" create --size 60M --block-size 1M "$image"
"$vhdx" attach "$image" system >out
printf 'label: dos\nstart=2048, size=20480, type=83\nstart=22528, type=83\n' | sfdisk -q --no-reread /dev/mapper/system
"$vhdx" detach system
"$vhdx" attach "$image" system >out
mke2fs -q -F -t ext4 /dev/mapper/system1
mke2fs -q -F -t ext4 -U $root /dev/mapper/system2

# inside COMMAND: in the root in the image
inside()
{
	[ -e /dev/mapper/system2 ] || "$vhdx" attach "$image" system >out
	mkdir -p root
	mount /dev/mapper/system2 root
	"$@"
	umount root
	"$vhdx" detach system
}
fill()
{
	mkdir -p root/etc root/boot
	echo 'PRETTY_NAME="My Linux 1"' >root/etc/os-release
	echo one >root/boot/vmlinuz-1.9
	initramfs root/boot/initrd.img-1.9 gzip "${all[@]}"
	echo two >root/boot/vmlinuz-1.10
	echo none >root/boot/vmlinuz-1.11
}
pack() { initramfs "root/boot/initrd.img-1.10" "$@"; }
install() { expect_status "$1" boot-install --grub grub/custom.cfg "${@:2}" "$image"; }
nothing_left()
{
	[ "$(dmsetup ls --target vhdx)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
	[ "$(losetup -n -O NAME -l)" = '' ] || fail 'a loop device is left'
	[ -z "$(ls -d /run/vhdx-boot-install-* 2>/dev/null)" ] || fail 'a directory is left'
}

# --- refused -------------------------------------------------------------------------

inside true
install 1
expect_output 'my system.vhdx: no file system in it is a root'
inside mkdir -p root/etc
inside touch root/etc/os-release
install 1
expect_output 'my system.vhdx: no kernel with an initramfs in it: install one'
inside fill
inside pack 'zstd -1' usr/bin/other
install 1
expect_output "its initramfs 'initrd.img-1.10' has no program 'vhdx', .*: in the system in the image, install"
inside pack xz "${all[0]}"
install 1
expect_output "has no module 'dm-vhdx'"
inside pack gzip "${all[0]}" "${all[1]}"
install 1
expect_output 'has no script for that'
# As dracut has them.
inside pack 'zstd -1' "${all[0]}" usr/lib/modules/1.2/updates/dkms/dm-vhdx.ko.xz usr/lib/dracut/hooks/cmdline/30-parse-vhdx.sh
install 0
inside pack cat "${all[@]}"
install 0
inside cp /etc/hostname root/boot/initrd.img-1.10
install 1
expect_output 'no initramfs that can be looked into'
inside pack 'zstd -1' "${all[@]}"
nothing_left
[ "$(ls -d grub/* "$dir" 2>/dev/null)" = '' ] || fail 'something is written without --write'
"$vhdx" attach "$image" system >out
install 1
expect_output 'in use'
"$vhdx" detach system

# --- printed and written ---------------------------------------------------------------

before=$(sha256sum <"$image")
install 0
expect_output "^menuentry 'My Linux 1 in my system.vhdx, Linux 1.10' \{"
expect_output "search --no-floppy --fs-uuid --set=root $uuid"
expect_output "linux '$place/vmlinuz-1.10' 'root=UUID=$root' 'ro' 'rd.vhdx=UUID=$uuid:.*/vm/my\\\\040system.vhdx' 'quiet'"
expect_output "initrd '$place/initrd.img-1.10'"
expect_output "configfile '$place/grub.cfg'"
echo "# somebody's" >grub/custom.cfg
install 0 --write
[ "$(head -n 1 grub/custom.cfg)" = "# somebody's" ]
[ "$(grep -c ^menuentry grub/custom.cfg)" = 1 ]
[ "$(<"$dir/vmlinuz-1.10") $(<"$dir/vmlinuz-1.9")" = 'two one' ] || fail "$(ls "$dir")"
[ "$(grep -c ^menuentry "$dir/grub.cfg")" = 2 ]
[ "$(sha256sum <"$image")" = "$before" ] || fail 'the image is changed'
# What it says of the image is what the initramfs understands.
sed -nE "s/.*'(rd.vhdx=[^']*)'.*/\1/p" "$dir/grub.cfg" | head -n 1 >cmdline
expect_status 0 initrd --cmdline cmdline --list
[ "$(<out)" = "my_system"$'\t'"UUID=$uuid:${place%.boot}"$'\t-' ] || fail "$(<out)"
! command -v grub-script-check >/dev/null || grub-script-check "$dir/grub.cfg"
! command -v grub-script-check >/dev/null || grub-script-check grub/custom.cfg
# Once is enough.
install 0 --write --title "It's mine" --parameters 'debug panic=5'
[ "$(grep -c ^menuentry grub/custom.cfg)" = 1 ]
grep -qF "menuentry 'It'\\''s mine' {" grub/custom.cfg || fail "$(<grub/custom.cfg)"
grep -qF "'debug' 'panic=5'" "$dir/grub.cfg"
! ls "$dir"/*.old 2>/dev/null || fail 'what has not changed was copied'

# --- what changes in the image -----------------------------------------------------------

change()
{
	sleep 3
	pack 'zstd -1' "${all[@]}" more
	echo three >root/boot/vmlinuz-1.12
	initramfs root/boot/initrd.img-1.12 gzip "${all[@]}"
}
cp "$dir/initrd.img-1.10" previous
inside change
install 0 --write
[ "$(cd "$dir" && echo vmlinuz-*)" = 'vmlinuz-1.10 vmlinuz-1.12' ] || fail "$(ls "$dir")"
cmp previous "$dir/initrd.img-1.10.old"
grep -q "(previous initramfs), Linux 1.10'" "$dir/grub.cfg"
[ "$(grep ^menuentry "$dir/grub.cfg" | head -n 1 | grep -c 1.12)" = 1 ]

# --- removed, and elsewhere -----------------------------------------------------------------

touch "$dir/mine"
install 0 --remove
expect_output 'holds something else and stays'
[ "$(ls "$dir")" = mine ]
[ "$(<grub/custom.cfg)" = "# somebody's" ]
rm -r "$dir"
install 0 --remove
mkdir boot
install 0 --write --directory "$PWD/boot/there"
[ ! -e "$dir" ]
grep -qE "'vhdx.boot=UUID=$uuid:/.*boot/there'" boot/there/grub.cfg || fail "$(<boot/there/grub.cfg)"
rm grub/custom.cfg
install 0 --write --directory "$PWD/boot/there"
install 0 --remove --directory "$PWD/boot/there"
[ ! -e boot/there ]
[ -z "$(ls grub)" ] || fail 'what is empty stays'
# One that is not there any more.
install 0 --write
mv "$image" moved
install 1
install 0 --remove
[ "$(ls -d grub/* "$dir" 2>/dev/null)" = '' ] || fail 'the entry of what is gone stays'
install 1 --remove
expect_output 'my system.vhdx: cannot be found'
mv moved "$image"
# What GRUB has to load, or cannot read.
dev=$(nullb_make 16)
mke2fs -q -F -t ext4 "$dev"
mkdir mnt
for uuid in LVM-x CRYPT-LUKS2-x; do
	dmsetup create --uuid $uuid grub <<<"0 32768 linear $dev 0"
	mount /dev/mapper/grub mnt
	if [ $uuid = LVM-x ]; then
		install 0 --directory "$PWD/mnt/there"
		[ "$(grep -c $'^\tinsmod lvm$' out)" = 2 ] || fail "$(<out)"
	else
		install 1 --directory "$PWD/mnt/there"
		expect_output 'mnt/there: GRUB could not read kernels there: it is encrypted: say with --directory'
	fi
	umount mnt
	dmsetup remove grub
done
# A root as installers put it on btrfs.
if modprobe -q btrfs && command -v mkfs.btrfs >out; then
	rm -r vm/*
	"$vhdx" create --size 60M --block-size 1M "$image"
	"$vhdx" attach "$image" system >out
	mkfs.btrfs -q --mixed /dev/mapper/system
	mount /dev/mapper/system mnt
	btrfs subvolume create mnt/@rootfs >out
	rmdir root
	ln -s mnt/@rootfs root
	fill
	pack 'zstd -1' "${all[@]}"
	umount mnt
	"$vhdx" detach system
	install 0
	expect_output "'root=UUID=[^']*' 'ro' 'rootflags=subvol=@rootfs' 'rd.vhdx="
fi
expect_status 2 boot-install
expect_status 2 boot-install --write --remove "$image"
expect_status 1 boot-install none
expect_status 1 boot-install --directory here "$image"
expect_output 'here: no absolute path'
nothing_left
