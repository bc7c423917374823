// SPDX-License-Identifier: GPL-2.0
/* What has to be as it should before anything is merged. */
#include <stdio.h>
#include <stdlib.h>

#include "children.h"
#include "hostfs.h"
#include "merge.h"
#include "message.h"
#include "size.h"
#include "vhd-merge.h"

/* By which GUIDs does a layer take its parent?  VHD has one that is not here. */
static unsigned int merge_linkage(const struct chain_layer *layer,
				  guid_t linkage[2])
{
	return layer->locator ? vhdx_locator_linkage(layer->locator, linkage) : 0;
}

/* Return: number of the parent that a merge which has not ended goes into; 0: there is none. */
static unsigned int merge_begun(const struct merge *merge)
{
	unsigned int i;

	for (i = merge->chain->count - 1; i; i--)
		if (merge->ops->is_begun(merge, i))
			return i;
	return 0;
}

/**
 * merge_find_target() - find out what is merged into what
 * @merge: takes it; of VHD images its @vhd is there
 * @chain: the chain
 * @into: the parent that the user has named; NULL: that of a merge that has not
 *        ended, or the closest
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int merge_find_target(struct merge *merge, struct chain *chain,
		      const char *into)
{
	const char *path = chain->layer[0]->path;
	struct stat st, *own;
	unsigned int i;

	if (chain->count < 2) {
		complain(path, "only a differencing image can be merged",
			 "has no parent");
		return -EINVAL;
	}
	merge->chain = chain;
	merge->ops = merge->vhd ? &merge_of_vhd : &merge_of_vhdx;
	merge->into = merge_begun(merge) ?: 1;
	if (!into)
		return 0;
	if (stat(into, &st)) {
		complain_errno(into, errno, "cannot be found");
		return -ENOENT;
	}
	for (i = 1; i < chain->count; i++) {
		own = &chain->layer[i]->image.st;
		if (own->st_dev != st.st_dev || own->st_ino != st.st_ino)
			continue;
		merge->into = i;
		return 0;
	}
	complain(into, "'vhdx chain' shows its parents",
		 "is no parent of '%s'", path);
	return -EINVAL;
}

/**
 * merge_check_images() - can these images be merged at all?
 * @merge: from merge_find_target()
 * @from: the first layer whose log may be read now
 *
 * Both that are written have an empty log, and the disk its size.  Says what is
 * wrong.
 *
 * Return: 0 or a negative errno.
 */
int merge_check_images(const struct merge *merge, unsigned int from)
{
	struct chain_layer *target = merge_target(merge), *layer;
	struct chain *chain = merge->chain;
	char size[SIZE_TEXT], own[SIZE_TEXT];
	unsigned int i;

	for (i = merge->into - 1; i <= merge->into; i++) {
		layer = chain->layer[i];
		if (i < from || !layer->image.dirty)
			continue;
		complain(layer->path, "run 'vhdx replay' on it first",
			 "has a log to replay");
		return -EINVAL;
	}
	if (chain_bytes(chain) == target->image.layout.geo.disk_bytes)
		return 0;
	size_text_two(own, chain_bytes(chain), size,
		      target->image.layout.geo.disk_bytes);
	complain(chain->layer[0]->path, "'vhdx flatten' makes one image of both",
		 "its disk has %s, that of '%s' %s", own, target->path, size);
	return -EINVAL;
}

/**
 * merge_check_children() - who else is based on what is merged?
 * @merge: from merge_find_target()
 * @keep: nothing is going to be deleted
 * @force: whatever others lose
 *
 * Who is based on what is going to be another one, or to be gone.  Says so.
 *
 * Return: 0, or -EBUSY if there is somebody.
 */
int merge_check_children(const struct merge *merge, bool keep, bool force)
{
	struct children_known known = { .chain = merge->chain };
	const struct chain_layer *above;
	char names[CHILDREN_TEXT];
	const struct image *image;
	guid_t linkage[2];
	unsigned int i;

	for (i = 0; i <= merge->into; i++) {
		above = i ? merge->chain->layer[i - 1] : NULL;
		image = &merge->chain->layer[i]->image;
		/* See fold.c: it has been on that before. */
		memset(&known.merged, 0, sizeof(known.merged));
		if (above && merge_linkage(above, linkage) > 1)
			known.merged = linkage[1];
		if ((i && force) || (!i && keep) ||
		    !children_find(image, &known, names))
			continue;
		complain(image->path, i ? "merge or flatten them first; --force gives them up" :
			 "merge that into it first, or use --keep and 'vhdx rebase'",
			 "is the parent of %s, too", names);
		return -EBUSY;
	}
	return 0;
}

/**
 * merge_check_space() - tell what it takes before anything is written
 * @merge: from merge_look()
 *
 * Return: 0, or -ENOSPC if there is no such space.
 */
int merge_check_space(const struct merge *merge)
{
	const struct image *image = &merge_target(merge)->image;
	u64 need = merge->ops->growth(merge), end = merge->ops->end(merge);
	char text[SIZE_TEXT], have[SIZE_TEXT];
	u64 room = image->block_device ? image->file_bytes :
					 end + hostfs_free_bytes(image->fd);

	if (end + need <= room)
		return 0;
	size_text_two(text, need, have, room - min_t(u64, room, end));
	complain(image->path, "make some space, or use 'vhdx flatten' to somewhere else",
		 "it has to grow by %s, there are %s", text, have);
	return -ENOSPC;
}

static bool merge_same_dir(const char *a, const char *b)
{
	char *one = realpath(a, NULL), *two = realpath(b, NULL);
	bool same = false;

	if (one && two) {
		*strrchr(one, '/') = '\0';
		*strrchr(two, '/') = '\0';
		same = !strcmp(one, two);
	}
	free(one);
	free(two);
	return same;
}

/**
 * merge_check_names() - can the result have the name of what is merged?
 * @merge: from merge_find_target()
 * @path: that name
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int merge_check_names(const struct merge *merge, const char *path)
{
	const struct chain_layer *target = merge_target(merge);

	if (!target->image.block_device &&
	    !chain_leaf(merge->chain)->block_device &&
	    merge_same_dir(path, target->path))
		return 0;
	complain(target->path, "use --no-keep-name",
		 "is not in the directory of '%s', and its own parent would not be found from there",
		 path);
	return -EXDEV;
}
