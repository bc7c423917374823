// SPDX-License-Identifier: GPL-2.0
#include "vhdx-bat.h"

/* In-core entries keep 28 bits of MiB: 256 TiB. */
#define VHDX_MAX_MIB	(1ULL << 28)

/**
 * vhdx_geometry_init() - work out the geometry of a disk
 * @geo: result
 * @meta: passed by vhdx_meta_check()
 *
 * MS-VHDX 2.5: a chunk is 2^23 logical sectors; its payload blocks' entries
 * are followed by one for its sector bitmap.
 *
 * Context: any.
 */
void vhdx_geometry_init(struct vhdx_geometry *geo, const struct vhdx_meta *meta)
{
	u64 chunk_bytes = (u64)VHDX_CHUNK_SECTORS * meta->logical_bytes;

	geo->disk_bytes = meta->disk_bytes;
	geo->block_shift = ilog2(meta->block_bytes);
	geo->sector_shift = ilog2(meta->logical_bytes);
	geo->has_parent = meta->has_parent;
	geo->chunk_shift = ilog2(chunk_bytes) - geo->block_shift;
	geo->blocks = (meta->disk_bytes + meta->block_bytes - 1) >>
		      geo->block_shift;
	geo->chunks = (geo->blocks + (1U << geo->chunk_shift) - 1) >>
		      geo->chunk_shift;
	if (meta->has_parent)
		geo->bat_entries = (u64)geo->chunks *
				   ((1ULL << geo->chunk_shift) + 1);
	else
		geo->bat_entries = (u64)geo->blocks +
				   ((geo->blocks - 1) >> geo->chunk_shift);
}

/*
 * Cases 57 to 59.  Only the part of the last block that belongs to the disk
 * has to be there for reading; a writer needs all of it.
 */
static int vhdx_bat_check_range(const struct vhdx_geometry *geo, u32 block,
				u64 mib, u64 image_bytes, bool writable)
{
	u64 off = mib << 20, block_bytes = 1ULL << geo->block_shift;
	u64 disk_rest = geo->disk_bytes - ((u64)block << geo->block_shift);

	if (off >= image_bytes)
		return VHDX_FAULT_BAT_RANGE;
	if (block_bytes <= image_bytes - off)
		return 0;
	if (disk_rest > image_bytes - off)
		return VHDX_FAULT_BAT_RANGE;
	return writable ? VHDX_FAULT_BAT_CUT : 0;
}

/**
 * vhdx_bat_decode_payload() - decode and judge the entry of a payload block
 * @geo: the disk's geometry
 * @block: payload block
 * @raw: the entry, in CPU byte order
 * @image_bytes: size of the backing device
 * @writable: judge as one who means to write
 * @entry: result, filled in as far as possible on a fault too
 *
 * Overlaps are judged by whoever sees all entries (struct vhdx_space).
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_bat_decode_payload(const struct vhdx_geometry *geo, u32 block, u64 raw,
			    u64 image_bytes, bool writable,
			    struct vhdx_bat_entry *entry)
{
	entry->state = VHDX_BAT_STATE(raw);
	entry->mib = VHDX_BAT_MIB(raw);
	if (VHDX_BAT_RESERVED(raw))
		return VHDX_FAULT_BAT_RESERVED;		/* case 54 */

	switch (entry->state) {
	case VHDX_BLOCK_NOT_PRESENT:
	case VHDX_BLOCK_ZERO:
		entry->mib = 0;				/* case 65 */
		return 0;
	case VHDX_BLOCK_UNDEFINED:
	case VHDX_BLOCK_UNMAPPED:
		/* Case 66: an anchor owns space, which a reader need not know. */
		if (!entry->mib)
			return 0;
		if (entry->mib < VHDX_MAX_MIB &&
		    !vhdx_bat_check_range(geo, block, entry->mib, image_bytes,
					  true))
			return 0;
		if (writable)
			return VHDX_FAULT_BAT_ANCHOR;
		entry->mib = 0;
		return 0;
	case VHDX_BLOCK_PARTIAL:
		if (!geo->has_parent)
			return VHDX_FAULT_BAT_PARTIAL;	/* case 62 */
		fallthrough;
	case VHDX_BLOCK_FULL:
		if (!entry->mib)
			return VHDX_FAULT_BAT_OFFSET;	/* case 56 */
		if (entry->mib >= VHDX_MAX_MIB &&
		    image_bytes >> 20 >= VHDX_MAX_MIB)
			return VHDX_FAULT_BAT_FAR;
		return vhdx_bat_check_range(geo, block, entry->mib,
					    image_bytes, writable);
	default:
		return VHDX_FAULT_BAT_STATE;		/* case 55 */
	}
}

/*
 * Case 64, without a parent.  Nobody has a use for it, so whatever is there is
 * ignored, but for the state of a block with data.  QEMU before 8.0 could move
 * the entries of a BAT sector by one: then this is the last block's that lies
 * before it.  Its space is not free, and a writer would make things worse.
 */
static int vhdx_bat_judge_unused(u64 raw, bool writable,
				 struct vhdx_bat_entry *entry)
{
	if (entry->state != VHDX_BITMAP_PRESENT)
		return 0;
	entry->mib = VHDX_BAT_MIB(raw);
	return writable ? VHDX_FAULT_BITMAP_PRESENT : 0;
}

/* Cases 56 to 58 and 64, of a sector bitmap that somebody may read. */
static int vhdx_bat_judge_bitmap(u64 raw, u64 image_bytes,
				 struct vhdx_bat_entry *entry)
{
	if (entry->state == VHDX_BLOCK_NOT_PRESENT)
		return 0;
	if (entry->state != VHDX_BITMAP_PRESENT)
		return VHDX_FAULT_BITMAP_STATE;
	entry->mib = VHDX_BAT_MIB(raw);
	if (!entry->mib)
		return VHDX_FAULT_BAT_OFFSET;
	if (entry->mib < image_bytes >> 20)
		return entry->mib < VHDX_MAX_MIB ? 0 : VHDX_FAULT_BAT_FAR;
	return VHDX_FAULT_BAT_RANGE;
}

/**
 * vhdx_bat_decode_bitmap() - decode and judge a sector bitmap entry
 * @geo: the disk's geometry
 * @raw: the entry, in CPU byte order
 * @image_bytes: size of the backing device
 * @writable: judge as one who means to write
 * @entry: result: its state, and the space that it keeps
 *
 * Whether there has to be a bitmap is judged by whoever sees the blocks.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_bat_decode_bitmap(const struct vhdx_geometry *geo, u64 raw,
			   u64 image_bytes, bool writable,
			   struct vhdx_bat_entry *entry)
{
	entry->state = VHDX_BAT_STATE(raw);
	entry->mib = 0;
	if (VHDX_BAT_RESERVED(raw))
		return VHDX_FAULT_BAT_RESERVED;		/* case 54 */
	return geo->has_parent ? vhdx_bat_judge_bitmap(raw, image_bytes, entry) :
				 vhdx_bat_judge_unused(raw, writable, entry);
}
