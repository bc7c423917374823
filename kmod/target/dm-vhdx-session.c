// SPDX-License-Identifier: GPL-2.0
/*
 * A session: from the first write after a resume until the suspend.
 */
#include <linux/slab.h>
#include <linux/uuid.h>

#include "dm-vhdx.h"

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

/**
 * vhdx_session_open() - be allowed to write
 * @vt: the target, in mode rw, without a session
 *
 * In this order, each durable before the next: an empty log entry with a new
 * GUID; the headers with that GUID and new FileWriteGuid and DataWriteGuid.
 * A crash before the first header leaves a clean image, one after it a dirty
 * log without changes.
 *
 * Context: may sleep; worker.
 * Return: 0 or a negative errno; then the mode is no longer rw.
 */
int vhdx_session_open(struct vhdx_target *vt)
{
	struct vhdx_header *header = &vt->image.layout.header;
	int r;

	/* Each session counts on; one that cannot be closed is not begun. */
	if (vhdx_header_check_writable(header)) {
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the header sequence number is used up");
		return -EOVERFLOW;
	}
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
	if (r) {
		vhdx_set_mode(vt, VHDX_MODE_RO, "the session cannot be opened");
		return r;
	}
	vt->session_open = true;
	/* A flush of a guest may have failed meanwhile. */
	spin_lock_irq(&vt->lock);
	if (vt->mode == VHDX_MODE_RW)
		/* Pairs with vhdx_map(): the headers come first. */
		smp_store_release(&vt->may_overwrite, true);
	else
		r = -EIO;
	spin_unlock_irq(&vt->lock);
	return r;
}

/**
 * vhdx_session_end() - nobody may write any more
 * @vt: the target
 *
 * With a clean image if the mode is rw; otherwise the log stays as it is.
 *
 * Context: may sleep; suspended, no session I/O is left.
 */
void vhdx_session_end(struct vhdx_target *vt)
{
	WRITE_ONCE(vt->may_overwrite, false);
	if (vt->mode == VHDX_MODE_RW)
		vhdx_session_close(vt);
	else
		vt->session_open = false;
}

/**
 * vhdx_session_close() - leave a clean image
 * @vt: the target
 *
 * Everything is committed; apply it, make it durable, give up the log.  After
 * a failure the log stays as it is, to be replayed when the image is next
 * opened.
 *
 * Context: may sleep; suspended, no session I/O is left.
 * Return: 0 or a negative errno; then the mode is no longer rw.
 */
int vhdx_session_close(struct vhdx_target *vt)
{
	int r;

	if (!vt->session_open)
		return 0;
	vt->may_overwrite = false;
	vt->session_open = false;
	r = vhdx_log_checkpoint(&vt->log);
	if (!r) {
		vt->image.layout.header.log_guid = guid_null;
		r = vhdx_image_write_header(&vt->image, true);
	}
	if (r)
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the session cannot be closed, the log stays dirty");
	return r;
}
