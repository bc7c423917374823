# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What tests of booting from an image share; they source it.
#
#   boot_root KIND [DIR]     a root (tests/boot/make-root) in DIR, or skips
#   boot_image RAW IMAGE [BLOCK-SIZE]   a dynamic image of a raw disk
#   boot_ext4 DIR DISK SIZE  a host: a file system with the UUID $HOST_UUID
#   boot_ntfs RAW DISK       an NTFS of 1 GiB with a dynamic image of a raw disk, root.vhdx, in it; its UUID is
#                            $VHDX_HOST, the image's size in MiB $before
#   boot_vm NAME PARAMETERS ARG...   boots with what ARG of tests/vm/run says, and runs NAME.guest there; its
#                            console is in the file console, what it leaves in results
#   boot_bare NAME ARG...    runs NAME.guest in a VM that has nothing to do with the image yet
#   boot_grub_disk DISK DIR  a disk for boot_firmware: partitions for GRUB and, the second one, with the root of
#                            boot_root grub and DIR in it; its UUID is $HOST_UUID, and it has $HOST_MIB
#   boot_firmware NAME ARG...    as boot_vm, from the first disk by its boot loader
#   boot_said LINE           the console has it
#   boot_image_of DISK PATH FILE   takes a file out of an ext4 disk
#   boot_host_clean DISK     the ext4 file system on it was unmounted, or as good as that
#   boot_ntfs_clean DISK     the same of an NTFS
#   boot_closed FILE         an image that is clean, with a root that is clean, too, in left.raw

readonly ROOT_UUID=5c1d3d58-58a3-4d6a-8f55-0000000000aa HOST_UUID=5c1d3d58-58a3-4d6a-8f55-0000000000bb
readonly HOST_MIB=2000
export ROOT_UUID

boot_root()
{
	local status=0

	"$VHDX_TOP/tests/boot/make-root" "$1" "${2-.}" || status=$?
	[ $status != 77 ] || skip 'there is no system to boot (tests/vm/system)'
	[ $status = 0 ] || fail 'the root cannot be made'
}

boot_image() { qemu-img convert -f raw -O vhdx -o "subformat=dynamic,block_size=${3-1M}" "$1" "$2"; }

boot_ext4()
{
	truncate -s "$3" "$2"
	mke2fs -q -F -t ext4 -U $HOST_UUID -E nodiscard,lazy_itable_init=1 -d "$1" "$2"
}

boot_ntfs()
{
	boot_image "$1" root.vhdx
	truncate -s 1G "$2"
	mkfs.ntfs -q -Q -F -s 512 -p 0 -H 0 -S 0 "$2" >out 2>&1 || { cat out; fail 'mkfs.ntfs'; }
	ntfscp "$2" root.vhdx /root.vhdx >out 2>&1 || { cat out; fail 'ntfscp'; }
	VHDX_HOST=$(blkid -p -o value -s UUID "$2")
	export VHDX_HOST
	# shellcheck disable=SC2034 # for who has called this
	before=$(($(stat -c %s root.vhdx) >> 20))
	rm root.vhdx
}

boot_vm()
{
	local name=$1 parameters=$2

	shift 2
	# Others on this machine may keep an emulated CPU from running for longer than a kernel likes.
	parameters+=' rcupdate.rcu_cpu_stall_timeout=300'
	mkdir -p results
	"$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --initrd initrd --smp 1 --share results --timeout 500 --log console \
		--append "root=UUID=$ROOT_UUID ro $parameters" "$@" -- bash tests/boot/run-guest "$name"
}

boot_bare()
{
	local name=$1

	shift
	mkdir -p results
	"$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --smp 1 --share results --timeout 300 --log console.bare \
		"$@" -- bash tests/boot/run-guest "$name"
}

boot_grub_disk()
{
	local disk=$1 dir=$2 sudo=()

	[ "$(id -u)" = 0 ] || sudo=(sudo)
	"${sudo[@]}" sed -i "s/$ROOT_UUID/$HOST_UUID/" root/etc/fstab
	"${sudo[@]}" mv "$dir" root/
	"${sudo[@]}" env ROOT_UUID=$HOST_UUID ROOT_SIZE=${HOST_MIB}M "$VHDX_TOP/tests/boot/make-root" --image .
	truncate -s $((HOST_MIB + 3))M "$disk"
	printf 'label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nsize=%sM, type=L\n' \
		$HOST_MIB | sfdisk -q "$disk"
	dd if=root.raw of="$disk" bs=1M seek=2 conv=notrunc,sparse status=none
	rm root.raw
}

boot_firmware()
{
	local name=$1

	shift
	"$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --firmware --smp 1 --share results --timeout 500 --log console \
		"$@" -- bash tests/boot/run-guest "$name"
}

boot_said()
{
	grep -qE -- "$1" console || {
		tail -n 60 console
		fail "the console lacks \"$1\""
	}
}

boot_image_of()
{
	debugfs -R "dump \"$2\" $3" "$1" 2>/dev/null
	[ -s "$3" ]
}

boot_closed()
{
	expect_status 0 check "$1"
	expect_no_output 'log'
	qemu-img convert -f vhdx -O raw "$1" left.raw
}

boot_host_clean()
{
	e2fsck -fn "$1" >out 2>&1 || { cat out; fail "the file system on $1"; }
	dumpe2fs -h "$1" >out 2>/dev/null
	grep -qE '^Filesystem state: +clean$' out || fail "$1 is not clean"
	! grep -q needs_recovery out || fail "the journal of $1 is not empty"
}

# It looks at all of it before it would begin.
boot_ntfs_clean()
{
	ntfsresize -P -i -f "$1" >out 2>&1 || { cat out; fail "the NTFS on $1 is not clean"; }
}
