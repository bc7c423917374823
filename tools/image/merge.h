/* SPDX-License-Identifier: GPL-2.0 */
/* Giving a parent what its child has. */
#ifndef VHDX_TOOLS_MERGE_H
#define VHDX_TOOLS_MERGE_H

#include "chain.h"

/**
 * struct merge - layers that go into one below them
 * @chain: the first of them, and all below
 * @into: number of the layer that they go into
 * @placed: blocks that this has to get
 * @bytes: of data that go into it
 * @copied: how much has been written
 * @next: where the next block goes, in bytes from the start of the image
 * @batch: blocks whose entries are not written yet
 * @entry: the entries
 * @count: how many
 */
struct merge {
	struct chain *chain;
	unsigned int into;
	u64 placed;
	u64 bytes;
	u64 copied;
	u64 next;
	u32 *batch;
	u64 *entry;
	u32 count;
};

int merge_look(struct merge *merge);
int merge_begin(struct merge *merge);
int merge_copy(struct merge *merge);

#endif /* VHDX_TOOLS_MERGE_H */
