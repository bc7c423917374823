// SPDX-License-Identifier: GPL-2.0
/*
 * The hot path of VHD images: what vhdx_map() is to VHDX.
 */
#include "dm-vhdx.h"

/*
 * A write that is FUA, or in another mode than rw.  Where the device cannot be
 * trusted with FUA it goes on as a plain write, and a flush follows.
 */
static noinline bool vhd_map_careful(struct vhdx_target *vt, struct bio *bio)
{
	if (READ_ONCE(vt->mode) != VHDX_MODE_RW)
		return false;
	if ((bio->bi_opf & REQ_FUA) && !vhdx_io_fua(&vt->image.backing)) {
		vhdx_hook_bio(bio, vhdx_fua_end_io, vt);
		bio->bi_opf &= ~REQ_FUA;
	}
	return true;
}

/**
 * vhd_map() - dm's map function
 * @ti: the target
 * @bio: what is to be done
 *
 * A block whose bitmap nobody has looked at is in parts (dm-vhd-chain.c).  Only
 * fixed images are written, and all of their blocks have space.
 *
 * Context: process context, does not sleep (DM_TARGET_NOWAIT).
 * Return: DM_MAPIO_*
 */
int vhd_map(struct dm_target *ti, struct bio *bio)
{
	struct vhdx_target *vt = ti->private;
	sector_t sector = vhdx_bio_sector(vt, bio);
	sector_t within = sector & vhdx_block_mask(vt);
	sector_t left = vhdx_block_mask(vt) + 1 - within;
	u32 block = vhdx_sector_block(vt, sector), e;
	bool write = op_is_write(bio_op(bio));

	if (unlikely(!bio->bi_iter.bi_size))
		return vhdx_map_flush(vt, bio);
	if (unlikely(bio_op(bio) != REQ_OP_READ && bio_op(bio) != REQ_OP_WRITE))
		return vhdx_kill(vt, bio);
	e = READ_ONCE(vt->bat[block]);
	if (unlikely(!vhdx_e_present(e)))
		return write ? vhdx_kill(vt, bio) :
			       vhdx_read_absent(vt, bio, sector, e);
	if (unlikely(left < bio_sectors(bio)))
		dm_accept_partial_bio(bio, left);
	if (write && unlikely(READ_ONCE(vt->mode) != VHDX_MODE_RW ||
			      (bio->bi_opf & REQ_FUA)) &&
	    !vhd_map_careful(vt, bio))
		return vhdx_kill(vt, bio);
	/* A fixed image is the disk. */
	if (vt->place)
		sector = (sector_t)vt->place[block] + vt->bitmap_sectors + within;
	bio->bi_iter.bi_sector = sector;
	bio_set_dev(bio, vt->bdev);
	return DM_MAPIO_REMAPPED;
}
