# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx list" and "vhdx status": what is attached, how it is and how full, for people and for programs.
. "$VHDX_TOP/tests/lib/vhdx.sh"
. "$VHDX_TOP/tests/lib/tool.sh"
. "$VHDX_TOP/tests/lib/faults.sh"

scratch_fs 100 mke2fs -q -F -t ext4 -E nodiscard
insmod_vhdx

expect_status 0 list
[ "$(wc -l <out)" = 1 ]
expect_status 0 list --json
[ "$(json j)" = '[]' ]
expect_status 0 list -n
[ ! -s out ]
expect_status 1 status nobody
expect_output "nobody: not attached: 'vhdx list' shows"

# A mapping that was never resumed, one that is well, one that has failed, one not to be written.
sit_on "$(brd_make 100)"
"$vhdx" create --size 64M --block-size 1M /dev/mapper/back
"$vhdx" attach /dev/mapper/back device >out
"$vhdx" create --size 16M --block-size 1M file.vhdx
"$vhdx" attach -o 'commit_interval 3600000 idle_close 0' file.vhdx >out
"$vhdx" create --size 16M reader.vhdx
"$vhdx" attach -r reader.vhdx >out
"$vhdx" create --size 16M --block-size 1M loaded.vhdx
dev=$(backing loaded.vhdx)
at_exit unmap loaded
dmsetup create loaded --notable
dmsetup load loaded --table "0 32768 vhdx $dev"

dd if=/dev/zero of=/dev/mapper/file bs=1M seek=1 count=3 oflag=direct status=none
dd if=/dev/zero of=/dev/mapper/device bs=1M count=1 oflag=direct conv=fsync status=none
bad 2048 $((4 << 11))	# log, metadata, BAT
dd if=/dev/zero of=/dev/mapper/device bs=1M seek=1 count=1 oflag=direct status=none
expect_fail sync /dev/mapper/device

expect_status 0 list
expect_output '^NAME +SIZE +MODE +STATE +BLOCKS +USE% +FULL% +BACKING$'
expect_output '^device +64 MiB +ro +failed +2/64 +4% +[0-9]+% +/dev/mapper/back$'
expect_output "^file +16 MiB +rw +active +3/16 +19% +[0-9]+% +$PWD/file.vhdx$"
expect_output "^reader +16 MiB +ro +active +0/1 +0% +100% +$PWD/reader.vhdx$"
expect_output "^loaded +16 MiB +rw +suspended +0/16 +0% +[0-9]+% +$PWD/loaded.vhdx$"
expect_status 0 list --json
[ "$(json 'sorted((m["name"], m["mode"], m["state"], m["blocks_allocated"], m["blocks_uncommitted"]) for m in j)')" = \
	"[('device', 'ro', 'failed', 2, 1), ('file', 'rw', 'active', 3, 3), ('loaded', 'rw', 'suspended', 0, 0), ('reader', 'ro', 'active', 0, 0)]" ]
[ "$(json '[m["backing_file"].rsplit("/")[-1] for m in j if m["name"] == "file"][0]')" = file.vhdx ]

# In the manner of lsblk.
expect_status 0 list --noheadings --bytes --output name,Size,block-size
[ "$(grep '^file' out | tr -s ' ')" = 'file 16777216 1048576' ] || fail "$(<out)"
[ "$(wc -l <out)" = 4 ]
expect_status 0 list -o +UNCOMMITTED
expect_output "^NAME .* BACKING +UNCOMMITTED$"
expect_output "^file .* 3$"
expect_status 0 list -J -o NAME,USE%
[ "$(json 'sorted(tuple(m.items()) for m in j)[1]')" = "(('name', 'file'), ('use_percent', 19))" ]
expect_status 2 list --output NAME,FROB
expect_output "there is no column 'FROB'"
expect_status 2 list --output ''

# For others what /sys tells: those with a UUID that "attach" has given them.
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" list >out 2>err
expect_output '^vhdx: note: only root sees modes'
expect_output "^file +16 MiB +- +active +- +- +- +$PWD/file.vhdx$"
expect_output '^device +64 MiB +- +active +- +- +- +/dev/mapper/back$'
expect_no_output '^loaded'
setpriv --reuid 65534 --regid 65534 --clear-groups "$vhdx" list -J >out 2>err
[ "$(json 'sorted((m["name"], m["virtual_size"]) for m in j)[1]')" = "('file', 16777216)" ]

# In words: by name, file, device.
expect_status 0 status file
expect_output '^State +active: all is well$'
expect_output '^Blocks allocated +3 of 16 \(19%\)$'
expect_output '^Blocks not durable yet +3$'
expect_output "^Image +$PWD/file.vhdx$"
expect_status 0 status --json ./file.vhdx
[ "$(json 'j["name"], j["state"], j["blocks_allocated"], j["log_size"], j["partitions"]')" = "file active 3 1048576 []" ]
expect_status 1 status /dev/mapper/back
expect_output '^State +failed: writing the image has failed'
expect_status 0 status reader
expect_output '^State +active: all is well, and the image is never written$'
expect_status 0 status loaded
expect_output '^State +suspended: .* never resumed$'
dmsetup suspend file
expect_status 0 status file
expect_output '^State +suspended: its I/O waits'
dmsetup resume file

# Its last resume has failed.
heal
dmsetup suspend device
dd if=/dev/zero of=/dev/mapper/back bs=64k seek=1 count=2 oflag=direct status=none
expect_fail dmsetup resume device
expect_status 0 list
expect_output '^device +64 MiB +fail +failed '
expect_status 1 status device
expect_output '^State +failed: the last resume has failed'
expect_status 1 detach --all
expect_status 0 list -n
[ ! -s out ] || fail "$(<out)"
