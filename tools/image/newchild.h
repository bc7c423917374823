/* SPDX-License-Identifier: GPL-2.0 */
/* A new differencing image, of the format that its parent has. */
#ifndef VHDX_TOOLS_NEWCHILD_H
#define VHDX_TOOLS_NEWCHILD_H

#include "child.h"
#include "vhd-format.h"

/**
 * struct newchild - a child in the making
 * @is_vhd: it is a VHD image, as its parent is
 * @guid: the parent's DataWriteGuid, or UniqueId
 * @vhdx: what a VHDX image is like
 * @vhd: what a VHD image is like
 */
struct newchild {
	bool is_vhd;
	guid_t guid;
	struct format vhdx;
	struct vhd_format vhd;
};

int newchild_glance(struct image *parent, const char *path);
int newchild_plan(struct newchild *child, const struct image *parent,
		  u32 block_bytes);
int newchild_locate(struct newchild *child, const char *path,
		    const char *parent);
int newchild_write(const struct newchild *child, const char *path);
void newchild_free(struct newchild *child);

#endif /* VHDX_TOOLS_NEWCHILD_H */
