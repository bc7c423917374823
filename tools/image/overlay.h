/* SPDX-License-Identifier: GPL-2.0 */
/* The changes of a log, kept in memory over an image that stays as it is. */
#ifndef VHDX_TOOLS_OVERLAY_H
#define VHDX_TOOLS_OVERLAY_H

#include "vhdx-disk.h"

struct overlay_node;

/**
 * struct overlay - disjoint changed ranges, by offset
 * @root: of the tree
 */
struct overlay {
	struct overlay_node *root;
};

/**
 * struct overlay_change - a changed range
 * @off: start, in bytes from the start of the image
 * @end: end
 * @data: its new contents; NULL: zeros
 */
struct overlay_change {
	u64 off;
	u64 end;
	const void *data;
};

int overlay_data(struct overlay *overlay, u64 off, const void *data);
int overlay_zero(struct overlay *overlay, u64 off, u64 bytes);
void overlay_patch(const struct overlay *overlay, u64 off, void *buf,
		   u32 bytes);
bool overlay_next(const struct overlay *overlay, u64 off,
		  struct overlay_change *change);
u64 overlay_end(const struct overlay *overlay);
void overlay_free(struct overlay *overlay);

#endif /* VHDX_TOOLS_OVERLAY_H */
