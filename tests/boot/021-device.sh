# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# The image is all of a device, with a partition in it that carries the root, and vhdxtab in the initramfs
# names it. There is a swap space that says that a system was hibernated to it: that is looked at before the
# image is. To one in the image nothing is hibernated.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs qemu-img sfdisk mkswap

boot_root initramfs-tools
root=root/etc/vhdxtab
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)
echo 'system /dev/disk/by-id/virtio-image x-initrd.attach,commit_interval=200' | "${sudo[@]}" tee $root >/dev/null
"$VHDX_TOP/tests/boot/make-root" --initrd initramfs-tools . >initrd.log 2>&1
"$VHDX_TOP/tests/boot/make-root" --image .

truncate -s 800M disk.raw
printf 'label: gpt\nstart=2048, type=L\n' | sfdisk -q disk.raw
dd if=root.raw of=disk.raw bs=1M seek=1 conv=notrunc,sparse status=none
boot_image disk.raw image.disk
truncate -s 900M image.disk
rm root.raw disk.raw

# A swap space, with what the kernel writes into its header when it hibernates, and nothing behind that.
truncate -s 16M swap.disk
mkswap -q swap.disk 2>/dev/null
printf 'SWAPSPACE2S1SUSPEND\0' | dd of=swap.disk bs=1 seek=4076 conv=notrunc status=none

boot_vm 021-device resume=/dev/disk/by-id/virtio-swap --disk image.disk,serial=image --disk swap.disk,serial=swap

first=$(grep -nF -m1 'vhdx: /dev/disk/by-id/virtio-swap: note: trying to resume from it' console | cut -d: -f1)
second=$(grep -nF -m1 'dm_vhdx: loading' console | cut -d: -f1)
[ -n "$first" ] || fail 'no resume was tried'
[ "$first" -lt "$second" ] || fail 'the module was loaded before that'
! grep -q 'Waiting for suspend/resume device' console || fail 'it was tried again'
[ "$(blkid -p -o value -s TYPE swap.disk)" = swap ] || fail 'the kernel has not looked'

expect_status 0 check image.disk
expect_no_output 'log'

# The same as a disk of a virtual machine, which is what it was made for.
cp --sparse=always image.disk plain.vhdx
boot_vm 021-plain '' --disk plain.vhdx,serial=plain,format=vhdx

qemu-img convert -f vhdx -O raw image.disk left.disk
dd if=left.disk of=left.raw bs=1M skip=1 count=768 conv=sparse status=none
boot_host_clean left.raw
boot_image_of left.raw /written text
[ "$(<text)" = device ]
