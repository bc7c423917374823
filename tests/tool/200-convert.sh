# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx convert": each format into each other, against the raw disk and against software by others;
# chains; what is refused; killed at any write, nothing of the target is there. VHDX_SEED=N repeats a
# run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
have_qemu=$(command -v qemu-img qemu-nbd | wc -l)

# disk FILE BYTES SEED: data here and there, some of it zeros that are no holes
disk()
{
	python3 - "$1" "$(numfmt --from=iec "$2")" "$3" <<-'EOP'
		import random, sys
		size, dice = int(sys.argv[2]), random.Random(int(sys.argv[3]))
		with open(sys.argv[1], 'wb') as f:
		    f.truncate(size)
		    for _ in range(40):
		        at = dice.randrange(size // 512) * 512
		        n = min(size - at, dice.choice((512, 4096, 70000 // 512 * 512, 1 << 20)))
		        f.seek(at)
		        f.write(dice.choice((dice.randbytes(n), dice.randbytes(n), bytes(n))))
	EOP
}

# --- each into each -----------------------------------------------------------------

disk a.raw $(((21 << 20) + 512)) "$seed"
sum=$(sha256sum <a.raw | cut -d ' ' -f 1)
formats='raw vhdx vhd'
[ "$have_qemu" != 2 ] || formats+=' qcow2'
for format in $formats; do
	expect_status 0 convert --json --sha256 a.raw "a.$format.$format" -O "$format"
	[ "$(json 'j["sha256"], j["virtual_size"], j["format"], j["source_format"]')" = "$sum $(((21 << 20) + 512)) $format raw" ] ||
		fail "$(cat out)"
	[ "$(json 'j["copied"] + j["shared"] + j["zeros"] == j["virtual_size"]')" = True ]
	for to in $formats; do
		rm -f "b.$to"
		expect_status 0 convert "a.$format.$format" "b.$to"
		expect_status 0 convert --sha256 --force "b.$to" c.raw
		cmp a.raw c.raw
		grep -q "^SHA-256 *$sum$" out || fail "$format to $to: $(cat out)"
		if [ "$to" = vhdx ] || [ "$to" = vhd ]; then
			expect_status 0 check --quiet "b.$to"
		fi
		[ "$have_qemu" = 2 ] || continue
		qemu-img compare -q -f "${to/#vhd/vpc}" -F raw "b.$to" a.raw 2>/dev/null || {
			[ "$to" = vhdx ] || fail "qemu-img reads something else from $format to $to"
		}
	done
done
[ "$have_qemu" != 2 ] || for to in vhdx vpc; do qemu-img compare -q -f "$to" -F raw "b.${to/vpc/vhd}" a.raw; done
others=$(find . -mindepth 1 ! -name '[abc].*' ! -name out ! -name err)
[ -z "$others" ] || fail "there are more files: $others"
# The model of VHD shares no code with anything.
"$VHDX_TOP/tests/lib/naive-vhd" b.vhd | cmp - a.raw

# Types, blocks, and what takes space.
for args in '-t fixed' '-b 1M' '-b 256M' '-t fixed -b 1M' --preallocate --no-sparse '-b 2M --no-sparse'; do
	# shellcheck disable=SC2086 # words
	expect_status 0 convert $args -F a.raw d.vhdx
	expect_status 0 check --quiet d.vhdx
	expect_status 0 convert --force d.vhdx c.raw
	cmp a.raw c.raw
	case $args in
	*-preallocate | *fixed*) [ "$(($(stat -c %b d.vhdx) * 512))" -ge "$(stat -c %s d.vhdx)" ] || fail "$args has holes" ;;
	esac
done
expect_status 0 info --json d.vhdx
[ "$(json 'j["blocks_allocated"] == j["blocks_total"]')" = True ] || fail "$(cat out)"
for args in '-t fixed' '-b 4K' '-b 64K' '-b 4M --preallocate'; do
	# shellcheck disable=SC2086 # words
	expect_status 0 convert $args -F a.raw d.vhd
	expect_status 0 check --quiet d.vhd
	expect_status 0 convert --force d.vhd c.raw
	cmp a.raw c.raw
done
# No block is placed twice, whether the file system can share data or not.
head -c 5M /dev/urandom >whole.raw
expect_status 0 convert -b 1M whole.raw whole.vhdx
[ "$(stat -c %s whole.vhdx)" = $((9 << 20)) ]
rm whole*
truncate -s 1T large.raw
printf x | dd of=large.raw bs=1 seek=700000000000 conv=notrunc status=none
expect_status 0 convert --json large.raw large.vhdx
[ "$(json 'j["copied"] <= 1 << 20')" = True ] || fail "$(cat out)"
[ "$(stat -c %b large.vhdx)" -lt 20000 ]
expect_status 0 convert --json large.vhdx large2.raw
[ "$(dd if=large2.raw bs=1 skip=700000000000 count=1 status=none)" = x ]
rm large*

# Azure: fixed, whole MiB, and that very size.
expect_status 0 convert --azure -F a.raw azure.vhd
expect_output 'made 22M'
[ "$(stat -c %s azure.vhd)" = $(((22 << 20) + 512)) ]
cmp -n $(((21 << 20) + 512)) azure.vhd a.raw
expect_status 0 info --json azure.vhd
[ "$(json 'j["virtual_size"], j["type"]')" = "$((22 << 20)) fixed" ]
# No whole sectors.
head -c 1000 a.raw >odd.raw
expect_status 0 convert odd.raw odd.vhdx
expect_output 'no multiple of 512 bytes'
expect_status 0 info --json odd.vhdx
[ "$(json 'j["virtual_size"]')" = 1024 ]

# --- chains -----------------------------------------------------------------------------

for n in 1 2 3; do
	rm -rf chain
	python3 - chain $((seed + n)) <<-EOP
		import random, sys
		sys.path.insert(0, '$VHDX_TOP/tests/images')
		from mkchain import *
		dice = random.Random(int(sys.argv[2]))
		size = dice.randint(3, 7) * MIB + 5 * 4096
		write_chain(sys.argv[1], [random_layer(dice, size, 512, i == 2) for i in range(3)])
	EOP
	expect_status 0 convert --json chain/0.vhdx c.raw --force
	[ "$(json 'j["layers"]')" = 3 ]
	cmp c.raw chain/disk.raw
done

# --- sectors ----------------------------------------------------------------------------

truncate -s 8M e.raw
expect_status 0 convert --logical-sector-size 4096 e.raw e.vhdx
echo 'start=2048, size=4096' | sfdisk -q e.raw
rm e.vhdx
expect_status 1 convert --logical-sector-size 4096 e.raw e.vhdx
expect_output "e.raw: holds a partition table 'dos' for sectors of 512 bytes, which cannot be read with 4096: leave"
expect_status 0 convert --logical-sector-size 4096 --force e.raw e.vhdx
mkfs.ext4 -q -F -b 4096 fs.raw 8M
expect_status 0 convert --logical-sector-size 4096 fs.raw fs.vhdx
mkfs.ext4 -q -F -b 1024 fs.raw 8M
expect_status 1 convert --logical-sector-size 4096 fs.raw fs2.vhdx
expect_output "holds a file system 'ext4' for sectors of 512 bytes"

# --- what is refused: nothing is written ---------------------------------------------------

rm -r ./*
disk a.raw 8M "$seed"
expect_status 0 convert a.raw a.vhdx
sha256sum a.raw a.vhdx >sums
find . ! -name out ! -name err | sort >../before
expect_status 1 convert a.raw a.vhdx
expect_output 'a.vhdx: exists: take another name, or use --force'
expect_status 1 convert a.raw a.raw -O raw --force
expect_output 'is one of the files that are to be read'
expect_status 1 convert a.raw no/b.vhdx
expect_status 1 convert none.raw b.vhdx
expect_status 1 convert -f vhdx a.raw b.vhdx
expect_status 1 convert -f vhd a.raw b.vhdx
expect_status 2 convert a.raw b
expect_output 'the name of TARGET does not tell its format'
expect_status 2 convert -O zip a.raw b
expect_status 2 convert --azure a.raw b.vhdx
expect_status 2 convert --azure -t dynamic a.raw b.vhd
expect_status 2 convert -t fixed a.raw b.raw
expect_status 2 convert -t fixed -b 2M a.raw b.vhd
expect_status 2 convert -b 4K a.raw b.vhdx
expect_status 2 convert --logical-sector-size 1024 a.raw b.vhdx
expect_status 2 convert --continue --sha256 a.raw b.vhdx
expect_status 2 convert --continue a.raw b.qcow2
expect_status 2 convert a.raw
: >empty
expect_status 1 convert empty b.vhdx
expect_output 'is empty'
rm empty
PATH=/nowhere expect_status 1 convert a.raw b.qcow2
expect_output "images of qemu's take its program 'qemu-img': install"
if [ "$have_qemu" = 2 ]; then
	# Whoever writes to the source is noticed.
	qemu-nbd --socket "$PWD/socket" -f raw a.raw &
	pid=$!
	at_exit end_process $pid
	wait_for 20 test -S socket
	expect_status 1 convert a.raw b.vhdx
	expect_output 'in use by'
	expect_status 1 convert a.vhdx a.raw --force
	kill $pid
	wait $pid || :
	rm -f socket
fi
# A name that was mistyped makes no file among the devices.
for to in raw vhdx qcow2; do
	expect_status 1 convert -O $to a.vhdx /dev/vhdx-NOTHERE
	if [ -e /dev/vhdx-NOTHERE ]; then
		rm /dev/vhdx-NOTHERE
		fail 'a file in /dev'
	fi
	expect_output '^vhdx: /dev/vhdx-NOTHERE: cannot create: .*: check the name'
done
truncate -s 3T large.raw
expect_status 1 convert large.raw b.vhd
expect_output 'larger than a VHD can be'
rm large.raw
find . ! -name out ! -name err | sort | cmp ../before -
sha256sum -c --quiet sums

# --- no space -------------------------------------------------------------------------------

if truncate -s 16M fs && mkfs.ext4 -q fs && mkdir full && mount -o loop fs full 2>/dev/null; then
	at_exit umount "$PWD/full"
	head -c 20M /dev/urandom >big.raw
	for to in raw vhdx vhd; do
		expect_status 1 convert big.raw full/b.$to
		expect_output 'No space left on device'
		[ "$(ls full)" = lost+found ]
	done
else
	note 'no loop devices here: what happens without space is not tried'
fi

# --- a footer of before 2004 ----------------------------------------------------------------

head -c 3M /dev/urandom >old.raw
for args in '' '-t fixed'; do
	# shellcheck disable=SC2086 # words
	expect_status 0 convert $args -O vhd --force old.raw old.vhd
	truncate -s -1 old.vhd
	sum=$(sha256sum <old.vhd)
	expect_status 0 convert -O raw --force old.vhd got
	cmp got old.raw
	expect_status 0 convert -O vhdx --force old.vhd got.vhdx
	"$vhdx" check --quiet got.vhdx
	expect_status 1 resize old.vhd 8M
	expect_output "old.vhd: its size is no multiple of 512 bytes, .*: run 'vhdx check --repair'"
	[ "$(sha256sum <old.vhd)" = "$sum" ] || fail 'it has changed'
	expect_not_attached old.vhd "no multiple of 512 bytes, .*: run 'vhdx check --repair'"
	expect_status 1 check --repair old.vhd
	expect_status 0 resize old.vhd 8M
done
