// SPDX-License-Identifier: GPL-2.0
/*
 * VHD as a starting image, and what a power cut may leave of one.
 *
 * The image is judged by a naive reading of its BAT and bitmaps; the target's own
 * code has to open it, too.
 */
#include <linux/slab.h>

#include "small.h"

#define SMALL_VHD_BYTES		(6 * (u64)SZ_1M)
#define SMALL_VHD_BAT		(VHD_FOOTER_BYTES + VHD_HEADER_BYTES)
#define SMALL_VHD_ENTRIES	(VHD_SECTOR / sizeof(__be32))
/* In sectors, of a block with its bitmap, whose data is aligned. */
#define SMALL_VHD_FIRST		7U
#define SMALL_VHD_SLOT		(SMALL_BLOCK_SECTORS + 8U)

static const guid_t small_vhd_parent_id =
	GUID_INIT(0x1, 0x2, 0x3, 4, 5, 6, 7, 8, 9, 10, 11);

/* A block of which the first @sectors are there. */
static void small_vhd_put(struct small_test *t, struct fake_dev *dev, u32 block,
			  u32 sectors, u32 content)
{
	u64 off = (SMALL_VHD_FIRST + block * SMALL_VHD_SLOT) * (u64)VHD_SECTOR;
	u8 bits[VHD_SECTOR] = { };
	__be32 entry;
	u32 i;

	entry = cpu_to_be32(off / VHD_SECTOR);
	fake_dev_poke(dev, SMALL_VHD_BAT + block * sizeof(entry), &entry,
		      sizeof(entry));
	vhd_bitmap_set(bits, 0, sectors);
	fake_dev_poke(dev, off, bits, sizeof(bits));
	for (i = 0; i < sectors; i++)
		small_fill(t->buf + i * SECTOR_SIZE,
			   block * SMALL_BLOCK_SECTORS + i, content);
	fake_dev_poke(dev, off + VHD_SECTOR, t->buf, sectors * SECTOR_SIZE);
}

static struct fake_dev *small_vhd_new(u32 type)
{
	struct fake_dev *dev = fake_dev_new(SMALL_VHD_BYTES);
	struct vhd_footer footer = {
		.features = VHD_FEATURES, .version = VHD_VERSION,
		.header_off = VHD_FOOTER_BYTES, .creator_app = "win ",
		.current_bytes = SMALL_SECTORS * (u64)VHD_SECTOR, .type = type,
	};
	struct vhd_header header = {
		.bat_off = SMALL_VHD_BAT, .version = VHD_VERSION,
		.bat_entries = SMALL_BLOCKS,
		.block_bytes = SMALL_BLOCK_SECTORS * VHD_SECTOR,
		.parent_id = small_vhd_parent_id,
	};
	u8 buf[VHD_HEADER_BYTES];

	dev->vhd = true;
	dev->logical_bytes = VHD_SECTOR;
	dev->fill = SMALL_FOREIGN;
	dev->fill_off = SMALL_VHD_FIRST * VHD_SECTOR;
	if (type != VHD_TYPE_DIFFERENCING)
		footer.id = small_vhd_parent_id;
	vhd_footer_encode(&footer, buf);
	fake_dev_poke(dev, 0, buf, VHD_FOOTER_BYTES);
	vhd_header_encode(&header, buf);
	fake_dev_poke(dev, VHD_FOOTER_BYTES, buf, VHD_HEADER_BYTES);
	memset(buf, 0xff, VHD_SECTOR);
	fake_dev_poke(dev, SMALL_VHD_BAT, buf, VHD_SECTOR);
	return dev;
}

/**
 * small_vhd_format() - make a VHD image
 * @t: the test
 * @child: it has a parent, which has all of it
 *
 * Block 0 is there in its first half, block 1 is not.
 */
void small_vhd_format(struct small_test *t, bool child)
{
	u32 block;

	if (child) {
		t->parent = small_vhd_new(VHD_TYPE_DYNAMIC);
		t->parent->bdev.bd_dev = MKDEV(240, 241);
		for (block = 0; block < SMALL_BLOCKS; block++)
			small_vhd_put(t, t->parent, block, SMALL_BLOCK_SECTORS,
				      SMALL_OLD);
		small_book_set(&t->book, 0, SMALL_SECTORS, SMALL_OLD);
	}
	t->dev = small_vhd_new(child ? VHD_TYPE_DIFFERENCING : VHD_TYPE_DYNAMIC);
	t->dev->parent = t->parent;
	small_vhd_put(t, t->dev, 0, SMALL_BLOCK_SECTORS / 2, t->next);
	small_book_set(&t->book, 0, SMALL_BLOCK_SECTORS / 2, t->next++);
}

/* ------------------------------------------------------------------------
 * After a power cut
 */
static bool small_vhd_has_footer(struct fake_dev *dev, u64 off)
{
	u8 buf[VHD_FOOTER_BYTES];

	fake_dev_peek(dev, off, buf, sizeof(buf));
	return vhd_footer_valid(buf);
}

static bool small_vhd_places(struct small_test *t, struct fake_dev *dev,
			     u32 place[SMALL_BLOCKS])
{
	__be32 bat[SMALL_VHD_ENTRIES];
	u32 block, i;

	fake_dev_peek(dev, SMALL_VHD_BAT, bat, sizeof(bat));
	for (i = SMALL_BLOCKS; i < SMALL_VHD_ENTRIES; i++)
		if (be32_to_cpu(bat[i]) != VHD_BAT_UNALLOCATED)
			small_fail(t, "entry %u is %x", i, be32_to_cpu(bat[i]));
	for (block = 0; block < SMALL_BLOCKS; block++) {
		u64 end;

		place[block] = be32_to_cpu(bat[block]);
		end = (place[block] + 1 + SMALL_BLOCK_SECTORS) * (u64)VHD_SECTOR;
		if (place[block] != VHD_BAT_UNALLOCATED &&
		    (place[block] < SMALL_VHD_FIRST ||
		     end > SMALL_VHD_BYTES - VHD_SECTOR))
			small_fail(t, "block %u is at sector %u", block,
				   place[block]);
	}
	if (place[0] != VHD_BAT_UNALLOCATED && place[1] != VHD_BAT_UNALLOCATED &&
	    max(place[0], place[1]) - min(place[0], place[1]) <=
	    SMALL_BLOCK_SECTORS)
		small_fail(t, "the blocks overlap: %u and %u", place[0], place[1]);
	return !t->failures;
}

static void small_vhd_judge_block(struct small_test *t, struct fake_dev *dev,
				  u32 block, u32 place)
{
	u32 first = block * SMALL_BLOCK_SECTORS, i;
	u32 none = 1U << (t->parent ? SMALL_OLD : 0);
	u8 bits[VHD_SECTOR] = { };

	if (place != VHD_BAT_UNALLOCATED) {
		fake_dev_peek(dev, place * (u64)VHD_SECTOR, bits, sizeof(bits));
		fake_dev_peek(dev, (place + 1) * (u64)VHD_SECTOR, t->buf, SZ_1M);
	}
	for (i = 0; i < SMALL_BLOCK_SECTORS && !t->failures; i++)
		if (vhd_bitmap_test(bits, i))
			small_judge_sector(t, t->buf + i * SECTOR_SIZE, first + i);
		else if (!(t->book.crash[first + i] & none))
			small_fail(t, "block %u sector %u is not there, none of %x",
				   block, i, t->book.crash[first + i]);
}

static void small_vhd_open(struct small_test *t, struct fake_dev *crash)
{
	struct vhdx_image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	const char *error = NULL;

	vhdx_image_init(image, &crash->bdev, true);
	image->is_vhd = true;
	image->parents = t->parent;
	if (vhdx_image_load(image, &error))
		small_fail(t, "it does not open: %s (%s)", error, fake.message);
	vhdx_image_unload(image);
	kfree(image);
}

/**
 * small_vhd_judge() - may this be what a power cut leaves?
 * @t: the test
 * @crash: the state
 *
 * Return: true if so.
 */
bool small_vhd_judge(struct small_test *t, struct fake_dev *crash)
{
	struct rnd_state rnd = fake.rnd;
	u32 place[SMALL_BLOCKS], block;

	if (!small_vhd_has_footer(crash, 0) &&
	    !small_vhd_has_footer(crash, SMALL_VHD_BYTES - VHD_SECTOR))
		small_fail(t, "no footer");
	small_vhd_open(t, crash);
	if (small_vhd_places(t, crash, place))
		for (block = 0; block < SMALL_BLOCKS; block++)
			small_vhd_judge_block(t, crash, block, place[block]);
	/* What it has taken of chance the target must not miss. */
	fake.rnd = rnd;
	return !t->failures;
}

/**
 * small_vhd_check() - a suspended image has both footers
 * @t: the test
 */
void small_vhd_check(struct small_test *t)
{
	if (!small_vhd_has_footer(t->dev, 0) ||
	    (t->vkt.vt->session != VHDX_SESSION_CLOSED &&
	     !small_vhd_has_footer(t->dev, SMALL_VHD_BYTES - VHD_SECTOR)))
		small_fail(t, "a footer is missing");
}
