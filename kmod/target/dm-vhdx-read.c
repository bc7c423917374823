// SPDX-License-Identifier: GPL-2.0
/*
 * Reads that are no plain remapping within the image: of what reads as zeros, of
 * parents, of blocks in parts, through the overlay of a dirty log, and after a
 * flush has failed.
 *
 * All of it is done in map, but for blocks in parts that have no tile yet: the
 * read work makes one.
 */
#include "dm-vhdx.h"

/* No more of a bio than @run. */
static void vhdx_read_cut(struct bio *bio, unsigned int run)
{
	if (run < bio_sectors(bio))
		dm_accept_partial_bio(bio, run);
}

/* The first @bytes of a bio are what is at @data; NULL: zeros. */
static void vhdx_read_fill(struct bio *bio, const void *data, unsigned int bytes)
{
	struct bvec_iter iter;
	struct bio_vec bvec;

	bio_for_each_segment(bvec, bio, iter) {
		if (!bytes)
			break;
		bvec.bv_len = min(bvec.bv_len, bytes);
		bytes -= bvec.bv_len;
		if (data)
			memcpy_to_bvec(&bvec, data);
		else
			memzero_bvec(&bvec);
		data = data ? data + bvec.bv_len : NULL;
	}
}

static int vhdx_read_zeros(struct vhdx_target *vt, struct bio *bio,
			   sector_t sector)
{
	vhdx_read_cut(bio, vhdx_run_zeros(vt, sector, bio_sectors(bio)));
	zero_fill_bio(bio);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/*
 * An image whose log changes payload: what is in the overlay comes from there,
 * sector by sector, and the runs between from the device.
 */
static noinline int vhdx_read_overlaid(struct vhdx_image *image, struct bio *bio,
				       sector_t sector, unsigned int sectors)
{
	const unsigned int unit = VHDX_SECTOR >> SECTOR_SHIFT;
	unsigned int skip = sector & (unit - 1), run = unit - skip;
	struct vhdx_overlay *overlay = &image->overlay;
	u64 off = (u64)(sector - skip) << SECTOR_SHIFT;
	const void *data;
	bool changed;

	changed = vhdx_overlay_sector(overlay, off, &data);
	while (!changed && run < sectors) {
		const void *next;

		off += VHDX_SECTOR;
		if (vhdx_overlay_sector(overlay, off, &next))
			break;
		run += unit;
	}
	vhdx_read_cut(bio, min(run, sectors));
	if (!changed)
		return DM_MAPIO_REMAPPED;

	vhdx_read_fill(bio, data ? data + (skip << SECTOR_SHIFT) : NULL,
		       bio->bi_iter.bi_size);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/* Sectors that lie together in an image. */
static int vhdx_read_image(struct vhdx_image *image, struct bio *bio,
			   sector_t sector, unsigned int run)
{
	bio->bi_iter.bi_sector = sector;
	bio_set_dev(bio, image->backing.bdev);
	if (unlikely(image->overlay.payload))
		return vhdx_read_overlaid(image, bio, sector, run);
	vhdx_read_cut(bio, run);
	return DM_MAPIO_REMAPPED;
}

/* How many of these sectors are in the block where they begin? */
static unsigned int vhdx_read_within(const struct vhdx_target *vt,
				     sector_t sector, unsigned int sectors)
{
	sector_t mask = vhdx_block_mask(vt);

	return min_t(sector_t, sectors, mask + 1 - (sector & mask));
}

/* Where a block of a parent is, in the parent's image. */
static void vhdx_route_parent(const struct vhdx_target *vt, sector_t sector,
			      unsigned int sectors, u32 e,
			      struct vhdx_route *route)
{
	const struct vhdx_chain *chain = vt->chain;
	const struct vhdx_source *source;

	if (vt->image.is_vhd) {
		/* The next block may be another layer's. */
		sectors = vhdx_read_within(vt, sector, sectors);
		vhd_chain_route(vt, sector, sectors, vhdx_e_mib(e), route);
		return;
	}
	source = &chain->source[chain->segment[vhdx_e_mib(e) >>
					       VHDX_SEGMENT_SHIFT]];
	route->image = source->image;
	route->sector = ((sector_t)(vhdx_e_mib(e) - source->base_mib) <<
			 VHDX_MIB_SECTORS_SHIFT) + (sector & vhdx_block_mask(vt));
	route->run = sectors;
	if (unlikely((sector & vhdx_block_mask(vt)) + sectors >
		     vhdx_block_mask(vt) + 1))
		route->run = vhdx_run_present(vt, sector, sectors, e);
}

/* A read that needs a tile: no more than that has. */
static int vhdx_read_defer(struct vhdx_target *vt, struct bio *bio,
			   sector_t sector)
{
	const unsigned int tile = 1U << VHDX_MIB_SECTORS_SHIFT;
	unsigned long flags;

	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return DM_MAPIO_SUBMITTED;
	}
	vhdx_read_cut(bio, tile - (sector & (tile - 1)));
	vhdx_stat_add(&vt->stats, VHDX_STAT_READS, 1);
	vhdx_flight_end(vt, bio);
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->reads, bio);
	spin_unlock_irqrestore(&vt->lock, flags);
	queue_work(vt->chain->wq, &vt->chain->work);
	return DM_MAPIO_SUBMITTED;
}

static noinline int vhdx_read_parts(struct vhdx_target *vt, struct bio *bio,
				    sector_t sector, u32 e)
{
	struct vhdx_route route;

	/* Bits that are not committed may have lost their data. */
	if (unlikely(vhdx_flush_has_failed(&vt->image)) &&
	    vhdx_is_uncommitted(vt, vhdx_sector_block(vt, sector), e))
		return vhdx_kill(vt, bio);
	if (!vhdx_tile_route(vt, sector, bio_sectors(bio), &route))
		return vhdx_read_defer(vt, bio, sector);
	if (route.image)
		return vhdx_read_image(route.image, bio, route.sector, route.run);
	vhdx_read_cut(bio, route.run);
	zero_fill_bio(bio);
	bio_endio(bio);
	return DM_MAPIO_SUBMITTED;
}

/**
 * vhdx_read_absent() - map a read that begins in a block the image has not, or
 * not all of
 * @vt: the target
 * @bio: the read
 * @sector: of the disk, where it begins
 * @e: the block's entry
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
int vhdx_read_absent(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		     u32 e)
{
	struct vhdx_route route;

	if (vhdx_e_zeros(e))
		return vhdx_read_zeros(vt, bio, sector);
	if ((e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL)
		return vhdx_read_parts(vt, bio, sector, e);
	vhdx_route_parent(vt, sector, bio_sectors(bio), e, &route);
	return vhdx_read_image(route.image, bio, route.sector, route.run);
}

/*
 * After a flush has failed.  Of blocks that are not committed even the zeroes may
 * be lost, and somebody else's data be seen.
 */
static int vhdx_read_doubtful(struct vhdx_target *vt, struct bio *bio,
			      sector_t sector, u32 e)
{
	unsigned int run = vhdx_run_present(vt, sector, bio_sectors(bio), e);

	if (vhdx_is_uncommitted(vt, vhdx_sector_block(vt, sector), e))
		return vhdx_kill(vt, bio);
	vhdx_read_cut(bio, vhdx_run_committed(vt, sector, run));
	vhdx_remap(vt, bio, sector, e);
	return DM_MAPIO_REMAPPED;
}

/**
 * vhdx_read_checked() - map a read of present blocks that has to look further
 * @vt: the target
 * @bio: the read
 * @sector: of the disk, where it begins
 * @e: the block's entry
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
int vhdx_read_checked(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		      u32 e)
{
	unsigned int run;

	if (vhdx_flush_has_failed(&vt->image))
		return vhdx_read_doubtful(vt, bio, sector, e);
	run = vhdx_run_present(vt, sector, bio_sectors(bio), e);
	vhdx_remap(vt, bio, sector, e);
	return vhdx_read_overlaid(&vt->image, bio, bio->bi_iter.bi_sector, run);
}

/* ------------------------------------------------------------------------
 * The read work
 */

/* Where the first sectors of a bio are; it has a flight. */
static int vhdx_read_find(struct vhdx_target *vt, sector_t sector,
			  unsigned int sectors, struct vhdx_route *route)
{
	u32 block = vhdx_sector_block(vt, sector);
	/* Pairs with vhdx_txn_place(). */
	u32 e = smp_load_acquire(&vt->bat[block]);

	if (vhdx_flush_has_failed(&vt->image) && vhdx_is_uncommitted(vt, block, e))
		return -EIO;
	if ((e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL) {
		if (vhdx_tile_route(vt, sector, sectors, route))
			return 0;
		return vhdx_tile_make(vt, sector, sectors, route);
	}
	/* Not in parts, or no longer: it was written, or discarded. */
	sectors = vhdx_read_within(vt, sector, sectors);
	route->run = sectors;
	route->image = NULL;
	if ((e & VHDX_E_STATE) == VHDX_CORE_PARENT) {
		vhdx_route_parent(vt, sector, sectors, e, route);
	} else if (vhdx_e_present(e) && vt->image.is_vhd) {
		vhd_chain_route(vt, sector, sectors, 0, route);
	} else if (vhdx_e_present(e)) {
		route->image = &vt->image;
		route->sector = ((sector_t)vhdx_e_mib(e) <<
				 VHDX_MIB_SECTORS_SHIFT) +
				(sector & vhdx_block_mask(vt));
	}
	return 0;
}

/*
 * Whole 4 KiB of an image, of which the first @needed bytes are needed.  Of a block
 * that is cut off (case 59) they may be all that the device has.
 */
static int vhdx_read_whole(struct vhdx_image *image, u64 off, void *buf,
			   u32 needed)
{
	u32 bytes = round_up(needed, VHDX_SECTOR);
	int r;

	if (off + bytes <= vhdx_io_bytes(&image->backing))
		return vhdx_image_read(image, off, buf, bytes);
	r = vhdx_io_read(&image->backing, off, buf, needed);
	if (!r)
		vhdx_overlay_patch(&image->overlay, off, buf, bytes);
	return r;
}

/* Some sectors of an image, aligned or not, into the bounce buffer. */
static int vhdx_read_bounce(struct vhdx_chain *chain, struct vhdx_route *route,
			    void **data)
{
	u64 off = (u64)route->sector << SECTOR_SHIFT;
	u32 skip = off % VHDX_SECTOR;

	route->run = min(route->run, (VHDX_BOUNCE_BYTES - skip) >> SECTOR_SHIFT);
	*data = chain->bounce + skip;
	return vhdx_read_whole(route->image, off - skip, chain->bounce,
			       skip + (route->run << SECTOR_SHIFT));
}

/* The first sectors of a bio, which has more than them. */
static int vhdx_read_piece(struct vhdx_target *vt, struct bio *bio,
			   struct vhdx_route *route)
{
	void *data = NULL;
	int r = 0;

	if (route->image)
		r = vhdx_read_bounce(vt->chain, route, &data);
	if (r)
		return r;
	vhdx_read_fill(bio, data, route->run << SECTOR_SHIFT);
	bio_advance(bio, route->run << SECTOR_SHIFT);
	return 0;
}

/*
 * A read that had no tile.  If all of it lies together it is sent on, otherwise it
 * is done here, piece by piece: that happens once for each tile.
 */
static void vhdx_read_slowly(struct vhdx_target *vt, struct bio *bio)
{
	sector_t sector = vhdx_bio_sector(vt, bio);
	struct vhdx_route route;
	int r = 0;

	if (vt->frees)
		vhdx_flight_begin(vt, bio);
	while (!r && bio->bi_iter.bi_size) {
		r = vhdx_read_find(vt, sector, bio_sectors(bio), &route);
		if (!r && route.image && route.run == bio_sectors(bio) &&
		    !route.image->overlay.payload) {
			bio->bi_iter.bi_sector = route.sector;
			bio_set_dev(bio, route.image->backing.bdev);
			dm_submit_bio_remap(bio, NULL);
			return;
		}
		if (!r)
			r = vhdx_read_piece(vt, bio, &route);
		if (!r)
			sector += route.run;
	}
	vhdx_end_bio(bio, errno_to_blk_status(r));
}

/**
 * vhdx_read_work() - reads that need a tile
 * @work: the chain's work
 *
 * Context: read workqueue; never runs twice at once.
 */
void vhdx_read_work(struct work_struct *work)
{
	struct vhdx_chain *chain = container_of(work, struct vhdx_chain, work);
	struct vhdx_target *vt = chain->vt;
	struct bio_list reads;
	struct bio *bio;

	spin_lock_irq(&vt->lock);
	reads = vt->reads;
	bio_list_init(&vt->reads);
	spin_unlock_irq(&vt->lock);
	while ((bio = bio_list_pop(&reads)))
		vhdx_read_slowly(vt, bio);
}
