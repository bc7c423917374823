# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
# debug: yes
#
# Every malformed image of tests/images/mkvhdx.py: the target gives the errno and the sentence it
# should and writes nothing, or serves the right content; what it wrote to passes "vhdx check".

bulk=$VHDX_TOP/build/fuzz
[ -x "$bulk/bulk" ] || fail 'build/fuzz/bulk is missing: run "make bulk"'

modprobe loop
one_cpu
insmod_vhdx
at_exit unmap bulk
"$bulk/bulk" cases "$bulk/images/cases.tsv" "$bulk/cases.all" | tee output
count=$(wc -l <"$bulk/images/cases.tsv")
[ "$count" -gt 300 ] || fail "only $count cases"
# Not one of them was left out.
read -r mapped _ refused _ < <(tail -n 1 output)
[ $((mapped + refused)) = "$count" ] || fail "$mapped + $refused of $count were tried"
