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

# A file without holes is to stay so if the image is fixed. Each block of another one is there because it was
# written: that is how its file looks in any case.
table() # WORD: has it, or "not" WORD
{
	sed -n 's/^0 [0-9]* vhdx* //p' out | tr ' ' '\n' >words
	[ -s words ] || fail "$(<out)"
	if [ "$1" = not ]; then
		! grep -qx "$2" words || fail "$(<out)"
	else
		grep -qx "$1" words || fail "$(<out)"
	fi
}
for format in vhdx vhd; do
	"$vhdx" create --format $format --size 8M --type fixed fixed.$format
	fallocate -l "$(stat -c %s fixed.$format)" fixed.$format
	whole fixed.$format
	expect_status 0 attach --dry-run fixed.$format
	table no_unmap
	head -c 8M /dev/urandom >raw
	expect_status 0 convert -O $format --preallocate raw dynamic.$format
	whole dynamic.$format
	expect_status 0 attach --dry-run dynamic.$format
	table not no_unmap
	expect_status 0 attach --dry-run --options no_unmap dynamic.$format
	table no_unmap
	expect_status 0 create --format $format --parent dynamic.$format child.$format
	whole child.$format
	expect_status 0 attach --dry-run child.$format
	table not no_unmap
done
fallocate --punch-hole -o 4M -l 1M fixed.vhdx
expect_status 0 attach --dry-run fixed.vhdx
table not no_unmap
