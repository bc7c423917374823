# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2086,SC2154 # what tests/bench/guest and its other parts have
#
# what is done once and takes its time

# Sets $idle: nanoseconds that all CPUs have idled, with somebody waiting for I/O or not. No program is
# started for it, as that may wait for the host.
read_idle()
{
	local key first second

	idle=0
	while read -r key first second _; do
		case $key in
		.idle_sleeptime) idle=$((idle + second)) ;;
		.iowait_sleeptime:) idle=$((idle + first)) ;;
		esac
	done </proc/timer_list
}

# stopwatch COMMAND...: sets $seconds, of the clock without what was spent idle: who waits for the
# host under the instruction-counted clock finds any time gone by.
stopwatch()
{
	local start end us

	read_idle
	us=$((idle / 1000))
	start=$EPOCHREALTIME
	"$@" >/dev/null
	end=$EPOCHREALTIME
	read_idle
	us=$((${end/./} - ${start/./} - idle / 1000 + us))
	printf -v seconds '%d.%06d' $((us / 1000000)) $((us % 1000000))
}

# took RESULT [KEY=NUMBER]...
took()
{
	local result=$1 fact

	shift
	{
		echo "{\"seconds\": $seconds"
		for fact in "$@"; do
			echo ", \"${fact%%=*}\": ${fact#*=}"
		done
		echo '}'
	} >"$out/$result.json"
}

untar()
{
	mount "$1" /untar
	tar -xf $out/tree.tar -C /untar
	umount /untar
}

# fs RESULT KIND DEVICE: a file system on a disk where nothing is allocated yet
fs()
{
	local -a mkfs=(mkfs.ext4 -q -E "lazy_itable_init=0,lazy_journal_init=0,nodiscard")

	touch_setup "$3" $TREE_DISK_MIB /fs-tree
	if [ "$2" = mkfs ]; then
		stopwatch "${mkfs[@]}" "$fresh"
	else
		"${mkfs[@]}" "$fresh"
		stopwatch untar "$fresh"
	fi
	took "$1"
	touch_teardown "$3" /fs-tree
}

free_kib()
{
	echo 3 >/proc/sys/vm/drop_caches
	awk '$1 == "MemFree:" { print $2 }' /proc/meminfo
}

virtual_bytes() { vhdx info --json "$1" 2>/dev/null | sed -nE 's/^ *"virtual_size": *([0-9]+).*/\1/p'; }

# attach_image KIND: new, SIZE-BLOCK, vhd-SIZE-BLOCK, or chainN-SIZE-BLOCK with the parents that N layers take.
# Sets $image, and of its table $target and $parents (the devices are in $loops).
attach_image()
{
	local kind=$1 size=${1%-*} block=${1##*-} i parent options

	size=${size#*-} image=/fs/attach.vhdx target=vhdx parents='' loops=()
	case $kind in
	vhd-*)
		image=/fs/attach.vhd target=vhd
		vhdx create --format vhd --size "$size" --block-size "$block" $image
		;;
	chain*)
		vhdx create --size "$size" --block-size "$block" /fs/attach-1.vhdx
		kind=${kind%%-*}
		for ((i = 2; i <= ${kind#chain}; i++)); do
			parent=/fs/attach-$((i - 1)).vhdx image=/fs/attach-$i.vhdx
			vhdx create --parent "$parent" "$image"
			looped "$parent" --read-only
			parents=" parent $loop$parents"
			options=$((2 * (i - 1)))
		done
		parents=" $options$parents"
		;;
	*) vhdx create --size "$size" --block-size "$block" $image ;;
	esac
}

# attach RESULT KIND DEVICE: an image as attach_image makes it. DEVICE is "tool" for "vhdx attach", or "target" for
# the target alone.
attach()
{
	local before image target parents loops loop table name

	attach_image "$2"
	if [ "$3" = tool ]; then
		stopwatch vhdx attach "$image" attach
		took "$1"
		vhdx detach attach
	else
		looped "$image"
		table="0 $(($(virtual_bytes "$image") / 512)) $target $loop$parents"
		before=$(free_kib)
		stopwatch dmsetup create attach --table "$table"
		took "$1" kib=$((before - $(free_kib))) \
			blocks="$(dmsetup status attach | awk '{ sub(/.*\//, "", $5); print $5 }')"
		dmsetup remove --retry attach
	fi
	for name in "${loops[@]}"; do
		losetup -d "$name"
	done
	rm /fs/attach*.vhd*
}

# fstrim_disk RESULT DEVICE: of a disk of 1 TiB with an empty file system, a tenth of whose blocks of 1 MiB are there
fstrim_disk()
{
	local count=$((MIB / 10))

	touch_setup "$2" $MIB /fs
	fio --name=tenth --filename="$fresh" --ioengine=libaio --iodepth=32 --direct=1 --bs=4k --rw=write:10236k \
		--size=1T --io_size=$((count * 4096)) --end_fsync=1 --minimal >/dev/null
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -T largefile4 "$fresh"
	mount "$fresh" /untar
	stopwatch fstrim /untar
	umount /untar
	took "$1"
	touch_teardown "$2" /fs
}

# replay RESULT LOG DEVICE: of a log as full as it can be, of BAT sectors. DEVICE is "ro" for a replay
# in memory, "rw" for one that is made durable, "clean" for an image without a log to replay.
replay()
{
	local image=/fs/replay.vhdx dev option=

	vhdx create --size 16T --block-size 1M --log-size "$2" $image
	[ "$3" = clean ] || "$VHDX_TOP/build/bench/fill-log" $image
	[ "$3" != ro ] || option=' 1 read_only'
	dev=$(losetup --find --show --direct-io=on $image)
	stopwatch dmsetup create replay --table "0 $((16 << 31)) vhdx $dev$option"
	took "$1"
	dmsetup remove --retry replay
	losetup -d "$dev"
	rm $image
}
