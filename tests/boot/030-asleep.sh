# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# A machine with its root in an image on a device hibernates. What it does while it writes its memory to the swap
# space, which the system that wakes up knows nothing of, leaves the image as it is: in a session, though nobody
# writes. Then that system has a power cut, and nothing is lost of what it had made durable.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs e2fsck debugfs qemu-img mkswap

boot_root initramfs-tools
boot_image root.raw image.disk
truncate -s 900M image.disk
rm root.raw
truncate -s 1G swap.disk
mkswap -q swap.disk 2>/dev/null

# There is memory enough for the picture: to make room for it would take as long, in a kernel that is awake.
disks=(--disk "image.disk,serial=image" --disk)
parameters="rd.vhdx=root=/dev/disk/by-id/virtio-image resume=/dev/disk/by-id/virtio-swap"
# A session is closed when there was no write for five seconds, and ten at most.
boot_vm 030-asleep "$parameters" --cut-on 'reboot: Power down' "${disks[@]}" swap.disk,serial=swap,write-rate=12000000
[ "$(blkid -p -o value -s TYPE swap.disk)" = swsuspend ] || { tail -n 60 console; fail 'it does not sleep'; }
seconds=$(sed -nE 's/.*PM: .*[Ww]rote [0-9]+ kbytes in ([0-9]+)\..*/\1/p' console | tail -n 1)
[ "${seconds:-0}" -ge 12 ] || fail "that took ${seconds:-no} seconds, in which no session is closed"
cp --sparse=always image.disk asleep.disk

boot_vm none "$parameters" --cut-on 'guest: all is durable' "${disks[@]}" swap.disk,serial=swap
boot_said 'guest: goes on'

expect_status 0 replay image.disk
qemu-img convert -f vhdx -O raw image.disk left.raw
e2fsck -fy left.raw >out 2>&1 || [ $? = 1 ] || { cat out; fail 'the root is damaged'; }
boot_image_of left.raw /var/more file || fail 'what was durable is lost'
boot_image_of left.raw /var/sum sum || fail 'what was durable is lost'
[ "$(sha256sum <file | cut -d' ' -f1)" = "$(cut -d' ' -f1 sum)" ]

status=0
"$vhdx" check asleep.disk >out 2>&1 || status=$?
grep -q 'log' out || { cat out; fail 'the session was closed while the machine was asleep'; }
