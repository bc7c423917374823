# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 200
# debug: no, it is the tool that is tested
#
# "vhdx snapshot" of a VHD disk in use: what was on it stays in the old file, which is cut to what it
# holds, and what is written goes to the new one; with either of the names; and what was
# written through both is merged.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/chain.sh"

scratch_fs 300 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
at_exit "$vhdx" detach --all
tail_is_footer() { cmp <(head -c 512 "$1") <(tail -c 512 "$1"); }
write() { "$scribble" /dev/mapper/vm raw "$1" 30; }
loops() { losetup -n -O NAME -l | wc -l; }

truncate -s 32M raw
"$vhdx" create --format vhd --block-size 512K base.vhd 32M
expect_status 0 attach base.vhd vm
write 1
cp raw first.raw
large=$(stat -c %s base.vhd)
expect_status 0 snapshot --json vm top.vhd
[ "$(json 'j["leaf"].rsplit("/")[-1], j["parent"].rsplit("/")[-1], j["attached"]')" = 'top.vhd base.vhd True' ] || fail "$(<out)"
[ "$(stat -c %s base.vhd)" -lt "$large" ] || fail 'what it has not used was not cut off'
tail_is_footer base.vhd || fail 'no footer at its end'
same /dev/mapper/vm raw
write 2
same /dev/mapper/vm raw
[ "$(loops)" = 2 ]

# Refused: all is as it was.
dmsetup table vm >was
before=$(ls)
expect_status 1 snapshot vm nowhere/new.vhd
[ "$(ls)" = "$before" ] || fail "$(ls)"
[ "$(dmsetup table vm)" = "$(<was)" ]
write 3

# The new leaf has the name that there was.
cp raw second.raw
inode=$(stat -c %i top.vhd)
expect_status 0 snapshot --keep-name vm kept.vhd
[ "$(stat -c %i kept.vhd)" = "$inode" ]
write 4
same /dev/mapper/vm raw
expect_status 0 detach vm
[ "$(loops)" = 0 ] || fail "$(losetup -l)"
for image in base kept top; do
	expect_status 0 check $image.vhd
	tail_is_footer $image.vhd || fail "$image.vhd does not end with a footer"
done
naive base.vhd | cmp - first.raw
naive kept.vhd base.vhd | cmp - second.raw
naive top.vhd kept.vhd base.vhd | cmp - raw
# And all of it is found again, and merged.
expect_status 0 attach --read-only top.vhd vm
same /dev/mapper/vm raw
expect_status 0 detach vm
expect_status 0 merge --into base.vhd top.vhd
naive base.vhd | cmp - raw
expect_status 0 attach base.vhd vm
same /dev/mapper/vm raw
expect_status 0 snapshot vm new.vhd
write 5
expect_status 0 merge vm
same /dev/mapper/vm raw
