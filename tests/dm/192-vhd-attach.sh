# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: no, it is the tool that is tested
# timeout: 600
#
# "vhdx attach" of VHD images: by content, whatever their names; of others' making; children with the
# parents that they name, or that the user does; partitions, list, status, detach. Fixed ones are
# written, too.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img python3

scratch_fs 400
insmod_vhdx
at_exit "$vhdx" detach --all

# attached NAME RAW ARGS...: what is attached so reads as RAW, and nothing was written
attached()
{
	local name=$1 raw=$2 before

	shift 2
	before=$(sha256sum "$1")
	expect_status 0 attach --read-only "$@" "$name"
	cmp "$raw" "/dev/mapper/$name" || fail "$1 reads as something else"
	expect_fail dd if=/dev/zero of="/dev/mapper/$name" count=1 status=none
	expect_status 0 status "$name"
	expect_output 'ro'
	expect_status 0 list
	expect_output "^$name "
	expect_status 0 detach "$name"
	[ "$(sha256sum "$1")" = "$before" ] || fail "$1 has changed"
}

# --- by others -------------------------------------------------------------------

head -c 2M /dev/urandom >part
truncate -s 24M raw
dd if=part of=raw bs=1M seek=3 conv=notrunc status=none
dd if=part of=raw bs=512 seek=20001 conv=notrunc status=none
for format in dynamic fixed; do
	qemu-img convert -f raw -O vpc -o subformat=$format,force_size=on raw image.vhdx
	attached v raw image.vhdx
done
# Its size is what QEMU makes of cylinders, heads and sectors.
qemu-img convert -f raw -O vpc raw chs.vhd
qemu-img convert -f vpc -O raw chs.vhd chs.raw
attached v chs.raw chs.vhd

# --- children --------------------------------------------------------------------

qemu-img convert -f raw -O vpc -o force_size=on raw base.vhd
mkdir below
"$vhdx" create --format vhd --parent base.vhd below/child.vhd
"$vhdx" create --format vhd --parent below/child.vhd leaf.vhd
attached c raw leaf.vhd
mv base.vhd elsewhere.vhd
expect_status 1 attach --read-only leaf.vhd c
expect_output "below/child.vhd: its parent with the UniqueId [-0-9a-f]+ is not found: looked for '.*base.vhd'"
attached c raw leaf.vhd --parent elsewhere.vhd
qemu-img convert -f raw -O vpc -o force_size=on raw base.vhd
expect_status 1 attach --read-only leaf.vhd c
expect_output "its parent should have the UniqueId [-0-9a-f]+, but '.*base.vhd' has"
attached c raw leaf.vhd --ignore-parent-id
"$vhdx" create --size 24M no.vhdx
expect_status 1 attach --read-only leaf.vhd c --parent no.vhdx
vhd_chains chains 2
for number in 0 1; do
	naive chains/$number-{3,2,1,0} >naive.raw
	attached n naive.raw chains/$number-3 --parent chains/$number-1 --parent chains/$number-2 --parent chains/$number-0
done

# --- what is on it ---------------------------------------------------------------

truncate -s 24M disk
printf 'label: dos\n2048,8192\n10240,\n' | sfdisk -q disk
qemu-img convert -f raw -O vpc -o force_size=on disk disk.vhd
expect_status 0 attach --read-only disk.vhd d
[ -b /dev/mapper/d1 ] && [ -b /dev/mapper/d2 ]
[ "$(sectors /dev/mapper/d1)" = 8192 ]
expect_status 0 detach disk.vhd
# Without a name it is called as the file is.
expect_status 0 attach --read-only disk.vhd
[ "$(head -n 1 out)" = /dev/mapper/disk ]
expect_status 0 detach disk
[ ! -e /dev/mapper/d ] && [ ! -e /dev/mapper/d1 ]

# --- written ---------------------------------------------------------------------

qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on raw fixed.vhd
tail -c 512 fixed.vhd >footer
expect_status 0 attach fixed.vhd f
expect_output '/dev/mapper/f'
expect_status 0 status f
expect_output 'rw'
mke2fs -q -F -t ext4 /dev/mapper/f
mkdir -p m
mount /dev/mapper/f m
cp part m/part
dd if=part of=m/sync bs=4k count=100 oflag=direct,dsync status=none
dmsetup suspend f
dmsetup resume f
cmp part m/part
umount m
e2fsck -fn /dev/mapper/f >/dev/null
dd if=/dev/mapper/f of=now bs=1M iflag=direct status=none
expect_fail blkdiscard /dev/mapper/f
expect_status 0 detach f
[ ! -s err ] || fail "$(<err)"
cmp footer <(tail -c 512 fixed.vhd) || fail 'the footer has changed'
cmp -n $((24 << 20)) now fixed.vhd
[ "$(stat -c %s fixed.vhd)" = $(((24 << 20) + 512)) ]
"$vhdx" check fixed.vhd
# Nobody but its children knows that it is a parent.
"$vhdx" create --format vhd --parent fixed.vhd above.vhd
expect_status 1 attach fixed.vhd f
expect_output "it is the parent of '.*above.vhd', and a write to it would make that useless"
attached c now above.vhd
rm above.vhd
# A flush that fails ends it.
dev=$(loop_make fixed.vhd --direct-io=on)
map back "0 $(sectors "$dev") linear $dev 0"
map f "0 49152 vhd /dev/mapper/back"
stamp /dev/mapper/f 100 8 new
sync /dev/mapper/f
remap back "0 $(sectors "$dev") flakey $dev 0 0 1000 1 error_writes"
expect_fail dd if=/dev/zero of=/dev/mapper/f bs=4k count=1 oflag=direct status=none
[ "$(status f mode)" = rw ] || fail 'a bad sector is its own affair'
expect_fail -k 'mode changes from rw to ro' sync /dev/mapper/f
remap back "0 $(sectors "$dev") linear $dev 0"
expect_fail dd if=/dev/zero of=/dev/mapper/f bs=4k count=1 oflag=direct status=none
[ "$(dd if=/dev/mapper/f bs=512 skip=100 count=1 iflag=direct status=none | head -c 7)" = 'new 100' ]
dmsetup suspend f
dmsetup resume f
[ "$(status f mode)" = rw ]
unmap f
unmap back
loop_remove "$dev"

# --- the other target ------------------------------------------------------------

# The target is not that of VHDX, and says so.
dev=$(loop_make disk.vhd --read-only)
expect_fail -k "a VHD image: use the target 'vhd'" dmsetup create x --readonly --table "0 49152 vhdx $dev 1 read_only"
# ... of what is neither, whatever the device's sectors are, it says what it is.
truncate -s 64K short
for sector in 512 4096; do
	dev=$(loop_make short --read-only --sector-size $sector)
	expect_fail -k 'shorter than 1 MiB, too short for a VHDX image' \
		dmsetup create x --readonly --table "0 49152 vhdx $dev 1 read_only"
	loop_remove "$dev"
done
dev=$(loop_make no.vhdx --read-only)
expect_fail -k "a VHDX image: use the target 'vhdx'" dmsetup create x --readonly --table "0 49152 vhd $dev 1 read_only"
loop_remove "$dev"
# A machine that is saved relies on its disk.
cp disk.vhd saved.vhd
python3 - <<-'EOP'
	import struct
	with open('saved.vhd', 'r+b') as f:
	    footer = bytearray(f.read(512))
	    footer[84] = 1
	    footer[64:68] = bytes(4)
	    footer[64:68] = struct.pack('>I', ~sum(footer) & 0xffffffff)
	    f.seek(0)
	    f.write(footer)
	    f.seek(-512, 2)
	    f.write(footer)
EOP
before=$(sha256sum saved.vhd)
expect_status 1 attach saved.vhd s
expect_output 'cannot be mapped: .*belongs to a machine whose state is saved'
[ "$(sha256sum saved.vhd)" = "$before" ] || fail 'changed all the same'
expect_status 0 attach --read-only saved.vhd s
expect_status 0 detach s
