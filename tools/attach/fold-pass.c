// SPDX-License-Identifier: GPL-2.0
/* A pass of a merge below a disk in use: see fold.c. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "child.h"
#include "edit.h"
#include "fold.h"
#include "graft.h"
#include "locator.h"
#include "message.h"
#include "reparent.h"
#include "signals.h"

/**
 * fold_make_name() - a name that no file has
 * @fold: the merge
 *
 * Return: beside the leaf's, to be freed; NULL if there is no memory.
 */
char *fold_make_name(const struct fold *fold)
{
	const char *path = fold->path, *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');
	int length = dot ? (int)(dot - path) : (int)strlen(path);
	unsigned int more = 0;
	char *name = NULL;

	do {
		free(name);
		if (asprintf(&name, "%.*s-merging%.0u%s", length, path, more,
			     dot ? dot : "") < 0)
			return NULL;
	} while (!access(name, F_OK) && ++more < 1000);
	return name;
}

/**
 * fold_paused() - I/O had to wait
 * @fold: the merge; its @swap is over
 */
void fold_paused(struct fold *fold)
{
	fold->pause_us = fold->pause_us > fold->swap.pause_us ?
			 fold->pause_us : fold->swap.pause_us;
}

/**
 * fold_unlink() - delete what has been merged
 * @path: the file
 *
 * Says so if it cannot be.
 */
void fold_unlink(const char *path)
{
	if (unlink(path))
		complain_errno(path, errno, "merged, but cannot be deleted");
}

/* The leaf that there was is closed. */
static int fold_closed(struct graft *graft)
{
	struct fold *fold = graft->arg;
	int r;

	r = fold_open(fold);
	if (!r)
		r = fold_take(fold);
	/* Where the parent's end is. */
	if (!r)
		r = fold->merge.ops->begin(&fold->merge);
	if (r)
		swap_why(&graft->swap, "the merge cannot be begun: %s",
			 r > 0 ? vhdx_fault_text(r) : strerror(-r));
	return r;
}

/* A new leaf on top: the rest does not change any more. */
static int fold_graft(struct fold *fold)
{
	struct graft *graft = calloc(1, sizeof(*graft));
	char *name = fold_make_name(fold);
	int r = graft && name ? 0 : -ENOMEM;

	if (!r) {
		graft->disk = fold->disk;
		graft->child = name;
		graft->keep_name = true;
		graft->block_bytes = CHILD_BLOCK_BYTES;
		graft->verbose = fold->verbose;
		graft->closed = fold_closed;
		graft->arg = fold;
		graft->merges = true;
		r = graft_look(graft);
	}
	if (!r)
		r = graft_make(graft);
	if (!r) {
		fold->swap.pause_us = graft->swap.pause_us;
		fold_paused(fold);
		free(fold->chain.layer[0]->path);
		fold->chain.layer[0]->path = name;
		fold->chain.layer[0]->image.path = name;
		name = NULL;
		fold->passes++;
	}
	if (graft)
		graft_free(graft);
	free(graft);
	free(name);
	return r ? r : fold_refresh(fold);
}

/* What the layers between have, into the parent, while the disk is in use. */
static int fold_copy(struct fold *fold)
{
	struct merge *merge = &fold->merge;
	int r = fold_load(fold);

	if (r)
		return r;
	merge->copied = 0;
	merge->shared = 0;
	r = merge_check_space(merge);
	if (r)
		return r;
	r = merge->ops->make_room(merge);
	if (!r)
		r = fold_grow_loops(fold);
	if (!r)
		r = merge->ops->copy(merge);
	fold->copied += merge->copied;
	fold->shared += merge->shared;
	if (r)
		complain_errno(fold->target, r,
			       "cannot write, the same command goes on");
	return r;
}

/* The leaf takes the parent, and as before the layer that it is on. */
static int fold_link_leaf(struct fold *fold, struct image *leaf)
{
	const struct chain *chain = &fold->chain;
	void *item = NULL, *both = NULL;
	u32 bytes;
	int fd, r;

	r = image_peek(leaf, fold->path);
	if (!r && leaf->dirty)
		r = -EBUSY;
	if (r)
		return r;
	fd = open(fold->path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(leaf->fd);
	leaf->fd = fd;
	r = locator_make(&item, &bytes, fold->path, fold->target,
			 &merge_target(&fold->merge)->image.layout.header
				.data_write_guid, NULL);
	if (!r)
		r = locator_add_linkage2(&both, &bytes, item,
					 &chain->layer[0]->image.layout.header
						.data_write_guid);
	if (!r)
		r = edit_header(leaf);
	if (!r)
		r = reparent_locator(leaf, both, bytes);
	free(item);
	free(both);
	return r;
}

static int fold_drop_change(void *arg)
{
	struct image *leaf = calloc(1, sizeof(*leaf));
	struct mapping *next = malloc(sizeof(*next));
	struct fold *fold = arg;
	int r = leaf && next ? 0 : -ENOMEM;

	/* The kernel is to see that it has changed. */
	if (!r)
		r = edit_header(&merge_target(&fold->merge)->image);
	if (!r)
		r = fold_link_leaf(fold, leaf);
	if (!r) {
		*next = fold->disk;
		r = layers_cut(next->table, fold->merge.into);
	}
	if (r)
		swap_why(&fold->swap, "'%s' cannot get another parent: %s",
			 fold->path, r > 0 ? vhdx_fault_text(r) : strerror(-r));
	else
		r = swap_load(&fold->swap, next);
	if (leaf)
		image_close(leaf);
	free(leaf);
	free(next);
	return r;
}

static void fold_drop_undo(void *arg)
{
	(void)arg;	/* the leaf takes both */
}

/* Has somebody else given the disk another table? */
static int fold_check_table(struct fold *fold)
{
	struct layers *before = malloc(sizeof(*before));
	dev_t dev = backing_dev(&fold->disk);
	int r;

	if (!before)
		return -ENOMEM;
	/* As fold_refresh() would free the names. */
	*before = fold->parents;
	memset(&fold->parents, 0, sizeof(fold->parents));
	r = fold_refresh(fold);
	if (!r && (dev != backing_dev(&fold->disk) || fold->disk.suspended ||
		   !layers_are_same(before, &fold->parents))) {
		complain(fold->disk.name, "run the same command again",
			 "somebody has suspended it, or changed its table");
		r = -EBUSY;
	}
	layers_close(before);
	free(before);
	return r;
}

/* A table without the layers that have been merged. */
static int fold_drop(struct fold *fold)
{
	static const struct swap_steps steps = {
		.change = fold_drop_change,
		.undo = fold_drop_undo,
	};
	unsigned int i;
	sigset_t before;
	int r;

	memset(&fold->swap, 0, sizeof(fold->swap));
	fold->swap.disk = &fold->disk;
	signals_hold(&before);
	r = swap_tables(&fold->swap, &steps, fold);
	swap_say(&fold->swap, fold->verbose);
	fold_paused(fold);
	for (i = 0; !r && i < fold->merge.into; i++)
		fold_unlink(fold->chain.layer[i]->path);
	signals_release(&before);
	return r;
}

/**
 * fold_pass() - merge all but a new leaf, while the disk is in use
 * @fold: from fold_measure()
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno; then the disk goes on all the same.
 */
int fold_pass(struct fold *fold)
{
	int r = fold_graft(fold);

	if (!r)
		r = fold_copy(fold);
	if (!r)
		r = fold_check_table(fold);
	if (r)
		return r;
	if (!fold->merge.vhd)
		return fold_drop(fold);
	/* They stay, as their children name them. */
	fold->merge.done = fold->merge.into;
	return 0;
}
