# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# kernels: check
#
# File systems that images are on, as an initramfs mounts them: each kind, writable and read-only; NTFS on which
# Windows is hibernated, and one that was not unmounted properly.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need mkfs.xfs mkfs.exfat mkfs.vfat mkntfs ntfs-3g ntfscp ntfsfix

scratch_fs 700 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
export VHDXTAB=$PWD/none
hosts=/run/vhdx/host
rm -rf /run/vhdx/initrd
"$vhdx" create --size 8M --block-size 1M image

nothing_left()
{
	! grep -F " $hosts/" /proc/self/mounts || fail 'a mount is left'
	[ -z "$(ls -A $hosts 2>/dev/null)" ] || fail "a directory is left: $(ls -A $hosts)"
}
# initrd STATUS OPTIONS: attaches disk.vhdx on $loop
initrd()
{
	rm -rf /run/vhdx/initrd
	echo "rd.vhdx=disk=$loop:/disk.vhdx$2" >cmdline
	expect_status "$1" initrd --cmdline cmdline
}
mounted() { grep -qE " $hosts/${loop##*/} $1 $2," /proc/self/mounts || fail "$(grep $hosts /proc/self/mounts)"; }

host_on() # SIZE-MIB COMMAND...
{
	truncate -s "$1M" fs.img
	"${@:2}" fs.img >out 2>&1 || { cat out; fail "$2"; }
	loop=$(losetup --find --show fs.img)
}
host_off()
{
	losetup -d "$loop"
	rm fs.img
}

# try KIND AS SIZE-MIB MKFS...: AS is how /proc/mounts calls it
try()
{
	local kind=$1 as=$2

	if [ "$as" != fuseblk ] && ! modprobe -q "$kind" && ! grep -qw "$kind" /proc/filesystems; then
		note "no $kind in this kernel"
		return
	fi
	host_on "${@:3}"
	mkdir -p fs
	if [ "$kind" = ntfs ]; then
		ntfscp -q "$loop" image /disk.vhdx
	else
		mount -t "$kind" "$loop" fs
		cp image fs/disk.vhdx
		umount fs
	fi
	initrd 0 ''
	mounted "$as" rw
	[ -e "/run/vhdx/initrd/image-disk" ]
	[ "$(head -n 1 /run/vhdx/initrd/image-disk)" = "$hosts/${loop##*/}" ]
	stamp /dev/mapper/disk 0 4 "$kind"
	sha_dev /dev/mapper/disk >written
	"$vhdx" initrd --cmdline cmdline
	"$vhdx" detach disk
	nothing_left
	initrd 0 :ro
	mounted "$as" ro
	sha_dev /dev/mapper/disk | cmp - written || fail "$kind"
	"$vhdx" detach disk
	nothing_left
	host_off
}

try ext4 ext4 20 mke2fs -q -F -t ext4
try xfs xfs 310 mkfs.xfs -q
! command -v mkfs.btrfs >/dev/null || try btrfs btrfs 120 mkfs.btrfs -q
try exfat exfat 20 mkfs.exfat
try vfat vfat 40 mkfs.vfat
as=fuseblk
! modprobe -q ntfs3 || as=ntfs3
try ntfs $as 40 mkntfs -q -Q -F

# --- NTFS that Windows has left ----------------------------------------------------------

host_on 40 mkntfs -q -Q -F
ntfscp -q "$loop" image /disk.vhdx
{ printf hibr; head -c 4092 /dev/zero; } >hiberfil
ntfscp -q "$loop" hiberfil /hiberfil.sys
before=$(sha_dev "$loop")
initrd 1 ''
expect_output "$loop: Windows is hibernated on this NTFS, .*: shut Windows down with"
nothing_left
# Once is enough, until nothing more can come.
expect_status 1 initrd --cmdline cmdline
expect_no_output .
expect_status 1 initrd --cmdline cmdline --last
expect_output 'Windows is hibernated'
[ "$(sha_dev "$loop")" = "$before" ] || fail 'it was written'
initrd 0 :ro
"$vhdx" detach disk
# One that has woken up again.
host_off
host_on 40 mkntfs -q -Q -F
ntfscp -q "$loop" image /disk.vhdx
head -c 4096 /dev/zero >hiberfil
ntfscp -q "$loop" hiberfil /hiberfil.sys
initrd 0 ''
"$vhdx" detach disk
ntfsfix "$loop" >out 2>&1
initrd 0 ''
[ $as != ntfs3 ] || expect_output 'this NTFS was not unmounted properly and is mounted all the same'
"$vhdx" detach disk
nothing_left
host_off

# --- what is not there --------------------------------------------------------------------

loop=/dev/loop77
initrd 3 ''
expect_no_output .
expect_status 1 initrd --cmdline cmdline --last
expect_output 'loop77: no device with this name: see that it is there'
host_on 20 mke2fs -q -F -t ext4
initrd 1 ''
expect_output "disk.vhdx: cannot open"
nothing_left
host_off
host_on 20 true
initrd 1 ''
expect_output "$loop: the file system with the image \(of unknown type\) cannot be mounted on '$hosts/.*'"
nothing_left
host_off
rm -r /run/vhdx/initrd
