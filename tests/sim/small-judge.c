// SPDX-License-Identifier: GPL-2.0
/* Is a state after a power cut one that may be? */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "small.h"

/**
 * small_judge_sector() - may a sector hold this after a power cut?
 * @t: the test
 * @data: what it holds
 * @sector: of the two blocks
 *
 * Return: true if so.
 */
bool small_judge_sector(struct small_test *t, const u8 *data, u32 sector)
{
	int content = small_content(data, sector);

	if (content >= 0 && t->book.crash[sector] >> content & 1)
		return true;
	small_fail(t, "block %u sector %u has %16phN, not one of %x",
		   sector / SMALL_BLOCK_SECTORS, sector % SMALL_BLOCK_SECTORS,
		   data, t->book.crash[sector]);
	return false;
}

/* All of it, as most is? */
static bool small_may_be(struct small_test *t, u32 first, u32 count, u32 content)
{
	u32 all = 1U << content, i;

	for (i = first; i < first + count; i++)
		all &= t->book.crash[i];
	return all;
}

/* Zeros, or the parent's. */
static bool small_judge_absent(struct small_test *t, u32 block, u32 content)
{
	u32 first = block * SMALL_BLOCK_SECTORS, i;
	u8 data[SECTOR_SIZE];

	if (small_may_be(t, first, SMALL_BLOCK_SECTORS, content))
		return true;
	for (i = first; i < first + SMALL_BLOCK_SECTORS; i++) {
		small_fill(data, i, content);
		if (!small_judge_sector(t, data, i))
			return false;
	}
	return true;
}

/* @bits: where this has a clear bit, the parent has it; NULL: it has all. */
static bool small_judge_present(struct small_test *t, struct fake_dev *crash,
				u32 block, u32 mib, const u8 *bits)
{
	const u32 per_page = PAGE_SIZE >> SECTOR_SHIFT;
	u32 first = block * SMALL_BLOCK_SECTORS, at, i;
	static u64 page[PAGE_SIZE / sizeof(u64)];

	for (at = 0; at < SMALL_BLOCK_SECTORS; at += per_page) {
		fake_dev_peek(crash, ((u64)mib << 20) + (at << SECTOR_SHIFT),
			      page, PAGE_SIZE);
		for (i = 0; i < per_page; i++) {
			u8 *data = (u8 *)page + i * SECTOR_SIZE;

			if (bits && !vhdx_bitmap_test(bits, first + at + i))
				small_fill(data, first + at + i, SMALL_OLD);
			if (!small_judge_sector(t, data, first + at + i))
				return false;
		}
	}
	return true;
}

/* Each block, and a bitmap, has space of its own, none of it the image's tables. */
static bool small_judge_space(struct small_test *t, const struct vhdx_image *image)
{
	u32 bitmap = image->bitmap ? image->bitmap[0] : 0;
	u32 mib[SMALL_BLOCKS], block;

	for (block = 0; block < SMALL_BLOCKS; block++) {
		u32 e = image->bat[t->place[block]];

		mib[block] = vhdx_e_has_space(e) ? vhdx_e_mib(e) : 0;
		if (mib[block] && (mib[block] < vk_free_mib(&t->spec) ||
				   mib[block] >= t->spec.dev_mib)) {
			small_fail(t, "block %u is at MiB %u", block, mib[block]);
			return false;
		}
	}
	if (mib[0] && mib[0] == mib[1]) {
		small_fail(t, "both blocks are at MiB %u", mib[0]);
		return false;
	}
	if (bitmap && (bitmap == mib[0] || bitmap == mib[1])) {
		small_fail(t, "a block is where the bitmap is: MiB %u", bitmap);
		return false;
	}
	return true;
}

static bool small_judge_block(struct small_test *t, struct vhdx_image *image,
			      struct fake_dev *crash, u32 block)
{
	u32 e = image->bat[t->place[block]], state = e & VHDX_E_STATE;
	static u8 bits[SMALL_BLOCKS * SMALL_BITS_BYTES];

	if (state == VHDX_BLOCK_FULL)
		return small_judge_present(t, crash, block, vhdx_e_mib(e), NULL);
	if (!t->parent || (state && state != VHDX_BLOCK_PARTIAL))
		return small_judge_absent(t, block, 0);
	if (!small_child_bits(t, image, crash, bits)) {
		if (!state)
			return small_judge_absent(t, block, SMALL_OLD);
		small_fail(t, "block %u is in parts without a bitmap", block);
		return false;
	}
	if (state)
		return small_judge_present(t, crash, block, vhdx_e_mib(e), bits);
	/* Who writes to it next may rely on that. */
	if (t->new_bits &&
	    memchr_inv(bits + block * SMALL_BITS_BYTES, 0, SMALL_BITS_BYTES)) {
		small_fail(t, "block %u was never there and has bits", block);
		return false;
	}
	return small_judge_absent(t, block, SMALL_OLD);
}

static bool small_judge_image(struct small_test *t, struct vhdx_image *image,
			      struct fake_dev *crash)
{
	u32 block;

	if (!small_judge_space(t, image))
		return false;
	for (block = 0; block < SMALL_BLOCKS; block++)
		if (!small_judge_block(t, image, crash, block))
			return false;
	return true;
}

/* The log is replayed, which is cut as well. */
static void small_hook_replay(struct fake_dev *dev,
			      const struct fake_event *event)
{
	small_cut(dev->hook_arg, dev);
}

static bool small_judge_replay(struct small_test *t, struct vhdx_image *image,
			       struct fake_dev *crash)
{
	int r;

	t->stats.replays++;
	fake_dev_detach(crash);
	crash->hook = small_hook_replay;
	crash->hook_arg = t;
	t->replaying = true;
	r = vhdx_image_replay(image);
	t->replaying = false;
	crash->hook = NULL;
	if (r)
		small_fail(t, "the replay fails: %d", r);
	return !r;
}

/**
 * small_judge() - may this be what a power cut leaves?
 * @t: the test
 * @crash: the state; is replayed
 *
 * Return: true if so.
 */
bool small_judge(struct small_test *t, struct fake_dev *crash)
{
	struct vhdx_image *image = kzalloc(sizeof(*image), GFP_KERNEL);
	struct rnd_state rnd = fake.rnd;
	const char *error = NULL;
	bool good = false;

	if (t->dev->vhd) {
		kfree(image);
		return small_vhd_judge(t, crash);
	}
	vhdx_image_init(image, &crash->bdev, true);
	image->parents = t->parent;
	if (vhdx_image_load(image, &error))
		small_fail(t, "it does not open: %s (%s)", error, fake.message);
	else
		good = small_judge_image(t, image, crash);
	/* Some; and none of those that a replay has left. */
	if (good && !t->replaying && t->stats.states % 16 == 0)
		good = small_judge_replay(t, image, crash) &&
		       small_judge_image(t, image, crash);
	vhdx_image_unload(image);
	kfree(image);
	/* What it has taken of chance the target must not miss. */
	fake.rnd = rnd;
	return good;
}
