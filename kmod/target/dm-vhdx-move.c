// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: moving blocks
 *
 * A block is moved to lower space, so that what is behind the last one can be given
 * up, while the disk is in use:
 *
 *   1. the lowest free space is taken, and the block is *moving*: its pending bit is
 *      set, which writes find and wait.  Reads go on;
 *   2. flights land: among them are writes that have looked at the entry before;
 *   3. it is copied, a MiB at a time;
 *   4. its new place is published, in the running transaction, and the old one is in
 *      limbo there, as of a block that is freed; writes go on.
 *
 * The commit flushes before it logs the entry, as for any space that may hold
 * anything: so a power cut leaves the old place, untouched, or the new one with all
 * of the data.  A block with nothing but zeros is freed instead, if that is wanted.
 *
 * A sector bitmap of a differencing image moves in the same way.  Its bits are *held*:
 * nobody changes them, and whoever wants to waits.  What is in core of them is newer
 * than what would be copied, and the log would have it written to the old place, or a
 * replay of it.  So all of that is committed and checkpointed first; then nothing of the
 * bitmap is in core, nothing of it is in the log, and no replay from the next entry on
 * knows the old place.  The copy is flushed before it is published.
 *
 * It is done in the context of the message that asks for it, which dm waits for when
 * it suspends; when it removes a device, that is left to vhdx_move_wait().
 *
 * From 1 to 4 nothing needs new memory but what a transaction has a reserve for:
 * pages may be waiting to be cleaned by a write to this very block.
 */
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"
#include "dm-vhdx-trace.h"

/* So much is copied at once; no block is smaller. */
#define VHDX_MOVE_BYTES		SZ_1M
/* For a session, or memory. */
#define VHDX_MOVE_TRIES		16

/**
 * struct vhdx_move - a block that is moved, or a sector bitmap
 * @nr: payload block; of a bitmap the chunk
 * @is_bitmap: which of them
 * @from: MiB, where it is; 0: it has no space
 * @to: MiB, where it is going to be; 0: there is nothing lower
 * @zeros: nothing but zeros was found so far, and that is looked for
 * @moved: it has moved
 * @bad_place: @to cannot be written
 * @buf: VHDX_MOVE_BYTES
 */
struct vhdx_move {
	u32 nr;
	bool is_bitmap;
	u32 from;
	u32 to;
	bool zeros;
	bool moved;
	bool bad_place;
	void *buf;
};

/**
 * vhdx_move_hold() - are blocks to stay where they are?
 * @vt: the target
 * @held: yes: it is about to be suspended; no: it is in use
 *
 * Context: process context.
 */
void vhdx_move_hold(struct vhdx_target *vt, bool held)
{
	mutex_lock(&vt->publish);
	WRITE_ONCE(vt->moves_held, held);
	mutex_unlock(&vt->publish);
}

/**
 * vhdx_move_wait() - wait until no block is being moved
 * @vt: the target; vhdx_move_hold()
 *
 * Whoever suspends a device waits for messages.  Whoever removes it suspends its
 * targets, too, but waits for messages only after that.
 *
 * Context: may sleep; suspending.
 */
void vhdx_move_wait(struct vhdx_target *vt)
{
	wait_event_idle(vt->move_wait, !READ_ONCE(vt->move_busy));
}

/* Is there a reason not to go on? */
static int vhdx_move_check(const struct vhdx_target *vt)
{
	if (READ_ONCE(vt->moves_held))
		return -EAGAIN;
	if (READ_ONCE(vt->mode) != VHDX_MODE_RW)
		return -EROFS;
	/* Whatever waits for that may have to be handed back. */
	if (READ_ONCE(vt->no_meta_space.lacking))
		return -ENOSPC;
	return signal_pending(current) ? -EINTR : 0;
}

/* ------------------------------------------------------------------------
 * Beginning
 */

static u32 vhdx_move_count(const struct vhdx_target *vt, const struct vhdx_move *move)
{
	return move->is_bitmap ? 1 : vhdx_block_mib(&vt->image.layout.geo);
}

static u32 vhdx_move_place(const struct vhdx_target *vt, const struct vhdx_move *move)
{
	if (move->is_bitmap)
		return vt->chain ? vt->image.bitmap[move->nr] : 0;
	return vhdx_e_has_space(vt->bat[move->nr]) ? vhdx_e_mib(vt->bat[move->nr]) : 0;
}

/* Returns 1 if it is moving, 0 if it stays, -ESTALE if there is no session. */
static int vhdx_move_try_begin(struct vhdx_target *vt, struct vhdx_move *move)
{
	lockdep_assert_held(&vt->publish);
	move->from = vhdx_move_place(vt, move);
	/* No image gets dirty for that. */
	if (!move->from)
		return 0;
	if (!vhdx_session_may_write(vt))
		return -ESTALE;
	/* Where parents show through there is nothing to look for. */
	move->zeros = move->zeros && vhdx_e_present(vt->bat[move->nr]);
	move->to = move->is_bitmap ? vhdx_take_bitmap_below(vt, move->from) :
				     vhdx_take_below(vt, move->from);
	if (!move->to && !move->zeros)
		return 0;
	WRITE_ONCE(vt->move_mib, move->to);
	if (move->is_bitmap) {
		WRITE_ONCE(vt->moving_chunk, move->nr);
		return 1;
	}
	trace_vhdx_move_begin(vt->bdev, move->nr, move->from, move->to);
	vhdx_txn_begin_move(vt, move->nr);
	return 1;
}

/* Have the worker open a session, which alone may do so. */
static void vhdx_move_open_session(struct vhdx_target *vt)
{
	/* It may be closing one. */
	flush_work(&vt->commit);
	spin_lock_irq(&vt->lock);
	vt->open_asked = vt->session == VHDX_SESSION_CLOSED;
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
	flush_work(&vt->worker);
}

static int vhdx_move_begin(struct vhdx_target *vt, struct vhdx_move *move)
{
	unsigned int tries;
	int r = 0;

	for (tries = 0; !r && tries < VHDX_MOVE_TRIES; tries++) {
		vhdx_gate_enter();
		mutex_lock(&vt->publish);
		r = vhdx_move_try_begin(vt, move);
		mutex_unlock(&vt->publish);
		vhdx_gate_leave();
		if (r != -ESTALE)
			return r;
		r = vhdx_move_check(vt);
		if (!r)
			vhdx_move_open_session(vt);
	}
	return r ?: -EIO;
}

/* All of a bitmap's bits are on the device, and nothing is left of them in the log. */
static int vhdx_move_evict(struct vhdx_target *vt, const struct vhdx_move *move)
{
	unsigned int tries;
	bool gone;
	int r = 0;

	for (tries = 0; !r && tries < VHDX_MOVE_TRIES; tries++) {
		mutex_lock(&vt->publish);
		gone = vhdx_bits_evict(vt->chain, move->from);
		mutex_unlock(&vt->publish);
		if (gone)
			return 0;
		spin_lock_irq(&vt->lock);
		vt->checkpoint_asked = true;
		queue_work(vt->commit_wq, &vt->commit);
		spin_unlock_irq(&vt->lock);
		flush_work(&vt->commit);
		r = vhdx_move_check(vt);
	}
	return r ?: -EIO;
}

/* It is as it is going to be copied. */
static int vhdx_move_settle(struct vhdx_target *vt, const struct vhdx_move *move)
{
	if (move->is_bitmap)
		return vhdx_move_evict(vt, move);
	/* Who has looked at the entry before may be about to write. */
	synchronize_srcu(&vt->flights);
	return 0;
}

/* ------------------------------------------------------------------------
 * Copying
 */

/* A block may be freed meanwhile. */
static bool vhdx_move_goes_on(const struct vhdx_target *vt, const struct vhdx_move *move)
{
	return move->is_bitmap || vhdx_is_moving(vt, move->nr);
}

/* @off: bytes from the start of the block. */
static int vhdx_move_write(struct vhdx_target *vt, struct vhdx_move *move, u64 off)
{
	struct vhdx_backing *backing = &vt->image.backing;
	u64 to = (u64)move->to << 20;
	int r = 0;

	/* Zeros were found before this, and not written. */
	if (move->zeros)
		r = vhdx_io_zero(backing, to, off, true);
	move->zeros = false;
	if (!r)
		r = vhdx_io_write(backing, to + off, move->buf, VHDX_MOVE_BYTES);
	move->bad_place = r && r != -ENOSPC && r != -EINTR;
	return move->bad_place ? -EIO : r;
}

/*
 * What a device calls its errors is its own affair: to who has asked for the move some of
 * them say something else.
 *
 * Returns 1 if there is no need to go on: it stays.
 */
static int vhdx_move_piece(struct vhdx_target *vt, struct vhdx_move *move, u64 off)
{
	int r = vhdx_io_read(&vt->image.backing, ((u64)move->from << 20) + off,
			     move->buf, VHDX_MOVE_BYTES);

	if (r)
		return -EIO;
	if (move->zeros && !memchr_inv(move->buf, 0, VHDX_MOVE_BYTES))
		return 0;
	return move->to ? vhdx_move_write(vt, move, off) : 1;
}

/*
 * A bitmap's new place is what committed blocks are read by at once.  If it were flushed
 * only with the entry, a device that fails that may drop it.
 */
static int vhdx_move_secure(struct vhdx_target *vt, const struct vhdx_move *move)
{
	if (!move->is_bitmap || !vhdx_image_flush(&vt->image))
		return 0;
	/* It is the commit work that draws the conclusion. */
	queue_work(vt->commit_wq, &vt->commit);
	flush_work(&vt->commit);
	return -EROFS;
}

/* Returns 0, 1 if it stays, -ESTALE if it was freed, or another negative errno. */
static int vhdx_move_copy(struct vhdx_target *vt, struct vhdx_move *move)
{
	u64 bytes = (u64)vhdx_move_count(vt, move) << 20, off;
	int r = 0;

	for (off = 0; !r && off < bytes; off += VHDX_MOVE_BYTES) {
		r = vhdx_move_check(vt);
		if (!r && !vhdx_move_goes_on(vt, move))
			r = -ESTALE;
		if (!r)
			r = vhdx_move_piece(vt, move, off);
	}
	return r ?: vhdx_move_secure(vt, move);
}

/* ------------------------------------------------------------------------
 * End
 */

/* Returns -ENOMEM if it has to wait for a commit. */
static int vhdx_move_try_publish(struct vhdx_target *vt, struct vhdx_move *move)
{
	unsigned int before = vt->nr_dirty;
	bool done;

	lockdep_assert_held(&vt->publish);
	/* It was freed: its old place may be another's. */
	if (!vhdx_move_goes_on(vt, move))
		return -ESTALE;
	if (!vhdx_session_may_write(vt))
		return -EROFS;
	if (move->is_bitmap)
		done = vhdx_replace_bitmap(vt, move->nr, move->to);
	else if (move->zeros)
		done = vhdx_free_block(vt, move->nr);
	else
		done = vhdx_replace_block(vt, move->nr, move->to);
	if (!done)
		return -ENOMEM;
	move->moved = !move->zeros;
	vhdx_commit_soon(vt, before);
	return 0;
}

/* A commit frees memory; but it waits for who has a flight. */
static void vhdx_move_wait_for_memory(struct vhdx_target *vt)
{
	queue_work(vt->commit_wq, &vt->commit);
	flush_work(&vt->commit);
	vhdx_free_wait(vt);
}

static int vhdx_move_publish(struct vhdx_target *vt, struct vhdx_move *move)
{
	unsigned int tries;
	int r;

	for (tries = 0; tries < VHDX_MOVE_TRIES; tries++) {
		vhdx_gate_enter();
		mutex_lock(&vt->publish);
		r = vhdx_move_try_publish(vt, move);
		mutex_unlock(&vt->publish);
		vhdx_gate_leave();
		/* Writes that have flights wait for a bitmap's end, and so does memory. */
		if (r != -ENOMEM || move->is_bitmap)
			break;
		vhdx_move_wait_for_memory(vt);
	}
	return r;
}

/* Space that was not used. */
static void vhdx_move_give_back(struct vhdx_target *vt, const struct vhdx_move *move)
{
	lockdep_assert_held(&vt->publish);
	if (!move->to || move->moved)
		return;
	if (move->bad_place && move->is_bitmap)
		vhdx_bits_bad_place(vt, move->to);
	else if (move->bad_place)
		vhdx_set_space_aside(vt, move->to);
	else if (move->is_bitmap)
		vhdx_give_bitmap_back(vt, move->to);
	else
		vhdx_give_space_back(vt, move->to);
}

/* Whatever came of it: writes to the block, or its bits, go on. */
static void vhdx_move_end(struct vhdx_target *vt, struct vhdx_move *move)
{
	mutex_lock(&vt->publish);
	if (move->is_bitmap)
		WRITE_ONCE(vt->moving_chunk, VHDX_NO_BLOCK);
	else
		vhdx_txn_give_up_move(vt, move->nr);
	WRITE_ONCE(vt->move_mib, 0);
	vhdx_move_give_back(vt, move);
	mutex_unlock(&vt->publish);

	spin_lock_irq(&vt->lock);
	bio_list_merge(&vt->deferred, &vt->move_waiting);
	bio_list_init(&vt->move_waiting);
	vhdx_wake_starved(vt);
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
}

/* Returns 0, 1 if it stays, or a negative errno. */
static int vhdx_move_once(struct vhdx_target *vt, struct vhdx_move *move)
{
	int r = vhdx_move_begin(vt, move);

	if (r <= 0)
		return r ?: 1;
	r = vhdx_move_settle(vt, move);
	if (!r)
		r = vhdx_move_copy(vt, move);
	if (!r)
		r = vhdx_move_publish(vt, move);
	vhdx_move_end(vt, move);
	if (r != -ESTALE)
		return r;
	move->from = 0;
	return 1;
}

/* Likewise.  A bitmap is soon copied once more. */
static int vhdx_move_run(struct vhdx_target *vt, struct vhdx_move *move)
{
	unsigned int tries = move->is_bitmap ? VHDX_MOVE_TRIES : 1;
	int r;

	for (;;) {
		r = vhdx_move_once(vt, move);
		if (r != -ENOMEM || !--tries)
			return r;
		vhdx_move_wait_for_memory(vt);
	}
}

/* ------------------------------------------------------------------------
 * The message
 */

/* May blocks of this table be moved at all, and this one? */
static int vhdx_move_allowed(struct vhdx_target *vt, const struct vhdx_move *move,
			     const char **why)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	int r = vhdx_move_check(vt);

	if (r)
		return r;
	if (vt->image.is_vhd)
		*why = "a VHD image is compacted only while it is not in use";
	else if (vt->image.layout.meta.leave_allocated)
		*why = "the image is fixed, its blocks stay where they are";
	else if (!vt->frees)
		*why = "no space is freed under a table with no_discard";
	if (*why)
		return -EOPNOTSUPP;
	return move->nr < (move->is_bitmap ? geo->chunks : geo->blocks) ? 0 : -ERANGE;
}

static const char *vhdx_move_why(int r, const struct vhdx_move *move)
{
	switch (r) {
	case -EROFS:
		return "the mode is not rw";
	case -ENOSPC:
		return "the backing device has no space for what is written: free some below it";
	case -ERANGE:
		return move->is_bitmap ? "the disk has no such chunk" :
					 "the disk has no such block";
	case -EBUSY:
		return "another one is being moved";
	case -ENOMEM:
		return "out of memory";
	}
	return move->bad_place ? "its new place cannot be written, another one will be taken" :
				 "it cannot be read";
}

/* One at a time, and none when vhdx_move_wait() may have looked. */
static int vhdx_move_claim(struct vhdx_target *vt)
{
	int r = 0;

	mutex_lock(&vt->publish);
	if (vt->moves_held)
		r = -EAGAIN;
	else if (vt->move_busy)
		r = -EBUSY;
	else
		WRITE_ONCE(vt->move_busy, true);
	mutex_unlock(&vt->publish);
	return r;
}

static void vhdx_move_unclaim(struct vhdx_target *vt)
{
	mutex_lock(&vt->publish);
	WRITE_ONCE(vt->move_busy, false);
	wake_up_all(&vt->move_wait);
	mutex_unlock(&vt->publish);
}

static int vhdx_move_claimed(struct vhdx_target *vt, struct vhdx_move *move)
{
	unsigned int noio;
	int r;

	/*
	 * A suspend may be waiting for the message already, and reclaim for I/O to
	 * this very device, which dm keeps until the resume.
	 */
	noio = memalloc_noio_save();
	move->buf = kvmalloc(VHDX_MOVE_BYTES, GFP_KERNEL | __GFP_NOWARN);
	r = move->buf ? vhdx_move_run(vt, move) : -ENOMEM;
	kvfree(move->buf);
	memalloc_noio_restore(noio);
	return r;
}

/* The message; see vhdx_move_block(). */
static int vhdx_move_asked(struct vhdx_target *vt, struct vhdx_move *move, char *result,
			   unsigned int maxlen)
{
	const char *why = NULL;
	unsigned int sz = 0;
	int r = vhdx_move_allowed(vt, move, &why);

	if (!r)
		r = vhdx_move_claim(vt);
	if (!r) {
		r = vhdx_move_claimed(vt, move);
		vhdx_move_unclaim(vt);
	}
	/* Those who are told to try again may do so at once. */
	if (r < 0 && r != -EAGAIN && r != -EINTR)
		DMWARN("%pg: %s %u is not moved (%d): %s", vt->bdev,
		       move->is_bitmap ? "the sector bitmap of chunk" : "block",
		       move->nr, r, why ?: vhdx_move_why(r, move));
	if (r < 0)
		return r;
	if (move->moved)
		DMEMIT("moved %u %u", move->from, move->to);
	else if (!move->from)
		DMEMIT("absent");
	else
		DMEMIT("%s %u", r ? "stays" : "zero", move->from);
	return 0;
}

/**
 * vhdx_move_block() - move a block to lower space
 * @vt: the target
 * @block: the block
 * @zeros: if all of it is zeros, free it instead
 * @result: takes the answer: "moved <from> <to>" in MiB of the backing device,
 *          "stays <from>" if there is nothing free below it, "zero <from>" if it was
 *          freed, "absent" if it has no space in this image
 * @maxlen: bytes there
 *
 * Writes to the block wait meanwhile.  What has changed is durable after the next
 * commit, as with any write.  After a failure nothing has changed.
 *
 * Context: process context; a message, so the table stays.
 * Return: 0 or a negative errno: -EAGAIN if it is being suspended, -EBUSY if
 * another block is being moved, -EINTR, -EROFS in another mode than rw, -EOPNOTSUPP
 * if blocks are not moved under this table, -ERANGE, -ENOSPC if there is none below
 * the device, -ENOMEM, -EIO and its like.
 */
int vhdx_move_block(struct vhdx_target *vt, u32 block, bool zeros, char *result,
		    unsigned int maxlen)
{
	struct vhdx_move move = { .nr = block, .zeros = zeros };

	return vhdx_move_asked(vt, &move, result, maxlen);
}

/**
 * vhdx_move_bitmap() - move a sector bitmap of a differencing image to lower space
 * @vt: the target
 * @chunk: its chunk
 * @result: takes the answer, as for vhdx_move_block(); "absent" if it has none
 * @maxlen: bytes there
 *
 * Writes that have to change its bits wait meanwhile.  Otherwise as vhdx_move_block().
 *
 * Context: process context; a message, so the table stays.
 * Return: as vhdx_move_block().
 */
int vhdx_move_bitmap(struct vhdx_target *vt, u32 chunk, char *result,
		     unsigned int maxlen)
{
	struct vhdx_move move = { .nr = chunk, .is_bitmap = true };

	return vhdx_move_asked(vt, &move, result, maxlen);
}
