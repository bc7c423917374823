/* SPDX-License-Identifier: GPL-2.0 */
/* Which sectors of a block a VHD image has, and XenServer's map of full blocks. */
#ifndef VHD_BITMAP_H
#define VHD_BITMAP_H

#include "vhd-bat.h"

#define VHD_MAX_BITMAP_BYTES	(VHD_MAX_BLOCK / VHD_SECTOR / 8)

/**
 * struct vhd_batmap - where the map of full blocks is
 * @off: bytes from the start of the image
 * @bytes: its size; 0: there is none
 * @header_off: where its header is
 * @version: of its format
 * @checksum: over it
 */
struct vhd_batmap {
	u64 off;
	u64 bytes;
	u64 header_off;
	u32 version;
	u32 checksum;
};

u32 vhd_bitmap_run(const u8 *bitmap, u32 from, u32 end, bool *set);
void vhd_bitmap_set(u8 *bitmap, u32 from, u32 end);
u32 vhd_bitmap_count(const u8 *bitmap, u32 end);
bool vhd_batmap_decode(const void *buf, u64 header_off, u32 blocks, u64 end,
		       struct vhd_batmap *batmap);
u32 vhd_batmap_sum(const struct vhd_batmap *batmap, u32 sum, const void *buf,
		   u32 bytes);
void vhd_batmap_seal(void *buf, u32 sum);

/* Is the bit of a sector, or of a block in a batmap, set?  The highest is first. */
static inline bool vhd_bitmap_test(const u8 *bitmap, u32 bit)
{
	return bitmap[bit / 8] & 0x80 >> bit % 8;
}

#endif /* VHD_BITMAP_H */
