// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: idleness
 *
 * An image that nobody writes to is left clean, so that a power cut then, or a
 * shutdown that cannot detach it, leaves one that others open at once.
 *
 * The hot path does not say when it writes.  So may_overwrite is taken away for
 * an interval, and the session *dozes*: the first write after that sees to it
 * that it may (vhdx_session_may_write()), which is all it costs.  If none has
 * come until the interval is over, the session is closed.
 *
 * Opening and closing take up to seven flushes.  A session that had to be opened again
 * soon after it was closed waits longer the next time, up to VHDX_IDLE_MOST
 * intervals, so that who writes now and then does not pay for it each time.
 */
#include <linux/delay.h>

#include "dm-vhdx.h"

#define VHDX_IDLE_MOST		12
/* So many times the wait is soon. */
#define VHDX_IDLE_SOON		4

/* For who asks for it: blocks that are being prepared have their time. */
#define VHDX_CLOSE_TRIES	200
#define VHDX_CLOSE_RETRY_MS	50

/**
 * vhdx_idle_arm() - look for idleness from now on
 * @vt: the target; its session has been opened
 *
 * Context: process context.
 */
void vhdx_idle_arm(struct vhdx_target *vt)
{
	if (vt->idle_close_ms)
		queue_delayed_work(vt->commit_wq, &vt->idle_timer,
				   msecs_to_jiffies(vt->idle_close_ms));
}

/**
 * vhdx_idle_choose() - how long has the session to be idle before it is closed?
 * @vt: the target; its session is being opened
 *
 * Context: any; vt->lock is held.
 */
void vhdx_idle_choose(struct vhdx_target *vt)
{
	unsigned long soon = msecs_to_jiffies(vt->idle_close_ms) *
			     vt->idle_need * VHDX_IDLE_SOON;

	lockdep_assert_held(&vt->lock);
	if (vt->idle_closed && time_before(jiffies, vt->idle_closed_at + soon))
		vt->idle_need = min(2 * vt->idle_need, VHDX_IDLE_MOST);
	else
		vt->idle_need = 1;
	vt->idle_closed = false;
	vt->idle_count = 0;
}

/**
 * vhdx_idle_closed() - the session is being closed
 * @vt: the target
 *
 * Context: any; vt->lock is held.
 */
void vhdx_idle_closed(struct vhdx_target *vt)
{
	lockdep_assert_held(&vt->lock);
	/* That somebody has asked for it says nothing about writes. */
	vt->idle_closed = vt->idle_close_due;
	vt->idle_closed_at = jiffies;
}

/**
 * vhdx_idle_timer() - another interval is over
 * @work: the target's idle timer
 *
 * Context: workqueue; never at the same time as the commit work.
 */
void vhdx_idle_timer(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(to_delayed_work(work),
					      struct vhdx_target, idle_timer);
	bool open;

	spin_lock_irq(&vt->lock);
	open = vt->session == VHDX_SESSION_OPEN && vt->mode == VHDX_MODE_RW;
	if (open && vt->may_overwrite) {
		WRITE_ONCE(vt->may_overwrite, false);
		vt->dozing = true;
		vt->idle_count = 0;
	} else if (open && ++vt->idle_count >= vt->idle_need) {
		vt->idle_close_due = true;
		queue_work(vt->commit_wq, &vt->commit);
	}
	spin_unlock_irq(&vt->lock);
	/* It may be too busy to be closed, and become idle later. */
	if (open)
		vhdx_idle_arm(vt);
}

/**
 * vhdx_idle_close() - close the session now
 * @vt: the target
 *
 * The next write opens another one.
 *
 * Context: process context, may sleep; any time.
 * Return: 0 if the image was clean at some moment; -EBUSY if blocks were being
 * prepared all the time, -EINTR, or -EIO.
 */
int vhdx_idle_close(struct vhdx_target *vt)
{
	unsigned int closed, tries;
	bool open;

	for (tries = 0; tries < VHDX_CLOSE_TRIES; tries++) {
		spin_lock_irq(&vt->lock);
		open = vt->session != VHDX_SESSION_CLOSED;
		closed = vt->nr_closed;
		vt->close_asked = open;
		spin_unlock_irq(&vt->lock);
		if (open) {
			queue_work(vt->commit_wq, &vt->commit);
			flush_work(&vt->commit);
		}
		if (READ_ONCE(vt->mode) != VHDX_MODE_RW)
			return -EIO;
		if (!open || READ_ONCE(vt->nr_closed) != closed)
			return 0;
		if (msleep_interruptible(VHDX_CLOSE_RETRY_MS))
			return -EINTR;
	}
	return -EBUSY;
}
