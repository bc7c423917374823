# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2086,SC2154 # what tests/bench/guest and its other parts have
#
# disks whose blocks are all allocated; all of a group lie on devices of the same kind

sectors() { blockdev --getsz "$1"; }

fill() { dd if=/dev/zero of="$1" bs=1M count=$DISK_MIB oflag=direct conv=fsync status=none; }

linear()
{
	local -a mode=()

	[ "$(blockdev --getro "$3")" = 0 ] || mode+=(--readonly)
	dmsetup create "$1" "${mode[@]}" --table "0 $2 linear $3 $4"
}

# linear_twin NAME VHDX: a linear mapping of the very same place. All blocks of VHDX have been
# filled in order, so they lie one after the other.
linear_twin()
{
	local backing extents

	dmsetup suspend "$2"
	backing=/dev/$(dmsetup deps -o blkdevname "$2" | sed -E 's/.*\((.*)\)/\1/')
	extents=$(vhdx map "$backing" 2>/dev/null | awk '$3 == "data" { print $2, $4 / 512 }')
	dmsetup resume "$2"
	if [ "${extents% *}" != $((DISK_MIB * MIB)) ]; then
		echo "bench: the blocks of $2 do not lie in order" >&2
		return 1
	fi
	linear "$1" $((DISK_MIB * 2048)) "$backing" "${extents#* }"
}

# nbd_connect DEVICE IMAGE FORMAT
nbd_connect()
{
	local i

	qemu-nbd --connect="$1" --format="$3" --cache=none --aio="$aio" --discard=unmap \
		--pid-file="$out/${1#/dev/}.pid" "$2"
	for ((i = 0; i < 100; i++)); do
		[ "$(sectors "$1")" = 0 ] || return 0
		sleep 0.05
	done
	echo "bench: $1 does not come up" >&2
	return 1
}

nbd_disconnect()
{
	local pid

	pid=$(<"$out/${1#/dev/}.pid")
	qemu-nbd --disconnect "$1" >/dev/null
	# The process lives on for a moment, with the image open.
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.05
	done
}

setup_ram()
{
	local n

	for n in 1 32; do
		ram=/dev/ram$((n == 32))
		vhdx create --force --size ${DISK_MIB}M --block-size ${n}M $ram
		dmsetup create ram-vhdx$n --table "0 $((DISK_MIB * 2048)) vhdx $ram"
		fill /dev/mapper/ram-vhdx$n
	done
	linear_twin ram-linear ram-vhdx1
	vhdx create --force --size ${DISK_MIB}M --block-size 1M /dev/ram2
	dmsetup create fill --table "0 $((DISK_MIB * 2048)) vhdx /dev/ram2"
	fill /dev/mapper/fill
	dmsetup remove --retry fill
	nbd_connect /dev/nbd0 /dev/ram2 vhdx
	ln -s /dev/nbd0 $out/ram-nbd
	warm_up ram-linear ram-vhdx1 ram-vhdx32
}

# A device that does nothing but for the first MiBs, where an image keeps what has to be read back.
null_backing()
{
	local head=64

	dmsetup create "$1" <<-TABLE
		0 $((head * 2048)) linear $2 0
		$((head * 2048)) $((DISK_MIB * 2048)) linear /dev/nullb0 0
	TABLE
}

setup_null()
{
	modprobe null_blk queue_mode=0 gb=1 no_sched=1
	null_backing null-back /dev/ram5
	vhdx create --force --size ${DISK_MIB}M --block-size 1M /dev/mapper/null-back
	dmsetup create null-vhdx1 --table "0 $((DISK_MIB * 2048)) vhdx /dev/mapper/null-back"
	fill /dev/mapper/null-vhdx1
	linear_twin null-linear null-vhdx1
	warm_up null-linear null-vhdx1
}

setup_zero()
{
	dmsetup create zero-linear --table "0 $((DISK_MIB * 2048)) zero"
	vhdx create --size ${DISK_MIB}M --block-size 1M /fs/zero.vhdx
	vhdx attach /fs/zero.vhdx zero-vhdx1 >/dev/null
}

setup_file()
{
	vhdx create --size ${DISK_MIB}M --block-size 1M /fs/vhdx1.vhdx
	vhdx attach /fs/vhdx1.vhdx file-vhdx1 >/dev/null
	fill /dev/mapper/file-vhdx1
	linear_twin file-linear file-vhdx1
	vhdx create --size ${DISK_MIB}M --block-size 1M /fs/nbd.vhdx
	vhdx attach /fs/nbd.vhdx fill >/dev/null
	fill /dev/mapper/fill
	vhdx detach fill
	nbd_connect /dev/nbd1 /fs/nbd.vhdx vhdx
	ln -s /dev/nbd1 $out/file-nbd
	warm_up file-linear file-vhdx1
}

# The twin lies elsewhere on the same RAM disk: between the blocks of a VHD are bitmaps.
setup_vhd()
{
	vhdx create --force --format vhd --size ${DISK_MIB}M --block-size 2M /dev/ram7
	dmsetup create vhd-vhd2 --table "0 $((DISK_MIB * 2048)) vhd /dev/ram7"
	fill /dev/mapper/vhd-vhd2
	linear vhd-linear $((DISK_MIB * 2048)) /dev/ram7 $((1 << 21))
	fill /dev/mapper/vhd-linear
	vhdx create --format vhd --size ${DISK_MIB}M --block-size 2M /fs/vpc.vhd
	vhdx attach /fs/vpc.vhd fill >/dev/null
	fill /dev/mapper/fill
	vhdx detach fill
	cp --sparse=never /fs/vpc.vhd /dev/ram8
	nbd_connect /dev/nbd3 /dev/ram8 vpc
	ln -s /dev/nbd3 $out/vhd-nbd
	warm_up vhd-linear vhd-vhd2
}

# layers NAME COUNT: a mapping NAME of COUNT of the layers that tests/bench/run has made; only the base has anything.
# That has been written to since, which its children do not know.
layers()
{
	local i parents

	looped /fs/base.vhdx --read-only
	parents=" parent $loop"
	for ((i = 2; i < $2; i++)); do
		looped "/fs/layer-$i.vhdx" --read-only
		parents=" parent $loop$parents"
	done
	cp "/fs/layer-$2.vhdx" "/fs/$1.vhdx"
	truncate -s +$((2 * DISK_MIB))M "/fs/$1.vhdx"
	looped "/fs/$1.vhdx"
	dmsetup create "$1" --table "0 $((DISK_MIB * 2048)) vhdx $loop $((2 * $2 - 1)) ignore_parent_id$parents"
}

# part NAME PARENT: a child of it in /fs, attached as NAME
part()
{
	vhdx create --parent "/fs/$2.vhdx" "/fs/$1.vhdx"
	vhdx attach "/fs/$1.vhdx" "$1" >/dev/null
}

# All blocks full in the base, under 8 or 256 layers; and each block with pages in each of 8 layers.
setup_chain()
{
	local i below=base

	tar -xSf "$VHDX_RESULTS/layers.tar" -C /fs
	vhdx attach --force /fs/base.vhdx chain-base >/dev/null
	fill /dev/mapper/chain-base
	# A parent nobody writes to.
	vhdx detach chain-base
	vhdx attach --read-only /fs/base.vhdx chain-base >/dev/null
	linear_twin chain-linear chain-base
	layers chain-full8 8
	layers chain-full256 256
	for ((i = 1; i < 8; i++)); do
		part chain-part$i $below
		fio --name=part --filename=/dev/mapper/chain-part$i --ioengine=libaio --iodepth=32 --direct=1 --bs=4k \
			--rw=write:28k --offset=$((i * 4))k --size=$((DISK_MIB - 1))M --io_size=$((DISK_MIB / 8))M --minimal >/dev/null
		vhdx detach chain-part$i
		below=chain-part$i
	done
	vhdx create --parent /fs/$below.vhdx /fs/chain-parts8.vhdx
	vhdx attach --read-only /fs/chain-parts8.vhdx >/dev/null
	# The tables of sectors are made by the first reads.
	dd if=/dev/mapper/chain-parts8 of=/dev/null bs=64k iflag=direct status=none
}

# What happens only once (a session begins) is not measured.
warm_up()
{
	local name

	for name in "$@"; do
		dd if=/dev/zero of="/dev/mapper/$name" bs=4k count=64 oflag=direct conv=fsync status=none
	done
}

device_path()
{
	if [ -b "$out/$1" ]; then
		readlink "$out/$1"
	else
		echo "/dev/mapper/$1"
	fi
}
