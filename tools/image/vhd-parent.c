// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <iconv.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "pathname.h"
#include "vhd-image.h"
#include "vhd-parent.h"

#define VHD_PARENT_MAX_UTF16	(2 * PATH_MAX)

/* UTF-8 as UTF-16; returns its length in bytes, or -EILSEQ, or -E2BIG. */
static int vhd_parent_utf16(const char *to, const char *utf8, void *utf16,
			    size_t size)
{
	iconv_t convert = iconv_open(to, "UTF-8");
	size_t left = strlen(utf8), room = size;
	char *in = (char *)utf8, *out = utf16;
	int r = 0;

	if (convert == (iconv_t)-1)
		return -errno;
	if (iconv(convert, &in, &left, &out, &room) == (size_t)-1)
		r = errno == E2BIG ? -E2BIG : -EILSEQ;
	iconv_close(convert);
	return r ? r : (int)(size - room);
}

static int vhd_parent_add(struct vhd_parent *parent, unsigned int index,
			  const char *code, char *path)
{
	void *utf16 = malloc(VHD_PARENT_MAX_UTF16);
	int n;

	if (!path || !utf16) {
		free(utf16);
		return -ENOMEM;
	}
	pathname_backslashes(path);
	n = vhd_parent_utf16("UTF-16LE", path, utf16, VHD_PARENT_MAX_UTF16);
	parent->path[index].code = code;
	parent->path[index].utf16 = utf16;
	parent->path[index].bytes = n > 0 ? n : 0;
	return n < 0 ? n : 0;
}

/* From where the child is, not from a link to it: so the path is read (parent.c). */
static int vhd_parent_paths(struct vhd_parent *parent, const char *path,
			    const char *child)
{
	char *file = pathname_real(path);
	char *directory = file ? pathname_directory(child) : NULL;
	char *relative = NULL;
	const char *name;
	int r = -errno;

	if (file && directory) {
		relative = pathname_relative(directory, file);
		name = strrchr(file, '/') + 1;
		r = vhd_parent_utf16("UTF-16BE", name, parent->name,
				     sizeof(parent->name) - 2);
		/* A name that is too long is in the paths still. */
		if (r == -E2BIG)
			memset(parent->name, 0, sizeof(parent->name));
		r = r == -E2BIG || r > 0 ? 0 : r;
		if (!r)
			r = vhd_parent_add(parent, 0, VHD_LOCATOR_ABSOLUTE,
					   file);
		if (!r)
			r = vhd_parent_add(parent, 1, VHD_LOCATOR_RELATIVE,
					   relative);
	}
	free(relative);
	free(directory);
	free(file);
	return r;
}

/* The parent, as it is; its children hide nothing of what is in it. */
static int vhd_parent_load(struct vhd_parent *parent, struct image *image)
{
	struct vhd_image vhd;
	int r;

	if (!vhd_image_is(image)) {
		complain(image->path, "name a VHD image; 'vhdx info' tells what it is",
			 "only a VHD image can be the parent of one");
		return -EINVAL;
	}
	r = vhd_image_load(&vhd, image);
	if (r)
		complain_fault(image->path, r);
	parent->disk_bytes = vhd.layout.geo.disk_bytes;
	parent->block_bytes = vhd.layout.header.block_bytes;
	parent->id = vhd.layout.footer.id;
	parent->timestamp = image->st.st_mtime - VHD_EPOCH;
	vhd_image_free(&vhd);
	return r;
}

/**
 * vhd_parent_name() - find out by what names a child knows its parent
 * @parent: takes them; vhd_parent_free() it, also after a failure
 * @path: the parent's file, which need not be there yet
 * @child: where the child is going to be
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int vhd_parent_name(struct vhd_parent *parent, const char *path,
		    const char *child)
{
	int r = vhd_parent_paths(parent, path, child);

	if (r == -EILSEQ || r == -E2BIG)
		complain(path, "rename it", r == -EILSEQ ?
			 "its path is no UTF-8 text, so no image can name it" :
			 "its path is too long for an image to name it");
	else if (r)
		complain_errno(path, r, "cannot find its path");
	return r;
}

/**
 * vhd_parent_describe() - find out what a child has to say of its parent
 * @parent: result; vhd_parent_free() it, also after a failure
 * @path: the parent's file
 * @child: where the child is going to be
 *
 * The parent must not be in use by one who writes, and keeps its name until
 * vhd_parent_free().  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_parent_describe(struct vhd_parent *parent, const char *path,
			const char *child)
{
	int r;

	memset(parent, 0, sizeof(*parent));
	parent->image = calloc(1, sizeof(*parent->image));
	if (!parent->image)
		return -ENOMEM;
	r = image_open(parent->image, path, IMAGE_READ);
	if (!r)
		r = vhd_parent_load(parent, parent->image);
	if (!r)
		r = image_hold_name(parent->image, false);
	return r ? r : vhd_parent_name(parent, path, child);
}

/**
 * vhd_parent_free() - forget a parent
 * @parent: the parent
 */
void vhd_parent_free(struct vhd_parent *parent)
{
	unsigned int i;

	if (parent->image)
		image_close(parent->image);
	free(parent->image);
	parent->image = NULL;
	for (i = 0; i < VHD_PARENT_PATHS; i++) {
		free(parent->path[i].utf16);
		parent->path[i].utf16 = NULL;
	}
}
