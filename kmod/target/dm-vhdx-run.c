// SPDX-License-Identifier: GPL-2.0
/*
 * How far a bio can go: runs of blocks of which the same is true.
 */
#include "dm-vhdx.h"

/**
 * vhdx_run_present() - how far do blocks follow each other on one device?
 * @vt: the target
 * @sector: of the disk
 * @sectors: how many are asked for
 * @e: entry of its block, full in the leaf or in a parent
 *
 * (At the end of what an entry can address the next one would be MiB 0, which is
 * never a block's.)
 *
 * Context: any.
 * Return: so many sectors, at most @sectors.
 */
unsigned int vhdx_run_present(const struct vhdx_target *vt, sector_t sector,
			      unsigned int sectors, u32 e)
{
	sector_t run = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	u32 step = vhdx_e_make(0, 1U << (vt->block_shift -
					 VHDX_MIB_SECTORS_SHIFT));
	u32 block = vhdx_sector_block(vt, sector);

	e &= ~VHDX_E_PENDING;
	while (run < sectors) {
		u32 next = READ_ONCE(vt->bat[++block]) & ~VHDX_E_PENDING;

		e += step;
		if (next != e)
			return run;
		run += vhdx_block_mask(vt) + 1;
	}
	return sectors;
}

/**
 * vhdx_run_settled() - the same, of blocks that are committed, and not being moved
 * @vt: the target
 * @sector: of the disk
 * @sectors: how many are asked for
 * @e: entry of its block, full in the leaf, and committed
 *
 * Context: any.
 * Return: so many sectors, at most @sectors.
 */
unsigned int vhdx_run_settled(const struct vhdx_target *vt, sector_t sector,
			      unsigned int sectors, u32 e)
{
	sector_t run = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	u32 step = vhdx_e_make(0, 1U << (vt->block_shift -
					 VHDX_MIB_SECTORS_SHIFT));
	u32 block = vhdx_sector_block(vt, sector);

	while (run < sectors) {
		e += step;
		if (READ_ONCE(vt->bat[++block]) != e)
			return run;
		run += vhdx_block_mask(vt) + 1;
	}
	return sectors;
}

/**
 * vhdx_run_committed() - how far are blocks committed?
 * @vt: the target
 * @sector: of the disk; its block is committed, or this is all of the block
 * @sectors: how many are asked for
 *
 * Context: any.
 * Return: so many sectors, at most @sectors.
 */
unsigned int vhdx_run_committed(const struct vhdx_target *vt, sector_t sector,
				unsigned int sectors)
{
	sector_t run = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	u32 block = vhdx_sector_block(vt, sector);

	while (run < sectors && !(READ_ONCE(vt->bat[++block]) & VHDX_E_PENDING))
		run += vhdx_block_mask(vt) + 1;
	return min_t(sector_t, run, sectors);
}

/**
 * vhdx_run_zeros() - how far do blocks read as zeros?
 * @vt: the target
 * @sector: of the disk; its block does
 * @sectors: how many are asked for
 *
 * Context: any.
 * Return: so many sectors, at most @sectors.
 */
unsigned int vhdx_run_zeros(const struct vhdx_target *vt, sector_t sector,
			    unsigned int sectors)
{
	sector_t run = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	u32 block = vhdx_sector_block(vt, sector);

	while (run < sectors) {
		if (!vhdx_e_zeros(READ_ONCE(vt->bat[++block])))
			return run;
		run += vhdx_block_mask(vt) + 1;
	}
	return sectors;
}
