// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: allocation
 *
 * The worker takes the writes that map could not send on.  For an absent block
 * it finds space, and then there are two ways:
 *
 * - Space known to read as zeros (from zeroed_from on, and never taken since):
 *   the block is published at once and the write sent on.  Whatever a crash or
 *   a failed write leaves there is zeros or new data.
 * - Space that may hold anything ("exposed"): a work item of its own zeroes
 *   what the write does not cover and then writes the data; when both are done
 *   the worker publishes the block.  Until then reads see zeros as before, and
 *   further writes to the block wait.  If it fails, the space is set aside and
 *   another place tried; nobody has seen it.
 *
 * Publishing makes the block usable; the next commit makes it durable.
 *
 * A write that the device has no space for is no failure: it waits, and is sent
 * again.  That goes for all writes that come through the worker.
 */
#include "dm-vhdx.h"

/* So many places are tried for a block. */
#define VHDX_PREPARE_TRIES	4

/* ------------------------------------------------------------------------
 * Writes to present blocks
 */

/* There was no space for a write: the worker sees to it. */
static void vhdx_return_write(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	vhdx_hook(bio)->waited = true;
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->returned, bio);
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

/* There was, for one that had @waited, or for another one. */
static void vhdx_tell_space(struct vhdx_target *vt, bool waited)
{
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	vt->space_seen = true;
	vt->space_found |= waited;
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

static void vhdx_write_end_io(struct bio *bio)
{
	struct vhdx_hook *hook = vhdx_hook(bio);
	struct vhdx_target *vt = hook->arg;

	vhdx_unhook_bio(bio);
	if (unlikely(bio->bi_status == BLK_STS_NOSPC)) {
		vhdx_rewind_bio(bio);
		vhdx_return_write(vt, bio);
		return;
	}
	if (unlikely(READ_ONCE(vt->no_space.lacking)) && !bio->bi_status)
		vhdx_tell_space(vt, hook->waited);
	if ((hook->opf & REQ_FUA) && !(bio->bi_opf & REQ_FUA) &&
	    !bio->bi_status)
		vhdx_commit_bio(vt, bio);
	else
		bio_endio(bio);
}

/* Send a write on to its present block. */
static void vhdx_submit_present(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	vhdx_hook_bio(bio, vhdx_write_end_io, vt);
	/* Then a commit follows, whose flush covers the data as well. */
	if ((bio->bi_opf & REQ_FUA) &&
	    ((e & VHDX_E_PENDING) || !vhdx_io_fua(&vt->image.backing)))
		bio->bi_opf &= ~REQ_FUA;
	vhdx_remap(vt, bio, vhdx_bio_sector(vt, bio), e);
	dm_submit_bio_remap(bio, NULL);
}

/* ------------------------------------------------------------------------
 * Memory for allocations
 */

/*
 * NULL: no memory, and @bio waits for some.  Then the whole reserve is in use,
 * and whoever frees some of it looks who waits; what is dirty is freed by a
 * commit.
 */
static struct vhdx_alloc *vhdx_new_alloc(struct vhdx_target *vt, u32 block,
					 struct bio *bio)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct vhdx_alloc *alloc = mempool_alloc(&vt->alloc_pool, gfp);

	if (unlikely(!alloc)) {
		spin_lock_irq(&vt->lock);
		/* What was freed before this is there, later it finds @bio. */
		alloc = mempool_alloc(&vt->alloc_pool, gfp);
		if (!alloc) {
			bio_list_add(&vt->starved, bio);
			if (vt->nr_dirty)
				queue_work(vt->commit_wq, &vt->commit);
		}
		spin_unlock_irq(&vt->lock);
		if (!alloc)
			return NULL;
	}
	memset(alloc, 0, sizeof(*alloc));
	alloc->vt = vt;
	alloc->block = block;
	return alloc;
}

static void vhdx_free_alloc(struct vhdx_target *vt, struct vhdx_alloc *alloc)
{
	mempool_free(alloc, &vt->alloc_pool);
	spin_lock_irq(&vt->lock);
	vhdx_wake_starved(vt);
	spin_unlock_irq(&vt->lock);
}

/* ------------------------------------------------------------------------
 * Exposed space
 */

/* The write that asked for the block is done: the worker goes on. */
static void vhdx_alloc_prepared(struct vhdx_alloc *alloc)
{
	struct vhdx_target *vt = alloc->vt;
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	list_add_tail(&alloc->list, &vt->done);
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

static void vhdx_alloc_end_io(struct bio *bio)
{
	struct vhdx_alloc *alloc = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	alloc->status = bio->bi_status;
	if (alloc->status)
		vhdx_rewind_bio(bio);
	vhdx_alloc_prepared(alloc);
}

/* Zero what the write leaves of the block, then write. */
static void vhdx_alloc_work(struct work_struct *work)
{
	struct vhdx_alloc *alloc = container_of(work, struct vhdx_alloc, work);
	struct vhdx_target *vt = alloc->vt;
	struct bio *bio = alloc->bio;
	sector_t sector = vhdx_bio_sector(vt, bio) & vhdx_block_mask(vt);
	u64 start = (u64)alloc->mib << 20, from, to;
	int r;

	from = (u64)sector << SECTOR_SHIFT;
	to = from + bio->bi_iter.bi_size;
	r = vhdx_io_zero(&vt->image.backing, start, from);
	if (!r)
		r = vhdx_io_zero(&vt->image.backing, start + to,
				 ((vhdx_block_mask(vt) + 1) << SECTOR_SHIFT) - to);
	if (r) {
		alloc->status = errno_to_blk_status(r);
		vhdx_alloc_prepared(alloc);
		return;
	}
	vhdx_hook_bio(bio, vhdx_alloc_end_io, alloc);
	vhdx_remap(vt, bio, vhdx_bio_sector(vt, bio),
		   vhdx_e_make(VHDX_BLOCK_FULL, alloc->mib));
	/* The commit will see to a FUA write's being durable. */
	bio->bi_opf &= ~REQ_FUA;
	dm_submit_bio_remap(bio, NULL);
}

static struct vhdx_alloc *vhdx_find_alloc(struct vhdx_target *vt, u32 block)
{
	struct vhdx_alloc *alloc;

	hash_for_each_possible(vt->allocs, alloc, hash, block)
		if (alloc->block == block)
			return alloc;
	return NULL;
}

static void vhdx_process_write(struct vhdx_target *vt, struct bio *bio);

/* What writes to the device have said about space below it. */
static void vhdx_space_was_there(struct vhdx_target *vt, bool seen, bool found)
{
	if (likely(!READ_ONCE(vt->no_space.lacking)))
		return;
	if (found)
		vhdx_nospace_found(&vt->no_space);
	else if (seen)
		vhdx_nospace_seen(&vt->no_space);
}

/* Does the block keep its space, whatever becomes of the write? */
static bool vhdx_alloc_anchored(const struct vhdx_target *vt,
				const struct vhdx_alloc *alloc)
{
	return alloc->mib == vhdx_e_mib(vt->bat[alloc->block]);
}

/* The space is no good.  Is there another? */
static bool vhdx_prepare_elsewhere(struct vhdx_target *vt,
				   struct vhdx_alloc *alloc)
{
	u32 mib;

	if (!vhdx_alloc_anchored(vt, alloc))
		vhdx_set_space_aside(vt, alloc->mib);
	if (++alloc->tries == VHDX_PREPARE_TRIES ||
	    !READ_ONCE(vt->may_overwrite))
		return false;
	mib = vhdx_take_space(vt);
	if (!mib)
		return false;
	alloc->mib = mib;
	alloc->status = BLK_STS_OK;
	queue_work(vt->prepare_wq, &alloc->work);
	return true;
}

/* Exposed space could not be prepared. */
static void vhdx_prepare_failed(struct vhdx_target *vt, struct vhdx_alloc *alloc)
{
	bool no_space = alloc->status == BLK_STS_NOSPC;
	struct bio_list waiting;
	struct bio *bio = alloc->bio;
	u32 *e = &vt->bat[alloc->block];

	if (!no_space && vhdx_prepare_elsewhere(vt, alloc))
		return;
	if (no_space && !vhdx_alloc_anchored(vt, alloc))
		vhdx_give_space_back(vt, alloc->mib);
	hash_del(&alloc->hash);
	WRITE_ONCE(*e, *e & ~VHDX_E_PENDING);
	waiting = alloc->waiting;
	if (no_space) {
		vhdx_hook(bio)->waited = true;
		vhdx_wait_for_space(vt, &vt->no_space, bio);
	} else {
		vhdx_end_bio(bio, alloc->status);
	}
	vhdx_free_alloc(vt, alloc);
	while ((bio = bio_list_pop(&waiting))) {
		if (no_space)
			vhdx_wait_for_space(vt, &vt->no_space, bio);
		else
			vhdx_process_write(vt, bio);
	}
}

/* Exposed space is prepared, or that failed: let the writes go on. */
static void vhdx_process_done(struct vhdx_target *vt, struct vhdx_alloc *alloc)
{
	struct bio_list waiting = alloc->waiting;
	struct bio *bio = alloc->bio;

	list_del(&alloc->list);
	if (unlikely(alloc->status)) {
		vhdx_prepare_failed(vt, alloc);
		return;
	}
	hash_del(&alloc->hash);
	vhdx_space_was_there(vt, true, vhdx_hook(bio)->waited);
	vhdx_commit_add(vt, alloc, true);
	if (vhdx_hook(bio)->opf & REQ_FUA)
		vhdx_commit_bio(vt, bio);
	else
		bio_endio(bio);
	while ((bio = bio_list_pop(&waiting)))
		vhdx_process_write(vt, bio);
}

/* ------------------------------------------------------------------------
 * The worker
 */

/* Space that may hold anything: prepare it, with the write's data. */
static void vhdx_prepare_block(struct vhdx_target *vt, struct vhdx_alloc *alloc,
			       struct bio *bio)
{
	u32 *e = &vt->bat[alloc->block];

	alloc->bio = bio;
	bio_list_init(&alloc->waiting);
	hash_add(vt->allocs, &alloc->hash, alloc->block);
	WRITE_ONCE(*e, *e | VHDX_E_PENDING);
	spin_lock_irq(&vt->lock);
	vt->stats.zeroed++;
	spin_unlock_irq(&vt->lock);
	INIT_WORK(&alloc->work, vhdx_alloc_work);
	queue_work(vt->prepare_wq, &alloc->work);
}

/* A write to an absent block. */
static void vhdx_process_absent(struct vhdx_target *vt, struct bio *bio,
				u32 block, u32 e)
{
	u32 end = vt->image.space.end, mib = vhdx_e_mib(e);
	bool anchored = mib;
	struct vhdx_alloc *alloc;

	alloc = vhdx_new_alloc(vt, block, bio);
	if (!alloc)
		return;
	/* An anchor is the block's own old space. */
	if (!anchored)
		mib = vhdx_take_space(vt);
	if (!mib) {
		vhdx_free_alloc(vt, alloc);
		vhdx_wait_for_space(vt, &vt->no_room, bio);
		return;
	}
	if (unlikely(READ_ONCE(vt->no_room.lacking) && !anchored))
		vhdx_nospace_found(&vt->no_room);

	alloc->mib = mib;
	if (anchored || !vhdx_space_is_zero(vt, mib, end)) {
		vhdx_prepare_block(vt, alloc, bio);
		return;
	}
	vhdx_commit_add(vt, alloc, false);
	vhdx_submit_present(vt, bio, READ_ONCE(vt->bat[block]));
}

/* Any write that was deferred. */
static void vhdx_process_write(struct vhdx_target *vt, struct bio *bio)
{
	u32 block = vhdx_sector_block(vt, vhdx_bio_sector(vt, bio));
	u32 e = READ_ONCE(vt->bat[block]);

	if (!READ_ONCE(vt->may_overwrite))
		vhdx_end_bio(bio, BLK_STS_IOERR);
	else if (vhdx_e_present(e))
		vhdx_submit_present(vt, bio, e);
	else if (e & VHDX_E_PENDING)
		bio_list_add(&vhdx_find_alloc(vt, block)->waiting, bio);
	else
		vhdx_process_absent(vt, bio, block, e);
}

/* What there is to do for the worker. */
struct vhdx_worker_load {
	struct bio_list deferred;
	struct bio_list returned;
	struct list_head done;
	bool space_seen;
	bool space_found;
};

static void vhdx_worker_take(struct vhdx_target *vt,
			     struct vhdx_worker_load *load)
{
	bio_list_init(&load->deferred);
	bio_list_init(&load->returned);
	INIT_LIST_HEAD(&load->done);
	spin_lock_irq(&vt->lock);
	/* One that came after the look for a session is for the next run. */
	if (vt->session_open || vt->mode != VHDX_MODE_RW) {
		bio_list_merge(&load->deferred, &vt->deferred);
		bio_list_init(&vt->deferred);
	}
	bio_list_merge(&load->returned, &vt->returned);
	bio_list_init(&vt->returned);
	list_splice_init(&vt->done, &load->done);
	load->space_seen = vt->space_seen;
	load->space_found = vt->space_found;
	vt->space_seen = false;
	vt->space_found = false;
	spin_unlock_irq(&vt->lock);
}

/*
 * Does a write wait for a session?  It stays in its list until there is one: it
 * may have to wait for space, and a suspend with noflush takes it from there.
 */
static bool vhdx_session_is_due(struct vhdx_target *vt)
{
	bool due;

	spin_lock_irq(&vt->lock);
	due = !bio_list_empty(&vt->deferred) && !vt->session_open &&
	      vt->mode == VHDX_MODE_RW;
	spin_unlock_irq(&vt->lock);
	return due;
}

/**
 * vhdx_worker() - open the session, prepare and publish blocks
 * @work: the target's worker
 *
 * Context: alloc workqueue; never runs twice at once.
 */
void vhdx_worker(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(work, struct vhdx_target, worker);
	struct vhdx_worker_load load;
	struct vhdx_alloc *alloc, *next;
	struct blk_plug plug;
	struct bio *bio;

	if (vhdx_session_is_due(vt))
		vhdx_session_open(vt);	/* a failure has changed the mode */

	vhdx_worker_take(vt, &load);
	blk_start_plug(&plug);
	vhdx_space_was_there(vt, load.space_seen, load.space_found);
	while ((bio = bio_list_pop(&load.returned)))
		vhdx_wait_for_space(vt, &vt->no_space, bio);
	list_for_each_entry_safe(alloc, next, &load.done, list)
		vhdx_process_done(vt, alloc);
	while ((bio = bio_list_pop(&load.deferred)))
		vhdx_process_write(vt, bio);
	blk_finish_plug(&plug);
}
