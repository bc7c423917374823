# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1200
#
# A sector that cannot be read, whichever it is: whoever needs it says so and ends with an error, nothing of
# what there was is another disk afterwards, and when it can be read again the same command comes to its end.
# VHDX_SEED=N repeats a run that printed N, VHDX_STEP=N takes each Nth read, VHDX_CASES=RE only some cases.
. "$VHDX_TOP/tests/lib/tool.sh"

step=${VHDX_STEP:-9}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# The disk, by a reader that shares no code with the tool, and knows nothing of logs.
leaf()
{
	local image

	case $format in
	vhd) "$VHDX_TOP/tests/lib/naive-vhd" c/[0-9].vhd ;;
	*)
		rm -rf replayed
		cp -r --sparse=always c replayed
		for image in replayed/[0-9].vhdx; do
			"$vhdx" replay --quiet "$image" 2>/dev/null || :
		done
		"$VHDX_TOP/tests/lib/naive-vhdx" replayed/0.vhdx
		;;
	esac
}

# unread COMMAND...: in start
unread()
{
	local n status count=0

	[[ "$format $*" =~ ${VHDX_CASES:-} ]] || return 0
	for ((n = RANDOM % step + 1; ; n += step)); do
		rm -rf c
		cp -r --sparse=always start c
		status=0
		(cd c && READ_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" "$@") >out 2>err </dev/null ||
			status=$?
		! grep -q 'no read failed' err || break
		count=$((count + 1))
		# It was not needed, or could be read another way.
		[ $status != 0 ] || continue
		grep -q "^vhdx: " err || grep -Eq "cannot be read|^ *! " out || fail "$*: read $n fails, and it does not say why: $status"
		! grep -q 'not found' out err || fail "$*: read $n fails, which is no reason to think it is missing"
		# As much as there is with either size.
		leaf >now.raw
		cmp -n 196608 now.raw before.raw || fail "$*, $n: another disk: $(<err)"
		(cd c && "$vhdx" "$@") >out 2>err || fail "$*, $n: not even now: $(<err)"
	done
	note "$format: $*: $count reads of $((n - 1))"
}
RANDOM=$((seed % 32768))

for format in vhd vhdx; do
	rm -rf start c
	mkdir start
	if [ $format = vhd ]; then
		PYTHONPATH=$VHDX_TOP/tests/images python3 - <<-'EOP'
			import mkvhd
			KIB = 1024
			for n, blocks in enumerate(((0, 3, 5), (3, 4), (0, 1, 4))):
			    image = mkvhd.Image(6 * 64 * KIB, 64 * KIB, mkvhd.DIFFERENCING if n < 2 else mkvhd.DYNAMIC)
			    image.blocks = {b: mkvhd.Block(data=mkvhd.content(f'{n} {b}', 64 * KIB),
			                                   bits=[(3, 9), (64, 100)] if b % 3 == 0 else None) for b in blocks}
			    image.footer.id = bytes([n] * 16)
			    image.footer.app = b'tap\0'
			    image.batmap = bytes(512)
			    if n < 2:
			        image.header.parent_id = bytes([n + 1] * 16)
			        image.header.parent_name = f'{n + 1}.vhd'.encode('utf-16-be')
			    image.gap = 300 * 512
			    image.write(f'start/{n}.vhd')
		EOP
	else
		PYTHONPATH=$VHDX_TOP/tests/images python3 - <<-'EOP'
			from mkchain import *
			bits = [n // 16 % 2 == 0 for n in range(256)]
			size = 4 * MIB
			write_chain('start', [Layer(size, MIB, 4096, {3: FULL, 1: PARTIAL, 0: ZERO}, {1: bits}),
			                      Layer(size, MIB, 4096, {1: PARTIAL, 2: FULL}, {1: bits[8:] + bits[:8]}),
			                      Layer(size, MIB, 4096, {n: FULL for n in (0, 1, 3)})])
		EOP
		rm start/*.raw start/map.json
	fi
	cp -r start c
	leaf >before.raw
	unread check --chain 0.$format
	unread map 0.$format
	unread convert 0.$format new.raw
	unread create --format $format --parent 0.$format new.$format
	unread snapshot --no-keep-name 0.$format new.$format
	unread compact 0.$format
	unread resize --force 0.$format 8M
	unread resize --force 0.$format 192K
	unread rebase 0.$format 1.$format
	unread rebase --content 0.$format 2.$format
	unread merge --to new.$format --above 2.$format 0.$format
	unread merge --into 2.$format 0.$format
	unread merge --keep-name 0.$format
done
