// SPDX-License-Identifier: GPL-2.0
/*
 * The commit work: at a FLUSH or FUA, after the commit interval, or when many
 * blocks wait, it has the running transaction logged, and completes the bios that
 * waited.  One commit serves all of them.
 */
#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"

/* So many changes start a commit without anyone asking. */
#define VHDX_COMMIT_BLOCKS	4096

static void vhdx_commit_arm(struct vhdx_target *vt)
{
	queue_delayed_work(vt->commit_wq, &vt->commit_timer,
			   msecs_to_jiffies(vt->commit_interval_ms));
}

/* Has a flush failed?  Then what a commit relies on may be gone. */
static void vhdx_commit_check_flush(struct vhdx_target *vt)
{
	if (likely(!vhdx_flush_has_failed(&vt->image)))
		return;
	WRITE_ONCE(vt->check_reads, true);
	if (vt->mode == VHDX_MODE_RW)
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the backing device cannot be flushed");
}

/* Whether or not there are changes, what was written is durable afterwards. */
static int vhdx_commit_changes(struct vhdx_target *vt, bool asked)
{
	int r = vhdx_txn_commit(vt);

	if (!r)
		return asked ? vhdx_image_flush(&vt->image) : 0;
	if (r < 0) {
		vhdx_commit_check_flush(vt);
		/* They can be read until the end of the session. */
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "block allocations cannot be made durable");
		return r;
	}
	/* Some may have come while this commit was under way. */
	if (READ_ONCE(vt->nr_dirty) || !list_empty_careful(&vt->running->limbo))
		vhdx_commit_arm(vt);
	return 0;
}

/**
 * vhdx_flush_end_io() - a flush that was sent on to the backing device is done
 * @bio: hooked
 *
 * If it has failed, its sender hears of it when the mode has changed.
 *
 * Context: any.
 */
void vhdx_flush_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	/* One that would have had to wait, and must not, has not been tried. */
	if (bio->bi_status == BLK_STS_AGAIN && (bio->bi_opf & REQ_NOWAIT)) {
		bio_endio(bio);
		return;
	}
	/* With what an earlier one has dropped it succeeds, but in vain. */
	if (likely(!bio->bi_status && !vhdx_flush_has_failed(&vt->image))) {
		bio_endio(bio);
		return;
	}
	if (bio->bi_status)
		WRITE_ONCE(vt->image.flush_failed, true);
	WRITE_ONCE(vt->check_reads, true);
	vhdx_commit_bio(vt, bio);
}

/**
 * vhdx_fua_end_io() - the data of a FUA write is written, but not durable
 * @bio: hooked; FUA was taken off
 *
 * What has failed is the write, and that is its sender's business alone.  What
 * may fail from now on is a flush of ours.
 *
 * Context: any.
 */
void vhdx_fua_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	if (bio->bi_status)
		bio_endio(bio);
	else
		vhdx_commit_bio(vt, bio);
}

/* What a run of the commit work is for. */
struct vhdx_commit {
	bool asked;	/* bios wait for it */
	bool failed;	/* they have waited in vain */
	bool lost;	/* ... as writes of another table are lost */
};

/* Is there a flush, which tells of more than itself?  A FUA write does not. */
static bool vhdx_commit_tells(const struct bio_list *bios)
{
	struct bio *bio;

	bio_list_for_each(bio, bios)
		if (bio->bi_opf & REQ_PREFLUSH)
			return true;
	return false;
}

static void vhdx_commit_take(struct vhdx_target *vt, struct vhdx_commit *commit)
{
	spin_lock_irq(&vt->lock);
	bio_list_merge(&vt->committing, &vt->flushes);
	bio_list_init(&vt->flushes);
	commit->asked = !bio_list_empty(&vt->committing);
	/* Then some of what was acknowledged will never be durable. */
	commit->failed = vhdx_flush_has_failed(&vt->image) ||
			 (vt->mode != VHDX_MODE_RW && READ_ONCE(vt->nr_dirty));
	commit->lost = vt->lost && vhdx_commit_tells(&vt->committing);
	vt->lost &= !commit->lost;
	spin_unlock_irq(&vt->lock);
}

static void vhdx_commit_end(struct vhdx_target *vt, struct vhdx_commit *commit,
			    int r)
{
	blk_status_t status = commit->failed || commit->lost ? BLK_STS_IOERR :
			      errno_to_blk_status(r);
	struct bio_list bios = BIO_EMPTY_LIST;
	struct bio *bio;

	spin_lock_irq(&vt->lock);
	/* Some may have been handed back while this waited for space. */
	bio_list_merge(&bios, &vt->committing);
	bio_list_init(&vt->committing);
	vt->lost |= commit->lost && !vhdx_commit_tells(&bios);
	/* There is no commit to wait for any more: let them fail. */
	if (vt->mode != VHDX_MODE_RW) {
		vhdx_wake_starved(vt);
		if (!list_empty(&vt->done))
			queue_work(vt->alloc_wq, &vt->worker);
	}
	spin_unlock_irq(&vt->lock);

	while ((bio = bio_list_pop(&bios))) {
		/* One that the device has failed has its own already. */
		if (!bio->bi_status)
			bio->bi_status = status;
		bio_endio(bio);
	}
}

/* What was committed goes to its place, if somebody has asked for that. */
static void vhdx_commit_checkpoint(struct vhdx_target *vt)
{
	bool asked;

	spin_lock_irq(&vt->lock);
	asked = vt->checkpoint_asked && vt->mode == VHDX_MODE_RW &&
		vt->session == VHDX_SESSION_OPEN;
	vt->checkpoint_asked = false;
	spin_unlock_irq(&vt->lock);
	if (!asked || !vhdx_log_checkpoint(&vt->log))
		return;
	vhdx_commit_check_flush(vt);
	vhdx_set_mode(vt, VHDX_MODE_RO,
		      "what was committed cannot be written to its place");
}

static void vhdx_commit_run(struct vhdx_target *vt)
{
	bool closing = vhdx_session_begin_close(vt);
	struct vhdx_commit commit;
	int r = 0;

	vhdx_commit_take(vt, &commit);
	if (!commit.failed)
		r = vhdx_commit_changes(vt, commit.asked && !commit.lost);
	vhdx_commit_check_flush(vt);
	vhdx_commit_end(vt, &commit, r);
	if (closing)
		vhdx_session_finish_close(vt);
	else if (unlikely(READ_ONCE(vt->checkpoint_asked)))
		vhdx_commit_checkpoint(vt);
}

/**
 * vhdx_commit_work() - commit what is dirty, complete who waits for it
 * @work: the target's commit work
 *
 * Context: commit workqueue; never runs twice at once.
 */
void vhdx_commit_work(struct work_struct *work)
{
	vhdx_gate_enter();
	vhdx_commit_run(container_of(work, struct vhdx_target, commit));
	vhdx_gate_leave();
}

/**
 * vhdx_commit_timer() - the commit interval is over
 * @work: the target's commit timer
 *
 * Context: workqueue.
 */
void vhdx_commit_timer(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(to_delayed_work(work),
					      struct vhdx_target, commit_timer);

	queue_work(vt->commit_wq, &vt->commit);
}

/**
 * vhdx_commit_bio() - complete a bio after the next commit
 * @vt: the target
 * @bio: an empty flush, or a FUA write whose data is written
 *
 * Context: any.
 */
void vhdx_commit_bio(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	/* Its data has landed. */
	vhdx_flight_end(vt, bio);
	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->flushes, bio);
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->commit_wq, &vt->commit);
	spin_unlock_irqrestore(&vt->lock, flags);
}

/**
 * vhdx_commit_soon() - changes were published: see to their commit
 * @vt: the target
 * @before: how many were dirty before
 *
 * At the end of the commit interval; at once if there are many changes, or
 * somebody waits for the memory that they take.
 *
 * Context: process context, does not sleep; the publish mutex is held since the
 * change was published.
 */
void vhdx_commit_soon(struct vhdx_target *vt, unsigned int before)
{
	bool now;

	lockdep_assert_held(&vt->publish);
	spin_lock_irq(&vt->lock);
	now = vt->nr_dirty / VHDX_COMMIT_BLOCKS != before / VHDX_COMMIT_BLOCKS ||
	      !bio_list_empty(&vt->starved);
	spin_unlock_irq(&vt->lock);
	if (now)
		queue_work(vt->commit_wq, &vt->commit);
	else if (!before)
		vhdx_commit_arm(vt);
}
