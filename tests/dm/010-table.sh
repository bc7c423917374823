# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# The table line: what it refuses, what it prints, and that loading it writes nothing.
. "$VHDX_TOP/tests/lib/vhdx.sh"

scratch_fs 100
insmod_vhdx
"$vhdx" create --size 24M --block-size 1M a.vhdx
truncate -s 40M a.vhdx
dev=$(backing a.vhdx)
size=$((24 * 2048))
before=$(sha_dev "$dev")

refuse() { expect_fail -k "$1" dmsetup create bad --table "$2"; }

refuse 'Which backing device' "0 $size vhdx"
refuse 'cannot be opened' "0 $size vhdx /dev/nothing"
refuse 'number of optional arguments' "0 $size vhdx $dev x"
refuse 'number of optional arguments' "0 $size vhdx $dev 3 read_only"
refuse 'More arguments' "0 $size vhdx $dev 0 read_only"
refuse 'Unknown optional argument' "0 $size vhdx $dev 1 quickly"
refuse 'zeroed_from needs' "0 $size vhdx $dev 1 zeroed_from"
refuse 'zeroed_from needs' "0 $size vhdx $dev 2 zeroed_from -1"
refuse 'commit_interval needs' "0 $size vhdx $dev 2 commit_interval 3600001"
refuse 'idle_close needs' "0 $size vhdx $dev 1 idle_close"
refuse 'idle_close needs' "0 $size vhdx $dev 2 idle_close 3600001"
refuse "has $((size - 8)) sectors, the disk $size" "0 $((size - 8)) vhdx $dev"
refuse "has $((size + 8)) sectors, the disk $size" "0 $((size + 8)) vhdx $dev"

# A table that is loaded but never resumed leaves every byte as it was.
dmsetup create idle --notable
at_exit unmap idle
dmsetup load idle --table "0 $size vhdx $dev"
dmsetup clear idle
unmap idle
[ "$(sha_dev "$dev")" = "$before" ] || fail 'loading a table has changed the image'

# So does one that is resumed, read, and removed.
map_image r "$dev"
[ "$(sha_dev /dev/mapper/r)" = "$(head -c 24M /dev/zero | sha256sum | cut -d' ' -f1)" ]
unmap r
[ "$(sha_dev "$dev")" = "$before" ] || fail 'reading has changed the image'

# What "dmsetup table" prints loads again and prints the same.
for options in '' ' 1 read_only' ' 2 commit_interval 250' ' 1 error_if_no_space' \
	' 2 idle_close 0' ' 2 no_discard no_discard_passdown' ' 7 zeroed_from 40960 commit_interval 50 idle_close 250 error_if_no_space' \
	' 6 read_only zeroed_from 40960 commit_interval 0 error_if_no_space'; do
	map t "0 $size vhdx $dev$options"
	first=$(dmsetup table t)
	unmap t
	map t "$first"
	[ "$(dmsetup table t)" = "$first" ] || fail "\"$first\" loads as \"$(dmsetup table t)\""
	unmap t
done

# zeroed_from follows the space that was taken: a table made of it must not
# call used space zero.
map_image t "$dev" zeroed_from 0
dd if=/dev/urandom of=/dev/mapper/t bs=4k count=1 oflag=direct status=none
read -r -a line <<<"$(dmsetup table t)"
[ "${line[6]}" -ge $((5 * 2048)) ] || fail "zeroed_from is still ${line[6]} after an allocation"
unmap t

# A disk that is not at the start of the mapped device.
map two "0 2048 zero
2048 $size vhdx $dev"
dd if=/dev/urandom of=data bs=1M count=3 status=none
dd if=data of=/dev/mapper/two bs=1M seek=7 oflag=direct status=none
cmp <(dd if=/dev/mapper/two bs=1M skip=7 count=3 iflag=direct status=none) data
unmap two
map_image t "$dev"
cmp <(dd if=/dev/mapper/t bs=1M skip=6 count=3 iflag=direct status=none) data
unmap t
