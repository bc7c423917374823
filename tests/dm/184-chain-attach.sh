# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# timeout: 300
#
# "vhdx attach", "list", "status" and "detach" of differencing images: parents are shared, never
# written, and let go with the last of their children.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 300 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

bytes() { stat -c %s "$1"; }
loops() { losetup -n -O NAME -l | wc -l; }
loop_of() { losetup -n -O NAME -j "$1" | tr -d ' '; }
nothing_left()
{
	[ "$(loops)" = 0 ] || fail "a loop device is left: $(losetup -l)"
	[ "$(dmsetup ls)" = 'No devices found' ] || fail "a mapping is left: $(dmsetup ls)"
}
# table_parents NAME: the files of its table's parents
table_parents()
{
	local dev

	for dev in $(dmsetup table "$1" | grep -o 'parent [0-9:]*' | cut -d' ' -f2); do
		cat "/sys/dev/block/$dev/loop/backing_file"
	done
}

# --- read-only, whatever there is ------------------------------------------------

seed=${VHDX_SEED:-$RANDOM}
note "VHDX_SEED=$seed"
for ((i = 0; i < 3; i++)); do
	"$VHDX_TOP/tests/images/mkchain.py" random chain $((seed + i)) --depth $((2 + i * 3))
	"$vhdx" attach --read-only --no-partitions chain/0.vhdx >out
	[ "$(loops)" = $((2 + i * 3)) ]
	cmp /dev/mapper/0 chain/disk.raw || fail 'the disk is not what it should be'
	"$vhdx" attach --read-only --no-partitions chain/1.vhdx >out
	# The leaf has a device of its own, the parents have theirs together.
	[ "$(loops)" = $((3 + i * 3)) ]
	cmp /dev/mapper/1 chain/parent.raw || fail "the parent's disk is not what it should be"
	"$vhdx" detach --all
	nothing_left
	rm -r chain
done

# --- three layers ----------------------------------------------------------------

mkdir mnt
"$vhdx" create --size 64M --block-size 1M base.vhdx
"$vhdx" attach base.vhdx >out
mke2fs -q -F -t ext4 -E nodiscard /dev/mapper/base
mount /dev/mapper/base mnt
head -c 3M /dev/urandom >mnt/in-base
sha256sum mnt/in-base >sum
umount mnt
"$vhdx" detach base
"$vhdx" create --parent base.vhdx middle.vhdx
"$vhdx" create --parent middle.vhdx leaf.vhdx
sha256sum base.vhdx middle.vhdx >parents.sum
empty=$(bytes leaf.vhdx)

"$vhdx" attach --dry-run leaf.vhdx >would
"$vhdx" attach --verbose leaf.vhdx >out 2>err
[ "$(<out)" = /dev/mapper/leaf ]
grep -q "middle.vhdx: note: a parent: read-only /dev/loop[0-9]* set up, direct I/O" err || fail "$(<err)"
[ "$(table_parents leaf | xargs -n 1 basename | xargs)" = 'middle.vhdx base.vhdx' ] || fail "$(dmsetup table leaf)"
[ "$(losetup -n -O RO,DIO -l | sort | tr -s ' \n' ' ')" = ' 0 1 1 1 1 1 ' ] || fail "$(losetup -l)"
# As it was foretold, but for names.
[ "$(dmsetup table leaf | sed 's/ [0-9]*:[0-9]*/ X/g')" = "$(sed 's| /dev/loop[0-9]*| X|g' would)" ] || fail "$(<would)"
# All blocks of 2 MiB, and a sector bitmap.
[ "$(bytes leaf.vhdx)" = $((empty + (64 + 1 << 20))) ] || fail 'the file has no room for the disk'
mount /dev/mapper/leaf mnt
sha256sum -c --quiet sum
echo kept >mnt/in-leaf
umount mnt

# --- what is told -----------------------------------------------------------------

expect_status 0 list --noheadings --output NAME,LAYERS,PARENTS,BACKING
expect_output "^leaf +3  $PWD/middle.vhdx,$PWD/base.vhdx +$PWD/leaf.vhdx$"
expect_status 0 list --json
[ "$(json 'j[0]["layers"], j[0]["parents"]')" = "3 ['$PWD/middle.vhdx', '$PWD/base.vhdx']" ]
expect_status 0 status --json leaf
[ "$(json 'j["layers"], [p["file"] for p in j["parents"]]')" = "3 ['$PWD/middle.vhdx', '$PWD/base.vhdx']" ]
expect_status 0 status leaf
expect_output "^Layers +3$"
expect_output "^Parents +$PWD/middle.vhdx$"
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" list >out 2>err
expect_output "^leaf .* $PWD/leaf.vhdx$"
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" list --json >out 2>err
[ "$(json '"parents" in j[0]')" = False ]

# --- parents in use -----------------------------------------------------------------

expect_fail -m "middle.vhdx: in use by $(loop_of middle.vhdx), as a parent of 'leaf': detach it first" \
	"$vhdx" attach --force middle.vhdx
for command in 'check --repair' replay 'rebase --force'; do
	[[ $command != rebase* ]] || command="$command middle.vhdx"
	# shellcheck disable=SC2086 # words
	expect_fail -m "base.vhdx|middle.vhdx: in use by" "$vhdx" $command base.vhdx
done
expect_fail -m "base.vhdx: not attached but as a parent of 'leaf'" "$vhdx" detach ./base.vhdx
expect_fail -m "base.vhdx: not attached but as a parent of 'leaf'" "$vhdx" status ./base.vhdx
# Read-only is another matter; and so is another child: it shares what there is.
"$vhdx" attach --read-only base.vhdx look >out
[ "$(loops)" = 4 ]
"$vhdx" detach look
[ "$(loops)" = 3 ]
"$vhdx" create --parent middle.vhdx other.vhdx
"$vhdx" attach other.vhdx >out
[ "$(loops)" = 4 ] || fail "parents are not shared: $(losetup -l)"
[ "$(dmsetup table other | grep -o 'parent.*')" = "$(dmsetup table leaf | grep -o 'parent.*')" ]
mount /dev/mapper/other mnt
sha256sum -c --quiet sum
[ ! -e mnt/in-leaf ]
umount mnt

# By the file it is the one whose leaf that is.
"$vhdx" detach ./leaf.vhdx
[ "$(loops)" = 3 ] || fail "$(losetup -l)"
[ "$(bytes leaf.vhdx)" -lt $((empty + (32 << 20))) ] || fail 'detach has not cut off what was not used'
"$vhdx" detach other
nothing_left
sha256sum -c --quiet parents.sum || fail 'a parent has changed'
"$vhdx" check --chain leaf.vhdx
rm other.vhdx

# --- children and what is missing ---------------------------------------------------

expect_fail -m "base.vhdx: it is the parent of '$PWD/middle.vhdx', and" "$vhdx" attach base.vhdx
mkdir away
mv base.vhdx away
sum=$(sha256sum <leaf.vhdx)
expect_fail -m "middle.vhdx: its parent with the data write GUID .* looked for '$PWD/base.vhdx'" "$vhdx" attach leaf.vhdx
[ "$(sha256sum <leaf.vhdx)" = "$sum" ] || fail 'a refused attach has left the file changed'
nothing_left
"$vhdx" attach --parent-dir away leaf.vhdx >out
mount /dev/mapper/leaf mnt
[ "$(<mnt/in-leaf)" = kept ]
sha256sum -c --quiet <(sed 's|base|away/base|' parents.sum) || fail 'a parent has changed'
umount mnt
"$vhdx" detach leaf

# On a block device; one that a user has set up, too.
dev=$(losetup --find --show --read-only --direct-io=on away/base.vhdx)
"$vhdx" attach --parent "$dev" leaf.vhdx >out
[ "$(loops)" = 3 ] || fail "$(losetup -l)"
dmsetup table leaf | grep -q "parent $(lsblk -dno MAJ:MIN "$dev" | tr -d ' ')" || fail "$(dmsetup table leaf)"
"$vhdx" detach leaf
[ "$(loops)" = 1 ] || fail 'what the user has set up is gone'
"$vhdx" attach --parent away/base.vhdx leaf.vhdx >out
[ "$(loops)" = 3 ] || fail 'what the user has set up was not shared'
"$vhdx" detach --all
losetup -d "$dev"
nothing_left

# From the table.
echo "disk $PWD/leaf.vhdx parent-dir=$PWD/away" >tab
export VHDXTAB=$PWD/tab
"$vhdx" attach --all >out
[ "$(<out)" = /dev/mapper/disk ]
"$vhdx" detach --all
unset VHDXTAB
mv away/base.vhdx .

# --- room for all ---------------------------------------------------------------------

# A sector in each block: all blocks are placed, and so is the bitmap.
"$vhdx" create --parent base.vhdx --block-size 1M full.vhdx
"$vhdx" attach full.vhdx >out
for ((i = 0; i < 64; i++)); do
	echo $i | dd of=/dev/mapper/full bs=4096 seek=$((i * 256 + 7)) conv=sync oflag=direct status=none
done
sync /dev/mapper/full
[ "$(status full mode) $(status full allocated)" = 'rw 64' ] || fail "$(dmsetup status full)"
! kmsg_has 'no space left' || fail 'the file was too small'
"$vhdx" detach full
"$vhdx" check --chain full.vhdx
nothing_left

# --- a parent on a device ----------------------------------------------------------

# It is known by the name that it was given, as of a volume: which number it has is another matter each time.
mkdir volumes
for format in vhdx vhd; do
	"$vhdx" create --format $format --size 8M on-device
	loop=$(losetup -f --show on-device)
	ln -s "$loop" volumes/parent
	expect_status 0 create --format $format --parent volumes/parent child
	expect_status 0 info child
	expect_output '\\volumes\\parent'
	expect_no_output 'dev.loop'
	expect_status 0 check child
	mkdir elsewhere
	mv child elsewhere
	expect_status 0 check elsewhere/child
	losetup -d "$loop"
	rm -r volumes/parent elsewhere on-device
done
