# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Nothing goes on of what is on a leash: when it has ended, when the leash is told to end, and when it
# is killed. What is ended takes its VMs with it by that.
need pgrep setsid

cat >leashed <<'END'
sleep 1000 &
(timeout 1000 sleep 1000; true) &
[ "$1" != TERM ] || bash -c 'trap "" TERM; sleep 1000; sleep 1000' &
echo $$ >session.new
mv session.new session
[ "$1" != none ] || exit 3
sleep 1000
END
nobody_left() { ! pgrep --runstates D,R,S,T,t,I --session "$(<session)" >/dev/null; }
for signal in none:3 TERM:143 KILL:137; do
	rm -f session
	"$VHDX_TOP/tests/lib/leash" bash leashed "${signal%:*}" &
	leash=$! status=0
	wait_for 20 test -e session
	[ "${signal%:*}" = none ] || kill -"${signal%:*}" $leash
	# Also while nobody asks for its exit status.
	[ "${signal%:*}" != KILL ] || wait_for 30 nobody_left
	wait $leash || status=$?
	[ $status = "${signal#*:}" ] || fail "$signal: the leash ended with $status"
	nobody_left || fail "$signal: something goes on"
done
