# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of the tool share; they source it.
#
#   mkvhdx ARG...                   tests/images/mkvhdx.py
#   expect_status N ARG...          "vhdx ARG..." ends with N; its output is in out and err
#   expect_output RE                out or err has a line that matches; expect_no_output RE: none has
#   json FILTER                     of out, which must be JSON: a Python expression over j
#   end_process PID                 for at_exit: whatever state it is in

vhdx=$VHDX_TOP/build/vhdx

mkvhdx() { "$VHDX_TOP/tests/images/mkvhdx.py" "$@"; }

expect_status()
{
	local wanted=$1 status=0

	shift
	"$vhdx" "$@" >out 2>err </dev/null || status=$?
	[ $status = "$wanted" ] || {
		cat out err
		fail "status $status, not $wanted: vhdx $*"
	}
}

expect_output()
{
	cat out err | grep -qE -- "$1" || {
		cat out err
		fail "no line has \"$1\""
	}
}

expect_no_output()
{
	if cat out err | grep -E -- "$1"; then
		fail "there should be no \"$1\""
	fi
}

end_process() { ! kill -CONT "$1" 2>/dev/null || kill "$1"; }

json() { python3 -c "import json, sys; j = json.load(open('out', encoding='utf-8')); print($1)"; }
