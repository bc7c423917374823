# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What the tests of power cuts share, on top of tests/lib/tool.sh.
#
#   record ARG...            "vhdx ARG..." on files of c, which is a copy of start; the writes are in trace
#   crash_states COUNT SEED [--without N]
#                            states that a power cut may leave of the files that start/inodes names, each
#                            in c, and judged by ./judge; the number of syncs is in syncs, what is bad in bad

# shellcheck disable=SC2154 # vhdx is that of tests/lib/tool.sh
record() { WRITE_RECORD=$PWD/trace LD_PRELOAD=$VHDX_TOP/build/write-record.so "$vhdx" "$@" >out 2>err </dev/null; }
crash_states() { "$VHDX_TOP/tests/lib/crash-states" trace start c "$2" "$1" "${@:3}" -- ./judge >syncs 2>bad; }
