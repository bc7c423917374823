# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# timeout: 500
#
# Disks over 4 GiB with 1 MiB blocks: sector bitmap slots stand between the BAT's entries.
. "$VHDX_TOP/tests/lib/vhdx.sh"
need qemu-img 7zz

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
	for b in $blocks; do
		stamp /dev/mapper/c $((b * 2048 + 1000)) 16 "block$b"
	done
	sync /dev/mapper/c
	unmap c
	map_image c "$dev" read_only
	for b in $blocks; do
		got=$(dd if=/dev/mapper/c bs=512 skip=$((b * 2048 + 1000)) count=1 status=none |
			cut -d' ' -f1,2 | head -n 1)
		[ "$got" = "block$b $((b * 2048 + 1000))" ] || fail "block $b reads \"$got\""
		[ "$(dd if=/dev/mapper/c bs=512 skip=$((b * 2048)) count=1000 status=none | tr -d '\0' | wc -c)" = 0 ] ||
			fail "block $b is not zero around what was written"
	done
	[ "$(status c allocated)" = "$(wc -w <<<"$blocks")" ]
	unmap c
	loop_remove "$dev"
	"$vhdx" check c.vhdx
	if [ $how = qemu ] || [ $how = own512 ]; then
		qemu-img check -q c.vhdx
		for b in $blocks; do
			qemu-io -r -f vhdx -c "read -v $((b * 1048576 + 512000)) 512" c.vhdx >out
			grep -q "block${b}[.]" out || fail "qemu reads something else in block $b: $(cat out)"
		done
	fi
	7zz t c.vhdx >/dev/null
	rm c.vhdx
done
