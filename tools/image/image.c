// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "image.h"
#include "message.h"
#include "size.h"
#include "text.h"
#include "use.h"
#include "who.h"

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

#define IMAGE_WAIT_SECONDS	10	/* for IMAGE_WRITE_SOON */
#define IMAGE_TRIES		10	/* if the name goes to another file */
#define IMAGE_BAT_BYTES	SZ_1M		/* of the BAT are read at a time */

/**
 * image_pread() - read what the file holds, without the log's changes
 * @image: the image
 * @off: bytes from its start; behind its end there are zeros
 * @buf: result
 * @bytes: how much
 *
 * Return: 0 or a negative errno.
 */
int image_pread(const struct image *image, u64 off, void *buf, u32 bytes)
{
	u8 *to = buf;
	ssize_t n;

	while (bytes) {
		n = pread(image->fd, to, bytes, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n) {
			memset(to, 0, bytes);
			return 0;
		}
		to += n;
		off += n;
		bytes -= n;
	}
	return 0;
}

static int image_reader_read(struct vhdx_reader *reader, u64 off, void *buf,
			     u32 bytes)
{
	struct image *image = container_of(reader, struct image, reader);
	int r = image_pread(image, off, buf, bytes);

	if (!r)
		overlay_patch(&image->overlay, off, buf, bytes);
	return r;
}

static int image_log_sector(struct vhdx_log_source *source, u32 off,
			    const void **data)
{
	struct image *image = container_of(source, struct image, source);

	*data = image->sector;
	return image_pread(image, source->log_off + off, image->sector,
			   VHDX_SECTOR);
}

/* Say by whom the image is in use, in the way that @mode wants. */
static int image_busy(const struct image *image, enum image_mode mode,
		      bool locked)
{
	const char *advice = "detach it first";
	char by[USE_TEXT];

	/* Readers get along, however they read. */
	if (!locked && mode <= IMAGE_READ && use_is_read_only(&image->st))
		return 0;
	if (!use_find(&image->st, by, sizeof(by))) {
		if (!locked)
			return 0;
		advice = who_find(&image->st, by, sizeof(by));
		if (!advice) {
			advice = "end that first";
			strcpy(by, "another program");
		}
	}
	if (mode == IMAGE_PEEK) {
		note(image->path, "in use by %s: what is shown may be out of date",
		     by);
		return 0;
	}
	complain(image->path, advice, "in use by %s", by);
	return -EBUSY;
}

/* Size and smallest sector of what was opened. */
static int image_measure(struct image *image)
{
	int sector_bytes = 512;

	image->file_bytes = image->st.st_size;
	if (image->block_device) {
		/* What the module wrote did not go through this cache. */
		ioctl(image->fd, BLKFLSBUF, 0);
		if (ioctl(image->fd, BLKGETSIZE64, &image->file_bytes) ||
		    ioctl(image->fd, BLKSSZGET, &sector_bytes))
			return -errno;
	}
	image->reader.image_bytes = image->file_bytes;
	image->reader.logical_bytes = sector_bytes;
	return 0;
}

static int image_open_file(struct image *image, enum image_mode mode)
{
	int flags = O_CLOEXEC | (mode >= IMAGE_WRITE ? O_RDWR : O_RDONLY);

	if (stat(image->path, &image->st))
		return -errno;
	image->block_device = S_ISBLK(image->st.st_mode);
	if (!image->block_device && !S_ISREG(image->st.st_mode))
		return S_ISDIR(image->st.st_mode) ? -EISDIR : -ENOTBLK;
	if (image->block_device && mode != IMAGE_PEEK)
		flags |= O_EXCL;
	image->fd = open(image->path, flags);
	if (image->fd < 0 && errno == EBUSY && mode == IMAGE_READ &&
	    use_is_read_only(&image->st))
		image->fd = open(image->path, flags & ~O_EXCL);
	if (image->fd < 0)
		return -errno;
	return fstat(image->fd, &image->st) ? -errno : 0;
}

static int image_lock(const struct image *image, enum image_mode mode)
{
	switch (mode) {
	case IMAGE_PEEK:
		return use_probe(image->fd);
	case IMAGE_READ:
		return use_lock_shared(image->fd);
	case IMAGE_WRITE:
		return use_lock(image->fd);
	default:
		return use_lock_wait(image->fd, IMAGE_WAIT_SECONDS);
	}
}

static void image_init(struct image *image, const char *path,
		       enum image_mode mode)
{
	memset(image, 0, sizeof(*image));
	image->path = path;
	image->fd = -1;
	image->reader.read = image_reader_read;
	image->reader.writable = mode >= IMAGE_WRITE;
}

static int image_allocate(struct image *image)
{
	image->scratch = malloc(VHDX_LOAD_SCRATCH);
	image->shown = text_printable(image->path);
	return image->scratch && image->shown ? 0 : -ENOMEM;
}

/*
 * Whoever had it locked until now may have given its name to another file: a merge
 * to the result, a snapshot to the new leaf.
 */
static bool image_was_renamed(const struct image *image)
{
	struct stat now;

	return stat(image->path, &now) || now.st_dev != image->st.st_dev ||
	       now.st_ino != image->st.st_ino;
}

static int image_open_locked(struct image *image, const char *path,
			     enum image_mode mode)
{
	int r;

	image_init(image, path, mode);
	r = image_open_file(image, mode);
	if (r == -EBUSY || r == -ETXTBSY)
		return image_busy(image, mode, true);
	return r ? r : image_busy(image, mode, image_lock(image, mode));
}

/**
 * image_open() - open and lock an image
 * @image: result; image_close() it, also after a failure
 * @path: file or block device
 * @mode: how
 *
 * Nothing is read yet.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int image_open(struct image *image, const char *path, enum image_mode mode)
{
	int r = image_open_locked(image, path, mode), tries = IMAGE_TRIES;

	/* Where nothing is ever the same file these are not to be had. */
	while (!r && image_was_renamed(image) && tries--) {
		close(image->fd);
		r = image_open_locked(image, path, mode);
	}
	if (r == -EBUSY)
		return r;
	if (!r)
		r = image_measure(image);
	if (!r)
		r = image_allocate(image);
	if (r)
		complain_errno(path, r, "cannot open");
	return r;
}

/**
 * image_hold_name() - keep an image's name as it is, until it is closed
 * @image: the image, from image_open() for reading
 * @change: the name is to be changed; else it is written down in a child
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int image_hold_name(const struct image *image, bool change)
{
	if (image->block_device ||
	    (!use_lock_name(image->fd, change) && !image_was_renamed(image)))
		return 0;
	complain(image->path, "run this once more when that is done",
		 "another command is making a child of it, or gives it another name");
	return -EBUSY;
}

/**
 * image_forget() - forget what was read of an image, to read it again
 * @image: the image
 */
void image_forget(struct image *image)
{
	overlay_free(&image->overlay);
	free(image->space.map);
	memset(&image->space, 0, sizeof(image->space));
	memset(&image->layout, 0, sizeof(image->layout));
	image->dirty = false;
	image->reader.image_bytes = image->file_bytes;
}

/**
 * image_close() - close an image
 * @image: the image
 */
void image_close(struct image *image)
{
	image_forget(image);
	free(image->scratch);
	image->scratch = NULL;
	free(image->shown);
	image->shown = NULL;
	if (image->fd >= 0)
		close(image->fd);
	image->fd = -1;
}

/* struct vhdx_log_sink into the overlay of an image. */
struct image_sink {
	struct vhdx_log_sink sink;
	struct image *image;
};

static int image_sink_data(struct vhdx_log_sink *sink, u64 off,
			   const void *data)
{
	struct image *image = container_of(sink, struct image_sink, sink)->image;

	image->reader.image_bytes = max_t(u64, image->reader.image_bytes,
					  off + VHDX_SECTOR);
	return overlay_data(&image->overlay, off, data);
}

static int image_sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	struct image *image = container_of(sink, struct image_sink, sink)->image;
	u64 end = min_t(u64, off + bytes, image->reader.image_bytes);

	/* Behind the end there are zeros already. */
	return off < end ? overlay_zero(&image->overlay, off, end - off) : 0;
}

/**
 * image_load_log() - read the log into memory
 * @image: the image; vhdx_load_header() has passed
 *
 * Afterwards @image->reader shows the image with the log's changes.  A file
 * grows in memory as it would on disk; a device cannot.
 *
 * Return: 0, a fault or a negative errno.
 */
int image_load_log(struct image *image)
{
	const struct vhdx_header *header = &image->layout.header;
	struct vhdx_log_source *source = &image->source;
	struct image_sink to = {
		.sink = { .data = image_sink_data, .zero = image_sink_zero },
		.image = image,
	};
	u64 room;
	int r;

	image->dirty = !guid_is_null(&header->log_guid);
	if (!image->dirty)
		return 0;

	source->sector = image_log_sector;
	source->guid = header->log_guid;
	source->log_off = header->log_off;
	source->length = header->log_length;
	source->scratch = image->scratch;
	source->image_bytes = image->file_bytes;
	r = vhdx_log_find(source, &image->log);
	if (r)
		return r;

	room = image->block_device ? image->file_bytes :
	       max_t(u64, image->file_bytes, IMAGE_MAX_BYTES);
	r = vhdx_log_check_end(&image->log, room, image->reader.writable);
	if (r)
		return r;
	source->image_bytes = room;
	r = vhdx_log_replay(source, &image->log, &to.sink);
	if (r || image->block_device)
		return r;

	image->reader.image_bytes =
		max_t(u64, image->reader.image_bytes,
		      round_up_u64(image->log.head.last_bytes, SZ_1M));
	return 0;
}

/**
 * image_load_space() - start the map of who owns which MiB
 * @image: the image; vhdx_load_layout() has passed
 *
 * Return: 0 or a negative errno.
 */
int image_load_space(struct image *image)
{
	struct vhdx_space *space = &image->space;
	u64 bytes = min_t(u64, image->reader.image_bytes, IMAGE_MAX_BYTES);

	space->size = (bytes + SZ_1M - 1) / SZ_1M;
	space->map = calloc(BITS_TO_LONGS(space->size), sizeof(long));
	if (!space->map)
		return -ENOMEM;
	return vhdx_load_space(&image->reader, &image->layout, space,
			       image->scratch);
}

/**
 * image_load() - read all of an image but its BAT, in the one right order
 * @image: the image
 *
 * Return: 0, a fault or a negative errno.
 */
int image_load(struct image *image)
{
	int r;

	r = vhdx_load_header(&image->reader, &image->layout, image->scratch);
	if (!r)
		r = image_load_log(image);
	if (!r)
		r = vhdx_load_layout(&image->reader, &image->layout,
				     image->scratch);
	return r ? r : image_load_space(image);
}

/**
 * image_take() - an image that is open already
 * @image: result; image_close() it, also after a failure
 * @path: its file
 * @fd: that, open for writing; this gets a copy, with the locks that it has
 *
 * Return: 0 or a negative errno.
 */
int image_take(struct image *image, const char *path, int fd)
{
	int r;

	image_init(image, path, IMAGE_WRITE);
	image->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (image->fd < 0 || fstat(image->fd, &image->st))
		return -errno;
	image->block_device = S_ISBLK(image->st.st_mode);
	r = image_measure(image);
	return r ? r : image_allocate(image);
}

static int image_peek_open(struct image *image, const char *path)
{
	int r;

	image_init(image, path, IMAGE_PEEK);
	image->reader.parents = true;
	r = image_open_file(image, IMAGE_PEEK);
	if (!r)
		r = image_measure(image);
	return r ? r : image_allocate(image);
}

/**
 * image_peek() - see what is in a file, without a word
 * @image: result; image_close() it, also after a failure
 * @path: file or block device
 *
 * Nobody is kept from using it, and what it says may be out of date.
 *
 * Return: 0 if it is an image, of whatever kind; a fault or a negative errno.
 */
int image_peek(struct image *image, const char *path)
{
	int r = image_peek_open(image, path);

	return r ? r : image_load(image);
}

/**
 * image_glance() - see which image is in a file that somebody writes to
 * @image: result; image_close() it, also after a failure
 * @path: file or block device
 *
 * As image_peek(), but of @image->layout only: the log is left alone, which
 * may change while it is read.
 *
 * Return: 0 if it is an image, of whatever kind; a fault or a negative errno.
 */
int image_glance(struct image *image, const char *path)
{
	int r = image_peek_open(image, path);

	if (!r)
		r = vhdx_load_header(&image->reader, &image->layout,
				     image->scratch);
	if (!r)
		image->dirty = !guid_is_null(&image->layout.header.log_guid);
	return r ? r : vhdx_load_layout(&image->reader, &image->layout,
					image->scratch);
}

/**
 * image_load_bat() - read the BAT
 * @image: the image; image_load() has passed
 * @visit: called for each entry
 * @arg: for @visit
 *
 * Return: as vhdx_load_bat().
 */
int image_load_bat(struct image *image, vhdx_bat_visit_fn visit, void *arg)
{
	void *buf = malloc(IMAGE_BAT_BYTES);
	int r;

	if (!buf)
		return -ENOMEM;
	r = vhdx_load_bat(&image->reader, &image->layout, &image->space, buf,
			  IMAGE_BAT_BYTES, visit, arg);
	free(buf);
	return r;
}

/**
 * image_rescan_bat() - read the BAT once more
 * @image: the image; image_load_bat() has passed
 * @visit: called for each entry
 * @arg: for @visit
 *
 * The map of space stays that of the first time.
 *
 * Return: as vhdx_load_bat().
 */
int image_rescan_bat(struct image *image, vhdx_bat_visit_fn visit, void *arg)
{
	struct vhdx_space first = image->space;
	int r;

	memset(&image->space, 0, sizeof(image->space));
	r = image_load_space(image);
	if (!r)
		r = image_load_bat(image, visit, arg);
	free(image->space.map);
	image->space = first;
	return r;
}

/**
 * image_log_entries() - entries of the log that are to be replayed
 * @image: the image
 *
 * Return: how many; 0 if the log is clean.
 */
u64 image_log_entries(const struct image *image)
{
	if (!image->dirty)
		return 0;
	return image->log.head.sequence - image->log.first_sequence + 1;
}

/**
 * image_end() - end of all that the image refers to
 * @image: the image; image_load_bat() has passed
 *
 * Return: bytes from the start of the image, a multiple of 1 MiB.
 */
u64 image_end(const struct image *image)
{
	return (u64)image->space.end * SZ_1M;
}
