/* SPDX-License-Identifier: GPL-2.0 */
/* Making an image's file as short as what it holds. */
#ifndef VHDX_TOOLS_COMPACT_H
#define VHDX_TOOLS_COMPACT_H

#include "image.h"

/**
 * struct compact_move - a block or a sector bitmap that moves
 * @index: of its entry in the BAT
 * @from: where it is, in MiB
 * @to: where it is going to be
 * @count: how long it is
 */
struct compact_move {
	u64 index;
	u32 from;
	u32 to;
	u32 count;
};

/**
 * struct compact - what is to be done to an image, and what has been
 * @image: the image, loaded, without a log to replay
 * @zeros: drop what holds only zeros
 * @unused: a bit for each block: what it holds counts for nothing; or NULL
 * @trim: move nothing
 * @drop: a bit for each block: it goes
 * @dropped: how many
 * @anchors: entries that keep space without data, and let go of it
 * @move: what moves, the highest first
 * @moves: how many
 * @moved: bytes of them
 * @end: where the image is going to end, in bytes
 * @before: size of the file, before
 */
struct compact {
	struct image *image;
	bool zeros;
	const unsigned long *unused;
	bool trim;
	unsigned long *drop;
	u64 dropped;
	u64 anchors;
	struct compact_move *move;
	u64 moves;
	u64 moved;
	u64 end;
	u64 before;
	/* private */
	struct vhdx_space space;	/* what is taken, of @image's map */
	struct compact_move *placed;
	u64 count;
	u64 room;
	u32 lowest;	/* MiB: what is below stays */
};

int compact_plan(struct compact *compact);
int compact_write(struct compact *compact);
void compact_free(struct compact *compact);

#endif /* VHDX_TOOLS_COMPACT_H */
