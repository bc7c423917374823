# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: no, it is the tool that is tested
# timeout: 300
#
# "vhdx initrd" looks for a hibernated system before it attaches anything: where systemd has left word in the
# firmware, and where resume= says. What would be the kernel's and the firmware's are files here, so nothing
# goes on, and the image is attached in the end.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need mkswap

scratch_fs 40 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
at_exit "$vhdx" detach --all
at_exit rm -rf /run/vhdx/initrd

power=/sys/power efivars=/sys/firmware/efi/efivars
for dir in $power /sys/firmware; do
	mount -t tmpfs tmpfs "$dir"
	at_exit umount "$dir"
done
mkdir -p $efivars

# firmware UUID OFFSET
firmware()
{
	{
		printf '\7\0\0\0'
		printf '{"uuid":"%s","offset":%s,"kernelVersion":"6.12.0"}\0' "$1" "$2" | iconv -t UTF-16LE
	} >$efivars/HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67
}
begin()
{
	rm -rf /run/vhdx/initrd out err
	echo none >$power/resume
	echo none >$power/resume_offset
}
try() { expect_status "$1" initrd --cmdline cmdline "${@:2}"; }
tried() { [ "$(<$power/resume) $(<$power/resume_offset)" = "$1" ] || fail "$(<$power/resume) $(<$power/resume_offset)"; }
attached() { [ -b /dev/mapper/root ] && "$vhdx" detach root; }

"$vhdx" create --size 8M --block-size 1M image
dev=$(brd_make 40)
dd if=image of="$dev" bs=1M status=none
sleeps=$(brd_make 40) other=$(brd_make 40) file=$(brd_make 40)
first=5c1d3d58-58a3-4d6a-8f55-000000000001 second=5c1d3d58-58a3-4d6a-8f55-000000000002
third=5c1d3d58-58a3-4d6a-8f55-000000000003 missing=5c1d3d58-58a3-4d6a-8f55-00000000000f
for swap in "$sleeps $first" "$other $second"; do
	mkswap -q -U "${swap#* }" "${swap% *}" 2>/dev/null
	printf 'SWAPSPACE2S1SUSPEND\0' | dd of="${swap% *}" bs=1 seek=4076 conv=notrunc status=none
done
mke2fs -q -F -t ext4 -U $third -E nodiscard "$file"
echo "rd.vhdx=root=$dev" >cmdline
numbers() { echo "$((0x$(stat -c %t "$1"))):$((0x$(stat -c %T "$1")))"; }

# --- there it is ----------------------------------------------------------------

begin
firmware $first 0
try 0
tried "$(numbers "$sleeps") 0"
expect_output "UUID=$first: note: trying to resume from it"
expect_output 'does not go on, and is going to be lost'
attached
# In a file, with another one that the command line names.
begin
firmware $third 38912
try 0 --resume UUID=$second
tried "$(numbers "$other") 0"
[ "$(grep -c 'trying to resume' err)" = 2 ] || fail "$(<err)"
attached
begin
try 0
tried "$(numbers "$file") 38912"
attached

# --- there is nothing -------------------------------------------------------------

begin
echo "rd.vhdx=root=$dev noresume" >cmdline
try 0
tried 'none none'
attached
begin
echo "rd.vhdx=root=$dev" >cmdline
rm $efivars/Hibernate*
try 0
tried 'none none'
attached

# --- it is waited for --------------------------------------------------------------

begin
firmware $missing 0
try 3
[ ! -b /dev/mapper/root ]
try 3
[ ! -s err ] || fail "$(<err)"
try 0 --last
expect_output "UUID=$missing: note: not there before the images are attached"
attached
# The next time it is somewhere else.
expect_status 0 hibernation
begin
rm $efivars/Hibernate*
try 3 --resume UUID=$missing
try 0 --last --resume UUID=$missing
attached
expect_status 1 hibernation
begin
echo "rd.vhdx=root=$dev rd.timeout=3" >cmdline
try 3 --resume UUID=$missing
sleep 3
try 0 --resume UUID=$missing
attached
