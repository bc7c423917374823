# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# kmod/compat/probe: what compiles is there, what does not is not, and headers that do not compile at all
# are an error and no old kernel.
. "$VHDX_TOP/tests/lib/tool.sh"

cat >compiler <<'END'
#!/bin/sh
for source; do :; done
echo "${source##*/}" >>seen
case ${source##*/} in
$COMPILES) exit 0 ;;
esac
exit 1
END
chmod +x compiler

probe() { COMPILES=$1 "$VHDX_TOP/kmod/compat/probe" have.h key ./compiler >out 2>&1; }

for name in "$VHDX_TOP"/kmod/compat/probes/*.c; do
	name=$(basename "$name" .c)
	macro=VHDX_HAVE_$(tr 'a-z-' 'A-Z_' <<<"$name")
	[ "$name" != none ] || continue
	[ -e "$VHDX_TOP/kmod/compat/$name.h" ] || fail "there is a probe but no shim: $name"
	probe 'none.c'
	! grep "define" have.h || fail 'nothing compiles but it is there'
	grep -q "$macro: no" have.h
	COMPILES='' "$VHDX_TOP/kmod/compat/probe" all.h key true
	grep -q "^#define $macro 1\$" all.h
	grep -qw "$macro" "$VHDX_TOP/kmod/compat/$name.h" || fail "the shim does not ask for $macro"
done
cp have.h before
if probe 'nothing'; then fail 'headers that do not compile are not told'; fi
cmp have.h before
# Nobody compares versions.
if grep -rnE 'LINUX_VERSION|KERNEL_VERSION|RHEL_' "$VHDX_TOP/kmod" "$VHDX_TOP/Kbuild"; then
	fail 'a version is compared'
fi
