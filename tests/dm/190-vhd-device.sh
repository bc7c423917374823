# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# debug: no, it is the tool that is tested
#
# VHD images on block devices: made there, copied there from a file, repaired there. The footer is in
# the last sector, wherever the device ends.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"

scratch_fs 100 mke2fs -q -F -t ext4 -E nodiscard
for name in small large other; do
	truncate -s 16M $name
done
truncate -s $(((16 << 20) + 512)) exact

# A new one: what was there is gone, and has to be allowed to go.
dev=$(loop_make small)
mke2fs -q -F -t ext4 "$dev"
expect_status 1 create --format vhd "$dev" 1G
expect_output "holds 'ext4' data"
expect_status 0 create --format vhd --force "$dev" 1G
for command in info check; do
	expect_status 0 $command "$dev"
done
[ "$(tail -c 512 small | sha256sum)" = "$(head -c 512 small | sha256sum)" ]
expect_status 0 info --json "$dev"
[ "$(json 'j["type"], j["virtual_size"], j["file_size"], j["footers"]')" = "dynamic $((1 << 30)) $((16 << 20)) good" ]
expect_status 1 create --format vhd "$dev" 1G
expect_output 'holds a VHD image'
expect_status 1 create "$dev" 1G
expect_output 'holds a VHD image'
# Too small, too large.
expect_status 1 create --format vhd --force -t fixed "$dev" 16M
expect_output 'too small: the image takes 16777728 bytes, the device has 16777216 bytes'
expect_status 1 create --format vhd --force -t fixed "$dev" 15M
expect_output 'ends where the device does: it takes 15729152, the device has 16M'
expect_status 1 create --format vhd --force -b 4K "$dev" 100G
expect_output 'too small: the image takes 100 MiB'
expect_status 0 check "$dev"
dev=$(loop_make exact)
expect_status 0 create --format vhd -t fixed "$dev" 16M
expect_status 0 check "$dev"

# Sectors that are too large for it.
dev=$(loop_make other --sector-size 4096)
expect_status 1 create --format vhd "$dev" 1G
expect_output 'its sectors have 4096 bytes, those of a VHD image 512: use a loop device with sectors of 512'
# Copied from a file its footer is in the middle, where nobody looks.
"$VHDX_TOP/tests/images/mkvhd.py" cases cases
dev=$(loop_make large)
dd if=cases/000-dynamic.vhd of="$dev" conv=fsync status=none
expect_status 0 info "$dev"
expect_output 'Footers +the one at the end is damaged or missing'
"$vhdx" map "$dev" >before
expect_status 4 check "$dev"
expect_status 1 check --repair "$dev"
expect_status 0 check "$dev"
sync "$dev"
[ "$(tail -c 512 large | sha256sum)" = "$(head -c 512 large | sha256sum)" ]
"$vhdx" map "$dev" | cmp - before
# A block that has its copy made finds room before the footer; a device cannot grow.
dd if=cases/110-same.vhd of="$dev" conv=fsync status=none
expect_status 1 check --repair=salvage "$dev"
expect_status 0 check "$dev"
dd if=cases/118-first-part.vhd of=short status=none
truncate -s "%512" short
dev=$(loop_make short)
expect_status 8 check --repair=salvage "$dev"
expect_output 'the device is too small by'

# What cannot be yet is told, and what can be.
for command in attach 'attach --dry-run'; do
	# shellcheck disable=SC2086 # words
	expect_status 1 $command --stock --read-only cases/000-dynamic.vhd
	expect_output 'a VHD image, which --stock cannot attach: attach it without'
	# shellcheck disable=SC2086 # words
	expect_status 1 $command --read-only cases/000-child.vhd
	expect_output 'its parent with the UniqueId [-0-9a-f]+ is not found: looked for|it does not say where its parent with the UniqueId'
done
expect_status 1 status cases/000-dynamic.vhd
expect_output "not attached"
