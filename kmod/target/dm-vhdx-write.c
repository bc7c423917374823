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
#include "dm-vhdx-gate.h"

/* ------------------------------------------------------------------------
 * Writes to present blocks
 */

/**
 * vhdx_return_write() - there was no space for a write: the worker sees to it
 * @vt: the target
 * @bio: the write, ready to be sent again
 *
 * Context: any.
 */
void vhdx_return_write(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	vhdx_hook(bio)->waited = true;
	vhdx_flight_end(vt, bio);
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->returned, bio);
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

/**
 * vhdx_tell_space() - there was space for a write
 * @vt: the target
 * @waited: for one that had found none before
 *
 * Context: any.
 */
void vhdx_tell_space(struct vhdx_target *vt, bool waited)
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

/**
 * vhdx_remap_new() - make a write ready to be sent on to its present block
 * @vt: the target
 * @bio: the write, within its block
 * @e: the block's entry
 *
 * Unlike one that is merely remapped, it waits if the device has no space for it.
 *
 * Context: any.
 */
void vhdx_remap_new(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	vhdx_hook_bio(bio, vhdx_write_end_io, vt);
	/* Then a commit follows, whose flush covers the data as well. */
	if ((bio->bi_opf & REQ_FUA) &&
	    ((e & VHDX_E_PENDING) || !vhdx_io_fua(&vt->image.backing)))
		bio->bi_opf &= ~REQ_FUA;
	vhdx_remap_any(vt, bio, vhdx_bio_sector(vt, bio), e);
}

/* ------------------------------------------------------------------------
 * New blocks
 */

/* What writes to the device have said about space below it. */
static void vhdx_space_was_there(struct vhdx_target *vt, bool seen, bool found)
{
	if (likely(!READ_ONCE(vt->no_space.lacking)))
		return;
	if (found)
		vhdx_nospace_found(&vt->no_space, vt->bdev);
	else if (seen)
		vhdx_nospace_seen(&vt->no_space, vt->bdev);
}

static void vhdx_publish(struct vhdx_target *vt, struct vhdx_change *spare,
			 u32 block, u32 mib, bool exposed)
{
	vhdx_txn_publish(vt, spare, block, mib, exposed);
	vhdx_commit_soon(vt, vt->nr_dirty - 1);
}

/**
 * vhdx_map_new_block() - map's try at a write to an absent block
 * @vt: the target
 * @bio: the write, within its block
 * @block: the block; absent when the caller looked
 *
 * Whoever finds space that is known to be zero, and nobody else at work, needs no
 * worker.
 *
 * Context: process context, does not sleep.
 * Return: true if @bio is ready to be sent on; false: leave it to the worker.
 */
bool vhdx_map_new_block(struct vhdx_target *vt, struct bio *bio, u32 block)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct vhdx_change *spare = NULL;
	u32 e, mib = 0;

	/* Of a VHD image its bitmap has to be written first. */
	if (vt->image.is_vhd || !vhdx_gate_try())
		return false;
	if (!mutex_trylock(&vt->publish)) {
		vhdx_gate_leave();
		return false;
	}
	e = vt->bat[block];
	/* Neither present, nor being prepared, nor with an anchor. */
	if (vhdx_e_zeros(e) && !(e & VHDX_E_PENDING) && !vhdx_e_mib(e) &&
	    vhdx_session_may_write(vt)) {
		if (!vhdx_txn_has(vt, block) && vhdx_txn_has_room(vt, 1))
			spare = mempool_alloc(&vt->change_pool, gfp);
		if (spare || vhdx_txn_has(vt, block))
			mib = vhdx_take_simply(vt, true);
		if (mib)
			vhdx_publish(vt, spare, block, mib, false);
		else if (spare)
			mempool_free(spare, &vt->change_pool);
	}
	e = vt->bat[block];
	mutex_unlock(&vt->publish);
	vhdx_gate_leave();
	if (!mib)
		return false;
	vhdx_hook(bio)->waited = false;
	vhdx_remap_new(vt, bio, e);
	return true;
}

/*
 * Is some space about to become free?  Whoever moves a block has taken some, and
 * gives that back, or the old place; if the block is freed meanwhile, both.
 */
static bool vhdx_space_is_coming(const struct vhdx_target *vt)
{
	return vt->limbo_mib || vt->moving != VHDX_NO_BLOCK || vt->move_mib;
}

/*
 * A write to an absent block.  Returns true if it is present now, and the write
 * can be sent on; false: it waits, or is done.
 */
static bool vhdx_process_absent(struct vhdx_target *vt, struct bio *bio,
				u32 block)
{
	u32 end = vt->image.space.end, mib = vhdx_e_mib(vt->bat[block]);
	bool anchored = mib;
	struct vhdx_change *change;

	if (!vhdx_txn_has(vt, block) && !vhdx_txn_has_room(vt, 1)) {
		vhdx_starve(vt, bio);
		return false;
	}
	change = vhdx_new_change(vt, block, bio);
	if (!change)
		return false;
	/* An anchor is the block's own old space. */
	if (!anchored)
		mib = vhdx_take_space(vt);
	if (!mib) {
		/* Nobody has missed it; those that wait for space would wake each other. */
		mempool_free(change, &vt->change_pool);
		if (vhdx_space_is_coming(vt))
			vhdx_starve(vt, bio);
		else
			vhdx_wait_for_place(vt, bio);
		return false;
	}
	if (unlikely(READ_ONCE(vt->no_room.lacking) && !anchored))
		vhdx_nospace_found(&vt->no_room, vt->bdev);

	change->is_zero = !anchored && vhdx_space_is_zero(vt, mib, end);
	if (!change->is_zero || vt->image.is_vhd) {
		change->mib = mib;
		vhdx_prepare_block(vt, change, bio);
		return false;
	}
	vhdx_publish(vt, change, block, mib, false);
	return true;
}

/*
 * A write to a block of which the image has nothing, and parents something.  As
 * vhdx_process_absent().
 */
static bool vhdx_process_inherited(struct vhdx_target *vt, struct bio *bio,
				   u32 block)
{
	int r = vhdx_part_begin(vt, block);

	if (!r && unlikely(READ_ONCE(vt->no_room.lacking)))
		vhdx_nospace_found(&vt->no_room, vt->bdev);
	if (!r)
		return true;
	if (r == -ESTALE) {
		vhdx_defer(vt, bio);
	} else if (r == -EAGAIN || (r == -EFBIG && vhdx_space_is_coming(vt))) {
		vhdx_starve(vt, bio);
	} else if (r == -EFBIG) {
		vhdx_wait_for_place(vt, bio);
	} else if (r == -ENOSPC) {
		/* When it is written it tells that there is some. */
		vhdx_hook(bio)->waited = true;
		vhdx_wait_for_space(vt, &vt->no_space, bio);
	} else {
		vhdx_end_bio(bio, errno_to_blk_status(r));
	}
	return false;
}

/* A discard, or zeroes.  Returns true if there is something to zero or discard. */
static bool vhdx_process_discard(struct vhdx_target *vt, struct bio *bio,
				 u32 block, u32 e)
{
	bool zeroes = bio_op(bio) == REQ_OP_WRITE_ZEROES;

	if (vhdx_e_has_space(e))
		return true;
	if (zeroes && vhdx_e_inherits(e))
		return vhdx_process_inherited(vt, bio, block);
	if (zeroes && (e & VHDX_E_PENDING))
		bio_list_add(&vhdx_prepare_find(vt, block)->waiting, bio);
	else
		vhdx_discard_done(vt, bio);
	return false;
}

/*
 * Where a deferred bio goes.  Returns true if its block is present, and *@e the
 * entry, which it has a flight for; false: it waits, or is done.
 */
static bool vhdx_process_block(struct vhdx_target *vt, struct bio *bio, u32 *e)
{
	u32 block = vhdx_sector_block(vt, vhdx_bio_sector(vt, bio));
	bool send;

	lockdep_assert_held(&vt->publish);
	*e = vt->bat[block];
	if (!vhdx_session_may_write(vt)) {
		vhdx_no_session(vt, bio);
		return false;
	}
	if (unlikely(vhdx_is_moving(vt, block))) {
		vhdx_wait_for_move(vt, bio);
		send = false;
	} else if (bio_op(bio) != REQ_OP_WRITE) {
		send = vhdx_process_discard(vt, bio, block, *e);
	} else if (vhdx_e_has_space(*e)) {
		send = true;
	} else if (vhdx_e_inherits(*e)) {
		send = vhdx_process_inherited(vt, bio, block);
	} else if (*e & VHDX_E_PENDING) {
		bio_list_add(&vhdx_prepare_find(vt, block)->waiting, bio);
		send = false;
	} else {
		send = vhdx_process_absent(vt, bio, block);
	}
	*e = vt->bat[block];
	if (send && vt->frees)
		vhdx_flight_begin(vt, bio);
	return send;
}

/* Any bio that was deferred. */
static void vhdx_process_write(struct vhdx_target *vt, struct bio *bio)
{
	bool send;
	u32 e;

	if (vhdx_discard_is_whole(vt, bio)) {
		vhdx_discard_blocks(vt, bio);
		return;
	}
	mutex_lock(&vt->publish);
	send = vhdx_process_block(vt, bio, &e);
	mutex_unlock(&vt->publish);
	if (!send)
		return;
	if (bio_op(bio) != REQ_OP_WRITE) {
		vhdx_discard_part(vt, bio, e);
		return;
	}
	if ((e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL)
		vhdx_part_remap(vt, bio, e);
	else
		vhdx_remap_new(vt, bio, e);
	dm_submit_bio_remap(bio, NULL);
}

/* Exposed space could not be prepared. */
static void vhdx_prepare_failed(struct vhdx_target *vt, struct vhdx_change *change)
{
	bool no_space = change->status == BLK_STS_NOSPC;
	struct bio_list waiting;
	struct bio *bio = change->bio;

	mutex_lock(&vt->publish);
	if (!no_space && vhdx_prepare_again(vt, change)) {
		mutex_unlock(&vt->publish);
		return;
	}
	vhdx_prepare_end(vt, change);
	mutex_unlock(&vt->publish);

	waiting = change->waiting;
	if (no_space) {
		vhdx_hook(bio)->waited = true;
		vhdx_wait_for_space(vt, &vt->no_space, bio);
	} else {
		vhdx_end_bio(bio, change->status);
	}
	vhdx_free_change(vt, change);
	while ((bio = bio_list_pop(&waiting))) {
		if (no_space)
			vhdx_wait_for_space(vt, &vt->no_space, bio);
		else
			vhdx_process_write(vt, bio);
	}
}

/*
 * Exposed space is prepared, or that failed: let the writes go on.  Returns false if
 * there is no room for it in the running transaction.
 */
static bool vhdx_process_done(struct vhdx_target *vt, struct vhdx_change *change)
{
	struct bio_list waiting = change->waiting;
	struct bio *bio = change->bio;

	/* There will be no further transaction. */
	if (vt->chain && READ_ONCE(vt->mode) != VHDX_MODE_RW && !change->status)
		change->status = BLK_STS_IOERR;
	if (unlikely(change->status)) {
		list_del(&change->list);
		vhdx_prepare_failed(vt, change);
		return true;
	}
	mutex_lock(&vt->publish);
	if (!vhdx_txn_has(vt, change->block) && !vhdx_txn_has_room(vt, 1)) {
		mutex_unlock(&vt->publish);
		return false;
	}
	list_del(&change->list);
	vhdx_space_was_there(vt, true, vhdx_hook(bio)->waited);
	vhdx_prepare_end(vt, change);
	vhdx_publish(vt, change, change->block, change->mib, true);
	mutex_unlock(&vt->publish);
	if (vhdx_hook(bio)->opf & REQ_FUA)
		vhdx_commit_bio(vt, bio);
	else
		bio_endio(bio);
	while ((bio = bio_list_pop(&waiting)))
		vhdx_process_write(vt, bio);
	return true;
}

/*
 * Blocks that are prepared wait for the next transaction.  As in vhdx_starve(), it
 * may have begun since there was no room: then no commit would wake them.
 */
static void vhdx_wait_for_room(struct vhdx_target *vt, struct list_head *done)
{
	spin_lock_irq(&vt->lock);
	list_splice(done, &vt->done);
	if (READ_ONCE(vt->nr_dirty))
		queue_work(vt->commit_wq, &vt->commit);
	else
		queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
}

/* ------------------------------------------------------------------------
 * The worker
 */

/* What there is to do for the worker. */
struct vhdx_worker_load {
	struct bio_list deferred;
	struct bio_list returned;
	struct bio_list landed;
	struct list_head done;
	bool space_seen;
	bool space_found;
};

static void vhdx_worker_take(struct vhdx_target *vt,
			     struct vhdx_worker_load *load)
{
	bio_list_init(&load->deferred);
	bio_list_init(&load->returned);
	bio_list_init(&load->landed);
	INIT_LIST_HEAD(&load->done);
	spin_lock_irq(&vt->lock);
	/* One that came after the look for a session is for the next run. */
	if (vt->session == VHDX_SESSION_OPEN || vt->mode != VHDX_MODE_RW) {
		bio_list_merge(&load->deferred, &vt->deferred);
		bio_list_init(&vt->deferred);
		bio_list_merge(&load->landed, &vt->landed);
		bio_list_init(&vt->landed);
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
 * Does a write, or a move, wait for a session?  A write stays in its list until there
 * is one: it may have to wait for space, and a suspend with noflush takes it from there.
 */
static bool vhdx_session_is_due(struct vhdx_target *vt)
{
	bool due;

	spin_lock_irq(&vt->lock);
	due = (!bio_list_empty(&vt->deferred) ||
	       !bio_list_empty(&vt->landed) || vt->open_asked) &&
	      vt->session == VHDX_SESSION_CLOSED && vt->mode == VHDX_MODE_RW;
	vt->open_asked = false;
	spin_unlock_irq(&vt->lock);
	return due;
}

/**
 * vhdx_worker() - open the session, prepare and publish blocks
 * @work: the target's worker
 *
 * Context: change workqueue; never runs twice at once.
 */
void vhdx_worker(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(work, struct vhdx_target, worker);
	struct vhdx_worker_load load;
	struct vhdx_change *change, *next;
	struct blk_plug plug;
	struct bio *bio;

	vhdx_gate_enter();
	if (vhdx_session_is_due(vt))
		vhdx_session_open(vt);	/* a failure has changed the mode */
	if (vt->image.is_vhd)
		vhd_session_grow(vt);

	vhdx_worker_take(vt, &load);
	blk_start_plug(&plug);
	vhdx_space_was_there(vt, load.space_seen, load.space_found);
	while ((bio = bio_list_pop(&load.returned)))
		vhdx_wait_for_space(vt, &vt->no_space, bio);
	vhdx_part_publish(vt, &load.landed);
	list_for_each_entry_safe(change, next, &load.done, list)
		if (!vhdx_process_done(vt, change))
			break;
	if (unlikely(!list_empty(&load.done)))
		vhdx_wait_for_room(vt, &load.done);
	while ((bio = bio_list_pop(&load.deferred)))
		vhdx_process_write(vt, bio);
	blk_finish_plug(&plug);
	vhdx_gate_leave();
}
