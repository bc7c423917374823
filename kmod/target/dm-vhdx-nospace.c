// SPDX-License-Identifier: GPL-2.0
/*
 * Lack of space, and waiting for it.
 *
 * There are two kinds: the backing device has no room for one more block, which
 * ends when it grows; and the device itself has no space for what is written to
 * it (a thin volume, a sparse file on a full file system), which ends when
 * somebody frees some below.
 * Neither is an I/O error: what had no space is done again, the same bytes at
 * the same place.
 */
#include <linux/sched.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

#define VHDX_NOSPACE_TIMEOUT	(60 * HZ)
/* Who waits tries once a second: if nobody has for so long, that lack is over. */
#define VHDX_NOSPACE_QUIET	(10 * HZ)

/**
 * vhdx_nospace_init() - set up
 * @ns: all zeros
 * @ti: the target, whose table's events are raised
 * @what: clause for the kernel log: what is lacking, and what to do
 *
 * Context: any.
 */
void vhdx_nospace_init(struct vhdx_nospace *ns, struct dm_target *ti,
		       const char *what)
{
	spin_lock_init(&ns->lock);
	init_waitqueue_head(&ns->wait);
	ns->ti = ti;
	ns->what = what;
}

/**
 * vhdx_nospace_reset() - forget that space was lacking: the image is new
 * @ns: the lack
 *
 * Context: process context; suspended.
 */
void vhdx_nospace_reset(struct vhdx_nospace *ns)
{
	spin_lock_irq(&ns->lock);
	ns->lacking = false;
	ns->over = false;
	spin_unlock_irq(&ns->lock);
}

/**
 * vhdx_nospace_lack() - something has found no space
 * @ns: the lack
 * @bdev: backing device, for the message
 *
 * Tells the kernel log and whoever waits for events, once.
 *
 * Context: process context.
 * Return: true if there is time left to wait for space; false: it has to fail
 * now.
 */
bool vhdx_nospace_lack(struct vhdx_nospace *ns, struct block_device *bdev)
{
	bool first, over = false, wait;

	spin_lock_irq(&ns->lock);
	first = !ns->lacking ||
		time_after(jiffies, ns->last + VHDX_NOSPACE_QUIET);
	ns->last = jiffies;
	if (first) {
		ns->lacking = true;
		ns->over = false;
		ns->deadline = jiffies + VHDX_NOSPACE_TIMEOUT;
	} else if (!ns->over && time_after(jiffies, ns->deadline)) {
		ns->over = true;
		over = !ns->fail_at_once;
	}
	wait = !ns->fail_at_once && !ns->over;
	spin_unlock_irq(&ns->lock);

	if (first) {
		trace_vhdx_space_lacking(bdev, true);
		DMERR_LIMIT("%pg: %s%s", bdev, ns->what,
			    wait && !READ_ONCE(ns->hurry) ?
			    ", writes wait for 60 seconds" : "");
		dm_table_event(ns->ti->table);
	}
	if (over)
		DMERR("%pg: still no space, what needs some fails now", bdev);
	return wait;
}

/**
 * vhdx_nospace_found() - something that had found no space has found it
 * @ns: the lack
 * @bdev: backing device
 *
 * Context: process context.
 */
void vhdx_nospace_found(struct vhdx_nospace *ns, struct block_device *bdev)
{
	bool was;

	spin_lock_irq(&ns->lock);
	was = ns->lacking;
	ns->lacking = false;
	ns->over = false;
	spin_unlock_irq(&ns->lock);
	if (!was)
		return;
	trace_vhdx_space_lacking(bdev, false);
	dm_table_event(ns->ti->table);
}

/**
 * vhdx_nospace_seen() - something that may have needed space has had no trouble
 * @ns: the lack
 * @bdev: backing device
 *
 * That says little as long as others wait, who will find out by themselves.  But
 * once they have failed there is nobody who would.
 *
 * Context: process context.
 */
void vhdx_nospace_seen(struct vhdx_nospace *ns, struct block_device *bdev)
{
	bool over;

	spin_lock_irq(&ns->lock);
	over = ns->lacking && (ns->over || ns->fail_at_once);
	spin_unlock_irq(&ns->lock);
	if (over)
		vhdx_nospace_found(ns, bdev);
}

/**
 * vhdx_nospace_wait() - sleep until it is worth another try
 * @ns: the lack
 * @bdev: backing device, for the message
 *
 * Context: process context, sleeps about a second.
 * Return: false if it has to fail now: time is up, or somebody is in a hurry.
 */
bool vhdx_nospace_wait(struct vhdx_nospace *ns, struct block_device *bdev)
{
	if (!vhdx_nospace_lack(ns, bdev))
		return false;
	if (ns->on_wait)
		ns->on_wait(ns->ti);
	wait_event_timeout(ns->wait, READ_ONCE(ns->hurry),
			   msecs_to_jiffies(VHDX_NOSPACE_POLL_MS));
	return !READ_ONCE(ns->hurry);
}

/**
 * vhdx_nospace_hurry() - may vhdx_nospace_wait() wait?
 * @ns: the lack
 * @hurry: no: a suspend does not wait for metadata that has no space
 *
 * Context: any.
 */
void vhdx_nospace_hurry(struct vhdx_nospace *ns, bool hurry)
{
	WRITE_ONCE(ns->hurry, hurry);
	if (hurry)
		wake_up_all(&ns->wait);
}
