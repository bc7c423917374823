# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 500
#
# Disks over 4 GiB with 1 MiB blocks: sector bitmap slots stand between the BAT's entries.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need qemu-img qemu-io 7zz python3

# What takes one program and not some hundred, which start slowly here: stamp 16 sectors of each
# block, see that they are there with zeros before them.
cat >"$SCRATCH.py" <<'PYTHON'
import os
import sys

command, device, blocks = sys.argv[1], sys.argv[2], [int(block) for block in sys.argv[3:]]
fd = os.open(device, os.O_RDWR if command == "write" else os.O_RDONLY)
for block in blocks:
    first = block * 2048 + 1000
    stamps = b"".join((b"block%d %d " % (block, sector)).ljust(511) + b"\n" for sector in range(first, first + 16))
    if command == "write":
        os.pwrite(fd, stamps, first * 512)
    else:
        if os.pread(fd, len(stamps), first * 512) != stamps:
            sys.exit(f"block {block} has other contents")
        if os.pread(fd, 1000 * 512, block << 20).count(0) != 1000 * 512:
            sys.exit(f"block {block} is not zero before what was written")
PYTHON
at_exit rm -f "$SCRATCH.py"
chunks() { python3 -S "$SCRATCH.py" "$@"; }

scratch_fs 1500
insmod_vhdx
for how in qemu own512 own4096; do
	case $how in
	qemu) qemu-img create -q -f vhdx -o block_size=1M c.vhdx 20G ;;
	own*) "$vhdx" create --size 70G --block-size 1M --logical-sector-size "${how#own}" c.vhdx ;;
	esac
	dev=$(backing c.vhdx 300)
	map_image c "$dev"
	total=$(status c total)
	# Blocks on both sides of each slot, the ends of the disk, and one by one beyond.
	blocks="0 1 4094 4095 4096 4097 8191 8192 12287 12288 $((total - 2)) $((total - 1))"
	[ $how != own4096 ] || blocks="$blocks 32766 32767 32768 65535 65536"
	# shellcheck disable=SC2086 # a list
	chunks write /dev/mapper/c $blocks
	sync /dev/mapper/c
	unmap c
	map_image c "$dev" read_only
	# shellcheck disable=SC2086 # a list
	chunks check /dev/mapper/c $blocks
	[ "$(status c allocated)" = "$(wc -w <<<"$blocks")" ]
	unmap c
	loop_remove "$dev"
	"$vhdx" check c.vhdx
	if [ $how = qemu ] || [ $how = own512 ]; then
		qemu-img check -q c.vhdx
		reads=()
		for b in $blocks; do
			reads+=(-c "read -v $((b * 1048576 + 512000)) 512")
		done
		qemu-io -r -f vhdx "${reads[@]}" c.vhdx >out
		for b in $blocks; do
			grep -q "block${b}[.]" out || fail "qemu reads something else in block $b: $(cat out)"
		done
	fi
	# "t" would read 70 GiB of zeros.
	7zz l c.vhdx >/dev/null
	rm c.vhdx
done
