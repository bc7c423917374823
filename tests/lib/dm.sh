# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Helpers for tests/dm/NNN-*.sh in the VM, on top of tests/lib/common.sh. Whatever these make they
# also undo; a device a test leaves behind fails it. Those that print a device are meant for
# dev=$(brd_make 64).
#
#   brd_make MIB                 a RAM disk; all of one test have the same size
#   nullb_make MIB [ATTR=VALUE]...  a memory-backed null_blk: blocksize=4096, discard=1, zoned=1,
#                                cache_size=MIB (a volatile write cache)...
#   scratch_fs MIB [MKFS...]     a file system (default mkfs.ext4) on a RAM disk, mounted on and
#                                entered as $SCRATCH; for loop devices with --direct-io=on
#   loop_make FILE [LOSETUP OPTION]...
#   map NAME TABLE [DMSETUP OPTION]...     create /dev/mapper/NAME (the table may have many lines)
#   remap NAME TABLE             load a new table and resume, which suspends and swaps
#   unmap NAME
#   insmod_vhdx [PARAM=VALUE]... and rmmod_vhdx (the runner does that by itself at the end)
#   one_cpu                      the test runs on one CPU: where one thread waits for another all the
#                                time, waking an emulated CPU takes longer than the work
#   sectors DEV                  size in 512-byte sectors
#   sha_dev DEV [SKIP_MIB [COUNT_MIB]]     sha256 of what a fresh direct read returns
#   kmsg                         kernel messages since the test began, without times
#   kmsg_has RE                  do they match?

brd_make()
{
	local kib=$(($1 * 1024)) loaded=/sys/module/brd used

	used=$(cat "$STATE/brd" 2>/dev/null || echo 0)
	if [ -d $loaded ] && [ "$(<$loaded/parameters/rd_size)" != $kib ]; then
		[ "$used" = 0 ] || fail 'brd has one size at a time: use nullb_make for another'
		rmmod brd
	fi
	[ -d $loaded ] || modprobe brd rd_nr=16 rd_size=$kib max_part=0
	[ "$used" -lt 16 ] || fail 'out of RAM disks'
	echo $((used + 1)) >"$STATE/brd"
	echo "/dev/ram$used"
}

nullb_make()
{
	local mib=$1 n dir attr

	shift
	modprobe null_blk nr_devices=0
	n=$(cat "$STATE/nullb" 2>/dev/null || echo 0)
	echo $((n + 1)) >"$STATE/nullb"
	dir=/sys/kernel/config/nullb/vhdx$n
	mkdir "$dir"
	at_exit nullb_remove "$dir"
	echo "$mib" >"$dir/size"
	echo 1 >"$dir/memory_backed"
	for attr in "$@"; do
		echo "${attr#*=}" >"$dir/${attr%%=*}"
	done
	echo 1 >"$dir/power"
	# Newer drivers name the disk after its directory.
	if [ -b "/dev/${dir##*/}" ]; then
		echo "/dev/${dir##*/}"
	else
		echo "/dev/nullb$(<"$dir/index")"
	fi
}

nullb_remove() { [ ! -d "$1" ] || rmdir "$1"; }

scratch_fs()
{
	local dev mib=$1

	shift
	[ $# -gt 0 ] || set -- mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0
	dev=$(brd_make "$mib")
	"$@" "$dev"
	mount "$dev" "$SCRATCH"
	at_exit umount "$SCRATCH"
	cd "$SCRATCH" || return
}

loop_make()
{
	local file=$1 dev

	shift
	dev=$(losetup --find --show "$@" "$file")
	at_exit loop_remove "$dev"
	echo "$dev"
}

loop_remove()
{
	[ ! -e "/sys/block/${1##*/}/loop/backing_file" ] || losetup -d "$1"
}

map()
{
	local name=$1 table=$2

	shift 2
	at_exit unmap "$name"
	dmsetup create "$name" "$@" <<<"$table"
}

remap()
{
	dmsetup load "$1" <<<"$2"
	dmsetup resume "$1"
}

unmap() { ! dmsetup info "$1" >/dev/null 2>&1 || dmsetup remove --retry "$1"; }

insmod_vhdx()
{
	local dep

	[ ! -d /sys/module/dm_vhdx ] || return 0
	[ -r "$VHDX_KO" ] || fail "$VHDX_KO is missing: run \"make modules\" for this kernel"
	for dep in $(modinfo -F depends "$VHDX_KO" | tr , ' '); do
		modprobe "$dep"
	done
	insmod "$VHDX_KO" "$@"
}

rmmod_vhdx() { [ ! -d /sys/module/dm_vhdx ] || rmmod dm_vhdx; }

one_cpu()
{
	local file

	for file in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ -e "$file" ] || continue
		at_exit eval "echo 1 >$file"
		echo 0 >"$file"
	done
}

sectors() { blockdev --getsz "$1"; }

sha_dev()
{
	local -a range=()

	[ $# -lt 2 ] || range+=("skip=$2")
	[ $# -lt 3 ] || range+=("count=$3")
	dd if="$1" bs=1M iflag=direct status=none "${range[@]}" | sha256sum | cut -d' ' -f1
}

kmsg_point() { "$VHDX_TOP/build/kmsg" point; }
kmsg_since() { "$VHDX_TOP/build/kmsg" since "$1"; }
kmsg() { kmsg_since "$VHDX_KMSG_START"; }
# Not "kmsg | grep -q": grep leaves early, and pipefail makes the broken pipe a failure.
kmsg_has() { grep -qE -- "$1" <<<"$(kmsg)"; }
