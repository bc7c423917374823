// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a parent gets what its children have
 *
 * Whoever opens the first layer sees the same disk before, meanwhile and
 * afterwards: what is written below is hidden by what the layers above have.
 * Each step is durable before the next; all logs are empty:
 *
 * 1. the lowest layer that is merged takes its parent by another GUID, too
 *    (parent_linkage2): a new one, or that which is there from a merge that did not
 *    end;
 * 2. the parent has that GUID from now on: its other children, if there are any,
 *    are told that it is not what they were made from;
 * 3. data: into blocks that the parent has, where the layers above hide it; into
 *    the sectors that the bitmap of a partial block hides; and into new space
 *    behind the image;
 * 4. the BAT entries of the latter two, and those of blocks that are zeros as a
 *    whole.
 *
 * 3 and 4 take turns, some blocks at a time.  4 goes past the log: an entry lies
 * within one sector of any device, and an image with some of them written is a
 * right one.  A crash leaves space behind the image that nothing owns, at most.
 * Another run begins anew, and gives the same result.
 *
 * A block that gets something is full afterwards, with what is below in it, so
 * that no bitmap is written.
 */
#include <stdlib.h>

#include "edit.h"
#include "guid.h"
#include "locator.h"
#include "merge.h"
#include "message.h"
#include "reparent.h"
#include "size.h"

#define MERGE_BYTES	SZ_1M		/* copied at a time */
#define MERGE_BATCH	256U		/* blocks, between two flushes */

/* What becomes of a block. */
enum merge_kind {
	MERGE_NOTHING,		/* the layers above have nothing of it */
	MERGE_OVER,		/* written over what the parent has */
	MERGE_FILL,		/* the rest of a partial block, too */
	MERGE_PLACE,		/* all of it, in new space */
	MERGE_ZERO,		/* it is zeros as a whole */
};

static struct image *merge_image(const struct merge *merge)
{
	return &merge_target(merge)->image;
}

static u64 merge_start(const struct merge *merge, u32 block)
{
	return (u64)block << merge_image(merge)->layout.geo.block_shift;
}

static u64 merge_end(const struct merge *merge, u32 block)
{
	const struct vhdx_geometry *geo = &merge_image(merge)->layout.geo;

	return min_t(u64, (u64)(block + 1) << geo->block_shift,
		     geo->disk_bytes);
}

/* Does a layer have anything of [@start, @end)? */
static bool merge_layer_has(const struct chain_layer *layer, u64 start, u64 end)
{
	const struct vhdx_geometry *geo = &layer->image.layout.geo;
	u32 block = start >> geo->block_shift;
	u32 last = (min_t(u64, end, geo->disk_bytes) - 1) >> geo->block_shift;

	if (start >= geo->disk_bytes)
		return true;	/* zeros */
	for (; block <= last; block++)
		if (VHDX_CORE_STATE(layer->bat[block]) !=
		    VHDX_BLOCK_NOT_PRESENT)
			return true;
	return false;
}

/* Most blocks of a disk nobody has written to since: that is told soon. */
static bool merge_has(const struct merge *merge, u32 block)
{
	u64 start = merge_start(merge, block), end = merge_end(merge, block);
	unsigned int i;

	for (i = 0; i < merge->into; i++)
		if (merge_layer_has(merge->chain->layer[i], start, end))
			return true;
	return false;
}

/* Do the layers above have it, be it zeros? */
static bool merge_is_above(const struct merge *merge,
			   const struct chain_run *run)
{
	return run->state != VHDX_BLOCK_NOT_PRESENT &&
	       run->layer < merge->into;
}

/*
 * What is to be done with a block.  @bytes: takes how much of it is to be
 * written.  Return: enum merge_kind or a negative errno.
 */
static int merge_judge(struct merge *merge, u32 block, u64 *bytes)
{
	u64 start = merge_start(merge, block), end = merge_end(merge, block);
	u32 e = merge_target(merge)->bat[block];
	bool above = false, zeros = true;
	struct chain_run run;
	u64 at;
	int r;

	*bytes = 0;
	if (!merge_has(merge, block))
		return MERGE_NOTHING;
	for (at = start; at < end; at = run.end) {
		r = chain_run_at(merge->chain, at, &run);
		if (r)
			return r;
		run.end = min_t(u64, run.end, end);
		above |= merge_is_above(merge, &run);
		zeros &= merge_is_above(merge, &run) && !run.off;
		if (run.off)
			*bytes += run.end - at;
	}
	if (!above)
		return MERGE_NOTHING;
	/* A fixed image keeps all of its blocks. */
	if (zeros && !merge_image(merge)->layout.meta.leave_allocated)
		return MERGE_ZERO;
	if (VHDX_CORE_STATE(e) == VHDX_BLOCK_FULL)
		return MERGE_OVER;
	return VHDX_CORE_STATE(e) == VHDX_BLOCK_PARTIAL ? MERGE_FILL :
							  MERGE_PLACE;
}

/* Nothing is written. */
static int merge_look(struct merge *merge)
{
	u32 blocks = merge_image(merge)->layout.geo.blocks, block;
	u64 bytes;
	int kind;

	merge->placed = 0;
	merge->bytes = 0;
	for (block = 0; block < blocks; block++) {
		kind = merge_judge(merge, block, &bytes);
		if (kind < 0)
			return kind;
		merge->placed += kind == MERGE_PLACE;
		if (kind != MERGE_NOTHING && kind != MERGE_ZERO)
			merge->bytes += bytes;
	}
	return 0;
}

/* Let the layer above take its parent by @guid, too. */
static int merge_link(struct merge *merge, const guid_t *guid)
{
	struct chain_layer *above = merge->chain->layer[merge->into - 1];
	void *item = NULL;
	u32 bytes;
	int r;

	r = locator_add_linkage2(&item, &bytes, above->locator, guid);
	if (!r)
		r = edit_header(&above->image);
	if (!r)
		r = reparent_locator(&above->image, item, bytes);
	free(item);
	return r;
}

/* Both layers are open for writing, without a log. */
static int merge_begin(struct merge *merge)
{
	const struct chain_layer *above = merge->chain->layer[merge->into - 1];
	struct image *image = merge_image(merge);
	struct vhdx_header *header = &image->layout.header;
	guid_t linkage[2];
	u32 count = vhdx_locator_linkage(above->locator, linkage);
	int r;

	/* Unless a merge has begun already the parent is what it was. */
	if (count < 2 ||
	    !guid_equal(&linkage[1], &header->data_write_guid)) {
		guid_random(&linkage[1]);
		r = merge_link(merge, &linkage[1]);
		if (r)
			return r;
		header->data_write_guid = linkage[1];
	}
	return edit_header(image);
}

/* What is behind the image is nobody's, and may not be zeros. */
static int merge_make_room(struct merge *merge)
{
	struct image *image = merge_image(merge);
	u64 end = image_end(image) +
		  (merge->placed << image->layout.geo.block_shift);
	int r = 0;

	merge->next = image_end(image);
	if (!image->block_device && image->file_bytes > merge->next)
		r = edit_resize(image, merge->next);
	if (!r && image->file_bytes < end)
		r = edit_resize(image, end);
	return r;
}

/* Otherwise it would look as if the merge had not ended. */
static int merge_settle(struct merge *merge)
{
	struct chain_layer *above = merge->chain->layer[merge->into - 1];
	const struct chain_layer *target = merge_target(merge);
	void *item = NULL;
	u32 bytes;
	int r;

	r = locator_make(&item, &bytes, above->path, target->path,
			 &target->image.layout.header.data_write_guid,
			 above->locator);
	if (!r)
		r = edit_header(&above->image);
	if (!r)
		r = reparent_locator(&above->image, item, bytes);
	free(item);
	return r;
}

/* Let the parent have the very space that the data is in, where that can be. */
static bool merge_share(struct merge *merge, const struct chain_run *run, u64 off)
{
	struct image *from = &merge->chain->layer[run->layer]->image;
	int r;

	if (merge->unshared || !run->off || from->dirty)
		return false;
	r = edit_share(merge_image(merge), off, from, run->off,
		       run->end - run->start);
	/* Others are a matter of this run: it is not aligned to what is shared. */
	merge->unshared = r && r != -EINVAL;
	if (r)
		return false;
	merge->copied += run->end - run->start;
	merge->shared += run->end - run->start;
	return true;
}

/* Write one run into a block that is at @off; what it has itself stays. */
static int merge_write(struct merge *merge, const struct chain_run *run,
		       u64 off, u8 *buf)
{
	struct image *image = merge_image(merge);
	u64 at, bytes;
	int r = 0;

	if (merge_share(merge, run, off))
		return 0;
	for (at = run->start; !r && at < run->end; at += bytes) {
		bytes = min_t(u64, run->end - at, MERGE_BYTES);
		r = chain_read(merge->chain, at, buf, bytes);
		if (!r)
			r = edit_write(image, off + at - run->start, buf,
				       bytes);
		merge->copied += run->off ? bytes : 0;
	}
	return r;
}

static int merge_fill(struct merge *merge, u32 block, int kind, u64 off, u8 *buf)
{
	u64 start = merge_start(merge, block), end = merge_end(merge, block);
	struct chain_run run;
	bool own;
	u64 at;
	int r;

	for (at = start; at < end; at = run.end) {
		r = chain_run_at(merge->chain, at, &run);
		if (r)
			return r;
		run.end = min_t(u64, run.end, end);
		own = run.off && run.layer == merge->into;
		if (kind != MERGE_PLACE && own)
			continue;
		if (kind == MERGE_OVER && !merge_is_above(merge, &run))
			continue;
		/* A file that was extended has zeros there. */
		if (kind == MERGE_PLACE && !run.off &&
		    !merge_image(merge)->block_device)
			continue;
		r = merge_write(merge, &run, off + at - start, buf);
		if (r)
			return r;
	}
	return 0;
}

/* The entries of the batch: all that they name is durable before. */
static int merge_publish(struct merge *merge)
{
	struct image *image = merge_image(merge);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 off = image->layout.regions.bat.off;
	__le64 entry;
	u32 i;
	int r = edit_sync(image);

	for (i = 0; !r && i < merge->count; i++) {
		entry = cpu_to_le64(merge->entry[i]);
		r = edit_write(image, off + sizeof(entry) *
			       vhdx_bat_index(geo, merge->batch[i]), &entry,
			       sizeof(entry));
	}
	merge->count = 0;
	return r ? r : edit_sync(image);
}

/* One block: its data; its entry, unless that stays, is in the batch then. */
static int merge_block(struct merge *merge, u32 block, u8 *buf)
{
	struct image *image = merge_image(merge);
	u32 e = merge_target(merge)->bat[block];
	u64 off = (u64)VHDX_CORE_MIB(e) * SZ_1M, bytes;
	u64 entry = VHDX_BAT_RAW(VHDX_BLOCK_ZERO, 0);
	int kind = merge_judge(merge, block, &bytes), r = 0;

	if (kind <= MERGE_NOTHING)
		return kind;
	if (kind == MERGE_PLACE) {
		off = merge->next;
		merge->next += 1ULL << image->layout.geo.block_shift;
	}
	if (kind != MERGE_ZERO) {
		r = merge_fill(merge, block, kind, off, buf);
		entry = VHDX_BAT_RAW(VHDX_BLOCK_FULL, off / SZ_1M);
	}
	if (r || kind == MERGE_OVER)
		return r;
	merge->batch[merge->count] = block;
	merge->entry[merge->count++] = entry;
	return merge->count < MERGE_BATCH ? 0 : merge_publish(merge);
}

/* Durable on return.  Afterwards the BAT in core is out of date. */
static int merge_copy(struct merge *merge)
{
	u32 blocks = merge_image(merge)->layout.geo.blocks, block;
	u8 *buf = malloc(MERGE_BYTES);
	int r;

	merge->batch = calloc(MERGE_BATCH, sizeof(*merge->batch));
	merge->entry = calloc(MERGE_BATCH, sizeof(*merge->entry));
	r = buf && merge->batch && merge->entry ? 0 : -ENOMEM;
	for (block = 0; !r && block < blocks; block++) {
		if (!merge->quiet)
			progress("Merging", merge->copied, merge->bytes);
		r = merge_block(merge, block, buf);
	}
	if (!merge->quiet)
		progress_end();
	if (!r)
		r = merge_publish(merge);
	free(merge->batch);
	free(merge->entry);
	merge->batch = NULL;
	merge->entry = NULL;
	free(buf);
	return r;
}

static u64 merge_image_end(const struct merge *merge)
{
	return image_end(merge_image(merge));
}

static u64 merge_growth(const struct merge *merge)
{
	return merge->placed << merge_image(merge)->layout.geo.block_shift;
}

/* The layer above takes the parent by a second GUID, which that has by now. */
static bool merge_is_begun(const struct merge *merge, unsigned int i)
{
	const void *locator = merge->chain->layer[i - 1]->locator;
	guid_t linkage[2];

	return locator && vhdx_locator_linkage(locator, linkage) > 1 &&
	       !guid_equal(&linkage[0], &linkage[1]) &&
	       guid_equal(&linkage[1], &merge->chain->layer[i]->image.layout
					.header.data_write_guid);
}

/* It is zeros, and there is more of it than that. */
static int merge_use_room(struct merge *merge)
{
	merge->next = merge_image_end(merge);
	return 0;
}

const struct merge_ops merge_of_vhdx = {
	.is_begun = merge_is_begun,
	.look = merge_look,
	.begin = merge_begin,
	.make_room = merge_make_room,
	.use_room = merge_use_room,
	.copy = merge_copy,
	.settle = merge_settle,
	.end = merge_image_end,
	.growth = merge_growth,
};
