// SPDX-License-Identifier: GPL-2.0
/*
 * The new image is a dynamic one, in a file that nobody else knows yet, so there
 * is no order of writes to be kept.  Its blocks come in the disk's order; what
 * reads as zeros takes no space.
 */
#include <stdlib.h>

#include "copy.h"
#include "edit.h"
#include "message.h"
#include "size.h"

#define COPY_BYTES	SZ_1M	/* at a time */

/**
 * struct copy - a copy in progress
 * @chain: from here
 * @image: to here
 * @geo: geometry of the new image
 * @bat_off: where its BAT is
 * @end: of the new image so far
 * @sector: of the BAT, that is in @entry; ~0: none
 * @entry: entries of the BAT, on disk as soon as others are needed
 * @buf: COPY_BYTES
 * @copied: bytes written
 */
struct copy {
	struct chain *chain;
	struct image image;
	struct vhdx_geometry geo;
	u64 bat_off;
	u64 end;
	u64 sector;
	__le64 entry[VHDX_BAT_PER_SECTOR];
	u8 *buf;
	u64 copied;
};

static int copy_flush(struct copy *copy)
{
	if (copy->sector == ~0ULL)
		return 0;
	return edit_write(&copy->image, copy->bat_off +
			  copy->sector * VHDX_SECTOR, copy->entry, VHDX_SECTOR);
}

/* Give @block space at the end of the file. */
static int copy_place(struct copy *copy, u32 block, u64 *off)
{
	u64 index = vhdx_bat_index(&copy->geo, block);
	u64 sector = index / VHDX_BAT_PER_SECTOR;
	int r = 0;

	if (sector != copy->sector) {
		r = copy_flush(copy);
		memset(copy->entry, 0, sizeof(copy->entry));
		copy->sector = sector;
	}
	*off = copy->end;
	if (!r)
		r = edit_resize(&copy->image, copy->end +
				(1ULL << copy->geo.block_shift));
	if (r)
		return r;
	copy->entry[index % VHDX_BAT_PER_SECTOR] =
		cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL, copy->end / SZ_1M));
	copy->end += 1ULL << copy->geo.block_shift;
	return 0;
}

/* Does the disk have data between @from and @to, or zeros only? */
static int copy_find_data(struct copy *copy, u64 from, u64 to, bool *data)
{
	struct chain_run run = { .end = from };
	int r = 0;

	for (*data = false; !r && !*data && run.end < to;) {
		r = chain_run_at(copy->chain, run.end, &run);
		*data = run.off;
	}
	return r;
}

static bool copy_is_zero(const u8 *buf, u32 bytes)
{
	return !buf[0] && !memcmp(buf, buf + 1, bytes - 1);
}

static int copy_block(struct copy *copy, u32 block)
{
	u64 start = (u64)block << copy->geo.block_shift, off = 0, at;
	u64 end = min_t(u64, start + (1ULL << copy->geo.block_shift),
			copy->geo.disk_bytes);
	bool data;
	u32 part;
	int r = 0;

	for (at = start; !r && at < end; at += part) {
		part = min_t(u64, COPY_BYTES, end - at);
		r = copy_find_data(copy, at, at + part, &data);
		if (r || !data)
			continue;
		r = chain_read(copy->chain, at, copy->buf, part);
		if (r || copy_is_zero(copy->buf, part))
			continue;
		r = off ? 0 : copy_place(copy, block, &off);
		if (!r)
			r = edit_write(&copy->image, off + at - start,
				       copy->buf, part);
		copy->copied += part;
	}
	return r;
}

/**
 * copy_into_file() - write the disk of a chain into a new image
 * @chain: the chain
 * @format: what the image is to be like: dynamic, with a disk of the same size
 * @fd: an empty file
 * @path: its name
 * @copied: takes how many bytes were written
 *
 * Return: 0 or a negative errno.
 */
int copy_into_file(struct chain *chain, const struct format *format, int fd,
		   const char *path, u64 *copied)
{
	struct copy *copy = calloc(1, sizeof(*copy));
	struct format_place place;
	u32 block;
	int r;

	if (!copy)
		return -ENOMEM;
	copy->chain = chain;
	copy->image.path = path;
	copy->image.fd = fd;
	copy->sector = ~0ULL;
	copy->buf = malloc(COPY_BYTES);
	vhdx_geometry_init(&copy->geo, &format->meta);
	r = copy->buf ? format_file_at(format, fd, path, &place) : -ENOMEM;
	copy->bat_off = place.bat_off;
	copy->end = place.end;
	copy->image.file_bytes = place.end;
	for (block = 0; !r && block < copy->geo.blocks; block++) {
		progress("Copying", block, copy->geo.blocks);
		r = copy_block(copy, block);
	}
	progress_end();
	if (!r)
		r = copy_flush(copy);
	*copied = copy->copied;
	free(copy->buf);
	free(copy);
	return r;
}
