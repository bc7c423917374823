# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx attach --max-size": the file of a dynamic image gets no larger, whatever is written; what it has
# can be overwritten; a snapshot's leaf, a merge and another size of the disk do not lift it.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 200 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
at_exit "$vhdx" detach --all

MIB=1048576
# fill IMAGE MIB COUNT: until there is no space; then it has at most 20 MiB, and what it has can be written
fill()
{
	expect_fail -m 'No space left' dd if=/dev/urandom of=/dev/mapper/vm bs=1M seek="$2" count="$3" oflag=direct
	[ "$(stat -c %s "$1")" -le $((20 * MIB)) ] || fail "$1: $(stat -c %s "$1")"
	[ "$(blockdev --getsize64 "/dev/$(basename "$(losetup -n -O NAME -j "$1" | head -n 1)")")" = $((20 * MIB)) ] || fail "$(losetup -l)"
	dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=1 oflag=direct status=none
	[ "$(status vm mode)" = rw ]
}
for format in vhdx vhd; do
	image=$PWD/image.$format
	"$vhdx" create --format $format --size 100M --block-size 1M image.$format
	expect_status 0 attach --no-partitions --max-size 20.5M --options error_if_no_space image.$format vm
	fill "$image" 0 40
	expect_status 0 resize vm 120M
	fill "$image" 100 10
	"$vhdx" detach vm
	"$vhdx" check --quiet image.$format
	[ "$(stat -c %s image.$format)" -le $((20 * MIB)) ]
	# It can be larger, and then has to be.
	expect_status 0 attach --no-partitions image.$format vm
	dd if=/dev/urandom of=/dev/mapper/vm bs=1M seek=50 count=15 oflag=direct status=none
	"$vhdx" detach vm
	bytes=$(stat -c %s image.$format)
	[ "$bytes" -gt $((30 * MIB)) ]
	expect_status 0 attach --no-partitions --max-size 20M --options error_if_no_space image.$format vm
	expect_output "image.$format: note: has more than that already: it gets no larger than"
	expect_fail -m 'No space left' dd if=/dev/urandom of=/dev/mapper/vm bs=1M seek=80 count=3 oflag=direct
	"$vhdx" detach vm
	[ "$(stat -c %s image.$format)" -le $((bytes + MIB)) ]
	"$vhdx" check --quiet image.$format
done
rm image.vhd
"$vhdx" create --force --size 100M --block-size 1M image.vhdx
expect_status 0 attach --no-partitions --max-size 20M --options error_if_no_space image.vhdx vm
dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=5 oflag=direct status=none
expect_status 0 snapshot --block-size 1M vm leaf.vhdx
fill "$PWD/leaf.vhdx" 0 40
expect_status 0 merge vm
dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=1 oflag=direct status=none
"$vhdx" detach vm
"$vhdx" check --quiet image.vhdx
# A table of blocks that would have to move behind it.
"$vhdx" create --force --size 4M --block-size 1M image.vhdx
expect_status 0 attach --no-partitions --max-size 6M image.vhdx vm
dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=1 oflag=direct status=none
expect_fail -m 'larger than it was attached to become, with --max-size' "$vhdx" resize vm 200G
[ "$(blockdev --getsize64 /dev/mapper/vm)" = $((4 * MIB)) ]
dd if=/dev/urandom of=/dev/mapper/vm bs=1M count=1 oflag=direct status=none
echo "vm $PWD/image.vhdx max-size=7M" >tab
"$vhdx" detach vm
expect_status 0 attach --tab vm --tab-file tab
[ "$(losetup -n -O SIZELIMIT -j "$PWD/image.vhdx" | tr -d ' ')" = $((7 * MIB)) ] || fail "$(losetup -l)"
"$vhdx" detach vm
