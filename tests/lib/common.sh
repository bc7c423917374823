# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What every numbered test can use, on the host ("# vm: own") and in the VM (where tests/lib/dm.sh
# adds the rest). Sourced before the test by the runner, never by the test. A test is one bash
# script that succeeds, fails, or ends with status 77 when it cannot run here.
#
#   VHDX_TOP       the checkout           VHDX_KERNEL   stock, debug or a release
#   SCRATCH        an empty directory, the current one; gone afterwards
#
#   fail MSG            end the test: failed        skip MSG        end the test: not possible here
#   note MSG            a line in the test's output
#   need PROGRAM...     skip unless all are installed
#   at_exit CMD...      run CMD when the test ends, last registered first; works in subshells too
#   expect_fail [-m RE] [-k RE] CMD...   CMD must fail; its output must match RE (-m), the kernel
#                                        log since the call must match RE (-k, in the VM only)
#   wait_for SEC CMD... until CMD succeeds; fails after SEC seconds

set -eEuo pipefail
shopt -s inherit_errexit

note() { echo "# $*"; }

fail()
{
	echo "failed at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*" >&2
	exit 1
}

skip()
{
	echo "SKIP: $*"
	# Also where the output cannot reach the runner, as in $(...).
	echo "$*" >"$STATE/skip"
	exit 77
}

need()
{
	local program

	for program in "$@"; do
		command -v "$program" >/dev/null || skip "$program is not installed"
	done
}

# A file rather than an array, so that dev=$(loop_make ...) can register its own undoing.
at_exit() { printf '%q ' "$@" >>"$STATE/at_exit"; echo >>"$STATE/at_exit"; }

run_at_exit()
{
	local status=$? line

	trap - ERR EXIT
	set +eE
	cd /
	if [ -e "$STATE/at_exit" ]; then
		while IFS= read -r line; do
			eval "$line" && continue
			echo "cleaning up failed: $line" >&2
			[ $status -ne 0 ] || status=1
		done < <(tac "$STATE/at_exit")
		rm -f "$STATE/at_exit"
	fi
	exit "$status"
}

report_error()
{
	local status=$1 command=$2

	# 77 and "fail" have said what there is to say.
	[ "$status" = 77 ] || [ "${command%% *}" = exit ] || [ "$BASH_SUBSHELL" -gt 0 ] ||
		echo "failed at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: status $status from: $command" >&2
}

# The checks of expect_fail that need a kernel log are in dm.sh.
kmsg_since() { fail 'expect_fail -k works in the VM only'; }
kmsg_point() { :; }

expect_fail()
{
	local message_re='' kernel_re='' output status=0 point=''

	while :; do
		case ${1-} in
		-m) message_re=$2; shift 2 ;;
		-k) kernel_re=$2; shift 2 ;;
		*) break ;;
		esac
	done
	[ -z "$kernel_re" ] || point=$(kmsg_point)
	output=$("$@" 2>&1) || status=$?
	[ -z "$output" ] || printf '%s\n' "$output"
	[ $status -ne 0 ] || fail "should have failed: $*"
	# 126 and above: not executable, not found, killed by a signal. Never what a test means.
	[ $status -lt 126 ] || fail "ended with status $status instead of failing by itself: $*"
	[ -z "$message_re" ] || grep -qE -- "$message_re" <<<"$output" ||
		fail "output lacks \"$message_re\": $*"
	[ -z "$kernel_re" ] || grep -qE -- "$kernel_re" <<<"$(kmsg_since "$point")" ||
		fail "the kernel log lacks \"$kernel_re\": $*"
}

wait_for()
{
	local deadline=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || fail "waited in vain for: $*"
		sleep 0.1
	done
}

# test_header FILE KEY DEFAULT: the value of "# KEY: value" among a test's leading comments.
test_header()
{
	local value

	value=$(sed -nE "/^[^#]/q; s/^# $2: *(.*[^ ]) *\$/\\1/p" "$1" | head -n 1)
	printf '%s\n' "${value:-$3}"
}

# is_optional SUITE FILE: does it run in turn, so that it can be left out when it is late?
is_optional()
{
	case $1 in
	debug | dm-*) return 0 ;;
	*) [ "$(test_header "$2" check always)" = turn ] ;;
	esac
}
