// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: chains of VHD images
 *
 * As with VHDX the map has an entry for each block of the leaf, and where that is
 * in parts a tile tells (dm-vhdx-tile.c).  But which sectors a block has is known
 * only once its bitmap was read, and the bitmaps of an image are all over it.  So at
 * first a block that any layer has some of is in parts.  Whoever makes a tile of it
 * finds out whether one layer has all of it, and then the map says so.
 *
 * Bits are only ever set, so what was found stays true.
 *
 * Here an entry's MiB are something else: that of a block full in a parent is the
 * layer's number, that of one which the leaf has, or has some of, is 1.
 */
#include <linux/bitmap.h>
#include <linux/sched/signal.h>

#include "dm-vhdx.h"

/* What a layer has of a part of the disk. */
enum vhd_share {
	VHD_SHARE_NONE,
	VHD_SHARE_SOME,		/* or all, for all that is known */
	VHD_SHARE_ALL,
};

/**
 * vhd_chain_check_link() - is one image the parent of another?
 * @child: loaded
 * @parent: likewise
 *
 * Context: any.
 * Return: 0 or a fault; then the kernel log has both identities.
 */
int vhd_chain_check_link(struct vhdx_image *child, struct vhdx_image *parent)
{
	const struct vhd_layout *below = &parent->vhd->layout;
	int r = vhd_load_check_parent(&child->vhd->layout, below);

	if (r)
		DMERR("%pg: the UniqueId of its parent is to be %pUb, that of %pg is %pUb",
		      child->backing.bdev, &child->vhd->layout.header.parent_id,
		      parent->backing.bdev, &below->footer.id);
	return r;
}

/* ------------------------------------------------------------------------
 * The map
 */

static bool vhd_block_has_place(const struct vhdx_image *image, u32 block)
{
	return !image->vhd->place || READ_ONCE(image->vhd->place[block]);
}

static bool vhd_block_is_full(const struct vhdx_image *image, u32 block)
{
	return !image->vhd->full || test_bit(block, image->vhd->full);
}

/* What @image has from @start to @end, which is part of its disk; in sectors. */
static enum vhd_share vhd_image_share(const struct vhdx_image *image,
				      sector_t start, sector_t end)
{
	u8 shift = image->layout.geo.block_shift - SECTOR_SHIFT;
	u32 block = start >> shift, last = (end - 1) >> shift;

	if (block == last && vhd_block_has_place(image, block) &&
	    vhd_block_is_full(image, block))
		return VHD_SHARE_ALL;
	for (; block <= last; block++)
		if (vhd_block_has_place(image, block))
			return VHD_SHARE_SOME;
	return VHD_SHARE_NONE;
}

/* What a block of the leaf spans, in sectors. */
static void vhd_chain_span(const struct vhdx_target *vt, u32 block,
			   sector_t *start, sector_t *end)
{
	*start = (sector_t)block << vt->block_shift;
	*end = min(*start + vhdx_block_mask(vt) + 1, vt->ti->len);
}

/*
 * The entry of a block that the leaf has nothing of, by all that is known.  It may
 * take a look at many blocks of many parents, so nobody is to wait for it.
 */
static u32 vhd_chain_below(const struct vhdx_target *vt, u32 block)
{
	const struct vhdx_chain *chain = vt->chain;
	sector_t start, end;
	u32 i;

	vhd_chain_span(vt, block, &start, &end);
	for (i = 1; i <= chain->nr_parents; i++) {
		const struct vhdx_image *image = chain->source[i].image;
		sector_t disk = image->layout.geo.disk_bytes >> SECTOR_SHIFT;
		enum vhd_share share;

		/* Past its end there are zeros, whatever is below. */
		if (start >= disk)
			return 0;
		share = vhd_image_share(image, start, min(end, disk));
		if (share == VHD_SHARE_NONE && end <= disk) {
			cond_resched();
			continue;
		}
		if (share != VHD_SHARE_ALL || end > disk)
			return vhdx_e_make(VHDX_BLOCK_PARTIAL, 0);
		return vhdx_e_make(VHDX_CORE_PARENT, i);
	}
	return 0;
}

/* The entry of a block of the leaf; @below is what parents have. */
static u32 vhd_chain_entry(const struct vhdx_target *vt, u32 block, u32 below)
{
	sector_t start, end;
	enum vhd_share share;

	vhd_chain_span(vt, block, &start, &end);
	share = vhd_image_share(&vt->image, start, end);
	if (share == VHD_SHARE_NONE)
		return below;
	return vhdx_e_make(share == VHD_SHARE_ALL ? VHDX_BLOCK_FULL :
			   VHDX_BLOCK_PARTIAL, 1);
}

/* The entries of blocks from @block to @end: of millions that nobody has, in a new disk. */
static void vhd_chain_map_blocks(struct vhdx_target *vt, u32 block, u32 end)
{
	const u32 *place = vt->image.vhd->place;
	bool parents = vt->chain->nr_parents;
	u32 *bat = vt->image.bat;

	for (; block < end; block++) {
		if (!place || place[block])
			bat[block] = vhd_chain_entry(vt, block, 0);
		else if (parents)
			bat[block] = vhd_chain_below(vt, block);
	}
}

/**
 * vhd_chain_map() - make the map of a chain
 * @vt: the target; its image and parents are loaded
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno.
 */
int vhd_chain_map(struct vhdx_target *vt)
{
	u32 blocks = vt->image.layout.geo.blocks, block, end;
	/* A large block may take a look at many small ones of its parents. */
	u32 step = max_t(u32, SZ_16M >> vt->image.layout.geo.block_shift, 1);

	vhdx_set_block_shift(vt, vt->image.layout.geo.block_shift - SECTOR_SHIFT);
	/* Zeros, as is the entry of a block that nobody has. */
	vt->image.bat = vhdx_image_alloc(blocks, sizeof(u32));
	if (!vt->image.bat)
		return -ENOMEM;
	for (block = 0; block < blocks; block = end) {
		end = min(block + step, blocks);
		vhd_chain_map_blocks(vt, block, end);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * vhd_chain_route() - where do sectors lie that a layer has?
 * @vt: the target
 * @sector: of the disk
 * @sectors: how many are asked for
 * @layer: who has them
 * @route: result, no longer than the layer's block
 *
 * Context: any.
 */
void vhd_chain_route(const struct vhdx_target *vt, sector_t sector,
		     unsigned int sectors, u32 layer, struct vhdx_route *route)
{
	const struct vhdx_source *source = &vt->chain->source[layer];
	const struct vhd_image *vhd = source->image->vhd;
	sector_t size = (sector_t)1 << source->block_shift;
	sector_t within = sector & (size - 1);

	route->image = source->image;
	route->sector = sector;
	if (vhd->place)
		route->sector = READ_ONCE(vhd->place[sector >> source->block_shift]) +
				(sector_t)vhd->layout.geo.bitmap_sectors + within;
	route->run = min_t(sector_t, sectors, size - within);
}

/* ------------------------------------------------------------------------
 * Tiles
 */

/*
 * The sector with the bit of @sector, of a block that a layer has; in core until
 * the layer's next one is read.
 */
static const u8 *vhd_layer_bits(struct vhdx_chain *chain, u32 layer, u32 block,
				u32 within)
{
	struct vhdx_image *image = chain->source[layer].image;
	const struct vhd_geometry *geo = &image->vhd->layout.geo;
	u8 *bits = chain->bits + (size_t)layer * VHDX_SECTOR;
	u64 off = ((u64)image->vhd->place[block] + within / VHD_BITS_PER_SECTOR)
		  << SECTOR_SHIFT;
	u32 used = vhd_block_used(geo, block);
	int r;

	if (chain->bits_off[layer] == off)
		return bits;
	chain->bits_off[layer] = 0;
	r = vhdx_io_read(&image->backing, off, bits, VHD_SECTOR);
	if (r)
		return ERR_PTR(r);
	chain->bits_off[layer] = off;
	if (used <= VHD_BITS_PER_SECTOR && vhd_bitmap_count(bits, used) == used)
		set_bit(block, image->vhd->full);
	return bits;
}

/* Sectors from @at to @end of a tile that nobody above has are @who's. */
static void vhd_tile_give(u16 *layer, u32 at, u32 end, u16 who)
{
	for (; at < end; at++)
		if (layer[at] == VHDX_TILE_ZEROS)
			layer[at] = who;
}

static bool vhd_tile_wants(const u16 *layer, u32 at, u32 end)
{
	while (at < end && layer[at] != VHDX_TILE_ZEROS)
		at++;
	return at < end;
}

/*
 * What the leaf has of a block in core, from @at to @end of the tile at @start: it is
 * newer than what is on the device.
 */
static void vhd_tile_add_block(struct vhdx_target *vt, sector_t start, u32 at,
			       u32 end, u16 *layer)
{
	u32 block = vhdx_sector_block(vt, start + at), next, first, i;
	struct vhdx_bits *bits = NULL;
	u64 off;
	bool set;

	if (vhd_block_has_place(&vt->image, block)) {
		vhd_part_span(vt, start + at, end - at, &off, &first);
		bits = vhdx_bits_find(vt->chain, off);
	}
	for (; bits && at < end; first += next - at, at = next) {
		next = at + vhd_bitmap_run(bits->data, first, first + end - at,
					   &set) - first;
		for (i = at; set && i < next; i++)
			layer[i] = 0;
	}
}

/**
 * vhd_chain_add_core() - what the leaf has in core becomes part of a tile
 * @vt: the target, which writes
 * @unit: number of the tile
 * @layer: it, as vhd_chain_fill() has filled it
 *
 * Bits are only ever set.  So those on the device and those in core together are
 * right, unless some have left the core since vhd_chain_fill().
 *
 * Context: process context; the publish mutex is held.
 * Return: false if that is so.
 */
bool vhd_chain_add_core(struct vhdx_target *vt, u32 unit, u16 *layer)
{
	sector_t start = (sector_t)unit << VHDX_MIB_SECTORS_SHIFT;
	u32 end = min_t(sector_t, 1U << VHDX_MIB_SECTORS_SHIFT,
			vt->ti->len - start);
	u32 size = vhdx_block_mask(vt) + 1, at, next;

	lockdep_assert_held(&vt->publish);
	if (vt->chain->leaf_gone != vt->chain->bits_gone)
		return false;
	for (at = 0; vt->place && at < end; at = next) {
		next = min_t(u64, end, at + size - ((start + at) & (size - 1)));
		vhd_tile_add_block(vt, start, at, next, layer);
	}
	return true;
}

/* What was read of the leaf's bits is too old if some have left the core since. */
static void vhd_tile_begin(struct vhdx_chain *chain)
{
	mutex_lock(&chain->vt->publish);
	if (chain->leaf_gone != chain->bits_gone)
		chain->bits_off[0] = 0;
	chain->leaf_gone = chain->bits_gone;
	mutex_unlock(&chain->vt->publish);
}

/* What a layer has of a block, from @at to @end of the tile at @start. */
static int vhd_tile_fill_block(struct vhdx_chain *chain, u32 who, sector_t start,
			       u32 at, u32 end, u16 *layer)
{
	const struct vhdx_source *source = &chain->source[who];
	u32 block = (start + at) >> source->block_shift, next;
	u32 within = (start + at) & ((1U << source->block_shift) - 1);
	const u8 *bits;
	bool set;

	if (!vhd_block_has_place(source->image, block) ||
	    !vhd_tile_wants(layer, at, end))
		return 0;
	if (vhd_block_is_full(source->image, block)) {
		vhd_tile_give(layer, at, end, who);
		return 0;
	}
	bits = vhd_layer_bits(chain, who, block, within);
	if (IS_ERR(bits)) {
		vhd_tile_give(layer, at, end, VHDX_TILE_BAD);
		return PTR_ERR(bits);
	}
	within %= VHD_BITS_PER_SECTOR;
	for (; at < end; at += next - within, within = next) {
		next = vhd_bitmap_run(bits, within, within + end - at, &set);
		if (set)
			vhd_tile_give(layer, at, at + next - within, who);
	}
	return 0;
}

/* What layer @who has of the tile at @start, up to sector @end of it. */
static int vhd_tile_fill_layer(struct vhdx_chain *chain, u32 who, sector_t start,
			       u32 end, u16 *layer)
{
	u32 size = 1U << chain->source[who].block_shift, at, next;
	int r, first = 0;

	for (at = 0; at < end; at = next) {
		next = min_t(u64, end, at + size - ((start + at) & (size - 1)));
		r = vhd_tile_fill_block(chain, who, start, at, next, layer);
		first = first ?: r;
	}
	return first;
}

/* What parents have of each block of the leaf in a tile. */
static void vhd_chain_look_below(struct vhdx_chain *chain, sector_t start,
				 u32 sectors)
{
	u32 first = vhdx_sector_block(chain->vt, start), block;
	u32 last = vhdx_sector_block(chain->vt, start + sectors - 1);

	for (block = first; block <= last; block++)
		chain->below[block - first] = vhd_chain_below(chain->vt, block);
}

/**
 * vhd_chain_fill() - work out which layer has which sectors of a tile
 * @chain: the chain, loaded
 * @unit: number of the tile
 * @layer: result, an entry for each sector of it
 *
 * Reads bitmaps.  If one of them cannot be read, its sectors that nobody above has
 * are VHDX_TILE_BAD.
 *
 * Context: may sleep; read work.
 * Return: 0 or a negative errno: some are.
 */
int vhd_chain_fill(struct vhdx_chain *chain, u32 unit, u16 *layer)
{
	sector_t start = (sector_t)unit << VHDX_MIB_SECTORS_SHIFT;
	u32 sectors = min_t(sector_t, 1U << VHDX_MIB_SECTORS_SHIFT,
			    chain->vt->ti->len - start), end = sectors, i;
	int r, first = 0;

	vhd_tile_begin(chain);
	for (i = 0; i < 1U << VHDX_MIB_SECTORS_SHIFT; i++)
		layer[i] = VHDX_TILE_ZEROS;
	for (i = 0; i <= chain->nr_parents; i++) {
		sector_t disk = chain->source[i].image->layout.geo.disk_bytes >>
				SECTOR_SHIFT;

		/* Past its end there are zeros, whatever is below. */
		if (disk <= start)
			break;
		end = min_t(sector_t, end, disk - start);
		r = vhd_tile_fill_layer(chain, i, start, end, layer);
		first = first ?: r;
	}
	vhd_chain_look_below(chain, start, sectors);
	return first;
}

/**
 * vhd_chain_settle() - what a new tile has told of its blocks goes into the map
 * @vt: the target
 * @unit: number of the tile, from vhd_chain_fill()
 *
 * Parents were looked at there: that may take time, and writes wait for the mutex.
 *
 * Context: process context; the publish mutex is held.
 * Return: true if nobody will ask for the tile any more.
 */
bool vhd_chain_settle(struct vhdx_target *vt, u32 unit)
{
	sector_t start = (sector_t)unit << VHDX_MIB_SECTORS_SHIFT;
	sector_t end = min_t(sector_t, vt->ti->len,
			     start + (1U << VHDX_MIB_SECTORS_SHIFT));
	u32 first = vhdx_sector_block(vt, start), block;
	bool all = true;

	lockdep_assert_held(&vt->publish);
	for (block = first; block <= vhdx_sector_block(vt, end - 1); block++) {
		u32 e = vt->bat[block];

		if ((e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL)
			e = vhd_chain_entry(vt, block,
					    vt->chain->below[block - first]) |
			    (e & VHDX_E_PENDING);
		WRITE_ONCE(vt->bat[block], e);
		all &= (e & VHDX_E_STATE) != VHDX_BLOCK_PARTIAL;
	}
	return all;
}
