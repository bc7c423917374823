# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Windows attaches no VHDX whose file is sparse: on NTFS no command makes it so.
. "$VHDX_TOP/tests/lib/tool.sh"
need ntfs-3g mkntfs getfattr setfattr
{ [ -w /dev/fuse ] && [ "$(id -u)" = 0 ]; } || skip 'no FUSE here, or not root'

truncate -s 100M ntfs.img
mkntfs -q -F -f ntfs.img >out 2>&1 || fail "$(<out)"
mkdir ntfs
ntfs-3g ntfs.img ntfs 2>err || skip "cannot mount: $(<err)"
at_exit umount "$PWD/ntfs"

attributes() { getfattr -h --only-values -n system.ntfs_attrib_be "$1" | od -An -tx1 | tr -d " "; }
solid() { [ "$(attributes "$1")" = 00000020 ] || fail "line ${BASH_LINENO[0]}: $1 has the attributes $(attributes "$1")"; }

# A new image, in place of a sparse one as well.
for args in '--size 200G' '--size 30M --type fixed' '--force --size 200M --block-size 1M'; do
	[ "${args#--force}" = "$args" ] || truncate -s 10M ntfs/image
	# shellcheck disable=SC2086 # words
	expect_status 0 create $args ntfs/image
	expect_no_output .
	solid ntfs/image
	expect_status 0 check ntfs/image
	[ "${args#--force}" != "$args" ] || rm ntfs/image
done
rm ntfs/image
for args in '--size 64T --block-size 1M' '--size 200M --type fixed'; do
	# shellcheck disable=SC2086 # words
	expect_status 1 create $args ntfs/image
	expect_output 'No space left on device: make some space'
	[ -z "$(ls -A ntfs)" ] || fail "left: $(ls -A ntfs)"
done

# A replay that writes zeros, and one that extends the file.
mkvhdx cases cases
for file in 078-zero 084-zero.device 088-more.device; do
	dd if=cases/$file.vhdx of=ntfs/image bs=1M status=none
	solid ntfs/image
	expect_status 0 replay ntfs/image
	solid ntfs/image
	expect_status 0 check ntfs/image
done

# A repair that does: the last block is cut.
"$vhdx" create --force --size 5M --block-size 2M ntfs/image
python3 - <<'EOP'
import struct
with open('ntfs/image', 'r+b') as f:
    f.seek((3 << 20) + 16)
    f.write(struct.pack('<Q', 4 << 20 | 6))
    f.seek(0, 2)
    f.write(bytes((5 << 20) - f.tell()))
EOP
solid ntfs/image
expect_status 1 check --repair ntfs/image
solid ntfs/image
[ "$(stat -c %s ntfs/image)" = $((6 << 20)) ]

# Where it cannot be helped, there is a word.
mkdir ntfs/compressed
setfattr -h -n system.ntfs_attrib_be -v 0x00000810 ntfs/compressed
expect_status 0 create --size 1M ntfs/compressed/image
expect_output 'note: the file is compressed or encrypted, and Windows attaches no such file'
