# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# A child that goes by a symbolic link: what it says of its parent is right where the child is, so that both
# are found when their directories go somewhere else together.
. "$VHDX_TOP/tests/lib/tool.sh"

# moved FILE: is its parent found, in a copy of all that there is and without the absolute path?
moved()
{
	rm -rf "$SCRATCH.copy"
	cp -a . "$SCRATCH.copy"
	mv parents gone
	"$vhdx" chain "$SCRATCH.copy/$1" >out 2>&1 || fail "$1: $(<out)"
	mv gone parents
}
at_exit rm -rf "$SCRATCH.copy"

mkdir -p parents images links/deep
for format in vhdx vhd; do
	for name in one two; do
		"$vhdx" create --format $format parents/$name.$format 8M
	done
	"$vhdx" create --format $format --parent parents/one.$format images/child.$format
	moved images/child.$format
	ln -s ../../images/child.$format links/deep/link.$format
	expect_status 0 rebase --content links/deep/link.$format parents/two.$format
	[ -L links/deep/link.$format ]
	moved images/child.$format
	moved links/deep/link.$format
	expect_status 0 rebase --force links/deep/link.$format parents/one.$format
	moved images/child.$format
	# Replaced by new ones.
	expect_status 0 create --force --format $format --parent parents/two.$format links/deep/link.$format
	[ -L links/deep/link.$format ]
	moved images/child.$format
	"$vhdx" create --format $format --parent images/child.$format images/leaf.$format
	ln -s ../images/new.$format links/new.$format
	"$vhdx" create --format $format images/new.$format 1M
	expect_status 0 merge --force --above parents/two.$format --to links/new.$format images/leaf.$format
	moved images/new.$format
	# What is kept in between: of VHDX it gets its paths anew.
	[ $format = vhdx ] || continue
	mv images/child.$format elsewhere.$format
	ln -s ../elsewhere.$format images/child.$format
	expect_status 0 merge --keep --into parents/two.$format images/leaf.$format
	moved elsewhere.$format
done
