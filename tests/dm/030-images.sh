# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# Images from qemu-img and from "vhdx create", many shapes: written through the target, read by others.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need qemu-img 7zz vhdiinfo fio

scratch_fs 900
insmod_vhdx

# $1 image, $2 MiB that the file may grow to, the rest: arguments of the target
exercise()
{
	local image=$1 grow=$2 dev sectors end

	shift 2
	end=$(($(stat -c %s "$image") / 512))
	dev=$(backing "$image" "$grow")
	[ "${1-}" != zeroed ] || set -- zeroed_from "$end"
	map_image x "$dev" "$@"
	sectors=$(sectors /dev/mapper/x)
	# Both ends, and writes of all sizes that cross blocks and chunks.
	stamp /dev/mapper/x 0 16 first
	stamp /dev/mapper/x $((sectors - 16)) 16 last
	fio --name=w --filename=/dev/mapper/x --rw=randwrite --bsrange=4k-2500k --bs_unaligned=0 \
		--io_size=12M --randseed=7 --ioengine=libaio --iodepth=8 --direct=1 \
		--verify=crc32c --fsync=16 --minimal >fio.out || { cat fio.out; fail "fio on $image"; }
	sync
	raw_of /dev/mapper/x x.raw
	[ "$(status x mode)" = rw ]
	unmap x
	# Again from the device: nothing was only in memory.
	map_image x "$dev" read_only
	same /dev/mapper/x x.raw || fail "$image reads differently after remapping"
	unmap x
	loop_remove "$dev"
	readers_agree "$image" x.raw
	rm "$image" x.raw
}

for block in 1 2; do
	qemu-img create -q -f vhdx -o block_size=${block}M q.vhdx 20M
	exercise q.vhdx 40 zeroed
done
qemu-img create -q -f vhdx -o block_size=32M q.vhdx 40M
exercise q.vhdx 90 zeroed
qemu-img create -q -f vhdx -o block_size=256M q.vhdx 257M
exercise q.vhdx 530 zeroed
qemu-img create -q -f vhdx -o subformat=fixed f.vhdx 16M
exercise f.vhdx 40
qemu-img create -q -f vhdx -o block_size=1M,log_size=16M q.vhdx 16M
exercise q.vhdx 60

for lss in 512 4096; do
	"$vhdx" create --size 20M --block-size 1M --logical-sector-size $lss v.vhdx
	exercise v.vhdx 60 zeroed
	"$vhdx" create --type fixed --size 16M --logical-sector-size $lss v.vhdx
	exercise v.vhdx 40
done
# A disk that ends inside a block, in a file that never had a hole filled.
"$vhdx" create --size $((35 * 1048576 + 4096 * 3)) --block-size 16M v.vhdx
exercise v.vhdx 80
