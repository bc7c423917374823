// SPDX-License-Identifier: GPL-2.0
/* Moving sector bitmaps of a differencing image to lower space. */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "vk-part.h"

/* So far behind the first free MiB is the first chunk's bitmap. */
#define BITMAPS_HIGH		20
/* Blocks whose bits are in one page. */
#define BITMAPS_PER_PAGE	8

static u32 bitmaps_high(const struct part_test *t)
{
	return vk_free_mib(&t->spec) + BITMAPS_HIGH;
}

/* Behind the first block that is begun. */
static u32 bitmaps_low(const struct part_test *t)
{
	return vk_free_mib(&t->spec) + PART_BLOCK_MIB;
}

static void bitmaps_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct part_test *t = dev->hook_arg;
	void (*during)(struct part_test *t) = t->during;

	if (!during || event->op != FAKE_WRITE || event->off != t->at)
		return;
	t->during = NULL;
	during(t);
}

/* A bitmap, with the first @bits of them set. */
static void bitmaps_format(struct part_test *t, u32 chunk, u32 mib, u32 bits)
{
	u64 high = (u64)mib << 20;
	u32 done;

	memset(t->buf, 0, SZ_16K);
	for (done = 0; done < SZ_1M; done += SZ_16K)
		fake_dev_poke(t->dev, high + done, t->buf, SZ_16K);
	vhdx_bitmap_set(t->buf, 0, bits);
	fake_dev_poke(t->dev, high, t->buf, SZ_4K);
	vk_set_bitmap(t->dev, &t->spec, chunk, mib);
}

/* With one block begun: its bits are in core. */
static struct vhdx_target *bitmaps_start(struct part_test *t)
{
	bitmaps_format(t, 0, bitmaps_high(t), 0);
	bitmaps_format(t, 1, bitmaps_high(t) + 1, 0);
	part_start(t);
	t->dev->hook = bitmaps_hook;
	t->dev->hook_arg = t;
	t->at = (u64)bitmaps_low(t) << 20;
	KUNIT_EXPECT_EQ(t->check.test, 0, part_write(t, 0, 0, 8));
	fake_dev_forget(t->dev);
	return t->vt;
}

/* The message; what it says is @answer, with where it was and where it is. */
static void bitmaps_expect(struct part_test *t, int r, const char *answer)
{
	char told[32];

	KUNIT_EXPECT_EQ(t->check.test, r,
			vk_target_tell(&t->vkt, "move bitmap 0", told, sizeof(told)));
	KUNIT_EXPECT_STREQ(t->check.test, told, answer);
	KUNIT_EXPECT_EQ(t->check.test, t->vt->moving_chunk, VHDX_NO_BLOCK);
	KUNIT_EXPECT_EQ(t->check.test, t->vt->move_mib, 0U);
}

static void bitmaps_move(struct part_test *t, u32 to)
{
	char answer[32];

	snprintf(answer, sizeof(answer), "moved %u %u", bitmaps_high(t), to);
	bitmaps_expect(t, 1, answer);
	KUNIT_EXPECT_EQ(t->check.test, t->vt->image.bitmap[0], to);
}

/* What was written is there, and nothing else; now, and when all is read anew. */
static void bitmaps_check(struct part_test *t, u32 taken)
{
	struct kunit *test = t->check.test;
	struct vhdx_target *vt = t->vt;
	u32 i;

	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		fake_kernel_run();
		vhdx_tiles_drop(vt->chain);
		KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
		KUNIT_EXPECT_EQ(test, part_read(t, 7), PART_NEW);
		KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
		KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS - 1), PART_OLD);
		KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken);
		vk_target_suspend(&t->vkt, false);
		vt->stale = true;
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	}
}

static u32 bitmaps_event(struct part_test *t, u32 from, enum fake_op op, u32 mib)
{
	while (from < t->dev->nr_events && t->dev->events[from].off >> 20 != mib)
		from = part_event(t, from + 1, op);
	return from;
}

/*
 * What is in core goes to its place, durably; that is copied, flushed, logged, flushed;
 * then the old place is passed down, and is free.
 */
static void bitmaps_moves(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 high = bitmaps_high(t), low = bitmaps_low(t), taken = vt->image.space.taken;
	u32 applied, read, copy, flush, entry, discard;
	char answer[32];

	bitmaps_move(t, low);
	KUNIT_EXPECT_EQ(test, vt->chain->nr_bits, 0UL);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1U);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 1U);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_DISCARD), 0U);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	applied = bitmaps_event(t, part_event(t, 0, FAKE_WRITE), FAKE_WRITE, high);
	flush = part_event(t, applied, FAKE_FLUSH);
	read = bitmaps_event(t, part_event(t, 0, FAKE_READ), FAKE_READ, high);
	KUNIT_EXPECT_LT(test, applied, flush);
	KUNIT_EXPECT_LT(test, flush, read);
	copy = bitmaps_event(t, part_event(t, read, FAKE_WRITE), FAKE_WRITE, low);
	flush = part_event(t, copy, FAKE_FLUSH);
	entry = bitmaps_event(t, part_event(t, copy, FAKE_WRITE), FAKE_WRITE, 1);
	KUNIT_EXPECT_LT(test, flush, entry);
	flush = part_event(t, entry, FAKE_FLUSH);
	discard = bitmaps_event(t, part_event(t, 0, FAKE_DISCARD), FAKE_DISCARD, high);
	KUNIT_EXPECT_LT(test, flush, discard);
	KUNIT_EXPECT_LT(test, discard, t->dev->nr_events);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_BITMAPS_MOVED), 1ULL);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_BITMAPS), 0ULL);
	snprintf(answer, sizeof(answer), "stays %u", low);
	bitmaps_expect(t, 1, answer);
	bitmaps_check(t, taken);
}

/* Nothing in core: nothing is to be waited for. */
static void bitmaps_clean(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken;
	u64 checkpoints;

	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	checkpoints = vt->log.checkpoints;
	bitmaps_move(t, bitmaps_low(t));
	KUNIT_EXPECT_EQ(test, vt->log.checkpoints, checkpoints);
	bitmaps_check(t, taken);
}

static struct fake_bio *bitmaps_send(struct part_test *t, blk_opf_t opf, sector_t sector)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | opf, VK_BEGIN + sector, 8);

	memset(fake_bio_data(fbio), PART_NEW, 8 << SECTOR_SHIFT);
	t->bios[t->nr_bios++] = fbio;
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}

static void bitmaps_during_writes(struct part_test *t)
{
	sector_t other = BITMAPS_PER_PAGE * (sector_t)PART_BLOCK_SECTORS;
	struct kunit *test = t->check.test;
	u32 i;

	bitmaps_send(t, 0, 64);
	bitmaps_send(t, REQ_FUA, 128);
	bitmaps_send(t, 0, PART_BLOCK_SECTORS);
	bitmaps_send(t, 0, other);
	while (fake_kernel_step(false))
		;
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_FALSE(test, t->bios[i]->done);
	/* No bit changes with that, and reads go on. */
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 64), PART_OLD);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	vhdx_tiles_drop(t->vt->chain);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	/* Nor is the session closed. */
	t->vt->close_asked = true;
	KUNIT_EXPECT_FALSE(test, vhdx_session_begin_close(t->vt));
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_FALSE(test, t->bios[i]->done);
}

static void bitmaps_end_bios(struct part_test *t)
{
	while (t->nr_bios) {
		struct fake_bio *fbio = t->bios[--t->nr_bios];

		KUNIT_EXPECT_TRUE(t->check.test, fbio->done);
		KUNIT_EXPECT_EQ(t->check.test, 0, fbio->status);
		fake_bio_free(fbio);
	}
}

/* Whoever changes bits waits, without going round and round. */
static void bitmaps_writes(struct kunit *test)
{
	sector_t other = BITMAPS_PER_PAGE * (sector_t)PART_BLOCK_SECTORS;
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 i, taken = vt->image.space.taken + 2 * PART_BLOCK_MIB;

	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	t->during = bitmaps_during_writes;
	bitmaps_move(t, bitmaps_low(t));
	KUNIT_EXPECT_TRUE(test, !t->during);
	fake_kernel_run();
	bitmaps_end_bios(t);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, part_read(t, 64), PART_NEW);
		KUNIT_EXPECT_EQ(test, part_read(t, 72), PART_OLD);
		KUNIT_EXPECT_EQ(test, part_read(t, 128), PART_NEW);
		KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS), PART_NEW);
		KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS + 8), PART_OLD);
		KUNIT_EXPECT_EQ(test, part_read(t, other), PART_NEW);
		bitmaps_check(t, taken);
	}
}

static void bitmaps_on_read(struct fake_dev *dev)
{
	struct part_test *t = dev->hook_arg;

	bitmaps_move(t, t->at >> 20);
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
}

/* Bits that are being read when it moves are not taken for those of the old place. */
static void bitmaps_loading(struct kunit *test)
{
	sector_t other = BITMAPS_PER_PAGE * (sector_t)PART_BLOCK_SECTORS;
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken + PART_BLOCK_MIB;
	struct vhdx_bits *bits;

	t->dev->on_read = bitmaps_on_read;
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, other, 8));
	KUNIT_EXPECT_TRUE(test, !t->dev->on_read);
	KUNIT_EXPECT_EQ(test, vt->chain->nr_bits, 1UL);
	list_for_each_entry(bits, &vt->chain->bits_list, list)
		KUNIT_EXPECT_EQ(test, (u32)(bits->off >> 20), bitmaps_low(t));
	KUNIT_EXPECT_EQ(test, part_read(t, other), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, other + 8), PART_OLD);
	bitmaps_check(t, taken);
	KUNIT_EXPECT_EQ(test, part_read(t, other), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, other + 8), PART_OLD);
}

static void bitmaps_on_read_gone(struct fake_dev *dev)
{
	bitmaps_on_read(dev);
	dev->fail_in[FAKE_READ] = 1;
}

/* Nor is it anybody's trouble that the old place cannot be read any more: it may be gone. */
static void bitmaps_loading_gone(struct kunit *test)
{
	sector_t other = BITMAPS_PER_PAGE * (sector_t)PART_BLOCK_SECTORS;
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken;

	t->dev->on_read = bitmaps_on_read_gone;
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, other, 8));
	KUNIT_EXPECT_TRUE(test, !t->dev->on_read);
	KUNIT_EXPECT_EQ(test, t->dev->fail_in[FAKE_READ], 0U);
	KUNIT_EXPECT_EQ(test, part_read(t, other), PART_NEW);
	bitmaps_check(t, taken + PART_BLOCK_MIB);
}

static void bitmaps_during_loading(struct part_test *t)
{
	/* Its bits are read, and found to be held. */
	bitmaps_send(t, 0, BITMAPS_PER_PAGE * (sector_t)PART_BLOCK_SECTORS);
	while (fake_kernel_step(false))
		;
	KUNIT_EXPECT_EQ(t->check.test, 0, vhdx_bits_load(t->vt, BITMAPS_PER_PAGE,
			((u64)bitmaps_high(t) << 20) + VHDX_SECTOR));
	KUNIT_EXPECT_EQ(t->check.test, t->vt->chain->nr_bits, 0UL);
}

static void bitmaps_loading_held(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 taken = bitmaps_start(t)->image.space.taken + PART_BLOCK_MIB;

	t->during = bitmaps_during_loading;
	bitmaps_move(t, bitmaps_low(t));
	fake_kernel_run();
	bitmaps_end_bios(t);
	bitmaps_check(t, taken);
}

/* Nor are those that a tile is made of. */
static void bitmaps_reading(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken;

	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_TRUE(test, vhdx_bits_evict(vt->chain, bitmaps_high(t)));
	mutex_unlock(&vt->publish);
	t->dev->on_read = bitmaps_on_read;
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
	KUNIT_EXPECT_TRUE(test, !t->dev->on_read);
	bitmaps_check(t, taken);
}

/* And another chunk's may take the place, with what was read there in memory. */
static void bitmaps_two(struct kunit *test)
{
	sector_t other = PART_CHUNK * (sector_t)PART_BLOCK_SECTORS;
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 high = bitmaps_high(t), low = bitmaps_low(t) + PART_BLOCK_MIB;
	char answer[32], expected[32];

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, other + 16, 8));
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_TRUE(test, vhdx_bits_evict(vt->chain, high));
	KUNIT_EXPECT_TRUE(test, vhdx_bits_evict(vt->chain, high + 1));
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	bitmaps_move(t, low);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	mutex_lock(&vt->publish);
	vhdx_space_claim(&vt->image.space, low + 1, high - low - 1);
	mutex_unlock(&vt->publish);
	snprintf(expected, sizeof(expected), "moved %u %u", high + 1, high);
	KUNIT_EXPECT_EQ(test, 1, vk_target_tell(&t->vkt, "move bitmap 1", answer,
						sizeof(answer)));
	KUNIT_EXPECT_STREQ(test, answer, expected);
	KUNIT_EXPECT_EQ(test, part_read(t, other), PART_OLD);
	KUNIT_EXPECT_EQ(test, part_read(t, other + 16), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 16), PART_OLD);
}

static void bitmaps_during_suspend(struct part_test *t)
{
	bitmaps_send(t, 0, 64);
	while (fake_kernel_step(false))
		;
	KUNIT_EXPECT_FALSE(t->check.test, t->bios[0]->done);
	t->vt->moves_held = true;
}

/* One that ends in vain leaves nothing behind. */
static void bitmaps_given_up(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken, low = bitmaps_low(t);

	/* As it is written, it has moved. */
	vt->moves_held = true;
	bitmaps_expect(t, -EAGAIN, "");
	vt->moves_held = false;
	t->dev->fail_in[FAKE_READ] = 1;
	bitmaps_expect(t, -EIO, "");
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, "the sector bitmap of chunk 0 is not moved (-5): it cannot be read") != NULL);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken);
	t->dev->fail_errno = -ENOSPC;
	t->dev->fail_in[FAKE_WRITE] = 1;
	bitmaps_expect(t, -ENOSPC, "");
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken);
	t->dev->fail_errno = 0;
	/* A bad place is another one's the next time, and its own never more. */
	t->dev->fail_in[FAKE_WRITE] = 1;
	bitmaps_expect(t, -EIO, "");
	KUNIT_EXPECT_EQ(test, vt->chain->nr_bad, 1U);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken + 1);
	t->during = bitmaps_during_suspend;
	t->at = (low + 1ULL) << 20;
	bitmaps_move(t, low + 1);
	vt->moves_held = false;
	fake_kernel_run();
	bitmaps_end_bios(t);
	KUNIT_EXPECT_EQ(test, part_read(t, 64), PART_NEW);
	/* All is read anew: nobody knows of the bad place. */
	vk_target_suspend(&t->vkt, false);
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	bitmaps_check(t, taken);
}

/* What cannot go to its place cannot be copied. */
static void bitmaps_no_checkpoint(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken;

	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	t->dev->bad_off = (u64)bitmaps_high(t) << 20;
	t->dev->bad_end = t->dev->bad_off + SZ_1M;
	bitmaps_expect(t, -EROFS, "");
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, vt->image.bitmap[0], bitmaps_high(t));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	t->dev->bad_end = 0;
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	bitmaps_check(t, taken);
}

/* What a flush that fails has dropped of the copy, nobody goes by. */
static void bitmaps_lost(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken, i;
	char answer[32];

	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	t->dev->flush_loses = true;
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vk_target_tell(&t->vkt, "move bitmap 0", answer, sizeof(answer));
	KUNIT_EXPECT_NE(test, 0, vk_guest_flush(&t->vkt));
	vhdx_tiles_drop(vt->chain);
	for (i = 0; i < 16; i++)
		KUNIT_EXPECT_EQ(test, part_read(t, i), i < 8 ? PART_NEW : PART_OLD);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* Which may have been of what was written. */
	KUNIT_EXPECT_NE(test, 0, vk_guest_flush(&t->vkt));
	bitmaps_check(t, taken);
}

static void bitmaps_rest(struct part_test *t)
{
	struct vhdx_bits *bits;

	list_for_each_entry(bits, &t->vt->chain->bits_list, list)
		bits->changes = 0;
}

static void bitmaps_rest_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct part_test *t = dev->hook_arg;

	if (t->vt->log.checkpoints > 1000)
		bitmaps_rest(t);
}

/* Bits that do not come to rest: it does not wait for that for ever. */
static void bitmaps_never_clean(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 taken = vt->image.space.taken;

	list_first_entry(&vt->chain->bits_list, struct vhdx_bits, list)->changes++;
	t->dev->hook = bitmaps_rest_hook;
	bitmaps_expect(t, -EIO, "");
	bitmaps_rest(t);
	bitmaps_move(t, bitmaps_low(t));
	bitmaps_check(t, taken);
}

/* Without memory it waits for a commit. */
static void bitmaps_no_memory(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = bitmaps_start(t);
	u32 starve, taken = vt->image.space.taken;

	for (starve = 0; starve < 4; starve++) {
		fake.allocated++;
		fake.starve = starve;
		bitmaps_move(t, bitmaps_low(t));
		fake.starve = 0;
		fake.allocated--;
		bitmaps_check(t, taken);
		/* Back, as nobody would. */
		vk_target_suspend(&t->vkt, false);
		bitmaps_format(t, 0, bitmaps_high(t), 8);
		vt->stale = true;
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	}
}

static void bitmaps_during_starving(struct part_test *t)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_DISCARD, VK_BEGIN + PART_BLOCK_SECTORS, 0);

	bitmaps_send(t, 0, 64);
	fbio->bio.bi_iter.bi_size = PART_BLOCK_SECTORS << SECTOR_SHIFT;
	t->bios[t->nr_bios++] = fbio;
	vk_guest_submit(&t->vkt, fbio);
	while (fake_kernel_step(false))
		;
	KUNIT_EXPECT_FALSE(t->check.test, t->bios[0]->done);
	KUNIT_EXPECT_TRUE(t->check.test, fbio->done);
	fake.allocated++;
	fake.starve = 1;
}

/* But not with bits held: what frees memory waits for writes that wait for them. */
static void bitmaps_no_deadlock(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 taken = bitmaps_start(t)->image.space.taken;

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, PART_BLOCK_SECTORS, 8));
	t->at += (u64)PART_BLOCK_MIB << 20;
	t->during = bitmaps_during_starving;
	/* The space that has become free by then is lower still. */
	bitmaps_move(t, bitmaps_low(t));
	fake.allocated--;
	KUNIT_EXPECT_EQ(test, fake.starve, 0U);
	fake_kernel_run();
	bitmaps_end_bios(t);
	KUNIT_EXPECT_EQ(test, part_read(t, 64), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS), 0);
	bitmaps_check(t, taken);
}

/* A chunk that has none, and one that the disk has not. */
static void bitmaps_absent(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	char answer[32];

	bitmaps_expect(t, 1, "absent");
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0U);
	KUNIT_EXPECT_EQ(test, -ERANGE, vk_target_tell(&t->vkt, "move bitmap 2", answer,
						      sizeof(answer)));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, "the disk has no such chunk") != NULL);
}

static struct kunit_case bitmaps_cases[] = {
	KUNIT_CASE(bitmaps_moves),
	KUNIT_CASE(bitmaps_clean),
	KUNIT_CASE(bitmaps_writes),
	KUNIT_CASE(bitmaps_loading),
	KUNIT_CASE(bitmaps_loading_gone),
	KUNIT_CASE(bitmaps_loading_held),
	KUNIT_CASE(bitmaps_reading),
	KUNIT_CASE(bitmaps_two),
	KUNIT_CASE(bitmaps_given_up),
	KUNIT_CASE(bitmaps_no_checkpoint),
	KUNIT_CASE(bitmaps_lost),
	KUNIT_CASE(bitmaps_never_clean),
	KUNIT_CASE(bitmaps_no_memory),
	KUNIT_CASE(bitmaps_no_deadlock),
	KUNIT_CASE(bitmaps_absent),
	{}
};

static struct kunit_suite bitmaps_suite = {
	.name = "vhdx-bitmaps",
	.init = part_test_init,
	.exit = part_test_exit,
	.test_cases = bitmaps_cases,
};

kunit_test_suite(bitmaps_suite);
