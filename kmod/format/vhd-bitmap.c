// SPDX-License-Identifier: GPL-2.0
#include "vhd-bitmap.h"

#define VHD_BATMAP_1_1	0x00010001U	/* sums signed bytes */

/**
 * vhd_bitmap_run() - how far bits are alike
 * @bitmap: the bitmap of a block
 * @from: first bit
 * @end: where to stop; above @from
 * @set: takes what they are
 *
 * Context: any.
 * Return: the first bit that is another one, or @end.
 */
u32 vhd_bitmap_run(const u8 *bitmap, u32 from, u32 end, bool *set)
{
	u8 same;

	*set = vhd_bitmap_test(bitmap, from);
	same = *set ? 0xff : 0;
	while (++from < end) {
		while (from % 8 == 0 && end - from >= 8 &&
		       bitmap[from / 8] == same)
			from += 8;
		if (from >= end || vhd_bitmap_test(bitmap, from) != *set)
			break;
	}
	return from;
}

/**
 * vhd_bitmap_set() - set bits
 * @bitmap: the bitmap of a block
 * @from: first bit
 * @end: first one not to set
 *
 * Context: any.
 */
void vhd_bitmap_set(u8 *bitmap, u32 from, u32 end)
{
	for (; from < end; from++)
		bitmap[from / 8] |= 0x80 >> from % 8;
}

/**
 * vhd_bitmap_count() - how many bits are set
 * @bitmap: the bitmap of a block
 * @end: bits of it to look at
 *
 * Context: any.
 * Return: how many.
 */
u32 vhd_bitmap_count(const u8 *bitmap, u32 end)
{
	u32 from = 0, next, count = 0;
	bool set;

	for (; from < end; from = next) {
		next = vhd_bitmap_run(bitmap, from, end, &set);
		if (set)
			count += next - from;
	}
	return count;
}

/**
 * vhd_batmap_decode() - decode the header of a batmap
 * @buf: VHD_SECTOR bytes from behind the BAT
 * @header_off: where they are from, in bytes
 * @blocks: blocks of the disk
 * @end: end of the image but for its footer, in bytes
 * @batmap: result; without a size if there is none
 *
 * Nobody depends on it: one that cannot be right counts as none.
 *
 * Context: any.
 * Return: true if there is one.
 */
bool vhd_batmap_decode(const void *buf, u64 header_off, u32 blocks, u64 end,
		       struct vhd_batmap *batmap)
{
	const struct vhd_batmap_disk *disk = buf;
	u64 off = be64_to_cpu(disk->offset);
	u64 bytes = (u64)be32_to_cpu(disk->sectors) << VHD_SECTOR_SHIFT;

	memset(batmap, 0, sizeof(*batmap));
	if (memcmp(disk->cookie, VHD_BATMAP_COOKIE, sizeof(disk->cookie)) ||
	    off % VHD_SECTOR || off < header_off + VHD_SECTOR || off > end ||
	    bytes > end - off || bytes > VHD_MAX_BATMAP_BYTES ||
	    bytes < DIV_ROUND_UP_ULL((u64)blocks, 8))
		return false;
	batmap->off = off;
	batmap->bytes = bytes;
	batmap->header_off = header_off;
	batmap->version = be32_to_cpu(disk->version);
	batmap->checksum = be32_to_cpu(disk->checksum);
	return true;
}

/**
 * vhd_batmap_sum() - sum a part of a batmap up
 * @batmap: the batmap
 * @sum: of the parts before it, at first 0
 * @buf: the part
 * @bytes: its size
 *
 * Context: any.
 * Return: the new sum; the checksum is its ones' complement.
 */
u32 vhd_batmap_sum(const struct vhd_batmap *batmap, u32 sum, const void *buf,
		   u32 bytes)
{
	const u8 *from = buf;
	u32 i;

	for (i = 0; i < bytes; i++) {
		sum += from[i];
		if (batmap->version == VHD_BATMAP_1_1 && from[i] >= 0x80)
			sum -= 0x100;
	}
	return sum;
}

/**
 * vhd_batmap_seal() - give the header of a batmap its checksum
 * @buf: VHD_SECTOR bytes
 * @sum: of all of the batmap
 *
 * Context: any.
 */
void vhd_batmap_seal(void *buf, u32 sum)
{
	struct vhd_batmap_disk *disk = buf;

	disk->checksum = cpu_to_be32(~sum);
}
