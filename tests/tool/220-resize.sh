# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 1800
#
# "vhdx resize": the disk is what it was as far as it reaches, and zeros behind; also when the program is
# killed at any of its writes, and run once more. Partition tables and file systems. VHDX_SEED=N repeats
# a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"

size_of() { "$vhdx" info --json "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["virtual_size"])'; }
# same IMAGE RAW SIZE: the disk is SIZE bytes, those of RAW and then zeros
same()
{
	cp "$2" want
	truncate -s "$3" want
	rm -f got
	"$vhdx" convert -O raw "$1" got || fail "$1 cannot be read"
	[ "$(stat -c %s got)" = "$3" ] || fail "$1 has $(stat -c %s got) bytes, not $3"
	cmp got want
}
# What sfdisk has nothing to say about.
verified() { ! grep -qiE 'mismatch|corrupt|backup|not at the end' verified && grep -q 'No errors detected' verified; }
is_good() # IMAGE: so it is when its log is replayed
{
	cp --sparse=always "$1" good
	"$vhdx" replay --quiet good 2>/dev/null || :
	"$vhdx" check --quiet good
}

# --- sizes, against a model ------------------------------------------------------------------

python3 - a.raw "$seed" <<-'EOP'
	import random, sys
	dice = random.Random(int(sys.argv[2]))
	with open(sys.argv[1], 'wb') as f:
	    f.truncate((9 << 20) + 1536)
	    for block in (0, 2, 3, 5, 8, 9):
	        f.seek((block << 20) + (0 if block == 9 else 500 * 512))
	        f.write(dice.randbytes(1536))
EOP
old=$(((9 << 20) + 1536))
for args in '-O vhdx -b 1M' '-O vhdx -b 1M -t fixed' '-O vhdx -b 2M' '-O vhd -b 64K' '-O vhd' '-O vhd -t fixed'; do
	# shellcheck disable=SC2086 # words
	expect_status 0 convert $args --force a.raw b
	cp a.raw now.raw
	for size in $((old + 512)) $((old + 511 * 512)) $((30 << 20)) $((200 << 20)) $((201 << 20)) $((8 << 20)) $(((8 << 20) + 512)) $((40 << 20)) $((5 << 20)); do
		guid=$("$vhdx" info --json b | grep data_write_guid || :)
		id=$("$vhdx" info --json b | grep disk_id)
		was=$(size_of b)
		expect_status 0 resize --force b $size
		"$vhdx" check --quiet b || fail "$args, $size: $("$vhdx" check b)"
		truncate -s $size now.raw
		same b now.raw $size
		[ -z "$guid" ] || [ "$("$vhdx" info --json b | grep data_write_guid)" != "$guid" ] || fail 'nobody could tell that it has changed'
		# By its UniqueId, if something is cut off.
		[[ $args != *vhd\ * ]] || [ $((size < was)) = "$([ "$("$vhdx" info --json b | grep disk_id)" = "$id" ]; echo $?)" ] ||
			fail "$args: from $was to $size, and the UniqueId was $id: $("$vhdx" info --json b | grep disk_id)"
		! command -v qemu-img >/dev/null || [[ $args != *vhd\ * ]] || qemu-img compare -q -f vpc -F raw b now.raw
	done
done
# What is cut off does not come back, and the table of blocks moves more than once.
expect_status 0 convert -O vhdx -b 1M --force a.raw b
for size in 200G 40M 300G 2T; do
	expect_status 0 resize --force b $size
	"$vhdx" check --quiet b
done
[ "$(size_of b)" = $((2 << 40)) ]
expect_status 0 resize --force b $old
same b a.raw $old
[ "$(stat -c %b b)" -lt 200000 ] || fail 'the table of blocks takes more space than it should'

# --- killed at each write -----------------------------------------------------------------------

# grow FROM-ARGS TO, and back
for args in '-O vhdx -b 1M:400G' '-O vhdx -b 1M -t fixed:30M' '-O vhdx -b 1M:4M' '-O vhd -b 64K:60M' '-O vhd -b 64K:4M' '-O vhd -t fixed:12M' '-O vhd -t fixed:4M'; do
	to=$(numfmt --from=iec "${args#*:}")
	# shellcheck disable=SC2086 # words
	expect_status 0 convert ${args%:*} --force a.raw start
	for ((n = 1; n < 300; n++)); do
		cp --sparse=always start b
		status=0
		WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" resize --force b "$to" >out 2>err || status=$?
		[ $status != 0 ] || break
		[ $status = 137 ] || fail "$args, write $n: status $status: $(<err)"
		is_good b || [[ $args == *vhd* ]] || fail "$args, write $n: $("$vhdx" check b)"
		now=$(size_of b)
		[ "$now" = "$old" ] || [ "$now" = "$to" ] || fail "$args, write $n: $now bytes"
		# Where the disk is not large it is looked at as a whole.
		if [ "$to" -lt 100000000 ]; then
			if [ "$to" -gt "$old" ]; then
				"$vhdx" convert -O raw --force b got
				cmp -n "$old" got a.raw || fail "$args, write $n: the disk is another one"
			else
				"$vhdx" convert -O raw --force b got
				cmp -n "$to" got a.raw || fail "$args, write $n: the disk is another one"
			fi
		fi
		[ $((n % 2)) = 0 ] || continue
		"$vhdx" check --repair --quiet b || [ $? = 1 ] || fail "$args, write $n: $("$vhdx" check b)"
		expect_status 0 resize --force b "$to"
		is_good b
		[ "$(size_of b)" = "$to" ]
		[ "$to" -gt 100000000 ] || same b a.raw "$to"
	done
	if [ $n -le 3 ] || [ $n -ge 300 ]; then
		fail "$args: $n writes?"
	fi
	[ "$to" -gt 100000000 ] || same b a.raw "$to"
	note "$args: $n: no such write"
done

# --- partitions and file systems ------------------------------------------------------------------

for sector in 512 4096; do
	truncate -s 40M p.raw
	python3 -c "
with open('p.raw', 'r+b') as f:
    for n in range(2, 15): f.seek(n << 20); f.write(bytes([n]) * 5000)"
	if [ $sector = 512 ]; then
		printf 'label: gpt\nstart=2048, size=20480\nstart=24576, size=8192\n' | sfdisk -q p.raw
	else
		dev=$(losetup --show -f -b 4096 p.raw 2>/dev/null) || { note 'no loop devices: no sectors of 4096'; continue; }
		printf 'label: gpt\nstart=256, size=2560\nstart=3072, size=1024\n' | sfdisk -q "$dev"
		losetup -d "$dev"
	fi
	for to in vhdx vhd; do
		[ $sector = 512 ] || [ $to = vhdx ] || continue
		args=()
		[ $to = vhd ] || args=(--logical-sector-size "$sector" --force)
		rm -f p.$to
		expect_status 0 convert -b 1M "${args[@]}" p.raw p.$to
		sha256sum p.$to >sums
		expect_status 1 resize p.$to 16M
		expect_output "p.$to: the last partition needs 17M at least: make it smaller first, or use --force"
		expect_status 0 resize --dry-run --json --to-minimum p.$to
		[ "$(json 'j["virtual_size"], j["minimum"], j["partition_table"]')" = "$((17 << 20)) $((17 << 20)) gpt" ] || fail "$(cat out)"
		sha256sum -c --quiet sums
		for size in 17M 100M 33M 5G 20M; do
			expect_status 0 resize p.$to $size
			"$vhdx" check --quiet p.$to
			rm -f q.raw
			expect_status 0 convert p.$to q.raw
			cmp -i $((1 << 20)) -n $((15 << 20)) q.raw p.raw
			[ $sector = 512 ] || continue
			sfdisk --verify q.raw >verified 2>&1 || fail "$(<verified)"
			verified || fail "$to, $size: $(<verified)"
			[ "$(sfdisk -l -o Start,End q.raw | tail -n 2 | tr -s ' \n' ' ')" = "$(sfdisk -l -o Start,End p.raw | tail -n 2 | tr -s ' \n' ' ')" ]
		done
		expect_status 0 resize --to-minimum p.$to
		[ "$(size_of p.$to)" = $((17 << 20)) ]
	done
done
# Killed at each write: sfdisk can live with what is there, and the next run ends it.
rm -f p.raw
truncate -s 40M p.raw
printf 'label: gpt\nstart=2048, size=20480\n' | sfdisk -q p.raw
for to in vhdx vhd; do
	for size in 20M 60M; do
		rm -f start
		expect_status 0 convert -O $to -b 1M p.raw start
		for ((n = 1; n < 300; n++)); do
			cp --sparse=always start b
			status=0
			WRITE_FAULT=$n LD_PRELOAD=$VHDX_TOP/build/write-fault.so "$vhdx" resize b $size >out 2>err || status=$?
			[ $status != 0 ] || break
			[ $status = 137 ] || fail "$to, $size, write $n: status $status: $(<err)"
			"$vhdx" convert -O raw --force b q.raw
			[ "$(sfdisk -l -o Start,End q.raw 2>/dev/null | tail -n 1 | tr -s ' ')" = ' 2048 22527' ] || fail "$to, $size, write $n: $(sfdisk -l q.raw)"
			[ $((n % 3)) = 0 ] || continue
			[ $to = vhdx ] || "$vhdx" check --repair --quiet b || [ $? = 1 ]
			expect_status 0 resize b $size
			is_good b
			"$vhdx" convert -O raw --force b q.raw
			sfdisk --verify q.raw >verified 2>&1
			verified || fail "$to, $size, write $n: $(<verified)"
		done
		if [ $n -le 5 ] || [ $n -ge 300 ]; then
			fail "$to, $size: $n writes?"
		fi
		note "$to, partitions, $size: $n: no such write"
	done
done

# File systems that fill the disk.
rm -f f.raw f.vhdx
mkfs.ext4 -q -F f.raw 30M
truncate -s 64M f.raw
expect_status 0 convert f.raw f.vhdx
expect_status 1 resize f.vhdx 29M
expect_output 'the file system needs 30M at least'
expect_status 0 resize --to-minimum f.vhdx
[ "$(size_of f.vhdx)" = $((30 << 20)) ]
expect_status 0 convert --force f.vhdx q.raw
e2fsck -fn q.raw >/dev/null 2>&1
if command -v mkfs.ntfs >/dev/null; then
	rm -f f.raw f.vhdx
	truncate -s 20M f.raw
	mkfs.ntfs -q -F f.raw >/dev/null 2>&1
	truncate -s 50M f.raw
	expect_status 0 convert f.raw f.vhdx
	expect_status 0 resize --to-minimum f.vhdx
	[ "$(size_of f.vhdx)" = $((20 << 20)) ]
	# Its first sector is left over, and has the table of a partition behind it.
	printf 'label: dos\nstart=%d, size=%d\n' $((30 << 11)) $((10 << 11)) | sfdisk -q --wipe never f.raw
	expect_status 0 convert --force f.raw f.vhdx
	expect_status 1 resize --to-minimum f.vhdx
	expect_output "holds 'ntfs', of which nobody knows where it ends"
	expect_status 1 resize f.vhdx 39M
	[ "$(size_of f.vhdx)" = $((50 << 20)) ]
fi
"$vhdx" create empty.vhdx 10M
expect_status 1 resize empty.vhdx 5M
expect_output 'holds nothing that is known, of which nobody knows where it ends'
expect_status 0 resize --force empty.vhdx 5M

# --- chains -----------------------------------------------------------------------------------------

"$vhdx" create --parent empty.vhdx child.vhdx
expect_status 1 resize empty.vhdx 20M
expect_output "empty.vhdx: is the parent of '.*child.vhdx'"
expect_status 0 resize child.vhdx 20M
"$vhdx" check --quiet --chain child.vhdx
expect_status 0 resize --force child.vhdx 3M
expect_status 1 resize child.vhdx 20M
expect_output "its parent '.*empty.vhdx' has a larger disk"
expect_status 0 resize --force empty.vhdx 20M
expect_status 1 map child.vhdx
rm child.vhdx
"$vhdx" create --format vhd p1.vhd 4M
"$vhdx" create --format vhd --parent p1.vhd c1.vhd
expect_status 0 resize c1.vhd 8M
"$vhdx" check --quiet --chain c1.vhd
[ "$(size_of c1.vhd)" = $((8 << 20)) ]
expect_status 1 resize p1.vhd 8M
expect_output 'is the parent of'

# --- what is refused ----------------------------------------------------------------------------------

sha256sum empty.vhdx p1.vhd >sums
expect_status 2 resize empty.vhdx
expect_status 2 resize empty.vhdx x
expect_status 2 resize --to-minimum empty.vhdx 5M
expect_status 1 resize empty.vhdx 65T
expect_output 'can have 64T at most'
expect_status 1 resize empty.vhdx 1000
expect_status 1 resize empty.vhdx 0
expect_status 1 resize none.vhdx 1M
expect_status 1 resize q.raw 1M
"$vhdx" create --format vhd big.vhd 8M
expect_status 1 resize big.vhd 3T
expect_output 'can have 2040G at most'
"$vhdx" create -t fixed -b 1M fixed.vhdx 8M
expect_status 1 resize fixed.vhdx 60T
expect_output 'it has to grow by'
mkvhdx cases cases
for image in cases/*.vhdx; do
	"$vhdx" check --quiet "$image" && continue
	cp "$image" b
	status=0
	"$vhdx" resize --force b 100M >out 2>err || status=$?
	if [ $status = 1 ]; then
		# Its log is replayed before anything else.
		cmp -s "$image" b || { "$vhdx" check "$image" || :; } 2>&1 | grep 'was not closed' >/dev/null || fail "$image is refused, but written to"
	else
		"$vhdx" check --quiet b || fail "$image: resized, and damaged"
	fi
done
sha256sum -c --quiet sums
