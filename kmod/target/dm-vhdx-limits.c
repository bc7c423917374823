// SPDX-License-Identifier: GPL-2.0
/*
 * The queue limits of the disk.
 */
#include <linux/sizes.h>

#include "dm-vhdx.h"

static int vhdx_iterate_device(struct dm_target *ti, struct dm_dev *dev,
			       iterate_devices_callout_fn fn, void *data)
{
	sector_t sectors = bdev_nr_sectors(dev->bdev);

	return fn(ti, dev, 0, round_down(sectors, VHDX_SECTOR >> SECTOR_SHIFT),
		  data);
}

/**
 * vhdx_iterate_devices() - dm's iterate_devices function
 * @ti: the target
 * @fn: called for each backing device
 * @data: for @fn
 *
 * Context: process context.
 * Return: what @fn does.
 */
int vhdx_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
			 void *data)
{
	struct vhdx_target *vt = ti->private;
	u32 i;
	int r;

	r = vhdx_iterate_device(ti, vt->dev, fn, data);
	for (i = 0; !r && vt->chain && i < vt->chain->nr_parents; i++)
		r = vhdx_iterate_device(ti, vt->chain->parents[i].dev, fn, data);
	return r;
}

/*
 * Blocks begin at any MiB of the backing device.  So stripes of it that divide
 * a MiB are stripes of the disk; others mean nothing to who uses the disk, and
 * neither do blocks: mkfs would take their size for a stripe, and read-ahead
 * is made twice the number.
 */
static void vhdx_stripe_hints(struct queue_limits *limits, u32 physical)
{
	u32 io_min = limits->io_min, io_opt = limits->io_opt;

	if (limits->alignment_offset || !io_opt || SZ_1M % io_opt ||
	    io_opt < physical) {
		limits->io_min = physical;
		limits->io_opt = 0;
	} else if (io_min < physical || io_opt % io_min) {
		limits->io_min = physical;
	}
}

/* That the backing device's sectors do not suit each other is its own affair. */
static void vhdx_clear_misaligned(struct queue_limits *limits)
{
#ifdef BLK_FLAG_MISALIGNED
	limits->flags &= ~BLK_FLAG_MISALIGNED;
#else
	limits->misaligned = 0;
	limits->discard_misaligned = 0;
#endif
}

/* Whole blocks are what gives space back. */
static void vhdx_discard_limits(const struct vhdx_target *vt,
				struct queue_limits *limits)
{
	u32 block = vt->user.limits.block, sectors = 0;

	/* The image's blocks can be freed, and the table lets us. */
	if (!vt->user.limits.frees || vt->no_discard || vt->read_only)
		block = 0;
	if (block)
		sectors = round_down(UINT_MAX, block) >> SECTOR_SHIFT;
	limits->discard_granularity = block;
	limits->discard_alignment = 0;
	limits->max_hw_discard_sectors = sectors;
	limits->max_discard_sectors = sectors;
}

/**
 * vhdx_io_hints() - dm's io_hints function
 * @ti: the target
 * @limits: those of the backing device, which become the disk's
 *
 * Context: process context.
 */
void vhdx_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct vhdx_target *vt = ti->private;

	if (!vt->user.limits.logical)
		return;
	/* A virtual disk has the sector sizes that its maker gave it. */
	limits->logical_block_size = vt->user.limits.logical;
	limits->physical_block_size = vt->user.limits.physical;
	vhdx_stripe_hints(limits, vt->user.limits.physical);
	vhdx_discard_limits(vt, limits);
	limits->alignment_offset = 0;
	vhdx_clear_misaligned(limits);
}
