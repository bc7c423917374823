/* SPDX-License-Identifier: GPL-2.0 */
/* How far an image reaches in its file, of either format, and room for it. */
#ifndef VHDX_TOOLS_EXTENT_GROW_H
#define VHDX_TOOLS_EXTENT_GROW_H

#include "hostfs.h"
#include "image.h"

/**
 * struct extent - how far an image reaches
 * @placed: blocks that own space
 * @bitmaps: sector bitmaps that do
 * @end: end of all that the image refers to, in bytes, a multiple of 1 MiB;
 *       past the end of the file if the last block is cut
 * @max_bytes: where it ends if all blocks of the disk take space, and all
 *             sector bitmaps if it has a parent
 */
struct extent {
	u64 placed;
	u64 bitmaps;
	u64 end;
	u64 max_bytes;
};

int extent_grow(const struct extent *extent, struct image *image,
		const struct hostfs *host, const void *footer, bool *steps);
u64 extent_free_goal(u64 file_bytes, u64 block_bytes);

#endif /* VHDX_TOOLS_EXTENT_GROW_H */
