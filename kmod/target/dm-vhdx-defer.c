// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving writes to the worker.
 */
#include "dm-vhdx.h"

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

	vhdx_hook(bio)->waited = false;
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->deferred, bio);
	spin_unlock_irqrestore(&vt->lock, flags);
	queue_work(vt->alloc_wq, &vt->worker);
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
	if (likely(bio_list_empty(&vt->starved)))
		return;
	bio_list_merge(&vt->deferred, &vt->starved);
	bio_list_init(&vt->starved);
	queue_work(vt->alloc_wq, &vt->worker);
}
