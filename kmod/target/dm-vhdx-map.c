// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path: where a bio goes.
 *
 * Reads and overwrites of present blocks take one load of the in-core BAT and
 * are remapped; no lock, no count, no hook.  Nothing here sleeps.
 */
#include "dm-vhdx.h"

/* A write that the worker has to see: no more than the block it starts in. */
static noinline int vhdx_map_deferred(struct vhdx_target *vt, struct bio *bio,
				      sector_t sector)
{
	sector_t left = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));

	if (READ_ONCE(vt->mode) != VHDX_MODE_RW)
		return vhdx_kill(vt, bio);
	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return DM_MAPIO_SUBMITTED;
	}
	if (left < bio_sectors(bio))
		dm_accept_partial_bio(bio, left);
	vhdx_defer(vt, bio);
	return DM_MAPIO_SUBMITTED;
}

/* A write that begins in an absent block. */
static noinline int vhdx_map_new(struct vhdx_target *vt, struct bio *bio,
				 sector_t sector, u32 e)
{
	sector_t left = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));

	if (READ_ONCE(vt->mode) == VHDX_MODE_RW) {
		if (left < bio_sectors(bio))
			dm_accept_partial_bio(bio, left);
		if (!vhdx_e_zeros(e)) {
			int r = vhdx_part_map(vt, bio, sector, e);

			return r < 0 ? vhdx_map_deferred(vt, bio, sector) : r;
		}
		if (vhdx_map_new_block(vt, bio, vhdx_sector_block(vt, sector)))
			return DM_MAPIO_REMAPPED;
	}
	return vhdx_map_deferred(vt, bio, sector);
}

/**
 * vhdx_map_careful() - map a write that is FUA, or to a block that is not committed,
 * or is being moved, or before there is a session
 * @vt: the target
 * @bio: the write
 * @sector: of the disk, where it begins
 * @e: the entry of the block there, which is present
 *
 * FUA may go on if its block is committed and the device can be trusted with it; if
 * only the latter is missing, it goes on as a plain write, and a flush follows.
 * Where a block is new the device may have no space for the write: such are looked
 * after one by one.
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
noinline int vhdx_map_careful(struct vhdx_target *vt, struct bio *bio,
			      sector_t sector, u32 e)
{
	sector_t left = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	unsigned int run;

	if (!vhdx_session_may_write(vt))
		return vhdx_map_deferred(vt, bio, sector);
	if (e & VHDX_E_PENDING) {
		if (!vhdx_may_write_to(vt, vhdx_sector_block(vt, sector), e))
			return vhdx_map_deferred(vt, bio, sector);
		if (left < bio_sectors(bio))
			dm_accept_partial_bio(bio, left);
		vhdx_hook(bio)->waited = false;
		vhdx_remap_new(vt, bio, e);
		return DM_MAPIO_REMAPPED;
	}
	run = min_t(sector_t, left, bio_sectors(bio));
	if (!vt->image.is_vhd)
		run = vhdx_run_settled(vt, sector, bio_sectors(bio), e);
	if (run < bio_sectors(bio))
		dm_accept_partial_bio(bio, run);
	if ((bio->bi_opf & REQ_FUA) && !vhdx_io_fua(&vt->image.backing)) {
		vhdx_hook_bio(bio, vhdx_fua_end_io, vt);
		bio->bi_opf &= ~REQ_FUA;
	}
	vhdx_remap_any(vt, bio, sector, e);
	return DM_MAPIO_REMAPPED;
}

/**
 * vhdx_map_flush() - map an empty flush
 * @vt: the target
 * @bio: the flush
 *
 * With nothing to commit it is one flush of the backing device, whose failure is
 * not the guest's business alone; none if that has no volatile cache.  A write that
 * was acknowledged has counted its block in nr_dirty before it was submitted, so a
 * flush that follows it sees the count.
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
int vhdx_map_flush(struct vhdx_target *vt, struct bio *bio)
{
	vhdx_hook(bio)->flight = -1;
	if (!vt->image.writable) {
		/* A table before may have written, and lost it. */
		if (unlikely(vhdx_take_lost(vt)))
			bio->bi_status = BLK_STS_IOERR;
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	if (READ_ONCE(vt->nr_dirty) || unlikely(READ_ONCE(vt->lost)) ||
	    unlikely(vhdx_flush_has_failed(&vt->image))) {
		vhdx_commit_bio(vt, bio);
		return DM_MAPIO_SUBMITTED;
	}
	if (!vhdx_io_cached(&vt->image.backing)) {
		bio_endio(bio);
		return DM_MAPIO_SUBMITTED;
	}
	vhdx_hook_bio(bio, vhdx_flush_end_io, vt);
	bio_set_dev(bio, vt->bdev);
	bio->bi_iter.bi_sector = 0;
	return DM_MAPIO_REMAPPED;
}

/**
 * vhdx_map_absent() - map a read or write that begins in a block that is not present
 * @vt: the target
 * @bio: the read or write
 * @sector: of the disk, where it begins
 * @e: the entry of the block there
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
noinline int vhdx_map_absent(struct vhdx_target *vt, struct bio *bio,
			     sector_t sector, u32 e)
{
	return op_is_write(bio_op(bio)) ? vhdx_map_new(vt, bio, sector, e) :
					  vhdx_read_absent(vt, bio, sector, e);
}

/*
 * Present blocks from the first one on: no more than those that follow each other.  A
 * write does not reach into one that is being moved.
 */
static noinline int vhdx_map_run(struct vhdx_target *vt, struct bio *bio,
				 sector_t sector, u32 e)
{
	unsigned int run = op_is_write(bio_op(bio)) ?
			   vhdx_run_settled(vt, sector, bio_sectors(bio), e) :
			   vhdx_run_present(vt, sector, bio_sectors(bio), e);

	if (run < bio_sectors(bio))
		dm_accept_partial_bio(bio, run);
	vhdx_remap(vt, bio, sector, e);
	return DM_MAPIO_REMAPPED;
}

/**
 * vhdx_map() - dm's map function
 * @ti: the target
 * @bio: what is to be done
 *
 * Nothing but the two arguments is needed after a call, and whatever is not the
 * usual is left to functions that this ends with: so few registers are saved.
 *
 * Context: process context, does not sleep (DM_TARGET_NOWAIT).
 * Return: DM_MAPIO_*
 */
int vhdx_map(struct dm_target *ti, struct bio *bio)
{
	struct vhdx_target *vt = ti->private;
	sector_t sector;
	u32 e;

	if (unlikely(!bio->bi_iter.bi_size))
		return vhdx_map_flush(vt, bio);
	if (unlikely(bio_op(bio) != REQ_OP_READ && bio_op(bio) != REQ_OP_WRITE))
		return vhdx_map_discard(vt, bio, vhdx_bio_sector(vt, bio));
	if (likely(vt->frees))
		vhdx_flight_begin(vt, bio);
	sector = vhdx_bio_sector(vt, bio);
	e = READ_ONCE(vt->bat[vhdx_sector_block(vt, sector)]);
	if (unlikely(!vhdx_e_present(e)))
		return vhdx_map_absent(vt, bio, sector, e);

	if (op_is_write(bio_op(bio))) {
		/* Pairs with vhdx_session_open(). */
		if (unlikely(!smp_load_acquire(&vt->may_overwrite) ||
			     (bio->bi_opf & REQ_FUA) || (e & VHDX_E_PENDING)))
			return vhdx_map_careful(vt, bio, sector, e);
	} else if (unlikely(READ_ONCE(vt->check_reads))) {
		return vhdx_read_checked(vt, bio, sector, e);
	}
	if (unlikely((sector & vhdx_block_mask(vt)) + bio_sectors(bio) >
		     vhdx_block_mask(vt) + 1))
		return vhdx_map_run(vt, bio, sector, e);
	vhdx_remap(vt, bio, sector, e);
	return DM_MAPIO_REMAPPED;
}
