# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# long: yes
# timeout: 1200
#
# A chain of 256 layers, the most that there may be, against the content that its maker worked out: read
# and written through the target, one more layer refused, and all of it merged below the disk in use.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
need python3

scratch_fs 700 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
scribble=$VHDX_TOP/build/scribble
seed=${VHDX_SEED:-$RANDOM}
note "VHDX_SEED=$seed"

python3 - "$seed" <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	import random
	from mkchain import *
	dice = random.Random(int(sys.argv[1]))
	layers = [random_layer(dice, 2 * MIB, 512, i == 255) for i in range(256)]
	# A merge wants those two clean.
	layers[254].dirty = layers[255].dirty = False
	write_chain('c', layers)
EOP
note "made after $SECONDS s"
cp c/disk.raw raw
"$vhdx" attach --read-only --no-partitions c/0.vhdx deep >out
note "attached after $SECONDS s"
[ "$(dmsetup table deep | grep -o ' parent ' | wc -l)" = 255 ]
same /dev/mapper/deep raw
cmp raw <(dd if=/dev/mapper/deep bs=3584 iflag=direct status=none)
echo 2 >/proc/sys/vm/drop_caches
cmp raw /dev/mapper/deep
"$vhdx" detach deep

"$vhdx" attach --no-partitions c/0.vhdx deep >out
"$scribble" /dev/mapper/deep raw "$seed" 60
same /dev/mapper/deep raw
expect_fail -m '256' "$vhdx" snapshot deep c/more.vhdx
dmsetup suspend deep
dmsetup resume deep
same /dev/mapper/deep raw
note "written after $SECONDS s"
expect_status 0 merge --into c/255.vhdx --verbose --json deep
note "merged after $SECONDS s: $(<err)"
[ "$(json 'j["layers"]')" = 255 ]
[ "$(echo c/*.vhdx)" = c/255.vhdx ] || fail "$(ls c)"
same /dev/mapper/deep raw
"$scribble" /dev/mapper/deep raw "$((seed + 1))" 20
same /dev/mapper/deep raw
"$vhdx" detach deep
"$vhdx" check --quiet c/255.vhdx
