# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of chains share, on top of tests/lib/vhdx.sh.
#
#   mkchain ARGS...          tests/images/mkchain.py
#   chain DIR SECTOR [rw]    loop devices of DIR's images; $leaf is that of the leaf, $parents is
#                            " parent /dev/loop1 parent ...", $count the number of optional arguments
#                            that makes
#   drop                     end the loop devices

# shellcheck disable=SC2034 # for who sources this
scribble=$VHDX_TOP/build/scribble

mkchain() { "$VHDX_TOP/tests/images/mkchain.py" "$@"; }

chain()
{
	local i dev

	parents=
	if [ "${3-}" = rw ]; then
		leaf=$(loop_make "$1/0.vhdx" --direct-io=on --sector-size "$2")
	else
		leaf=$(loop_make "$1/0.vhdx" --read-only --sector-size "$2")
	fi
	for ((i = 1; ; i++)); do
		[ -e "$1/$i.vhdx" ] || break
		dev=$(loop_make "$1/$i.vhdx" --read-only --sector-size "$2")
		parents+=" parent $dev"
	done
	count=$((2 * (i - 1)))
}

drop()
{
	local dev

	for dev in $leaf ${parents//parent/}; do
		loop_remove "$dev"
	done
}
