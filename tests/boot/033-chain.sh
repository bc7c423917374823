# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 1800
#
# The root is in a differencing image, whose parent lies beside it on an ext4 file system. A snapshot is made of
# it while it is the root, and keeps its name, so the machine boots from the new leaf; then all of the chain is
# merged, again under the root, while it is written.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs debugfs e2fsck qemu-img

boot_root initramfs-tools
mkdir -p host/vm
boot_image root.raw host/vm/base.vhdx
rm root.raw
expect_status 0 create --parent host/vm/base.vhdx host/vm/root.vhdx
boot_ext4 host host.disk 1500M
sha256sum <host/vm/base.vhdx >base.sum
rm -r host

parameters="rd.vhdx=UUID=$HOST_UUID:/vm/root.vhdx"
boot_vm 033-chain "$parameters" --disk host.disk,serial=host
boot_host_clean host.disk
boot_image_of host.disk /vm/base.vhdx base.vhdx
sha256sum <base.vhdx | cmp - base.sum
boot_image_of host.disk /vm/before.vhdx before.vhdx
boot_image_of host.disk /vm/root.vhdx root.vhdx
expect_status 0 check --chain root.vhdx
expect_no_output 'log'
expect_status 0 flatten before.vhdx flat.vhdx
qemu-img convert -f vhdx -O raw flat.vhdx before.raw
e2fsck -fy before.raw >out 2>&1 || [ $? = 1 ] || { cat out; fail 'the snapshot is damaged'; }
boot_image_of before.raw /var/first first
boot_image_of host.disk /vm/first.sum sum
sha256sum <first | cmp - sum
! boot_image_of before.raw /var/second second || fail 'the snapshot has what came after it'
rm ./*.vhdx before.raw

boot_vm 033-merged "$parameters" --disk host.disk,serial=host
boot_host_clean host.disk
! boot_image_of host.disk /vm/before.vhdx before.vhdx || fail 'the snapshot is still there'
! boot_image_of host.disk /vm/base.vhdx base.vhdx || fail 'its parent is still there'
boot_image_of host.disk /vm/root.vhdx root.vhdx
boot_closed root.vhdx
boot_host_clean left.raw
for name in first second third; do
	boot_image_of left.raw /var/$name $name
	boot_image_of host.disk /vm/$name.sum sum
	sha256sum <$name | cmp - sum
done
