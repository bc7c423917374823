# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What is written when it must not fail has space from the beginning: "vhdx create" leaves no holes,
# and a replay makes none.
. "$VHDX_TOP/tests/lib/tool.sh"

space() { stat -c '%b * %B' "$1"; }
whole() { [ $(($(space "$1"))) -ge "$(stat -c %s "$1")" ] || fail "$1 has holes: $(stat "$1")"; }

fallocate -l 1M probe 2>err || skip "no fallocate() here: $(<err)"

for args in '--size 1G' '--size 64T --log-size 2M' '--size 100G --block-size 1M' '--size 10M --type fixed'; do
	# shellcheck disable=SC2086 # words
	"$vhdx" create $args image
	whole image
	expect_status 0 check image
	rm image
done

# The log says "zeros": over space that was preallocated, all of a large file, and nothing at all.
mkvhdx cases cases
for file in 078-zero 083-zero-into 084-zero.device 085-zero 090-zero-1G; do
	cp cases/$file.vhdx image
	"$vhdx" map image >before
	fallocate -l "$(stat -c %s image)" image
	expect_status 0 replay image
	whole image
	expect_status 0 check image
	"$vhdx" map image | diff before - || fail "$file: not the same disk"
done
