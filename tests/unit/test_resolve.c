// SPDX-License-Identifier: GPL-2.0
/* vhdx-resolve.c against a model that asks one sector of one layer at a time. */
#include "test.h"
#include "vhdx-resolve.h"

#define MAX_LAYERS	8
#define MAX_BLOCKS	32

/**
 * struct layer - a layer as the model sees it
 * @sectors: of its disk
 * @block: sectors of a block
 * @state: of each block
 * @mib: where each block is
 * @bits: all of its first bitmap that its disk may need
 */
struct layer {
	u64 sectors;
	u64 block;
	u8 state[MAX_BLOCKS];
	u32 mib[MAX_BLOCKS];
	u8 *bits;
};

static struct layer model[MAX_LAYERS];
static struct vhdx_resolve_layer layers[MAX_LAYERS];
static struct vhdx_resolve chain;
static u32 sector_bytes;
static u32 told_in_parts;

/* Which layer has @sector, and where: false if it reads as zeros. */
static bool naive(u32 index, u64 sector, u32 *layer, u64 *off)
{
	const struct layer *l = &model[index];
	u64 block = sector / l->block;

	if (sector >= l->sectors)
		return false;
	switch (l->state[block]) {
	case 7:
		if (!(l->bits[sector / 8] >> sector % 8 & 1))
			break;
		/* fall through */
	case 6:
		*layer = index;
		*off = MIB(l->mib[block]) + sector % l->block * sector_bytes;
		return true;
	case 0:
		break;
	default:
		return false;
	}
	return index + 1 < chain.count && naive(index + 1, sector, layer, off);
}

static void make_bits(struct layer *l, u64 bytes)
{
	u64 i, run;

	l->bits = calloc(bytes, 1);
	for (i = 0; i < bytes; i += run) {
		run = 1 + random_below(random_below(2) ? 4 : 300);
		run = min_t(u64, run, bytes - i);
		switch (random_below(4)) {
		case 0:
			memset(l->bits + i, 0xff, run);
			break;
		case 1:
			l->bits[i] = random_below(256);
			break;
		}
	}
}

static void make_layer(u32 index, u32 max_sectors)
{
	static const u8 states[] = { 0, 0, 0, 7, 7, 6, 1, 2, 3 };
	struct vhdx_resolve_layer *layer = &layers[index];
	struct vhdx_meta meta = { .logical_bytes = sector_bytes,
				  .block_bytes = MIB(1 << random_below(3)),
				  .has_parent = index + 1 < chain.count };
	struct layer *l = &model[index];
	u32 b, *bat, mib = 3;

	l->sectors = 1 + random_below(max_sectors);
	if (random_below(2))
		l->sectors = max_sectors;
	l->block = meta.block_bytes / sector_bytes;
	meta.disk_bytes = l->sectors * sector_bytes;
	vhdx_geometry_init(&layer->geo, &meta);
	bat = calloc(layer->geo.blocks, sizeof(*bat));
	for (b = 0; b < layer->geo.blocks; b++) {
		l->state[b] = states[random_below(sizeof(states))];
		if (!meta.has_parent && l->state[b] == 7)
			l->state[b] = 6;
		l->mib[b] = 0;
		if (l->state[b] >= 6) {
			l->mib[b] = mib;
			mib += meta.block_bytes >> 20;
		}
		/* With what is not to count: an anchor, and the caller's bit. */
		bat[b] = VHDX_CORE(l->state[b], l->state[b] % 2 && l->state[b] < 6 ?
				   77 : l->mib[b]) | (random_below(2) ? 8 : 0);
	}
	layer->bat = bat;
	layer->end_mib = mib;
	make_bits(l, layer->geo.blocks * l->block / 8);
}

static void free_layers(void)
{
	u32 i;

	for (i = 0; i < chain.count; i++) {
		free((void *)layers[i].bat);
		free(model[i].bits);
	}
}

/* Its parts say the same as the model, sector by sector, once each. */
static void check_unit(u32 unit)
{
	struct vhdx_part *part = calloc(chain.count, sizeof(*part));
	u32 count = vhdx_resolve_unit(&chain, unit, part), i, at, layer = 0;
	u64 start = (u64)unit << chain.unit_shift, off = 0;
	struct vhdx_run run;

	assert_in_range(count, 1, chain.count);
	for (i = 0; i < count; i++) {
		u8 *bits;

		assert_true(part[i].end <= (i ? part[i - 1].end :
					    vhdx_resolve_bytes(&chain, unit)));
		if (part[i].kind != VHDX_PART_BITS)
			continue;
		/* No more than what was asked for. */
		assert_int_equal(part[i].place.chunk, 0);
		bits = malloc(part[i].place.bytes);
		memcpy(bits, model[part[i].layer].bits + part[i].place.byte,
		       part[i].place.bytes);
		part[i].bits = bits;
	}
	for (at = 0; at < vhdx_resolve_bytes(&chain, unit);) {
		vhdx_resolve_run(&chain, unit, part, count, at, &run);
		assert_true(run.end > at);
		assert_true(run.end <= vhdx_resolve_bytes(&chain, unit));
		for (i = 0; at < run.end; at += sector_bytes, i++) {
			bool data = naive(0, (start + at) / sector_bytes, &layer,
					  &off);

			assert_int_equal(run.data, data);
			if (!data)
				continue;
			assert_int_equal(run.layer, layer);
			assert_int_equal(run.off + i * sector_bytes, off);
		}
		assert_int_equal(at, run.end);
	}
	for (i = 0; i < count; i++)
		free((void *)part[i].bits);
	free(part);
}

/* Where a sector is, as an entry would have it: 0 if there are zeros. */
static u32 naive_mib(u64 sector)
{
	u32 layer = 0;
	u64 off = 0;

	if (!naive(0, sector, &layer, &off))
		return 0;
	off -= sector * sector_bytes & (MIB(1) - 1);
	return off & (MIB(1) - 1) ? ~0U : (off >> 20) + layers[layer].base_mib;
}

/* An entry of the map tells the truth of each sector, or that it cannot. */
static bool check_entry(u32 block, u32 e, const u8 *segment)
{
	u32 own = model[0].state[block], sectors = model[0].block, at, mib;
	u64 first = (u64)block * sectors, end = first + sectors;
	bool parent = VHDX_CORE_STATE(e) == VHDX_CORE_PARENT, uniform = true;

	if (own) {
		/* What the leaf says of a block stays to be seen. */
		assert_int_equal(e, layers[0].bat[block]);
		return own != VHDX_BLOCK_PARTIAL;
	}
	if (end > chain.disk_bytes / sector_bytes)
		end = chain.disk_bytes / sector_bytes;
	mib = naive_mib(first);
	for (at = 0; first + at < end; at++) {
		u32 here = naive_mib(first + at), want;

		want = mib ? mib + (u32)((u64)at * sector_bytes >> 20) : 0;
		uniform &= here == want;
		if (VHDX_CORE_STATE(e) == VHDX_BLOCK_PARTIAL)
			continue;
		assert_true(parent || !e);
		assert_int_equal(here, VHDX_CORE_MIB(e) + (e ? (u64)at * sector_bytes >> 20 : 0));
		if (parent)
			assert_int_not_equal(segment[here >> VHDX_SEGMENT_SHIFT], 0);
	}
	if (VHDX_CORE_STATE(e) != VHDX_BLOCK_PARTIAL)
		return true;
	/* It might yet be whole: bits that are all equal. */
	assert_int_equal(VHDX_CORE_MIB(e), 0);
	told_in_parts += uniform;
	return false;
}

/* The map may stand where the leaf's BAT was. */
static void check_map(const u8 *segment, u32 *told, u32 *parts)
{
	u32 blocks = layers[0].geo.blocks, i;
	u32 *map = calloc(blocks, sizeof(*map));
	const u32 *bat = layers[0].bat;

	for (i = 0; i < blocks; i++) {
		map[i] = vhdx_resolve_block(&chain, i);
		if (check_entry(i, map[i], segment))
			++*told;
		else
			++*parts;
	}
	layers[0].bat = map;
	for (i = 0; i < blocks; i++)
		assert_int_equal(vhdx_resolve_block(&chain, i), map[i]);
	for (i = 0; i < chain.units; i++)
		check_unit(i);
	layers[0].bat = bat;
	free(map);
}

static void random_chains(void **state)
{
	u64 seed = seed_of_run();
	u8 segment[VHDX_SEGMENTS];
	u32 round, i, told = 0, parts = 0;

	random_seed(seed);
	for (round = 0; round < 60; round++) {
		u32 max, limit;

		sector_bytes = random_below(2) ? 512 : 4096;
		max = MIB(1 + random_below(10)) / sector_bytes;
		chain.count = 1 + random_below(MAX_LAYERS);
		for (i = 0; i < chain.count; i++)
			make_layer(i, max + random_below(3));
		assert_ok(vhdx_resolve_init(&chain, layers, chain.count));
		assert_int_equal(chain.disk_bytes, layers[0].geo.disk_bytes);
		assert_ok(vhdx_resolve_segments(&chain, segment, &limit));
		check_map(segment, &told, &parts);
		for (i = 0; i < chain.units; i++)
			check_unit(i);
		/* Units may be smaller than any block. */
		vhdx_resolve_units(&chain, 20);
		for (i = 0; i < chain.units; i++)
			check_unit(i);
		free_layers();
	}
	/* Both happen, and not for nothing. */
	assert_true(told > 20 && parts > 20);
	assert_true(told_in_parts < parts / 2);
}

/* A layer that cannot be told by an entry only because it ends there. */
static void ends(void **state)
{
	u32 leaf_bat[2] = { 0, 0 }, base_bat[2] = { VHDX_CORE(6, 5), VHDX_CORE(6, 9) };
	u8 segment[VHDX_SEGMENTS];
	struct vhdx_resolve_layer two[2] = { { .bat = leaf_bat, .end_mib = 4 },
					     { .bat = base_bat, .end_mib = 10 } };
	struct vhdx_meta meta = { .block_bytes = MIB(1), .disk_bytes = MIB(2),
				  .logical_bytes = 512, .has_parent = true };
	u32 limit;

	vhdx_geometry_init(&two[0].geo, &meta);
	meta.disk_bytes -= 512;
	meta.has_parent = false;
	vhdx_geometry_init(&two[1].geo, &meta);
	assert_ok(vhdx_resolve_init(&chain, two, 2));
	assert_ok(vhdx_resolve_segments(&chain, segment, &limit));
	assert_int_equal(VHDX_CORE_STATE(vhdx_resolve_block(&chain, 0)), VHDX_CORE_PARENT);
	assert_int_equal(VHDX_CORE_STATE(vhdx_resolve_block(&chain, 1)), VHDX_BLOCK_PARTIAL);
	/* With nothing in it there are zeros in front of its end and behind. */
	base_bat[1] = 0;
	assert_int_equal(vhdx_resolve_block(&chain, 1), 0);
	base_bat[1] = VHDX_CORE(6, 9);
	/* Of the leaf's own size it is whole: nobody can ask for the rest. */
	two[0].geo = two[1].geo;
	assert_ok(vhdx_resolve_init(&chain, two, 2));
	assert_int_equal(VHDX_CORE_STATE(vhdx_resolve_block(&chain, 1)), VHDX_CORE_PARENT);
}

/* The joint space: 4096 segments, the leaf from 0, parents from the top. */
static void segments(void **state)
{
	u8 segment[VHDX_SEGMENTS];
	struct vhdx_resolve_layer three[3] = {
		{ .end_mib = 100 }, { .end_mib = 65536 }, { .end_mib = 65537 },
	};
	struct vhdx_resolve joint = { .layer = three, .count = 3 };
	u32 limit, i;

	assert_ok(vhdx_resolve_segments(&joint, segment, &limit));
	assert_int_equal(three[0].base_mib, 0);
	assert_int_equal(three[1].base_mib, 4095 * 65536U);
	assert_int_equal(three[2].base_mib, 4093 * 65536U);
	assert_int_equal(limit, 4093 * 65536U);
	for (i = 0; i < VHDX_SEGMENTS; i++)
		assert_int_equal(segment[i], i == 4095 ? 1 : i >= 4093 ? 2 : 0);

	three[0].end_mib = limit;
	assert_ok(vhdx_resolve_segments(&joint, segment, &limit));
	three[0].end_mib = limit + 1;
	assert_fault(vhdx_resolve_segments(&joint, segment, &limit), CHAIN_SPACE);
	three[0].end_mib = 1;
	three[2].end_mib = (1U << 28) - 65536;
	assert_fault(vhdx_resolve_segments(&joint, segment, &limit), CHAIN_SPACE);
	three[2].end_mib -= 65536;
	assert_ok(vhdx_resolve_segments(&joint, segment, &limit));
	assert_int_equal(limit, 65536);
	three[2].end_mib = ~0U;
	assert_fault(vhdx_resolve_segments(&joint, segment, &limit), CHAIN_SPACE);
}

/* Case 51. */
static void faults(void **state)
{
	struct vhdx_resolve_layer *many = calloc(257, sizeof(*many));
	struct vhdx_meta meta = { .block_bytes = MIB(2), .disk_bytes = MIB(2),
				  .logical_bytes = 512 };
	u8 segment[VHDX_SEGMENTS];
	u32 i, limit;

	for (i = 0; i < 257; i++) {
		vhdx_geometry_init(&many[i].geo, &meta);
		many[i].end_mib = 4;
	}
	assert_ok(vhdx_resolve_init(&chain, many, 256));
	assert_ok(vhdx_resolve_segments(&chain, segment, &limit));
	assert_int_equal(segment[VHDX_SEGMENTS - 255], 255);
	assert_fault(vhdx_resolve_init(&chain, many, 257), CHAIN_DEEP);
	meta.logical_bytes = 4096;
	vhdx_geometry_init(&many[3].geo, &meta);
	assert_ok(vhdx_resolve_init(&chain, many, 3));
	assert_fault(vhdx_resolve_init(&chain, many, 4), CHAIN_SECTOR);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chains),
		cmocka_unit_test(ends),
		cmocka_unit_test(segments),
		cmocka_unit_test(faults),
	};

	return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
