// SPDX-License-Identifier: GPL-2.0
/*
 * The layout of a new VHD image, as Windows has it: copy of the footer, header,
 * BAT, paths of the parent, footer; in a fixed image the disk and the footer.
 * On a device the footer is in its last sector, where it can stay.
 *
 * The footers come last, behind a flush: on a device that held something else,
 * what is not finished is no image.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "edit.h"
#include "format.h"
#include "message.h"
#include "size.h"
#include "vhd-format.h"
#include "vhd-load.h"

#define VHD_FORMAT_BAT_OFF	(VHD_FOOTER_BYTES + VHD_HEADER_BYTES)
#define VHD_FORMAT_HEAD_BYTES	SZ_64K	/* of a device are wiped first */

/**
 * struct vhd_format_plan - where everything goes
 * @header: the header
 * @bat_bytes: size of the BAT
 * @end: end of all but the footer
 */
struct vhd_format_plan {
	struct vhd_header header;
	u64 bat_bytes;
	u64 end;
};

static void vhd_format_plan_paths(const struct vhd_format *format,
				  struct vhd_format_plan *plan)
{
	struct vhd_locator *locator = plan->header.locator;
	unsigned int i;

	for (i = 0; i < VHD_PARENT_PATHS; i++) {
		memcpy(locator[i].code, format->parent.path[i].code, 4);
		locator[i].length = format->parent.path[i].bytes;
		locator[i].space_bytes = round_up_u64(locator[i].length,
						      VHD_SECTOR);
		locator[i].off = plan->end;
		plan->end += locator[i].space_bytes;
	}
	plan->header.parent_id = format->parent.id;
	plan->header.parent_timestamp = format->parent.timestamp;
	memcpy(plan->header.parent_name, format->parent.name,
	       sizeof(plan->header.parent_name));
}

static void vhd_format_make_plan(const struct vhd_format *format,
				 struct vhd_format_plan *plan)
{
	struct vhd_header *header = &plan->header;

	memset(plan, 0, sizeof(*plan));
	plan->end = format->disk_bytes;
	if (format->type == VHD_TYPE_FIXED)
		return;
	header->version = VHD_VERSION;
	header->bat_off = VHD_FORMAT_BAT_OFF;
	header->block_bytes = format->block_bytes;
	header->bat_entries = (format->disk_bytes + format->block_bytes - 1) /
			      format->block_bytes;
	plan->bat_bytes = round_up_u64((u64)header->bat_entries *
				       sizeof(__be32), VHD_SECTOR);
	plan->end = header->bat_off + plan->bat_bytes;
	if (format->type == VHD_TYPE_DIFFERENCING)
		vhd_format_plan_paths(format, plan);
}

static int vhd_format_write_bat(const struct vhd_format_plan *plan,
				struct image *image)
{
	void *buf = malloc(SZ_1M);
	u64 off, part;
	int r = buf ? 0 : -ENOMEM;

	if (buf)
		memset(buf, 0xff, SZ_1M);	/* VHD_BAT_UNALLOCATED */
	for (off = 0; !r && off < plan->bat_bytes; off += part) {
		part = min_t(u64, plan->bat_bytes - off, SZ_1M);
		r = edit_write(image, plan->header.bat_off + off, buf, part);
	}
	free(buf);
	return r;
}

/* Header, BAT and paths; a fixed image has nothing but its disk. */
static int vhd_format_write_tables(const struct vhd_format *format,
				   const struct vhd_format_plan *plan,
				   struct image *image)
{
	u8 buf[VHD_HEADER_BYTES];
	unsigned int i;
	int r;

	if (format->type == VHD_TYPE_FIXED)
		return 0;
	vhd_header_encode(&plan->header, buf);
	r = edit_write(image, VHD_FOOTER_BYTES, buf, sizeof(buf));
	if (!r)
		r = vhd_format_write_bat(plan, image);
	for (i = 0; !r && i < VHD_PARENT_PATHS; i++)
		r = edit_write(image, plan->header.locator[i].off,
			       format->parent.path[i].utf16,
			       format->parent.path[i].bytes);
	return r;
}

/* The creator's name is one by which everybody takes the current size. */
static void vhd_format_footer(const struct vhd_format *format, void *buf)
{
	struct vhd_footer footer = {
		.features = VHD_FEATURES,
		.version = VHD_VERSION,
		.header_off = format->type == VHD_TYPE_FIXED ? VHD_NO_OFFSET :
							       VHD_FOOTER_BYTES,
		.timestamp = time(NULL) - VHD_EPOCH,
		.creator_app = { 'w', 'i', 'n', ' ' },
		.creator_version = 0x000a0000,
		.creator_os = { 'W', 'i', '2', 'k' },
		.original_bytes = format->disk_bytes,
		.current_bytes = format->disk_bytes,
		.type = format->type,
		.id = format->id,
	};

	vhd_chs_of(format->disk_bytes / VHD_SECTOR, &footer.chs);
	vhd_footer_encode(&footer, buf);
}

/* All of it, over space that reads as zeros; the footer at @footer_off. */
static int vhd_format_write(const struct vhd_format *format,
			    const struct vhd_format_plan *plan,
			    struct image *image, u64 footer_off)
{
	u8 buf[VHD_FOOTER_BYTES];
	int r;

	vhd_format_footer(format, buf);
	r = vhd_format_write_tables(format, plan, image);
	if (!r)
		r = edit_sync(image);
	if (!r)
		r = edit_write(image, footer_off, buf, sizeof(buf));
	if (!r && format->type != VHD_TYPE_FIXED)
		r = edit_write(image, 0, buf, sizeof(buf));
	return r ? r : edit_sync(image);
}

/**
 * vhd_format_file() - write a new VHD image into an empty file
 * @format: what it is to be like
 * @fd: the file
 * @path: its name
 *
 * Return: 0 or a negative errno.
 */
int vhd_format_file(const struct vhd_format *format, int fd, const char *path)
{
	struct image image = { .path = path, .fd = fd };
	struct vhd_format_plan plan;
	int r;

	vhd_format_make_plan(format, &plan);
	r = format_take_space(fd, path, plan.end + VHD_FOOTER_BYTES);
	return r ? r : vhd_format_write(format, &plan, &image, plan.end);
}

/* A fixed image has to end where the device does, or nobody finds its footer. */
static int vhd_format_check_device(const struct vhd_format *format,
				   const struct vhd_format_plan *plan,
				   const struct image *image)
{
	u64 need_bytes = plan->end + VHD_FOOTER_BYTES;
	char need[SIZE_TEXT], have[SIZE_TEXT];

	if (image->reader.logical_bytes > VHD_SECTOR) {
		complain(image->path, "use a loop device with sectors of 512 bytes",
			 "its sectors have %u bytes, those of a VHD image 512",
			 image->reader.logical_bytes);
		return -EOPNOTSUPP;
	}
	if (image->file_bytes < need_bytes) {
		size_text_two(need, need_bytes, have, image->file_bytes);
		complain(image->path, "use a larger device or a smaller --size",
			 "too small: the image takes %s, the device has %s",
			 need, have);
		return -ENOSPC;
	}
	if (format->type == VHD_TYPE_FIXED && image->file_bytes != need_bytes) {
		complain(image->path, "use a device of that size, or a dynamic image",
			 "a fixed VHD image ends where the device does: it takes %s, the device has %s",
			 size_argument(need, need_bytes),
			 size_argument(have, image->file_bytes));
		return -EINVAL;
	}
	return 0;
}

/**
 * vhd_format_device() - write a new VHD image onto a block device
 * @format: what it is to be like
 * @image: the device, open for writing
 *
 * What the device held is gone from the first step on: its start and its end
 * are wiped durably, for these are where an image shows.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int vhd_format_device(const struct vhd_format *format, struct image *image)
{
	struct vhd_format_plan plan;
	u64 footer_off = image->file_bytes - VHD_FOOTER_BYTES;
	int r;

	vhd_format_make_plan(format, &plan);
	r = vhd_format_check_device(format, &plan, image);
	if (r)
		return r;
	r = edit_zero(image, 0, min_t(u64, VHD_FORMAT_HEAD_BYTES, footer_off));
	if (!r)
		r = edit_zero(image, footer_off, VHD_FOOTER_BYTES);
	if (!r)
		r = edit_sync(image);
	if (!r)
		r = format_zero_device(image, 0, plan.end);
	if (!r)
		r = vhd_format_write(format, &plan, image, footer_off);
	if (r)
		complain_errno(image->path, r, "cannot write");
	return r;
}
