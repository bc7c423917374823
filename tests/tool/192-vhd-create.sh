# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# "vhdx create --format vhd": sizes, what goes with what, and what the file looks like.
. "$VHDX_TOP/tests/lib/tool.sh"

# bytes FILE OFFSET COUNT: in hexadecimal digits
bytes() { od -An -v -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'; }

expect_status 0 create --format vhd --json new.vhd 127G
[ "$(json '[j[k] for k in ("file", "format", "type", "virtual_size", "block_size", "logical_sector_size")]')" = \
	"['new.vhd', 'vhd', 'dynamic', 136365211648, 2097152, 512]" ] || fail "$(cat out)"
id=$(json 'j["disk_id"]')
expect_status 0 info --json new.vhd
[ "$(json 'j["disk_id"]')" = "$id" ]
[ "$(json '[j[k] for k in ("creator_app", "creator_os", "cylinders", "heads", "track_sectors", "blocks_total")]')" = \
	"['win ', 'Wi2k', 65278, 16, 255, 65024]" ] || fail "$(cat out)"
[ "$(json 'j["footers"], j["saved_state"], j["batmap"]')" = 'good False False' ]
# As Windows lays it out: footer, header, table, footer.
size=$(stat -c %s new.vhd)
[ "$size" = $((1536 + 65024 * 4 + 512)) ]
[ "$(bytes new.vhd 0 8)" = 636f6e6563746978 ]
[ "$(bytes new.vhd 0 512)" = "$(bytes new.vhd $((size - 512)) 512)" ]
[ "$(bytes new.vhd 8 16)" = 00000002000100000000000000000200 ]
[ "$(bytes new.vhd 512 36)" = 6378737061727365ffffffffffffffff0000000000000600000100000000fe0000200000 ]
[ "$(bytes new.vhd 1536 $((65024 * 4)) | tr -d f)" = '' ]

# A fixed one is the disk and a footer, and its space is taken.
expect_status 0 create --format vhd --type fixed fixed.vhd 3M
[ "$(stat -c %s fixed.vhd)" = $(((3 << 20) + 512)) ]
[ "$(bytes fixed.vhd $((3 << 20)) 8)" = 636f6e6563746978 ]
[ "$(bytes fixed.vhd $(((3 << 20) + 16)) 8)" = ffffffffffffffff ]
[ "$(head -c 3M fixed.vhd | tr -d '\0' | wc -c)" = 0 ]
[ "$(stat -c %b fixed.vhd)" -ge 6144 ]
expect_status 0 map fixed.vhd
expect_output '^ +0 +3145728 +data +0$'
expect_status 0 create --format vhd --azure --json azure.vhd 3M
[ "$(json 'j["type"], "block_size" in j')" = 'fixed False' ]

# Sizes.
no() # RE ARG...
{
	local re=$1

	shift
	expect_status 2 create --format vhd "$@"
	expect_output "$re"
	[ ! -e no.vhd ]
}
no 'no multiple of 1M, and not all software keeps such a size: the next one is 2M, and --exact' no.vhd 1500K
no 'no multiple of the 512-byte sector, the next one is 1536' --exact no.vhd 1025
no 'more than the largest possible of a VHD, 2040G' no.vhd 2041G
no 'no multiple of 1M, which Azure wants, the next one is 2M' --azure no.vhd 1500K
no 'the size must not be 0' no.vhd 0
no 'SIZE is missing' no.vhd
no '--block-size is no power of two from 4K to 256M, the next one is 4K' -b 2K no.vhd 1M
no 'the next one is 256M' -b 512M no.vhd 1M
for size in 512 1500K 4194816; do
	expect_status 0 create --format vhd --exact exact.vhd $size
	expect_status 0 check exact.vhd
	rm exact.vhd
done
expect_status 0 create --format vhd -b 64K large.vhd 2040G
expect_status 0 check large.vhd
expect_status 1 create --format vhd -b 32K no.vhd 2040G
expect_output 'more than 33554432 blocks, or places for twice as many: too many to keep in memory: use a larger --block-size'
[ ! -e no.vhd ]

# What goes with what.
no '--azure makes a fixed image, not a dynamic one' --azure -t dynamic no.vhd 1M
no '--azure does not go with --exact' --azure --exact no.vhd 1M
no 'a fixed VHD has no blocks' --azure -b 2M no.vhd 1M
no 'a fixed VHD has no blocks' -t fixed -b 2M no.vhd 1M
no '--parent makes a differencing image, which is never fixed' -t fixed --parent new.vhd no.vhd
no '--log-size does not go with --format vhd' --log-size 1M no.vhd 1M
no '--logical-sector-size does not go' --logical-sector-size 512 no.vhd 1M
no '--physical-sector-size does not go' --physical-sector-size 512 no.vhd 1M
for option in --exact --azure; do
	expect_status 2 create $option no.vhd 1M
	expect_output "$option needs --format vhd"
done
expect_status 1 create --parent new.vhd no.vhd
expect_output "new.vhd: a VHD image, whose children are VHD images: add '--format vhd'"
[ ! -e no.vhd ]
no '--parent-dir does not go with --format vhd' --parent new.vhd --parent-dir . no.vhd
expect_status 2 create --format qcow2 no.vhd 1M
expect_output "--format qcow2 is neither 'vhdx' nor 'vhd'"

# A name is no format, but it may be meant as one.
expect_status 0 create named.vhd 1M
expect_output "named.vhd: note: made as VHDX, whatever the name says: '--format vhd' makes"
[ "$(head -c 8 named.vhd)" = vhdxfile ]
rm named.vhd

# As of the other format, nothing is replaced unasked.
expect_status 1 create --format vhd new.vhd 1M
expect_output 'exists: take another name'
expect_status 0 create --format vhd --force new.vhd 1M
expect_status 0 info --json new.vhd
[ "$(json 'j["virtual_size"]')" = 1048576 ]

# What is none, whatever its name says, is not called a parent.
: >empty.vhd
expect_status 1 convert empty.vhd copy.raw
expect_output 'empty.vhd: no VHD image: name a VHD image'
[ ! -e copy.raw ]
