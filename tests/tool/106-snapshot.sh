# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx snapshot" of images that are not attached: names, and who is whose parent.
. "$VHDX_TOP/tests/lib/tool.sh"

field() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"; }

"$vhdx" create --size 8M --block-size 1M disk.vhdx
expect_status 0 snapshot --json disk.vhdx one.vhdx
[ "$(json 'j["leaf"], j["parent"], j["attached"]')" = 'one.vhdx disk.vhdx False' ]
for key in virtual_size disk_id logical_sector_size; do
	[ "$(field one.vhdx $key)" = "$(field disk.vhdx $key)" ]
done
[ "$(field one.vhdx block_size)" = 2097152 ]
expect_status 0 snapshot -b 1M one.vhdx two.vhdx
[ "$(field two.vhdx block_size)" = 1048576 ]
expect_status 0 chain two.vhdx
[ "$(wc -l <out)" = 3 ]

# Names by the time; they do not grow.
expect_status 0 snapshot two.vhdx
made=$(sed -n 's/^Written from now on *//p' out)
grep -qE '^two-[0-9]{8}-[0-9]{6}\.vhdx$' <<<"$made"
expect_status 0 snapshot "$made"
grep -qE '^Written from now on +two-[0-9]{8}-[0-9]{6}(-2)?\.vhdx$' out || fail "$(<out)"
expect_status 0 chain "$(sed -n 's/^Written from now on *//p' out)"
[ "$(wc -l <out)" = 5 ]
cp disk.vhdx bare
expect_status 0 snapshot ./bare
grep -qE '^Written from now on +\./bare-[0-9]{8}-[0-9]{6}$' out || fail "$(<out)"

# The new one takes the name, and the old one another.
mkdir keep
"$vhdx" create --size 8M keep/disk.vhdx
old=$(stat -c %i keep/disk.vhdx)
guid=$(field keep/disk.vhdx data_write_guid)
expect_status 0 snapshot --keep-name --json keep/disk.vhdx keep/before.vhdx
[ "$(json 'j["leaf"], j["parent"]')" = 'keep/disk.vhdx keep/before.vhdx' ]
[ "$(stat -c %i keep/before.vhdx)" = "$old" ]
[ "$(field keep/before.vhdx data_write_guid)" = "$guid" ]
expect_status 0 snapshot --keep-name keep/disk.vhdx keep/later.vhdx
mv keep kept
expect_status 0 chain kept/disk.vhdx
[ "$(grep -o '[a-z]*\.vhdx' out | xargs)" = 'before.vhdx later.vhdx disk.vhdx' ]
# By a link: it is the image that has a child beside it, and that changes names.
mkdir real
"$vhdx" create --size 8M real/disk.vhdx
ln -s real/disk.vhdx link.vhdx
old=$(stat -c %i real/disk.vhdx)
expect_status 0 snapshot link.vhdx
ls real/disk-*.vhdx >/dev/null || fail "$(<out)"
expect_not_attached real/disk.vhdx 'is the parent of'
rm real/disk-*.vhdx
echo "disk $PWD/real/disk.vhdx" >tab
VHDXTAB=$PWD/tab expect_status 0 snapshot link.vhdx
[[ -L link.vhdx && $(stat -c %i real/disk.vhdx) != "$old" ]] || fail "what is attached at boot is the parent: $(ls -l . real)"
[ "$(stat -c %i real/disk-*.vhdx)" = "$old" ]
expect_status 0 chain real/disk.vhdx
[ "$(wc -l <out)" = 2 ]
expect_status 1 snapshot --keep-name link.vhdx elsewhere.vhdx
expect_output 'elsewhere.vhdx: with --keep-name the image below takes this name, and has to stay in its directory'
rm -r real link.vhdx
# As the table wants it.
echo "disk $PWD/kept/disk.vhdx" >tab
export VHDXTAB=$PWD/tab
expect_status 0 snapshot kept/disk.vhdx kept/third.vhdx
expect_output "^vhdx: kept/disk.vhdx: note: named in /etc/vhdxtab or by rd.vhdx: "
expect_status 0 chain kept/disk.vhdx
[ "$(grep -o '[a-z]*\.vhdx' out | xargs)" = 'before.vhdx later.vhdx third.vhdx disk.vhdx' ]
echo "disk UUID=AAAA-1111:/kept/disk.vhdx" >tab
expect_status 0 snapshot kept/disk.vhdx kept/fourth.vhdx
expect_output "^Kept as it is +kept/fourth.vhdx$"
echo "disk UUID=AAAA-1111:/pt/disk.vhdx" >tab
expect_status 0 snapshot --json kept/disk.vhdx kept/fifth.vhdx
[ "$(json 'j["leaf"]')" = kept/fifth.vhdx ]
echo "disk $PWD/kept/fifth.vhdx" >tab
expect_status 0 snapshot --no-keep-name kept/fifth.vhdx kept/sixth.vhdx
expect_no_output note:
unset VHDXTAB

# As the kernel's command line wants it, and GRUB.
cp kept/sixth.vhdx kept/boot.vhdx
mkdir kept/boot.vhdx.boot
touch kept/boot.vhdx.boot/settings
ln -s kept/boot.vhdx link.vhdx
expect_status 0 snapshot link.vhdx kept/booted.vhdx
expect_output 'named in /etc/vhdxtab or by rd.vhdx: '
rm -r kept/boot* link.vhdx
for parameter in 'UUID=A:/kept/boot.vhdx' 'root=UUID=A:/kept/boot.vhdx:commit_interval=100' "$PWD/kept/boot.vhdx:ro"; do
	cp kept/sixth.vhdx kept/boot.vhdx
	echo "quiet rd.vhdx=$parameter" >cmdline
	# shellcheck disable=SC2016 # for the shell in there
	unshare --mount bash -c 'mount --bind cmdline /proc/cmdline || exit 77; "$@" >out 2>err' bash \
		"$vhdx" snapshot kept/boot.vhdx kept/booted.vhdx || {
			[ $? != 1 ] || { cat err; fail "$parameter"; }
			note 'not tried, as there are no mounts of its own here: rd.vhdx='
			break
		}
	expect_output 'named in /etc/vhdxtab or by rd.vhdx: '
	rm kept/boot*
done
rm -f kept/boot*

# What cannot be: nothing is left behind.
find . -name '*.vhd*' | sort >before
expect_status 1 snapshot kept/sixth.vhdx disk.vhdx
expect_output '^vhdx: disk.vhdx: exists: '
expect_status 1 snapshot --keep-name kept/sixth.vhdx new.vhdx
expect_output '^vhdx: new.vhdx: with --keep-name the image below takes this name'
expect_status 1 snapshot --keep-name kept/disk.vhdx kept/new.vhdx
expect_output "^vhdx: kept/disk.vhdx: it is the parent of '.*/fifth.vhdx', too, and could not be found"
expect_status 1 snapshot kept/sixth.vhdx none/new.vhdx
expect_status 1 snapshot none.vhdx new.vhdx
expect_status 2 snapshot --block-size 3M kept/sixth.vhdx new.vhdx
mv kept/later.vhdx later
expect_status 1 snapshot kept/sixth.vhdx new.vhdx
expect_output 'third.vhdx: its parent .* is not found: '
expect_status 0 snapshot --parent later --parent-dir kept --json kept/sixth.vhdx seventh.vhdx
mv later kept/later.vhdx
rm seventh.vhdx
expect_status 1 snapshot --block-size 64K kept/sixth.vhdx eighth.vhdx
expect_output 'sixth.vhdx: a VHDX image has blocks of 1M at least'
find . -name '*.vhd*' | sort | diff before -

# --- VHD -------------------------------------------------------------------------------------------

vhds() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; j = json.load(sys.stdin)
print(j["parent_name"], j["block_size"], j["parent_id"], [p["value"].rsplit("\\")[-1] for p in j["parent_locator"]])'; }
mkdir vhd
"$vhdx" create --format vhd --block-size 512K vhd/disk.vhd 8M
id=$("$vhdx" info --json vhd/disk.vhd | python3 -c 'import json, sys; print(json.load(sys.stdin)["disk_id"])')
expect_status 0 snapshot vhd/disk.vhd vhd/leaf.vhd
[ "$(vhds vhd/leaf.vhd)" = "disk.vhd 524288 $id ['disk.vhd', 'disk.vhd']" ] || fail "$(vhds vhd/leaf.vhd)"
# The image takes the child's name: that is what both locators say, before it has it.
rm vhd/leaf.vhd
inode=$(stat -c %i vhd/disk.vhd)
expect_status 0 snapshot --keep-name --block-size 64K vhd/disk.vhd vhd/old.vhd
[ "$(stat -c %i vhd/old.vhd)" = "$inode" ]
[ "$(vhds vhd/disk.vhd)" = "old.vhd 65536 $id ['old.vhd', 'old.vhd']" ] || fail "$(vhds vhd/disk.vhd)"
expect_status 0 convert vhd/disk.vhd vhd/disk.raw
expect_status 1 snapshot --keep-name vhd/old.vhd vhd/older.vhd
expect_output "old.vhd: it is the parent of '.*vhd/disk.vhd', too"
"$vhdx" create --format vhd --type fixed vhd/fixed.vhd 4M
expect_status 0 snapshot vhd/fixed.vhd vhd/of-fixed.vhd
[ "$(vhds vhd/of-fixed.vhd | cut -d ' ' -f 1,2)" = 'fixed.vhd 2097152' ]
rm -r vhd

# --- killed at each write ------------------------------------------------------------------------

mkdir killed
for ((n = 1; n < 100; n++)); do
	rm -f killed/*
	"$vhdx" create --size 8M killed/disk.vhdx
	id=$(field killed/disk.vhdx data_write_guid)
	status=0
	WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so \
		"$vhdx" snapshot --keep-name killed/disk.vhdx killed/one.vhdx >out 2>err || status=$?
	[ $status != 0 ] || break
	[ $status = 137 ] || fail "write $n: status $status: $(<err)"
	# What is called disk.vhdx is the disk; and the same goes on.
	"$vhdx" check --chain --quiet killed/disk.vhdx
	[ "$(field killed/disk.vhdx data_write_guid)" = "$id" ] || [ "$(field killed/one.vhdx data_write_guid)" = "$id" ]
	expect_status 0 snapshot --keep-name killed/disk.vhdx killed/two.vhdx
	[ "$(field killed/one.vhdx data_write_guid 2>/dev/null || field killed/two.vhdx data_write_guid)" ]
done
note "$n: no such write"
[ $n -gt 5 ]

# --- names that cannot be exchanged ----------------------------------------------------------

# Whatever fails, the image is there, under its name; and what was made is gone, or all is done.
mkdir names
"$vhdx" create --size 8M names/disk.vhdx
old=$(stat -c %i names/disk.vhdx)
sum=$(sha256sum <names/disk.vhdx)
for how in RENAME_FAULT SYNC_FAULT 'NO_EXCHANGE=1 RENAME_FAULT' 'NO_EXCHANGE=1 SYNC_FAULT' \
	'NO_EXCHANGE=1 NO_LINK=1 RENAME_FAULT' 'NO_EXCHANGE=1 NO_LINK=1 SYNC_FAULT'; do
	for ((n = 1; n < 12; n++)); do
		status=0
		# shellcheck disable=SC2086 # words
		env LD_PRELOAD="$VHDX_TOP/build/write-fault.so" $how=$n "$vhdx" snapshot --keep-name names/disk.vhdx names/old.vhdx >out 2>err ||
			status=$?
		[ $status != 0 ] || break
		[ "$(stat -c %i names/disk.vhdx)" = "$old" ] || fail "$how=$n: $(ls -li names): $(<err)"
		# A new file whose directory could not be synced may stay.
		[ "$(echo names/*)" = names/disk.vhdx ] || {
			[[ $how = *SYNC_FAULT ]] && grep -q 'old.vhdx: cannot create' err
			rm names/old.vhdx
		}
	done
	note "$how=$n"
	[ $n -gt 1 ]
	[ "$(stat -c %i names/old.vhdx)" = "$old" ] || fail "$how=$n: $(ls -li names)"
	[ "$(sha256sum <names/old.vhdx)" = "$sum" ]
	mv names/old.vhdx names/disk.vhdx
done

# --- two at a time ----------------------------------------------------------------------------

# What is written down is the name that the image has afterwards, or nothing is made.
child() # FORMAT: of disk.FORMAT
{
	"$vhdx" create --format "$1" --parent "disk.$1" "b.$1"
}
mkdir race
cd race || exit
for format in vhdx vhd; do
	for other in "$vhdx snapshot --keep-name disk.$format b.$format" "$vhdx snapshot disk.$format b.$format" "child $format"; do
		for ((n = 0; n < 12; n++)); do
			rm -f ./*."$format"
			"$vhdx" create --format $format --size 8M disk.$format
			$other >second 2>&1 &
			"$vhdx" snapshot --keep-name disk.$format a.$format >one 2>&1 || true
			wait $! || true
			said=$(cat one second)
			for file in disk a b; do
				[ ! -e $file.$format ] || "$vhdx" check --chain --quiet $file.$format || fail "$other: $file.$format: $said"
			done
			[ -e a.$format ] || grep -q 'run this once more' one || grep -q 'is the parent of' one || fail "$said"
			[ -e b.$format ] || grep -q 'run this once more' second || fail "$said"
		done
	done
done

# Who opened the image before its name went to another file, and locks it then, takes that one.
for ((n = 0; n < 2; n++)); do
	rm -f ./*
	"$vhdx" create --size 8M disk.vhdx
	"$vhdx" snapshot --keep-name disk.vhdx before.vhdx >out
	sum=$(sha256sum <before.vhdx)
	LD_PRELOAD=$VHDX_TOP/build/write-fault.so LOCK_STOP=1 "$vhdx" resize disk.vhdx 9M >late 2>&1 &
	late=$!
	at_exit end_process $late
	wait_for 20 grep -q '^State:.*stopped' /proc/$late/status
	if [ $n = 0 ]; then
		"$vhdx" merge --keep-name disk.vhdx >out
	else
		"$vhdx" snapshot --keep-name disk.vhdx after.vhdx >out
		sum=$(sha256sum <after.vhdx)
	fi
	kill -CONT $late
	wait $late || fail "$(<late)"
	expect_status 0 info --json disk.vhdx
	[ "$(json 'j["virtual_size"] >> 20')" = 9 ] || fail "resized what has no name any more: $(<late)"
	"$vhdx" check --chain --quiet disk.vhdx
	[ $n = 0 ] || [ "$(sha256sum <after.vhdx)" = "$sum" ] || fail 'a parent was written to'
done
