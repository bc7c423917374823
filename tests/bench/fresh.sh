# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2086,SC2154 # what tests/bench/guest and its other parts have
#
# disks that are made for one measurement: nothing is allocated yet
#
# fresh_KIND MIB FS [BLOCK]: a disk of that many MiB in files on FS, with blocks of BLOCK. Sets $fresh, and what
# touch_teardown undoes: mappings by hand in $mappings, the uppermost first, and $loops.

# looped FILE [OPTION]...: sets $loop
looped()
{
	loop=$(losetup --find --show --direct-io=on "${@:2}" "$1")
	loops+=("$loop")
}

mapped()
{
	dmsetup create "$1" --table "$2"
	mappings=("$1" "${mappings[@]}")
	fresh=/dev/mapper/$1
}

fresh_linear()
{
	# Where the payload of an image would begin: ext4 takes longer with some offsets.
	truncate -s $(($1 + 4))M "$2/touch"
	looped "$2/touch"
	mapped touch "0 $(($1 * 2048)) linear $loop 8192"
}

# The tool tells the target that the file's sparse tail is zeroed_from there on.
fresh_vhdx()
{
	vhdx create --size "$1M" --block-size "$3" "$2/touch.vhdx"
	vhdx attach "$2/touch.vhdx" touch >/dev/null
	fresh=/dev/mapper/touch
}

fresh_vhd()
{
	vhdx create --format vhd --size "$1M" --block-size "$3" "$2/touch.vhd"
	vhdx attach "$2/touch.vhd" touch >/dev/null
	fresh=/dev/mapper/touch
}

# The parent has all of its blocks.
fresh_child()
{
	local parent

	vhdx create --type fixed --size "$1M" --block-size "$3" "$2/parent"
	vhdx create --parent "$2/parent" "$2/touch.vhdx"
	truncate -s "+$(($1 + 4))M" "$2/touch.vhdx"
	looped "$2/parent" --read-only
	parent=$loop
	looped "$2/touch.vhdx"
	mapped touch "0 $(($1 * 2048)) vhdx $loop 2 parent $parent"
}

# A persistent snapshot of a disk of that size, chunks of 64 KiB.
fresh_snap()
{
	local origin

	truncate -s "$1M" "$2/parent"
	truncate -s $(($1 + 64))M "$2/touch"
	looped "$2/parent" --read-only
	origin=$loop
	looped "$2/touch"
	mapped touch "0 $(($1 * 2048)) snapshot $origin $loop P 128"
}

fresh_nbd()
{
	vhdx create --size "$1M" --block-size "$3" "$2/touch.vhdx"
	nbd_connect /dev/nbd2 "$2/touch.vhdx" vhdx
	fresh=/dev/nbd2
}

fresh_vpc()
{
	vhdx create --format vhd --size "$1M" --block-size "$3" "$2/touch.vhd"
	nbd_connect /dev/nbd2 "$2/touch.vhd" vpc
	fresh=/dev/nbd2
}

# Chunks of 1 MiB. The file is sparse, and with skip_block_zeroing thin knows that as vhdx does; what was freed
# it has to zero as vhdx has to, so THIN_OPTIONS is empty where that counts.
fresh_thin()
{
	local meta

	truncate -s 16M "$2/meta"
	truncate -s "$1M" "$2/touch"
	looped "$2/meta"
	meta=$loop
	looped "$2/touch"
	mapped pool "0 $(($1 * 2048)) thin-pool $meta $loop 2048 0 ${THIN_OPTIONS-1 skip_block_zeroing}"
	dmsetup message pool 0 'create_thin 0'
	mapped touch "0 $(($1 * 2048)) thin /dev/mapper/pool 0"
}

# touch_setup DEVICE MIB FS: sets $fresh. A DEVICE is a KIND and the size of a block in MiB, "vhdx32".
touch_setup()
{
	local kind=${1%%[0-9]*}

	mappings=() loops=()
	"fresh_$kind" "$2" "$3" "${1#"$kind"}M"
}

# touch_teardown DEVICE FS
touch_teardown()
{
	local name

	case $1 in
	vhd*) vhdx detach touch ;;
	nbd* | vpc*) nbd_disconnect /dev/nbd2 ;;
	esac
	for name in "${mappings[@]}"; do
		dmsetup remove --retry "$name"
	done
	for name in "${loops[@]}"; do
		losetup -d "$name"
	done
	rm -f "$2"/touch{,.vhdx,.vhd} "$2/meta" "$2/parent"
	sync -f "$2"
}
