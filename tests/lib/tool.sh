# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of the tool share; they source it.
#
#   mkvhdx ARG...                   tests/images/mkvhdx.py
#   expect_status N ARG...          "vhdx ARG..." ends with N; its output is in out and err
#   expect_output RE                out or err has a line that matches; expect_no_output RE: none has
#   expect_not_attached IMAGE RE    "vhdx attach" refuses it, with a line that matches
#   json FILTER                     of out, which must be JSON: a Python expression over j
#   end_process PID                 for at_exit: whatever state it is in
#   be_nobody                       who is root and can be somebody else gets a directory $nobody where all can
#                                   go, and as_nobody N ARG..., which is expect_status for who is not root

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
	# No pipe: what writes into it dies if grep has seen enough.
	grep -qE -- "$1" out err || {
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

# Where a node of device mapper is left over without it, attach does not get as far as the image.
expect_not_attached() # IMAGE RE
{
	if [ -e /dev/mapper/control ] && ! grep -q device-mapper /proc/misc; then
		note "not tried, as the kernel has no device mapper, but /dev/mapper/control is there: attach $1"
		return
	fi
	expect_status 1 attach --dry-run "$1"
	expect_output "$2"
}

end_process() { ! kill -CONT "$1" 2>/dev/null || kill "$1"; }

json() { python3 -c "import json, sys; j = json.load(open('out', encoding='utf-8')); print($1)"; }

be_nobody()
{
	# Root may do everything.
	[ "$(id -u)" = 0 ] && setpriv --reuid 65534 --clear-groups true 2>/dev/null || return
	nobody=$(mktemp -d /tmp/vhdx-nobody.XXXXXX)
	at_exit rm -r "$nobody"
	chmod 755 "$nobody"
	cp "$vhdx" "$nobody"
}

as_nobody()
{
	local wanted=$1 status=0

	shift
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$nobody/vhdx" "$@" >out 2>err </dev/null || status=$?
	[ $status = "$wanted" ] || fail "status $status, not $wanted: vhdx $*: $(cat out err)"
}
