// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to blocks of a VHD image that are in parts: where their bits are, and how
 * such a block begins.  The rest is dm-vhdx-part.c's.
 */
#include "dm-vhdx.h"

/* So many places are tried for a block. */
#define VHD_PART_TRIES	4

/**
 * vhd_part_span() - where are the bits of some sectors?
 * @vt: the target
 * @sector: of the disk, where they begin; its block has space
 * @sectors: how many
 * @off: takes the place of the sector with the bits, in bytes
 * @first: takes the number of the first bit there
 *
 * Context: process context; the publish mutex is held.
 * Return: so many of them have their bits there.
 */
unsigned int vhd_part_span(const struct vhdx_target *vt, sector_t sector,
			   unsigned int sectors, u64 *off, u32 *first)
{
	u32 within = sector & vhdx_block_mask(vt);
	u32 place = vt->place[vhdx_sector_block(vt, sector)];

	lockdep_assert_held(&vt->publish);
	*off = ((u64)place + within / VHD_BITS_PER_SECTOR) << SECTOR_SHIFT;
	*first = within % VHD_BITS_PER_SECTOR;
	return min(sectors, VHD_BITS_PER_SECTOR - *first);
}

/**
 * vhd_part_left() - how much of a bio may be written at once?
 * @vt: the target
 * @sector: of the disk, where it begins
 *
 * Context: any.
 * Return: sectors up to the end of the block, or to where its bits are in another
 * sector.
 */
unsigned int vhd_part_left(const struct vhdx_target *vt, sector_t sector)
{
	sector_t within = sector & vhdx_block_mask(vt);

	return min_t(sector_t, vhdx_block_mask(vt) + 1 - within,
		     VHD_BITS_PER_SECTOR - within % VHD_BITS_PER_SECTOR);
}

static int vhd_part_zero_bitmap(struct vhdx_target *vt, u32 slot)
{
	const struct vhd_image *vhd = vt->image.vhd;

	return vhdx_io_zero(&vt->image.backing,
			    vhd_slot_sector(vhd, slot) << SECTOR_SHIFT,
			    vhd->layout.geo.bitmap_sectors * VHD_SECTOR, true);
}

/* A slot with clear bits; some may be bad.  As vhd_part_take(). */
static int vhd_part_zero(struct vhdx_target *vt, u32 *slot, bool *exposed)
{
	int tries, r = -EFBIG;

	lockdep_assert_held(&vt->publish);
	for (tries = 0; tries < VHD_PART_TRIES; tries++) {
		u32 end = vt->image.space.end;

		*slot = vhdx_take_space(vt);
		if (!*slot)
			return -EFBIG;
		*exposed = !vhdx_space_is_zero(vt, *slot, end);
		if (!*exposed)
			return 0;
		mutex_unlock(&vt->publish);
		r = vhd_part_zero_bitmap(vt, *slot);
		mutex_lock(&vt->publish);
		if (!r || r == -ENOSPC)
			return r;
		vhdx_set_space_aside(vt, *slot);
	}
	/* Whatever the device calls it: some errors say what the worker is to do. */
	*slot = 0;
	return -EIO;
}

/*
 * A slot whose bitmap has clear bits; the publish mutex is released meanwhile.
 * *@exposed: they are not durable.  Returns 0 or as vhd_part_begin().
 */
static int vhd_part_take(struct vhdx_target *vt, u32 block, u32 *slot,
			 bool *exposed)
{
	int r = vhd_part_zero(vt, slot, exposed);

	/* It may have been closed, or map was faster. */
	if (!r && (!vhdx_session_may_write(vt) ||
		   !vhdx_e_inherits(vt->bat[block])))
		r = -ESTALE;
	if (r && *slot)
		vhdx_give_space_back(vt, *slot);
	return r;
}

/**
 * vhd_part_begin() - give a block that parents have space of its own
 * @vt: the target
 * @block: the block, which the image has nothing of
 * @simply: in map: only if nothing has to be waited for
 *
 * Context: the publish mutex is held; unless @simply, may sleep, worker, and it is
 * released meanwhile.
 * Return: as vhdx_part_begin().
 */
int vhd_part_begin(struct vhdx_target *vt, u32 block, bool simply)
{
	struct vhdx_change *spare = mempool_alloc(&vt->change_pool,
						  GFP_NOWAIT | __GFP_NOWARN);
	unsigned int before;
	bool exposed = false;
	u32 slot;
	int r = 0;

	lockdep_assert_held(&vt->publish);
	if (!spare)
		return -EAGAIN;
	if (simply)
		slot = vhdx_take_simply(vt, true);
	else
		r = vhd_part_take(vt, block, &slot, &exposed);
	if (!r && !slot)
		r = -EFBIG;
	if (!r && !vhdx_txn_has(vt, block) && !vhdx_txn_has_room(vt, 1)) {
		vhdx_give_space_back(vt, slot);
		r = -EAGAIN;
	}
	if (r) {
		mempool_free(spare, &vt->change_pool);
		return r;
	}
	before = vt->nr_dirty;
	vhdx_txn_begin_part(vt, spare, block, slot);
	vt->running->exposed |= exposed;
	vhdx_commit_soon(vt, before);
	return 0;
}
