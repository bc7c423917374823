// SPDX-License-Identifier: GPL-2.0
#include "vhdx-resolve.h"

/**
 * vhdx_resolve_init() - make a chain of layers
 * @chain: result
 * @layer: its layers, leaf first; @base_mib need not be there
 * @count: how many, at least 1
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_resolve_init(struct vhdx_resolve *chain,
		      struct vhdx_resolve_layer *layer, u32 count)
{
	u8 shift = layer->geo.block_shift;
	u32 i;

	if (count > VHDX_MAX_LAYERS)
		return VHDX_FAULT_CHAIN_DEEP;		/* case 51 */
	chain->layer = layer;
	chain->count = count;
	chain->disk_bytes = layer->geo.disk_bytes;
	for (i = 1; i < count; i++) {
		if (layer[i].geo.sector_shift != layer->geo.sector_shift)
			return VHDX_FAULT_CHAIN_SECTOR;	/* case 51 */
		shift = min_t(u8, shift, layer[i].geo.block_shift);
	}
	vhdx_resolve_units(chain, shift);
	return 0;
}

/**
 * vhdx_resolve_units() - choose the size of units
 * @chain: from vhdx_resolve_init(), which has chosen the smallest block size
 * @unit_shift: log2 of the unit's bytes: no more than that, at least 20
 *
 * Context: any.
 */
void vhdx_resolve_units(struct vhdx_resolve *chain, u8 unit_shift)
{
	chain->unit_shift = unit_shift;
	chain->units = (chain->disk_bytes + (1ULL << unit_shift) - 1) >>
		       unit_shift;
}

/**
 * vhdx_resolve_segments() - give each layer its part of the joint space
 * @chain: the chain; takes the base of each layer
 * @segment: result: which layer owns each of the VHDX_SEGMENTS segments
 * @leaf_mib: result: the leaf may grow up to there
 *
 * The leaf is at the start, so that its entries are what its own BAT says.  The
 * parents come from the top down, as far as they are used: they do not grow.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_resolve_segments(struct vhdx_resolve *chain, u8 *segment,
			  u32 *leaf_mib)
{
	u32 segment_mib = 1U << VHDX_SEGMENT_SHIFT, top = VHDX_SEGMENTS, i, need;

	memset(segment, 0, VHDX_SEGMENTS);
	chain->layer->base_mib = 0;
	for (i = 1; i < chain->count; i++) {
		need = DIV_ROUND_UP_ULL((u64)chain->layer[i].end_mib,
					segment_mib);
		if (need > top)
			return VHDX_FAULT_CHAIN_SPACE;
		top -= need;
		memset(segment + top, i, need);
		chain->layer[i].base_mib = top << VHDX_SEGMENT_SHIFT;
	}
	*leaf_mib = top << VHDX_SEGMENT_SHIFT;
	if (!top || chain->layer->end_mib > *leaf_mib)
		return VHDX_FAULT_CHAIN_SPACE;
	return 0;
}

/* What a layer's BAT says of @unit, of which its disk has a part. */
static u32 vhdx_resolve_entry(const struct vhdx_resolve *chain,
			      const struct vhdx_resolve_layer *layer, u32 unit)
{
	u32 shift = layer->geo.block_shift - chain->unit_shift;
	u32 e = READ_ONCE(layer->bat[unit >> shift]), within;

	/* The leaf's may be those of the map. */
	if (!vhdx_core_own(e))
		return VHDX_BLOCK_NOT_PRESENT;
	if (!vhdx_block_present(VHDX_CORE_STATE(e)))
		return VHDX_CORE_STATE(e);
	within = (unit & ((1U << shift) - 1)) << (chain->unit_shift - 20);
	return VHDX_CORE(VHDX_CORE_STATE(e), VHDX_CORE_MIB(e) + within);
}

/* No entry can tell. */
#define VHDX_CORE_PARTS		VHDX_CORE(VHDX_BLOCK_PARTIAL, 0)

/*
 * What a parent makes of a unit that no layer above it has decided; returns false
 * if it leaves that to the next one.  A layer that ends within the unit cannot be
 * told by an entry, unless it has zeros anyway.
 */
static bool vhdx_resolve_parent(const struct vhdx_resolve *chain, u32 index,
				u32 unit, u32 *result)
{
	const struct vhdx_resolve_layer *layer = &chain->layer[index];
	u64 start = (u64)unit << chain->unit_shift;
	u32 e, mib;

	*result = 0;
	if (start >= layer->geo.disk_bytes)
		return true;
	e = vhdx_resolve_entry(chain, layer, unit);
	mib = VHDX_CORE_MIB(e);
	if (VHDX_CORE_STATE(e) == VHDX_BLOCK_PARTIAL ||
	    (layer->geo.disk_bytes - start < vhdx_resolve_bytes(chain, unit) &&
	     (mib || (!e && index < chain->count - 1))))
		*result = VHDX_CORE_PARTS;
	else if (mib)
		*result = VHDX_CORE(VHDX_CORE_PARENT, mib + layer->base_mib);
	return e || *result;
}

/**
 * vhdx_resolve_block() - what all layers make of a block of the leaf
 * @chain: the chain; its layers have their bases
 * @block: the block
 *
 * Where the leaf has something to say its entry stays as it is.  Otherwise it is
 * what is true of the whole block: parents may have smaller ones.
 *
 * Context: any.
 * Return: its entry in the map.
 */
u32 vhdx_resolve_block(const struct vhdx_resolve *chain, u32 block)
{
	u32 shift = chain->layer->geo.block_shift - chain->unit_shift;
	u32 step = VHDX_CORE(0, 1U << (chain->unit_shift - 20));
	u32 unit = block << shift, e = chain->layer->bat[block], i, r;
	u32 end = min_t(u64, ((u64)block + 1) << shift, chain->units);

	if (vhdx_core_own(e))
		return e;
	for (e = 0; unit < end; unit++) {
		r = 0;
		for (i = 1; i < chain->count; i++)
			if (vhdx_resolve_parent(chain, i, unit, &r))
				break;
		if (unit == block << shift)
			e = r;
		else if (r != (e ? e + step * (unit - (block << shift)) : 0))
			return VHDX_CORE_PARTS;
		if (e == VHDX_CORE_PARTS)
			return e;
	}
	return e;
}

/* What @index says of @unit; false: nothing, and its disk has all of it. */
static bool vhdx_resolve_part(const struct vhdx_resolve *chain, u32 index,
			      u32 unit, u32 limit, struct vhdx_part *part)
{
	const struct vhdx_resolve_layer *layer = &chain->layer[index];
	u64 start = (u64)unit << chain->unit_shift;
	u32 e;

	memset(part, 0, sizeof(*part));
	part->layer = index;
	part->kind = VHDX_PART_ZERO;
	if (start >= layer->geo.disk_bytes)
		return true;
	part->end = min_t(u64, limit, layer->geo.disk_bytes - start);
	e = vhdx_resolve_entry(chain, layer, unit);
	part->off = (u64)VHDX_CORE_MIB(e) << 20;
	switch (VHDX_CORE_STATE(e)) {
	case VHDX_BLOCK_NOT_PRESENT:
		part->kind = VHDX_PART_NONE;
		return index == chain->count - 1 || part->end < limit;
	case VHDX_BLOCK_FULL:
		part->kind = VHDX_PART_DATA;
		return true;
	case VHDX_BLOCK_PARTIAL:
		part->kind = VHDX_PART_BITS;
		vhdx_bitmap_find(&layer->geo, start, 1U << chain->unit_shift,
				 &part->place);
		return true;
	default:
		return true;
	}
}

/**
 * vhdx_resolve_unit() - which layers take part in a unit
 * @chain: the chain
 * @unit: which one
 * @part: result: room for as many as there are layers
 *
 * Before vhdx_resolve_run() the caller reads the sector bitmaps of those that
 * have some of it; a chunk's is at @bitmap of the layer.
 *
 * Context: any.
 * Return: how many, at least 1.
 */
u32 vhdx_resolve_unit(const struct vhdx_resolve *chain, u32 unit,
		      struct vhdx_part *part)
{
	u32 limit = vhdx_resolve_bytes(chain, unit), count = 0, i;

	for (i = 0; i < chain->count; i++) {
		if (!vhdx_resolve_part(chain, i, unit, limit, &part[count]))
			continue;
		limit = part[count].end;
		if (part[count].kind == VHDX_PART_ZERO ||
		    part[count].kind == VHDX_PART_DATA)
			return count + 1;
		count++;
	}
	return count;
}

/**
 * vhdx_resolve_run() - where sectors of a unit come from
 * @chain: the chain
 * @unit: the unit
 * @part: the layers that take part, with their sector bitmaps
 * @count: how many
 * @at: bytes from the start of the unit, whole sectors, below its end
 * @run: result
 *
 * Context: any.
 */
void vhdx_resolve_run(const struct vhdx_resolve *chain, u32 unit,
		      const struct vhdx_part *part, u32 count, u32 at,
		      struct vhdx_run *run)
{
	u32 shift = chain->layer->geo.sector_shift, i;
	bool set;

	memset(run, 0, sizeof(*run));
	run->end = vhdx_resolve_bytes(chain, unit);
	for (i = 0; i < count; i++, part++) {
		run->layer = part->layer;
		if (at >= part->end)
			break;
		run->end = min_t(u32, run->end, part->end);
		if (part->kind == VHDX_PART_ZERO)
			break;
		if (part->kind == VHDX_PART_NONE)
			continue;
		set = true;
		if (part->kind == VHDX_PART_BITS)
			run->end = vhdx_bitmap_run(part->bits, at >> shift,
						   run->end >> shift, &set) <<
				   shift;
		if (!set)
			continue;
		run->data = true;
		run->off = part->off + at;
		break;
	}
}
