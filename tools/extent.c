// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <unistd.h>

#include "edit.h"
#include "extent.h"
#include "message.h"
#include "size.h"

struct extent_scan {
	struct extent *extent;
	const struct image *image;
};

static int extent_visit(void *arg, u64 index, u32 block, bool bitmap,
			const struct vhdx_bat_entry *entry, int result)
{
	struct extent_scan *scan = arg;
	u64 end;

	(void)index;
	(void)block;
	/* A file is extended anyway before the kernel sees it. */
	if (result == VHDX_FAULT_BAT_CUT && !scan->image->block_device)
		result = 0;
	if (result || bitmap || !entry->mib)
		return result;
	scan->extent->placed++;
	end = (entry->mib + vhdx_block_mib(&scan->image->layout.geo)) * SZ_1M;
	scan->extent->end = max_t(u64, scan->extent->end, end);
	return 0;
}

/**
 * extent_load() - find out how far an image reaches
 * @extent: result
 * @image: the image; image_load() has passed
 *
 * Reads the BAT and judges it.
 *
 * Return: 0, a fault or a negative errno.
 */
int extent_load(struct extent *extent, struct image *image)
{
	struct extent_scan scan = { .extent = extent, .image = image };
	const struct vhdx_geometry *geo = &image->layout.geo;
	int r;

	memset(extent, 0, sizeof(*extent));
	r = image_load_bat(image, extent_visit, &scan);
	if (r)
		return r;
	extent->end = max_t(u64, extent->end, image_end(image));
	extent->end = max_t(u64, extent->end,
			    round_up_u64(overlay_end(&image->overlay), SZ_1M));
	/* The log's replay wants the file to be at least so large. */
	if (image->dirty)
		extent->end = max_t(u64, extent->end,
				    round_up_u64(image->log.head.last_bytes,
						 SZ_1M));
	extent->max_bytes = extent->end +
		((geo->blocks - extent->placed) << geo->block_shift);
	return 0;
}

/**
 * extent_data_end() - where the data in an image's file ends
 * @image: the image
 * @from: bytes from its start, a multiple of 1 MiB
 *
 * A crash may have left the file at the size that it could grow to: what
 * counts is not its size but the data in it.
 *
 * Return: bytes from the start of the file, a multiple of 1 MiB, not below
 * @from; everything behind that reads as zeros.
 */
u64 extent_data_end(const struct image *image, u64 from)
{
	off_t data, hole = from;

	for (;;) {
		data = lseek(image->fd, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return round_up_u64(hole, SZ_1M);
		if (data >= 0)
			hole = lseek(image->fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return max_t(u64, from, round_up_u64(image->file_bytes,
							     SZ_1M));
	}
}

/**
 * extent_grow() - extend an image's file so that all blocks have room
 * @extent: from extent_load()
 * @image: the image, open for writing
 *
 * What is added takes no space yet.  Where the file system does not take such
 * a large file, the largest it takes will have to do.  The size is durable on
 * return: the log of the image is going to say so.
 *
 * Return: 0 or a negative errno.
 */
int extent_grow(const struct extent *extent, struct image *image)
{
	u64 low = image->file_bytes / SZ_1M;
	u64 high = extent->max_bytes / SZ_1M, mib;
	char size[SIZE_TEXT];
	int r;

	if (extent->max_bytes <= image->file_bytes)
		return 0;
	r = edit_resize(image, extent->max_bytes);
	if (r == -EFBIG || r == -EINVAL) {
		while (high - low > 1) {
			mib = low + (high - low) / 2;
			if (edit_resize(image, mib * SZ_1M))
				high = mib;
			else
				low = mib;
		}
		note(image->path, "the file system takes no file large enough for the whole disk, so writes may fail from %s on",
		     size_text(size, image->file_bytes));
		r = image->file_bytes < extent->end ? -EFBIG : 0;
	}
	return r ? r : edit_sync(image);
}

/**
 * extent_trim() - cut off what an image's file has behind the image
 * @image: the image, open for writing, nothing loaded
 *
 * That is no change to the image: nothing that it refers to is there.  A fixed
 * image and one with a dirty log stay as they are.
 *
 * Return: 0, a fault or a negative errno.
 */
int extent_trim(struct image *image)
{
	struct extent extent;
	int r;

	r = image_load(image);
	if (r || image->dirty || image->layout.meta.leave_allocated)
		return r;
	r = extent_load(&extent, image);
	if (!r && extent.end < image->file_bytes)
		r = edit_resize(image, extent.end);
	return r ? r : edit_sync(image);
}
