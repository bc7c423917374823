# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 900
#
# "vhdx compact --fs" of XFS, FAT, exFAT and btrfs: blocks that are free go, exactly those, by a naive model;
# all else is what it was, each file among it. What is dirty, damaged or unknown is kept whole, and so is all
# that programs say anything unexpected of, or that are not there. Whatever ends it, nothing is left mounted.
# VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/unused.sh"
[ -e /dev/fuse ] || skip 'no FUSE'
PATH=$PATH:/usr/sbin:/sbin

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
naive() { "$VHDX_TOP/tests/lib/naive-free" "$@"; }
missing=()
for program in xfs_db:xfsprogs mkfs.vfat:dosfstools mcopy:mtools mkfs.exfat:exfatprogs partclone.fat:partclone \
	ntfs-3g:ntfs-3g mkfs.btrfs:btrfs-progs; do
	command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
done
[ ${#missing[@]} = 0 ] || skip "no ${missing[*]}"

# Another program tells whether FUSE can be used at all.
truncate -s 4M probe
mkntfs -q -Q -F -s 512 -p 0 -H 0 -S 0 probe >said 2>&1 || { cat said; fail 'mkntfs'; }
mkdir mnt
ntfs-3g "$PWD/probe" mnt 2>/dev/null || skip 'FUSE cannot be used here'
umount mnt
rm -r probe mnt

# --- file systems with files --------------------------------------------------------------------------------

files() # NUMBER: new ones, in "files", of random sizes
{
	rm -rf files
	mkdir files
	python3 - "$seed $rolls" "$1" <<-'EOP'
		import random, sys
		dice = random.Random(sys.argv[1])
		for i in range(int(sys.argv[2])):
		    with open('files/FILE%d' % i, 'wb') as f:
		        f.write(dice.randbytes(dice.choice([100, 5000, 70000, 300000])))
	EOP
}
sums_of() { (cd "$1" && sha256sum FILE* | sort -k 2); } # DIRECTORY
blank() { head -c "$2M" /dev/zero | tr '\0' '\245' >"$1"; } # RAW MIB: something that is not zeros where it is free

# make_KIND RAW MIB; check_KIND RAW: is it good, and are its files those of "sums"?
make_xfs()
{
	local options i

	dice options '' '-m rmapbt=1,reflink=1' '-b size=1024' '-m crc=0 -l size=6m' '-d agcount=2'
	files 20
	{
		printf '/\n0 0\nd--755 0 0\n'
		for i in $(seq 0 19); do
			echo "FILE$i ---644 0 0 files/FILE$i"
		done
		echo '$'
	} >proto
	blank "$1" "$2"
	# shellcheck disable=SC2086 # words
	mkfs.xfs -q -f -K --unsupported $options -p proto "$1" >said 2>&1 || fail "$options: $(<said)"
	note "$1: xfs $options"
}
check_xfs() { xfs_repair -n -f "$1" >said 2>&1 || fail "$1: $(<said)"; }
make_fat()
{
	local options i

	dice options '-F 16' '-F 16 -s 8' '-F 16 -f 1 -r 1024' '-F 32 -s 1' '-F 32 -s 1 -S 512 -R 64'
	files 24
	blank "$1" "$2"
	# shellcheck disable=SC2086 # words
	mkfs.vfat $options "$1" >/dev/null
	mcopy -i "$1" files/* ::/
	for i in $(seq 0 2 23); do
		mdel -i "$1" "::/FILE$i"
		rm "files/FILE$i"
	done
	mmd -i "$1" ::/dir
	mcopy -i "$1" files/FILE1 ::/dir/other
	sums_of files >sums
	note "$1: fat $options"
}
check_fat()
{
	fsck.fat -n "$1" >said 2>&1 || fail "$1: $(<said)"
	rm -rf got.files
	mkdir got.files
	mcopy -i "$1" '::/FILE*' got.files
	sums_of got.files | cmp - sums
}
make_exfat()
{
	local options i

	dice options '' '-c 512' '-c 32K' '-c 128K' '--pack-bitmap'
	files 6
	blank "$1" "$2"
	# shellcheck disable=SC2086 # words
	mkfs.exfat $options "$1" >/dev/null
	for i in 0 1 2 3 4 5; do
		# Clusters of 512 bytes have no room for a larger root directory.
		[ "$options" != '-c 512' ] || [ $i -lt 3 ] || rm "files/FILE$i"
		[ ! -e "files/FILE$i" ] || naive put "$1" "FILE$i" "files/FILE$i"
	done
	sums_of files >sums
	note "$1: exfat $options"
}
check_exfat()
{
	local file

	fsck.exfat -n "$1" >said 2>&1 || fail "$1: $(<said)"
	for file in files/*; do
		naive cat "$1" "${file#files/}" | cmp - "$file"
	done
}
make_btrfs()
{
	local options

	dice options '' '-m single' '-n 4096' '-R ^free-space-tree' '-O ^no-holes -m single -n 65536'
	files 30
	mkdir files/dir
	cp files/FILE1 files/dir/other
	blank "$1" "$2"
	# shellcheck disable=SC2086 # words
	mkfs.btrfs -q -f -K $options --rootdir files "$1" >/dev/null
	# Shorter than it was, sometimes: what is behind is in no file system.
	truncate -s "$2M" "$1"
	sums_of files >sums
	note "$1: btrfs $options"
}
check_btrfs()
{
	btrfs check --force --check-data-csum "$1" >said 2>&1 || fail "$1: $(<said)"
	rm -rf got.files
	mkdir got.files
	btrfs restore "$1" got.files >said 2>&1 || fail "$1: $(<said)"
	sums_of got.files | cmp - sums
}
declare -A mib=([xfs]=48 [fat]=40 [exfat]=24 [btrfs]=130) blkid=([xfs]=xfs [fat]=vfat [exfat]=exfat [btrfs]=btrfs)

# --- against the model --------------------------------------------------------------------------------------

for kind in xfs fat exfat btrfs; do
	for args in '-O vhdx -b 1M' '-O vhd -b 512K'; do
		make_$kind $kind.raw "${mib[$kind]}"
		check_$kind $kind.raw
		naive $kind $kind.raw >runs
		block=$(numfmt --from=iec "${args##* }")
		# shellcheck disable=SC2086 # words
		expect_status 0 convert --no-sparse $args --force $kind.raw b
		guid=$(known_by b)
		expect_status 0 compact --fs --json b
		[ "$(json 'j["filesystems"][0]["kept"]')" = '' ] || fail "$kind: $(<out)"
		json 'j["blocks_dropped"]' >dropped
		[ "$(known_by b)" != "$guid" ] || fail 'nobody could tell that it has changed'
		"$vhdx" check --quiet b || fail "$args: $("$vhdx" check b)"
		"$vhdx" convert -O raw --force b got
		judge $kind.raw got "$block" all >gone || fail "$kind, $args"
		[[ $(<gone) -eq $(<dropped) && $(<gone) -gt 3 ]] || fail "$kind: $(<dropped) dropped, $(<gone) gone"
		check_$kind got
	done
done

# On partitions, two of which hold the same kind.
if command -v sfdisk >/dev/null; then
	head -c 260M /dev/zero | tr '\0' '\132' >disk.raw
	dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
	printf 'label: gpt\n%d,%d\n%d,%d\n%d,%d\n%d,%d\n' 2048 $((48 << 11)) $((50 << 11)) $((40 << 11)) \
		$((92 << 11)) $((24 << 11)) $((118 << 11)) $((130 << 11)) | sfdisk -q disk.raw
	at=1
	for kind in xfs fat exfat btrfs; do
		dd if=$kind.raw of=disk.raw bs=1M seek=$at conv=notrunc status=none
		naive $kind $kind.raw $((at << 20))
		at=$((at + mib[$kind] + 2 - (at == 1)))
	done >runs
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	number=1
	for kind in xfs fat exfat btrfs; do
		expect_output "note: partition $number \('${blkid[$kind]}'\) does not use"
		number=$((number + 1))
	done
	"$vhdx" convert -O raw --force b got
	judge disk.raw got 1048576 all >gone
	[ "$(<gone)" -gt 50 ]
	rm disk.raw
fi

# As the kernel leaves them, where it mounts them here: with holes of files that are gone.
mkdir mnt
at_exit eval '! mountpoint -q mnt || umount mnt'
for kind in xfs btrfs; do
	rm -f disk.raw
	truncate -s 320M disk.raw
	mkfs.$kind -q -f disk.raw >/dev/null
	if [ "$(id -u)" != 0 ] || ! mount -o loop disk.raw mnt 2>/dev/null; then
		note "cannot mount $kind here"
		continue
	fi
	files 40
	cp files/* mnt
	sync -f mnt
	for i in $(seq 0 2 39); do
		rm "mnt/FILE$i"
	done
	sync -f mnt
	# What is copied now is not unmounted, and has a log, where there is anything in that.
	cp files/FILE1 mnt/late
	sync mnt/late
	cp --sparse=always disk.raw dirty.raw
	cp files/FILE1 mnt/FILE0
	sums_of mnt >sums
	umount mnt
	naive $kind disk.raw >runs
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: the disk \('$kind'\) does not use"
	"$vhdx" convert -O raw --force b got
	judge disk.raw got 1048576 all >gone
	check_$kind got
	if [ $kind = xfs ]; then
		mount -o loop,ro got mnt
		sums_of mnt | cmp - sums
		umount mnt
	fi
	expect_status 0 convert -O vhdx -b 1M --force dirty.raw b
	expect_status 0 compact --fs b
	expect_output "note: the disk is kept whole \('$kind'\): its log has to be replayed: mount it once"
	"$vhdx" convert -O raw --force b got
	cmp got dirty.raw
done

# --- what is kept whole ---------------------------------------------------------------------------------------

kept() # RAW KIND RE: all of it, because of that
{
	expect_status 0 convert -O vhdx -b 1M --force "$1" b
	expect_status 0 compact --fs b
	expect_output "note: the disk is kept whole \('${blkid[$2]}'\): $3"
	"$vhdx" convert -O raw --force b got
	cmp got "$1"
}
changed() # KIND OFFSET BYTES: in Python
{
	cp "$1.raw" disk.raw
	python3 - "$2" "$3" <<-'EOP'
		import sys
		with open('disk.raw', 'r+b') as f:
		    f.seek(eval(sys.argv[1]))
		    f.write(eval(sys.argv[2]))
	EOP
	! cmp -s "$1.raw" disk.raw
}
small() # KIND: a plain one, with the files of make_xfs
{
	local file

	rm -f "$1.raw"
	truncate -s "${mib[${1%4}]}M" "$1.raw"
	case $1 in
	xfs) mkfs.xfs -q -f --unsupported -p proto xfs.raw >/dev/null 2>&1 ;;
	xfs4) mkfs.xfs -q -f --unsupported -m crc=0 -l size=6m -p proto xfs4.raw >/dev/null 2>&1 ;;
	fat) mkfs.vfat -F 32 -s 1 fat.raw >/dev/null && mcopy -i fat.raw files/* ::/ ;;
	exfat)
		mkfs.exfat exfat.raw >/dev/null
		for file in files/FILE?; do
			naive put exfat.raw "${file#files/}" "$file"
		done ;;
	btrfs) mkfs.btrfs -q -f --rootdir files btrfs.raw >/dev/null && truncate -s "${mib[btrfs]}M" btrfs.raw ;;
	esac
}
files 20
for kind in xfs xfs4 fat exfat btrfs; do
	small $kind
done

changed xfs 0x90 "b'\0\0\0\0\0\0\0\1'"
kept disk.raw xfs 'xfs_db says: Metadata CRC error'
changed btrfs 65536+0x78 "b'\0\0\0\0\0\0\0\1'"
kept disk.raw btrfs 'btrfs says: csum'
# With checksums that are right; of version 4 XFS has none.
changed xfs4 0x90 "b'\0\0\0\0\0\0\0\1'"
kept disk.raw xfs 'it does not agree with itself about what is free: run xfs_repair on it'
changed xfs4 0xc8 "b'\100\0\0\0' * 2"
kept disk.raw xfs 'it has features that are not known here|xfs_db (says|has failed)'
# One B+tree has another run than the other one: of the same length, somewhere else.
python3 - <<-'EOP'
	import struct
	data = bytearray(open('xfs4.raw', 'rb').read())
	size, = struct.unpack_from('>I', data, 4)
	root, = struct.unpack_from('>I', data, 512 + 16)
	at = root * size
	assert data[at:at + 4] == b'ABTB'
	count, = struct.unpack_from('>H', data, at + 6)
	record = at + 16 + 8 * (count - 1)
	start, length = struct.unpack_from('>II', data, record)
	struct.pack_into('>I', data, record, start - 1)
	open('disk.raw', 'wb').write(data)
EOP
kept disk.raw xfs 'it does not agree with itself about what is free|xfs_db says'
# Parts on other devices.
rm -f disk.raw
truncate -s 48M disk.raw
truncate -s 16M log.raw
mkfs.xfs -q -f --unsupported -l logdev=log.raw,size=8m disk.raw >/dev/null 2>&1
kept disk.raw xfs 'it has another part on another device|xfs_db (says|has failed)'
truncate -s 40M xfs.raw
kept xfs.raw xfs '(it is larger than its partition|xfs_db (says|has failed))'
small xfs
if [ "$(id -u)" = 0 ] && command -v losetup >/dev/null; then
	rm -f one.raw two.raw
	truncate -s 130M one.raw two.raw
	if one=$(losetup -f --show one.raw) && two=$(losetup -f --show two.raw); then
		mkfs.btrfs -q -f -d single -m raid1 "$one" "$two" >/dev/null
	fi
	losetup -d "$one" "$two"
	kept one.raw btrfs 'it is on several devices'
	rm one.raw two.raw
fi
# What the superblock says, with its checksum.
changed_super() # OFFSET NUMBER
{
	cp btrfs.raw disk.raw
	python3 - "$@" <<-'EOP'
		import struct, sys
		with open('disk.raw', 'r+b') as f:
		    f.seek(65536)
		    data = bytearray(f.read(4096))
		    struct.pack_into('<Q', data, int(sys.argv[1]), int(sys.argv[2], 0))
		    crc = 0xffffffff
		    for byte in data[32:]:
		        crc ^= byte
		        for i in range(8):
		            crc = crc >> 1 ^ 0x82f63b78 * (crc & 1)
		    data[:4] = struct.pack('<I', crc ^ 0xffffffff)
		    f.seek(65536)
		    f.write(data)
	EOP
}
used=$(btrfs inspect-internal dump-super btrfs.raw | awk '$1 == "bytes_used" { print $2 }')
changed_super 120 "$used"
cmp disk.raw btrfs.raw
changed_super 120 $((used + 4096))
kept disk.raw btrfs 'it does not agree with itself about what is in use: run btrfs check on it'
changed_super 136 2
kept disk.raw btrfs 'it is on several devices'
changed_super 96 $((64 << 20))
kept disk.raw btrfs 'its log has to be replayed: mount it once'
changed_super 188 0x40341
kept disk.raw btrfs 'it has features that are not known here'
changed_super 56 0x100000001
kept disk.raw btrfs 'it has features that are not known here'
changed_super 112 $((140 << 20))
kept disk.raw btrfs '(it is larger than its partition|it does not agree with itself)'
# Dirty, as its table says; as the boot sector does; tables that differ; a lost cluster; free ones that are not.
table=$((32 * 512))
changed fat $((table + 7)) "b'\7'"
kept disk.raw fat 'fsck.fat says: '
changed fat 65 "b'\1'"
kept disk.raw fat 'fsck.fat says: '
changed fat $((table + 40)) "b'\377\377\377\17'"
kept disk.raw fat 'fsck.fat says: FATs differ'
changed fat $((512 + 488)) "b'\1\0\0\0'"
kept disk.raw fat 'fsck.fat says: Free cluster summary wrong'
# Not known is something else.
changed fat $((512 + 488)) "b'\377\377\377\377'"
expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
expect_status 0 compact --fs b
expect_output "note: the disk \('vfat'\) does not use"
rm disk.raw
truncate -s 8M disk.raw
mkfs.vfat -F 12 disk.raw >/dev/null
kept disk.raw fat 'of FAT12 it is not known what is in use'
changed exfat 0x6a "b'\2'"
kept disk.raw exfat 'partclone.exfat says: WARN: volume was not unmounted cleanly'
# A cluster of a file, of the root directory, and of the bitmap itself.
for cluster in 2 5 6 10; do
	cp exfat.raw disk.raw
	naive forget disk.raw "$cluster"
	kept disk.raw exfat '(fsck.exfat says: ERROR: /FILE[0-9]: cluster .* is marked as free|dump.exfat and partclone.exfat do not agree)'
done
# The last cluster is in use, which partclone calls free.
cp exfat.raw disk.raw
last=$(python3 -c 'import struct; print(struct.unpack("<I", open("disk.raw", "rb").read(128)[0x5c:0x60])[0] + 1)')
naive forget disk.raw "$last"
kept disk.raw exfat 'dump.exfat and partclone.exfat do not agree'

# Any bit of what describes them, or of files: what is dropped is free in any case.
rounds=10
for kind in xfs xfs4 fat exfat btrfs; do
	naive ${kind%4} $kind.raw >runs
	rolls=$((rolls + 1))
	python3 - "$seed $rolls" $kind $rounds >flips <<-'EOP'
		import random, sys
		dice, kind = random.Random(sys.argv[1]), sys.argv[2]
		data = open(kind + '.raw', 'rb').read()
		# Sectors that are not empty, each as likely as others; often what comes first.
		begin, empty = 65536 if kind == 'btrfs' else 0, bytes(512)
		some = [at for at in range(begin, len(data), 512) if data[at:at + 512] != empty]
		for i in range(int(sys.argv[3])):
		    at = dice.choice(some[:8] if dice.random() < .5 else some)
		    full = [i for i in range(at, at + 512) if data[i]]
		    at = dice.choice(full) if dice.random() < .7 else at + dice.randrange(512)
		    print(at, '%03o' % (data[at] ^ 1 << dice.randrange(8)))
	EOP
	while read -r at byte; do
		cp --sparse=always $kind.raw disk.raw
		printf '%b' "\\0$byte" | dd of=disk.raw bs=1 seek="$at" conv=notrunc status=none
		expect_status 0 convert -O vhdx -b 1M --force disk.raw b
		expect_status 0 compact --fs b
		"$vhdx" convert -O raw --force b got
		judge disk.raw got 1048576 some >gone || fail "$kind, $byte at $at: $(<err)"
		grep -q 'kept whole' err || echo dropped
	done <flips >log
	note "$kind: $(wc -l <log) of $rounds dropped blocks"
done

# --- programs that are not there, or say something else --------------------------------------------------------

mkdir fake
as() # PROGRAM SCRIPT: it is that
{
	printf '#!/bin/bash\n%s\n' "$2" >"fake/$1"
	chmod +x "fake/$1"
}
tried() # KIND RE
{
	"$vhdx" convert -O vhdx -b 1M --force "$1.raw" b
	PATH=$PWD/fake:$PATH expect_status 0 compact --fs b
	expect_output "note: the disk is kept whole \('${blkid[$1]}'\): $2"
	rm fake/*
}
for pair in xfs:xfs_db:xfsprogs xfs:xfs_logprint:xfsprogs fat:fsck.fat:dosfstools fat:partclone.fat:partclone \
	exfat:fsck.exfat:exfatprogs exfat:dump.exfat:exfatprogs exfat:partclone.exfat:partclone btrfs:btrfs:btrfs-progs; do
	IFS=: read -r kind program package <<<"$pair"
	as "$program" 'exit 127'
	tried "$kind" "what is in use tells $program: install $package \(Debian\)"
	as "$program" 'exit 3'
	tried "$kind" "$program has failed \(status 3\)"
	as "$program" 'echo "something new"; exit 0'
	tried "$kind" "$program says: something new"
	# shellcheck disable=SC2016 # of that shell
	as "$program" 'kill -SEGV $$'
	tried "$kind" "$program has failed \(status 139\)"
	as "$program" 'exit 0'
	tried "$kind" ''
	# Half of what it should say.
	as "$program" "$(command -v "$program") \"\$@\" 2>&1 | head -n 3; exit 0"
	tried "$kind" ''
done
# Nobody can write to what they see.
# shellcheck disable=SC2016 # of that shell
as xfs_logprint 'for file; do :; done; (echo x >>"$file") 2>&1 | grep -o "Read-only file system"; exit 0'
tried xfs 'xfs_logprint says: Read-only file system'
# No FUSE: the device is another one.
"$vhdx" convert --no-sparse -O vhdx -b 1M --force xfs.raw b
if unshare -rm sh -c 'mount --bind /dev/null /dev/fuse' 2>/dev/null; then
	unshare -rm sh -c "mount --bind /dev/null /dev/fuse && '$vhdx' compact --fs b" >out 2>err
	expect_output "note: the disk is kept whole \('xfs'\): others know .* as FUSE cannot be used here \("
fi

# --- whatever ends it, nothing is left ---------------------------------------------------------------------------

for signal in TERM HUP KILL; do
	rm -f seen
	as xfs_logprint "cd '$PWD'; for file; do :; done; exec 9<\$file; sleep 100 & echo \$! >sleeper; echo \$file >seen; wait"
	PATH=$PWD/fake:$PATH "$vhdx" compact --fs b >out 2>err &
	pid=$!
	for i in $(seq 100); do
		[ ! -s seen ] || break
		sleep 0.1
	done
	[ -s seen ]
	kill -$signal $pid
	status=0
	wait $pid || status=$?
	[ $status = $((128 + $(kill -l $signal))) ] || fail "$signal: status $status"
	for i in $(seq 50); do
		[ -e "$(dirname "$(<seen)")" ] || break
		sleep 0.1
	done
	kill "$(<sleeper)"
	[ ! -e "$(dirname "$(<seen)")" ] || fail "$signal: $(<seen) is still there"
	! grep -q "$(dirname "$(<seen)")" /proc/mounts || fail "$signal: still mounted"
done
rm fake/*
expect_status 0 compact --fs b
expect_output "note: the disk \('xfs'\) does not use"
