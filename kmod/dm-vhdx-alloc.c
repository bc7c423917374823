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
 *   further writes to the block wait.  If it fails, the space is given back;
 *   nobody has seen it.
 *
 * Publishing makes the block usable; the next commit makes it durable.
 */
#include "dm-vhdx.h"

#define VHDX_SPACE_POLL_MS	1000
#define VHDX_SPACE_TIMEOUT_MS	60000
/* Tell that space is low when less than this part of the device is free. */
#define VHDX_LOW_SPACE_PART	32

/**
 * vhdx_defer() - leave a write to the worker
 * @vt: the target
 * @bio: a write within one block
 *
 * Context: any.
 */
void vhdx_defer(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->deferred, bio);
	spin_unlock_irqrestore(&vt->lock, flags);
	queue_work(vt->alloc_wq, &vt->worker);
}

/**
 * vhdx_hook_bio() - be told when a bio is done, instead of its owner
 * @bio: a bio that map has got from dm and that is not under way
 * @end_io: must call vhdx_unhook_bio() first
 * @arg: found in vhdx_hook(bio)->arg
 *
 * Context: any.
 */
void vhdx_hook_bio(struct bio *bio, bio_end_io_t *end_io, void *arg)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	hook->end_io = bio->bi_end_io;
	hook->private = bio->bi_private;
	hook->arg = arg;
	bio->bi_end_io = end_io;
}

/**
 * vhdx_unhook_bio() - undo vhdx_hook_bio(); bio_endio() goes to its owner again
 * @bio: the bio
 *
 * Context: any.
 */
void vhdx_unhook_bio(struct bio *bio)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	bio->bi_end_io = hook->end_io;
	bio->bi_private = hook->private;
}

static void vhdx_end_bio(struct bio *bio, blk_status_t status)
{
	bio->bi_status = status;
	bio_endio(bio);
}

/* A FUA write whose block is not durable yet: the data is written. */
static void vhdx_fua_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	if (bio->bi_status)
		bio_endio(bio);
	else
		vhdx_commit_bio(vt, bio);
}

/* Send a write on to its present block. */
static void vhdx_submit_present(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	if ((bio->bi_opf & REQ_FUA) && (e & VHDX_E_PENDING)) {
		/* The commit's flush covers the data as well. */
		bio->bi_opf &= ~REQ_FUA;
		vhdx_hook_bio(bio, vhdx_fua_end_io, vt);
	}
	vhdx_watch_fua(vt, bio);
	vhdx_remap(vt, bio, vhdx_bio_sector(vt, bio), e);
	submit_bio_noacct(bio);
}

/* ------------------------------------------------------------------------
 * Space
 */

static void vhdx_check_low_space(struct vhdx_target *vt)
{
	struct vhdx_space *space = &vt->image.space;
	u32 enough = max(space->size / VHDX_LOW_SPACE_PART,
			 4 * vhdx_block_mib(&vt->image.layout.geo));

	if (space->size - space->taken > enough) {
		vt->low_space_told = false;
	} else if (!vt->low_space_told) {
		vt->low_space_told = true;
		DMWARN("%pg: space is low, %u MiB left: extend the backing device",
		       vt->bdev, space->size - space->taken);
		dm_table_event(vt->ti->table);
	}
}

/* Take space for a block.  0: there is none. */
static u32 vhdx_take_space(struct vhdx_target *vt)
{
	struct vhdx_space *space = &vt->image.space;
	u32 count = vhdx_block_mib(&vt->image.layout.geo), mib;
	int r;

	mib = vhdx_space_find(space, vt->space_hint, count);
	if (!mib) {
		r = vhdx_image_grow(&vt->image);
		if (r == -ENOMEM && !vt->out_of_space)
			DMERR("%pg: no memory yet to use what the device has grown by",
			      vt->bdev);
		if (r)
			return 0;
		DMINFO("%pg: the backing device has grown to %u MiB", vt->bdev,
		       space->size);
		mib = vhdx_space_find(space, vt->space_hint, count);
		if (!mib)
			return 0;
	}
	vt->space_hint = mib + count;
	vhdx_space_claim(space, mib, count);
	vhdx_check_low_space(vt);
	return mib;
}

static void vhdx_give_space_back(struct vhdx_target *vt, u32 mib)
{
	vhdx_space_release(&vt->image.space, mib,
			   vhdx_block_mib(&vt->image.layout.geo));
	/* Nothing below the hint is large enough, but for this. */
	vt->space_hint = min(vt->space_hint, mib);
}

/* Is the space known to read as zeros?  Called before it is claimed. */
static bool vhdx_space_is_zero(const struct vhdx_target *vt, u32 mib, u32 end)
{
	return vt->zeroed_from_set && mib >= vt->zeroed_from_mib &&
	       mib >= vt->used_mib && mib >= end &&
	       mib + vhdx_block_mib(&vt->image.layout.geo) <= vt->zeroed_to_mib;
}

/* No space for @bio: queue it or fail it. */
static void vhdx_out_of_space(struct vhdx_target *vt, struct bio *bio)
{
	bool first, fail, requeue;

	spin_lock_irq(&vt->lock);
	first = !vt->out_of_space;
	vt->out_of_space = true;
	requeue = vt->requeue_no_space;
	fail = vt->error_if_no_space || vt->space_timed_out;
	if (!fail && !requeue)
		bio_list_add(&vt->no_space, bio);
	spin_unlock_irq(&vt->lock);

	if (first) {
		DMERR("%pg: no space left: extend the backing device%s",
		      vt->bdev, fail ? "" : ", writes wait for 60 seconds");
		vt->space_deadline = jiffies +
				     msecs_to_jiffies(VHDX_SPACE_TIMEOUT_MS);
		dm_table_event(vt->ti->table);
	}
	if (requeue)
		vhdx_end_bio(bio, BLK_STS_DM_REQUEUE);
	else if (fail)
		vhdx_end_bio(bio, BLK_STS_NOSPC);
	else
		queue_delayed_work(vt->alloc_wq, &vt->space_timer,
				   msecs_to_jiffies(VHDX_SPACE_POLL_MS));
}

static void vhdx_space_is_back(struct vhdx_target *vt)
{
	spin_lock_irq(&vt->lock);
	vt->out_of_space = false;
	vt->space_timed_out = false;
	spin_unlock_irq(&vt->lock);
	dm_table_event(vt->ti->table);
}

/**
 * vhdx_no_space_end() - complete the writes that wait for space
 * @vt: the target
 * @status: with what
 *
 * Context: process context.
 */
void vhdx_no_space_end(struct vhdx_target *vt, blk_status_t status)
{
	struct bio_list bios = BIO_EMPTY_LIST;
	struct bio *bio;

	spin_lock_irq(&vt->lock);
	bio_list_merge(&bios, &vt->no_space);
	bio_list_init(&vt->no_space);
	spin_unlock_irq(&vt->lock);
	while ((bio = bio_list_pop(&bios)))
		vhdx_end_bio(bio, status);
}

/**
 * vhdx_space_timer() - look whether writes that wait for space can go on
 * @work: the target's space timer
 *
 * Context: workqueue.
 */
void vhdx_space_timer(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(to_delayed_work(work),
					      struct vhdx_target, space_timer);

	if (time_after(jiffies, vt->space_deadline)) {
		DMERR("%pg: still no space, writes to new blocks fail now",
		      vt->bdev);
		WRITE_ONCE(vt->space_timed_out, true);
		vhdx_no_space_end(vt, BLK_STS_NOSPC);
		return;
	}
	/* The worker asks for space again, and comes back here if in vain. */
	spin_lock_irq(&vt->lock);
	bio_list_merge(&vt->deferred, &vt->no_space);
	bio_list_init(&vt->no_space);
	spin_unlock_irq(&vt->lock);
	queue_work(vt->alloc_wq, &vt->worker);
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
	r = vhdx_io_zero(vt->bdev, start, from);
	if (!r)
		r = vhdx_io_zero(vt->bdev, start + to,
				 ((vhdx_block_mask(vt) + 1) << SECTOR_SHIFT) - to);
	if (r) {
		alloc->status = errno_to_blk_status(r);
		vhdx_alloc_prepared(alloc);
		return;
	}
	/* The commit will see to a FUA write's being durable. */
	vhdx_hook_bio(bio, vhdx_alloc_end_io, alloc);
	vhdx_remap(vt, bio, vhdx_bio_sector(vt, bio),
		   vhdx_e_make(VHDX_BLOCK_FULL, alloc->mib));
	bio->bi_opf &= ~REQ_FUA;
	submit_bio_noacct(bio);
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

/* Exposed space is prepared, or that failed: let the writes go on. */
static void vhdx_process_done(struct vhdx_target *vt, struct vhdx_alloc *alloc)
{
	u32 block = alloc->block, e = READ_ONCE(vt->bat[block]);
	struct bio_list waiting = alloc->waiting;
	struct bio *bio = alloc->bio;
	bool fua = alloc->fua;

	list_del(&alloc->list);
	hash_del(&alloc->hash);
	if (alloc->status) {
		/* An anchor stays with its block. */
		if (alloc->mib != vhdx_e_mib(e))
			vhdx_give_space_back(vt, alloc->mib);
		WRITE_ONCE(vt->bat[block], e & ~VHDX_E_PENDING);
		vhdx_end_bio(bio, alloc->status);
		mempool_free(alloc, &vt->alloc_pool);
	} else {
		vt->image.allocated_blocks++;
		vhdx_commit_add(vt, alloc, true);
		if (fua)
			vhdx_commit_bio(vt, bio);
		else
			bio_endio(bio);
	}
	while ((bio = bio_list_pop(&waiting)))
		vhdx_process_write(vt, bio);
}

/* ------------------------------------------------------------------------
 * The worker
 */

/*
 * NULL: no memory, and @bio waits for some.  Then the whole reserve is in use,
 * by blocks that the commit below frees or that will be reported as prepared;
 * both start the worker again.
 */
static struct vhdx_alloc *vhdx_new_alloc(struct vhdx_target *vt, u32 block,
					 struct bio *bio)
{
	struct vhdx_alloc *alloc = mempool_alloc(&vt->alloc_pool,
						 GFP_NOWAIT | __GFP_NOWARN);

	if (!alloc) {
		spin_lock_irq(&vt->lock);
		bio_list_add(&vt->deferred, bio);
		spin_unlock_irq(&vt->lock);
		queue_work(vt->commit_wq, &vt->commit);
		return NULL;
	}
	memset(alloc, 0, sizeof(*alloc));
	alloc->vt = vt;
	alloc->block = block;
	return alloc;
}

/* A write to an absent block. */
static void vhdx_process_absent(struct vhdx_target *vt, struct bio *bio,
				u32 block, u32 e)
{
	u32 end = vt->image.space.end, mib = vhdx_e_mib(e);
	bool anchored = mib, zero;
	struct vhdx_alloc *alloc;

	alloc = vhdx_new_alloc(vt, block, bio);
	if (!alloc)
		return;
	/* An anchor is the block's own old space. */
	if (!anchored)
		mib = vhdx_take_space(vt);
	if (!mib) {
		mempool_free(alloc, &vt->alloc_pool);
		vhdx_out_of_space(vt, bio);
		return;
	}
	if (unlikely(vt->out_of_space && !anchored))
		vhdx_space_is_back(vt);

	alloc->mib = mib;
	zero = !anchored && vhdx_space_is_zero(vt, mib, end);
	if (zero) {
		vt->image.allocated_blocks++;
		vhdx_commit_add(vt, alloc, false);
		vhdx_submit_present(vt, bio, READ_ONCE(vt->bat[block]));
		return;
	}

	alloc->bio = bio;
	alloc->fua = bio->bi_opf & REQ_FUA;
	bio_list_init(&alloc->waiting);
	hash_add(vt->allocs, &alloc->hash, block);
	WRITE_ONCE(vt->bat[block], e | VHDX_E_PENDING);
	spin_lock_irq(&vt->lock);
	vt->stats.zeroed++;
	spin_unlock_irq(&vt->lock);
	INIT_WORK(&alloc->work, vhdx_alloc_work);
	queue_work(vt->commit_wq, &alloc->work);
}

/* Any write that was deferred. */
static void vhdx_process_write(struct vhdx_target *vt, struct bio *bio)
{
	u32 block = vhdx_sector_block(vt, vhdx_bio_sector(vt, bio));
	u32 e = READ_ONCE(vt->bat[block]);

	if (!vt->may_overwrite)
		vhdx_end_bio(bio, BLK_STS_IOERR);
	else if (vhdx_e_present(e))
		vhdx_submit_present(vt, bio, e);
	else if (e & VHDX_E_PENDING)
		bio_list_add(&vhdx_find_alloc(vt, block)->waiting, bio);
	else
		vhdx_process_absent(vt, bio, block, e);
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
	struct bio_list bios = BIO_EMPTY_LIST;
	struct vhdx_alloc *alloc, *next;
	struct blk_plug plug;
	LIST_HEAD(done);
	struct bio *bio;

	spin_lock_irq(&vt->lock);
	bio_list_merge(&bios, &vt->deferred);
	bio_list_init(&vt->deferred);
	list_splice_init(&vt->done, &done);
	spin_unlock_irq(&vt->lock);

	if (!bio_list_empty(&bios) && !vt->session_open &&
	    vt->mode == VHDX_MODE_RW)
		vhdx_session_open(vt);	/* a failure has changed the mode */

	blk_start_plug(&plug);
	list_for_each_entry_safe(alloc, next, &done, list)
		vhdx_process_done(vt, alloc);
	while ((bio = bio_list_pop(&bios)))
		vhdx_process_write(vt, bio);
	blk_finish_plug(&plug);
}
