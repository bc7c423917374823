// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a new image, as Windows has it: log, metadata, BAT, and in a
 * fixed image all blocks one after the other.  The BAT has room for the sector
 * bitmap slot of the last chunk, too, which some readers expect.
 *
 * File identifier and headers come last, behind a flush: on a device that
 * held something else, what is not finished is no image.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>

#include "edit.h"
#include "format.h"
#include "guid.h"
#include "hostfs.h"
#include "message.h"
#include "size.h"

#define FORMAT_BAT_BYTES	SZ_1M	/* of the BAT are written at a time */
#define FORMAT_ZERO_BYTES	(1ULL << 30)	/* of a device are zeroed at a time */

/**
 * struct format_plan - where everything goes
 * @geo: geometry of the disk
 * @region: metadata region, BAT region
 * @blocks_off: the first block of a fixed image; the end of a dynamic one
 * @end: end of the image
 */
struct format_plan {
	struct vhdx_geometry geo;
	struct vhdx_region region[2];
	u64 blocks_off;
	u64 end;
};

enum { FORMAT_META, FORMAT_BAT };

static void format_make_plan(const struct format *format,
			     struct format_plan *plan)
{
	struct vhdx_region *meta = &plan->region[FORMAT_META];
	struct vhdx_region *bat = &plan->region[FORMAT_BAT];
	u64 entries;

	vhdx_geometry_init(&plan->geo, &format->meta);
	entries = plan->geo.chunks * ((1ULL << plan->geo.chunk_shift) + 1);

	meta->guid = vhdx_guid_metadata_region;
	meta->off = VHDX_HEAD_BYTES + format->log_bytes;
	meta->length = SZ_1M;
	meta->required = true;

	bat->guid = vhdx_guid_bat_region;
	bat->off = meta->off + meta->length;
	bat->length = round_up_u64(entries * sizeof(__le64), SZ_1M);
	bat->required = true;

	plan->blocks_off = bat->off + bat->length;
	plan->end = plan->blocks_off;
	if (format->meta.leave_allocated)
		plan->end += (u64)plan->geo.blocks << plan->geo.block_shift;
}

static int format_write_meta(const struct format *format,
			     const struct format_plan *plan,
			     struct image *image)
{
	u8 *buf = malloc(2 * VHDX_META_TABLE_BYTES);
	u32 used;
	int r;

	if (!buf)
		return -ENOMEM;
	used = vhdx_meta_region_encode(buf, &format->meta);
	if (format->locator) {
		memcpy(buf + used, format->locator, format->locator_bytes);
		vhdx_meta_locator_encode(buf, VHDX_META_PARENT_LOCATOR, used,
					 format->locator_bytes);
	}
	r = edit_write(image, plan->region[FORMAT_META].off, buf,
		       2 * VHDX_META_TABLE_BYTES);
	free(buf);
	return r;
}

/* One write's worth of the BAT of a fixed image, from entry @index on. */
static void format_fill_bat(const struct format_plan *plan, __le64 *entry,
			    u64 index, u32 count)
{
	const struct vhdx_geometry *geo = &plan->geo;
	u64 first_mib = plan->blocks_off / SZ_1M, block;
	u32 i;

	memset(entry, 0, count * sizeof(*entry));
	for (i = 0; i < count; i++, index++) {
		block = vhdx_bat_blocks_before(geo, index);
		if (vhdx_bat_is_bitmap(geo, index) || block >= geo->blocks)
			continue;
		entry[i] = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL,
				first_mib + block * vhdx_block_mib(geo)));
	}
}

static int format_write_bat(const struct format_plan *plan, struct image *image)
{
	u32 per_write = FORMAT_BAT_BYTES / sizeof(__le64);
	__le64 *buf = malloc(FORMAT_BAT_BYTES);
	u64 index;
	int r = buf ? 0 : -ENOMEM;

	for (index = 0; !r && index < plan->geo.bat_entries;
	     index += per_write) {
		format_fill_bat(plan, buf, index, per_write);
		r = edit_write(image, plan->region[FORMAT_BAT].off +
			       index * sizeof(__le64), buf, FORMAT_BAT_BYTES);
	}
	free(buf);
	return r;
}

static int format_write_regions(const struct format_plan *plan,
				struct image *image)
{
	void *table = malloc(VHDX_REGION_BYTES);
	int r, slot;

	if (!table)
		return -ENOMEM;
	vhdx_region_table_encode(table, plan->region, 2);
	for (slot = 0, r = 0; !r && slot < 2; slot++)
		r = edit_write(image, VHDX_REGION_OFF(slot), table,
			       VHDX_REGION_BYTES);
	free(table);
	return r;
}

/* Headers, then the identifier that makes it an image. */
static int format_write_head(const struct format *format, struct image *image)
{
	struct vhdx_header header = {
		.version = 1,
		.log_length = format->log_bytes,
		.log_off = VHDX_HEAD_BYTES,
	};
	u8 buf[VHDX_SECTOR];
	int r, slot;

	guid_random(&header.file_write_guid);
	guid_random(&header.data_write_guid);
	for (slot = 0, r = 0; !r && slot < 2; slot++) {
		header.sequence = slot + 1;
		vhdx_header_encode(&header, buf);
		r = edit_write(image, VHDX_HEADER_OFF(slot), buf, sizeof(buf));
	}
	if (r)
		return r;
	vhdx_ident_encode(buf, "dm-vhdx " VERSION);
	return edit_write(image, VHDX_IDENT_OFF, buf, sizeof(buf));
}

/* All of it, over space that reads as zeros. */
static int format_write(const struct format *format,
			const struct format_plan *plan, struct image *image)
{
	int r;

	r = format_write_meta(format, plan, image);
	if (!r && format->meta.leave_allocated)
		r = format_write_bat(plan, image);
	if (!r)
		r = format_write_regions(plan, image);
	if (!r)
		r = edit_sync(image);
	if (!r)
		r = format_write_head(format, image);
	return r ? r : edit_sync(image);
}

/**
 * format_take_space() - see that a new image has all of its space
 * @fd: the file, empty
 * @path: its name
 * @bytes: size of the image
 *
 * All of it, of a dynamic image as well: what is there is headers, log and
 * tables, for which there has to be space when they are written.
 *
 * Return: 0 or a negative errno.
 */
int format_take_space(int fd, const char *path, u64 bytes)
{
	struct hostfs host;
	int r;

	r = hostfs_look(&host, fd);
	if (!r)
		r = hostfs_extend(&host, fd, 0, bytes, NULL);
	if (!r)
		r = hostfs_reserve(&host, fd, 0, bytes);
	if (!r)
		r = hostfs_look(&host, fd);
	if (!r) {
		hostfs_note_windows(&host, path);
		hostfs_note_copies(&host, path);
	}
	return r;
}

/**
 * format_find_place() - where things are going to be in a new image
 * @format: what it is to be like
 * @place: result
 */
void format_find_place(const struct format *format, struct format_place *place)
{
	struct format_plan plan;

	format_make_plan(format, &plan);
	place->bat_off = plan.region[FORMAT_BAT].off;
	place->end = plan.end;
}

/**
 * format_file() - write a new image into an empty file
 * @format: what it is to be like
 * @fd: the file
 * @path: its name
 *
 * Return: 0 or a negative errno.
 */
int format_file(const struct format *format, int fd, const char *path)
{
	struct format_place place;

	return format_file_at(format, fd, path, &place);
}

/**
 * format_file_at() - write a new image, to which blocks are to be added
 * @format: what it is to be like
 * @fd: an empty file
 * @path: its name
 * @place: result: where its parts are
 *
 * Return: 0 or a negative errno.
 */
int format_file_at(const struct format *format, int fd, const char *path,
		   struct format_place *place)
{
	struct image image = { .path = path, .fd = fd };
	struct format_plan plan;
	int r;

	format_make_plan(format, &plan);
	format_find_place(format, place);
	r = format_take_space(fd, path, plan.end);
	return r ? r : format_write(format, &plan, &image);
}

/**
 * format_zero_device() - make a part of a device read as zeros
 * @image: the device, open for writing
 * @off: bytes from its start
 * @end: where the part ends
 *
 * Shows how far it has come.
 *
 * Return: 0 or a negative errno.
 */
int format_zero_device(struct image *image, u64 off, u64 end)
{
	u64 start = off, part;
	int r = 0;

	for (; !r && off < end; off += part) {
		progress("Writing zeros", off - start, end - start);
		part = min_t(u64, end - off, FORMAT_ZERO_BYTES);
		r = edit_zero(image, off, part);
	}
	progress_end();
	return r;
}

static int format_check_device(const struct format *format,
			       const struct format_plan *plan,
			       const struct image *image)
{
	char need[SIZE_TEXT], have[SIZE_TEXT];

	if (image->reader.logical_bytes > format->meta.logical_bytes) {
		complain(image->path, "use --logical-sector-size 4096",
			 "its sectors have %u bytes",
			 image->reader.logical_bytes);
		return -EOPNOTSUPP;
	}
	if (image->file_bytes < plan->end) {
		size_text_two(need, plan->end, have, image->file_bytes);
		complain(image->path, "use a larger device or a smaller --size",
			 "too small: the image takes %s, the device has %s",
			 need, have);
		return -ENOSPC;
	}
	return 0;
}

/**
 * format_device() - write a new image onto a block device
 * @format: what it is to be like
 * @image: the device, open for writing
 *
 * What the device held is gone from the first step on: head and identifier are
 * wiped durably, then metadata, BAT and the blocks of a fixed image.  Says
 * what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int format_device(const struct format *format, struct image *image)
{
	struct format_plan plan;
	int r;

	format_make_plan(format, &plan);
	r = format_check_device(format, &plan, image);
	if (r)
		return r;
	r = edit_zero(image, 0, VHDX_HEAD_BYTES);
	if (!r)
		r = edit_sync(image);
	if (!r)
		r = format_zero_device(image, plan.region[FORMAT_META].off,
				       plan.end);
	if (!r)
		r = format_write(format, &plan, image);
	if (r)
		complain_errno(image->path, r, "cannot write");
	return r;
}
