// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving bios to the worker, and waiting for memory.
 */
#include "dm-vhdx.h"

/**
 * vhdx_defer() - leave a bio to the worker
 * @vt: the target
 * @bio: a write within one block, or a discard or zeroes; its block will be
 *       looked at again
 *
 * Context: any.
 */
void vhdx_defer(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	vhdx_hook(bio)->waited = false;
	vhdx_stat_add(&vt->stats, VHDX_STAT_DEFERRED, 1);
	vhdx_flight_end(vt, bio);
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->deferred, bio);
	spin_unlock_irqrestore(&vt->lock, flags);
	queue_work(vt->alloc_wq, &vt->worker);
}

/**
 * vhdx_no_session() - there is none for a bio that the worker has
 * @vt: the target
 * @bio: as for vhdx_defer()
 *
 * It has been closed meanwhile, and the worker opens another one; unless the mode
 * has changed, when there will be none.
 *
 * Context: worker.
 */
void vhdx_no_session(struct vhdx_target *vt, struct bio *bio)
{
	if (READ_ONCE(vt->mode) == VHDX_MODE_RW)
		vhdx_defer(vt, bio);
	else
		vhdx_end_bio(bio, BLK_STS_IOERR);
}

/**
 * vhdx_starve() - let a bio wait for memory, or for space that becomes free
 * @vt: the target
 * @bio: as for vhdx_defer()
 *
 * Then the whole reserve is in use: by changes that are dirty, which a commit
 * frees, by blocks that are being prepared, or by space in limbo, or that a block
 * moves to.  Whoever frees some of it looks here, after it has counted down.  If
 * nothing is in use it has been freed since @bio has looked, and it looks again.
 *
 * Context: process context.
 */
void vhdx_starve(struct vhdx_target *vt, struct bio *bio)
{
	vhdx_stat_add(&vt->stats, VHDX_STAT_STARVED, 1);
	vhdx_flight_end(vt, bio);
	spin_lock_irq(&vt->lock);
	if (READ_ONCE(vt->nr_dirty) || READ_ONCE(vt->nr_preparing) ||
	    READ_ONCE(vt->limbo_mib) || READ_ONCE(vt->move_mib) ||
	    READ_ONCE(vt->moving) != VHDX_NO_BLOCK) {
		bio_list_add(&vt->starved, bio);
		queue_work(vt->commit_wq, &vt->commit);
	} else {
		bio_list_add(&vt->deferred, bio);
		queue_work(vt->alloc_wq, &vt->worker);
	}
	spin_unlock_irq(&vt->lock);
}

/**
 * vhdx_wait_for_move() - let a bio wait until its block has moved
 * @vt: the target
 * @bio: as for vhdx_defer(); its block is moving
 *
 * Context: worker; the publish mutex is held, so the move does not end meanwhile.
 */
void vhdx_wait_for_move(struct vhdx_target *vt, struct bio *bio)
{
	lockdep_assert_held(&vt->publish);
	spin_lock_irq(&vt->lock);
	bio_list_add(&vt->move_waiting, bio);
	spin_unlock_irq(&vt->lock);
}

/* What do writes whose data is there wait for? */
static void vhdx_hurry_landed(struct vhdx_target *vt)
{
	lockdep_assert_held(&vt->lock);
	/* No commit goes on and on meanwhile, for nothing. */
	if (READ_ONCE(vt->moving_chunk) != VHDX_NO_BLOCK)
		return;
	if (vt->session == VHDX_SESSION_OPEN &&
	    (READ_ONCE(vt->nr_dirty) || READ_ONCE(vt->nr_preparing)))
		queue_work(vt->commit_wq, &vt->commit);
	else if (vt->session != VHDX_SESSION_CLOSING)
		queue_work(vt->alloc_wq, &vt->worker);
}

/**
 * vhdx_starve_landed() - let writes wait until their bits can be set
 * @vt: the target
 * @landed: their data is there; empty afterwards
 *
 * Like vhdx_starve(), but they keep what they have: the move of a block may wait for
 * that, so they do not wait for it; that of a sector bitmap does not, and wakes them.
 *
 * Context: process context.
 */
void vhdx_starve_landed(struct vhdx_target *vt, struct bio_list *landed)
{
	spin_lock_irq(&vt->lock);
	bio_list_merge_head(&vt->landed, landed);
	vhdx_hurry_landed(vt);
	spin_unlock_irq(&vt->lock);
	bio_list_init(landed);
}

/**
 * vhdx_wake_starved() - memory was freed: let who waits for it try again
 * @vt: the target
 *
 * Context: any; vt->lock is held.
 */
void vhdx_wake_starved(struct vhdx_target *vt)
{
	lockdep_assert_held(&vt->lock);
	if (unlikely(!bio_list_empty(&vt->landed)))
		queue_work(vt->alloc_wq, &vt->worker);
	if (likely(bio_list_empty(&vt->starved)))
		return;
	bio_list_merge(&vt->deferred, &vt->starved);
	bio_list_init(&vt->starved);
	queue_work(vt->alloc_wq, &vt->worker);
}

/**
 * vhdx_new_change() - get memory for a change
 * @vt: the target
 * @block: of this block
 * @bio: which asks for it; if there is no memory it waits for some
 *
 * Context: worker.
 * Return: the change, or NULL.
 */
struct vhdx_change *vhdx_new_change(struct vhdx_target *vt, u32 block,
				    struct bio *bio)
{
	struct vhdx_change *change = mempool_alloc(&vt->change_pool,
						   GFP_NOWAIT | __GFP_NOWARN);

	if (unlikely(!change)) {
		vhdx_starve(vt, bio);
		return NULL;
	}
	memset(change, 0, sizeof(*change));
	change->vt = vt;
	change->block = block;
	return change;
}

/**
 * vhdx_free_change() - give memory back that was not needed
 * @vt: the target
 * @change: from vhdx_new_change()
 *
 * Context: process context.
 */
void vhdx_free_change(struct vhdx_target *vt, struct vhdx_change *change)
{
	mempool_free(change, &vt->change_pool);
	spin_lock_irq(&vt->lock);
	vhdx_wake_starved(vt);
	spin_unlock_irq(&vt->lock);
}
