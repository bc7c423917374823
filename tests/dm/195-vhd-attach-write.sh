# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
# debug: no, it is the tool that is tested
#
# "vhdx attach" and "detach" of dynamic and differencing VHD images for writing: the file is extended, and
# cut again with its footer behind the last block; after a power cut; with a copy of the footer that is
# damaged; on block devices; without space.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/vhd.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/chain.sh"
. "$VHDX_TOP/tests/lib/faults.sh"
need qemu-img python3

scratch_fs 400
insmod_vhdx
at_exit "$vhdx" detach --all

# tail_is_footer FILE: it ends with what it begins with
tail_is_footer() { cmp <(head -c 512 "$1") <(tail -c 512 "$1"); }

# --- dynamic ---------------------------------------------------------------------

truncate -s 64M raw
"$vhdx" create --format vhd d.vhd 64M
small=$(stat -c %s d.vhd)
expect_status 0 attach d.vhd d
expect_output '/dev/mapper/d'
[ "$(stat -c %s d.vhd)" -gt $((64 << 20)) ] || fail 'not extended'
tail_is_footer d.vhd || fail 'no footer at the end while it is attached'
"$scribble" /dev/mapper/d raw 1 60
mke2fs -q -F -t ext4 -E offset=0 /dev/mapper/d 20M
dd if=/dev/mapper/d of=raw bs=1M iflag=direct status=none
expect_status 0 status d
expect_output 'rw'
expect_status 0 list
expect_output '^d '
# Nobody else may have it.
expect_status 1 attach d.vhd other
expect_status 8 check d.vhd
before=$(stat -c %s d.vhd)
expect_status 0 detach d
[ ! -s err ] || fail "$(<err)"
[ "$(stat -c %s d.vhd)" -lt "$before" ] || fail 'not cut'
tail_is_footer d.vhd || fail 'no footer at the end'
expect_status 0 check d.vhd
naive d.vhd | cmp - raw
qemu-img convert -f vpc -O raw d.vhd q.raw
cmp q.raw raw
end=$(stat -c %s d.vhd)
# What changes nothing changes nothing.
before=$(sha256sum d.vhd)
expect_status 0 attach d.vhd d
same /dev/mapper/d raw
expect_status 0 detach d
[ "$(sha256sum d.vhd)" = "$before" ] || fail 'it has changed, and nobody has written to it'
# As long as it is, if so wanted.
expect_status 0 attach d.vhd d
expect_status 0 detach --no-trim d
[ "$(stat -c %s d.vhd)" -gt "$end" ]
qemu-img convert -f vpc -O raw d.vhd q.raw
cmp q.raw raw
expect_status 0 attach d.vhd d
"$scribble" /dev/mapper/d raw 2 20
expect_status 0 detach d
expect_status 0 check d.vhd
naive d.vhd | cmp - raw
[ "$(stat -c %s d.vhd)" -gt "$small" ]

# --- a power cut -----------------------------------------------------------------

expect_status 0 attach d.vhd d
"$scribble" /dev/mapper/d raw 3 30
sync /dev/mapper/d
cp --sparse=always d.vhd cut.vhd
expect_status 0 detach d
[ "$(stat -c %s cut.vhd)" -gt "$(stat -c %s d.vhd)" ]
expect_status 0 attach cut.vhd c
same /dev/mapper/c raw || fail 'flushed, and lost'
"$scribble" /dev/mapper/c raw 4 30
expect_status 0 detach c
expect_status 0 check cut.vhd
naive cut.vhd | cmp - raw
[ "$(stat -c %s cut.vhd)" -lt $((70 << 20)) ]
# One of the footers is enough, be it which it may.
for place in 0 "$(($(stat -c %s cut.vhd) - 512))"; do
	dd if=/dev/zero of=cut.vhd bs=1 seek="$place" count=512 conv=notrunc status=none
	expect_status 0 attach cut.vhd c
	"$scribble" /dev/mapper/c raw 5 5
	expect_status 0 detach c
	tail_is_footer cut.vhd
	expect_status 0 check cut.vhd
	naive cut.vhd | cmp - raw
done

# --- children --------------------------------------------------------------------

sum=$(sha256sum d.vhd)
naive d.vhd >raw
"$vhdx" create --format vhd --parent d.vhd child.vhd
expect_status 1 attach d.vhd d
expect_output "it is the parent of '.*child.vhd', and a write to it would make that useless"
expect_status 0 attach child.vhd c
"$scribble" /dev/mapper/c raw 6 60
"$scribble" /dev/mapper/c raw 7 40 --threads 2
same /dev/mapper/c raw
expect_status 1 attach d.vhd d
expect_status 0 detach c
expect_status 0 check child.vhd
naive child.vhd d.vhd | cmp - raw
[ "$(sha256sum d.vhd)" = "$sum" ] || fail 'the parent was written'
tail_is_footer child.vhd
rm child.vhd

# --- a block device --------------------------------------------------------------

truncate -s 96M device
dev=$(loop_make device)
expect_status 0 create --format vhd --force "$dev" 64M
expect_status 0 attach "$dev" b
dd if=/dev/zero of=raw bs=1M count=64 status=none
"$scribble" /dev/mapper/b raw 8 20
dmsetup suspend b
dmsetup resume b
expect_status 0 detach b
expect_status 0 check "$dev"
[ "$(stat -c %s device)" = $((96 << 20)) ]
tail_is_footer device
loop_remove "$dev"
rm device

# --- the file system below is full: what needs space waits, and is done again -------

"$vhdx" create --format vhd --block-size 1M n.vhd 64M
expect_status 0 attach n.vhd n
dd if=/dev/zero of=raw bs=1M count=64 status=none
"$scribble" /dev/mapper/n raw 9 5
sync /dev/mapper/n
# Not on the file system that runs full.
head -c 8M /dev/urandom >"$STATE/some"
dd if="$STATE/some" of=raw bs=1M seek=50 conv=notrunc status=none
point=$(kmsg_point)
fill_host
dd if="$STATE/some" of=/dev/mapper/n bs=64k seek=800 oflag=direct conv=fsync status=none 2>"$STATE/dd.out" &
dd=$!
told() { grep -q 'has no space for what is written.*writes wait' <<<"$(kmsg_since "$point")"; }
wait_for 60 told
kill -0 $dd || fail "it did not wait: $(cat "$STATE/dd.out")"
[ "$(status n mode)" = rw ] || fail "mode $(status n mode)"
free_host
wait $dd || fail "the write has failed: $(cat "$STATE/dd.out")"
same /dev/mapper/n raw
expect_status 0 detach n
expect_status 0 check n.vhd
naive n.vhd | cmp - raw
