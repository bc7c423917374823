# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# What was acknowledged before a flush, or written with FUA, survives a power cut: the state of the
# backing device is copied while the mapping is live, and the copy mapped.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need python3

scratch_fs 300
insmod_vhdx
"$vhdx" create --size 60M --block-size 1M a.vhdx
dev=$(backing a.vhdx 80)
map_image a "$dev" commit_interval 3600000 idle_close 0

holds() { # COPY SECTOR COUNT TAG
	local got

	got=$(dd if="$1" bs=512 skip="$2" count="$3" iflag=direct status=none | grep -aoE "$4 [0-9]+ " | wc -l)
	[ "$got" = "$3" ] || fail "$got of $3 sectors from $2 on are there"
}

check_copy() { # CHECKS...
	local copy before

	snapshot "$dev" copy.vhdx
	copy=$(backing copy.vhdx)
	before=$(sha_dev "$copy")
	map_image ro "$copy" read_only
	"$1" /dev/mapper/ro
	unmap ro
	[ "$(sha_dev "$copy")" = "$before" ] || fail 'a read-only mapping has written'
	# A table that is only loaded writes nothing either, though the log is dirty.
	dmsetup create idle --notable
	at_exit unmap idle
	dmsetup load idle --table "0 $(image_sectors "$copy") vhdx $copy"
	unmap idle
	[ "$(sha_dev "$copy")" = "$before" ] || fail 'loading a table has written'
	map_image rw "$copy"
	"$1" /dev/mapper/rw
	unmap rw
	loop_remove "$copy"
	"$vhdx" check copy.vhdx
	rm copy.vhdx
}

# One block, then a flush.
stamp /dev/mapper/a 5000 24 one
sync /dev/mapper/a
one() { holds "$1" 5000 24 one; }
check_copy one
[ "$(status a dirty)" = 0 ]

# FUA alone: into an absent block, and into one that is not committed yet.
fio --name=f --filename=/dev/mapper/a --rw=write --bs=4k --offset=40M --size=256k --direct=1 --sync=1 \
	--ioengine=psync --verify=crc32c --do_verify=0 --randseed=3 --minimal >/dev/null
snapshot "$dev" copy.vhdx
copy=$(backing copy.vhdx)
map_image ro "$copy" read_only
one /dev/mapper/ro
cmp <(dd if=/dev/mapper/ro bs=1M skip=40 count=1 status=none) \
	<(dd if=/dev/mapper/a bs=1M skip=40 count=1 iflag=direct status=none)
unmap ro
loop_remove "$copy"

# So many scattered blocks, flushed one by one, that the log wraps many times.
# By one program: starting one takes longer than a flush.
python3 -S - /dev/mapper/a <<'PYTHON'
import os
import sys

fd = os.open(sys.argv[1], os.O_WRONLY)
for i in range(120):
    block = i * 37 % 60
    if block not in (2, 40):
        first = block * 2048 + 8
        stamps = [(b'wrap%d %d ' % (block, sector)).ljust(511) + b'\n' for sector in range(first, first + 8)]
        os.pwrite(fd, b''.join(stamps), first * 512)
    os.fsync(fd)
PYTHON

many() {
	local b

	one "$1"
	for b in 0 1 3 7 39 41 58 59; do
		holds "$1" $((b * 2048 + 8)) 8 "wrap$b"
	done
}
check_copy many

[ "$(status a allocated)" = 60 ]
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx
