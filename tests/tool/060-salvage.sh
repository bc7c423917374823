# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# timeout: 300
#
# "vhdx check --repair=salvage": what is left of an image can be read again, what is lost is named,
# and whatever write it is killed at, it can be run once more and comes to the same.
. "$VHDX_TOP/tests/lib/salvage.sh"

# --- a file that was cut ---

"$vhdx" create --size 16M --block-size 2M image
for b in 0 1 2 3 4 5; do
	qemu-io -f vhdx -c "write -P $((b + 65)) $((2 * b))M 2M" image >out
done
whole=$(raw image)
size=$(stat -c %s image)

# What is cut, in units of 512 KiB, and what is lost then: (start, length).
while read -r cut wanted; do
	cp image cut
	truncate -s $((size - cut * 524288)) cut
	before=$(sum cut)
	expect_status 4 check cut
	expect_output "check --repair=salvage' on a copy"
	expect_status 4 check --repair cut
	[ "$before" = "$(sum cut)" ] || fail "cut by $cut: a repair that was not asked for"
	cp cut json
	expect_status 1 check --json --repair=salvage json
	[ "$(lost)" = "$wanted" ] || fail "cut by $cut: lost $(lost), not $wanted"
	[ "$(json 'j["result"], j["errors"], j["lost_bytes"] == sum(l["length"] for l in j["lost"])')" = "repaired 0 True" ]
	if [ "$cut" = 13 ]; then
		salvage_killed cut
	else
		cp cut killed
		expect_status 1 check --repair=salvage killed
	fi
	expect_output 'salvage: lost: bytes [0-9]+ to [0-9]+ of the disk'
	expect_status 0 check killed
	# What is not lost is as it was, and what is lost reads as zeros.
	raw killed >out
	python3 - "$wanted" <<'PYTHON'
import sys
raw = open('raw', 'rb').read()
lost = {i for start, length in eval(sys.argv[1]) for i in range(start, start + length)}
for i in range(32):
    byte = 0 if i in lost or i >= 24 else 65 + i // 4
    assert raw[i << 19:i + 1 << 19] == bytes([byte]) * (1 << 19), i
PYTHON
	# Blocks of which nothing is left stay told apart from those that were never written.
	expect_status 0 map --json killed
	json 'sum(e["length"] for e in j if e["state"] == "undefined") >> 21' >undefined
	[ "$(cat undefined)" = "$(python3 -c "print(($cut + 0) // 4)")" ] || fail "cut by $cut: $(cat out)"
	expect_status 0 check --repair=salvage killed
done <<'CUTS'
1 [(23, 1)]
2 [(22, 2)]
4 [(20, 4)]
12 [(12, 12)]
13 [(11, 13)]
24 [(0, 24)]
CUTS

# Nobody is lost by a repair of what is whole.
before=$(sum image)
expect_status 0 check --repair=salvage image
[ "$before" = "$(sum image)" ] || fail 'a whole image was written'
[ "$whole" = "$(raw image)" ]

# A log to replay, in a file shorter than it says.
mkvhdx image dirty --size 16777216 --dirty >out
expect_status 0 map --json dirty
data=$(json '[(e["start"], e["file_offset"]) for e in j if e["state"] == "data"]')
for cut in 524288 1048576; do
	cp dirty cut
	truncate -s -$cut cut
	expect_status 4 check cut
	expect_output 'it was cut off: .*--repair=salvage'
	salvage_killed cut
	expect_status 0 info --json killed
	[ "$(json 'j["log_state"]')" = clean ]
	expect_status 0 map --json killed
	[ "$(json '[(e["start"], e["file_offset"]) for e in j if e["state"] == "data"]')" = "$(python3 -c "
size = $(stat -c %s dirty) - $cut
print([b for b in $data if b[1] < size])")" ] || fail "dirty, cut by $cut: $(cat out)"
done

# A fixed image keeps room for all of its blocks.
mkvhdx image fixed --size 8388608 --fixed >out
size=$(stat -c %s fixed)
truncate -s -3670016 fixed
salvage_killed fixed
[ "$(stat -c %s killed)" -ge "$size" ] || fail 'no room for the blocks of a fixed image'

# A cut that takes the tables is beyond help, and is said so without a circle.
cp image cut
truncate -s 3M cut
before=$(sum cut)
expect_status 4 check --repair=salvage cut
expect_no_output "'vhdx check --repair"
[ "$before" = "$(sum cut)" ]

# --- whatever else is wrong ---

mkvhdx cases cases
tried=0
while IFS=$'\t' read -r _ file device mode result fault _; do
	[ "$mode $device" = 'rw 0' ] || continue
	tried=$((tried + 1))
	case $fault in
	LOG_RANGE | LOG_LOST | FILE_CUT | BAT_RANGE | BAT_FAR | BAT_OFFSET | BAT_STATE | BAT_RESERVED | \
		BAT_PARTIAL | BAT_ANCHOR | NO_HEADER | HEADER_TIE) wanted='1 0' ;;
	NOT_VHDX) wanted='1 0'; [[ $file != *-vhd.* ]] || wanted='8 8' ;;
	*)
		# Of the others some; a file can grow where a device cannot.
		[[ $((tried % 8)) = 0 && $file != *.device.* ]] || continue
		case $fault in
		-) wanted='0 0|1 0' ;;
		LOG_NONE | HEADER_SEQ_MAX) wanted='0 0' ;;
		BAT_CUT) wanted='1 0' ;;
		*) wanted='4 4' ;;
		esac
		;;
	esac
	cp --sparse=always "cases/$file" broken
	before=$(sum broken)
	status=0
	"$vhdx" check --repair=salvage broken >out 2>err || status=$?
	if [ $status = 4 ] && ! grep -q 'repaired:' out; then
		[ "$before" = "$(sum broken)" ] || fail "$file: nothing was repaired, but written"
	fi
	expect_no_output "'vhdx check --repair"
	again=0
	"$vhdx" check --quiet broken 2>err || again=$?
	[[ "$status $again" =~ ^($wanted)$ ]] || fail "$file ($result $fault): status $status, then $again: $(cat out err)"
done < <(sed '/^#/d; /^case/d' cases/cases.tsv)
salvage_killed cases/066-state-3-in-block.vhdx

status=0
"$vhdx" check --repair=magic image >out 2>err || status=$?
[ $status = 16 ]
expect_output "'magic', not 'salvage'"
