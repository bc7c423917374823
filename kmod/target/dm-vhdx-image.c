// SPDX-License-Identifier: GPL-2.0
/*
 * An image that was loaded from its backing device: reading and writing its
 * metadata, headers, replay.
 */
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/* So much of the log is read, and written again, at once. */
#define VHDX_REWRITE_BYTES	SZ_1M

/**
 * vhdx_image_init() - set up an image that is not loaded yet
 * @image: the image, all zeros
 * @bdev: backing device
 * @writable: load it as one that may be written
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; call vhdx_image_exit() in both cases.
 */
int vhdx_image_init(struct vhdx_image *image, struct block_device *bdev,
		    bool writable)
{
	image->writable = writable;
	vhdx_overlay_init(&image->overlay);
	return vhdx_io_init(&image->backing, bdev);
}

/**
 * vhdx_image_exit() - undo vhdx_image_init()
 * @image: not loaded; need not have been set up
 *
 * Context: may sleep.
 */
void vhdx_image_exit(struct vhdx_image *image)
{
	vhdx_io_exit(&image->backing);
}

/**
 * vhdx_image_read() - read from an image, with the changes of a dirty log
 * @image: from vhdx_image_init(); its overlay does not change meanwhile
 * @off: bytes, a multiple of 4 KiB
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of 4 KiB
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_read(struct vhdx_image *image, u64 off, void *buf, u32 bytes)
{
	int r = vhdx_io_read(&image->backing, off, buf, bytes);

	if (!r)
		vhdx_overlay_patch(&image->overlay, off, buf, bytes);
	return r;
}

/**
 * vhdx_image_unload() - undo vhdx_image_load()
 * @image: the image; need not be loaded
 *
 * Context: may sleep; the image is not in use.
 */
void vhdx_image_unload(struct vhdx_image *image)
{
	vhdx_overlay_clear(&image->overlay);
	kfree(image->header_buf);
	image->header_buf = NULL;
	kvfree(image->bat);
	image->bat = NULL;
	kvfree(image->bitmap);
	image->bitmap = NULL;
	kvfree(image->space.map);
	memset(&image->space, 0, sizeof(image->space));
	vhd_image_unload(image);
	memset(&image->layout, 0, sizeof(image->layout));
	image->log_bytes = 0;
	image->allocated_blocks = 0;
	image->flush_failed = false;
	image->loaded = false;
	image->settled = false;
}

/**
 * vhdx_image_changed() - has somebody else written to the image?
 * @image: loaded
 * @changed: result
 *
 * Every writer changes the header first (MS-VHDX 2.2.2), so that is what is
 * compared.  A header that is bad by now counts as changed.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_changed(struct vhdx_image *image, bool *changed)
{
	struct vhdx_header *was = &image->layout.header, is = {};
	u8 *buf = image->header_buf;
	int slot, r;
	bool damaged;

	if (image->is_vhd)
		return vhd_image_changed(image, changed);
	r = vhdx_io_read(&image->backing, VHDX_HEADER_OFF(0), buf,
			 VHDX_HEADER_BYTES);
	if (!r)
		r = vhdx_io_read(&image->backing, VHDX_HEADER_OFF(1),
				 buf + VHDX_HEADER_BYTES, VHDX_HEADER_BYTES);
	if (!r)
		*changed = vhdx_header_select(buf, buf + VHDX_HEADER_BYTES, &is,
					      &slot, &damaged) ||
			   is.sequence != was->sequence ||
			   !guid_equal(&is.file_write_guid,
				       &was->file_write_guid) ||
			   !guid_equal(&is.data_write_guid,
				       &was->data_write_guid) ||
			   !guid_equal(&is.log_guid, &was->log_guid) ||
			   is.log_off != was->log_off ||
			   is.log_length != was->log_length ||
			   vhdx_io_bytes(&image->backing) < image->bytes;
	return r;
}

/**
 * vhdx_image_grow() - look whether the backing device has grown
 * @image: loaded, writable
 *
 * Context: any; the caller owns the space map.
 * Return: true if there is more space now.
 */
bool vhdx_image_grow(struct vhdx_image *image)
{
	struct vhdx_space *space = &image->space;
	u64 bytes = vhdx_io_bytes(&image->backing);
	u32 size = min_t(u64, bytes >> 20, image->max_mib);

	/* That takes I/O: vhd_session_grow(). */
	if (image->is_vhd)
		return false;
	if (size <= space->size)
		return false;
	space->size = size;
	image->bytes = bytes;
	return true;
}

/**
 * vhdx_image_lacks_space() - is a write of metadata to be done again?
 * @image: loaded, writable
 * @r: what came of it
 * @lacked: false at first, then the caller's to keep
 *
 * If the device had no space for it this waits until another try is due.
 *
 * Context: may sleep.
 * Return: true if so: the same bytes at the same place.
 */
bool vhdx_image_lacks_space(struct vhdx_image *image, int r, bool *lacked)
{
	if (unlikely(r == -ENOSPC && image->no_space)) {
		*lacked = vhdx_nospace_wait(image->no_space,
					    image->backing.bdev);
		return *lacked;
	}
	if (unlikely(!r && *lacked))
		vhdx_nospace_found(image->no_space, image->backing.bdev);
	else if (!r && image->no_space &&
		 unlikely(READ_ONCE(image->no_space->lacking)))
		vhdx_nospace_seen(image->no_space, image->backing.bdev);
	return false;
}

/**
 * vhdx_image_write() - write metadata
 * @image: loaded, writable
 * @off: bytes, a multiple of 4 KiB
 * @buf: kmalloc or vmalloc memory, aligned to 512
 * @bytes: a multiple of 4 KiB
 *
 * Waits if the device has no space for it.  Durable after vhdx_image_flush().
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_write(struct vhdx_image *image, u64 off, const void *buf,
		     size_t bytes)
{
	bool lacked = false;
	int r;

	do {
		r = vhdx_io_write(&image->backing, off, buf, bytes);
	} while (vhdx_image_lacks_space(image, r, &lacked));
	return r;
}

/**
 * vhdx_image_flush() - make durable what was written and has completed
 * @image: loaded, writable
 *
 * A device that fails a flush may drop what it should have made durable, and
 * succeed the next time, with nothing left to do.  So once a flush has failed,
 * ours or a guest's, none succeeds until the image is loaded again.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhdx_image_flush(struct vhdx_image *image)
{
	int r = vhdx_io_flush(&image->backing);

	/* Worker and commit work may be at it at once. */
	atomic64_inc(&image->flushes);
	trace_vhdx_flush(image->backing.bdev, r);
	if (r)
		WRITE_ONCE(image->flush_failed, true);
	return vhdx_flush_has_failed(image) ? r ?: -EIO : 0;
}

/* One update of the slot that is not current; it is current afterwards. */
static int vhdx_image_write_slot(struct vhdx_image *image)
{
	struct vhdx_layout *layout = &image->layout;
	struct vhdx_header header = layout->header;
	int slot = !layout->header_slot, r;
	void *buf = image->header_buf;

	if (!++header.sequence)
		return -EOVERFLOW;
	vhdx_header_encode(&header, buf);
	r = vhdx_image_write(image, VHDX_HEADER_OFF(slot), buf,
			     VHDX_HEADER_BYTES);
	/* Makes the header durable before anything that relies on it. */
	if (!r)
		r = vhdx_image_flush(image);
	if (r)
		return r;
	layout->header = header;
	layout->header_slot = slot;
	image->settled = true;
	return 0;
}

/**
 * vhdx_image_write_header() - make image->layout.header durable
 * @image: loaded; the sequence number is taken care of here
 * @both: write both slots, as is due unless another update follows soon
 *
 * MS-VHDX 2.2.2.1: a crash at any point leaves one of the slots intact, with
 * either the old or the new contents.  What was written before this call must
 * be durable before it if the new header relies on it.
 *
 * Context: may sleep; suspended, or opening the session.
 * Return: 0 or a negative errno.
 */
int vhdx_image_write_header(struct vhdx_image *image, bool both)
{
	int r = vhdx_image_write_slot(image);

	if (!r && both)
		r = vhdx_image_write_slot(image);
	if (!r && both)
		image->layout.header_damaged = false;
	return r;
}

/* A piece of the log as it is, up to where the log wraps; returns how much, or an errno. */
static int vhdx_image_rewrite(struct vhdx_image *image, void *buf, u32 first, u32 most)
{
	const struct vhdx_header *header = &image->layout.header;
	u32 step = min(most, header->log_length - first);
	u64 off = header->log_off + first;
	int r;

	r = vhdx_io_read(&image->backing, off, buf, step);
	if (!r)
		r = vhdx_image_write(image, off, buf, step);
	return r ?: (int)step;
}

/*
 * Entries that were read need not be durable, and what a flush that failed has dropped is
 * made so by none after it.  So they are written once more, each byte as it is: those that
 * are durable stay what they are, whatever becomes of that.  If the device fails it, the
 * changes had better be in their places soon, while they are in core.
 */
static int vhdx_image_rewrite_log(struct vhdx_image *image)
{
	u32 first = image->log_first, left = image->log_bytes;
	void *buf = kvmalloc(VHDX_REWRITE_BYTES, GFP_KERNEL | __GFP_NOWARN);
	u32 most = buf ? VHDX_REWRITE_BYTES : 2 * VHDX_HEADER_BYTES;
	int step = 0;

	for (; left; left -= step) {
		/* Slowly, if there is no memory. */
		step = fatal_signal_pending(current) ? -EINTR :
		       vhdx_image_rewrite(image, buf ?: image->header_buf, first,
					  min(left, most));
		if (step < 0)
			break;
		first += step;
		if (first == image->layout.header.log_length)
			first = 0;
	}
	kvfree(buf);
	return step == -EINTR ? step : 0;
}

/**
 * vhdx_image_replay() - make the replay of a dirty log durable
 * @image: loaded, writable
 *
 * Each step leaves an image that opens: until the last header is written the
 * log is still there and replays to the same, as it is durable before the first of its
 * changes is in place.
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_image_replay(struct vhdx_image *image)
{
	struct vhdx_header *header = &image->layout.header;
	int r;

	if (guid_is_null(&header->log_guid))
		return 0;
	/* The flush of the header is that of the log, too. */
	r = vhdx_image_rewrite_log(image);
	if (r)
		return r;
	/* The file is about to change, so its GUID has to first. */
	guid_gen(&header->file_write_guid);
	r = vhdx_image_write_header(image, false);
	if (!r)
		r = vhdx_overlay_write(&image->overlay, &image->backing);
	/* The changes are durable before the log is given up. */
	if (!r)
		r = vhdx_image_flush(image);
	if (r)
		return r;
	header->log_guid = guid_null;
	r = vhdx_image_write_header(image, true);
	if (!r)
		vhdx_overlay_clear(&image->overlay);
	return r;
}
