// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <uuid/uuid.h>

#include "message.h"
#include "newchild.h"
#include "vhd-image.h"

/**
 * newchild_glance() - see which image is to become a parent
 * @parent: result; image_close() it, also after a failure
 * @path: file or block device, which somebody may be writing to
 *
 * Of either format; @parent->layout.meta is there in any case.
 *
 * Return: 0, a fault or a negative errno.
 */
int newchild_glance(struct image *parent, const char *path)
{
	struct vhd_image vhd;
	int r = image_glance(parent, path);

	if (r <= 0 || !vhd_image_is(parent))
		return r;
	r = vhd_image_load(&vhd, parent);
	if (!r)
		vhd_image_describe(parent, &vhd.layout);
	vhd_image_free(&vhd);
	return r;
}

static void newchild_plan_vhd(struct newchild *child, const struct image *parent,
			      u32 block_bytes)
{
	const struct vhdx_meta *meta = &parent->layout.meta;
	struct vhd_format *vhd = &child->vhd;

	child->guid = meta->disk_id;
	vhd->type = VHD_TYPE_DIFFERENCING;
	vhd->disk_bytes = meta->disk_bytes;
	vhd->block_bytes = block_bytes ? block_bytes : meta->block_bytes ?
			   meta->block_bytes : CHILD_BLOCK_BYTES;
	vhd->parent.id = meta->disk_id;
	vhd->parent.timestamp = parent->st.st_mtime - VHD_EPOCH;
	uuid_generate_random(vhd->id.b);
}

/**
 * newchild_plan() - work out what a child is like
 * @child: result; newchild_free() it
 * @parent: what it is based on, from newchild_glance() or loaded
 * @block_bytes: of its blocks; 0: as is usual
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int newchild_plan(struct newchild *child, const struct image *parent,
		  u32 block_bytes)
{
	memset(child, 0, sizeof(*child));
	child->is_vhd = vhd_image_is(parent);
	if (block_bytes && block_bytes < VHDX_MIN_BLOCK && !child->is_vhd) {
		complain(parent->path, "use a larger --block-size",
			 "a VHDX image has blocks of 1M at least");
		return -EINVAL;
	}
	if (child->is_vhd) {
		newchild_plan_vhd(child, parent, block_bytes);
		if (child->vhd.disk_bytes / child->vhd.block_bytes <
		    VHD_MAX_BLOCKS)
			return 0;
		complain(parent->path, "use a larger --block-size", "%s",
			 vhdx_fault_text(VHDX_FAULT_VHD_BLOCK_COUNT));
		return -EFBIG;
	}
	child->guid = parent->layout.header.data_write_guid;
	child->vhdx.meta.block_bytes = block_bytes ? block_bytes :
						     CHILD_BLOCK_BYTES;
	child->vhdx.log_bytes = SZ_1M;
	child_inherit(&child->vhdx.meta, &parent->layout.meta);
	return 0;
}

/**
 * newchild_locate() - what a child says of where its parent is
 * @child: from newchild_plan()
 * @path: its name; it need not be there yet
 * @parent: the parent's, likewise
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int newchild_locate(struct newchild *child, const char *path, const char *parent)
{
	if (child->is_vhd)
		return vhd_parent_name(&child->vhd.parent, parent, path);
	return child_locate(&child->vhdx, path, parent, &child->guid);
}

static int newchild_fill(const void *arg, int fd, const char *path)
{
	const struct newchild *child = arg;

	return child->is_vhd ? vhd_format_file(&child->vhd, fd, path) :
			       format_file(&child->vhdx, fd, path);
}

/**
 * newchild_write() - write a child into a new file
 * @child: from newchild_locate()
 * @path: where; there must be nothing
 *
 * Durable on return.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int newchild_write(const struct newchild *child, const char *path)
{
	return child_write(newchild_fill, child, path);
}

/**
 * newchild_free() - free memory
 * @child: from newchild_plan(), or zeros
 */
void newchild_free(struct newchild *child)
{
	free(child->vhdx.locator);
	child->vhdx.locator = NULL;
	vhd_parent_free(&child->vhd.parent);
}
