# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1500
#
# An image made by Windows: reads as it should, takes a file system and 160 MB of verified writes,
# and all readers agree on the result.
. "$VHDX_TOP/tests/lib/vhdx.sh"

source=$VHDX_TOP/../shared/images/iotest-dynamic-1G.vhdx.bz2
[ -r "$source" ] || skip 'the images made by Windows are not here'
need qemu-img 7zz vhdiinfo fio mkfs.ext4

unmount() { ! mountpoint -q "$1" || umount "$1"; }

scratch_fs 2500
insmod_vhdx
bunzip2 -c "$source" >w.vhdx
dev=$(backing w.vhdx)
map_image w "$dev" read_only
sha=$(sha_dev /dev/mapper/w)
[ "$sha" = d3d112d8dab7fd360609f7d5a7b769904b7a2a7d7b6b8c535f65a23293c05478 ] ||
	fail "reads as $sha"
unmap w
loop_remove "$dev"

end=$(stat -c %s w.vhdx)
dev=$(backing w.vhdx 1100)
map_image w "$dev" zeroed_from $((end / 512))
mkfs.ext4 -q /dev/mapper/w
mkdir m
mount /dev/mapper/w m
at_exit unmount m
fio --name=verify --directory=m --size=160M --rw=randwrite --bs=64k --ioengine=libaio --iodepth=16 \
	--direct=1 --verify=crc32c --fsync=256 --minimal >fio.out || { cat fio.out; fail 'fio'; }
umount m
e2fsck -fn /dev/mapper/w
[ "$(status w mode)" = rw ]
raw_of /dev/mapper/w w.raw
unmap w
loop_remove "$dev"
readers_agree w.vhdx w.raw
