// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the order of writes
 *
 * Whoever changes an image first gives it a new FileWriteGuid, durably:
 * edit_header() does.  A header is written over the one that is not current
 * and flushed before the other one is touched, so there is a valid current
 * header at every moment.
 *
 * edit_replay(): header with a new FileWriteGuid and the old LogGuid; flush;
 * the log's changes at their places; flush; header without LogGuid; flush.  A
 * crash before the last step leaves the log as it was, and replaying it again
 * gives the same result.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "edit.h"
#include "guid.h"
#include "hostfs.h"
#include "message.h"
#include "size.h"

#define EDIT_ZERO_BYTES	SZ_1M	/* written at a time where all else fails */

/**
 * edit_write() - write
 * @image: the image, open for writing
 * @off: bytes from its start
 * @buf: contents
 * @bytes: how much
 *
 * Return: 0 or a negative errno.
 */
int edit_write(struct image *image, u64 off, const void *buf, u64 bytes)
{
	const u8 *from = buf;
	ssize_t n;

	while (bytes) {
		n = pwrite(image->fd, from, min_t(u64, bytes, 1U << 30), off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		from += n;
		off += n;
		bytes -= n;
	}
	return 0;
}

/**
 * edit_share() - let an image have the same space as another one, as if copied
 * @image: the image, open for writing
 * @off: bytes from its start
 * @from: the other one, which has no log
 * @from_off: bytes from its start
 * @bytes: how much
 *
 * Return: 0 or a negative errno: then nothing has changed.
 */
int edit_share(struct image *image, u64 off, const struct image *from,
	       u64 from_off, u64 bytes)
{
	struct file_clone_range range = {
		.src_fd = from->fd,
		.src_offset = from_off,
		.src_length = bytes,
		.dest_offset = off,
	};

	if (image->block_device || from->block_device)
		return -EOPNOTSUPP;
	/* No file system has smaller units. */
	if ((off | from_off | bytes) % 4096 ||
	    from_off + bytes > from->file_bytes)
		return -EINVAL;
	return ioctl(image->fd, FICLONERANGE, &range) ? -errno : 0;
}

static int edit_write_zeros(struct image *image, u64 off, u64 bytes)
{
	void *zeros = calloc(1, EDIT_ZERO_BYTES);
	u64 part;
	int r = zeros ? 0 : -ENOMEM;

	for (; !r && bytes; off += part, bytes -= part) {
		part = min_t(u64, bytes, EDIT_ZERO_BYTES);
		r = edit_write(image, off, zeros, part);
	}
	free(zeros);
	return r;
}

/**
 * edit_zero() - make a range read as zeros
 * @image: the image, open for writing
 * @off: bytes from its start, a multiple of 4096
 * @bytes: how much, a multiple of 4096; behind the end of a file there is
 *         nothing to do
 *
 * Cheaply where that is possible.  A file keeps its space; only where the file
 * system can do it in no other way than by a hole it loses some, and never on
 * NTFS, see hostfs.c.
 *
 * Return: 0 or a negative errno.
 */
int edit_zero(struct image *image, u64 off, u64 bytes)
{
	uint64_t range[2] = { off, bytes };
	struct hostfs host;

	if (image->block_device) {
		if (!ioctl(image->fd, BLKZEROOUT, range))
			return 0;
		return edit_write_zeros(image, off, bytes);
	}

	if (off >= image->file_bytes)
		return 0;
	bytes = min_t(u64, bytes, image->file_bytes - off);
	if (!fallocate(image->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		       off, bytes))
		return 0;
	if (!hostfs_look(&host, image->fd) && !host.ntfs && !host.whole &&
	    !fallocate(image->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       off, bytes))
		return 0;
	return edit_write_zeros(image, off, bytes);
}

/* On NTFS a file that is not sparse is never to be. */
static bool edit_keeps_space(const struct image *image, struct hostfs *host)
{
	return !hostfs_look(host, image->fd) && host->ntfs && !host->sparse;
}

/**
 * edit_resize() - set the size of an image's file
 * @image: the image, open for writing
 * @bytes: new size; what is added is sparse, but on NTFS only if the file is
 *         sparse already
 *
 * Return: 0 or a negative errno: -ENOSPC for a device, whose size is given.
 */
int edit_resize(struct image *image, u64 bytes)
{
	struct hostfs host;
	int r;

	if (image->block_device)
		return bytes <= image->file_bytes ? 0 : -ENOSPC;
	if (bytes > image->file_bytes && edit_keeps_space(image, &host))
		r = hostfs_extend(&host, image->fd, image->file_bytes, bytes,
				  NULL);
	else
		r = ftruncate(image->fd, bytes) ? -errno : 0;
	if (!r)
		image->file_bytes = bytes;
	return r;
}

/**
 * edit_write_end() - write what an image's file is to end with
 * @image: the image, open for writing
 * @off: bytes from its start
 * @buf: what is written
 * @bytes: how much
 *
 * A file that has to get longer does so in the same step, so that a power cut does not
 * leave it long without what has to be there; but for NTFS, see edit_resize().
 *
 * Return: 0 or a negative errno: -ENOSPC for a device, whose size is given.
 */
int edit_write_end(struct image *image, u64 off, const void *buf, u64 bytes)
{
	u64 end = off + bytes;
	struct hostfs host;
	int r = 0;

	if (end > image->file_bytes &&
	    (image->block_device || edit_keeps_space(image, &host)))
		r = edit_resize(image, end);
	if (!r)
		r = edit_write(image, off, buf, bytes);
	if (!r)
		image->file_bytes = max_t(u64, image->file_bytes, end);
	return r;
}

/**
 * edit_sync() - make all writes so far durable
 * @image: the image
 *
 * Return: 0 or a negative errno.
 */
int edit_sync(struct image *image)
{
	return fsync(image->fd) ? -errno : 0;
}

/* Write the header over the one that is not current, which makes it so. */
static int edit_header_slot(struct image *image)
{
	struct vhdx_layout *layout = &image->layout;
	u8 buf[VHDX_HEADER_BYTES];
	int slot = !layout->header_slot, r;

	layout->header.sequence++;
	vhdx_header_encode(&layout->header, buf);
	r = edit_write(image, VHDX_HEADER_OFF(slot), buf, sizeof(buf));
	if (!r)
		r = edit_sync(image);
	if (!r)
		layout->header_slot = slot;
	return r;
}

/**
 * edit_header() - write the header
 * @image: the image; its layout holds the header to write
 *
 * With a new FileWriteGuid and, one after the other, over both copies; a
 * damaged one is repaired by that.  Durable on return.
 *
 * Return: 0 or a negative errno.
 */
int edit_header(struct image *image)
{
	int r;

	guid_random(&image->layout.header.file_write_guid);
	r = edit_header_slot(image);
	if (!r)
		r = edit_header_slot(image);
	if (!r)
		image->layout.header_damaged = false;
	return r;
}

/* struct vhdx_log_sink over an image on disk; nothing is written behind @end. */
struct edit_sink {
	struct vhdx_log_sink sink;	/* first */
	struct image *image;
	u64 end;
};

static int edit_sink_data(struct vhdx_log_sink *sink, u64 off, const void *data)
{
	struct image *image = ((struct edit_sink *)sink)->image;
	int r;

	if (off + VHDX_SECTOR > ((struct edit_sink *)sink)->end)
		return 0;
	r = edit_write(image, off, data, VHDX_SECTOR);
	if (!r && !image->block_device)
		image->file_bytes = max_t(u64, image->file_bytes,
					  off + VHDX_SECTOR);
	return r;
}

static int edit_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	u64 end = ((struct edit_sink *)sink)->end;

	if (off >= end)
		return 0;
	return edit_zero(((struct edit_sink *)sink)->image, off,
			 min_t(u64, bytes, end - off));
}

/*
 * That the entries are read does not say that they are durable: a sync that failed may
 * have dropped them, though they are still in a cache.  So they are written once more,
 * each byte as it is, to be durable with the header, before any of their changes is in
 * place.  Where that fails there is nothing better to do than the replay.
 */
static void edit_log_again(struct image *image)
{
	struct vhdx_log_source *source = &image->source;
	const struct vhdx_log_entry *head = &image->log.head;
	u64 off = image->log.first_off;
	u64 end = ((u64)head->off + head->length) % source->length;
	const void *data;

	do {
		if (source->sector(source, off, &data) ||
		    edit_write(image, source->log_off + off, data, VHDX_SECTOR))
			return;
		off = (off + VHDX_SECTOR) % source->length;
	} while (off != end);
}

/**
 * edit_apply_log() - replay a log as far as it concerns what is there, durably
 * @image: the image, open for writing and with its log loaded, dirty
 * @end: write nothing behind this, in bytes from the start of the image
 *
 * Afterwards the image is clean and has to be loaded again.
 *
 * Return: 0, a fault or a negative errno.
 */
int edit_apply_log(struct image *image, u64 end)
{
	struct edit_sink to = {
		.sink = { .data = edit_sink_data, .zero = edit_sink_zero },
		.image = image,
		.end = end,
	};
	int r;

	edit_log_again(image);
	r = edit_header(image);
	if (!r)
		r = vhdx_log_replay(&image->source, &image->log, &to.sink);
	if (!r)
		r = edit_sync(image);
	if (r)
		return r;

	memset(&image->layout.header.log_guid, 0, sizeof(guid_t));
	return edit_header(image);
}

/**
 * edit_replay() - replay a log, durably
 * @image: the image, open for writing and with its log loaded, dirty
 *
 * Afterwards the image is clean and has to be loaded again.
 *
 * Return: 0, a fault or a negative errno.
 */
int edit_replay(struct image *image)
{
	u64 end = round_up_u64(image->log.head.last_bytes, SZ_1M);
	int r;

	/* First, as it may be impossible; that changes nothing of the image. */
	r = end > image->file_bytes ? edit_resize(image, end) : 0;
	return r ? r : edit_apply_log(image, ~0ULL);
}

/**
 * edit_replay_first() - have an image without a log, before something else is done
 * @image: loaded, dirty or not; open for writing unless @dry_run
 * @dry_run: nothing may be written
 *
 * Says what is wrong.  An image that was dirty has to be loaded again.
 *
 * Return: 0, a fault or a negative errno.
 */
int edit_replay_first(struct image *image, bool dry_run)
{
	int r;

	if (!image->dirty)
		return 0;
	if (dry_run) {
		complain(image->path, "run 'vhdx replay' on it first",
			 "has a log to replay, which --dry-run does not");
		return -EINVAL;
	}
	r = edit_replay(image);
	if (r < 0)
		complain_errno(image->path, r, "cannot replay the log");
	else if (r)
		complain_fault(image->path, r);
	return r;
}
