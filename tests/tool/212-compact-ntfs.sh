# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 600
#
# "vhdx compact --fs" of NTFS: blocks that are free go, exactly those, by a naive model that reads $Bitmap;
# all else is what it was, each file among it. What Windows has more to do with, what shadow copies may be
# in, and what does not agree with itself is kept whole. VHDX_SEED=N repeats a run that printed N.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/unused.sh"
command -v mkntfs ntfscp ntfscat ntfsresize ntfsfix >/dev/null || skip 'no ntfs-3g'

seed=${VHDX_SEED:-$(date +%s)}
note "VHDX_SEED=$seed"
naive() { "$VHDX_TOP/tests/lib/naive-ntfs" "$@"; }
make() { mkntfs -q -F -f -T "$@" >/dev/null 2>&1; }

# fill RAW: files that are new, longer, shorter and gone; their sums go to "sums". With FUSE by a mount, one
# of them in so many pieces that its record is continued in others.
mkdir mnt
fill()
{
	if [ -e /dev/fuse ] && ntfs-3g "$1" mnt 2>/dev/null; then
		python3 - "$seed $1" mnt <<-'EOP'
			import os, random, sys
			dice, top = random.Random(sys.argv[1]), sys.argv[2]
			def put(name, size):
			    with open(os.path.join(top, name), 'wb') as f:
			        f.write(dice.randbytes(size))
			fs = os.statvfs(top)
			many = 500 if fs.f_bsize <= 4096 else 50
			for i in range(many):
			    put('%d' % i, dice.choice([10, 3000, 9000, 20000]))
			for i in range(0, many, 2):
			    os.unlink(os.path.join(top, '%d' % i))
			for i in range(many, many * 7 // 5):
			    put('%d' % i, 5000)
			# With holes, so that it takes many runs of clusters.
			with open(os.path.join(top, 'pieces'), 'wb') as f:
			    for i in range(many * 4 // 5):
			        f.seek(i << 18)
			        f.write(dice.randbytes(4096))
			os.mkdir(os.path.join(top, 'dir'))
			for i in range(1, many, 2):
			    os.rename(os.path.join(top, '%d' % i), os.path.join(top, 'dir', '%d' % i))
			for i in range(many, many * 7 // 5, 3):
			    os.truncate(os.path.join(top, '%d' % i), 1500)
		EOP
		sync -f mnt
		umount mnt
	else
		note 'no FUSE: by ntfscp only'
		for i in 1 2 3 4 5; do
			head -c $((RANDOM * 30 + 1000)) /dev/urandom >file
			ntfscp -q "$1" file $i 2>/dev/null
		done
		head -c 1000 file >less
		ntfscp -q "$1" less 3 2>/dev/null
	fi
	ntfs_sums "$1" >sums
	[ "$(wc -l <sums)" -gt 4 ]
}
# As long as that is, by mount or by ntfscat.
ntfs_sums() # RAW
{
	if [ -e /dev/fuse ] && ntfs-3g -o ro "$1" mnt 2>/dev/null; then
		(cd mnt && find . -type f -exec sha256sum {} + | sort -k 2)
		umount mnt
	else
		for i in 1 2 3 4 5; do
			echo "$(ntfscat "$1" $i 2>/dev/null | sha256sum) $i"
		done
	fi
}
at_exit eval '! mountpoint -q mnt || umount mnt'
is_clean() # RAW
{
	ntfsfix -n "$1" >said 2>&1 || fail "$1: $(<said)"
	ntfsresize --info --force --no-progress-bar "$1" >said 2>&1 || fail "$1: $(<said)"
}

# --- against the model -----------------------------------------------------------------------------------

for cluster in 4096 512 65536; do
	head -c 40M /dev/zero | tr '\0' '\245' >disk.raw
	make -c $cluster disk.raw
	fill disk.raw
	is_clean disk.raw
	naive free disk.raw 0 >runs
	number=$(naive continued disk.raw)
	if [ -n "$number" ]; then
		cp disk.raw continued.raw
		naive forget continued.raw "$number"
	fi
	for args in '-O vhdx -b 1M' '-O vhd -b 64K'; do
		[ $cluster = 4096 ] || [[ $args == *vhdx* ]] || continue
		block=$(numfmt --from=iec "${args##* }")
		# shellcheck disable=SC2086 # words
		expect_status 0 convert --no-sparse $args --force disk.raw b
		guid=$(known_by b)
		expect_status 0 compact --fs b
		expect_output "note: the disk \('ntfs'\) does not use"
		[ "$(known_by b)" != "$guid" ] || fail 'nobody could tell that it has changed'
		"$vhdx" check --quiet b || fail "$args: $("$vhdx" check b)"
		"$vhdx" convert -O raw --force b got
		judge disk.raw got "$block" all >gone || fail "$cluster, $args"
		[ "$(<gone)" -gt 0 ]
		is_clean got
		ntfs_sums got | cmp - sums || fail "$cluster, $args: files are other ones"
	done
done
# Both, on partitions, one of which is logical.
if command -v sfdisk mke2fs >/dev/null; then
	head -c 50M /dev/zero | tr '\0' '\132' >disk.raw
	dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
	sfdisk -q disk.raw <<-EOP
		label: dos
		p1 : start=2048, size=$((20 << 11)), type=7
		p2 : start=$((21 << 11)), type=5
		p5 : start=$((22 << 11)), size=$((20 << 11)), type=7
	EOP
	for at in 1 22; do
		truncate -s 20M one.raw
		make one.raw
		head -c $((at * 200000)) /dev/urandom >file
		ntfscp -q one.raw file file 2>/dev/null
		dd if=one.raw of=disk.raw bs=1M seek=$at conv=notrunc status=none
		rm one.raw
		naive free disk.raw $((at << 20))
	done >runs
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: partition 1 \('ntfs'\) does not use"
	expect_output "note: partition 5 \('ntfs'\) does not use"
	"$vhdx" convert -O raw --force b got
	judge disk.raw got 1048576 all >gone
	[ "$(<gone)" -gt 20 ]
fi

# --- what is kept whole ------------------------------------------------------------------------------------

kept() # RE: all of disk.raw, because of that
{
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: the disk is kept whole \('ntfs'\): $1"
	"$vhdx" convert -O raw --force b got
	cmp got disk.raw
}
dropped()
{
	expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
	expect_status 0 compact --fs b
	expect_output "note: the disk \('ntfs'\) does not use"
}
changed() # WHAT ARG...: by naive-ntfs
{
	cp clean.raw disk.raw
	naive "$1" disk.raw "${@:2}"
}
truncate -s 16M clean.raw
make clean.raw
head -c 300000 /dev/urandom >file
ntfscp -q clean.raw file file 2>/dev/null
cp clean.raw disk.raw
dropped
changed flags 1
kept 'it was not unmounted, or has errors: let Windows check it'
changed flags 0x8000
dropped
changed flags 4
kept 'Windows has more to do on it: let it mount it once'
changed log 1.1 clean
dropped
changed log 1.1 unclean
kept 'its log has to be replayed: let Windows mount it once'
changed log 2.0 clean
kept "Windows has more of it in its cache: shut it down, by 'shutdown /s /t 0'"
changed log 3.0 clean
kept 'its log has to be replayed: let Windows mount it once'
cp clean.raw disk.raw
{ printf hibr && head -c 8188 /dev/zero; } >file
ntfscp -q disk.raw file hiberfil.sys 2>/dev/null
kept "Windows is hibernated, as by its fast startup: shut it down, by 'shutdown /s /t 0'"
cp clean.raw disk.raw
head -c 8192 /dev/zero >file
ntfscp -q disk.raw file hiberfil.sys 2>/dev/null
dropped
changed shadow 70000
kept 'it has shadow copies, or had some'
changed shadow 0
dropped
# A cluster of the log, and of the file; and of one in so many pieces that it takes more records.
for number in 2 64; do
	changed forget $number
	kept 'it does not agree with itself about what is in use: let Windows check it'
done
if [ -e continued.raw ]; then
	mv continued.raw disk.raw
	kept 'it does not agree with itself about what is in use: let Windows check it'
else
	note 'no file has more than one record'
fi
changed scratch 64
kept 'it does not agree with itself about what is in use: let Windows check it'
changed scratch 1
kept 'it cannot be read \(.*\): let Windows check it'
# Cut off, as by a partition that was made smaller: libblkid does not mind.
cp clean.raw disk.raw
truncate -s 12M disk.raw
kept 'it (cannot be read|is larger than its partition)'
# Its first sector is left over, and libblkid sees no partitions then, which the kernel does.
if command -v sfdisk >/dev/null; then
	head -c 40M /dev/zero | tr '\0' '\132' >disk.raw
	make disk.raw
	printf 'label: dos\nstart=%d, size=%d\n' $((30 << 11)) $((9 << 11)) | sfdisk -q --wipe never disk.raw
	kept 'there are partitions, too'
	# A volume of a dynamic disk goes on behind another one.
	truncate -s 30M one.raw
	make one.raw
	for label in dos gpt; do
		type=42
		[ $label = dos ] || type=AF9B60A0-1431-4F62-BC68-3311714A69AD
		head -c 40M /dev/zero | tr '\0' '\132' >disk.raw
		dd if=/dev/zero of=disk.raw bs=1M count=1 conv=notrunc status=none
		printf 'label: %s\nstart=2048, size=%d, type=%s\n' $label $((38 << 11)) $type | sfdisk -q disk.raw
		dd if=one.raw of=disk.raw bs=1M seek=1 count=20 conv=notrunc status=none
		expect_status 0 convert --no-sparse -O vhdx -b 1M --force disk.raw b
		expect_status 0 compact --fs b
		expect_output "note: partition 1 is kept whole \('ntfs'\): by its type it is divided"
		"$vhdx" convert -O raw --force b got
		cmp got disk.raw
	done
fi
