// SPDX-License-Identifier: GPL-2.0
/*
 * A VHD image says of each sector whether it has it, so it gets those that would
 * change, and no others: they are merged into it (vhd-merge.c) as if they were those of
 * a layer above.  As the image hides its parents there, its disk is the same with
 * either of them, and at every moment in between.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "message.h"
#include "size.h"
#include "vhd-layer.h"
#include "vhd-merge.h"
#include "vhd-reparent.h"

#define VHD_REPARENT_BYTES	SZ_1M	/* compared at a time */

static const struct vhd_geometry *vhd_reparent_geo(const struct vhd_reparent *reparent)
{
	return &reparent->old->vhd[0].vhd.layout.geo;
}

/* What the new parent has; behind its end there are zeros. */
static int vhd_reparent_read_new(struct disk *disk, u64 at, u8 *buf, u32 bytes)
{
	u32 part = at < disk->bytes ? min_t(u64, bytes, disk->bytes - at) : 0;

	memset(buf + part, 0, bytes - part);
	return part ? disk_read(disk, at, buf, part) : 0;
}

static int vhd_reparent_run_new(struct disk *disk, u64 at, struct disk_run *run)
{
	if (at < disk->bytes)
		return disk_run_at(disk, at, run);
	*run = (struct disk_run){ .end = ~0ULL };
	return 0;
}

/* Which sectors of [@at, @end), which the image has not itself, are others; @end moves. */
static int vhd_reparent_compare(struct vhd_reparent *reparent, u64 at, u64 *end)
{
	u8 *old_buf = reparent->buf, *new_buf = old_buf + VHD_REPARENT_BYTES;
	struct disk_run old, new;
	u32 bytes, i, sector;
	int r;

	r = disk_run_at(reparent->old, at, &old);
	if (!r)
		r = vhd_reparent_run_new(reparent->new, at, &new);
	if (r)
		return r;
	*end = min_t(u64, *end, min_t(u64, old.end, new.end));
	if (disk_is_shared(reparent->old, &old, reparent->new, &new))
		return 0;
	*end = min_t(u64, *end, at + VHD_REPARENT_BYTES);
	bytes = *end - at;
	r = disk_read(reparent->old, at, old_buf, bytes);
	if (!r)
		r = vhd_reparent_read_new(reparent->new, at, new_buf, bytes);
	sector = (at - reparent->window) >> VHD_SECTOR_SHIFT;
	for (i = 0; !r && i < bytes; i += VHD_SECTOR, sector++)
		if (memcmp(old_buf + i, new_buf + i, VHD_SECTOR))
			vhd_bitmap_set(reparent->differs, sector, sector + 1);
	return r;
}

/* Find out about the block that begins at @start. */
static int vhd_reparent_look_at(struct vhd_reparent *reparent, u64 start)
{
	const struct vhd_geometry *geo = vhd_reparent_geo(reparent);
	u64 end = min_t(u64, start + (1ULL << geo->block_shift), geo->disk_bytes);
	struct image *own;
	u64 at, next, off;
	int r = 0;

	progress("Comparing", start, geo->disk_bytes);
	reparent->window = start;
	memset(reparent->differs, 0, geo->bitmap_sectors * VHD_SECTOR);
	for (at = start; !r && at < end; at = next) {
		next = end;
		r = vhd_layers_run(reparent->old->vhd, 1, at, &next, &own, &off);
		if (!r && !own)
			r = vhd_reparent_compare(reparent, at, &next);
	}
	if (r)
		reparent->window = ~0ULL;
	return r;
}

static int vhd_reparent_source(void *arg, u64 at, u64 *end, struct image **image,
			       u64 *off)
{
	struct vhd_reparent *reparent = arg;
	const struct vhd_geometry *geo = vhd_reparent_geo(reparent);
	u64 start = at >> geo->block_shift << geo->block_shift;
	bool differs;
	u32 next;
	int r = 0;

	if (reparent->window != start)
		r = vhd_reparent_look_at(reparent, start);
	if (r)
		return r;
	next = vhd_bitmap_run(reparent->differs, (at - start) >> VHD_SECTOR_SHIFT,
			      vhd_block_used(geo, start >> geo->block_shift),
			      &differs);
	*end = min_t(u64, *end, start + ((u64)next << VHD_SECTOR_SHIFT));
	*image = NULL;
	if (!differs)
		return 0;
	r = vhd_layers_run(reparent->old->vhd, reparent->old->chain.count, at, end,
			   image, off);
	if (!r && !*image) {
		*image = &reparent->zeros;
		*off = 0;
	}
	return r;
}

static int vhd_reparent_begin(struct vhd_reparent *reparent)
{
	const struct vhd_geometry *geo = vhd_reparent_geo(reparent);
	struct merge *merge = &reparent->merge;

	reparent->differs = malloc(geo->bitmap_sectors * VHD_SECTOR);
	reparent->buf = malloc(2 * VHD_REPARENT_BYTES);
	if (!reparent->differs || !reparent->buf)
		return -ENOMEM;
	reparent->zeros.path = "/dev/zero";
	reparent->zeros.fd = open(reparent->zeros.path, O_RDONLY | O_CLOEXEC);
	if (reparent->zeros.fd < 0)
		return -errno;
	reparent->window = ~0ULL;
	merge->ops = &merge_of_vhd;
	merge->chain = &reparent->old->chain;
	merge->vhd = reparent->old->vhd;
	merge->source = vhd_reparent_source;
	merge->source_arg = reparent;
	merge->quiet = true;
	return 0;
}

/**
 * vhd_reparent_look() - find out what has to be copied to keep the disk as it is
 * @reparent: with both disks; the rest zeros; vhd_reparent_free() it, also after a failure
 *
 * Nothing is written.  Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_reparent_look(struct vhd_reparent *reparent)
{
	int r;

	reparent->zeros.fd = -1;
	r = vhd_reparent_begin(reparent);
	if (r)
		complain_errno(reparent->old->path, r, "cannot compare the parents");
	else
		r = reparent->merge.ops->look(&reparent->merge);
	progress_end();
	return r ? r : merge_check_space(&reparent->merge);
}

/**
 * vhd_reparent_copy() - give the image what it is going to miss
 * @reparent: from vhd_reparent_look()
 *
 * Durable on return.  Afterwards what is known of the image is out of date.
 *
 * Return: 0 or a negative errno.
 */
int vhd_reparent_copy(struct vhd_reparent *reparent)
{
	struct merge *merge = &reparent->merge;
	int r = merge->ops->make_room(merge);

	if (!r)
		r = merge->ops->copy(merge);
	progress_end();
	return r;
}

/**
 * vhd_reparent_free() - free memory
 * @reparent: from vhd_reparent_look()
 */
void vhd_reparent_free(struct vhd_reparent *reparent)
{
	if (reparent->zeros.fd >= 0)
		close(reparent->zeros.fd);
	reparent->zeros.fd = -1;
	free(reparent->differs);
	free(reparent->buf);
}
