# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 900
# debug: turn
#
# Thousands of images that the fuzzers' mutator made of the good and the malformed ones, read-only and
# read-write: the target's verdict is that of the shared code in user space, down to errno and
# sentence; what is refused or read-only is not written to; what is mapped serves what it should.
#
# The images depend on VHDX_SEED only. VHDX_BULK_COUNT is how many; VHDX_BULK_ONE=N tries number N alone.

bulk=$VHDX_TOP/build/fuzz
[ -x "$bulk/bulk" ] || fail 'build/fuzz/bulk is missing: run "make bulk"'

# KASAN and lockdep take their time.
count=1000
[ "$VHDX_KERNEL" != debug ] || count=200
count=${VHDX_BULK_COUNT:-$count}
seed=${VHDX_SEED:-$(($(od -An -N4 -tu4 /dev/urandom)))}
note "VHDX_SEED=$seed, $count images"

modprobe loop
one_cpu
insmod_vhdx
at_exit unmap bulk
"$bulk/bulk" fuzz "$bulk/seeds.all" "$seed" "$count" ${VHDX_BULK_ONE:+"$VHDX_BULK_ONE"} | tee output
read -r mapped _ refused _ < <(tail -n 1 output)
# Were all of them refused for one and the same reason, this would test little.
[ -n "${VHDX_BULK_ONE-}" ] || {
	[ "$mapped" -gt $((count / 10)) ] || fail "only $mapped were mapped"
	[ "$refused" -gt $((count / 10)) ] || fail "only $refused were refused"
}
