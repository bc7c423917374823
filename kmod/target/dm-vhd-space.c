// SPDX-License-Identifier: GPL-2.0
/*
 * Space in a VHD image that is written: slots for new blocks, and the footers.
 *
 * New blocks are behind all that was there, up to the footer in the device's last
 * sector.  A block's number in that row is its slot, which is what the map of space
 * counts.  Nothing is ever freed.
 */
#include <linux/slab.h>

#include "dm-vhdx.h"

/* More than blocks need: places that failed, or are tried in vain. */
#define VHD_SPARE_SLOTS		(2 * VHDX_ASIDE)

/**
 * vhd_slot_sector() - where is a slot?
 * @vhd: of an image that is written
 * @slot: which, from 1 on
 *
 * Context: any.
 * Return: sector of the backing device: what is to be the block's BAT entry.
 */
u64 vhd_slot_sector(const struct vhd_image *vhd, u32 slot)
{
	return vhd->first + (u64)(slot - 1) * vhd->stride;
}

/**
 * vhd_slot_end() - where does a slot end?
 * @vhd: of an image that is written
 * @slot: which, from 1 on
 *
 * Context: any.
 * Return: sector of the backing device.
 */
u64 vhd_slot_end(const struct vhd_image *vhd, u32 slot)
{
	return vhd_slot_sector(vhd, slot) + vhd_block_sectors(&vhd->layout.geo);
}

/* How many are there on a device of this size, the one counted that is none? */
static u32 vhd_slots(const struct vhdx_image *image, u64 bytes)
{
	const struct vhd_image *vhd = image->vhd;
	u64 end = (bytes - VHD_FOOTER_BYTES) >> SECTOR_SHIFT, slots;

	/* What a BAT entry can name. */
	end = min_t(u64, end, VHD_BAT_UNALLOCATED);
	if (end < vhd_slot_end(vhd, 1))
		return 1;
	slots = 2 + div_u64(end - vhd_slot_end(vhd, 1), vhd->stride);
	return min_t(u64, slots, image->max_mib);
}

/**
 * vhd_space_ends() - has an image all the space that it can have?
 * @image: loaded
 *
 * A BAT entry names a sector by 32 bits, so nothing begins behind 2 TiB.
 *
 * Context: any; the publish mutex is held.
 * Return: true if a larger device would give it none.
 */
bool vhd_space_ends(const struct vhdx_image *image)
{
	u32 size = image->space.size;

	/* There may be a place for each block, or the device have shrunk. */
	return image->vhd && image->space.map && size < image->max_mib &&
	       size == vhd_slots(image, U64_MAX) &&
	       size == vhd_slots(image, vhdx_io_bytes(&image->backing));
}

/**
 * vhd_space_init() - find the space that new blocks can have
 * @image: its BAT was read
 * @end: where all that is there ends, in bytes
 *
 * Context: may sleep; loading.
 * Return: 0, a fault, or -ENOMEM.
 */
int vhd_space_init(struct vhdx_image *image, u64 end)
{
	struct vhd_image *vhd = image->vhd;
	const struct vhd_geometry *geo = &vhd->layout.geo;
	struct vhdx_space *space = &image->space;

	if (end > image->bytes - VHD_FOOTER_BYTES)
		return VHDX_FAULT_VHD_NO_ROOM;
	vhd->first = vhd_bat_place(geo, end);
	vhd->stride = round_up(vhd_block_sectors(geo),
			       VHD_DATA_ALIGN >> SECTOR_SHIFT);
	image->max_mib = 1 + geo->blocks - image->allocated_blocks +
			 VHD_SPARE_SLOTS;
	space->map = vhdx_image_alloc(BITS_TO_LONGS(image->max_mib),
				      sizeof(long));
	if (!space->map)
		return -ENOMEM;
	space->size = vhd_slots(image, image->bytes);
	space->taken = 0;
	vhdx_space_claim(space, 0, 1);
	return 0;
}

/**
 * vhdx_image_end_mib() - how far has space of an image been taken?
 * @image: loaded
 *
 * Context: any; under RCU if the image may be unloaded meanwhile.
 * Return: MiB from the start of the backing device.
 */
u32 vhdx_image_end_mib(const struct vhdx_image *image)
{
	const struct vhd_image *vhd = READ_ONCE(image->vhd);
	u32 end = READ_ONCE(image->space.end);

	if (!vhd || !READ_ONCE(image->space.map))
		return end;
	return DIV_ROUND_UP_ULL(vhd_slot_sector(vhd, end),
				1 << VHDX_MIB_SECTORS_SHIFT);
}

/**
 * vhdx_image_mib() - how much of a device may be known to be zero?
 * @image: the image; need not be loaded
 * @bytes: size of the device
 *
 * The last sector of a VHD image's is the footer's.
 *
 * Context: any.
 * Return: MiB.
 */
u32 vhdx_image_mib(const struct vhdx_image *image, u64 bytes)
{
	if (image->is_vhd && bytes)
		bytes--;
	return min_t(u64, bytes >> 20, VHDX_MIB_MAX);
}

/**
 * vhd_footer_mib() - where does the device end, where the footer goes?
 * @image: loaded
 *
 * Context: process context.
 * Return: MiB, rounded up; 0: there is none to write.
 */
u32 vhd_footer_mib(const struct vhdx_image *image)
{
	return image->vhd && image->vhd->place ?
	       DIV_ROUND_UP_ULL(image->bytes, SZ_1M) : 0;
}

/**
 * vhd_image_sum() - something to know an image by
 * @image: loaded
 *
 * Context: process context.
 * Return: a sum over the places of its blocks, not 0; 0 for a fixed image, or none.
 */
u64 vhd_image_sum(const struct vhdx_image *image)
{
	const struct vhd_image *vhd = image->vhd;

	return vhd && vhd->place ?
	       crc32c(~0, vhd->place, vhd->layout.geo.blocks * sizeof(u32)) : 0;
}

/* ------------------------------------------------------------------------
 * Footers
 */

/* Durable before anything that relies on it. */
static int vhd_write_footer(struct vhdx_image *image, u64 off)
{
	int r = vhdx_image_write(image, off, image->vhd->footer,
				 VHD_FOOTER_BYTES);

	return r ?: vhdx_image_flush(image);
}

/**
 * vhd_session_open() - be allowed to add blocks to an image
 * @vt: the target, in mode rw, without a session
 *
 * The footer at the end of the device, then its copy at the start; one of them is
 * good at any time.  Before them, once, whatever was read when the image was loaded is
 * made durable: a FUA write relies on entries and bits that nobody may have flushed.  The
 * entries are written anew: a flush that failed may have dropped them.
 *
 * Context: may sleep; worker.
 * Return: 0 or a negative errno.
 */
int vhd_session_open(struct vhdx_target *vt)
{
	struct vhdx_image *image = &vt->image;
	struct vhd_layout *layout = &image->vhd->layout;
	int r = 0;

	if (!image->settled)
		r = vhd_store_rewrite(vt) ?: vhdx_image_flush(image);
	if (r)
		return r;
	image->settled = true;
	if (layout->tail != VHD_COPY_GOOD)
		r = vhd_write_footer(image, image->bytes - VHD_FOOTER_BYTES);
	if (r)
		return r;
	layout->tail = VHD_COPY_GOOD;
	if (layout->copy != VHD_COPY_GOOD)
		r = vhd_write_footer(image, 0);
	if (!r)
		layout->copy = VHD_COPY_GOOD;
	return r;
}

/**
 * vhd_session_grow() - has the backing device grown?
 * @vt: the target
 *
 * Then the footer goes to its new end before any block takes space behind the old
 * one.
 *
 * Context: may sleep; worker.
 */
void vhd_session_grow(struct vhdx_target *vt)
{
	struct vhdx_image *image = &vt->image;
	u64 bytes = vhdx_io_bytes(&image->backing);
	int r;

	if (likely(bytes <= image->bytes) || !vt->place ||
	    !vhdx_session_may_write(vt))
		return;
	r = vhdx_io_write(&image->backing, bytes - VHD_FOOTER_BYTES,
			  image->vhd->footer, VHD_FOOTER_BYTES);
	/* Nobody has to wait for it but who needs it, and comes again. */
	if (r == -ENOSPC)
		return;
	if (r || vhdx_image_flush(image)) {
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the footer cannot be written to the device's new end");
		return;
	}
	mutex_lock(&vt->publish);
	/* The old one stays where it is, which a later table may take for zeros. */
	WRITE_ONCE(vt->used_mib, max(vt->used_mib, vhd_footer_mib(image)));
	image->bytes = bytes;
	WRITE_ONCE(image->space.size, vhd_slots(image, bytes));
	mutex_unlock(&vt->publish);
	DMINFO("%pg: the backing device has grown to %llu MiB", vt->bdev,
	       bytes >> 20);
}

/**
 * vhd_write_bitmap() - write the bitmap of a new block
 * @vt: the target
 * @slot: where the block is to be
 *
 * All of its bits are set: what no write has reached is zero.
 *
 * Context: may sleep.
 * Return: 0 or a negative errno.
 */
int vhd_write_bitmap(struct vhdx_target *vt, u32 slot)
{
	struct vhd_image *vhd = vt->image.vhd;
	u64 off = vhd_slot_sector(vhd, slot) << SECTOR_SHIFT;
	u32 i;
	int r = 0;

	for (i = 0; !r && i < vhd->layout.geo.bitmap_sectors; i++)
		r = vhdx_io_write(&vt->image.backing,
				  off + i * (u64)VHD_SECTOR,
				  vhd->footer + VHD_SECTOR, VHD_SECTOR);
	return r;
}
