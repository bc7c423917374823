// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <unistd.h>

#include "edit.h"
#include "extent.h"
#include "size.h"
#include "vhd-extent.h"
#include "vhd-image.h"

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
	if (result || !entry->mib)
		return result;
	if (bitmap) {
		scan->extent->bitmaps++;
		return 0;
	}
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
	/* Each chunk's is 1 MiB, whether a block of it is partial yet or not. */
	if (image->layout.meta.has_parent)
		extent->max_bytes += (geo->chunks - extent->bitmaps) * SZ_1M;
	return 0;
}

/**
 * extent_data_end() - where the data in an image's file ends
 * @image: the image
 * @from: bytes from its start
 *
 * A crash may have left the file at the size that it could grow to: what
 * counts is not its size but the data in it.  In the last MiB there may be a
 * footer, and the target does not take that for zeros.
 *
 * Return: bytes from the start of the file, a multiple of 1 MiB, not below
 * @from; everything behind that reads as zeros.
 */
u64 extent_data_end(const struct image *image, u64 from)
{
	off_t data, hole = round_up_u64(from, SZ_1M);
	bool is_vhd = vhd_image_is(image);

	for (;;) {
		data = lseek(image->fd, hole, SEEK_DATA);
		if ((data < 0 && errno == ENXIO) ||
		    (is_vhd && data >= 0 &&
		     (u64)data / SZ_1M == (image->file_bytes - 1) / SZ_1M))
			return round_up_u64(hole, SZ_1M);
		if (data >= 0)
			hole = lseek(image->fd, data, SEEK_HOLE);
		if (data < 0 || hole < 0)
			return round_up_u64(max_t(u64, from, image->file_bytes),
					    SZ_1M);
	}
}

static int extent_reserve_part(const struct image *image,
			       const struct hostfs *host, u64 off, u64 bytes)
{
	u64 end = min_t(u64, off + bytes, image->file_bytes);

	return off < end ? hostfs_reserve(host, image->fd, off, end) : 0;
}

/**
 * extent_reserve() - see that log and tables of an image are no holes
 * @image: the image, open for writing and loaded
 * @host: its file
 *
 * A copy may have made holes of what was zero.  If the file system were full
 * when they are written, the image could not be used any more.
 *
 * Return: 0 or a negative errno.
 */
int extent_reserve(const struct image *image, const struct hostfs *host)
{
	const struct vhdx_layout *layout = &image->layout;
	int r;

	r = extent_reserve_part(image, host, 0, VHDX_HEAD_BYTES);
	if (!r)
		r = extent_reserve_part(image, host, layout->header.log_off,
					layout->header.log_length);
	if (!r)
		r = extent_reserve_part(image, host,
					layout->regions.metadata.off,
					layout->regions.metadata.length);
	if (!r)
		r = extent_reserve_part(image, host, layout->regions.bat.off,
					layout->regions.bat.length);
	return r;
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

	if (vhd_image_is(image))
		return vhd_extent_trim(image);
	r = image_load(image);
	if (r || image->dirty || image->layout.meta.leave_allocated)
		return r;
	r = extent_load(&extent, image);
	if (!r && extent.end < image->file_bytes)
		r = edit_resize(image, extent.end);
	return r ? r : edit_sync(image);
}

/**
 * extent_settle() - see that Windows takes an image's file again
 * @image: the image, open for writing
 * @solid: the file had no holes when it was attached
 *
 * Fills holes of a file on NTFS that had none; where the file is sparse in
 * spite of that, or was so before, says it.
 *
 * Return: 0 or a negative errno.
 */
int extent_settle(struct image *image, bool solid)
{
	struct hostfs host;
	int r;

	r = hostfs_look(&host, image->fd);
	if (!r && host.ntfs && host.sparse && solid) {
		r = hostfs_reserve(&host, image->fd, 0, image->file_bytes);
		if (!r)
			r = edit_sync(image);
		if (!r)
			r = hostfs_look(&host, image->fd);
	}
	if (!r)
		hostfs_note_windows(&host, image->path);
	return r;
}
