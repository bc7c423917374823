// SPDX-License-Identifier: GPL-2.0
/* VHD images of any shape, and which of their sectors are there. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-layers.h"

/**
 * vhd_shape_blocks() - how many blocks an image has
 * @shape: of it
 *
 * Return: the number.
 */
u32 vhd_shape_blocks(const struct vhd_shape *shape)
{
	return DIV_ROUND_UP(shape->sectors, vhd_shape_block_sectors(shape));
}

u32 vhd_shape_block_sectors(const struct vhd_shape *shape)
{
	return shape->block_bytes / VHD_SECTOR;
}

static u32 vhd_shape_bitmap_sectors(const struct vhd_shape *shape)
{
	return DIV_ROUND_UP(vhd_shape_block_sectors(shape), VHD_BITS_PER_SECTOR);
}

static u32 vhd_shape_bat_bytes(const struct vhd_shape *shape)
{
	return round_up(vhd_shape_blocks(shape) * (u32)sizeof(__be32), VHD_SECTOR);
}

static u32 vhd_shape_batmap_bytes(const struct vhd_shape *shape)
{
	return round_up(DIV_ROUND_UP(vhd_shape_blocks(shape), 8), VHD_SECTOR);
}

/**
 * vhd_shape_batmap_off() - where the header of the map of full blocks is
 * @shape: of the image
 *
 * Return: bytes; the map follows.
 */
u64 vhd_shape_batmap_off(const struct vhd_shape *shape)
{
	return VHD_SHAPE_BAT_OFF + vhd_shape_bat_bytes(shape);
}

/**
 * vhd_shape_begin() - an image that has nothing yet
 * @test: keeps the memory
 * @shape: what is known of the image, but for what is there
 */
void vhd_shape_begin(struct kunit *test, struct vhd_shape *shape)
{
	shape->has = kunit_kzalloc(test, shape->sectors, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shape->has);
	if (shape->fixed)
		return;
	shape->place = kunit_kcalloc(test, vhd_shape_blocks(shape), sizeof(u32),
				     GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, shape->place);
}

/**
 * vhd_shape_add() - the image is to have some sectors
 * @shape: of it
 * @sector: first one
 * @end: one behind the last; none of them: the block has a place, and that is all
 */
void vhd_shape_add(struct vhd_shape *shape, u32 sector, u32 end)
{
	u32 size = vhd_shape_block_sectors(shape);

	shape->place[sector / size] = 1;	/* see vhd_shape_make() */
	for (; sector < end && sector < shape->sectors; sector++) {
		shape->place[sector / size] = 1;
		shape->has[sector] = 1;
	}
}

/**
 * vhd_shape_fill() - the image is to have this and that
 * @shape: of it
 * @rnd: decides
 */
void vhd_shape_fill(struct vhd_shape *shape, struct rnd_state *rnd)
{
	u32 size = vhd_shape_block_sectors(shape), block, at, run;

	for (block = 0; block < vhd_shape_blocks(shape); block++) {
		u32 first = block * size, how = vk_rnd(rnd, 6);

		if (how < 2)
			continue;
		vhd_shape_add(shape, first, first);
		if (how == 2)
			vhd_shape_add(shape, first, first + size);
		/* All but one; runs, short or long. */
		if (how == 3)
			vhd_shape_add(shape, first + 1, first + size);
		for (at = 0; how == 4 && at < size; at += run + vk_rnd(rnd, run)) {
			run = 1 + vk_rnd(rnd, 1U << vk_rnd(rnd, 10));
			vhd_shape_add(shape, first + at,
				      min(first + at + run, first + size));
		}
	}
}

/**
 * vhd_mark() - what a sector of an image holds
 * @buf: takes it
 * @sector: of the disk
 * @number: of the image
 */
void vhd_mark(u8 *buf, u32 sector, u32 number)
{
	const struct vhd_mark mark = { .sector = sector, .number = number };

	memset(buf, number, VHD_SECTOR);
	memcpy(buf, &mark, sizeof(mark));
}

static void vhd_shape_put_footers(const struct vhd_shape *shape,
				  struct fake_dev *dev, u8 *buf)
{
	struct vhd_footer footer = {
		.features = VHD_FEATURES, .version = VHD_VERSION,
		.header_off = shape->fixed ? VHD_NO_OFFSET : VHD_FOOTER_BYTES,
		.current_bytes = shape->sectors * (u64)VHD_SECTOR,
		.type = shape->fixed ? VHD_TYPE_FIXED :
			shape->parent ? VHD_TYPE_DIFFERENCING : VHD_TYPE_DYNAMIC,
		.saved_state = shape->saved,
	};

	memcpy(footer.creator_app, shape->batmap ? "tap" : "win ", 4);
	memset(&footer.id, shape->number, sizeof(footer.id));
	vhd_chs_of(shape->sectors, &footer.chs);
	vhd_footer_encode(&footer, buf);
	if (!shape->fixed)
		fake_dev_poke(dev, 0, buf, VHD_FOOTER_BYTES);
	if (shape->tail)
		fake_dev_poke(dev, dev->bytes - VHD_FOOTER_BYTES, buf,
			      VHD_FOOTER_BYTES);
}

static void vhd_shape_put_header(const struct vhd_shape *shape,
				 struct fake_dev *dev, u8 *buf)
{
	struct vhd_header *header = kzalloc(sizeof(*header),
					    GFP_KERNEL | __GFP_NOFAIL);

	header->bat_off = VHD_SHAPE_BAT_OFF;
	header->version = VHD_VERSION;
	header->bat_entries = vhd_shape_bat_bytes(shape) / sizeof(__be32);
	header->block_bytes = shape->block_bytes;
	memset(&header->parent_id, shape->parent, sizeof(header->parent_id));
	vhd_header_encode(header, buf);
	fake_dev_poke(dev, VHD_FOOTER_BYTES, buf, VHD_HEADER_BYTES);
	kfree(header);
}

/* Bitmap and data of a block. */
static void vhd_shape_put_block(const struct vhd_shape *shape, u32 block,
				struct fake_dev *dev, u8 *buf)
{
	u32 size = vhd_shape_block_sectors(shape), first = block * size, i;
	u32 bitmap = vhd_shape_bitmap_sectors(shape);
	u64 off = (u64)shape->place[block] << SECTOR_SHIFT;

	memset(buf, 0, bitmap * VHD_SECTOR);
	for (i = 0; i < size && first + i < shape->sectors; i++)
		if (shape->has[first + i])
			vhd_bitmap_set(buf, i, i + 1);
	fake_dev_poke(dev, off, buf, bitmap * VHD_SECTOR);
	off += bitmap * VHD_SECTOR;
	for (i = 0; i < size && first + i < shape->sectors; i++) {
		/* What is not there may be anything. */
		vhd_mark(buf, first + i, shape->has[first + i] ? shape->number :
							       0xbad);
		fake_dev_poke(dev, off + i * (u64)VHD_SECTOR, buf, VHD_SECTOR);
	}
}

static void vhd_shape_put_bat(struct vhd_shape *shape, struct fake_dev *dev,
			      u8 *buf)
{
	u64 at = vhd_shape_batmap_off(shape) + VHD_SECTOR +
		 vhd_shape_batmap_bytes(shape);
	u32 bytes = vhd_shape_bat_bytes(shape), block;
	__be32 *bat = vmalloc(bytes);

	memset(bat, 0xff, bytes);
	for (block = 0; block < vhd_shape_blocks(shape); block++) {
		if (!shape->place[block])
			continue;
		/* Not where a new one would be. */
		shape->place[block] = at >> SECTOR_SHIFT;
		bat[block] = cpu_to_be32(shape->place[block]);
		vhd_shape_put_block(shape, block, dev, buf);
		at += (vhd_shape_bitmap_sectors(shape) +
		       vhd_shape_block_sectors(shape)) * (u64)VHD_SECTOR;
	}
	fake_dev_poke(dev, VHD_SHAPE_BAT_OFF, bat, bytes);
	vfree(bat);
}

/* Does the image have all of a block that belongs to the disk? */
static bool vhd_shape_block_full(const struct vhd_shape *shape, u32 block)
{
	u32 at = block * vhd_shape_block_sectors(shape);
	u32 end = min(at + vhd_shape_block_sectors(shape), shape->sectors);

	return !memchr_inv(shape->has + at, 1, end - at);
}

static void vhd_shape_put_batmap(const struct vhd_shape *shape,
				 struct fake_dev *dev, u8 *buf)
{
	struct vhd_batmap_disk *disk = (void *)buf;
	u32 bytes = vhd_shape_batmap_bytes(shape), block;
	u64 off = vhd_shape_batmap_off(shape);
	u8 *map = buf + VHD_SECTOR;
	struct vhd_batmap batmap;

	memset(buf, 0, VHD_SECTOR + bytes);
	memcpy(disk->cookie, VHD_BATMAP_COOKIE, sizeof(disk->cookie));
	disk->offset = cpu_to_be64(off + VHD_SECTOR);
	disk->sectors = cpu_to_be32(bytes / VHD_SECTOR);
	disk->version = cpu_to_be32(0x00010002);
	for (block = 0; block < vhd_shape_blocks(shape); block++)
		if (vhd_shape_block_full(shape, block))
			vhd_bitmap_set(map, block, block + 1);
	vhd_batmap_decode(buf, off, vhd_shape_blocks(shape), dev->bytes, &batmap);
	vhd_batmap_seal(buf, vhd_batmap_sum(&batmap, 0, map, bytes));
	fake_dev_poke(dev, off, buf, VHD_SECTOR + bytes);
}

/**
 * vhd_shape_make() - make an image
 * @shape: of it; takes where its blocks are
 *
 * Return: its device.
 */
struct fake_dev *vhd_shape_make(struct vhd_shape *shape)
{
	struct fake_dev *dev = fake_dev_new(shape->dev_mib * (u64)SZ_1M);
	u8 *buf = kmalloc(SZ_8K, GFP_KERNEL | __GFP_NOFAIL);
	u32 i;

	dev->vhd = true;
	dev->bdev.bd_dev = MKDEV(7, shape->number);
	dev->fill = 0xee;
	vhd_shape_put_footers(shape, dev, buf);
	if (shape->fixed) {
		for (i = 0; i < shape->sectors; i++) {
			vhd_mark(buf, i, shape->number);
			fake_dev_poke(dev, i * (u64)VHD_SECTOR, buf, VHD_SECTOR);
		}
	} else {
		vhd_shape_put_header(shape, dev, buf);
		vhd_shape_put_bat(shape, dev, buf);
		if (shape->batmap)
			vhd_shape_put_batmap(shape, dev, buf);
	}
	kfree(buf);
	return dev;
}
