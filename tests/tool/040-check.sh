# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx check": what it finds, what it repairs, and advice that leads on.
. "$VHDX_TOP/tests/lib/tool.sh"
need qemu-img

mkvhdx cases cases

# The exit status, for every image there is: clean or dirty but good, or errors left.
while IFS=$'\t' read -r _ file device mode result fault _; do
	[ "$mode $device" = 'rw 0' ] || continue
	case $result,$fault in
	ok,*) wanted='0 4' ;;
	# Who only reads need not know.
	*,LOG_NONE | *,HEADER_SEQ_MAX) wanted=0 ;;
	# One that seems to be something else is none; others have lost what says that they are.
	*,NOT_VHDX) wanted=4; [[ $file != *-vhd.* ]] || wanted=8 ;;
	*) wanted=4 ;;
	esac
	status=0
	"$vhdx" check "cases/$file" >out 2>err || status=$?
	[[ " $wanted " == *" $status "* ]] ||
		fail "$file ($result $fault): status $status: $(cat out err)"
done < <(sed '/^#/d; /^case/d' cases/cases.tsv)

# Repair: each of what it can do, and nothing is left to say afterwards.
for file in 003-header1-checksum 003-header2-signature 017-different 059-half 071-three-entries; do
	cp cases/$file.vhdx image
	expect_status 4 check image
	expect_output "vhdx check --repair|vhdx replay"
	expect_status 1 check --repair image
	expect_no_output 'check --repair'
	expect_status 0 check image
	qemu-img check -q image
done

# What cannot be repaired is left as it is, and nobody is sent in a circle.
for file in 016-both-signature 006-sequence-max; do
	cp cases/$file.vhdx image
	printf '\0' | dd of=image bs=1 seek=65536 conv=notrunc status=none	# the first header
	sum=$(sha256sum <image)
	expect_status 4 check image
	expect_no_output 'check --repair'
	expect_status 4 check --repair image
	expect_no_output 'check --repair'
	[ "$sum" = "$(sha256sum <image)" ] || fail "$file: written all the same"
done

# A block that is cut and lies on another one: both are seen before anything is written.
"$vhdx" create --force --size 5M --block-size 2M image
python3 - <<'EOF'
import struct
with open('image', 'r+b') as f:
    f.truncate(7 << 20)
    f.seek(3 << 20)
    f.write(struct.pack('<QQQ', 5 << 20 | 6, 0, 6 << 20 | 6))
EOF
sum=$(sha256sum <image)
expect_status 4 check image
expect_output 'overlaps'
expect_status 4 check --repair image
[ "$sum" = "$(sha256sum <image)" ] || fail 'a repair that could not help has written'

# Anchors: the one that collides is named, with where it points to.
"$vhdx" create --force --size 4M --block-size 1M image
python3 - <<'EOF'
import struct
with open('image', 'r+b') as f:
    f.truncate(8 << 20)
    f.seek(3 << 20)
    f.write(struct.pack('<QQQ', 0, 5 << 20 | 3, 5 << 20 | 6))
EOF
expect_status 4 check --json image
[ "$(json '[(p["problem"], p["number"], p["file_offset"]) for p in j["places"]]')" = "[('BAT_ANCHOR', 1, 5242880)]" ]
expect_status 0 map image

# A replay that cannot be done changes nothing; one that is done says so if the image is bad.
cp cases/088-far.device.vhdx image
sum=$(sha256sum <image)
(
	ulimit -f 100000
	"$vhdx" replay image >out 2>err
) && fail 'a file of that size?'
expect_output 'use a file system that takes larger files'
[ "$sum" = "$(sha256sum <image)" ] || fail 'the headers were written'

cp cases/071-three-entries.vhdx image
expect_status 0 info --json image
meta=$(json '[r["offset"] for r in j["regions"] if r.get("name") == "metadata"][0]')
printf 'damaged!' | dd of=image bs=1 seek="$meta" conv=notrunc status=none
expect_status 0 replay image
expect_output "replayed [0-9]+ log entries"
expect_output "but the image is damaged .*: run 'vhdx check' on it"
expect_status 4 check image
