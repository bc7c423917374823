// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: tiles
 *
 * Where a block of a chain is in parts, a tile says for each sector of a MiB of
 * the disk which layer has it.  Tiles are made from the layers' sector bitmaps
 * when a read first needs them, and can be thrown away at any time: they are kept
 * under RCU, and a shrinker gives them back.
 *
 * Mostly the bits are equal for each 4 KiB; then one entry for each 4 KiB will do.
 *
 * A tile is made, and changed, under the publish mutex, as is the entry of its
 * block.  It may be newer than the entry that sent a reader here, so where the leaf
 * has the sectors its entry is looked at again.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "dm-vhdx.h"

#define VHDX_TILE_SECTORS	(1U << VHDX_MIB_SECTORS_SHIFT)
#define VHDX_TILE_COARSE	(12 - SECTOR_SHIFT)

/**
 * struct vhdx_tile - which layer has which sectors
 * @rcu: to free it
 * @shift: log2 of the 512-byte sectors of an entry
 * @layer: who has them, or VHDX_TILE_ZEROS
 */
struct vhdx_tile {
	struct rcu_head rcu;
	u8 shift;
	u16 layer[];
};

/* ------------------------------------------------------------------------
 * Keeping them
 */

static unsigned long vhdx_tiles_count(struct shrinker *shrinker,
				      struct shrink_control *control)
{
	struct vhdx_chain *chain = vhdx_shrinker_arg(shrinker);

	if (!chain)
		return SHRINK_EMPTY;
	/* data_race(): it is an estimate. */
	return data_race(chain->nr_tiles + chain->nr_bits) ?: SHRINK_EMPTY;
}

/* Take the tile at @index out.  The lock of the tiles is held. */
static void vhdx_tile_erase(struct vhdx_chain *chain, unsigned long index)
{
	struct vhdx_tile *tile = __xa_erase(&chain->tiles, index);

	if (!tile)
		return;
	WRITE_ONCE(chain->nr_tiles, chain->nr_tiles - 1);
	kfree_rcu(tile, rcu);
}

static unsigned long vhdx_tiles_scan(struct shrinker *shrinker,
				     struct shrink_control *control)
{
	struct vhdx_chain *chain = vhdx_shrinker_arg(shrinker);
	unsigned long freed = 0, index;

	if (!chain)
		return SHRINK_STOP;
	xa_lock(&chain->tiles);
	while (freed < control->nr_to_scan && chain->nr_tiles) {
		index = chain->cursor;
		if (!xa_find(&chain->tiles, &index, ULONG_MAX, XA_PRESENT)) {
			chain->cursor = 0;
			continue;
		}
		chain->cursor = index + 1;
		vhdx_tile_erase(chain, index);
		freed++;
	}
	xa_unlock(&chain->tiles);
	/* Who holds the mutex may be asking for this very memory. */
	if (freed < control->nr_to_scan && mutex_trylock(&chain->vt->publish)) {
		freed += vhdx_bits_shrink(chain, control->nr_to_scan - freed);
		mutex_unlock(&chain->vt->publish);
	}
	return freed ?: SHRINK_STOP;
}

/**
 * vhdx_tiles_init() - have no tiles yet
 * @chain: the chain
 *
 * Not at a resume: who reclaims memory holds what a shrinker is registered under,
 * and may be waiting for the disk that is to be resumed.
 *
 * Context: may sleep; constructor.
 * Return: 0 or -ENOMEM; call vhdx_tiles_exit() in both cases.
 */
int vhdx_tiles_init(struct vhdx_chain *chain)
{
	chain->scratch = kvzalloc(struct_size(chain->scratch, layer,
					      VHDX_TILE_SECTORS), GFP_KERNEL);
	if (!chain->scratch)
		return -ENOMEM;
	return vhdx_shrinker_init(&chain->shrinker, vhdx_tiles_count,
				  vhdx_tiles_scan, chain);
}

/**
 * vhdx_tiles_drop() - free them all
 * @chain: the chain
 *
 * Context: may sleep; nobody but the shrinker looks for any.
 */
void vhdx_tiles_drop(struct vhdx_chain *chain)
{
	struct vhdx_tile *tile;
	unsigned long index;

	xa_for_each(&chain->tiles, index, tile) {
		xa_lock(&chain->tiles);
		vhdx_tile_erase(chain, index);
		xa_unlock(&chain->tiles);
		cond_resched();
	}
}

/**
 * vhdx_tiles_exit() - undo vhdx_tiles_init()
 * @chain: the chain, without tiles; need not have been set up
 *
 * Context: may sleep.
 */
void vhdx_tiles_exit(struct vhdx_chain *chain)
{
	vhdx_shrinker_exit(&chain->shrinker);
	xa_destroy(&chain->tiles);
	kvfree(chain->scratch);
	chain->scratch = NULL;
}

/* Keep a copy of @tile if there is memory; the old one goes. */
static void vhdx_tile_keep(struct vhdx_chain *chain, unsigned long index,
			   struct vhdx_tile *tile)
{
	xa_lock(&chain->tiles);
	vhdx_tile_erase(chain, index);
	if (xa_is_err(__xa_store(&chain->tiles, index, tile,
				 GFP_NOWAIT | __GFP_NOWARN)))
		kfree(tile);
	else
		WRITE_ONCE(chain->nr_tiles, chain->nr_tiles + 1);
	xa_unlock(&chain->tiles);
	vhdx_stat_add(&chain->vt->stats, VHDX_STAT_TILES, 1);
}

/* ------------------------------------------------------------------------
 * Looking up
 */

/*
 * Where the sectors of @layer are.  If it is the leaf they may have been written
 * since somebody found the block in parts, and discarded after that.
 */
static void vhdx_tile_place(struct vhdx_target *vt, sector_t sector, u32 layer,
			    struct vhdx_route *route)
{
	const struct vhdx_source *source = &vt->chain->source[layer];
	sector_t mask = ((sector_t)1 << source->block_shift) - 1;
	u32 e;

	if (source->image->is_vhd) {
		vhd_chain_route(vt, sector, route->run, layer, route);
		return;
	}
	e = READ_ONCE(source->bat[sector >> source->block_shift]);
	route->image = vhdx_e_mib(e) ? source->image : NULL;
	route->sector = ((sector_t)vhdx_e_mib(e) << VHDX_MIB_SECTORS_SHIFT) +
			(sector & mask);
}

static void vhdx_tile_look(struct vhdx_target *vt, const struct vhdx_tile *tile,
			   sector_t sector, unsigned int sectors,
			   struct vhdx_route *route)
{
	u32 at = sector & (VHDX_TILE_SECTORS - 1), i = at >> tile->shift;
	u32 end = min(at + sectors, VHDX_TILE_SECTORS);
	/* Pairs with vhdx_tile_set(): the entry of the block comes first. */
	u16 layer = smp_load_acquire(&tile->layer[i]);

	/* A tile has several small blocks of a VHD image, and each its entry. */
	if (vt->image.is_vhd)
		end = min_t(u64, end, at + vhdx_block_mask(vt) + 1 -
				      (sector & vhdx_block_mask(vt)));
	while (++i << tile->shift < end)
		if (READ_ONCE(tile->layer[i]) != layer)
			break;
	route->run = min(i << tile->shift, end) - at;
	if (layer == VHDX_TILE_ZEROS)
		route->image = NULL;
	else
		vhdx_tile_place(vt, sector, layer, route);
}

/**
 * vhdx_tile_route() - look up where sectors of a block in parts come from
 * @vt: the target
 * @sector: of the disk
 * @sectors: how many are asked for
 * @route: result, no longer than the tile
 *
 * Context: any.  Where blocks can be freed the reader has a flight.
 * Return: false if there is no tile; vhdx_tile_make() makes one.
 */
bool vhdx_tile_route(struct vhdx_target *vt, sector_t sector,
		     unsigned int sectors, struct vhdx_route *route)
{
	const struct vhdx_tile *tile;

	rcu_read_lock();
	tile = xa_load(&vt->chain->tiles, sector >> VHDX_MIB_SECTORS_SHIFT);
	if (tile)
		vhdx_tile_look(vt, tile, sector, sectors, route);
	rcu_read_unlock();
	return tile;
}

/**
 * vhdx_tile_is_leaf() - are all of these sectors the leaf's?
 * @vt: the target
 * @sector: of the disk; its block is in parts
 * @sectors: within the block
 *
 * Context: any.
 * Return: true if so; false: not, or it is not known.
 */
bool vhdx_tile_is_leaf(struct vhdx_target *vt, sector_t sector,
		       unsigned int sectors)
{
	struct vhdx_route route;

	while (sectors) {
		if (!vhdx_tile_route(vt, sector, sectors, &route) ||
		    route.image != &vt->image)
			return false;
		sector += route.run;
		sectors -= route.run;
	}
	return true;
}

/* Sectors of one tile are the leaf's now. */
static void vhdx_tile_set_part(struct vhdx_chain *chain, unsigned long index,
			       u32 from, u32 to)
{
	struct vhdx_tile *tile;
	u32 i;

	xa_lock(&chain->tiles);
	tile = xa_load(&chain->tiles, index);
	if (tile && ((from | to) & ((1U << tile->shift) - 1)))
		vhdx_tile_erase(chain, index);
	else if (tile)
		for (i = from >> tile->shift; i < to >> tile->shift; i++)
			/* Pairs with vhdx_tile_look(). */
			smp_store_release(&tile->layer[i], 0);
	xa_unlock(&chain->tiles);
}

/**
 * vhdx_tile_set() - the leaf has these sectors from now on
 * @vt: the target
 * @sector: of the disk
 * @sectors: within the block
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_tile_set(struct vhdx_target *vt, sector_t sector,
		   unsigned int sectors)
{
	lockdep_assert_held(&vt->publish);
	while (sectors) {
		u32 from = sector & (VHDX_TILE_SECTORS - 1);
		u32 to = min(from + sectors, VHDX_TILE_SECTORS);

		vhdx_tile_set_part(vt->chain, sector >> VHDX_MIB_SECTORS_SHIFT,
				   from, to);
		sector += to - from;
		sectors -= to - from;
	}
}

/* ------------------------------------------------------------------------
 * Making them
 */

static u64 vhdx_tile_bits_off(struct vhdx_chain *chain,
			      const struct vhdx_part *part)
{
	struct vhdx_image *image = chain->source[part->layer].image;

	return ((u64)READ_ONCE(image->bitmap[part->place.chunk]) << 20) +
	       round_down(part->place.byte, VHDX_SECTOR);
}

/* The leaf's bits are in core, or what was read is as good. */
static void *vhdx_tile_leaf_bits(struct vhdx_chain *chain, u64 off)
{
	struct vhdx_bits *bits = vhdx_bits_find(chain, off);

	if (bits)
		return bits->data;
	return chain->bits_off[0] == off &&
	       chain->leaf_gone == chain->bits_gone ? chain->bits : NULL;
}

static bool vhdx_tile_leaf_there(struct vhdx_chain *chain, u64 off)
{
	bool there;

	mutex_lock(&chain->vt->publish);
	there = vhdx_tile_leaf_bits(chain, off);
	/* What was read before may be too old from now on. */
	if (chain->leaf_gone != chain->bits_gone)
		chain->bits_off[0] = 0;
	chain->leaf_gone = chain->bits_gone;
	mutex_unlock(&chain->vt->publish);
	return there;
}

/* Read a layer's bits for its part of a tile. */
static int vhdx_tile_read_bits(struct vhdx_chain *chain,
			       const struct vhdx_part *part)
{
	u64 off = vhdx_tile_bits_off(chain, part);
	u32 layer = part->layer;
	int r;

	/* The tile before was near, most of the time. */
	if (!layer && !chain->vt->read_only) {
		if (vhdx_tile_leaf_there(chain, off))
			return 0;
	} else if (chain->bits_off[layer] == off) {
		return 0;
	}
	chain->bits_off[layer] = 0;
	r = vhdx_image_read(chain->source[layer].image, off,
			    chain->bits + (size_t)layer * VHDX_SECTOR,
			    VHDX_SECTOR);
	if (!r)
		chain->bits_off[layer] = off;
	return r;
}

/*
 * What cannot be read of the leaf may be about any sector; a parent's tells nothing of
 * those that layers above it have.
 */
static int vhdx_tile_read(struct vhdx_chain *chain, u32 unit)
{
	u32 count = vhdx_resolve_unit(&chain->resolve, unit, chain->part), i;
	int r = 0;

	chain->bad_layer = 0;
	for (i = 0; !r && i < count; i++) {
		if (chain->part[i].kind != VHDX_PART_BITS)
			continue;
		r = vhdx_tile_read_bits(chain, &chain->part[i]);
		if (r)
			chain->bad_layer = chain->part[i].layer;
	}
	return r;
}

/*
 * The parts with their bits, which were read before.  Returns 0 if the leaf's have
 * changed meanwhile.  A layer whose bits could not be read has all that is left.
 */
static u32 vhdx_tile_parts(struct vhdx_chain *chain, u32 unit)
{
	u32 count = vhdx_resolve_unit(&chain->resolve, unit, chain->part), i;

	lockdep_assert_held(&chain->vt->publish);
	for (i = 0; i < count; i++) {
		struct vhdx_part *part = &chain->part[i];
		void *bits = chain->bits + (size_t)part->layer * VHDX_SECTOR;
		u64 off;

		if (part->kind != VHDX_PART_BITS)
			continue;
		if (part->layer && part->layer == chain->bad_layer) {
			part->kind = VHDX_PART_DATA;
			return i + 1;
		}
		off = vhdx_tile_bits_off(chain, part);
		if (!part->layer && !chain->vt->read_only)
			bits = vhdx_tile_leaf_bits(chain, off);
		else if (chain->bits_off[part->layer] != off)
			bits = NULL;
		if (!bits)
			return 0;
		part->bits = bits + part->place.byte % VHDX_SECTOR;
	}
	return count;
}

/* Who has the sectors of a run. */
static u16 vhdx_tile_who(const struct vhdx_chain *chain,
			 const struct vhdx_run *run)
{
	if (!run->data)
		return VHDX_TILE_ZEROS;
	return run->layer && run->layer == chain->bad_layer ? VHDX_TILE_BAD :
							      run->layer;
}

/* Fill the scratch; returns whether an entry for each 4 KiB will do. */
static bool vhdx_tile_fill(struct vhdx_chain *chain, u32 unit, u32 count)
{
	u32 bytes = vhdx_resolve_bytes(&chain->resolve, unit), at, i;
	struct vhdx_run run;
	bool coarse = true;

	for (at = 0; at < bytes; at = run.end) {
		vhdx_resolve_run(&chain->resolve, unit, chain->part, count, at,
				 &run);
		for (i = at >> SECTOR_SHIFT; i < run.end >> SECTOR_SHIFT; i++)
			chain->scratch->layer[i] = vhdx_tile_who(chain, &run);
		coarse &= run.end % SZ_4K == 0 || run.end == bytes;
	}
	/* What is behind the end of the disk nobody asks for. */
	for (i = bytes >> SECTOR_SHIFT; i < VHDX_TILE_SECTORS; i++)
		chain->scratch->layer[i] = VHDX_TILE_ZEROS;
	return coarse;
}

static struct vhdx_tile *vhdx_tile_copy(struct vhdx_chain *chain, bool coarse)
{
	u8 shift = coarse ? VHDX_TILE_COARSE : 0;
	u32 n = VHDX_TILE_SECTORS >> shift, i;
	struct vhdx_tile *tile = kmalloc(struct_size(tile, layer, n),
					 GFP_NOWAIT | __GFP_NOWARN);

	if (!tile)
		return NULL;
	tile->shift = shift;
	for (i = 0; i < n; i++)
		tile->layer[i] = chain->scratch->layer[i << shift];
	return tile;
}

/* Is it alike for each 4 KiB? */
static bool vhdx_tile_is_coarse(const struct vhdx_tile *tile)
{
	u32 i;

	for (i = 0; i < VHDX_TILE_SECTORS; i++)
		if (tile->layer[i] !=
		    tile->layer[round_down(i, 1U << VHDX_TILE_COARSE)])
			return false;
	return true;
}

/*
 * Of a VHD image.  Several of its blocks may be in a tile, each with a bitmap: what
 * one that cannot be read tells is lacking, and such a tile is not kept.
 */
static int vhd_tile_make(struct vhdx_target *vt, u32 unit)
{
	struct vhdx_chain *chain = vt->chain;
	struct vhdx_tile *tile = NULL;
	int r;

	for (;;) {
		r = vhd_chain_fill(chain, unit, chain->scratch->layer);
		mutex_lock(&vt->publish);
		if (vhd_chain_add_core(vt, unit, chain->scratch->layer))
			break;
		mutex_unlock(&vt->publish);
	}
	if (!r && !vhd_chain_settle(vt, unit))
		tile = vhdx_tile_copy(chain, vhdx_tile_is_coarse(chain->scratch));
	if (tile)
		vhdx_tile_keep(chain, unit, tile);
	mutex_unlock(&vt->publish);
	return r;
}

/* Of a VHDX image.  One that lacks something is not kept, either. */
static int vhdx_tile_make_unit(struct vhdx_target *vt, u32 unit)
{
	struct vhdx_chain *chain = vt->chain;
	struct vhdx_tile *tile = NULL;
	u32 count, i;
	bool coarse;
	int r;

	do {
		r = vhdx_tile_read(chain, unit);
		if (r && !chain->bad_layer) {
			for (i = 0; i < VHDX_TILE_SECTORS; i++)
				chain->scratch->layer[i] = VHDX_TILE_BAD;
			return r;
		}
		mutex_lock(&vt->publish);
		count = vhdx_tile_parts(chain, unit);
		if (count) {
			coarse = vhdx_tile_fill(chain, unit, count);
			if (!r)
				tile = vhdx_tile_copy(chain, coarse);
		}
		if (tile)
			vhdx_tile_keep(chain, unit, tile);
		mutex_unlock(&vt->publish);
	} while (!count);
	return r;
}

/**
 * vhdx_tile_make() - make the tile of a sector, and look it up
 * @vt: the target
 * @sector: of the disk; its block is in parts
 * @sectors: how many are asked for
 * @route: result, as for vhdx_tile_route()
 *
 * The tile is kept if there is memory for it, and nothing of it is bad.
 *
 * Context: may sleep; read work.
 * Return: 0 or a negative errno.
 */
int vhdx_tile_make(struct vhdx_target *vt, sector_t sector,
		   unsigned int sectors, struct vhdx_route *route)
{
	u32 unit = sector >> VHDX_MIB_SECTORS_SHIFT;
	struct vhdx_chain *chain = vt->chain;
	int r;

	r = vt->image.is_vhd ? vhd_tile_make(vt, unit) :
			       vhdx_tile_make_unit(vt, unit);
	if (r && chain->scratch->layer[sector & (VHDX_TILE_SECTORS - 1)] ==
		 VHDX_TILE_BAD)
		return r;
	vhdx_tile_look(vt, chain->scratch, sector, sectors, route);
	return 0;
}
