# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 400
#
# "vhdx merge" and "flatten" on a file system where two files can have the same space: data is not
# copied, takes no space a second time, and stays what it was when one of the files is written to.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 500 mkfs.xfs -q -f -m reflink=1
insmod_vhdx
scribble=$VHDX_TOP/build/scribble
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
used() { sync -f .; df --output=used -k . | tail -n 1; }

truncate -s 64M raw
"$vhdx" create --size 64M --block-size 1M base.vhdx
"$vhdx" attach --no-partitions base.vhdx vm >out
"$scribble" /dev/mapper/vm raw "$seed" 30
expect_status 0 snapshot vm leaf.vhdx
dd if=/dev/urandom of=some bs=1M count=40 status=none
dd if=some of=/dev/mapper/vm bs=1M seek=10 oflag=direct status=none
dd if=some of=raw bs=1M seek=10 conv=notrunc status=none
rm some
"$scribble" /dev/mapper/vm raw "$((seed + 1))" 10
"$vhdx" detach vm

before=$(used)
expect_status 0 flatten --json leaf.vhdx flat.vhdx
[ "$(json 'j["shared"] > 30 << 20')" = True ] || fail "$(<out)"
more=$(($(used) - before))
note "flatten takes $more KiB"
[ $more -lt 25000 ] || fail 'it was copied'
readers_agree flat.vhdx raw
expect_status 0 merge --keep --json leaf.vhdx
[ "$(json 'j["shared"] > 30 << 20')" = True ] || fail "$(<out)"
cp raw was
# Who is written to gets space of its own.
rm leaf.vhdx
"$vhdx" attach --no-partitions base.vhdx vm >out
same /dev/mapper/vm raw
expect_status 0 snapshot vm leaf.vhdx
"$scribble" /dev/mapper/vm raw "$((seed + 2))" 40
expect_status 0 merge --json vm
note "$(<out)"
same /dev/mapper/vm raw
"$scribble" /dev/mapper/vm raw "$((seed + 3))" 40
same /dev/mapper/vm raw
"$vhdx" detach vm
readers_agree base.vhdx raw
readers_agree flat.vhdx was
