# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of the target share; they source it.
#
#   image_sectors IMAGE          size of the virtual disk in 512-byte sectors
#   backing FILE [MIB]           a loop device over FILE, extended to MIB; sector size as the image's
#   map_image NAME DEV [ARGS]    /dev/mapper/NAME over DEV; ARGS are optional arguments of the target
#   status NAME FIELD            one of: mode allocated total used size dirty log
#   readers_agree IMAGE RAW      what others read from it is RAW, and the checkers like it
#   raw_of DEV RAW               RAW becomes what a direct read of DEV returns
#   same DEV RAW                 is it still so?
#   stamp DEV SECTOR COUNT TAG   write sectors that say where they belong
#   snapshot DEV FILE            what a power cut would leave of DEV now (nothing is flushed first)

vhdx=$VHDX_TOP/build/vhdx

# Few programs: to start one takes an emulated CPU some 50 ms, and each mapping needs this.
image_number() # IMAGE KEY
{
	local json

	json=$("$vhdx" info --json "$1")
	[[ $json =~ \"$2\":\ *([0-9]+) ]] || fail "$1 has no $2: $json"
	echo "${BASH_REMATCH[1]}"
}

image_sectors() { echo $(($(image_number "$1" virtual_size) / 512)); }
image_sector_size() { image_number "$1" logical_sector_size; }

backing()
{
	[ $# -lt 2 ] || truncate -s ">${2}M" "$1"
	loop_make "$1" --direct-io=on --sector-size "$(image_sector_size "$1")"
}

optional()
{
	[ $# -eq 0 ] || echo " $# $*"
}

map_image()
{
	local name=$1 dev=$2 sectors

	shift 2
	sectors=$(image_sectors "$dev")
	map "$name" "0 $sectors vhdx $dev$(optional "$@")"
}

status()
{
	local -a s
	local IFS=$' /'

	# shellcheck disable=SC2207 # splitting is what it is for
	s=($(dmsetup status "$1"))
	case $2 in
	mode) echo "${s[3]}" ;;
	allocated) echo "${s[4]}" ;;
	total) echo "${s[5]}" ;;
	used) echo "${s[7]}" ;;
	size) echo "${s[8]}" ;;
	dirty) echo "${s[9]}" ;;
	log) echo "${s[10]}" ;;
	commits) echo "${s[14]}" ;;
	esac
}

# 7-Zip reads everything; qemu-img only images with 512-byte sectors.
readers_agree()
{
	local image=$1 raw=$2

	"$vhdx" check "$image"
	if [ "$(image_sector_size "$image")" = 512 ]; then
		qemu-img check -q "$image"
		qemu-img compare -q -f vhdx -F raw "$image" "$raw" ||
			fail "qemu-img reads something else from $image"
	fi
	7zz x -tvhdx -so "$image" 2>/dev/null | cmp - "$raw" || fail "7zz reads something else from $image"
	vhdiinfo "$image" >/dev/null
}

# What the mapping shows, into a sparse file.
raw_of() { dd if="$1" of="$2" bs=1M iflag=direct conv=sparse status=none; }

same() { "$VHDX_TOP/build/same" "$1" "$2"; }

stamp()
{
	local s

	for ((s = $2; s < $2 + $3; s++)); do
		printf '%-511s\n' "$4 $s "
	done | dd of="$1" bs=512 seek="$2" conv=notrunc iflag=fullblock status=none
}

snapshot() { dd if="$1" of="$2" bs=1M iflag=direct conv=sparse status=none; }
