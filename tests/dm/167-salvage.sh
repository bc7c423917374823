# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx check --repair=salvage" of an image on a block device, whose sectors are 4 KiB: it leaves what
# it leaves in a file, that can be mapped, and a device that would have to be larger stays as it is.
. "$VHDX_TOP/tests/lib/vhdx.sh"
scratch_fs 100
. "$VHDX_TOP/tests/lib/salvage.sh"

# Four blocks of 2 MiB, one behind the other from 4 MiB on.
readonly MIB=13
insmod_vhdx
"$vhdx" create --size 8M --block-size 2M --logical-sector-size 4096 whole
truncate -s ${MIB}M whole
loop=$(backing whole)
map_image x "$loop"
for block in 0 1 2 3; do
	stamp /dev/mapper/x $((block * 4096 + 8)) 8 "block$block"
	sync /dev/mapper/x
done
unmap x
loop_remove "$loop"

# "broken" on a device of so many MiB, and in a file that ends there: $1
on_device()
{
	truncate -s "${1}M" broken
	cp broken device
	loop=$(loop_make device --sector-size 4096)
}

# $1 what is wrong, $2 how many of the stamps are left in each block
salvage_both()
{
	local block

	expect_status 1 check --json --repair=salvage broken
	json 'j["lost"], j["log_dropped"], j["headers_rebuilt"], j["errors"]' >told
	expect_status 1 check --json --repair=salvage "$loop"
	json 'j["lost"], j["log_dropped"], j["headers_rebuilt"], j["errors"]' | cmp - told ||
		fail "$1: another report"
	look_at_both "$@"
}

look_at_both()
{
	local block

	expect_status 0 check "$loop"
	"$vhdx" map broken >wanted
	"$vhdx" map "$loop" | cmp - wanted || fail "$1: not the same is left"
	map_image x "$loop"
	raw_of /dev/mapper/x raw
	for block in 0 1 2 3; do
		[ "$(grep -aoE "block$block [0-9]+ " raw | wc -l)" = "${2:block:1}" ] || fail "$1: block $block"
	done
	# It is an image like any other.
	stamp /dev/mapper/x 100 8 again
	expect_status 8 check --repair=salvage "$loop"
	expect_output "in use by the mapping 'x'"
	unmap x
	expect_status 0 check "$loop"
	loop_remove "$loop"
}

# The entry of block 1 has a state that there is not.
cp whole broken
printf '\007' | dd of=broken bs=1 seek=$(((3 << 20) + 8)) conv=notrunc status=none
on_device $MIB
expect_status 4 check --repair "$loop"
salvage_both 'garbage in the BAT' 8088

# Identifier and headers are gone; and the machine dies at each of the writes.
cp whole broken
dd if=/dev/zero of=broken bs=64k count=3 conv=notrunc status=none
cp broken before
on_device $MIB
salvage_both 'identifier and headers' 8888
for ((n = 1; ; n++)); do
	cp before broken
	on_device $MIB
	status=0
	DIE_AT=$n LD_PRELOAD=$PWD/die.so "$vhdx" check --repair=salvage "$loop" >out 2>err || status=$?
	[ $status = 99 ] || break
	loop_remove "$loop"
	loop=$(loop_make device --sector-size 4096)
	"$vhdx" check --quiet --repair=salvage "$loop" || [ $? = 1 ] || fail "killed at write $n"
	expect_status 0 check "$loop"
	loop_remove "$loop"
done
[ $n -gt 3 ] || fail "killed at $n writes only"
loop_remove "$loop"

# The end of the last block is missing: a file is extended, a device has to be, and stays as it is.
cp whole broken
on_device 11
expect_status 4 check --repair=salvage "$loop"
expect_output 'the device is too small by 1 MiB: extend it, or copy the image to a file'
cmp broken device || fail 'a device that is too small was written'
loop_remove "$loop"
truncate -s 12M device
loop=$(loop_make device --sector-size 4096)
expect_status 0 check "$loop"
loop_remove "$loop"

# All of it is missing: nothing has to be longer for that.
on_device 10
salvage_both 'a block behind the end' 8880
