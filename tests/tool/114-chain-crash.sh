# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
#
# What a power cut leaves of what makes new files, gives files other names, or an image another parent: as
# 223, and names that were not synced may be there or not, whatever the order. The disk is to be found, and
# is what it was or what it was to become, by readers that share no code with the tool; the same command
# comes to its end.
# Controls: without some of the syncs there are bad states. VHDX_SEED=N repeats a run that printed N,
# VHDX_STATES=N has so many states of each, VHDX_CASES=RE only some cases.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/merge.sh"

states=${VHDX_STATES:-5}
seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

# disk FILE: what it reads as, and so do its parents
cat >disk <<-EOS
	#!/bin/bash
	case \$(head -c 8 \$1) in
	vhdxfile) "$VHDX_TOP/tests/lib/naive-vhdx" \$1 ;;
	conectix) "$VHDX_TOP/tests/lib/naive-vhd" --chain \$1 ;;
	*) case \$1 in
		*.vhd) "$VHDX_TOP/tests/lib/naive-vhd" --chain \$1 ;;
		*) cat \$1 ;;
		esac ;;
	esac
EOS
# judge: each way to judge has one function, which looks at the files in c; then the same command once more
cat >judge <<-EOS
	#!/bin/bash
	exec >judged 2>&1
	# Nobody waits for a disk.
	export LD_PRELOAD=$VHDX_TOP/build/write-fault.so
	is() { ./disk c/\$1 | cmp - \$2; }
	# What has this name is an image with all that belongs to it, or nothing has.
	whole() { [ ! -e c/\$1 ] || { good \$1 && is \$1 \$2; }; }
	good() { case \$1 in *.vhd*) "$vhdx" check --quiet --chain c/\$1 ;; esac; }
	again() { (cd c && "$vhdx" \$COMMAND); }
	# The image itself is written to.
	rebased()
	{
		good 0.vhdx || exit 1
		[ ! "\$DONE" ] && is 0.vhdx before.raw || is 0.vhdx after.raw || exit 1
		again && good 0.vhdx && is 0.vhdx after.raw
	}
	# A new file, \$NEW, which is there or not, or was there before.
	made()
	{
		for old in \$OLD; do
			good \$old && is \$old before.raw || exit 1
		done
		if [ "\$DONE" ]; then
			[ -e c/\$NEW ] && good \$NEW && is \$NEW after.raw || exit 1
		elif [ -e start/\$NEW ] && cmp c/\$NEW start/\$NEW; then
			:
		else
			whole \$NEW after.raw || exit 1
		fi
		if [ -e c/\$NEW ] && [[ \$COMMAND != *--force* ]]; then
			again && exit 1
			grep -q exists judged || exit 1
			return 0
		fi
		again && good \$NEW && is \$NEW after.raw
	}
	# The disk has the name that it had; \$NEW is the image, as it was, or not what it is to be yet.
	kept()
	{
		image=\$OLD
		[ "\$(sha256sum <c/\$OLD)" = "\$SUM" ] || image=\$NEW
		if [ ! -e c/\$OLD ] && [ "\$LOSES_NAME" ]; then
			# Then it is the other one's.
			[ "\$(sha256sum <c/\$NEW)" = "\$SUM" ]
			exit
		fi
		good \$OLD && is \$OLD before.raw || exit 1
		[ ! "\$DONE" ] || [ \$image = \$NEW ] || exit 1
		[ "\$(sha256sum <c/\$image)" = "\$SUM" ] || exit 1
		# Done, or half done: then what was made is in the way, or is not there.
		if [ -e c/\$NEW ]; then
			again && exit 1
			grep -q exists judged || exit 1
			[ \$image = \$OLD ] || return 0
			rm c/\$NEW
		fi
		again && good \$OLD && is \$OLD before.raw && [ "\$(sha256sum <c/\$NEW)" = "\$SUM" ]
	}
	# The leaf, with all its parents, or only the result.
	merged()
	{
		if [ "\$DONE" ]; then
			[ ! -e c/\$LEAF ] || [ \$LEAF = \$RESULT ] || exit 1
		elif [ -e c/\$LEAF ]; then
			good \$LEAF && is \$LEAF before.raw || {
				[ "\$FORMAT" = vhd ] && again && good \$RESULT && is \$RESULT before.raw
				exit
			}
			# Whose merge is over needs no other one.
			[ \$LEAF != \$RESULT ] || [ -e c/\$TARGET ] || return 0
			again || exit 1
		fi
		good \$RESULT && is \$RESULT before.raw
	}
	\$JUDGE
EOS
chmod +x disk judge

# begin: all that is in start is what there is before. finish NAME: after a run of "vhdx $COMMAND" in c
begin()
{
	local file

	rm -rf c trace
	cp -r --sparse=always start c
	: >start/inodes
	for file in c/*; do
		echo "$(stat -c %i "$file") ${file#c/}" >>start/inodes
	done
	echo "$(stat -c %i c) ." >>start/inodes
}
run()
{
	# shellcheck disable=SC2086 # words
	(cd c && WRITE_RECORD=$OLDPWD/trace LD_PRELOAD=$VHDX_TOP/build/write-record.so "$vhdx" $COMMAND) >out 2>err </dev/null ||
		fail "$COMMAND: $(<err)"
}
# crash JUDGE COMMAND: before.raw and after.raw are there
crash()
{
	export JUDGE=$1 COMMAND=$2
	[[ "$JUDGE $COMMAND" =~ ${VHDX_CASES:-} ]] || return 0
	begin
	run
	[ -z "${AFTER:-}" ] || ./disk "c/$AFTER" >after.raw
	crash_states "$states" "$seed" || fail "$COMMAND: $(<bad): $(<judged)"
	note "$COMMAND: $(<syncs) syncs"
}
# caught: by the states, without a sync of the last case
caught()
{
	local n without count

	[ -z "${VHDX_CASES:-}" ] || return 0
	count=$(<syncs)
	# One, or two in a row.
	for ((n = count; n > 0; n--)); do
		for without in $n $n,$((n + 1)); do
			crash_states 15 $((seed + n)) --without "$without" || break 2
		done
	done
	[ $n -gt 0 ] || fail "it would not find a sync that is missing: $COMMAND"
	note "found out without sync $without"
}

# --- another parent, or the same in another place ------------------------------------------------

python3 - <<-EOP
	import sys
	sys.path.insert(0, '$VHDX_TOP/tests/images')
	from mkchain import *
	def bits(step):
	    return [n // step % 2 == 0 for n in range(256)]
	size = 4 * MIB + 5 * 4096
	leaf = Layer(size, MIB, 4096, {0: PARTIAL, 2: PARTIAL, 3: ZERO}, {0: bits(16), 2: bits(30)})
	write_chain('rebase', [leaf, Layer(size, MIB, 4096, {n: FULL for n in (0, 1, 4)})])
	write_chain('other', [Layer(size, MIB, 4096, {n: FULL for n in (0, 2)})])
EOP
mkdir start
cp rebase/*.vhdx start
cp start/1.vhdx start/moved.vhdx
cp other/0.vhdx start/other.vhdx
# Somebody's, behind what the image has.
head -c 1200000 /dev/urandom >>start/0.vhdx
./disk start/0.vhdx | cmp - rebase/disk.raw
cp rebase/disk.raw before.raw
AFTER=0.vhdx
crash rebased 'rebase 0.vhdx moved.vhdx'
crash rebased 'rebase --content 0.vhdx other.vhdx'
[ ! -e after.raw ] || cmp before.raw after.raw
caught
crash rebased 'rebase --force 0.vhdx other.vhdx'
! cmp -s before.raw after.raw || fail 'it has not changed'

# --- a child ---------------------------------------------------------------------------------------

rm -r start
mkdir start
python3 - a.raw "$seed" <<-'EOP'
	import random, sys
	dice = random.Random(int(sys.argv[2]))
	with open(sys.argv[1], 'wb') as f:
	    f.truncate((3 << 20) + 4096)
	    for block in (0, 2):
	        f.seek((block << 20) + 500 * 512)
	        f.write(dice.randbytes(3000))
EOP
for to in vhdx vhd; do
	"$vhdx" convert -O $to -b 1M a.raw start/base.$to
	"$vhdx" create --format $to --parent start/base.$to start/disk.$to
done
cp a.raw before.raw
cp a.raw after.raw
AFTER=
for FORMAT in vhdx vhd; do
	export FORMAT OLD=disk.$FORMAT NEW=new.$FORMAT
	crash made "snapshot --no-keep-name disk.$FORMAT new.$FORMAT"
	# Where a file has a name before it is finished.
	export NO_TMPFILE=1
	crash made "create --format $FORMAT --parent disk.$FORMAT new.$FORMAT"
	caught
	SUM=$(sha256sum <start/disk.$FORMAT)
	export SUM
	crash kept "snapshot --keep-name disk.$FORMAT new.$FORMAT"
	# Where they cannot change names at once, and where no file has two: there one may be missing.
	export NO_EXCHANGE=1
	crash kept "snapshot --keep-name disk.$FORMAT new.$FORMAT"
	export NO_LINK=1 LOSES_NAME=1
	crash kept "snapshot --keep-name disk.$FORMAT new.$FORMAT"
	caught
	unset NO_EXCHANGE NO_LINK LOSES_NAME NO_TMPFILE
done

# --- copies --------------------------------------------------------------------------------------

"$vhdx" convert -O vhdx a.raw start/new.vhdx
cp start/new.vhdx start/new.vhd
cp start/new.vhdx start/new.raw
export OLD='disk.vhdx disk.vhd'
for NEW in new.vhdx new.vhd there.vhd; do
	export NEW NO_TMPFILE=1
	[ $NEW != new.vhd ] || unset NO_TMPFILE
	force=--force
	[ $NEW != there.vhd ] || force=
	crash made "flatten $force disk.${NEW#*.} $NEW"
done
unset NO_TMPFILE
cp a.raw start
for args in '-O raw a.raw new.raw' '-O vhd --continue a.raw new.vhd' '-O vhdx a.raw new.vhdx' \
	'-O vhdx -t fixed --continue a.raw new.vhdx' '-O vhd -t fixed a.raw new.vhd' \
	'-O raw --continue disk.vhdx new.raw' '-O vhdx disk.vhd new.vhdx'; do
	export NEW=${args##* } OLD=a.raw
	crash made "convert --force $args"
done
caught

# --- a merge, and what it deletes ------------------------------------------------------------------

# The contents are the subject of 109 and 112.
for FORMAT in vhdx vhd; do
	export FORMAT LEAF=0.$FORMAT TARGET=2.$FORMAT
	rm -rf start
	if [ $FORMAT = vhdx ]; then
		chain start 3 "$seed"
		rm -f start/*.raw start/map.json
	else
		vhd_chain start 2 "$seed" $((512 * 1024))
	fi
	./disk start/0.$FORMAT >before.raw
	cp before.raw after.raw
	RESULT=2.$FORMAT crash merged "merge --into 2.$FORMAT 0.$FORMAT"
	export RESULT=0.$FORMAT
	crash merged "merge --keep-name --into 2.$FORMAT 0.$FORMAT"
	[ $FORMAT = vhd ] || caught
done
