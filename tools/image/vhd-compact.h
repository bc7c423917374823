/* SPDX-License-Identifier: GPL-2.0 */
/* Making a VHD image's file as short as what it holds. */
#ifndef VHDX_TOOLS_VHD_COMPACT_H
#define VHDX_TOOLS_VHD_COMPACT_H

#include "vhd-image.h"

/**
 * struct vhd_compact_block - a block of the image
 * @block: its number
 * @from: where it is, in sectors
 * @to: where it is going to be; the same if it stays
 */
struct vhd_compact_block {
	u32 block;
	u32 from;
	u32 to;
};

/**
 * struct vhd_compact - what is to be done to a VHD image, and what has been
 * @vhd: the image, loaded, of a type that has blocks
 * @zeros: drop what holds only zeros
 * @unused: a bit for each block: what it holds counts for nothing; or NULL
 * @trim: move nothing
 * @dropped: blocks that go
 * @moves: blocks that move
 * @moved: bytes of them
 * @end: where all but the footer is going to end, in bytes
 * @before: size of the file, before
 */
struct vhd_compact {
	struct vhd_image *vhd;
	bool zeros;
	const unsigned long *unused;
	bool trim;
	u64 dropped;
	u64 moves;
	u64 moved;
	u64 end;
	u64 before;
	/* private */
	bool changes;				/* what the disk shows */
	struct vhd_compact_block *drop;
	struct vhd_compact_block *placed;	/* the lowest first */
	u64 count;
};

int vhd_compact_plan(struct vhd_compact *compact);
int vhd_compact_write(struct vhd_compact *compact);
void vhd_compact_free(struct vhd_compact *compact);

#endif /* VHDX_TOOLS_VHD_COMPACT_H */
