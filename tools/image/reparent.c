// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: an image gets another parent
 *
 * What is written, each step durable before the next; the log is empty by then:
 *
 * 1. the header, with a new FileWriteGuid, as before any change; where the disk
 *    is going to be another one, with a new DataWriteGuid as well;
 * 2. if the disk is to stay what it is: the blocks that would change get all
 *    that the old parents have of them, in new space behind the image or, of one
 *    that is partially present, in the sectors that its bitmap hides;
 * 3. their BAT entries, state 6: the disk is the same with either parent now;
 * 4. the new parent locator, in a place of the metadata region that nothing uses;
 * 5. the entry of the metadata table that says where the locator is.
 *
 * 3 and 5 go past the log: an entry lies within one sector of any device, and an
 * image with some of them written is a right one.  A crash before 5 leaves the
 * old parent, and space behind the image that nothing owns, at most.
 */
#include <stddef.h>
#include <stdlib.h>

#include "edit.h"
#include "message.h"
#include "reparent.h"
#include "size.h"

#define REPARENT_BYTES	SZ_1M	/* compared at a time */

static struct image *reparent_image(const struct reparent *reparent)
{
	return &reparent->old->layer[0]->image;
}

static u8 reparent_state(const struct reparent *reparent, u32 block)
{
	return VHDX_CORE_STATE(reparent->old->layer[0]->bat[block]);
}

/* Does the image have that itself, so that its parents do not matter? */
static bool reparent_is_own(const struct chain_run *run)
{
	return run->off && !run->layer;
}

/* What the new parent has at @at; behind its end there are zeros. */
static int reparent_read_new(struct chain *chain, u64 at, u8 *buf, u32 bytes)
{
	u64 end = chain_bytes(chain);
	u32 part = at < end ? min_t(u64, bytes, end - at) : 0;

	memset(buf + part, 0, bytes - part);
	return part ? chain_read(chain, at, buf, part) : 0;
}

/* Where the new parent has it from. */
static int reparent_run_new(struct chain *chain, u64 at, struct chain_run *run)
{
	if (at < chain_bytes(chain))
		return chain_run_at(chain, at, run);
	*run = (struct chain_run){ .start = at, .end = ~0ULL };
	return 0;
}

/* Are both the same bytes of the same file, or zeros?  Then nothing has to be read. */
static bool reparent_is_shared(const struct reparent *reparent,
			       const struct chain_run *old,
			       const struct chain_run *new)
{
	const struct stat *a, *b;

	if (!old->off || !new->off)
		return old->off == new->off;
	a = &reparent->old->layer[old->layer]->image.st;
	b = &reparent->new->layer[new->layer]->image.st;
	return old->off == new->off && a->st_dev == b->st_dev &&
	       a->st_ino == b->st_ino;
}

/* Would [@at, @end) change?  1 if so. */
static int reparent_compare(struct reparent *reparent, u64 at, u64 end, u8 *buf)
{
	u32 bytes = end - at;
	int r = chain_read(reparent->old, at, buf, bytes);

	if (!r)
		r = reparent_read_new(reparent->new, at, buf + REPARENT_BYTES,
				      bytes);
	return r ? r : memcmp(buf, buf + REPARENT_BYTES, bytes) ? 1 : 0;
}

/* Would a block change?  1 if so. */
static int reparent_differs(struct reparent *reparent, u32 block, u8 *buf)
{
	const struct vhdx_geometry *geo = &reparent_image(reparent)->layout.geo;
	u64 at = (u64)block << geo->block_shift, end, stop;
	struct chain_run run, new;
	int r = 0;

	end = min_t(u64, at + (1ULL << geo->block_shift), geo->disk_bytes);
	for (; !r && at < end; at = stop) {
		r = chain_run_at(reparent->old, at, &run);
		if (!r)
			r = reparent_run_new(reparent->new, at, &new);
		if (r)
			return r;
		stop = min_t(u64, run.end, end);
		if (reparent_is_own(&run))
			continue;
		stop = min_t(u64, stop, new.end);
		if (reparent_is_shared(reparent, &run, &new))
			continue;
		stop = min_t(u64, stop, at + REPARENT_BYTES);
		r = reparent_compare(reparent, at, stop, buf);
	}
	return r;
}

static int reparent_add(struct reparent *reparent, u32 block)
{
	u32 room = 2 * reparent->room + 64;
	u32 *more;

	if (reparent->count == reparent->room) {
		more = realloc(reparent->block, room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		reparent->block = more;
		reparent->room = room;
	}
	reparent->block[reparent->count++] = block;
	reparent->placed += reparent_state(reparent, block) !=
			    VHDX_BLOCK_PARTIAL;
	return 0;
}

/**
 * reparent_look() - find out what has to be copied to keep the disk as it is
 * @reparent: with both chains; the rest zeros
 *
 * Nothing is written.
 *
 * Return: 0 or a negative errno.
 */
int reparent_look(struct reparent *reparent)
{
	const struct vhdx_geometry *geo = &reparent_image(reparent)->layout.geo;
	u8 *buf = malloc(2 * REPARENT_BYTES);
	u32 block;
	int r = buf ? 0 : -ENOMEM;

	for (block = 0; !r && block < geo->blocks; block++) {
		u8 state = reparent_state(reparent, block);

		progress("Comparing", block, geo->blocks);
		/* All others hide the parents. */
		if (state != VHDX_BLOCK_NOT_PRESENT &&
		    state != VHDX_BLOCK_PARTIAL)
			continue;
		r = reparent_differs(reparent, block, buf);
		if (r > 0)
			r = reparent_add(reparent, block);
	}
	progress_end();
	free(buf);
	return r;
}

/* All of a block that the image has not, to its place at @off. */
static int reparent_fill(struct reparent *reparent, u32 block, u64 off, u8 *buf)
{
	struct image *image = reparent_image(reparent);
	const struct vhdx_geometry *geo = &image->layout.geo;
	u64 start = (u64)block << geo->block_shift, at, stop;
	u64 end = min_t(u64, start + (1ULL << geo->block_shift),
			geo->disk_bytes);
	struct chain_run run;
	int r = 0;

	for (at = start; !r && at < end; at = stop) {
		r = chain_run_at(reparent->old, at, &run);
		if (r)
			return r;
		stop = min_t(u64, min_t(u64, run.end, end),
			     at + REPARENT_BYTES);
		if (reparent_is_own(&run))
			continue;
		r = chain_read(reparent->old, at, buf, stop - at);
		if (!r)
			r = edit_write(image, off + at - start, buf, stop - at);
		reparent->copied += stop - at;
	}
	return r;
}

static int reparent_write_entry(struct image *image, u32 block, u64 off)
{
	u64 index = vhdx_bat_index(&image->layout.geo, block);
	__le64 entry = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL, off / SZ_1M));

	return edit_write(image, image->layout.regions.bat.off +
			  index * sizeof(entry), &entry, sizeof(entry));
}

/* Where the block at @index of the list is, or is going to be. */
static u64 reparent_place(const struct reparent *reparent, u32 index, u64 *next)
{
	const struct vhdx_geometry *geo = &reparent_image(reparent)->layout.geo;
	u32 e = reparent->old->layer[0]->bat[reparent->block[index]];
	u64 off = *next;

	if (VHDX_CORE_STATE(e) == VHDX_BLOCK_PARTIAL)
		return (u64)VHDX_CORE_MIB(e) * SZ_1M;
	*next += 1ULL << geo->block_shift;
	return off;
}

/**
 * reparent_copy() - give the image what it is going to miss
 * @reparent: from reparent_look(); the image has no log, and a new header
 *
 * Durable on return.  Afterwards the BAT in core is out of date.
 *
 * Return: 0 or a negative errno.
 */
int reparent_copy(struct reparent *reparent)
{
	struct image *image = reparent_image(reparent);
	u64 start = image_end(image), next = start, end;
	u8 *buf = malloc(REPARENT_BYTES);
	u32 i;
	int r = buf ? 0 : -ENOMEM;

	end = start + ((u64)reparent->placed << image->layout.geo.block_shift);
	if (!r && end > image->file_bytes)
		r = edit_resize(image, end);
	for (i = 0; !r && i < reparent->count; i++) {
		progress("Copying", i, reparent->count);
		r = reparent_fill(reparent, reparent->block[i],
				  reparent_place(reparent, i, &next), buf);
	}
	progress_end();
	free(buf);
	if (!r)
		r = edit_sync(image);
	for (i = 0, next = start; !r && i < reparent->count; i++)
		r = reparent_write_entry(image, reparent->block[i],
					 reparent_place(reparent, i, &next));
	return r ? r : edit_sync(image);
}

/**
 * reparent_free() - free memory
 * @reparent: need not be filled in
 */
void reparent_free(struct reparent *reparent)
{
	free(reparent->block);
	memset(reparent, 0, sizeof(*reparent));
}

/* Is [@off, @off + @bytes) of the metadata region free? */
static bool reparent_is_free(const void *table, u32 off, u32 bytes)
{
	struct vhdx_meta_item item;
	u32 i;

	for (i = 0; i < vhdx_meta_table_count(table); i++) {
		vhdx_meta_entry_decode(table, i, &item);
		if (item.length && item.off < off + bytes &&
		    off < item.off + item.length)
			return false;
	}
	return true;
}

/* Space for @bytes, behind the table or behind another item; 0: there is none. */
static u32 reparent_find_space(const void *table, u32 region_bytes, u32 bytes)
{
	u32 off = VHDX_META_TABLE_BYTES, i;
	struct vhdx_meta_item item;

	for (i = 0; !reparent_is_free(table, off, bytes); i++) {
		if (i == vhdx_meta_table_count(table))
			return 0;
		vhdx_meta_entry_decode(table, i, &item);
		off = item.off + item.length;
		if (!item.length || off > region_bytes ||
		    bytes > region_bytes - off)
			off = VHDX_META_TABLE_BYTES;
	}
	return off;
}

/**
 * reparent_locator() - write another parent locator
 * @image: the image, loaded, open for writing, without a log; it has a parent
 * @item: the locator
 * @bytes: its length, at most LOCATOR_MAX_BYTES
 *
 * Durable on return.
 *
 * Return: 0 or a negative errno: -ENOSPC if the metadata region is full.
 */
int reparent_locator(struct image *image, const void *item, u32 bytes)
{
	const struct vhdx_region *region = &image->layout.regions.metadata;
	u8 *table = image->scratch;
	struct vhdx_meta_item known;
	u32 off, index, at;
	int r;

	r = image_pread(image, region->off, table, VHDX_META_TABLE_BYTES);
	if (r)
		return r;
	for (index = 0; index < vhdx_meta_table_count(table); index++) {
		vhdx_meta_entry_decode(table, index, &known);
		if (known.kind == VHDX_META_PARENT_LOCATOR)
			break;
	}
	off = reparent_find_space(table, region->length, bytes);
	if (!off)
		return -ENOSPC;
	r = edit_write(image, region->off + off, item, bytes);
	if (!r)
		r = edit_sync(image);
	vhdx_meta_locator_encode(table, index, off, bytes);
	at = offsetof(struct vhdx_meta_table_disk, entry[index]);
	if (!r)
		r = edit_write(image, region->off + at, table + at,
			       sizeof(struct vhdx_meta_entry_disk));
	return r ? r : edit_sync(image);
}
