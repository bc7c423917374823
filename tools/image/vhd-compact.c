// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: blocks of a VHD image move down
 *
 * As in compact.c, but there is no log: a block is copied, durably, and then its
 * entry is written, which lies within a sector; some blocks at a time.  What was
 * its place is not used again before the end.  Where blocks are dropped that hold
 * something the image gets another UniqueId before (vhd-identity.c).  Then a
 * footer goes behind the last block, durably, and the file is cut behind that.  On a
 * device the footer stays where it is, in the last sector.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#include "edit.h"
#include "guid.h"
#include "message.h"
#include "vhd-compact.h"
#include "vhd-identity.h"

#define VHD_COMPACT_ALIGN	8			/* sectors */
#define VHD_COMPACT_BATCH	(64ULL << 20)	/* between two flushes */

static const struct vhd_geometry *vhd_compact_geo(const struct vhd_compact *compact)
{
	return &compact->vhd->layout.geo;
}

static u64 vhd_compact_bytes(const struct vhd_compact *compact)
{
	return (u64)vhd_block_sectors(vhd_compact_geo(compact)) << VHD_SECTOR_SHIFT;
}

/* Are all sectors of a block zeros that its bitmap shows? */
static int vhd_compact_is_zero(struct vhd_compact *compact, u32 block,
			       u32 sector, bool *zero)
{
	const struct vhd_geometry *geo = vhd_compact_geo(compact);
	u32 used = vhd_block_used(geo, block), from, next;
	u8 buf[VHD_SECTOR];
	bool set;
	int r = vhd_image_bitmap(compact->vhd, sector);

	*zero = true;
	for (from = 0; !r && *zero && from < used; from = next) {
		next = vhd_bitmap_run(compact->vhd->bitmap, from, used, &set);
		for (; !r && set && *zero && from < next; from++) {
			r = image_pread(compact->vhd->image,
					vhd_block_data(geo, sector) +
					((u64)from << VHD_SECTOR_SHIFT), buf,
					VHD_SECTOR);
			*zero = !buf[0] && !memcmp(buf, buf + 1, VHD_SECTOR - 1);
		}
	}
	return r;
}

static int vhd_compact_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_compact *compact = arg;
	struct vhd_compact_block *to;
	bool zero = compact->unused &&
		    find_next_bit(compact->unused, block + 1ULL, block) == block;

	compact->changes |= !result && zero;
	if (!result && !zero && compact->zeros) {
		progress("Looking for zeros", block,
			 vhd_compact_geo(compact)->blocks);
		result = vhd_compact_is_zero(compact, block, sector, &zero);
	}
	to = zero ? &compact->drop[compact->dropped++] :
		    &compact->placed[compact->count++];
	*to = (struct vhd_compact_block){ block, sector, sector };
	return result;
}

static int vhd_compact_compare(const void *a, const void *b)
{
	const struct vhd_compact_block *one = a, *two = b;

	return one->from < two->from ? -1 : one->from > two->from;
}

/* Where all data begins at a multiple of this, so it does afterwards. */
static u64 vhd_compact_align(const struct vhd_compact *compact)
{
	u32 bitmap_sectors = vhd_compact_geo(compact)->bitmap_sectors;
	u64 i;

	for (i = 0; i < compact->count; i++)
		if ((compact->placed[i].from + bitmap_sectors) %
		    VHD_COMPACT_ALIGN)
			return 1;
	return VHD_COMPACT_ALIGN;
}

/* The first place from sector @free on. */
static u64 vhd_compact_place(const struct vhd_compact *compact, u64 free,
			     u64 align)
{
	u32 bitmap_sectors = vhd_compact_geo(compact)->bitmap_sectors;

	return (free + bitmap_sectors + align - 1) / align * align -
	       bitmap_sectors;
}

/*
 * From the front: gaps that are large enough; from the back: who goes there.  Gaps
 * come in order, so what went into the last one is not in the way of the next.
 */
static void vhd_compact_assign(struct vhd_compact *compact)
{
	u64 size = vhd_block_sectors(vhd_compact_geo(compact)), to;
	u64 align = vhd_compact_align(compact);
	u64 free = vhd_tables_end(&compact->vhd->layout.tables) >>
		   VHD_SECTOR_SHIFT;
	u64 low = 0, high = compact->count;

	while (low < high) {
		to = vhd_compact_place(compact, free, align);
		if (compact->placed[low].from < to + size || compact->trim) {
			free = max_t(u64, free, compact->placed[low].from + size);
			low++;
			continue;
		}
		high--;
		compact->placed[high].to = to;
		compact->moves++;
		compact->moved += vhd_compact_bytes(compact);
		free = to + size;
	}
	compact->end = free << VHD_SECTOR_SHIFT;
}

/**
 * vhd_compact_plan() - find out what is to be done
 * @compact: with @vhd and @zeros, the rest zeros; vhd_compact_free() it, also after
 *	a failure
 *
 * Nothing is written.
 *
 * Return: 0, a fault or a negative errno.
 */
int vhd_compact_plan(struct vhd_compact *compact)
{
	u32 blocks = vhd_compact_geo(compact)->blocks;
	int r;

	compact->before = compact->vhd->image->file_bytes;
	compact->placed = malloc(blocks * sizeof(*compact->placed));
	compact->drop = malloc(blocks * sizeof(*compact->drop));
	if (!compact->placed || !compact->drop)
		return -ENOMEM;
	r = vhd_image_load_bat(compact->vhd, vhd_compact_visit, compact);
	progress_end();
	if (r)
		return r;
	qsort(compact->placed, compact->count, sizeof(*compact->placed),
	      vhd_compact_compare);
	vhd_compact_assign(compact);
	return 0;
}

static int vhd_compact_set(struct vhd_compact *compact, u32 block, u32 sector)
{
	__be32 entry = cpu_to_be32(sector);

	return edit_write(compact->vhd->image,
			  compact->vhd->layout.header.bat_off +
			  (u64)block * sizeof(entry), &entry, sizeof(entry));
}

static int vhd_compact_copy(struct vhd_compact *compact,
			    const struct vhd_compact_block *move, u8 *buf)
{
	u64 bytes = vhd_compact_bytes(compact), done, part;
	int r = 0;

	for (done = 0; !r && done < bytes; done += part) {
		part = min_t(u64, bytes - done, SZ_1M);
		r = image_pread(compact->vhd->image,
				((u64)move->from << VHD_SECTOR_SHIFT) + done,
				buf, part);
		if (!r)
			r = edit_write(compact->vhd->image,
				       ((u64)move->to << VHD_SECTOR_SHIFT) +
				       done, buf, part);
	}
	return r;
}

/* Some blocks, the highest first: from @first on down. */
static int vhd_compact_move(struct vhd_compact *compact, u64 *first, u8 *buf)
{
	struct image *image = compact->vhd->image;
	u64 at = *first, bytes = 0;
	int r = 0;

	for (; !r && at && compact->placed[at - 1].to != compact->placed[at - 1].from &&
	     bytes < VHD_COMPACT_BATCH; at--) {
		r = vhd_compact_copy(compact, &compact->placed[at - 1], buf);
		bytes += vhd_compact_bytes(compact);
	}
	if (!r)
		r = edit_sync(image);
	for (; !r && *first > at; --*first)
		r = vhd_compact_set(compact, compact->placed[*first - 1].block,
				    compact->placed[*first - 1].to);
	return r ? r : edit_sync(image);
}

/* The footer that counts, behind all of it, and nothing behind that. */
static int vhd_compact_cut(struct vhd_compact *compact)
{
	struct image *image = compact->vhd->image;
	u8 footer[VHD_FOOTER_BYTES];
	int r;

	if (image->block_device ||
	    compact->end + VHD_FOOTER_BYTES >= image->file_bytes)
		return 0;
	/* As it is, whatever it says that nobody knows of. */
	r = image_pread(image, compact->vhd->layout.end, footer,
			sizeof(footer));
	if (!r)
		r = edit_write(image, compact->end, footer, sizeof(footer));
	if (!r)
		r = edit_sync(image);
	if (!r)
		r = edit_resize(image, compact->end + VHD_FOOTER_BYTES);
	return r ? r : edit_sync(image);
}

/**
 * vhd_compact_write() - do what was planned
 * @compact: from vhd_compact_plan(); the image is open for writing
 *
 * Return: 0 or a negative errno.
 */
int vhd_compact_write(struct vhd_compact *compact)
{
	u64 first = compact->count, stop = compact->count - compact->moves, i;
	u8 *buf = malloc(SZ_1M);
	int r = buf ? 0 : -ENOMEM;
	guid_t id;

	if (!r && compact->changes) {
		guid_random(&id);
		r = vhd_identity_write(compact->vhd, &id);
	}
	for (i = 0; !r && i < compact->dropped; i++)
		r = vhd_compact_set(compact, compact->drop[i].block,
				    VHD_BAT_UNALLOCATED);
	if (!r && compact->dropped)
		r = edit_sync(compact->vhd->image);
	while (!r && first > stop) {
		progress("Moving blocks", compact->count - first,
			 compact->moves);
		r = vhd_compact_move(compact, &first, buf);
	}
	progress_end();
	free(buf);
	return r ? r : vhd_compact_cut(compact);
}

/**
 * vhd_compact_free() - free memory
 * @compact: need not be filled in
 */
void vhd_compact_free(struct vhd_compact *compact)
{
	free(compact->placed);
	free(compact->drop);
	compact->placed = NULL;
	compact->drop = NULL;
}
