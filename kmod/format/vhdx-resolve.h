/* SPDX-License-Identifier: GPL-2.0 */
/*
 * DOC: which layer has what
 *
 * A chain is a leaf and its parents, closest first.  The first layer that says
 * something about a sector decides: a block in state 6 has it; states 1 to 3
 * hide the parents and read as zeros; in state 7 the sector bitmap tells whether
 * it is here or further down; state 0 leaves it to the parent, and where there
 * is none there are zeros.  Past the end of a layer's disk there are zeros too,
 * whatever is below and whatever its file holds there.
 *
 * The map has an entry for each block of the leaf.  Its MiB are those of a space
 * in which each layer owns whole segments of 64 GiB.  Where one entry cannot tell
 * (a layer that is partial there, or ends there, or parents with smaller blocks)
 * the parts of a unit can: they name the layers that take part and their sector
 * bitmaps, and then runs of sectors.  Units are as large as the chain's smallest
 * block, or smaller, but a MiB at least.
 */
#ifndef VHDX_RESOLVE_H
#define VHDX_RESOLVE_H

#include "vhdx-bitmap.h"

#define VHDX_MAX_LAYERS		256

/*
 * In-core entries, of a layer's BAT and of the map: 3 bits of state, one that is
 * the caller's own, 28 bits of MiB.
 */
#define VHDX_CORE_STATE(e)	((e) & 7U)
#define VHDX_CORE_MIB(e)	((e) >> 4)
#define VHDX_CORE(state, mib)	((u32)(mib) << 4 | (state))

/*
 * States of the map: those of the leaf, or
 * 0: no layer has it, or a parent has zeros; 4: full in a parent; 7: in parts,
 * with the leaf's MiB if it has some of them, else 0.
 */
#define VHDX_CORE_PARENT	4U

/* Does an entry of the map say something that the leaf's own BAT says? */
static inline bool vhdx_core_own(u32 e)
{
	u32 state = VHDX_CORE_STATE(e);

	return state && state != VHDX_CORE_PARENT &&
	       (state != VHDX_BLOCK_PARTIAL || VHDX_CORE_MIB(e));
}

/* The joint space of a chain: 256 TiB in segments of 64 GiB. */
#define VHDX_SEGMENT_SHIFT	16	/* MiB */
#define VHDX_SEGMENTS		(1U << (28 - VHDX_SEGMENT_SHIFT))

/**
 * struct vhdx_resolve_layer - a layer of a chain
 * @geo: geometry of its disk
 * @bat: in-core entry of each of its blocks; the caller's bit, and MiB in states
 *       without data, do not count; the leaf's may be the map
 * @bitmap: MiB of each chunk's sector bitmap, 0 where there is none; NULL: of
 *          none
 * @end_mib: end of all that its image refers to
 * @base_mib: where its image starts in the joint space
 */
struct vhdx_resolve_layer {
	struct vhdx_geometry geo;
	const u32 *bat;
	const u32 *bitmap;
	u32 end_mib;
	u32 base_mib;
};

/**
 * struct vhdx_resolve - a chain
 * @layer: its layers, leaf first
 * @count: how many, at least 1
 * @disk_bytes: size of the disk: the leaf's
 * @units: units of the disk
 * @unit_shift: log2 of the unit's bytes
 */
struct vhdx_resolve {
	struct vhdx_resolve_layer *layer;
	u32 count;
	u64 disk_bytes;
	u32 units;
	u8 unit_shift;
};

/**
 * enum vhdx_part_kind - what a layer says of a unit
 * @VHDX_PART_NONE: nothing, but its disk ends there
 * @VHDX_PART_ZERO: zeros
 * @VHDX_PART_DATA: it has all of it
 * @VHDX_PART_BITS: it has some of it
 */
enum vhdx_part_kind {
	VHDX_PART_NONE,
	VHDX_PART_ZERO,
	VHDX_PART_DATA,
	VHDX_PART_BITS,
};

/**
 * struct vhdx_part - a layer that takes part in a unit
 * @kind: what it says
 * @layer: which one
 * @end: bytes of the unit that its disk reaches; behind there are zeros
 * @off: where the unit starts in its image, in bytes; 0 without data
 * @place: where the bits are, of VHDX_PART_BITS
 * @bits: the caller puts there what is at @place
 */
struct vhdx_part {
	enum vhdx_part_kind kind;
	u32 layer;
	u32 end;
	u64 off;
	struct vhdx_bitmap_place place;
	const void *bits;
};

/**
 * struct vhdx_run - sectors that have one source
 * @end: where it ends, in bytes from the start of the unit
 * @layer: which layer said so; the last one's parent would be next
 * @data: that has data; else these are zeros
 * @off: where, in bytes from the start of its image
 */
struct vhdx_run {
	u32 end;
	u32 layer;
	bool data;
	u64 off;
};

int vhdx_resolve_init(struct vhdx_resolve *chain,
		      struct vhdx_resolve_layer *layer, u32 count);
int vhdx_resolve_segments(struct vhdx_resolve *chain, u8 *segment,
			  u32 *leaf_mib);
void vhdx_resolve_units(struct vhdx_resolve *chain, u8 unit_shift);
u32 vhdx_resolve_block(const struct vhdx_resolve *chain, u32 block);
u32 vhdx_resolve_unit(const struct vhdx_resolve *chain, u32 unit,
		      struct vhdx_part *part);
void vhdx_resolve_run(const struct vhdx_resolve *chain, u32 unit,
		      const struct vhdx_part *part, u32 count, u32 at,
		      struct vhdx_run *run);

/* Bytes of @unit that belong to the disk. */
static inline u32 vhdx_resolve_bytes(const struct vhdx_resolve *chain, u32 unit)
{
	u64 start = (u64)unit << chain->unit_shift;

	return min_t(u64, 1ULL << chain->unit_shift, chain->disk_bytes - start);
}

#endif /* VHDX_RESOLVE_H */
