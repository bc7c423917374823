// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "vhd-image.h"
#include "vhdx-locator.h"

#define VHD_IMAGE_BAT_BYTES	SZ_1M		/* of the BAT are read at a time */
#define VHD_IMAGE_MAX_PATH	SZ_64K		/* of a parent, in bytes */

static bool vhd_image_has(int fd, off_t off, const char *magic)
{
	char buf[8];

	return off >= 0 && pread(fd, buf, 8, off) == 8 &&
	       !memcmp(buf, magic, 8);
}

static bool vhd_image_has_cookie(int fd, u64 bytes)
{
	const off_t places[] = {
		0, (off_t)bytes - VHD_FOOTER_BYTES,
		(off_t)bytes - VHD_FOOTER_SHORT_BYTES,
	};
	size_t i;

	if (vhd_image_has(fd, 0, VHDX_IDENT_SIGNATURE))
		return false;
	for (i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (vhd_image_has(fd, places[i], VHD_FOOTER_COOKIE) ||
		    vhd_image_has(fd, places[i], VHD_FOOTER_POISON))
			return true;
	return false;
}

/**
 * vhd_image_is() - does a file claim to be a VHD image?
 * @image: the image, open
 *
 * By what it holds, not by its name.  A VHDX image may end in anything, as its
 * last block does, so that it is one comes first.
 *
 * Return: true if so, however damaged it is.
 */
bool vhd_image_is(const struct image *image)
{
	return vhd_image_has_cookie(image->fd, image->file_bytes);
}

/**
 * vhd_image_is_at() - does a file claim to be a VHD image?
 * @path: its name
 *
 * Return: true if it is a file or a block device that can be read, and so.
 */
bool vhd_image_is_at(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	bool is;

	if (fd < 0)
		return false;
	is = !fstat(fd, &st) &&
	     (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) &&
	     vhd_image_has_cookie(fd, lseek(fd, 0, SEEK_END));
	close(fd);
	return is;
}

/*
 * Case 118: the other parts have the same name but for its end.  Only where
 * something is missing, for a whole image may lie beside anything.
 */
static bool vhd_image_is_split(const struct image *image)
{
	const char *dot = strrchr(image->path, '.');
	char *other;
	bool is;

	if (!dot || strchr(dot, '/') || image->block_device ||
	    asprintf(&other, "%.*s.v01", (int)(dot - image->path),
		     image->path) < 0)
		return false;
	is = !access(other, F_OK);
	free(other);
	return is;
}

/**
 * vhd_image_load() - read all of a VHD image but its BAT
 * @vhd: result; vhd_image_free() it, also after a failure
 * @image: the file, open
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_image_load(struct vhd_image *vhd, struct image *image)
{
	int r;

	memset(vhd, 0, sizeof(*vhd));
	vhd->image = image;
	r = vhd_load_footer(&image->reader, &vhd->layout, image->scratch);
	if (!r)
		r = vhd_load_layout(&image->reader, &vhd->layout, VHD_SIZE_AUTO,
				    image->scratch);
	if (r || !vhd->layout.geo.blocks)
		return r;
	vhd->bitmap = malloc((size_t)vhd->layout.geo.bitmap_sectors *
			     VHD_SECTOR);
	return vhd->bitmap ? 0 : -ENOMEM;
}

/**
 * vhd_image_describe() - what an image has in common with those of VHDX
 * @image: takes it, in its layout
 * @vhd: the image, loaded
 */
void vhd_image_describe(struct image *image, const struct vhd_layout *vhd)
{
	struct vhdx_meta *meta = &image->layout.meta;

	meta->disk_bytes = vhd->geo.disk_bytes;
	meta->disk_id = vhd->footer.id;
	meta->logical_bytes = VHD_SECTOR;
	meta->physical_bytes = VHD_SECTOR;
	meta->leave_allocated = vhd->footer.type == VHD_TYPE_FIXED;
	meta->has_parent = vhd->footer.type == VHD_TYPE_DIFFERENCING;
	meta->block_bytes = vhd->header.block_bytes;
	image->layout.geo.disk_bytes = meta->disk_bytes;
}

/**
 * struct vhd_image_scan - what vhd_image_load_bat() is at
 * @split: other parts of the image are in other files
 * @visit: its argument
 * @arg: likewise
 */
struct vhd_image_scan {
	bool split;
	vhd_bat_visit_fn visit;
	void *arg;
};

static int vhd_image_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_image_scan *scan = arg;

	if (result == VHDX_FAULT_VHD_BAT_RANGE && scan->split)
		result = VHDX_FAULT_VHD_SPLIT;
	return scan->visit(scan->arg, block, sector, result);
}

/**
 * vhd_image_load_bat() - read the BAT
 * @vhd: the image; vhd_image_load() has passed
 * @visit: called for each block that has space; a fixed image has none
 * @arg: for @visit
 *
 * May be called again, and forgets then who had which space.
 *
 * Return: as vhd_load_bat().
 */
int vhd_image_load_bat(struct vhd_image *vhd, vhd_bat_visit_fn visit,
		       void *arg)
{
	const struct vhd_geometry *geo = &vhd->layout.geo;
	struct vhd_image_scan scan = {
		.split = vhd_image_is_split(vhd->image),
		.visit = visit, .arg = arg,
	};
	void *buf;
	int r;

	if (!geo->blocks)
		return 0;
	free(vhd->space.start);
	vhd->space.block_sectors = vhd_block_sectors(geo);
	vhd->space.pieces = vhd_space_pieces(geo, vhd->layout.end);
	vhd->space.start = calloc(vhd->space.pieces, sizeof(u32));
	buf = malloc(VHD_IMAGE_BAT_BYTES);
	r = buf && vhd->space.start ? 0 : -ENOMEM;
	if (!r)
		r = vhd_load_bat(&vhd->image->reader, &vhd->layout, &vhd->space,
				 buf, VHD_IMAGE_BAT_BYTES, vhd_image_visit,
				 &scan);
	free(buf);
	return r;
}

/**
 * vhd_image_bitmap() - read the bitmap of a block
 * @vhd: the image; takes it as @vhd->bitmap
 * @sector: where the block is
 *
 * Return: 0 or a negative errno.
 */
int vhd_image_bitmap(const struct vhd_image *vhd, u32 sector)
{
	return image_pread(vhd->image, (u64)sector << VHD_SECTOR_SHIFT,
			   vhd->bitmap,
			   vhd->layout.geo.bitmap_sectors * VHD_SECTOR);
}

/* UTF-16LE, up to a NUL if there is one, as UTF-8; NULL if it is none. */
static char *vhd_image_utf8(const u8 *utf16, u32 bytes)
{
	struct vhdx_locator_text text = { .utf16 = utf16 };
	char *utf8;

	while (text.bytes + 1 < bytes &&
	       (utf16[text.bytes] || utf16[text.bytes + 1]))
		text.bytes += 2;
	if (!vhdx_locator_text_valid(&text))
		return NULL;
	utf8 = malloc(2 * text.bytes);
	if (utf8)
		vhdx_locator_utf8(&text, utf8, 2 * text.bytes);
	return utf8;
}

static char *vhd_image_locator_text(const struct vhd_locator *locator,
				    const u8 *data)
{
	if (!memcmp(locator->code, VHD_LOCATOR_RELATIVE, 4) ||
	    !memcmp(locator->code, VHD_LOCATOR_ABSOLUTE, 4))
		return vhd_image_utf8(data, locator->length);
	if (!memcmp(locator->code, VHD_LOCATOR_MAC_URL, 4))
		return strndup((const char *)data, locator->length);
	return NULL;
}

/**
 * vhd_image_locator() - a path of the parent
 * @vhd: the image, a differencing one
 * @index: below VHD_LOCATORS
 * @path: takes it in UTF-8; NULL where there is none that can be read; the
 *        caller frees it
 *
 * Return: 0 or a negative errno.
 */
int vhd_image_locator(const struct vhd_image *vhd, unsigned int index,
		      char **path)
{
	const struct vhd_locator *locator = &vhd->layout.header.locator[index];
	void *data;
	int r;

	*path = NULL;
	if (!vhd_locator_usable(locator, vhd->layout.end) ||
	    locator->length > VHD_IMAGE_MAX_PATH)
		return 0;
	data = malloc(locator->length);
	r = data ? image_pread(vhd->image, locator->off, data,
			       locator->length) : -ENOMEM;
	if (!r)
		*path = vhd_image_locator_text(locator, data);
	free(data);
	return r;
}

/**
 * vhd_image_parent_name() - the name of the parent in the header
 * @vhd: the image, a differencing one
 *
 * Return: it in UTF-8, for the caller to free; NULL if there is none.
 */
char *vhd_image_parent_name(const struct vhd_image *vhd)
{
	const u8 *from = vhd->layout.header.parent_name;
	u8 turned[VHD_PARENT_NAME_BYTES];
	int i;

	for (i = 0; i < VHD_PARENT_NAME_BYTES; i++)
		turned[i] = from[i ^ 1];
	return vhd_image_utf8(turned, VHD_PARENT_NAME_BYTES);
}

/**
 * vhd_image_type() - the type of an image, in a word
 * @vhd: the image
 *
 * Return: the word.
 */
const char *vhd_image_type(const struct vhd_image *vhd)
{
	switch (vhd->layout.footer.type) {
	case VHD_TYPE_FIXED:
		return "fixed";
	case VHD_TYPE_DYNAMIC:
		return "dynamic";
	default:
		return "differencing";
	}
}

/**
 * vhd_image_id() - an image's identity in letters
 * @text: takes it
 * @id: the identity
 *
 * Unlike a GUID of VHDX it is so many bytes, which stay in their order.
 *
 * Return: @text.
 */
const char *vhd_image_id(char text[VHD_ID_TEXT], const guid_t *id)
{
	uuid_unparse_lower(id->b, text);
	return text;
}

/**
 * vhd_image_free() - forget what was read of a VHD image
 * @vhd: the image
 */
void vhd_image_free(struct vhd_image *vhd)
{
	free(vhd->space.start);
	free(vhd->bitmap);
	vhd->space.start = NULL;
	vhd->bitmap = NULL;
}
