// SPDX-License-Identifier: GPL-2.0
#include "vhd-bat.h"

/**
 * vhd_geometry_init() - work out the geometry of a disk
 * @geo: result
 * @disk_bytes: its size
 * @block_bytes: of a block; 0 in a fixed image
 *
 * A bitmap has a bit for each sector of its block, and takes whole sectors.
 *
 * Context: any.
 */
void vhd_geometry_init(struct vhd_geometry *geo, u64 disk_bytes,
		       u32 block_bytes)
{
	memset(geo, 0, sizeof(*geo));
	geo->disk_bytes = disk_bytes;
	if (!block_bytes)
		return;
	geo->block_shift = ilog2(block_bytes);
	geo->blocks = (disk_bytes + block_bytes - 1) >> geo->block_shift;
	geo->bitmap_sectors = max_t(u32, block_bytes / VHD_SECTOR / 8 / VHD_SECTOR,
				    1);
}

/**
 * vhd_tables_add() - note space that is no block
 * @tables: where to; has room
 * @off: bytes from the start of the image
 * @bytes: how much
 *
 * Context: any.
 */
void vhd_tables_add(struct vhd_tables *tables, u64 off, u64 bytes)
{
	tables->range[tables->count].off = off;
	tables->range[tables->count++].bytes = bytes;
}

/**
 * vhd_tables_overlap() - is any of this space no block's?
 * @tables: what is none
 * @off: bytes from the start of the image
 * @bytes: how much
 *
 * Context: any.
 * Return: true if so.
 */
bool vhd_tables_overlap(const struct vhd_tables *tables, u64 off, u64 bytes)
{
	u32 i;

	for (i = 0; i < tables->count; i++)
		if (off < tables->range[i].off + tables->range[i].bytes &&
		    tables->range[i].off < off + bytes)
			return true;
	return false;
}

/**
 * vhd_tables_end() - where the last of them ends
 * @tables: space that is no block
 *
 * Context: any.
 * Return: bytes from the start of the image, in whole sectors: a path of the
 * parent may end in the middle of one, but no block or footer begins there.
 */
u64 vhd_tables_end(const struct vhd_tables *tables)
{
	u64 end = 0;
	u32 i;

	for (i = 0; i < tables->count; i++)
		end = max_t(u64, end, tables->range[i].off +
				      tables->range[i].bytes);
	return (end + VHD_SECTOR - 1) & ~(u64)(VHD_SECTOR - 1);
}

/**
 * vhd_bat_check() - judge a BAT entry
 * @geo: geometry of the disk
 * @tables: space that is no block
 * @sector: the entry; not VHD_BAT_UNALLOCATED
 * @end: end of the image but for its footer, in bytes
 *
 * Cases 108, 109, 111.  All blocks have all of their space, the last one as well.
 * Overlaps are judged by whoever sees all entries (struct vhd_space).
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhd_bat_check(const struct vhd_geometry *geo,
		  const struct vhd_tables *tables, u32 sector, u64 end)
{
	u64 off = (u64)sector << VHD_SECTOR_SHIFT;
	u64 bytes = (u64)vhd_block_sectors(geo) << VHD_SECTOR_SHIFT;

	if (off > end || bytes > end - off)
		return VHDX_FAULT_VHD_BAT_RANGE;
	/* The footer copy is among the tables, so none is at 0. */
	return vhd_tables_overlap(tables, off, bytes) ?
	       VHDX_FAULT_VHD_BAT_TABLES : 0;
}

/**
 * vhd_bat_place() - where to put a new block
 * @geo: geometry of the disk
 * @end: end of all that is there, in bytes
 *
 * Its data is aligned, which leaves a gap in front of its bitmap.
 *
 * Context: any.
 * Return: the first good place from @end on, in sectors; it may be more than a
 * BAT entry can hold.
 */
u64 vhd_bat_place(const struct vhd_geometry *geo, u64 end)
{
	u64 bitmap_bytes = (u64)geo->bitmap_sectors << VHD_SECTOR_SHIFT;
	u64 data = end + bitmap_bytes + VHD_DATA_ALIGN - 1;

	data &= ~(u64)(VHD_DATA_ALIGN - 1);
	return (data - bitmap_bytes) >> VHD_SECTOR_SHIFT;
}

/**
 * vhd_space_pieces() - how large a struct vhd_space has to be
 * @geo: geometry of the disk
 * @end: end of the image but for its footer, in bytes
 *
 * Context: any.
 * Return: for @pieces.
 */
u32 vhd_space_pieces(const struct vhd_geometry *geo, u64 end)
{
	u64 sectors = min_t(u64, end >> VHD_SECTOR_SHIFT, VHD_BAT_UNALLOCATED);

	return div64_u64(sectors, vhd_block_sectors(geo)) + 1;
}

/**
 * vhd_space_claim() - take space for a block
 * @space: who has which space
 * @sector: where the block is; passed by vhd_bat_check()
 *
 * Case 110.
 *
 * Context: any; the caller serialises access to @space.
 * Return: false if a part of it was taken already; then nothing has changed.
 */
bool vhd_space_claim(struct vhd_space *space, u32 sector)
{
	u32 piece = sector / space->block_sectors;
	u32 next = piece + 1 < space->pieces ? space->start[piece + 1] : 0;
	u32 before = piece ? space->start[piece - 1] : 0;

	if (space->start[piece] ||
	    (before && sector - before < space->block_sectors) ||
	    (next && next - sector < space->block_sectors))
		return false;
	space->start[piece] = sector;
	return true;
}
