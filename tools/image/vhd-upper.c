// SPDX-License-Identifier: GPL-2.0
/*
 * A differencing image has a bit for each of its sectors, so that one which takes the
 * place of several needs nothing of what is below: it is written as an empty one, and
 * what they have is merged into it (vhd-merge.c), of which nobody sees anything before
 * the file has its name.
 */
#include <stdlib.h>

#include "disk.h"
#include "message.h"
#include "vhd-upper.h"
#include "vhd-merge.h"

/* The layers, and behind them what they are merged into. */
static int vhd_upper_merge(struct copy_job *job, struct chain_layer *into)
{
	struct chain *view = calloc(1, sizeof(*view));
	struct merge merge = { .ops = &merge_of_vhd, .into = job->layers };
	int r = view ? 0 : -ENOMEM;

	if (!r) {
		memcpy(view->layer, job->chain->layer,
		       job->layers * sizeof(*view->layer));
		view->layer[job->layers] = into;
		view->count = job->layers + 1;
		merge.chain = view;
		r = vhd_layers_load(&merge.vhd, view);
	}
	if (!r)
		r = merge.ops->look(&merge);
	if (!r)
		r = merge.ops->make_room(&merge);
	if (!r)
		r = merge.ops->copy(&merge);
	job->copied = merge.copied;
	job->shared = merge.shared;
	if (merge.vhd)
		vhd_layers_free(merge.vhd, job->layers + 1);
	free(view);
	return r;
}

static int vhd_upper_fill(struct copy_job *job, int fd)
{
	const struct vhd_upper *upper = (const struct vhd_upper *)job;
	struct chain into;
	int r;

	static_assert(!offsetof(struct vhd_upper, job));
	r = vhd_format_file(&upper->child.vhd, fd, job->path);
	if (r)
		return r;
	r = chain_take_file(&into, job->path, fd);
	if (!r)
		r = vhd_upper_merge(job, into.layer[0]);
	chain_close(&into);
	return r > 0 ? -EINVAL : r;
}

/* A layer that is shorter would have zeros behind its end, which nothing says. */
static int vhd_upper_check_sizes(const struct copy_job *job, u64 bytes)
{
	const struct chain_layer *layer;
	unsigned int i;

	for (i = 1; i < job->layers; i++) {
		layer = job->chain->layer[i];
		if (layer->image.layout.meta.disk_bytes == bytes)
			continue;
		complain(layer->path, "'vhdx flatten' makes one image of all",
			 "its disk has another size than that of '%s'",
			 chain_leaf(job->chain)->path);
		return -EINVAL;
	}
	return 0;
}

/**
 * vhd_upper_create() - make one image of several VHD images
 * @upper: what is to be done; vhd_upper_free() it
 *
 * It appears when it is finished, and is durable then.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int vhd_upper_create(struct vhd_upper *upper)
{
	struct copy_job *job = &upper->job;
	const struct chain_layer *parent = job->chain->layer[job->layers];
	const struct vhdx_meta *leaf = &chain_leaf(job->chain)->layout.meta;
	int r = vhd_upper_check_sizes(job, leaf->disk_bytes);

	if (r)
		return r;
	if (disk_format_of_name(job->path) == DISK_VHDX) {
		complain(job->path, "take a name that ends with '.vhd', or leave --above out",
			 "a VHDX image cannot have a VHD image as its parent");
		return -EINVAL;
	}
	r = newchild_plan(&upper->child, &parent->image, leaf->block_bytes);
	upper->child.vhd.disk_bytes = leaf->disk_bytes;
	if (!r)
		r = image_hold_name(&parent->image, false);
	if (!r)
		r = newchild_locate(&upper->child, job->path, parent->path);
	job->fill = vhd_upper_fill;
	return r ? r : copy_create(job);
}

/**
 * vhd_upper_free() - free memory
 * @upper: done or not, or zeros
 */
void vhd_upper_free(struct vhd_upper *upper)
{
	newchild_free(&upper->child);
}
