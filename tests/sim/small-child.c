// SPDX-License-Identifier: GPL-2.0
/* Starting images with a parent, VHDX: which layer has what. */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "small.h"

#define SMALL_PARENT_DEV	MKDEV(240, 241)

/* Both blocks of the parent are full. */
static void small_make_parent(struct small_test *t, guid_t *guid)
{
	struct vhdx_header header;
	u32 block, mib, i;
	bool damaged;

	t->parent = vk_format(&t->spec);
	t->parent->bdev.bd_dev = SMALL_PARENT_DEV;
	for (block = 0; block < SMALL_BLOCKS; block++) {
		mib = vk_free_mib(&t->spec) + block;
		vk_set_bat(t->parent, &t->spec, t->place[block], VHDX_BLOCK_FULL, mib);
		for (i = 0; i < SMALL_BLOCK_SECTORS; i++)
			small_fill(t->buf + i * SECTOR_SIZE,
				   block * SMALL_BLOCK_SECTORS + i, SMALL_OLD);
		fake_dev_poke(t->parent, (u64)mib << 20, t->buf, SZ_1M);
	}
	vk_get_header(t->parent, &header, &damaged);
	*guid = header.data_write_guid;
	small_book_set(&t->book, 0, SMALL_SECTORS, SMALL_OLD);
}

/*
 * Block 1 is there in its first half, a MiB behind the bitmap, which says something
 * of block 0, too: that does not count.
 */
static void small_child_half(struct small_test *t)
{
	u32 half = SMALL_BLOCK_SECTORS / 2, mib = vk_free_mib(&t->spec), i;

	vk_set_bitmap(t->dev, &t->spec, 0, mib);
	memset(t->buf, 0, SZ_1M);
	vhdx_bitmap_set(t->buf, 0, half);
	vhdx_bitmap_set(t->buf, SMALL_BLOCK_SECTORS, SMALL_BLOCK_SECTORS + half);
	fake_dev_poke(t->dev, (u64)mib << 20, t->buf, SZ_1M);
	mib += 2;
	vk_set_bat(t->dev, &t->spec, 1, VHDX_BLOCK_PARTIAL, mib);
	for (i = 0; i < half; i++)
		small_fill(t->buf + i * SECTOR_SIZE, SMALL_BLOCK_SECTORS + i,
			   t->next);
	fake_dev_poke(t->dev, (u64)mib << 20, t->buf, half * SECTOR_SIZE);
	small_book_set(&t->book, SMALL_BLOCK_SECTORS, half, t->next++);
}

/**
 * small_child_format() - make an image with a parent, which has all of it
 * @t: the test
 * @bare: the image has nothing of its own; else half of block 1
 */
void small_child_format(struct small_test *t, bool bare)
{
	static guid_t guid;

	/* One for the bitmap, and one for who writes before others are free. */
	t->spec.dev_mib = vk_free_mib(&t->spec) + SMALL_BLOCKS + 2;
	small_make_parent(t, &guid);
	t->spec.parent = &guid;
	t->dev = vk_format(&t->spec);
	t->dev->parent = t->parent;
	t->dev->fill = SMALL_FOREIGN;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	t->new_bits = bare;
	if (!bare)
		small_child_half(t);
}

/**
 * small_child_bits() - which sectors of the blocks an image says are its own
 * @t: the test
 * @image: the image, loaded
 * @crash: its device
 * @bits: takes a bit for each sector of the two blocks
 *
 * Return: false if there is no bitmap.
 */
bool small_child_bits(struct small_test *t, struct vhdx_image *image,
		      struct fake_dev *crash,
		      u8 bits[SMALL_BLOCKS * SMALL_BITS_BYTES])
{
	static u8 page[VHDX_SECTOR];
	u32 block, off;

	if (!image->bitmap || !image->bitmap[0])
		return false;
	for (block = 0; block < SMALL_BLOCKS; block++) {
		off = t->place[block] * SMALL_BITS_BYTES;
		vk_view_dev(crash, image, ((u64)image->bitmap[0] << 20) +
			    round_down(off, VHDX_SECTOR), page, VHDX_SECTOR);
		memcpy(bits + block * SMALL_BITS_BYTES, page + off % VHDX_SECTOR,
		       SMALL_BITS_BYTES);
	}
	return true;
}
