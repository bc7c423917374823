# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 900
#
# What is wrong with images is said in a sentence, and then there is a shell: a file that is missing, one that is
# no image, one that another mapping holds, a device that is missing, and an NTFS on which Windows is hibernated.
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/boot.sh"
PATH=$PATH:/usr/sbin:/sbin
need mke2fs mkfs.ntfs ntfscp

boot_root initramfs-tools
rm root.raw
mkdir host
"$vhdx" create --size 8M --block-size 1M host/good.vhdx
echo 'no image' >host/bad.vhdx
boot_ext4 host host.disk 64M
truncate -s 64M windows.disk
mkfs.ntfs -q -Q -F -s 512 -p 0 -H 0 -S 0 windows.disk >out 2>&1 || { cat out; fail 'mkfs.ntfs'; }
windows=$(blkid -p -o value -s UUID windows.disk)
ntfscp windows.disk host/good.vhdx /good.vhdx
{ printf HIBR; head -c 8188 /dev/zero; } >hiberfil
ntfscp windows.disk hiberfil /hiberfil.sys
sha256sum windows.disk >sum

host=UUID=$HOST_UUID
# An empty panic= lets there be a shell.
boot_vm none "panic= rd.vhdx=one=$host:/good.vhdx rd.vhdx=two=$host:/good.vhdx rd.vhdx=$host:/none.vhdx \
rd.vhdx=$host:/bad.vhdx rd.vhdx=UUID=0000-0000:/absent.vhdx rd.vhdx=win=UUID=$windows:/good.vhdx rd.vhdx=wrong" \
	--disk host.disk,serial=host --disk windows.disk,serial=windows --cut-on 'built-in shell (ash)'

boot_said "^vhdx: rd.vhdx=wrong: ignored: the source 'wrong' is neither a path"
boot_said "^vhdx: /run/vhdx/host/$HOST_UUID/none.vhdx: cannot open"
boot_said "^vhdx: /run/vhdx/host/$HOST_UUID/bad.vhdx: no VHDX image"
boot_said "^vhdx: /run/vhdx/host/$HOST_UUID/good.vhdx: .*in use"
boot_said '^vhdx: .*Windows is hibernated on this NTFS, .*: shut Windows down'
boot_said '^vhdx: 0000-0000: no device with this UUID: see that it is there'
boot_said "ALERT!  UUID=$ROOT_UUID does not exist.  Dropping to a shell!"
# Each once while it waits, and once more before the shell.
[ "$(grep -c '^vhdx: .*/none.vhdx: ' console)" = 2 ] || fail 'it repeats itself'
sha256sum --quiet -c sum
