// SPDX-License-Identifier: GPL-2.0
/* The file below an image of either format, made larger. */
#include "edit.h"
#include "extent-grow.h"
#include "message.h"
#include "size.h"
#include "vhd-disk.h"

#define EXTENT_FIRST_BYTES	(16 * (u64)SZ_1M)

/* To the largest size it can have; a footer comes in the same step, for power cuts. */
static int extent_grow_all(const struct extent *extent, struct image *image,
			   const void *footer)
{
	if (!footer)
		return edit_resize(image, extent->max_bytes);
	return edit_write_end(image, extent->max_bytes - VHD_FOOTER_BYTES,
			      footer, VHD_FOOTER_BYTES);
}

/* As far as it can, without taking space. */
static int extent_grow_holes(const struct extent *extent, struct image *image,
			     const void *footer)
{
	u64 low = image->file_bytes / SZ_1M;
	u64 high = extent->max_bytes / SZ_1M, mib;
	char size[SIZE_TEXT];
	int r;

	r = extent_grow_all(extent, image, footer);
	if (r != -EFBIG && r != -EINVAL)
		return r;
	while (high - low > 1) {
		mib = low + (high - low) / 2;
		if (edit_resize(image, mib * SZ_1M))
			high = mib;
		else
			low = mib;
	}
	note(image->path, "the file system takes no file large enough for the whole disk, so writes may fail from %s on",
	     size_text(size, image->file_bytes));
	return image->file_bytes < extent->end ? -EFBIG : 0;
}

static int extent_extend(struct image *image, const struct hostfs *host,
			 u64 bytes)
{
	int r;

	if (bytes <= image->file_bytes)
		return 0;
	r = hostfs_extend(host, image->fd, image->file_bytes, bytes, NULL);
	if (!r)
		image->file_bytes = bytes;
	return r;
}

/* To what it needs now, and for the first writes.  Zeros take their time. */
static int extent_grow_solid(const struct extent *extent, struct image *image,
			     const struct hostfs *host)
{
	u64 block_bytes = image->layout.meta.block_bytes;
	u64 bytes = extent->end + max_t(u64, block_bytes, EXTENT_FIRST_BYTES);
	char size[SIZE_TEXT];
	int r;

	r = extent_extend(image, host, extent->end);
	if (r)
		return r;
	if (host->max_bytes && extent->max_bytes > host->max_bytes)
		note(image->path, "%s takes no file larger than 4 GiB, so writes may fail when it has that size",
		     host->name);
	bytes = min_t(u64, bytes, extent->max_bytes);
	do {
		r = extent_extend(image, host, bytes);
		bytes -= min_t(u64, bytes, block_bytes);
	} while ((r == -ENOSPC || r == -EFBIG) && bytes > extent->end);
	if (r == -ENOSPC || r == -EFBIG) {
		note(image->path, "the file system has %s left: writes to new blocks wait, and fail after a minute, unless space gets free",
		     size_text(size, hostfs_free_bytes(image->fd)));
		r = 0;
	}
	return r;
}

/**
 * extent_grow() - extend an image's file so that blocks have room
 * @extent: from extent_load()
 * @image: the image, open for writing
 * @host: the file and its file system
 * @footer: VHD_FOOTER_BYTES that the file ends with, also where it gets longer at
 *          once; in steps, who calls this has to write them behind it; or NULL
 * @steps: takes whether there is not yet room for all of them: then it has to
 *         be extended while it is in use
 *
 * What is added reads as zeros.  Where the file system can do that it takes no
 * space, and all blocks have room then; where it does not take such a large
 * file, the largest it takes will have to do.  The size is durable on return:
 * the log of the image is going to say so.
 *
 * Return: 0 or a negative errno.
 */
int extent_grow(const struct extent *extent, struct image *image,
		const struct hostfs *host, const void *footer, bool *steps)
{
	int r;

	*steps = false;
	if (extent->max_bytes <= image->file_bytes)
		return 0;
	if (hostfs_takes_holes(host, image->fd)) {
		r = extent_grow_holes(extent, image, footer);
	} else {
		r = extent_grow_solid(extent, image, host);
		*steps = image->file_bytes < extent->max_bytes;
	}
	return r ? r : edit_sync(image);
}

/**
 * extent_free_goal() - how much a file is extended at a time
 * @file_bytes: its size
 * @block_bytes: of the image
 *
 * More than what the target takes for low space in all but the largest, so
 * that it tells again.
 *
 * Return: bytes that are to be free after an extension, whole MiB.
 */
u64 extent_free_goal(u64 file_bytes, u64 block_bytes)
{
	u64 part = file_bytes / 16 / SZ_1M * SZ_1M;

	part = min_t(u64, max_t(u64, part, 64 * (u64)SZ_1M),
		     1024 * (u64)SZ_1M);
	return max_t(u64, part, 8 * block_bytes);
}
