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
	u32 i;

	if (count > VHDX_MAX_LAYERS)
		return VHDX_FAULT_CHAIN_DEEP;		/* case 51 */
	chain->layer = layer;
	chain->count = count;
	chain->disk_bytes = layer->geo.disk_bytes;
	chain->unit_shift = layer->geo.block_shift;
	for (i = 1; i < count; i++) {
		if (layer[i].geo.sector_shift != layer->geo.sector_shift)
			return VHDX_FAULT_CHAIN_SECTOR;	/* case 51 */
		chain->unit_shift = min_t(u8, chain->unit_shift,
					  layer[i].geo.block_shift);
	}
	chain->units = (chain->disk_bytes + (1ULL << chain->unit_shift) - 1) >>
		       chain->unit_shift;
	return 0;
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

	if (!vhdx_block_present(VHDX_CORE_STATE(e)))
		return VHDX_CORE_STATE(e);
	within = (unit & ((1U << shift) - 1)) << (chain->unit_shift - 20);
	return VHDX_CORE(VHDX_CORE_STATE(e), VHDX_CORE_MIB(e) + within);
}

/*
 * What a layer makes of a unit that no layer above it has decided.  One that
 * ends within it cannot be told by an entry, unless it has zeros anyway.
 */
static u32 vhdx_resolve_map_unit(const struct vhdx_resolve *chain, u32 index,
				 u32 unit)
{
	const struct vhdx_resolve_layer *layer = &chain->layer[index];
	u64 start = (u64)unit << chain->unit_shift;
	u32 e, mib;

	if (start >= layer->geo.disk_bytes)
		return VHDX_CORE_DECIDED;
	e = vhdx_resolve_entry(chain, layer, unit);
	mib = VHDX_CORE_MIB(e);
	if (VHDX_CORE_STATE(e) == VHDX_BLOCK_PARTIAL ||
	    (layer->geo.disk_bytes - start < vhdx_resolve_bytes(chain, unit) &&
	     (mib || (!e && index < chain->count - 1))))
		return VHDX_CORE(VHDX_BLOCK_PARTIAL, index ? 0 : mib) |
		       VHDX_CORE_DECIDED;
	if (!e)
		return 0;
	if (!index)
		return e | VHDX_CORE_DECIDED;
	if (!mib)
		return VHDX_CORE_DECIDED;
	return VHDX_CORE(VHDX_CORE_PARENT, mib + layer->base_mib) |
	       VHDX_CORE_DECIDED;
}

/**
 * vhdx_resolve_map() - put a layer into the map
 * @chain: the chain; its layers have their bases
 * @index: the layer; all those before it are in the map
 * @map: an entry for each unit; zeros before the leaf, done after the last
 *
 * Only what the layers above leave open changes.  One that is in parts at the
 * leaf keeps the leaf's MiB; no other layer's would help.
 *
 * Context: any; takes a while.
 */
void vhdx_resolve_map(const struct vhdx_resolve *chain, u32 index, u32 *map)
{
	bool last = index == chain->count - 1;
	u32 unit;

	for (unit = 0; unit < chain->units; unit++) {
		if (!(map[unit] & VHDX_CORE_DECIDED))
			map[unit] = vhdx_resolve_map_unit(chain, index, unit);
		if (last)
			map[unit] &= ~VHDX_CORE_DECIDED;
		if (unit % SZ_64K == 0)
			vhdx_relax();
	}
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
