# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# check: turn
# timeout: 600
#
# The image is on a network block device: slow, with errors for a while, its server killed with all
# that nobody had flushed, and away for some seconds. What was flushed is there, nobody hangs, and
# the modes are those of the documentation.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/faults.sh"
need nbdkit nbd-client qemu-nbd

scratch_fs 200 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx
modprobe nbd nbds_max=1 max_part=0
truncate -s 100M disk

serve()
{
	rm -f sock server.pid
	nbdkit --unix "$PWD/sock" --pidfile "$PWD/server.pid" "$@"
	wait_for 60 test -s server.pid
}
server_gone() { ! kill -0 "$1" 2>/dev/null; }
server_end() # SIGNAL
{
	local pid

	[ -s "$SCRATCH/server.pid" ] || return 0
	pid=$(<"$SCRATCH/server.pid")
	kill "-$1" "$pid" 2>/dev/null || :
	wait_for 60 server_gone "$pid"
	rm -f "$SCRATCH/server.pid"
}
at_exit server_end TERM

connected() { [ -e /sys/block/nbd0/pid ] && [ "$(sectors /dev/nbd0)" != 0 ]; }
disconnected() { [ ! -e /sys/block/nbd0/pid ]; }
# What was under way when the server was killed waits for as long.
connect()
{
	nbd-client -unix "$PWD/sock" /dev/nbd0 -timeout 20
	wait_for 60 connected
}
disconnect()
{
	nbd-client -d /dev/nbd0 || :
	wait_for 60 disconnected
}
at_exit eval 'disconnected || nbd-client -d /dev/nbd0'

# What nobody has flushed is in the server's memory only.
faulty=(--filter=error --filter=delay --filter=cache file disk cache=writeback
	error=EIO error-pwrite-rate=100% error-zero-rate=100% error-trim-rate=100% "error-file=$PWD/fail"
	delay-write=3ms delay-read=2ms)
serve "${faulty[@]}"
connect
[ "$(cat /sys/block/nbd0/queue/write_cache)" = 'write back' ] || fail 'the server takes no flushes'
"$vhdx" create --force --size 80M --block-size 1M /dev/nbd0

# --- slow, and writes fail for a while -------------------------------------------

map_image a /dev/nbd0 commit_interval 100
writer 0 8
more_ops 300
touch fail
writer_on
more_errors 20
rm fail
# What fails is its sender's business, but for what the image writes of its own.
mode_is a ro || more_ops 100
writer_done
note "after errors: $(dmsetup status a)"
mode_is a rw || recover a
holds /dev/mapper/a
unmap a
map_image a /dev/nbd0 commit_interval 3600000 idle_close 0
stamp /dev/mapper/a $((60 << 11)) 8 new
[ "$(status a dirty)" = 1 ]
touch fail
expect_fail -k 'mode changes from rw to ro' sync /dev/mapper/a
mode_is a ro
dd if=/dev/mapper/a of=/dev/null bs=1M count=1 iflag=direct status=none
expect_fail dd if=/dev/zero of=/dev/mapper/a bs=4K count=1 oflag=direct status=none
rm fail
recover a
holds /dev/mapper/a
unmap a
map_image a /dev/nbd0 commit_interval 100

# --- the server is killed, and what it had not written is lost ---------------------

writer 16 8
more_ops 300
server_end KILL
writer_on
more_errors 50
writer_done
note "after the cut: $(dmsetup status a)"
! mode_is a rw || fail 'it has noticed nothing'
[ "$longest_ms" -lt 60000 ] || fail "somebody waited for $longest_ms ms"
timeout 60 dmsetup remove a || fail 'the mapping stays'
disconnect
serve "${faulty[@]}"
connect
map_image a /dev/nbd0 commit_interval 100
mode_is a rw
holds /dev/mapper/a
unmap a
"$vhdx" check /dev/nbd0
disconnect
server_end TERM

# --- it is away for some seconds, and a client that waits ---------------------------

serve file disk
qemu-nbd --fork --pid-file="$PWD/client.pid" --connect=/dev/nbd0 --image-opts \
	"driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=$PWD/sock,file.reconnect-delay=60"
wait_for 60 connected
map_image a /dev/nbd0 commit_interval 100
writer 32 8
more_ops 200
server_end KILL
writer_on
sleep 2
serve file disk
more_ops 300
writer_done
no_errors
mode_is a rw
holds /dev/mapper/a
unmap a
"$vhdx" check /dev/nbd0
qemu-nbd --disconnect /dev/nbd0
wait_for 60 disconnected
server_end TERM

# --- it is slow to free what blocks had, and "vhdx compact" waits for it -----------------

serve --filter=delay memory 40M delay-trim=3
connect
"$vhdx" create --size 16M --block-size 1M /dev/nbd0
"$vhdx" attach /dev/nbd0 disk >/dev/null
at_exit "$vhdx" detach --if-attached disk
dd if=/dev/urandom of=/dev/mapper/disk bs=1M count=8 oflag=direct status=none
blkdiscard -o 0 -l 2M /dev/mapper/disk
dmsetup message disk 0 commit
"$vhdx" compact --json disk >out
grep -qE '"blocks_moved": *2\b' out || fail "$(<out)"
"$vhdx" detach disk
disconnect
