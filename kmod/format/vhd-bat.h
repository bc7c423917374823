/* SPDX-License-Identifier: GPL-2.0 */
/* Block allocation table of VHD images: geometry, entries, overlaps (VHD 1.0). */
#ifndef VHD_BAT_H
#define VHD_BAT_H

#include "vhd-header.h"

/**
 * struct vhd_geometry - what follows from block size and disk size
 * @disk_bytes: virtual disk size
 * @blocks: blocks of the disk; 0 in a fixed image
 * @block_shift: log2 of the block size in bytes
 * @bitmap_sectors: sectors of the bitmap in front of each block's data
 */
struct vhd_geometry {
	u64 disk_bytes;
	u32 blocks;
	u8 block_shift;
	u8 bitmap_sectors;
};

/* Footer copy, header, BAT, batmap and its header, locators. */
#define VHD_MAX_TABLES	(5 + VHD_LOCATORS)

/**
 * struct vhd_tables - space of the image that is no block
 * @count: how many ranges
 * @range: where
 * @range.off: bytes from the start of the image
 * @range.bytes: how much
 */
struct vhd_tables {
	u32 count;
	struct {
		u64 off;
		u64 bytes;
	} range[VHD_MAX_TABLES];
};

/**
 * struct vhd_space - who has which space
 * @start: where the block is, in sectors, that starts in a piece of space of the
 *	size of a block; 0 where none does
 * @pieces: how many of these there are, see vhd_space_pieces()
 * @block_sectors: their size, bitmap included
 *
 * All blocks are of one size.  So two that start in the same piece overlap, and
 * else each can overlap its neighbours' only.
 */
struct vhd_space {
	u32 *start;
	u32 pieces;
	u32 block_sectors;
};

void vhd_geometry_init(struct vhd_geometry *geo, u64 disk_bytes,
		       u32 block_bytes);
void vhd_tables_add(struct vhd_tables *tables, u64 off, u64 bytes);
bool vhd_tables_overlap(const struct vhd_tables *tables, u64 off, u64 bytes);
u64 vhd_tables_end(const struct vhd_tables *tables);
int vhd_bat_check(const struct vhd_geometry *geo,
		  const struct vhd_tables *tables, u32 sector, u64 end);
u64 vhd_bat_place(const struct vhd_geometry *geo, u64 end);
u32 vhd_space_pieces(const struct vhd_geometry *geo, u64 end);
bool vhd_space_claim(struct vhd_space *space, u32 sector);

/* Sectors of a block, its bitmap included. */
static inline u32 vhd_block_sectors(const struct vhd_geometry *geo)
{
	return geo->bitmap_sectors + (1U << (geo->block_shift - VHD_SECTOR_SHIFT));
}

/* Where the data is of a block at @sector, in bytes. */
static inline u64 vhd_block_data(const struct vhd_geometry *geo, u32 sector)
{
	return ((u64)sector + geo->bitmap_sectors) << VHD_SECTOR_SHIFT;
}

/* Sectors of block @block that belong to the disk. */
static inline u32 vhd_block_used(const struct vhd_geometry *geo, u32 block)
{
	u64 rest = geo->disk_bytes - ((u64)block << geo->block_shift);

	return min_t(u64, rest, 1ULL << geo->block_shift) >> VHD_SECTOR_SHIFT;
}

#endif /* VHD_BAT_H */
