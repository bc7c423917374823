# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx boot-install --remove", of an image that is gone: what others have written for GRUB stays.
. "$VHDX_TOP/tests/lib/tool.sh"
command -v mkntfs ntfs-3g >/dev/null || skip 'no ntfs-3g'

# Of a file system that FUSE has mounted from a file it is known where it is.
mkdir mnt real
at_exit umount -q "$PWD/mnt"
truncate -s 16M fs.raw
mkntfs -q -F -f -T fs.raw >/dev/null 2>&1
[ -e /dev/fuse ] || skip 'no FUSE'
ntfs-3g "$PWD/fs.raw" mnt 2>/dev/null || skip 'no FUSE'
place=$(blkid -p -s UUID -o value fs.raw):/gone.vhdx.boot
begin="### BEGIN vhdx boot-install $place"
end="### END vhdx boot-install $place"

mkdir mnt/gone.vhdx.boot
printf '%s\n' first "$begin" ours "$end" last >custom.cfg
expect_status 0 boot-install --remove --grub custom.cfg mnt/gone.vhdx
[ "$(tr '\n' ' ' <custom.cfg)" = 'first last ' ]
[ ! -e mnt/gone.vhdx.boot ]
# If nothing is left the file goes, and not a link to it.
printf '%s\n' "$begin" ours "$end" >real/custom.cfg
ln -sf real/custom.cfg custom.cfg
expect_status 0 boot-install --remove --grub custom.cfg mnt/gone.vhdx
[ -h custom.cfg ]
[ ! -e real/custom.cfg ]
# Nobody knows where ours ends.
printf '%s\n' "$begin" ours last >real/custom.cfg
cp real/custom.cfg before
expect_status 1 boot-install --remove --grub custom.cfg mnt/gone.vhdx
expect_output "custom.cfg: has no line '$end' behind the entry"
cmp real/custom.cfg before
