// SPDX-License-Identifier: GPL-2.0
/*
 * Discards, and commands to write zeroes.
 *
 * Whole blocks are freed.  What is left of a discard is passed down if its block
 * is present: a file system whose free space does not come in whole blocks of
 * ours would otherwise give nothing back.  What is left of a range to be zeroed
 * is zeroed where it is.  In absent blocks there is nothing to do.
 */
#include "dm-vhdx.h"

/* So many blocks are freed before others have their turn. */
#define VHDX_DISCARD_STEP	512

static sector_t vhdx_block_sectors(const struct vhdx_target *vt)
{
	return vhdx_block_mask(vt) + 1;
}

/*
 * Sectors of whole blocks from @sector on, at most @sectors.  The last block ends
 * with the disk.
 */
static sector_t vhdx_whole_blocks(const struct vhdx_target *vt, sector_t sector,
				  sector_t sectors)
{
	if (sector & vhdx_block_mask(vt))
		return 0;
	if (sector + sectors == vt->ti->len)
		return sectors;
	return sectors & ~vhdx_block_mask(vt);
}

/* May the blocks of this one be freed? */
static bool vhdx_discard_frees(const struct vhdx_target *vt,
			       const struct bio *bio)
{
	return vt->frees && !(bio_op(bio) == REQ_OP_WRITE_ZEROES &&
			      (bio->bi_opf & REQ_NOUNMAP));
}

/**
 * vhdx_map_discard() - map a discard, or a command to write zeroes
 * @vt: the target
 * @bio: the command
 * @sector: where it begins on the disk
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*
 */
int vhdx_map_discard(struct vhdx_target *vt, struct bio *bio, sector_t sector)
{
	sector_t sectors = bio_sectors(bio), part = 0;

	vhdx_hook(bio)->flight = -1;
	if (READ_ONCE(vt->mode) != VHDX_MODE_RW)
		return DM_MAPIO_KILL;
	if (bio_op(bio) == REQ_OP_DISCARD ? !vt->frees :
	    bio_op(bio) != REQ_OP_WRITE_ZEROES) {
		/* Not offered. */
		vhdx_end_bio(bio, BLK_STS_NOTSUPP);
		return DM_MAPIO_SUBMITTED;
	}
	if (bio->bi_opf & REQ_NOWAIT) {
		bio_wouldblock_error(bio);
		return DM_MAPIO_SUBMITTED;
	}
	if (vhdx_discard_frees(vt, bio))
		part = vhdx_whole_blocks(vt, sector, sectors);
	/* Otherwise no further than its block. */
	if (!part)
		part = vhdx_block_sectors(vt) - (sector & vhdx_block_mask(vt));
	if (part < sectors)
		dm_accept_partial_bio(bio, part);
	vhdx_defer(vt, bio);
	return DM_MAPIO_SUBMITTED;
}

/**
 * vhdx_discard_is_whole() - is it a command that frees blocks?
 * @vt: the target
 * @bio: anything that was deferred
 *
 * Context: worker.
 * Return: true if so.
 */
bool vhdx_discard_is_whole(const struct vhdx_target *vt, const struct bio *bio)
{
	sector_t sectors = bio_sectors(bio);

	return bio_op(bio) != REQ_OP_WRITE && vhdx_discard_frees(vt, bio) &&
	       vhdx_whole_blocks(vt, vhdx_bio_sector(vt, bio), sectors) == sectors;
}

/**
 * vhdx_discard_done() - a discard, or zeroes, is done, but for what FUA asks for
 * @vt: the target
 * @bio: the command
 *
 * Context: process context.
 */
void vhdx_discard_done(struct vhdx_target *vt, struct bio *bio)
{
	if (bio->bi_opf & REQ_FUA)
		vhdx_commit_bio(vt, bio);
	else
		bio_endio(bio);
}

/*
 * Frees blocks from where @bio begins.  Returns false if that is not all; @bio
 * begins with the rest then.
 */
static bool vhdx_discard_step(struct vhdx_target *vt, struct bio *bio)
{
	unsigned int i, before = vt->nr_dirty;
	bool memory = true;

	for (i = 0; i < VHDX_DISCARD_STEP && bio->bi_iter.bi_size; i++) {
		sector_t part = min_t(sector_t, bio_sectors(bio),
				      vhdx_block_sectors(vt));
		u32 block = vhdx_sector_block(vt, vhdx_bio_sector(vt, bio));
		u32 e = vt->bat[block];

		/* It is being written, for the first time: that comes later. */
		if (vhdx_e_has_space(e) || !(e & VHDX_E_PENDING))
			memory = vhdx_free_block(vt, block);
		if (!memory)
			break;
		bio->bi_iter.bi_sector += part;
		bio->bi_iter.bi_size -= part << SECTOR_SHIFT;
	}
	if (vt->nr_dirty != before)
		vhdx_commit_soon(vt, before);
	return memory;
}

/**
 * vhdx_discard_blocks() - free whole blocks
 * @vt: the target
 * @bio: the command, of whole blocks
 *
 * What there is no memory for waits for some, as writes do.
 *
 * Context: worker.
 */
void vhdx_discard_blocks(struct vhdx_target *vt, struct bio *bio)
{
	bool memory = true, session = true;

	while (memory && session && bio->bi_iter.bi_size) {
		mutex_lock(&vt->publish);
		session = vhdx_session_may_write(vt);
		if (session)
			memory = vhdx_discard_step(vt, bio);
		mutex_unlock(&vt->publish);
		cond_resched();
	}
	if (!bio->bi_iter.bi_size)
		vhdx_discard_done(vt, bio);
	else if (session)
		vhdx_starve(vt, bio);
	else
		vhdx_no_session(vt, bio);
}

/* ------------------------------------------------------------------------
 * Less than a block, or in place
 */

static void vhdx_zero_work(struct work_struct *work)
{
	struct vhdx_change *change = container_of(work, struct vhdx_change, work);
	struct vhdx_target *vt = change->vt;
	struct bio *bio = change->bio;
	u64 off = (u64)change->mib << 20;
	int r;

	off += (vhdx_bio_sector(vt, bio) & vhdx_block_mask(vt)) << SECTOR_SHIFT;
	r = vhdx_io_zero(&vt->image.backing, off, bio->bi_iter.bi_size,
			 !(bio->bi_opf & REQ_NOUNMAP));
	mutex_lock(&vt->publish);
	WRITE_ONCE(vt->nr_preparing, vt->nr_preparing - 1);
	mutex_unlock(&vt->publish);
	vhdx_free_change(vt, change);
	if (unlikely(r == -ENOSPC)) {
		vhdx_return_write(vt, bio);
		return;
	}
	if (unlikely(READ_ONCE(vt->no_space.lacking)) && !r)
		vhdx_tell_space(vt, vhdx_hook(bio)->waited);
	if (r)
		vhdx_end_bio(bio, errno_to_blk_status(r));
	else if (vhdx_hook(bio)->mib)
		vhdx_part_landed(vt, bio);
	else
		vhdx_discard_done(vt, bio);
}

/* Have it zeroed, by the device or by writing: the device may find that it cannot. */
static void vhdx_zero_in_place(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	u32 block = vhdx_sector_block(vt, vhdx_bio_sector(vt, bio));
	struct vhdx_change *change = vhdx_new_change(vt, block, bio);

	if (!change)
		return;
	change->bio = bio;
	change->mib = vhdx_e_mib(e);
	vhdx_part_remember(bio, e);
	mutex_lock(&vt->publish);
	WRITE_ONCE(vt->nr_preparing, vt->nr_preparing + 1);
	mutex_unlock(&vt->publish);
	INIT_WORK(&change->work, vhdx_zero_work);
	queue_work(vt->prepare_wq, &change->work);
}

/* It is advice: whatever came of it, all is well. */
static void vhdx_discard_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	if (bio->bi_status) {
		vhdx_pass_down_failed(vt, blk_status_to_errno(bio->bi_status));
		bio->bi_status = BLK_STS_OK;
	}
	bio_endio(bio);
}

/**
 * vhdx_discard_part() - discard less than a block, or zero in place
 * @vt: the target
 * @bio: the command, within its block; it has a flight
 * @e: the block's entry, present
 *
 * Context: worker.
 */
void vhdx_discard_part(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	if (bio_op(bio) == REQ_OP_WRITE_ZEROES) {
		vhdx_zero_in_place(vt, bio, e);
		return;
	}
	if (!READ_ONCE(vt->pass_down)) {
		bio_endio(bio);
		return;
	}
	vhdx_hook_bio(bio, vhdx_discard_end_io, vt);
	vhdx_remap(vt, bio, vhdx_bio_sector(vt, bio), e);
	dm_submit_bio_remap(bio, NULL);
}
