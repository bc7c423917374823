# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# As 023-wrong.sh, with dracut: a file that is missing and one that is no image are named, with the reason, and
# then there is a shell.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
need mke2fs

boot_root dracut
rm root.raw
mkdir host
echo 'no image' >host/bad.vhdx
boot_ext4 host host.disk 64M

boot_vm none "rd.retry=20 rd.vhdx=UUID=$HOST_UUID:/none.vhdx rd.vhdx=UUID=$HOST_UUID:/bad.vhdx" \
	--disk host.disk,serial=host --cut-on 'for maintenance'

for what in 'none.vhdx: cannot open' 'bad.vhdx: no VHDX image'; do
	boot_said "vhdx: /run/vhdx/host/$HOST_UUID/$what"
done
boot_said 'Entering emergency mode'
