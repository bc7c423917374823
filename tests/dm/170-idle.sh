# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# kernels: check
# kcsan: yes
#
# An image is dirty only while it is being written: the session is closed when nobody writes, or upon the
# message "close", and opened by the next write.
. "$VHDX_TOP/tests/lib/vhdx.sh"

log_state() { "$vhdx" info --json "$dev" | sed -n 's/.*"log_state": *"\([a-z]*\)".*/\1/p'; }
is_clean() { blockdev --flushbufs "$dev"; [ "$(log_state)" = clean ]; }
closed() { [ "$(dmsetup status a | awk '{ print $NF }')" -ge "$1" ]; }
# stamped SECTOR COUNT TAG: what stamp has written is there
stamped()
{
	dd if=/dev/mapper/a bs=512 skip="$1" count="$2" iflag=direct status=none >is
	: >should
	truncate -s $((($1 + $2) * 512)) should
	stamp should "$1" "$2" "$3"
	cmp -s is <(tail -c $(($2 * 512)) should) || fail "sector $1 does not hold \"$3\""
}

scratch_fs 200
insmod_vhdx
"$vhdx" create --size 64M --block-size 1M f.vhdx
dev=$(backing f.vhdx 80)
map_image a "$dev" idle_close 300 commit_interval 3600000 zeroed_from $((4 * 2048))
is_clean

note 'nobody writes'
stamp /dev/mapper/a 0 8 first
# On a busy machine the look may take longer than the interval.
! is_clean || closed 1 || fail 'clean although it has just been written'
wait_for 60 closed 1
is_clean || fail 'closed, but not clean'
[ "$(status a mode)" = rw ]
[ "$(status a dirty)" = 0 ] || fail 'closed with uncommitted blocks'

note 'and then somebody does'
stamp /dev/mapper/a 8192 8 second
wait_for 60 closed 2
stamp /dev/mapper/a 0 8 third
wait_for 60 closed 3
stamped 8192 8 second
stamped 0 8 third
is_clean

note 'a power cut on an idle machine: nothing to replay'
cp --sparse=always "$dev" copy.vhdx
"$vhdx" check copy.vhdx | tee out
! grep -qi replay out || fail 'the copy has a log'
unmap a

note 'never, but when it is asked for'
map_image a "$dev" idle_close 0 commit_interval 3600000 zeroed_from $((40 * 2048))
stamp /dev/mapper/a 16384 8 fourth
sleep 1
! is_clean || fail 'closed all the same'
dmsetup message a 0 close
is_clean || fail 'the message has not closed it'
stamp /dev/mapper/a 16384 8 fifth
! is_clean || fail 'a write does not open it again'
dmsetup message a 0 close
dmsetup suspend a
dmsetup message a 0 close
dmsetup resume a
stamped 16384 8 fifth
unmap a

note 'beside writers'
map_image a "$dev" idle_close 20 commit_interval 50
for ((i = 0; i < 40; i++)); do
	stamp /dev/mapper/a $((i * 2048 + 256)) 8 "beside $i"
	[ $((i % 4)) != 0 ] || dmsetup message a 0 close
	[ $((i % 7)) != 0 ] || sleep 0.1
done
[ "$(status a mode)" = rw ]
for ((i = 0; i < 40; i++)); do
	stamped $((i * 2048 + 256)) 8 "beside $i"
done
unmap a

note 'read-only'
map_image a "$dev" read_only
dmsetup message a 0 close
unmap a
loop_remove "$dev"
"$vhdx" check f.vhdx
