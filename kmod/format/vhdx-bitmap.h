/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sector bitmaps of differencing images (MS-VHDX 2.4): a bit for each logical
 * sector of a chunk, set where this image has it, clear where its parent has.
 * They mean something only in blocks that are partially present.
 */
#ifndef VHDX_BITMAP_H
#define VHDX_BITMAP_H

#include "vhdx-bat.h"

/* A bitmap has one bit for each sector of a chunk. */
#define VHDX_BITMAP_BYTES	(VHDX_CHUNK_SECTORS / 8)

/**
 * struct vhdx_bitmap_place - where the bits of a part of the disk lie
 * @chunk: in this chunk's bitmap
 * @byte: from this byte on
 * @bytes: in so many of them
 */
struct vhdx_bitmap_place {
	u32 chunk;
	u32 byte;
	u32 bytes;
};

void vhdx_bitmap_find(const struct vhdx_geometry *geo, u64 off, u32 bytes,
		      struct vhdx_bitmap_place *place);
u32 vhdx_bitmap_run(const void *bits, u32 start, u32 end, bool *set);
bool vhdx_bitmap_all_set(const void *bits, u32 start, u32 end);
bool vhdx_bitmap_is_coarse(const void *bits, u32 start, u32 end);
void vhdx_bitmap_clear(void *bits, u32 start, u32 end);
void vhdx_bitmap_set(void *bits, u32 start, u32 end);

static inline bool vhdx_bitmap_test(const void *bits, u32 bit)
{
	return ((const u8 *)bits)[bit / 8] >> bit % 8 & 1;
}

#endif /* VHDX_BITMAP_H */
