/* SPDX-License-Identifier: GPL-2.0 */
/* Block allocation table: geometry and entries (MS-VHDX 2.5). */
#ifndef VHDX_BAT_H
#define VHDX_BAT_H

#include "vhdx-meta.h"

/**
 * struct vhdx_geometry - what follows from block size and disk size
 * @disk_bytes: virtual disk size
 * @blocks: payload blocks of the disk
 * @chunks: chunks (one sector bitmap each) of the disk
 * @bat_entries: BAT entries that must exist, interleaved bitmap slots included
 * @block_shift: log2 of the block size in bytes
 * @chunk_shift: log2 of the payload blocks in a chunk
 * @sector_shift: log2 of the logical sector size in bytes
 * @has_parent: a differencing image
 */
struct vhdx_geometry {
	u64 disk_bytes;
	u32 blocks;
	u32 chunks;
	u64 bat_entries;
	u8 block_shift;
	u8 chunk_shift;
	u8 sector_shift;
	bool has_parent;
};

/**
 * struct vhdx_bat_entry - a decoded BAT entry
 * @state: enum vhdx_block_state; of a sector bitmap slot whatever is there
 * @mib: where its data is, in MiB from the start of the image; 0 if nowhere
 */
struct vhdx_bat_entry {
	u8 state;
	u64 mib;
};

void vhdx_geometry_init(struct vhdx_geometry *geo, const struct vhdx_meta *meta);
int vhdx_bat_decode_payload(const struct vhdx_geometry *geo, u32 block, u64 raw,
			    u64 image_bytes, bool writable,
			    struct vhdx_bat_entry *entry);
int vhdx_bat_decode_bitmap(const struct vhdx_geometry *geo, u64 raw,
			   u64 image_bytes, bool writable,
			   struct vhdx_bat_entry *entry);

/* Index in the BAT of payload block @block. */
static inline u64 vhdx_bat_index(const struct vhdx_geometry *geo, u32 block)
{
	return (u64)block + (block >> geo->chunk_shift);
}

/* True where BAT entry @index is the sector bitmap slot of a chunk. */
static inline bool vhdx_bat_is_bitmap(const struct vhdx_geometry *geo, u64 index)
{
	u64 slots = (1ULL << geo->chunk_shift) + 1;

	return index - div64_u64(index, slots) * slots == slots - 1;
}

/* Payload blocks before BAT entry @index: its own number, if it is one. */
static inline u64 vhdx_bat_blocks_before(const struct vhdx_geometry *geo,
					 u64 index)
{
	return index - div64_u64(index, (1ULL << geo->chunk_shift) + 1);
}

/* Index in the BAT of the sector bitmap slot of @chunk. */
static inline u64 vhdx_bat_bitmap_index(const struct vhdx_geometry *geo,
					u32 chunk)
{
	return (((u64)chunk + 1) << geo->chunk_shift) + chunk;
}

/* Is there data of a block in this state, wholly or in part? */
static inline bool vhdx_block_present(u8 state)
{
	return state == VHDX_BLOCK_FULL || state == VHDX_BLOCK_PARTIAL;
}

/* Blocks take whole MiB: how many. */
static inline u32 vhdx_block_mib(const struct vhdx_geometry *geo)
{
	return 1U << (geo->block_shift - 20);
}

#endif /* VHDX_BAT_H */
