# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# Every malformed image of tests/images/mkvhdx.py: the target gives the errno and the sentence it
# should and writes nothing, or serves the right content; what it wrote to passes "vhdx check".
. "$VHDX_TOP/tests/lib/vhdx.sh"
need python3
[ -n "${VHDX_LONG-}" ] || skip 'takes a quarter of an hour under emulation: VHDX_LONG=1 runs it'

scratch_fs 700
insmod_vhdx
# The unit tests have made them a minute ago, and the VM is not quick at that.
images=$VHDX_TOP/build/unit/images
if [ ! "$images/cases.tsv" -nt "$VHDX_TOP/tests/images/mkvhdx.py" ]; then
	images=$PWD/images
	mkdir images
	python3 "$VHDX_TOP/tests/images/mkvhdx.py" cases images >/dev/null
fi

# name<TAB>sentence, from the one place where they are
tr '\n' ' ' <"$VHDX_TOP/kmod/vhdx-fault.h" | grep -oE 'F\([A-Z_]+,[^"]*"[^"]*"' |
	sed -E 's/^F\(([A-Z_]+),[^"]*"([^"]*)"$/\1\t\2/' >faults
[ "$(wc -l <faults)" -gt 40 ] || fail 'cannot read the faults'
touch -d 2002-01-01 faults.old	# a write through a loop device sets the file's time

declare -A text message=([EINVAL]='Invalid argument' [EOPNOTSUPP]='Operation not supported'
	[EFBIG]='File too large' [ENOSPC]='No space left on device' [EIO]='Input/output error'
	[ENOMEM]='Cannot allocate memory')
while IFS=$'\t' read -r name sentence; do
	text[$name]=$sentence
done <faults

bad=0
complain() { echo "case $number, $file, $mode: $*"; bad=$((bad + 1)); }

# Programs start slowly in the VM, so what the shell can do itself it does. $1 loop device
refused()
{
	local err log sentence=${text[$fault]:-$fault}

	if err=$(dmsetup create x --table "0 2048 vhdx $1$option" 2>&1); then
		complain "is mapped, should fail with $expected"
		dmsetup remove x
		return
	fi
	[[ $err == *"${message[$expected]}"* ]] || complain "should fail with $expected: $err"
	log=$(dmesg)
	[[ ${log: -1000} == *"$sentence"* ]] || complain "the kernel log lacks \"$sentence\": ${log: -500}"
}

served()
{
	local err got

	# Nearly all disks have 8 MiB; asking takes longer than trying.
	err=$(dmsetup create x --table "0 16384 vhdx $1$option" 2>&1) ||
		err=$(dmsetup create x --table "0 $(image_sectors image) vhdx $1$option" 2>&1) || {
		complain "should be mapped: $err $(dmesg | tail -n 2)"
		return
	}
	if [ "$length" != - ]; then
		got=$(head -c "$length" /dev/mapper/x | sha256sum)
		[ "${got%% *}" = "$sha" ] || complain "reads as $got"
	fi
	if [ "$mode" = rw ]; then
		dd if=/dev/urandom of=/dev/mapper/x bs=4k count=1 oflag=direct conv=fsync status=none ||
			complain 'cannot be written'
	fi
	dmsetup remove x
}

at_exit eval '! dmsetup info x >/dev/null 2>&1 || dmsetup remove x'
count=0
while IFS=$'\t' read -r number file size mode expected fault length sha; do
	count=$((count + 1))
	option=
	[ "$mode" = rw ] || option=' 1 read_only'
	cp --sparse=always "$images/$file" image
	[ "$size" = 0 ] || truncate -s "$size" image
	touch -d 2001-01-01 image
	dev=$(losetup --find --show image)
	if [ "$expected" = ok ]; then
		served "$dev"
	else
		refused "$dev"
	fi
	losetup -d "$dev"
	if [ "$mode" = ro ] || [ "$expected" != ok ]; then
		[ ! image -nt faults.old ] || complain 'was written to'
	else
		"$vhdx" check --quiet image || complain "is not clean afterwards: $("$vhdx" check image 2>&1)"
	fi
done <"$images/cases.tsv"
note "$count images"
[ "$count" -gt 100 ] || fail 'too few images'
[ $bad = 0 ] || fail "$bad wrong reactions"
