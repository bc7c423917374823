# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# boot: check
# timeout: 900
#
# A machine with a vhdxtab boots and shuts down: images on file systems of fstab, on one that nobody else
# mounts, and on a partition; file systems of fstab on the disks; lines that are wrong or fail; udev's
# links and properties. What happens in the VM is in 010-vhdxtab.guest; afterwards the images are
# looked at, which nobody but the shutdown has closed.
. "$VHDX_TOP/tests/lib/tool.sh"
need mke2fs debugfs qemu-img mkfs.vfat 7zz

status=0
"$VHDX_TOP/tests/vm/system" || status=$?
[ $status != 77 ] || skip 'there is no system to boot (tests/vm/system)'
[ $status = 0 ]

# --- disks ----------------------------------------------------------------------

# Fixed, so that tables can name them.
readonly PLAIN=5c1d3d58-58a3-4d6a-8f55-000000000001 IMAGES=5c1d3d58-58a3-4d6a-8f55-000000000002
readonly HOST=5c1d3d58-58a3-4d6a-8f55-000000000003

fs() { mke2fs -q -F -t ext4 -E nodiscard "$@" >/dev/null; }

# Partitions of MiB each from 1 MiB on. $1: disk, $2: its ID
partition_table()
{
	python3 - "$@" <<-'END'
		import struct, sys
		disk, ident, sizes = sys.argv[1], int(sys.argv[2], 16), [int(s) * 2048 for s in sys.argv[3:]]
		table, start = b'', 2048
		for size in sizes:
		    table += struct.pack('<B3sB3sII', 0, b'\xfe\xff\xff', 0x83, b'\xfe\xff\xff', start, size)
		    start += size
		with open(disk, 'r+b') as f:
		    f.seek(440)
		    f.write(struct.pack('<IH', ident, 0) + table.ljust(64, b'\0') + b'\x55\xaa')
	END
}

image_of() { qemu-img convert -f raw -O vhdx -o subformat=dynamic,block_size=1M "$1" "$2"; }

mkdir images host
fs -U $PLAIN -L plain plain.raw 24M
image_of plain.raw images/plain.vhdx
fs -L part1 part1.raw 12M
truncate -s 26M parts.raw
partition_table parts.raw 0badcafe 12 12
dd if=part1.raw of=parts.raw bs=1M seek=1 conv=notrunc status=none
image_of parts.raw images/parts.vhdx
fs -L manual manual.raw 12M
image_of manual.raw 'images/my manual.vhdx'
fs -L deep deep.raw 12M
mkdir host/vm
image_of deep.raw host/vm/deep.vhdx
image_of deep.raw host/vm/look.vhdx
# The end of this one's file, which is the end of its disk, looks like a RAID member's.
"$vhdx" create --type fixed --block-size 1M images/raid.vhdx 4M
python3 - <<'END'
import os, struct
with open('images/raid.vhdx', 'r+b') as f:
    end = os.fstat(f.fileno()).st_size // 512
    sector = (end - 16) & ~7
    block = bytearray(4096)
    struct.pack_into('<IIII', block, 0, 0xa92b4efc, 1, 0, 0)
    struct.pack_into('<Q', block, 144, sector)
    f.seek(sector * 512)
    f.write(block)
END
"$vhdx" create --type fixed --block-size 1M whole.vhdx 8M

fs -U $IMAGES -d images images.disk 256M
fs -U $HOST -d host host.disk 128M
truncate -s 32M whole.disk
partition_table whole.disk 0badf00d 28
dd if=whole.vhdx of=whole.disk bs=1M seek=1 conv=notrunc status=none
mkfs.vfat -i 12345678 -C fat.disk 65536 >/dev/null

# --- the system -------------------------------------------------------------------

env -u MAKEFLAGS -u MAKELEVEL make -s -C "$VHDX_TOP" install-tools DESTDIR="$PWD/files" PREFIX=/usr/local
mkdir -p files/etc files/srv/images files/mnt/{plain,part,manual,deep,fat}
cat >files/etc/vhdxtab <<-END
	# name source options
	plain   /srv/images/plain.vhdx
	parts   /srv/images/parts.vhdx  commit_interval=100
	wrong   /srv/images/wrong.vhdx  readonyl
	manual  /srv/images/my\\040manual.vhdx  noauto
	raid    /srv/images/raid.vhdx
	deep    UUID=$HOST:/vm/deep.vhdx
	look    UUID=$HOST:/vm/look.vhdx  read-only
	whole   PARTUUID=0BADF00D-01
	absent  UUID=00000000-0000-0000-0000-000000000000:/x.vhdx  nofail,x-systemd.device-timeout=3
	missing /srv/images/missing.vhdx
	late    UUID=1234-5678:/late.vhdx  noauto
END
cat >files/etc/fstab <<-END
	UUID=$IMAGES        /srv/images  ext4  defaults  0 0
	UUID=$PLAIN         /mnt/plain   ext4  defaults  0 0
	/dev/mapper/parts1  /mnt/part    ext4  defaults  0 0
	/dev/mapper/manual  /mnt/manual  ext4  defaults  0 0
	LABEL=deep          /mnt/deep    ext4  noauto  0 0
	/dev/mapper/late    /mnt/fat     ext4  noauto  0 0
END

mkdir results
"$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --system --smp 1 --files files --share results --timeout 500 --log console \
	--disk images.disk,serial=images --disk host.disk,serial=host --disk whole.disk,serial=whole \
	--disk fat.disk,serial=fat -- bash tests/boot/run-guest 010-vhdxtab

# --- what is left -------------------------------------------------------------------

# before LINE LINE: the console has both, in this order
before()
{
	local first second

	first=$(grep -nF -m1 -- "$1" console | cut -d: -f1)
	second=$(grep -nF -m1 -- "$2" console | cut -d: -f1)
	[ -n "$first" ] || fail "the console lacks \"$1\""
	[ -n "$second" ] || fail "the console lacks \"$2\""
	[ "$first" -lt "$second" ] || fail "\"$1\" comes after \"$2\""
}
before 'Unmounted mnt-plain.mount - /mnt/plain' 'Stopped vhdx@plain.service - VHDX disk plain'
# A file system on a partition has no order towards the service, which waits for its end: the same moment may
# show both.
grep -qF 'Unmounted mnt-part.mount - /mnt/part' console || fail '/mnt/part was not unmounted'
grep -qF 'Stopped vhdx@parts.service - VHDX disk parts' console || fail 'parts was not detached'
before 'Stopped vhdx@plain.service' 'Unmounted srv-images.mount - /srv/images'
before 'Stopped vhdx@manual.service' 'Unmounted srv-images.mount - /srv/images'
before 'Stopped vhdx@late.service' 'Reached target umount.target'
! grep -nE 'vhdx.*(in use by|cannot be|Failed with result)' <(sed -n '/guest: ends/,$p' console) ||
	fail 'something went wrong at shutdown'

file_of() # DISK PATH FILE
{
	debugfs -R "dump \"$2\" $3" "$1" 2>/dev/null
	[ -s "$3" ]
}
# Clean, and larger by what was written only, which is less than the disk could take.
closed() # NAME FILE BEFORE
{
	local size

	expect_status 0 check "$2"
	expect_no_output 'log'
	size=$(($(stat -c %s "$2") >> 20))
	[ $size -le $(($3 + 4)) ] || fail "$1 is not cut off: $size MiB"
}
# The images are closed, clean and cut off, and hold what was written.
for name in plain parts 'my manual' deep; do
	disk=images.disk dir='' before=images/$name.vhdx
	[ "$name" != deep ] || { disk=host.disk dir=/vm before=host/vm/deep.vhdx; }
	file_of $disk "$dir/$name.vhdx" left.vhdx
	closed "$name" left.vhdx $(($(stat -c %s "$before") >> 20))
	qemu-img convert -f vhdx -O raw left.vhdx left.raw
	[ "$name" != parts ] || { dd if=left.raw of=part bs=1M skip=1 count=12 status=none && mv part left.raw; }
	e2fsck -fn left.raw >out 2>&1 || { cat out; fail "the file system on $name"; }
	file_of left.raw written left.text
	[ "$(<left.text)" = "$name" ] || fail "$name holds $(<left.text)"
done
7zz e -y fat.disk late.vhdx >out 2>&1
closed late late.vhdx 14
dd if=whole.disk of=whole.left bs=1M skip=1 count=28 status=none
expect_status 0 check whole.left
e2fsck -fn host.disk >out 2>&1 || { cat out; fail 'the file system that was mounted for images'; }
