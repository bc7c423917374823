# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# debug: turn
# timeout: 900
#
# Dynamic and differencing VHD images, written: random chains of all depths, by one writer and by several,
# on space that is zero and on space that is not, against the naive model; mapped anew, suspended and
# reloaded with work under way; read by others.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
need python3 qemu-img

scratch_fs 500
insmod_vhdx

# A device for IMAGE, extended by so much; "foreign": by what is not zero. Sets $dev and $zeroed.
extended()
{
	local end

	end=$(stat -c %s "$1")
	if [ "$3" = foreign ]; then
		head -c "$2" /dev/urandom >>"$1"
		zeroed=
	else
		truncate -s "+$2" "$1"
		zeroed=$(((end + 1048575 >> 20) * 2048))
	fi
	truncate -s "%512" "$1"
	dev=$(loop_make "$1" --direct-io=on)
}

# words WORD...: with their number
words()
{
	[ $# = 0 ] || echo "$# $*"
}

seed=${VHDX_SEED:-$RANDOM}
note "seed $seed"
rounds=8
[ "$VHDX_KERNEL" != debug ] || rounds=2	# KASAN and lockdep take their time
VHDX_SEED=$seed vhd_chains chains $rounds
for ((c = 0; c < rounds; c++)); do
	depth=$((c % 4))
	type=$(dd if=chains/$c-0 bs=1 count=4 skip=60 status=none | od -An -tx1 | tr -d ' ')
	[ $depth != 0 ] || [ "$type" = 00000003 ] || depth=3
	image=chains/$c-$depth
	images=("$image") parents=() devs=()
	for ((i = depth - 1; i >= 0; i--)); do
		images+=("chains/$c-$i")
		devs+=("$(loop_make chains/$c-$i --read-only)")
		parents+=(parent "${devs[-1]}")
	done
	naive "${images[@]}" >raw
	[ $depth = 0 ] || sha256sum "${images[@]:1}" >parents.sum
	above=()
	[ $depth = 0 ] || above=(--parent "chains/$c-$((depth - 1))")
	kind=$([ $((c % 3)) = 1 ] && echo foreign || echo zero)
	note "chain $c, depth $depth, $kind"
	extended "$image" 12M "$kind"
	size=$(($(stat -c %s raw) / 512))
	# shellcheck disable=SC2046,SC2086 # words
	map x "0 $size vhd $dev $(words ${zeroed:+zeroed_from $zeroed} "${parents[@]}")"
	same /dev/mapper/x raw || fail "chain $c: wrong before"
	"$scribble" /dev/mapper/x raw $((seed + c)) 100 || fail "chain $c"
	"$scribble" /dev/mapper/x raw $((seed + c)) 40 --threads 2 &
	pid=$!
	for i in 1 2 3; do
		dmsetup suspend x
		if [ $i = 2 ]; then
			cp --sparse=always "$image" copy
			"$vhdx" check "${above[@]}" copy || fail "chain $c: not clean while suspended"
		fi
		dmsetup resume x
		sleep 0.1
	done
	wait $pid || fail "chain $c, threads"
	echo 2 >/proc/sys/vm/drop_caches
	same /dev/mapper/x raw || fail "chain $c: wrong"
	[ "$(status x mode)" = rw ]
	# Another table takes it over.
	dmsetup reload x --table "$(dmsetup table x)"
	dmsetup suspend x
	dmsetup resume x
	"$scribble" /dev/mapper/x raw $((seed + c + 1)) 30 || fail "chain $c, reloaded"
	same /dev/mapper/x raw || fail "chain $c: wrong when reloaded"
	unmap x
	naive "${images[@]}" | cmp - raw || fail "chain $c: another makes something else of it"
	# shellcheck disable=SC2046 # words
	map x "0 $size vhd $dev $(words read_only "${parents[@]}")" --readonly
	same /dev/mapper/x raw || fail "chain $c: wrong after"
	unmap x
	loop_remove "$dev"
	for dev in "${devs[@]}"; do
		loop_remove "$dev"
	done
	"$vhdx" check "${above[@]}" "$image" || fail "chain $c: check"
	[ $depth = 0 ] || sha256sum --quiet -c parents.sum || fail 'a parent was written'
	if [ $depth = 0 ]; then
		qemu-img convert -f vpc -O raw "$image" qemu.raw
		cmp -n "$(stat -c %s raw)" qemu.raw raw || fail "chain $c: QEMU reads something else"
	fi
	rm -f "${images[@]}"
done
