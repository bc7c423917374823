// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the last pass of a merge below a disk in use
 *
 * Before, while the disk is in use: the parent's file is extended so that it can be a
 * leaf, and gets a writable loop device.  While the disk is suspended:
 *
 *  1. what the leaf has is merged into the parent, as it would be offline;
 *  2. the table with the parent as the leaf is loaded;
 *  3. the parent takes the leaf's name, or that is given up.  Before the first
 *     write to the parent: from then on the leaf is of no use to anybody.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "busy.h"
#include "child.h"
#include "fold.h"
#include "message.h"
#include "signals.h"
#include "size.h"
#include "use.h"

/* What the leaf must not exceed its parent must not, but for what is merged. */
static int fold_keep_limit(struct fold *fold)
{
	u64 most = fold->backing.on_file ? fold->backing.file.most_bytes : 0;
	struct stat st;

	if (!most)
		return 0;
	if (fstat(fold->target_fd, &st))
		return -errno;
	fold->leaf->most_bytes = max_t(u64, most,
				       round_up_u64(st.st_size, SZ_1M));
	return 0;
}

/* All that can be done while the disk is in use. */
static int fold_prepare(struct fold *fold)
{
	struct attachment *leaf = attachment_new();
	dev_t dev;
	int r;

	fold->leaf = leaf;
	fold->moved = fold_make_name(fold);
	if (!leaf || !fold->moved)
		return -ENOMEM;
	leaf->path = fold->target;
	leaf->taken_fd = fold->target_fd;
	leaf->verbose = fold->verbose;
	leaf->is_vhd = mapping_is_vhd(&fold->disk);
	snprintf(leaf->disk.name, sizeof(leaf->disk.name), "%s",
		 fold->disk.name);
	attachment_keep_options(leaf, fold->disk.table);
	/* From its end on it has zeros only. */
	fold->merge.placed = 0;
	r = fold_take(fold);
	if (!r)
		r = fold->merge.ops->make_room(&fold->merge);
	if (r)
		complain_errno(fold->target, r, "cannot write");
	if (!r)
		r = fold_keep_limit(fold);
	if (!r)
		r = attachment_prepare(leaf, &dev);
	if (!r)
		r = layers_of(&leaf->parents, &fold->disk);
	if (r)
		return r;
	layers_drop(&leaf->parents, fold->merge.into);
	r = attachment_table(leaf, dev);
	if (!r)
		r = fold_grow_loops(fold);
	return r;
}

/* All of the merge, without a word. */
static int fold_merge_now(struct fold *fold)
{
	struct merge *merge = &fold->merge;
	int r;

	r = fold_open(fold);
	if (!r && chain_leaf(&fold->chain)->dirty)
		r = -EBUSY;
	if (!r)
		r = fold_load(fold);
	if (!r)
		r = fold_take(fold);
	if (!r)
		r = merge->ops->begin(merge);
	if (!r)
		r = merge->ops->use_room(merge);
	if (!r)
		r = fold_grow_loops(fold);
	if (r)
		return r;
	merge->quiet = true;
	merge->copied = 0;
	merge->shared = 0;
	r = merge->ops->copy(merge);
	fold->copied += merge->copied;
	fold->shared += merge->shared;
	return r;
}

/* The end of its data is where it is now. */
static int fold_last_table(struct fold *fold)
{
	struct attachment *leaf = fold->leaf;
	unsigned int number, of;

	leaf->data_end = max_t(u64, leaf->data_end,
			       round_up_u64(fold->merge.next, SZ_1M));
	/* It did not have the room, so that a footer is in the middle. */
	if (merge_target(&fold->merge)->image.file_bytes >
	    leaf->image->file_bytes)
		leaf->data_end = 0;
	if (sscanf(leaf->disk.table, "%u:%u", &number, &of) != 2)
		return -EINVAL;
	return attachment_table(leaf, makedev(number, of));
}

/* The leaf's name is given up, durably, as the parent's first write is going to be. */
static int fold_last_rename(const struct fold *fold)
{
	int r;

	if (rename(fold->path, fold->moved))
		return -errno;
	r = child_sync_dir(fold->moved);
	if (r && rename(fold->moved, fold->path))
		r = -ENOTRECOVERABLE;
	return r;
}

static int fold_last_names(struct fold *fold)
{
	int r;

	if (fold->keep_name)
		r = child_exchange(fold->target, fold->path);
	else
		r = fold_last_rename(fold);
	if (r == -ENOTRECOVERABLE)
		swap_disorder(&fold->swap, fold->path, fold->keep_name ?
			      fold->target : fold->moved);
	else if (r)
		swap_why(&fold->swap, "'%s' cannot be renamed: %s", fold->path,
			 strerror(-r));
	return r;
}

static int fold_last_change(void *arg)
{
	struct fold *fold = arg;
	int r = fold_merge_now(fold);

	if (!r)
		r = fold_last_table(fold);
	if (r)
		swap_why(&fold->swap, "'%s' cannot be merged: %s", fold->path,
			 r > 0 ? vhdx_fault_text(r) : strerror(-r));
	if (!r)
		r = swap_load(&fold->swap, &fold->leaf->disk);
	if (r)
		return r;
	r = fold_last_names(fold);
	fold->renamed = !r;
	return r;
}

static void fold_last_undo(void *arg)
{
	struct fold *fold = arg;
	int r;

	if (!fold->renamed)
		return;
	if (fold->keep_name)
		r = child_exchange(fold->target, fold->path);
	else
		r = rename(fold->moved, fold->path);
	if (r)
		swap_disorder(&fold->swap, fold->path, fold->keep_name ?
			      fold->target : fold->moved);
	fold->renamed = r;
}

/* The parent is a leaf: nobody else may use it. */
static void fold_last_lock(struct fold *fold)
{
	unsigned int tries;

	for (tries = 0; tries < BUSY_TRIES && use_lock(fold->target_fd); tries++)
		usleep(BUSY_WAIT_US / 10);
}

static void fold_last_clean(struct fold *fold)
{
	unsigned int i;

	fold_unlink(fold->keep_name ? fold->target : fold->moved);
	for (i = 1; i < fold->merge.into; i++)
		fold_unlink(fold->chain.layer[i]->path);
}

/**
 * fold_last() - merge what is left, and let the parent be the leaf
 * @fold: from fold_measure()
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno; then the disk goes on all the same.
 */
int fold_last(struct fold *fold)
{
	static const struct swap_steps steps = {
		.change = fold_last_change,
		.undo = fold_last_undo,
	};
	sigset_t before;
	int r;

	signals_hold(&before);
	r = fold_prepare(fold);
	if (!r)
		r = signals_pending();
	if (!r) {
		memset(&fold->swap, 0, sizeof(fold->swap));
		fold->swap.disk = &fold->disk;
		r = swap_tables(&fold->swap, &steps, fold);
		swap_say(&fold->swap, fold->verbose);
		fold_paused(fold);
	}
	if (!r) {
		fold_last_lock(fold);
		fold_last_clean(fold);
	}
	if (fold->leaf)
		attachment_drop(fold->leaf);
	if (!r)
		attachment_watch(fold->leaf);
	signals_release(&before);
	return r;
}
