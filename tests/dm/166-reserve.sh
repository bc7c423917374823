# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 240
#
# "vhdx attach" gives headers, log and tables their own space: a copy that made holes of them, or
# shares them, works on when the file system below is full. Space that was given for good stays, all
# other is given back.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need filefrag mkfs.xfs blkdiscard

scratch_fs 400 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

space() { echo $(($(stat -c '%b * %B' "$1"))); }
# Nothing else has no_unmap, and a target that does not know it is not given it.
no_unmap()
{
	local version

	version=$(dmsetup targets | sed -nE 's/^vhdx +v//p')
	[ "$(printf '1.1.0\n%s\n' "$version" | sort -V | head -n 1)" != 1.1.0 ] || echo no_unmap
}

# --- holes ------------------------------------------------------------------

"$vhdx" create --size 300M --block-size 1M --log-size 3M d.vhdx
size=$(stat -c %s d.vhdx)
cp --sparse=always d.vhdx s.vhdx
[ "$(space s.vhdx)" -lt "$size" ] || fail 'no holes to begin with'
sum=$(sha256sum <s.vhdx)
"$vhdx" attach --read-only s.vhdx s
"$vhdx" detach s
[ "$(space s.vhdx)" -lt "$size" ] || fail 'read-only: there is nothing to reserve'
"$vhdx" attach s.vhdx s
[ "$(space s.vhdx)" -ge "$size" ] || fail "holes: $(filefrag -v s.vhdx)"
dmsetup table s | grep -qw no_unmap && fail 'told to make no holes in a file that has some'
"$vhdx" detach s
[ "$(sha256sum <s.vhdx)" = "$sum" ] || fail 'not the same any more'
[ "$(stat -c %s s.vhdx)" = "$size" ]

# That of a fixed image without any is to stay so, if the target knows how.
"$vhdx" create --size 8M --type fixed f.vhdx
"$vhdx" attach f.vhdx f
[ "$(dmsetup table f | grep -ow no_unmap)" = "$(no_unmap)" ] || fail "$(dmsetup table f)"
dd if=/dev/urandom of=/dev/mapper/f bs=1M count=8 oflag=direct status=none
fallocate --punch-hole --length 8M /dev/mapper/f
"$vhdx" detach f
[ "$(space f.vhdx)" -ge "$(stat -c %s f.vhdx)" ] || fail "holes: $(filefrag -v f.vhdx)"
rm f.vhdx
# A dynamic one has none because all of its blocks were written: what is discarded gives space back.
"$vhdx" attach d.vhdx d
dd if=/dev/urandom of=/dev/mapper/d bs=1M count=20 oflag=direct status=none
"$vhdx" detach d
[ "$(space d.vhdx)" -ge "$(stat -c %s d.vhdx)" ] || fail 'there are holes to begin with'
"$vhdx" attach d.vhdx d
dmsetup table d | grep -qw no_unmap && fail "$(dmsetup table d)"
blkdiscard -l 18M /dev/mapper/d
"$vhdx" detach d
[ "$(space d.vhdx)" -lt $((size + (4 << 20))) ] || fail "the file keeps its space: $(filefrag -v d.vhdx)"
"$vhdx" create --force --size 300M --block-size 1M --log-size 3M d.vhdx
if [ -n "$(no_unmap)" ]; then
	"$vhdx" attach --options no_unmap d.vhdx d
	dmsetup table d | grep -qw no_unmap
	"$vhdx" detach d
fi

# --- a full file system -----------------------------------------------------

cp --sparse=always d.vhdx s.vhdx
"$vhdx" attach s.vhdx s
dd if=/dev/zero of=ballast bs=1M status=none 2>/dev/null || :
rm d.vhdx
dd if=/dev/urandom of=/dev/mapper/s bs=1M count=20 oflag=direct status=none 2>err || :
[ "$(status s mode)" = rw ] || fail "log or tables have no space: $(dmsetup status s)"
# Nothing there for them: refused, and not attached to fail later.
dmsetup message s 0 commit
rm ballast
"$vhdx" detach s
"$vhdx" check s.vhdx
"$vhdx" create --force --size 300M --block-size 1M --log-size 3M d.vhdx
cp --sparse=always d.vhdx s.vhdx
size=$(stat -c %s s.vhdx)
dd if=/dev/zero of=ballast bs=1M status=none 2>/dev/null || :
expect_fail -m 'cannot reserve space for log and tables of the image: No space left on device: make some space' \
	"$vhdx" attach s.vhdx s
[ "$(stat -c %s s.vhdx)" = "$size" ] || fail 'a refused attach has left the file larger'
rm ballast d.vhdx s.vhdx

# --- shared with a copy -----------------------------------------------------

truncate -s 340M xfs.img
mkfs.xfs -q xfs.img
mkdir xfs
mount -o loop xfs.img xfs
"$vhdx" create --size 300M --block-size 1M xfs/d.vhdx
dd if=/dev/urandom of=xfs/d.vhdx bs=4k seek=1M oflag=seek_bytes count=64 conv=notrunc status=none	# old contents of the log
cp --reflink=always xfs/d.vhdx xfs/s.vhdx
filefrag -v xfs/s.vhdx | grep -q shared || fail 'nothing shared to begin with'
"$vhdx" attach xfs/s.vhdx s
filefrag -v xfs/s.vhdx | grep shared && fail 'log or tables are still shared'
"$vhdx" detach s
cmp xfs/d.vhdx xfs/s.vhdx
"$vhdx" attach xfs/s.vhdx s
dd if=/dev/urandom of=/dev/mapper/s bs=1M count=20 oflag=direct status=none
"$vhdx" detach s
"$vhdx" check xfs/s.vhdx
umount xfs
