# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 300
#
# "vhdx check" of VHD images: each malformed case has its name and changes nothing; what can be
# repaired is, and what is lost is told and given up.
. "$VHDX_TOP/tests/lib/tool.sh"

naive() { "$VHDX_TOP/tests/lib/naive-vhd" "$@"; }
mapped() { "$VHDX_TOP/tests/lib/mapped-disk" "$vhdx" "$@"; }

"$VHDX_TOP/tests/images/mkvhd.py" cases cases
# What no repair is for stays as it is: an image for each fault, the others are for the unit tests.
while IFS=$'\t' read -r _ file _ mode result fault _; do
	if [ "$result" = ok ] || [ "$mode" = ro ]; then
		continue
	fi
	image=cases/$file
	status=4
	[ "$fault" != VHD_SHORT ] || status=0
	case $fault in
	VHD_BAT_* | VHD_SHORT) ;;
	VHD_NO_FOOTER)
		# The letters alone make no image.
		expect_status 8 check --repair=salvage "$image"
		expect_output 'no VHD image: no good footer'
		continue
		;;
	*)
		sum=$(sha256sum <"$image")
		expect_status 4 check --repair=salvage "$image"
		[ "$(sha256sum <"$image")" = "$sum" ] || fail "$file has changed"
		expect_status 1 info "$image"
		;;
	esac
	expect_status $status check --json "$image"
	expect_output "\"name\": *\"$fault\""
done < <(sort -t $'\t' -k 6,6 -u -s cases/cases.tsv)

# repair NAME FILE: without loss; afterwards it is clean, and the disk is what it was
repair()
{
	cp "cases/$2" image
	mapped image >before
	expect_status 1 check --repair --json image
	[ "$(json "[p['level'] for p in j['problems'] if p['name'] == '$1']")" = "['repaired']" ] ||
		fail "$2: $(cat out)"
	expect_status 0 check image
	expect_output ': clean'
	expect_no_output 'note|warning'
	mapped image | cmp - before || fail "$2: the disk has changed"
	naive image | cmp - before
}
repair VHD_TAIL 093-tail-damaged.vhd
repair VHD_TAIL 093-tail-missing.vhd
repair VHD_TAIL 109-over-lost-footer.vhd
repair VHD_COPY 096-copy-missing.vhd
repair VHD_DIFFER 096-differ.vhd
repair VHD_SHORT 097-short-dynamic.vhd
repair VHD_SHORT 097-short-fixed.vhd
[ $(($(stat -c %s image) % 512)) = 0 ]
size=$(stat -c %s cases/000-gap.vhd)
repair VHD_BEHIND 000-gap.vhd
[ "$(stat -c %s image)" = $((size - 12345 * 512)) ] || fail "the gap of $size is $(stat -c %s image) now"
expect_status 0 check cases/000-batmap.vhd
PYTHONPATH=$VHDX_TOP/tests/images python3 - <<'EOP'
import mkvhd
for name, byte, damage in (('names-another', 0x8a, 0), ('checksum', 0x0a, 1), ('names-absent', 0x1a, 0)):
    image = mkvhd.changed(app=b'tap\0')
    image.batmap = bytes([byte]).ljust(512, b'\0')
    image.batmap_damage = damage
    image.write(f'cases/batmap-{name}.vhd')
EOP
for file in names-another checksum names-absent; do
	repair VHD_BATMAP batmap-$file.vhd
done
cmp image cases/000-batmap.vhd

naive cases/000-dynamic.vhd >whole
# Entries that can be nobody's are given up, told before.
for file in 108-header 108-bat 111-zero 109-far 109-end; do
	cp cases/$file.vhd image
	expect_status 1 check --repair=salvage --json image
	[ "$(json 'j["lost_bytes"], [(l["start"], l["length"], l["was_shared"]) for l in j["lost"]]')" = \
		'65536 [(327680, 65536, False)]' ] || fail "$file: $(cat out)"
	grep -q 'lost: bytes 327680 to 393215' err
	! cmp -s <(head -c 84 image | tail -c 16) <(head -c 84 cases/$file.vhd | tail -c 16) || fail "$file: children would not notice"
	expect_status 0 check image
	naive image >after
	mapped image | cmp - after
	[ "${file#109}" != "$file" ] || cmp after whole || fail "$file: more is lost than that"
done
# Cut in a block: what is there of it stays.
cp cases/000-dynamic.vhd image
end=$(stat -c %s image)
truncate -s $((end - 512 - 20000)) image
expect_status 4 check image
expect_output 'points past the end'
expect_status 4 check --repair image
expect_status 1 check --repair=salvage --json image
[ "$(json '[(l["start"], l["length"]) for l in j["lost"]]')" = '[(438272, 17920)]' ] || fail "$(cat out)"
expect_status 0 check image
naive image >after
cmp -n 438272 after whole
[ "$(tail -c +438273 after | tr -d '\0' | wc -c)" = 0 ]
[ "$(stat -c %s image)" = "$end" ]
# Cut before a block.
cp cases/000-dynamic.vhd image
truncate -s $((end - 512 - 66048)) image
expect_status 1 check --repair=salvage image
expect_status 0 check image
naive image >after
cmp -n 393216 after whole || fail 'more than the last block is lost'
# Past a footer that is good.
cp cases/109-one-more.vhd image
expect_status 1 check --repair=salvage --json image
[ "$(json 'j["lost_bytes"]')" = 512 ] || fail "$(cat out)"
expect_status 0 check image
# Killed at each write, and done once more: nothing else is there in the end, and the children notice.
naive image >after
id=$("$vhdx" info --json cases/000-dynamic.vhd | grep disk_id)
for ((n = 1; n < 40; n++)); do
	cp cases/109-one-more.vhd image
	status=0
	WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" check --repair=salvage image >out 2>err || status=$?
	[ $status = 137 ] || break
	"$vhdx" check --quiet --repair=salvage image >out 2>err || [ $? = 1 ]
	expect_status 0 check image
	naive image | cmp - after || fail "write $n: other data"
	[ "$("$vhdx" info --json image | grep disk_id)" != "$id" ] || fail "write $n: the same UniqueId"
done
[ $n -gt 5 ] && [ $n -lt 40 ]
# Shared: one gets a copy, and each is itself from then on.
for file in same one-before one-behind between; do
	cp cases/110-$file.vhd image
	expect_status 4 check --json image
	[ "$(json '[(p["number"], p["owner"], p["owner_number"]) for p in j["places"]]')" = "[(5, 'block', 4)]" ] ||
		[ $file != same ] || fail "$file: $(cat out)"
	naive image >before
	expect_status 4 check --repair image
	expect_status 1 check --repair=salvage --json image
	[ "$(json '[(l["start"], l["was_shared"]) for l in j["lost"] if l["start"] == 327680]')" = \
		'[(327680, True)]' ] || fail "$file: $(cat out)"
	expect_status 0 check image
	naive image | cmp - before || fail "$file: the disk has changed"
	expect_status 0 info --json image
	[ "$(json 'j["blocks_allocated"]')" = 4 ]
done
# Data that its bits deny is a matter of the reader; salvage makes it data.
cp cases/113-stale.vhd image
naive image >before
expect_status 0 check image
expect_output 'warning: sectors hold data but their bits'
sum=$(sha256sum image)
expect_status 0 check --repair image
[ "$(sha256sum image)" = "$sum" ]
expect_status 1 check --repair=salvage image
expect_status 0 check image
expect_no_output warning
naive image >after
cmp <(tail -c +65537 after) <(tail -c +65537 before)
[ "$(head -c 1536 after | tail -c 1024 | tr -d '\0' | wc -c)" -gt 900 ]

# A part of a split image: case 118.
cp cases/118-first-part.vhd split.vhd
expect_status 1 map split.vhd
expect_output 'points past the end'
touch split.v01
expect_status 1 map split.vhd
expect_output 'split into several files'

# What holds the letters but is something else.
{ printf conectix; head -c 1M /dev/zero; } >raw
for args in 'info raw' 'map raw' 'create --format vhd --parent raw child'; do
	# shellcheck disable=SC2086 # words
	expect_status 1 $args
	expect_output 'no VHD image: no good footer, at the end or at the start: .*if it is a raw disk, map it as it is'
done
# One of the other format that ends in a footer, as its last block may.
"$vhdx" create nested.vhdx 1M
head -c 512 cases/000-dynamic.vhd >>nested.vhdx
expect_status 0 info --json nested.vhdx
[ "$(json 'j["format"]')" = vhdx ]
