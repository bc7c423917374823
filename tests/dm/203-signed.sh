# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# vm: own
# kernels: check
# debug: no, its modules are not signed
# timeout: 600
#
# A kernel that takes only modules with a signature it trusts, as with Secure Boot: "vhdx attach" says what is
# wrong with the module's and what to do about it.
need openssl

# As DKMS does it.
sign=$("$VHDX_TOP/tests/vm/kernel" "$VHDX_KERNEL" --headers)/scripts/sign-file
[ -x "$sign" ] || skip 'there is no sign-file for this kernel'
openssl req -new -x509 -nodes -days 36500 -subj '/CN=some key' -newkey rsa:2048 -keyout key -outform DER -out cert 2>out ||
	{ cat out; fail 'openssl'; }
ko=$VHDX_TOP/build/$("$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --which)/dm-vhdx.ko
strip -g -o unsigned.ko "$ko"
cp unsigned.ko signed.ko
"$sign" sha256 key cert signed.ko

cat >guest <<'GUEST'
set -euo pipefail
PATH=$VHDX_TOP/build:$PATH
dir=$1 tree=/tmp/tree

modules=$tree/lib/modules/$VHDX_RELEASE
mkdir -p "$modules"
touch "$modules"/modules.{order,builtin,builtin.modinfo}
printf '#!/bin/sh\nexec /sbin/modprobe -d %s "$@"\n' $tree >/tmp/modprobe
chmod 755 /tmp/modprobe
echo /tmp/modprobe >/proc/sys/kernel/modprobe
for m in $(modinfo -F depends "$VHDX_KO" | tr , ' '); do modprobe "$m"; done
cd /tmp
vhdx create --size 1M d.vhdx

try() # FILE WHAT
{
	echo "= $2"
	cp "$dir/$1" "$modules/dm-vhdx.ko"
	depmod -b $tree
	! vhdx attach d.vhdx 2>&1 || exit 1
	! /tmp/modprobe dm-vhdx 2>&1 || exit 1
	dmesg | grep -E 'Loading of|Lockdown: ' | tail -n 1
}
mount -t securityfs securityfs /sys/kernel/security
echo integrity >/sys/kernel/security/lockdown
try signed.ko lockdown
echo Y >/sys/module/module/parameters/sig_enforce
try unsigned.ko unsigned
try signed.ko key
GUEST

"$VHDX_TOP/tests/vm/run" --kernel "$VHDX_KERNEL" --smp 1 --timeout 300 --log console -- bash "$SCRATCH/guest" "$SCRATCH" >out 2>&1 ||
	{ cat out; fail "tests/vm/run ended with status $?"; }
cat out

# $1: which; $2: what is wrong; $3: what to do; $4: modprobe's words, $5: the kernel's, as in dm-vhdx.rst
says()
{
	sed -n "/^= $1$/,/^= /p" out >said
	grep -qE "^vhdx: the kernel takes only $2: $3; 'vhdx attach --stock --read-only' does without the module$" said || fail "$1: vhdx"
	grep -qF "ERROR: could not insert 'dm_vhdx': $4" said || fail "$1: modprobe"
	grep -qF "$5" said || fail "$1: the kernel"
}

sign="have DKMS sign it, .*'openssl'.*"
enrol="enrol that key, DKMS's with 'mokutil --import /var/lib/dkms/mok.pub' and a reboot"
says lockdown "modules signed with a key it trusts, and the module 'dm-vhdx' is not" "$sign; if it is signed, $enrol" \
	'Operation not permitted' 'Lockdown: modprobe: unsigned module loading is restricted; see man kernel_lockdown.7'
says unsigned "signed modules, and the module 'dm-vhdx' is not signed" "$sign" \
	'Key was rejected by service' 'Loading of unsigned module is rejected'
says key "modules signed with a key it trusts, and the module 'dm-vhdx' is signed with another one" "$enrol" \
	'Key was rejected by service' 'Loading of module with unavailable key is rejected'
