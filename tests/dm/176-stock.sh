# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# kernels: check
# timeout: 600
#
# "vhdx attach --stock": images of all kinds read as through the target, sector by sector; those
# with space for all blocks are written as the format demands; and all of it works, and goes away
# again, where there is no module. That tables are right for each image of mkvhdx.py says
# tests/tool/110-stock.sh, by the checksums that 100-malformed.sh holds against the target.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

images=$VHDX_TOP/build/fuzz/images
[ -r "$images/cases.tsv" ] || fail 'build/fuzz/images is missing: run "make bulk"'
scratch_fs 300 mke2fs -q -F -t ext4 -E nodiscard

nothing_left()
{
	[ "$(losetup -n -O NAME -l | wc -l)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}

# --- the message that offers it -----------------------------------------------

modprobe loop
mkvhdx image part.vhdx >out
read -r _ part_sha <out
expect_status 1 attach part.vhdx
expect_output "cannot be loaded: install the module for the running kernel .*'vhdx attach --stock --read-only' does without the module$"
nothing_left

# --- without the module ---------------------------------------------------------

expect_status 1 attach --stock part.vhdx
expect_output '61 of 64 blocks have no space'
nothing_left
sum=$(sha256sum <part.vhdx)
"$vhdx" attach --stock --dry-run -r part.vhdx >would
"$vhdx" attach --stock -r part.vhdx >out
[ "$(<out)" = /dev/mapper/part ]
[ "$(sha_dev /dev/mapper/part)" = "$part_sha" ] || fail 'reads otherwise'
[ "$(blockdev --getro /dev/mapper/part)" = 1 ]
dmsetup info -c --noheadings -o uuid part | grep -q '^VHDX-[0-9a-f-]*-part$'
[ "$(dmsetup table part | sed 's/ [0-9]*:[0-9]* / X /; s/ $//')" = "$(sed 's| /dev/loop0 | X |' would)" ] || fail "$(dmsetup table part)"
expect_status 0 list
expect_output "^part +64 MiB +ro +active +- +- +- +$PWD/part.vhdx$"
expect_status 0 list --json
[ "$(json 'j[0]["mode"], j[0]["state"], j[0]["virtual_size"], j[0]["backing_device"], "blocks_total" in j[0]')" = \
	'ro active 67108864 /dev/loop0 False' ] || fail "$(<out)"
expect_status 0 status part.vhdx
expect_output '^State +active: all is well, and the image is never written$'
expect_output '^Target +dm-linear and dm-zero, in 5 pieces: attached with --stock$'
expect_output "^Image +$PWD/part.vhdx$"
expect_status 1 monitor part
expect_output 'part: attached with --stock'
expect_status 1 attach part.vhdx other
expect_output "in use by /dev/loop0, mapped as 'part'"
# Any number of readers, with and without.
"$vhdx" attach --stock -r part.vhdx again >out
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" list -n -o NAME,SIZE,BACKING >out 2>err
[ "$(tr -s ' ' <out | sort)" = "again 64 MiB $PWD/part.vhdx"$'\n'"part 64 MiB $PWD/part.vhdx" ] || fail "$(cat out err)"
"$vhdx" detach --all
nothing_left
[ "$(sha256sum <part.vhdx)" = "$sum" ] || fail 'a read-only attach has changed the file'

# One of zeros only is held all the same.
"$vhdx" create --size 16M empty.vhdx
"$vhdx" attach -q --stock -r empty.vhdx
expect_status 1 attach empty.vhdx other
expect_output "in use by /dev/loop0, mapped as 'empty'"
cmp -n $((16 << 20)) /dev/mapper/empty /dev/zero
"$vhdx" detach empty.vhdx
nothing_left

# A sector size of its own, which a file's loop device has and a block device has not.
"$vhdx" create --size 16M --block-size 1M --type fixed --logical-sector-size 4096 4k.vhdx
"$vhdx" attach -q --stock 4k.vhdx
[ "$(blockdev --getss /dev/mapper/4k)" = 4096 ]
"$vhdx" detach 4k
dev=$(losetup -f --show --direct-io=on 4k.vhdx)
expect_status 1 attach --stock "$dev" 4k
expect_output "sectors of 4096 bytes on a device with sectors of 512 bytes, which --stock cannot change: attach the device that 'losetup --find --show --sector-size 4096 $dev' makes"
other=$(losetup --find --show --sector-size 4096 "$dev")
"$vhdx" attach -q --stock "$other" 4k
expect_status 0 list
expect_output "^4k +16 MiB +rw +active .* $dev$"
"$vhdx" detach 4k
losetup -d "$other" "$dev"
nothing_left

# --- written ------------------------------------------------------------------------

"$vhdx" create --size 40M --block-size 1M --type fixed f.vhdx
guids() { "$vhdx" info --json "$1" | grep -oE '"(file|data)_write_guid": *"[^"]*"'; }
guids f.vhdx >before
blocks=$(stat -c %b f.vhdx)
"$vhdx" attach -q --stock f.vhdx
expect_status 0 list
expect_output "^f +40 MiB +rw +active .* $PWD/f.vhdx$"
# Durable, and not a log to replay, before anything is written.
guids f.vhdx >after 2>err
[ "$(sort before after | uniq -d | wc -l)" = 0 ] || fail "$(cat before after)"
"$vhdx" info f.vhdx >out 2>&1
grep -q '^Log .*clean' out || fail "$(<out)"
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/f
expect_fail -m 'not supported' blkdiscard /dev/mapper/f
stamp /dev/mapper/f $((30 << 11)) 64 stock
sync /dev/mapper/f
raw_of /dev/mapper/f f.raw
"$vhdx" detach --json f >out
[ "$(json 'j[0]["detached"], j[0]["lost"]')" = 'True False' ]
nothing_left
[ "$(stat -c %b f.vhdx)" -ge "$blocks" ] || fail 'there are holes in the file'
readers_agree f.vhdx f.raw
# Who gets its loop device next may discard, whoever that is: newer kernels keep what was set.
discards() # FILE
{
	local loop

	loop=$(losetup --noheadings --output NAME --associated "$1")
	[ "$(cat "/sys/block/${loop#/dev/}/queue/discard_max_bytes")" -gt 0 ] || fail "$loop: there are no discards any more"
}
"$vhdx" create --size 8M next.vhdx
loop=$(losetup --find --show next.vhdx)
discards next.vhdx
echo 0 >"/sys/block/${loop#/dev/}/queue/discard_max_bytes"
losetup --detach "$loop"
"$vhdx" attach -q --stock --read-only next.vhdx
discards next.vhdx
"$vhdx" detach next

# A dirty one has its log replayed first.
mkvhdx image --fixed --dirty dirty.vhdx >out
read -r _ sha <out
"$vhdx" attach -q --stock dirty.vhdx
[ "$(sha_dev /dev/mapper/dirty)" = "$sha" ] || fail 'reads otherwise'
"$vhdx" detach dirty
"$vhdx" check dirty.vhdx

# Whatever goes wrong, or comes between, leaves nothing behind.
dmsetup create inway --table '0 8 zero'
printf '\x80\0\0\0\x83\0\0\0\0\x08\0\0\0\x10\0\0' | dd of=f.raw bs=1 seek=446 conv=notrunc status=none
printf '\x55\xaa' | dd of=f.raw bs=1 seek=510 conv=notrunc status=none
"$vhdx" attach -q --stock --no-partitions f.vhdx
dd if=f.raw of=/dev/mapper/f bs=1M oflag=direct status=none
"$vhdx" detach f
dmsetup rename inway g1
expect_status 1 attach --stock --partitions f.vhdx g
expect_output 'g1: cannot map partition 1'
dmsetup remove g1
nothing_left
"$vhdx" attach --stock --partitions f.vhdx g >out
[ "$(<out)" = $'/dev/mapper/g\n/dev/mapper/g1' ] || fail "$(<out)"
"$vhdx" detach "$PWD/f.vhdx"
nothing_left
for delay in 0 0.01 0.03 0.08 0.15; do
	"$vhdx" attach --stock f.vhdx >out 2>&1 &
	pid=$!
	sleep $delay
	kill -TERM $pid 2>/dev/null || :
	wait $pid || :
	[ ! -e /dev/mapper/f ] || "$vhdx" detach f
	nothing_left
done

# --- as through the target ------------------------------------------------------------

insmod_vhdx

part() { dd if=/dev/mapper/"$1" bs=512 skip="$2" count="$3" status=none; }

# compare IMAGE: both ways at once, over one device
compare()
{
	local dev sectors start count kind

	[[ $("$vhdx" attach --json --no-partitions --stock -r "$1" s) =~ \"backing_device\":\ *\"([^\"]*)\" ]]
	dev=${BASH_REMATCH[1]}
	sectors=$(blockdev --getsz /dev/mapper/s)
	dmsetup create t --readonly --table "0 $sectors vhdx $dev 1 read_only"
	if [ "$sectors" -le $((64 << 11)) ]; then
		cmp /dev/mapper/s /dev/mapper/t || fail "$file reads otherwise"
	else
		# There is no time for zeros.
		while read -r start count kind _; do
			[ "$kind" = linear ] || continue
			part s $((start - (start > 8 ? 8 : 0))) $((count + 16)) | cmp - \
				<(part t $((start - (start > 8 ? 8 : 0))) $((count + 16))) || fail "$file reads otherwise"
		done < <(dmsetup table s)
	fi
	dmsetup remove t
	"$vhdx" detach s
}

# A loop device over 9p is none to rely on.
while IFS=$'\t' read -r _ file device _ result _; do
	case $file:$device:$result in
	*.device.*) continue ;;
	000-*:0:ok | 059-*:0:ok | 071-[dpt]*:0:ok | 085-*:0:ok | D7-*:0:ok) ;;
	*) continue ;;
	esac
	[ "$(stat -c %s "$images/$file")" -lt 64000000 ] || continue
	cp "$images/$file" w.vhdx
	compare w.vhdx
done <"$images/cases.tsv"
nothing_left

for file in f.vhdx part.vhdx; do
	compare $file
done
qemu-img create -q -f vhdx -o block_size=2M q.vhdx 20M
qemu-io -f vhdx -c 'write -P 7 3M 5M' -c 'write -z 12M 4M' q.vhdx >out
file=q.vhdx
compare q.vhdx
if [ -d "$VHDX_TOP/../shared/images" ]; then
	for file in "$VHDX_TOP"/../shared/images/*.vhdx.bz2; do
		bunzip2 -c "$file" >w.vhdx
		compare w.vhdx
	done
else
	note 'the images made by Windows are not here'
fi
nothing_left
