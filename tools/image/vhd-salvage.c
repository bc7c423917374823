// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: a VHD image that has lost a part of itself
 *
 * Entries of the BAT that can be nobody's are given up: the block has no space
 * any more.  One block may be cut by the end; what is there of it is kept.  Of
 * two that have the same space one gets a copy of it, so that writing the one
 * does not change the other; which of them wrote it nobody knows.  And sectors
 * with data whose bits are clear get their bits.
 *
 * The order of writes, each step durable before the next:
 *
 * 1. the footer at the start, with another UniqueId, then the one at the end where it is,
 *    if it was good: children show what is lost as zeros;
 * 2. entries of what is given up, of which each is right by itself.  What comes behind the
 *    end then is nobody's but whom it is for;
 * 3. zeros where a block was cut: where the footer at the end was it gets data.  The file
 *    gets longer only then, as nobody sees afterwards what was cut;
 * 4. the footer, with that UniqueId, behind all that is going to be there;
 * 5. copies of blocks;
 * 6. their entries; bits.
 */
#include <stdlib.h>

#include "edit.h"
#include "guid.h"
#include "message.h"
#include "size.h"
#include "vhd-repair.h"

#define VHD_SALVAGE_BYTES	SZ_1M	/* of a block are copied at a time */

static int vhd_salvage_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_salvage *plan = arg;
	struct vhd_fix *fix;

	if (!result)
		return 0;
	if (plan->count == plan->room) {
		plan->room = 2 * plan->room + 64;
		fix = realloc(plan->fix, plan->room * sizeof(*fix));
		if (!fix)
			return -ENOMEM;
		plan->fix = fix;
	}
	plan->fix[plan->count++] = (struct vhd_fix){
		.block = block, .from = sector, .to = VHD_BAT_UNALLOCATED,
	};
	return 0;
}

/* May a block stay where it is, in part behind the end?  One can at most. */
static bool vhd_salvage_is_cut(const struct vhd_salvage *plan, u32 sector)
{
	struct vhd_image *vhd = plan->vhd;
	const struct vhd_layout *layout = &vhd->layout;
	u64 off = (u64)sector << VHD_SECTOR_SHIFT;
	u64 bytes = (u64)vhd_block_sectors(&layout->geo) << VHD_SECTOR_SHIFT;

	return vhd_block_data(&layout->geo, sector) < layout->end &&
	       off + bytes > layout->end &&
	       !vhd_tables_overlap(&layout->tables, off, bytes) &&
	       vhd_space_claim(&vhd->space, sector);
}

static bool vhd_salvage_is_shared(const struct vhd_salvage *plan, u32 sector)
{
	const struct vhd_layout *layout = &plan->vhd->layout;

	return !vhd_bat_check(&layout->geo, &layout->tables, sector,
			      layout->end);
}

/* The block of @fix but for its first @kept bytes. */
static int vhd_salvage_lose(const struct vhd_salvage *plan,
			    struct salvage *salvage, const struct vhd_fix *fix,
			    u64 kept, bool shared)
{
	const struct vhd_geometry *geo = &plan->vhd->layout.geo;
	u64 bytes = (u64)vhd_block_used(geo, fix->block) * VHD_SECTOR;
	struct salvage_range lost = {
		.start = ((u64)fix->block << geo->block_shift) + kept,
		.bytes = bytes - kept, .shared = shared,
	};

	return bytes > kept ? salvage_lose(salvage, &lost) : 0;
}

/* Before any copy gets its place. */
static void vhd_salvage_find_cut(struct vhd_salvage *plan)
{
	const struct vhd_geometry *geo = &plan->vhd->layout.geo;
	u64 bytes = (u64)vhd_block_sectors(geo) << VHD_SECTOR_SHIFT;
	struct vhd_fix *fix;
	size_t i;

	for (i = 0; i < plan->count; i++) {
		fix = &plan->fix[i];
		if (!vhd_salvage_is_cut(plan, fix->from))
			continue;
		fix->to = fix->from;
		plan->end = max_t(u64, plan->end,
				  ((u64)fix->from << VHD_SECTOR_SHIFT) + bytes);
	}
}

static int vhd_salvage_decide(struct vhd_salvage *plan, struct salvage *salvage,
			      struct vhd_fix *fix)
{
	const struct vhd_layout *layout = &plan->vhd->layout;
	u64 bytes = (u64)vhd_block_sectors(&layout->geo) << VHD_SECTOR_SHIFT;
	u64 to, kept;

	if (fix->to == fix->from) {
		kept = layout->end - vhd_block_data(&layout->geo, fix->from);
		return vhd_salvage_lose(plan, salvage, fix,
					kept & ~(u64)(VHD_SECTOR - 1), false);
	}
	if (!vhd_salvage_is_shared(plan, fix->from))
		return vhd_salvage_lose(plan, salvage, fix, 0, false);
	to = vhd_bat_place(&layout->geo, plan->end);
	if (to >= VHD_BAT_UNALLOCATED)
		return -ENOSPC;
	fix->to = to;
	plan->end = (to << VHD_SECTOR_SHIFT) + bytes;
	return vhd_salvage_lose(plan, salvage, fix, 0, true);
}

/**
 * vhd_salvage_look() - find out what is lost
 * @plan: result; vhd_salvage_free() it, also after a failure
 * @salvage: takes what is lost
 * @audit: what was found
 * @vhd: the image, loaded
 *
 * Nothing is written yet.  Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int vhd_salvage_look(struct vhd_salvage *plan, struct salvage *salvage,
		     const struct audit *audit, struct vhd_image *vhd)
{
	char text[SIZE_TEXT];
	size_t i;
	int r;

	memset(plan, 0, sizeof(*plan));
	plan->vhd = vhd;
	plan->end = audit->end;
	plan->denied = audit->problem[AUDIT_VHD_DENIED].count;
	r = vhd_image_load_bat(vhd, vhd_salvage_visit, plan);
	if (!r)
		vhd_salvage_find_cut(plan);
	for (i = 0; !r && i < plan->count; i++)
		r = vhd_salvage_decide(plan, salvage, &plan->fix[i]);
	if (!r && vhd->image->block_device &&
	    plan->end + VHD_FOOTER_BYTES > vhd->image->file_bytes) {
		complain(vhd->image->path, "extend it, or copy the image to a file and salvage that",
			 "the device is too small by %s",
			 size_text(text, plan->end + VHD_FOOTER_BYTES -
				   vhd->image->file_bytes));
		r = -ECANCELED;
	}
	return r;
}

static int vhd_salvage_copy(const struct vhd_salvage *plan,
			    const struct vhd_fix *fix)
{
	u64 left = (u64)vhd_block_sectors(&plan->vhd->layout.geo) <<
		   VHD_SECTOR_SHIFT;
	u64 from = (u64)fix->from << VHD_SECTOR_SHIFT;
	u64 to = (u64)fix->to << VHD_SECTOR_SHIFT, part;
	void *buf = malloc(VHD_SALVAGE_BYTES);
	int r = buf ? 0 : -ENOMEM;

	for (; !r && left; left -= part, from += part, to += part) {
		part = min_t(u64, left, VHD_SALVAGE_BYTES);
		r = image_pread(plan->vhd->image, from, buf, part);
		if (!r)
			r = edit_write(plan->vhd->image, to, buf, part);
	}
	free(buf);
	return r;
}

/*
 * Of a block that was cut: where the footer was there is its data now, or a part
 * of a sector is left.  Zeros; what is behind that is new.
 */
static int vhd_salvage_clear(const struct vhd_salvage *plan)
{
	u64 off = plan->vhd->layout.end & ~(u64)(VHD_SECTOR - 1);
	static const u8 zeros[VHD_SECTOR];

	int r = edit_write(plan->vhd->image, off, zeros, sizeof(zeros));

	return r ? r : edit_sync(plan->vhd->image);
}

static int vhd_salvage_blocks(const struct vhd_salvage *plan)
{
	const struct vhd_fix *fix;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < plan->count; i++) {
		fix = &plan->fix[i];
		if (fix->to != fix->from && fix->to != VHD_BAT_UNALLOCATED)
			r = vhd_salvage_copy(plan, fix);
	}
	return r ? r : edit_sync(plan->vhd->image);
}

/* Those of blocks that are given up, or those of the others. */
static int vhd_salvage_entries(const struct vhd_salvage *plan, bool given_up)
{
	const struct vhd_fix *fix;
	size_t i;
	__be32 raw;
	int r = 0;

	for (i = 0; !r && i < plan->count; i++) {
		fix = &plan->fix[i];
		if (given_up != (fix->to == VHD_BAT_UNALLOCATED))
			continue;
		raw = cpu_to_be32(fix->to);
		r = edit_write(plan->vhd->image,
			       plan->vhd->layout.header.bat_off +
			       (u64)fix->block * sizeof(raw), &raw, sizeof(raw));
	}
	return r ? r : edit_sync(plan->vhd->image);
}

static int vhd_salvage_allow_sectors(void *arg, u32 from, u32 end)
{
	vhd_bitmap_set(arg, from, end);
	return 0;
}

/* Set the bits of sectors with data. */
static int vhd_salvage_allow(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_salvage *plan = arg;
	struct vhd_image *vhd = plan->vhd;
	u32 bytes = vhd->layout.geo.bitmap_sectors * VHD_SECTOR;
	u8 *bitmap;
	int r;

	if (result)
		return 0;
	r = vhd_image_bitmap(vhd, sector);
	bitmap = r ? NULL : malloc(bytes);
	if (!bitmap)
		return r ? r : -ENOMEM;
	memcpy(bitmap, vhd->bitmap, bytes);
	r = vhd_audit_denied(vhd, block, sector, vhd_salvage_allow_sectors,
			     bitmap);
	if (!r && memcmp(bitmap, vhd->bitmap, bytes))
		r = edit_write(vhd->image, (u64)sector << VHD_SECTOR_SHIFT,
			       bitmap, bytes);
	free(bitmap);
	return r;
}

/* Step 1. */
static int vhd_salvage_rename(const struct vhd_salvage *plan)
{
	bool tail = plan->vhd->layout.tail != VHD_COPY_DAMAGED;
	guid_t id;
	int r;

	guid_random(&id);
	r = vhd_repair_rename(plan->vhd, &id);
	return r || !tail ? r : vhd_repair_footer(plan->vhd, 0);
}

/* Steps 3 and 4. */
static int vhd_salvage_footers(const struct vhd_salvage *plan)
{
	bool cut = false;
	size_t i;
	int r = 0;

	for (i = 0; i < plan->count; i++)
		cut |= plan->fix[i].to == plan->fix[i].from;
	if (cut)
		r = vhd_salvage_clear(plan);
	return r ? r : vhd_repair_footer(plan->vhd, plan->end);
}

/**
 * vhd_salvage_write() - give up what is lost
 * @plan: from vhd_salvage_look(); the image is open for writing, and has to be
 *        loaded again
 *
 * Return: 0 or a negative errno.
 */
int vhd_salvage_write(struct vhd_salvage *plan)
{
	int r = 0;

	if (!plan->denied && !plan->count)
		return 0;
	r = vhd_salvage_rename(plan);
	if (!r)
		r = vhd_salvage_entries(plan, true);
	if (!r)
		r = vhd_salvage_footers(plan);
	if (!r && plan->denied)
		r = vhd_image_load_bat(plan->vhd, vhd_salvage_allow, plan);
	if (!r)
		r = vhd_salvage_blocks(plan);
	return r ? r : vhd_salvage_entries(plan, false);
}

/**
 * vhd_salvage_free() - forget what was to be done
 * @plan: the plan
 */
void vhd_salvage_free(struct vhd_salvage *plan)
{
	free(plan->fix);
	plan->fix = NULL;
}
