// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path of VHD images: what vhdx_map() is to VHDX.
 */
#include "dm-vhdx.h"

/**
 * vhd_remap() - point a bio at the backing device; its block is present
 * @vt: the target
 * @bio: the bio, within its block
 * @sector: of the disk, where it begins
 *
 * Context: any.
 */
void vhd_remap(const struct vhdx_target *vt, struct bio *bio, sector_t sector)
{
	/* A fixed image is the disk. */
	if (vt->place)
		sector = (sector_t)READ_ONCE(vt->place[vhdx_sector_block(vt, sector)]) +
			 vt->bitmap_sectors + (sector & vhdx_block_mask(vt));
	bio->bi_iter.bi_sector = sector;
	bio_set_dev(bio, vt->bdev);
}

/* After a flush has failed: what is not committed may be lost. */
static bool vhd_map_doubtful(const struct vhdx_target *vt, u32 e)
{
	return (e & VHDX_E_PENDING) && vhdx_flush_has_failed(&vt->image);
}

/* A block that is not present, or whose bitmap nobody has looked at. */
static noinline int vhd_map_absent(struct vhdx_target *vt, struct bio *bio,
				   sector_t sector, u32 e)
{
	if (op_is_write(bio_op(bio))) {
		unsigned int left = vhd_part_left(vt, sector);

		if (left < bio_sectors(bio))
			dm_accept_partial_bio(bio, left);
	}
	return vhdx_map_absent(vt, bio, sector, e);
}

/**
 * vhd_map() - dm's map function
 * @ti: the target
 * @bio: what is to be done
 *
 * A block whose bitmap nobody has looked at is in parts (dm-vhd-chain.c).
 *
 * Context: process context, does not sleep (DM_TARGET_NOWAIT).
 * Return: DM_MAPIO_*
 */
int vhd_map(struct dm_target *ti, struct bio *bio)
{
	struct vhdx_target *vt = ti->private;
	sector_t sector = vhdx_bio_sector(vt, bio);
	sector_t left = vhdx_block_mask(vt) + 1 - (sector & vhdx_block_mask(vt));
	u32 e;

	if (unlikely(!bio->bi_iter.bi_size))
		return vhdx_map_flush(vt, bio);
	if (unlikely(bio_op(bio) != REQ_OP_READ && bio_op(bio) != REQ_OP_WRITE))
		return vhdx_kill(vt, bio);
	/* Pairs with vhdx_txn_place(). */
	e = smp_load_acquire(&vt->bat[vhdx_sector_block(vt, sector)]);
	if (unlikely(!vhdx_e_present(e)))
		return vhd_map_absent(vt, bio, sector, e);
	if (op_is_write(bio_op(bio))) {
		/* Pairs with vhdx_session_open(). */
		if (unlikely(!smp_load_acquire(&vt->may_overwrite) ||
			     (bio->bi_opf & REQ_FUA) || (e & VHDX_E_PENDING)))
			return vhdx_map_careful(vt, bio, sector, e);
	} else if (unlikely(READ_ONCE(vt->check_reads)) &&
		   vhd_map_doubtful(vt, e)) {
		return vhdx_kill(vt, bio);
	}
	if (unlikely(left < bio_sectors(bio)))
		dm_accept_partial_bio(bio, left);
	vhd_remap(vt, bio, sector);
	return DM_MAPIO_REMAPPED;
}
