// SPDX-License-Identifier: GPL-2.0
/* Taking space, and giving it back: where from, and when there is none. */
#include <linux/sizes.h>

#include "vk-tables.h"

/* Of what tables_format() makes: 24 MiB, of which the image has the first 4. */
#define TAKE_FREE	4U
#define TAKE_SIZE	24U

static struct vhdx_target *take_start(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	mutex_lock(&vt->publish);
	fake.messages = 0;
	fake.table_events = 0;
	return vt;
}

static void take_end(struct kunit *test)
{
	struct tables_test *t = test->priv;

	mutex_unlock(&t->vkts[0].vt->publish);
	vk_target_suspend(&t->vkts[0], false);
}

/* All of it, to the last one, and back. */
static void take_all(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = take_start(test);
	u32 mib;

	for (mib = TAKE_FREE; mib < TAKE_SIZE; mib++) {
		KUNIT_EXPECT_EQ(test, mib, vhdx_take_space(vt));
		KUNIT_EXPECT_EQ(test, vt->space_hint, mib + 1);
		KUNIT_EXPECT_EQ(test, vt->image.space.taken, mib + 1);
		/* Told once: when four blocks are left. */
		KUNIT_EXPECT_EQ(test, fake.messages, mib >= TAKE_SIZE - 5);
		KUNIT_EXPECT_EQ(test, fake.table_events, mib >= TAKE_SIZE - 5);
		KUNIT_EXPECT_EQ(test, vt->low_space_told, mib >= TAKE_SIZE - 5);
		if (mib == TAKE_SIZE - 5)
			KUNIT_EXPECT_TRUE(test, strstr(fake.message,
					  "fake: space is low, 4 MiB left: extend the backing device\n"));
	}
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_space(vt));
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_below(vt, TAKE_SIZE));
	/* The lowest that was given back is the next one to be taken. */
	vhdx_give_space_back(vt, 15);
	vhdx_give_space_back(vt, 9);
	vhdx_give_space_back(vt, 12);
	KUNIT_EXPECT_EQ(test, vt->space_hint, 9);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, TAKE_SIZE - 3);
	vhdx_give_bitmap_back(vt, 7);
	KUNIT_EXPECT_EQ(test, vt->space_hint, 7);
	KUNIT_EXPECT_EQ(test, 7, vhdx_take_space(vt));
	KUNIT_EXPECT_EQ(test, 9, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, vt->space_hint, 8);
	KUNIT_EXPECT_EQ(test, 12, vhdx_take_space(vt));
	/* The device has grown: that is said, and used. */
	t->dev->bytes += 8 * (u64)SZ_1M;
	KUNIT_EXPECT_EQ(test, 15, vhdx_take_space(vt));
	fake.messages = 0;
	KUNIT_EXPECT_EQ(test, TAKE_SIZE, vhdx_take_space(vt));
	KUNIT_EXPECT_EQ(test, fake.messages, 1);
	KUNIT_EXPECT_TRUE(test, strstr(fake.message,
				       "fake: the backing device has grown to 32 MiB\n"));
	KUNIT_EXPECT_EQ(test, vt->image.space.size, TAKE_SIZE + 8);
	/* It is no longer low, and will be told of again. */
	KUNIT_EXPECT_FALSE(test, vt->low_space_told);
	take_end(test);
}

static void take_bitmaps(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = take_start(test);
	u32 mib;

	KUNIT_EXPECT_EQ(test, TAKE_FREE, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, vt->space_hint, 1);
	for (mib = TAKE_FREE + 1; mib < TAKE_SIZE; mib++)
		KUNIT_EXPECT_EQ(test, mib, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_TRUE(test, vt->low_space_told);
	/* What was set aside, once there is no other. */
	vhdx_set_space_aside(vt, 10);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ASIDE), 1);
	t->dev->bytes += SZ_1M;
	KUNIT_EXPECT_EQ(test, TAKE_SIZE, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, 10, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, vt->nr_aside, 0);
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_bitmap(vt));
	/* The device has shrunk. */
	vhdx_give_bitmap_back(vt, TAKE_SIZE);
	t->dev->bytes -= SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_bitmap(vt));
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_space(vt));
	t->dev->bytes += SZ_1M - SZ_4K;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_bitmap(vt));
	t->dev->bytes += SZ_4K;
	KUNIT_EXPECT_EQ(test, TAKE_SIZE, vhdx_take_bitmap(vt));
	take_end(test);
}

/* From the very start, if there is something. */
static void take_first(struct kunit *test)
{
	struct vhdx_target *vt = take_start(test);
	u32 mib;

	/* The log's, by hand. */
	vhdx_space_release(&vt->image.space, 1, 1);
	KUNIT_EXPECT_EQ(test, 1, vhdx_take_bitmap(vt));
	for (mib = TAKE_FREE; mib < TAKE_SIZE; mib++)
		KUNIT_EXPECT_EQ(test, mib, vhdx_take_bitmap(vt));
	vhdx_set_space_aside(vt, 1);
	KUNIT_EXPECT_EQ(test, 1, vhdx_take_bitmap(vt));
	take_end(test);
}

/* So many places are remembered that failed; then the oldest is given back. */
static void take_aside(struct kunit *test)
{
	struct vhdx_target *vt = take_start(test);
	u32 i;

	vt->aside[0] = vhdx_take_space(vt);
	vt->aside[1] = vhdx_take_space(vt);
	for (i = 2; i < VHDX_ASIDE; i++)
		vt->aside[i] = 100 + i;
	vt->nr_aside = VHDX_ASIDE - 1;
	vhdx_set_space_aside(vt, 77);
	KUNIT_EXPECT_EQ(test, vt->nr_aside, VHDX_ASIDE);
	KUNIT_EXPECT_EQ(test, vt->aside[VHDX_ASIDE - 1], 77);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, TAKE_FREE + 2);
	vhdx_set_space_aside(vt, 78);
	KUNIT_EXPECT_EQ(test, vt->nr_aside, VHDX_ASIDE);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, TAKE_FREE + 1);
	KUNIT_EXPECT_EQ(test, vt->aside[0], TAKE_FREE + 1);
	KUNIT_EXPECT_EQ(test, vt->aside[1], 102);
	KUNIT_EXPECT_EQ(test, vt->aside[VHDX_ASIDE - 2], 77);
	KUNIT_EXPECT_EQ(test, vt->aside[VHDX_ASIDE - 1], 78);
	vt->nr_aside = 0;
	take_end(test);
}

/* Simply: there is plenty, nobody waits for any, and it is what is wanted. */
static void take_simply(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = take_start(test);
	u64 bytes = t->dev->bytes;
	u32 mib;

	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, true));
	KUNIT_EXPECT_EQ(test, TAKE_FREE, vhdx_take_simply(vt, false));
	KUNIT_EXPECT_EQ(test, vt->space_hint, TAKE_FREE + 1);
	vt->zeroed_from_mib = TAKE_FREE + 2;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, true));
	vt->space_hint = TAKE_FREE + 2;
	KUNIT_EXPECT_EQ(test, TAKE_FREE + 2, vhdx_take_simply(vt, true));
	vt->no_room.lacking = true;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, false));
	vt->no_room.lacking = false;
	vt->low_space_told = true;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, false));
	vt->low_space_told = false;
	t->dev->bytes = (TAKE_FREE + 3) * (u64)SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, false));
	t->dev->bytes = bytes;
	/* Whoever takes what makes it low has to say so. */
	for (mib = TAKE_FREE + 3; mib < TAKE_SIZE - 4; mib++)
		KUNIT_EXPECT_EQ(test, mib, vhdx_take_simply(vt, false));
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, TAKE_SIZE - 5);
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_simply(vt, false));
	KUNIT_EXPECT_EQ(test, fake.messages, 0);
	take_end(test);
}

/* For a block that moves: below where it is. */
static void take_below(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = take_start(test);
	u64 bytes = t->dev->bytes;

	KUNIT_EXPECT_EQ(test, 0, vhdx_take_below(vt, TAKE_FREE - 1));
	KUNIT_EXPECT_EQ(test, vt->space_hint, 1);
	KUNIT_EXPECT_EQ(test, TAKE_FREE, vhdx_take_below(vt, TAKE_FREE + 1));
	KUNIT_EXPECT_EQ(test, vt->space_hint, TAKE_FREE + 1);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, TAKE_FREE + 1);
	t->dev->bytes = (TAKE_FREE + 1) * (u64)SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhdx_take_below(vt, TAKE_SIZE));
	t->dev->bytes = bytes;
	KUNIT_EXPECT_EQ(test, TAKE_FREE + 1, vhdx_take_below(vt, TAKE_SIZE));
	take_end(test);
}

/* What is known to be zero: from here on, up to there, and never taken. */
static void take_zeroed(struct kunit *test)
{
	struct vhdx_target *vt = take_start(test);

	KUNIT_EXPECT_FALSE(test, vhdx_space_is_zero(vt, 10, 4));
	vt->zeroed_from_mib = 10;
	vt->zeroed_to_mib = 12;
	KUNIT_EXPECT_FALSE(test, vhdx_space_is_zero(vt, 9, 4));
	KUNIT_EXPECT_TRUE(test, vhdx_space_is_zero(vt, 10, 4));
	KUNIT_EXPECT_TRUE(test, vhdx_space_is_zero(vt, 11, 4));
	KUNIT_EXPECT_FALSE(test, vhdx_space_is_zero(vt, 12, 4));
	KUNIT_EXPECT_TRUE(test, vhdx_space_is_zero(vt, 10, 10));
	KUNIT_EXPECT_FALSE(test, vhdx_space_is_zero(vt, 10, 11));
	vt->used_mib = 11;
	KUNIT_EXPECT_FALSE(test, vhdx_space_is_zero(vt, 10, 4));
	KUNIT_EXPECT_TRUE(test, vhdx_space_is_zero(vt, 11, 4));
	take_end(test);
}

static struct kunit_case take_cases[] = {
	KUNIT_CASE(take_all),
	KUNIT_CASE(take_bitmaps),
	KUNIT_CASE(take_first),
	KUNIT_CASE(take_aside),
	KUNIT_CASE(take_simply),
	KUNIT_CASE(take_below),
	KUNIT_CASE(take_zeroed),
	{}
};

static struct kunit_suite take_suite = {
	.name = "vhdx-take",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = take_cases,
};

kunit_test_suite(take_suite);
