# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Which kernel tests/vm/kernel takes, without a network: an archive of shell scripts.
. "$VHDX_TOP/tests/lib/tool.sh"

kernel=$VHDX_TOP/tests/vm/kernel
export VHDX_CACHE=$PWD/cache VHDX_KNOWN_KERNELS=$PWD/known ARCHIVE=1
mkdir bin
cat >bin/apt-get <<'END'
#!/bin/bash
case $* in
*indextargets*) echo 'http://example.invalid/debian/ main bookworm bookworm' ;;
*update*) [ "$ARCHIVE" = 1 ] ;;
*) exit 1 ;;
esac
END
cat >bin/apt-cache <<'END'
#!/bin/bash
case $* in
*linux-image-amd64) echo 'Depends: linux-base, linux-image-9.2-amd64 (= 9.2-1)' ;;
esac
END
chmod +x bin/*
PATH=$PWD/bin:$PATH

# cached RELEASE: as if it had been fetched
cached()
{
	mkdir -p "cache/kernels/$1-amd64"
	echo "$1-1 1" >"cache/kernels/$1-amd64/.complete"
}

# expect_kernel STATUS WHAT ARG...: the release, or a part of the last line
expect_kernel()
{
	local wanted=$1 what=$2 status=0

	shift 2
	rm -f cache/kernels/apt/*/looked
	"$kernel" "$@" >out 2>err || status=$?
	[ $status = "$wanted" ] || { cat out err; fail "status $status, not $wanted: $*"; }
	if [ $status = 0 ]; then
		[ "$(<out)" = "$what" ] || { cat out err; fail "$(<out), not $what: $*"; }
	else
		tail -n 1 err | grep -qF -- "$what" || { cat out err; fail "not \"$what\": $*"; }
	fi
}

echo 'sid 9.1-1' >known
expect_kernel 77 'no kernel sid' sid --release
expect_kernel 77 '9.2-amd64 (9.2-1) is newer than 9.1-1' sid --known
cached 9.1
expect_kernel 0 9.1-amd64 sid --known
cached 9.2
expect_kernel 0 9.2-amd64 sid --release
expect_kernel 0 9.1-amd64 sid --known
if "$kernel" sid --is-known 2>/dev/null; then fail '9.2 is not known'; fi
echo 'sid 9.2-1' >known
expect_kernel 0 9.2-amd64 sid --known
"$kernel" sid --is-known
# Those that are not in the list are all fine.
expect_kernel 0 9.2-amd64 backports --known
# Nobody answers: what was there last time.
ARCHIVE=0
expect_kernel 0 9.2-amd64 sid --release
echo 'sid 9.1-1' >known
expect_kernel 0 9.1-amd64 sid --known
rm -r cache/kernels/9.1-amd64
expect_kernel 77 '9.2-amd64 (9.2-1) is newer than 9.1-1' sid --known
rm -r cache/kernels/9.2-amd64
expect_kernel 77 'no kernel sid' sid --release
expect_kernel 77 'no kernel 9.2-amd64' 9.2-amd64 --release
grep -q '^deb .*http://example.invalid/debian/ sid main$' cache/kernels/apt/sid/sources.list
