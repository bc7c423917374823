# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: long
# timeout: 900
#
# Forward progress: the disk is swapped to, so that its writes are what memory waits for, and each is
# the first one to its block; likewise with a file system whose dirty pages fill a memory cgroup.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need python3 mkswap swapon

scratch_fs 700
insmod_vhdx
"$vhdx" create --size 400M --block-size 1M a.vhdx
dev=$(backing a.vhdx 420)
# Exposed: each block has to be zeroed first.
map_image a "$dev" commit_interval 100
cgroup=/sys/fs/cgroup
mountpoint -q $cgroup || { mount -t cgroup2 none $cgroup && at_exit umount $cgroup; }
echo +memory >$cgroup/cgroup.subtree_control
mkdir $cgroup/small
at_exit rmdir $cgroup/small
echo 40M >$cgroup/small/memory.max
confined() { echo $BASHPID >$cgroup/small/cgroup.procs; exec "$@"; }

mkswap /dev/mapper/a >/dev/null
swapon /dev/mapper/a
at_exit eval 'swapoff /dev/mapper/a 2>/dev/null || true'
cat >hog.py <<'PY'
import hashlib, sys
mib = int(sys.argv[1])
pages = [hashlib.sha256(b'%d' % i).digest() * 32768 for i in range(mib)]
for turn in range(2):
    for i, page in enumerate(pages):
        assert page == hashlib.sha256(b'%d' % i).digest() * 32768, i
PY
(confined python3 hog.py 150)
note "swapped: $(awk '/^pswpout/ { print $2 }' /proc/vmstat) pages; $(dmsetup status a)"
[ "$(status a allocated)" -gt 80 ] || fail 'hardly anything was swapped'
[ "$(status a mode)" = rw ]
swapoff /dev/mapper/a
unmap a

map_image a "$dev" commit_interval 100
mkfs.ext4 -q -F -E lazy_itable_init=1 /dev/mapper/a
mkdir -p inside
mount /dev/mapper/a inside
at_exit eval "! mountpoint -q $SCRATCH/inside || umount $SCRATCH/inside"
# Whoever writes waits for the disk then. At the limit the kernel may kill it instead, if that is slow.
echo 30M >$cgroup/small/memory.high
(confined dd if=/dev/zero of=inside/zeros bs=1M count=200 conv=fsync status=none)
umount inside
[ "$(status a mode)" = rw ]
unmap a
loop_remove "$dev"
"$vhdx" check a.vhdx
