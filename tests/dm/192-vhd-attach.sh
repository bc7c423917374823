# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: no, it is the tool that is tested
#
# "vhdx attach --read-only" of VHD images: by content, whatever their names; of others' making; children
# with the parents that they name, or that the user does; partitions, list, status, detach.
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
[ ! -e /dev/mapper/d ] && [ ! -e /dev/mapper/d1 ]
# The target is not that of VHDX, and says so.
dev=$(loop_make disk.vhd --read-only)
expect_fail -k "a VHD image: use the target 'vhd'" dmsetup create x --readonly --table "0 49152 vhdx $dev 1 read_only"
dev=$(loop_make no.vhdx --read-only)
expect_fail -k "a VHDX image: use the target 'vhdx'" dmsetup create x --readonly --table "0 49152 vhd $dev 1 read_only"
expect_fail dmsetup create x --table "0 49152 vhd $dev"
