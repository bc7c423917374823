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
 * Block 1 is there in one half, from the sector @from on.  The bitmap says something of
 * block 0, too: that does not count.
 */
static void small_child_half(struct small_test *t, u32 bitmap, u32 mib, u32 from)
{
	u32 half = SMALL_BLOCK_SECTORS / 2, first = SMALL_BLOCK_SECTORS + from, i;

	vk_set_bitmap(t->dev, &t->spec, 0, bitmap);
	memset(t->buf, 0, SZ_1M);
	vhdx_bitmap_set(t->buf, 0, half);
	vhdx_bitmap_set(t->buf, first, first + half);
	fake_dev_poke(t->dev, (u64)bitmap << 20, t->buf, SZ_1M);
	vk_set_bat(t->dev, &t->spec, 1, VHDX_BLOCK_PARTIAL, mib);
	for (i = 0; i < half; i++)
		small_fill(t->buf + i * SECTOR_SIZE, first + i, t->next);
	fake_dev_poke(t->dev, ((u64)mib << 20) + from * SECTOR_SIZE, t->buf,
		      half * SECTOR_SIZE);
	small_book_set(&t->book, first, half, t->next++);
}

/**
 * small_child_format() - make an image with a parent, which has all of it
 * @t: the test
 * @start: SMALL_BARE_CHILD: the image has nothing of its own; SMALL_CHILD: the first half
 *         of block 1, a MiB behind its bitmap; SMALL_HIGH_CHILD: the second half, in front
 *         of it, and one MiB is free
 */
void small_child_format(struct small_test *t, enum small_start start)
{
	bool high = start == SMALL_HIGH_CHILD;
	u32 mib = vk_free_mib(&t->spec);
	static guid_t guid;

	/* One for the bitmap, and one for who writes before others are free. */
	t->spec.dev_mib = mib + SMALL_BLOCKS + 2 - high;
	small_make_parent(t, &guid);
	t->spec.parent = &guid;
	t->dev = vk_format(&t->spec);
	t->dev->parent = t->parent;
	t->dev->fill = SMALL_FOREIGN;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	t->new_bits = start == SMALL_BARE_CHILD;
	if (start == SMALL_CHILD)
		small_child_half(t, mib, mib + 2, 0);
	else if (high)
		small_child_half(t, mib + 2, mib + 1, SMALL_BLOCK_SECTORS / 2);
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
