// SPDX-License-Identifier: GPL-2.0
/*
 * A session: from the first write after a resume, or after the last session,
 * until the suspend, or until nothing has been written for a while.
 */
#include <linux/slab.h>
#include <linux/uuid.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/*
 * Case 17: make the region table that was not used like the one that was.
 * Tables are logged metadata; the log is open by now, and a table is applied
 * like any other sector.
 */
static int vhdx_session_mend_regions(struct vhdx_target *vt)
{
	struct vhdx_layout *layout = &vt->image.layout;
	u64 from = VHDX_REGION_OFF(layout->region_slot);
	u64 to = VHDX_REGION_OFF(!layout->region_slot), done;
	struct vhdx_log *log = &vt->log;
	int r;

	r = vhdx_log_make_room(log, VHDX_REGION_BYTES / VHDX_SECTOR);
	for (done = 0; !r && done < VHDX_REGION_BYTES; done += VHDX_SECTOR)
		r = vhdx_io_read(&vt->image.backing, from + done,
				 vhdx_log_stage(log, to + done), VHDX_SECTOR);
	if (!r)
		r = vhdx_log_write(log);
	if (!r)
		r = vhdx_log_flush(log);
	if (!r)
		layout->region_differ = false;
	return r;
}

/*
 * The header that was read says that the log does not count.  If it is lost, the one
 * before it may need the log that is about to be overwritten.  Whoever wrote it may
 * not have waited for it; or in vain, and what a flush that failed has dropped is made
 * durable by none after it.  So it is written anew.
 */
static int vhdx_session_settle(struct vhdx_image *image)
{
	if (image->settled)
		return 0;
	return vhdx_image_flush(image) ?: vhdx_image_write_header(image, false);
}

/* A log with a new GUID, and headers that name it. */
static int vhdx_session_begin_log(struct vhdx_target *vt)
{
	struct vhdx_header *header = &vt->image.layout.header;
	int r = vhdx_session_settle(&vt->image);

	if (r)
		return r;
	/* Without a log it may have been anything (case 8). */
	header->log_version = 0;
	guid_gen(&header->log_guid);
	guid_gen(&header->file_write_guid);
	guid_gen(&header->data_write_guid);
	r = vhdx_log_open(&vt->log);
	if (!r)
		r = vhdx_image_write_header(&vt->image, true);
	if (!r && vt->image.layout.region_differ)
		r = vhdx_session_mend_regions(vt);
	return r;
}

/**
 * vhdx_session_open() - be allowed to write
 * @vt: the target, in mode rw, without a session
 *
 * In this order, each durable before the next: what was read when the image was
 * loaded, and its header once more; an empty log entry with a new GUID; the headers
 * with that GUID and new FileWriteGuid and DataWriteGuid.  A crash before the first
 * of these leaves a clean image, one after it a dirty log without changes.  A VHD
 * image needs the first of them, and its footers.
 *
 * Context: may sleep; worker.
 * Return: 0 or a negative errno; then the mode is no longer rw.
 */
int vhdx_session_open(struct vhdx_target *vt)
{
	bool is_vhd = vt->image.is_vhd;
	int r;

	/* Each session counts on; one that cannot be closed is not begun. */
	if (!is_vhd && vhdx_header_check_writable(&vt->image.layout.header)) {
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the header sequence number is used up");
		return -EOVERFLOW;
	}
	r = is_vhd ? vhd_session_open(vt) : vhdx_session_begin_log(vt);
	if (r) {
		trace_vhdx_session_open(vt->bdev, r);
		vhdx_set_mode(vt, VHDX_MODE_RO, "the session cannot be opened");
		return r;
	}
	spin_lock_irq(&vt->lock);
	vt->session = VHDX_SESSION_OPEN;
	vt->dozing = false;
	vhdx_idle_choose(vt);
	/* A flush of a guest may have failed meanwhile. */
	if (vt->mode == VHDX_MODE_RW)
		/* Pairs with vhdx_map(): the headers come first. */
		smp_store_release(&vt->may_overwrite, true);
	else
		r = -EIO;
	spin_unlock_irq(&vt->lock);
	vhdx_stat_add(&vt->stats, VHDX_STAT_SESSIONS, 1);
	trace_vhdx_session_open(vt->bdev, r);
	vhdx_idle_arm(vt);
	return r;
}

/**
 * vhdx_session_may_write() - is there a session to write in?
 * @vt: the target
 *
 * If it dozes, it does so no longer.
 *
 * Context: any.  If the publish mutex is held, what this says stays true until
 * it is released, as far as publishing is concerned.
 * Return: true if so; false if it has to be opened first, or the mode is not rw.
 */
bool vhdx_session_may_write(struct vhdx_target *vt)
{
	unsigned long flags;
	bool may;

	/* Pairs with vhdx_session_open(). */
	if (likely(smp_load_acquire(&vt->may_overwrite)))
		return true;
	spin_lock_irqsave(&vt->lock, flags);
	if (vt->dozing && vt->mode == VHDX_MODE_RW) {
		vt->dozing = false;
		vt->idle_close_due = false;
		/* Pairs with vhdx_map(): the headers came before it dozed. */
		smp_store_release(&vt->may_overwrite, true);
	}
	may = vt->may_overwrite;
	spin_unlock_irqrestore(&vt->lock, flags);
	return may;
}

/* Everything is committed; apply it, make it durable, give up the log. */
static int vhdx_session_close(struct vhdx_target *vt)
{
	int r;

	/* What is committed is in its place; overwrites may not be durable. */
	if (vt->image.is_vhd)
		r = vhdx_image_flush(&vt->image);
	else
		r = vhdx_log_checkpoint(&vt->log);
	if (!r && !vt->image.is_vhd) {
		vt->image.layout.header.log_guid = guid_null;
		r = vhdx_image_write_header(&vt->image, true);
	}
	if (r)
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the session cannot be closed, the log stays dirty");
	else
		vhdx_stat_add(&vt->stats, VHDX_STAT_CLOSED, 1);
	trace_vhdx_session_close(vt->bdev, r);
	return r;
}

/*
 * Is there no session, but may there be overwrites that no flush has covered?  They land
 * later than their session is closed; and a fixed VHD image has none.
 */
static bool vhdx_session_has_passed(const struct vhdx_target *vt)
{
	lockdep_assert_held(&vt->lock);
	if (vt->mode != VHDX_MODE_RW || vt->session == VHDX_SESSION_OPEN)
		return false;
	return vt->session == VHDX_SESSION_CLOSING || vt->nr_closed ||
	       vt->may_overwrite;
}

/**
 * vhdx_session_end() - the last commit of a suspend: leave a clean image
 * @vt: the target
 *
 * It is the commit work that closes the session, as ever: somebody may have asked
 * it to at this very moment.  In another mode than rw, or if it fails, the log
 * stays as it is, to be replayed when the image is next opened; but what guests have
 * written is made durable all the same, or told of as lost by the next table.
 *
 * Context: may sleep; suspended, no session I/O is left.
 */
void vhdx_session_end(struct vhdx_target *vt)
{
	bool flush;

	spin_lock_irq(&vt->lock);
	flush = vhdx_session_has_passed(vt);
	vt->close_asked = true;
	spin_unlock_irq(&vt->lock);
	queue_work(vt->commit_wq, &vt->commit);
	flush_work(&vt->commit);
	/* In another mode nobody has done it, and the next table may flush another device. */
	flush |= READ_ONCE(vt->mode) != VHDX_MODE_RW;
	if (vt->image.is_vhd && vhdx_flush_has_failed(&vt->image))
		vhd_store_again(vt);
	if (flush && vhdx_image_flush(&vt->image))
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the last writes cannot be made durable");

	spin_lock_irq(&vt->lock);
	if (vt->session == VHDX_SESSION_OPEN)	/* not in mode rw */
		vt->session = VHDX_SESSION_CLOSED;
	vt->dozing = false;
	vt->idle_close_due = false;
	WRITE_ONCE(vt->may_overwrite, false);
	spin_unlock_irq(&vt->lock);
}

/**
 * vhdx_session_begin_close() - is this commit the session's last?
 * @vt: the target
 *
 * If so, nobody publishes from now on, and writes that come wait for
 * vhdx_session_finish_close().
 *
 * Context: process context; commit work, before it takes what is published.
 * Return: true if so.
 */
bool vhdx_session_begin_close(struct vhdx_target *vt)
{
	bool closing;

	if (likely(!READ_ONCE(vt->idle_close_due) &&
		   !READ_ONCE(vt->close_asked)))
		return false;
	mutex_lock(&vt->publish);
	spin_lock_irq(&vt->lock);
	/* Blocks that are being prepared will be published; who moves one writes. */
	closing = (vt->idle_close_due || vt->close_asked) &&
		  vt->session == VHDX_SESSION_OPEN &&
		  vt->mode == VHDX_MODE_RW && !vt->nr_preparing &&
		  !vt->move_busy;
	if (closing) {
		vt->session = VHDX_SESSION_CLOSING;
		vt->dozing = false;
		WRITE_ONCE(vt->may_overwrite, false);
		vhdx_idle_closed(vt);
	}
	vt->idle_close_due = false;
	vt->close_asked = false;
	spin_unlock_irq(&vt->lock);
	mutex_unlock(&vt->publish);
	return closing;
}

/**
 * vhdx_session_finish_close() - everything is committed: leave a clean image
 * @vt: the target
 *
 * Overwrites that were sent before may still land in it.
 *
 * Context: may sleep; commit work.
 */
void vhdx_session_finish_close(struct vhdx_target *vt)
{
	if (vt->mode == VHDX_MODE_RW)
		vhdx_session_close(vt);
	spin_lock_irq(&vt->lock);
	vt->session = VHDX_SESSION_CLOSED;
	vt->nr_closed++;
	/* Whoever wants to write waits for another session. */
	if (!bio_list_empty(&vt->deferred) || !bio_list_empty(&vt->landed))
		queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
}
