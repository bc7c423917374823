// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-resolve.c and vhdx-bitmap.c: chains made of what the BAT's place holds,
 * against the question who has a sector, asked one layer after the other.
 */
#include <stdlib.h>

#include "fuzz.h"
#include "vhdx-resolve.h"

const mutate_focus fuzz_focus = {
	[MUTATE_BAT] = 10, [MUTATE_RAW] = 4, [MUTATE_SIZE] = 1,
};

#define BAT_OFF		(3ULL * SZ_1M)		/* where the seeds have it */
#define BITS_OFF	(4ULL * SZ_1M)
#define MAX_LAYERS	6
#define MAX_BLOCKS	64
#define PROBES		200			/* sectors asked of each unit */

/**
 * struct layers - a chain in the making
 * @chain: the chain
 * @layer: its layers
 * @bat: their BATs
 * @bits: a bitmap that all of them share
 */
struct layers {
	struct vhdx_resolve chain;
	struct vhdx_resolve_layer layer[MAX_LAYERS];
	u32 bat[MAX_LAYERS][MAX_BLOCKS];
	u8 bits[VHDX_BITMAP_BYTES];
};

static u64 field(const struct sparse *image, u64 off)
{
	__le64 le64;

	sparse_read(image, off, &le64, 8);
	return le64_to_cpu(le64);
}

static void make_layer(struct layers *l, const struct sparse *image, u32 index,
		       u32 count)
{
	u64 at = BAT_OFF + index * (MAX_BLOCKS + 2) * 8, size = field(image, at);
	u32 sector = image->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
	struct vhdx_meta meta = {
		.block_bytes = SZ_1M << field(image, at + 8) % 9,
		.logical_bytes = sector,
		.has_parent = index + 1 < count,
	};
	struct vhdx_resolve_layer *layer = &l->layer[index];
	struct vhdx_bat_entry entry;
	u32 b;

	meta.disk_bytes = (1 + (size >> 3) % (meta.block_bytes / sector *
					      (u64)MAX_BLOCKS)) * sector;
	if (size & 1)		/* as it nearly always is: all of a size */
		meta.disk_bytes = min_t(u64, 6 * SZ_1M, meta.disk_bytes);
	vhdx_geometry_init(&layer->geo, &meta);
	MUST(layer->geo.blocks <= MAX_BLOCKS);
	for (b = 0; b < layer->geo.blocks; b++) {
		int r = vhdx_bat_decode_payload(&layer->geo, b,
						field(image, at + 16 + b * 8),
						1ULL << 46, true, &entry);

		must_be_result(r);
		if (r)
			continue;
		if (!vhdx_block_present(entry.state))
			entry.mib = 0;
		l->bat[index][b] = VHDX_CORE(entry.state, entry.mib);
		layer->end_mib = max_t(u32, layer->end_mib, entry.mib +
				       vhdx_block_mib(&layer->geo));
	}
	layer->bat = l->bat[index];
}

/* Who has byte @off of the disk; the layer, or -1 for zeros. */
static int naive(const struct layers *l, u64 off, u64 *where)
{
	u32 i;

	for (i = 0; i < l->chain.count; i++) {
		const struct vhdx_geometry *geo = &l->layer[i].geo;
		u64 sector = off >> geo->sector_shift;
		u32 e;

		if (off >= geo->disk_bytes)
			return -1;
		e = l->bat[i][off >> geo->block_shift];
		*where = ((u64)(e >> 4) << 20) +
			 (off & ((1ULL << geo->block_shift) - 1));
		sector %= VHDX_CHUNK_SECTORS;
		if ((e & 7) == 6 ||
		    ((e & 7) == 7 && l->bits[sector / 8] & 1 << sector % 8))
			return i;
		if ((e & 7) && (e & 7) != 7)
			return -1;
	}
	return -1;
}

static void check_run(const struct layers *l, u64 start, u32 at,
		      const struct vhdx_run *run, u32 step)
{
	u64 where = 0;
	u32 i;

	for (i = at; i < run->end; i += step) {
		int layer = naive(l, start + i, &where);

		MUST(run->data == (layer >= 0));
		if (run->data)
			MUST(run->layer == (u32)layer &&
			     run->off + (i - at) == where);
	}
}

static void check_unit(const struct layers *l, u32 unit)
{
	const struct vhdx_resolve *chain = &l->chain;
	u32 bytes = vhdx_resolve_bytes(chain, unit), at, i, runs = 0;
	u32 sector = 1U << l->layer[0].geo.sector_shift;
	struct vhdx_part part[MAX_LAYERS];
	u32 count = vhdx_resolve_unit(chain, unit, part);
	u32 step = max_t(u32, bytes / PROBES / sector, 1) * sector;
	struct vhdx_run run;

	MUST(count && count <= chain->count);
	for (i = 0; i < count; i++)
		if (part[i].kind == VHDX_PART_BITS) {
			MUST(part[i].place.byte + part[i].place.bytes <=
			     VHDX_BITMAP_BYTES);
			part[i].bits = l->bits + part[i].place.byte;
		}
	for (at = 0; at < bytes && runs < 1000; at = run.end, runs++) {
		vhdx_resolve_run(chain, unit, part, count, at, &run);
		MUST(run.end > at && run.end <= bytes && run.end % sector == 0);
		check_run(l, (u64)unit << chain->unit_shift, at, &run,
			  runs < 50 ? step : bytes);
	}
}

/* Of each block of the leaf the first sector, and one in the middle. */
static void check_map(struct layers *l, const u8 *segment)
{
	const struct vhdx_resolve *chain = &l->chain;
	const struct vhdx_geometry *geo = &l->layer->geo;
	u64 off, where = 0;
	u32 block, e, i;
	int layer;

	for (block = 0; block < geo->blocks; block++) {
		e = vhdx_resolve_block(chain, block);
		for (i = 0; i < 2; i++) {
			u64 within = i ? 1ULL << (geo->block_shift - 1) : 0;

			off = ((u64)block << geo->block_shift) + within;
			if (off >= chain->disk_bytes)
				continue;
			layer = naive(l, off, &where);
			switch (VHDX_CORE_STATE(e)) {
			case VHDX_BLOCK_PARTIAL:
				break;
			case VHDX_BLOCK_FULL:
			case VHDX_CORE_PARENT:
				MUST(layer == segment[VHDX_CORE_MIB(e) >> VHDX_SEGMENT_SHIFT]);
				MUST(where == ((u64)(VHDX_CORE_MIB(e) - l->layer[layer].base_mib) << 20) + within);
				break;
			default:
				MUST(layer < 0 && !VHDX_CORE_MIB(e));
			}
		}
	}
}

void fuzz_one(const struct sparse *image)
{
	u32 count = 1 + field(image, BITS_OFF) % MAX_LAYERS, i, limit;
	struct layers *l = calloc(1, sizeof(*l));
	u8 segment[VHDX_SEGMENTS];
	int r;

	for (i = 0; i < count; i++)
		make_layer(l, image, i, count);
	sparse_read(image, BITS_OFF, l->bits, sizeof(l->bits));
	MUST(!vhdx_resolve_init(&l->chain, l->layer, count));
	MUST((u64)l->chain.units << l->chain.unit_shift >= l->chain.disk_bytes);
	for (i = 0; i < l->chain.units; i += 1 + l->chain.units / 64)
		check_unit(l, i);
	r = vhdx_resolve_segments(&l->chain, segment, &limit);
	must_be_result(r);
	if (!r)
		check_map(l, segment);
	free(l);
}
