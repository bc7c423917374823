# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# debug: turn
#
# Every malformed image of tests/images/mkvhdx.py: the target gives the errno and the sentence it
# should and writes nothing, or serves the right content; what it wrote to passes "vhdx check".

bulk=$VHDX_TOP/build/fuzz
[ -x "$bulk/bulk" ] || fail 'build/fuzz/bulk is missing: run "make bulk"'

modprobe loop
one_cpu
insmod_vhdx
at_exit unmap bulk
# Most lines of cases.tsv stand for both modes. KASAN and lockdep take their time.
both=both
[ "$VHDX_KERNEL" != debug ] || both=
"$bulk/bulk" cases "$bulk/images/cases.tsv" "$bulk/cases.all" $both | tee output
count=$(wc -l <"$bulk/images/cases.tsv")
[ -z "$both" ] || count=$((2 * $(cut -f2 "$bulk/images/cases.tsv" | sort -u | wc -l)))
[ "$count" -gt 300 ] || fail "only $count cases"
# Not one of them was left out.
read -r mapped _ refused _ < <(tail -n 1 output)
[ $((mapped + refused)) = "$count" ] || fail "$mapped + $refused of $count were tried"
