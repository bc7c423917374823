# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 500
#
# Files that can have no holes (NTFS: must have none) grow in steps while they are attached, as far
# as the disk is written, and are as small as they can be afterwards.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need ntfs-3g mkntfs getfattr mkfs.exfat mkfs.vfat

modprobe fuse
scratch_fs 400 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

mib() { echo $(($(stat -c %s "$1") >> 20)); }
attributes() { getfattr -h --only-values -n system.ntfs_attrib_be "$1" | od -An -tx1 | tr -d ' '; }
solid() { [ "$(attributes "$1")" = 00000020 ] || fail "line ${BASH_LINENO[0]}: $1 has the attributes $(attributes "$1")"; }
monitors() { pgrep -fc 'vhdx monitor' || :; }
no_monitor() { [ "$(monitors)" = 0 ]; }
random() { dd if=/dev/urandom of=/dev/mapper/"$1" bs=1M oflag=direct status=none "${@:2}"; }

# Does the target know no_unmap, and the message "zeroed"?
knows_more() { dmsetup targets | grep -qE '^vhdx +v(1\.[1-9]|[2-9])'; }

# fs_on FILE MIB TYPE: mounted as fs
fs_on()
{
	truncate -s "$2M" "$1"
	mkdir -p fs
	at_exit eval "! mountpoint -q '$SCRATCH/fs' || umount '$SCRATCH/fs'"
	case $3 in
	ntfs)
		mkntfs -q -F -f "$1" 2>/dev/null
		ntfs-3g -o big_writes "$1" fs
		;;
	exfat)
		mkfs.exfat "$1" >/dev/null
		mount -o loop "$1" fs
		;;
	vfat)
		mkfs.vfat "$1" >/dev/null
		mount -o loop "$1" fs
		;;
	esac
}

# --- in steps, and back -----------------------------------------------------

# $1: file system, $2: MiB to write; $3: what the file may have right after attach; $4: format
there_and_back()
{
	local format=${4-vhdx} head=4 qemu=vhdx

	[ "$format" = vhdx ] || { head=0 qemu=vpc; }
	fs_on "$1.img" 130 "$1"
	"$vhdx" create --size 100M --block-size 1M --format "$format" fs/d.vhdx
	"$vhdx" attach fs/d.vhdx d >out 2>err
	[ ! -s err ] || fail "$1: attach says $(<err)"
	[ "$(monitors)" = 1 ] || fail "$1: $(monitors) monitors"
	[ "$(mib fs/d.vhdx)" -le "$3" ] || fail "$1: $(mib fs/d.vhdx) MiB were taken at once"
	random d count="$2"
	cmp <(dd if=/dev/mapper/d bs=1M skip="$2" status=none) <(head -c $((100 - $2))M /dev/zero)
	# One that can be told that what was added is zero zeroes little of it again. (Of a VHD image each
	# new block counts, as its bitmap is written.)
	if [ "$format" = vhdx ] && knows_more; then
		[ "$(dmsetup status d | cut -d' ' -f11)" -le $(($2 / 2)) ] || fail "$1: $(dmsetup status d)"
	fi
	raw_of /dev/mapper/d raw
	"$vhdx" detach d 2>err
	[ ! -s err ] || fail "$1: detach says $(<err)"
	no_monitor || fail "$1: the monitor is still there"
	[ "$(mib fs/d.vhdx)" = $((head + $2)) ] || fail "$1: $(mib fs/d.vhdx) MiB are left"
	[ "$1" != ntfs ] || solid fs/d.vhdx
	"$vhdx" check fs/d.vhdx
	qemu-img compare -q -f $qemu -F raw fs/d.vhdx raw
	umount fs
	rm "$1.img" raw
}

there_and_back exfat 80 84
there_and_back exfat 40 84 vhd
there_and_back vfat 20 84
there_and_back ntfs 24 84

# --- one for each, that ends with the mapping -------------------------------

fs_on exfat.img 130 exfat
"$vhdx" create --size 100M --block-size 1M fs/d.vhdx
expect_fail -m 'd: not attached' "$vhdx" monitor d
"$vhdx" attach fs/d.vhdx d
expect_fail -m "d: another 'vhdx monitor' watches it already" "$vhdx" monitor d
expect_fail -m 'watches it already' "$vhdx" monitor --daemon d
pid=$(pgrep -f 'vhdx monitor')
kill -TERM "$pid"
wait_for 10 no_monitor
[ -z "$(ls /run/vhdx/monitor* 2>/dev/null)" ] || fail "left behind: $(ls /run/vhdx)"
"$vhdx" monitor d &
wait_for 10 test -e "/run/vhdx/monitor-$(dmsetup info -c --noheadings -o major,minor d)"
# Killed, it leaves its file behind, with a number that says nothing.
kill -KILL $!
wait $! || :
sleep 300 &
other=$!
at_exit eval "kill $other 2>/dev/null || :"
"$vhdx" monitor --daemon d
dmsetup rename d e
random e count=40
dmsetup remove e
wait_for 10 no_monitor
kill -0 $other || fail 'another process was killed'
kill $other
losetup -l | grep -q d.vhdx && fail 'the loop device is left'
"$vhdx" check fs/d.vhdx

# --- the file system is full ------------------------------------------------

# Before the monitor is there: it takes what it wants as fast as anybody.
# The file has 68 MiB by now; there is room for one step.
dd if=/dev/zero of=fs/ballast bs=1M status=none 2>/dev/null || :
truncate -s -20M fs/ballast
"$vhdx" attach fs/d.vhdx d
random d seek=40 count=60 2>err &
writer=$!
stuck() { [ "$(status d used)" = "$(status d size)" ]; }
wait_for 300 stuck
sleep 3
kill -0 $writer || fail "the write did not wait: $(<err)"
[ "$(monitors)" = 1 ] || fail 'the monitor has given up'
rm fs/ballast
wait $writer || fail "the write failed: $(<err)"
[ "$(status d mode)" = rw ]
[ "$(status d allocated)" = 100 ]
"$vhdx" detach d
"$vhdx" check fs/d.vhdx
umount fs
rm exfat.img

# --- a file that was sparse, one that becomes it ----------------------------

fs_on ntfs.img 130 ntfs
"$vhdx" create --size 50M --block-size 1M fs/d.vhdx
cp --sparse=always fs/d.vhdx fs/s.vhdx
mv fs/s.vhdx fs/d.vhdx
"$vhdx" attach fs/d.vhdx d 2>err
grep -q 'note: the file is sparse, and Windows attaches no sparse file' err || fail "$(<err)"
no_monitor || fail 'a monitor for a file that has its size'
[ "$(mib fs/d.vhdx)" = 54 ]
dd if=/dev/urandom of=/dev/mapper/d bs=4k count=1 oflag=direct status=none
"$vhdx" detach d 2>err
grep -q 'note: the file is sparse, and Windows attaches no sparse file' err || fail "$(<err)"
[ "$(attributes fs/d.vhdx)" = 00000220 ] || fail 'the file is not sparse any more'
# Told to make no holes, with some there: it fills them, those beside data in one MiB as well.
if knows_more; then
	"$vhdx" attach --options no_unmap fs/d.vhdx d 2>err
	"$vhdx" detach d 2>err
	[ ! -s err ] || fail "$(<err)"
	solid fs/d.vhdx
fi
umount fs

# --- under systemd ----------------------------------------------------------

fs_on exfat.img 60 exfat
"$vhdx" create --size 100M --block-size 1M fs/d.vhdx
mkdir -p /run/systemd/system bin
at_exit rmdir /run/systemd/system /run/systemd
cat >bin/systemd-run <<'EOS'
#!/bin/bash
printf '%s\n' "$@" >"$SCRATCH/unit"
while [ "$1" != -- ]; do shift; done
exec "${@:2}"
EOS
chmod +x bin/systemd-run
PATH=$PWD/bin:$PATH "$vhdx" attach fs/d.vhdx d=1
grep -qxF 'vhdx-monitor-d\x3d1' unit || fail "$(<unit)"
[ "$(monitors)" = 1 ] || fail 'no monitor'
"$vhdx" detach d=1
no_monitor || fail 'the monitor is still there'
# It does not take it: then without.
printf '#!/bin/sh\necho bad >&2\nexit 1\n' >bin/systemd-run
PATH=$PWD/bin:$PATH "$vhdx" attach fs/d.vhdx d 2>err
[ ! -s err ] || fail "$(<err)"
[ "$(monitors)" = 1 ] || fail 'no monitor'
"$vhdx" detach d
umount fs
