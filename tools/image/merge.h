/* SPDX-License-Identifier: GPL-2.0 */
/* Giving a parent what its child has. */
#ifndef VHDX_TOOLS_MERGE_H
#define VHDX_TOOLS_MERGE_H

#include "chain.h"

struct merge;
struct vhd_layer;

/**
 * struct merge_ops - what is done in a way of its own for each format
 * @is_begun: has a merge of layer @i - 1 into layer @i begun, and not ended?
 * @look: find out what the merge takes; nothing is written
 * @begin: make sure that a change of the parent is known as one
 * @make_room: make the parent's file as large as it is going to be
 * @use_room: the same of a file that was extended to be a leaf's
 * @copy: give the parent what the layers above have, durably
 * @settle: what is kept has the parent as it is now
 * @end: end of the parent as it is, in bytes
 * @growth: by how much it grows, from @look
 */
struct merge_ops {
	bool (*is_begun)(const struct merge *merge, unsigned int i);
	int (*look)(struct merge *merge);
	int (*begin)(struct merge *merge);
	int (*make_room)(struct merge *merge);
	int (*use_room)(struct merge *merge);
	int (*copy)(struct merge *merge);
	int (*settle)(struct merge *merge);
	u64 (*end)(const struct merge *merge);
	u64 (*growth)(const struct merge *merge);
};

/**
 * typedef merge_source_fn - what goes into an image
 * @arg: the caller's
 * @at: bytes from the start of the disk, whole sectors
 * @end: end of what is asked for; takes how far the answer goes
 * @image: takes the file that it comes from; NULL: nothing goes in there
 * @off: takes where in that
 *
 * Return: 0 or a negative errno, which was said.
 */
typedef int (*merge_source_fn)(void *arg, u64 at, u64 *end,
			       struct image **image, u64 *off);

/**
 * struct merge - layers that go into one below them
 * @chain: the first of them, and all below
 * @vhd: for each layer of a VHD image what is where; NULL: they are VHDX
 * @ops: for them
 * @into: number of the layer that they go into
 * @source: what goes in, of a VHD image; NULL: what the layers above have
 * @source_arg: for @source
 * @done: how many of the layers right above that one it has got already; VHD only
 * @live: the images are mapped, so that none of their files is cut off
 * @quiet: nothing is printed
 * @unshared: files cannot have the same space here
 * @placed: blocks that this has to get
 * @bytes: of data that go into it
 * @copied: how much has been written
 * @shared: how much of that by letting both files have the same space
 * @next: where the next block goes, in bytes from the start of the image
 * @batch: blocks whose entries are not written yet
 * @entry: the entries
 * @count: how many
 */
struct merge {
	struct chain *chain;
	struct vhd_layer *vhd;
	const struct merge_ops *ops;
	unsigned int into;
	merge_source_fn source;
	void *source_arg;
	unsigned int done;
	bool live;
	bool quiet;
	bool unshared;
	u64 placed;
	u64 bytes;
	u64 copied;
	u64 shared;
	u64 next;
	u32 *batch;
	u64 *entry;
	u32 count;
};

static inline struct chain_layer *merge_target(const struct merge *merge)
{
	return merge->chain->layer[merge->into];
}

extern const struct merge_ops merge_of_vhdx;

int merge_find_target(struct merge *merge, struct chain *chain,
		      const char *into);
int merge_check_images(const struct merge *merge, unsigned int from);
int merge_check_children(const struct merge *merge, bool keep, bool force);
int merge_check_space(const struct merge *merge);
int merge_check_names(const struct merge *merge, const char *path);

#endif /* VHDX_TOOLS_MERGE_H */
