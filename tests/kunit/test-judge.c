// SPDX-License-Identifier: GPL-2.0
/*
 * A table is loaded, and while it looks at the images the one before is resumed, and writes.
 * What was read may be anything between two states, and nothing else need tell: the header
 * had changed before it was read.
 */
#include "vk-tables.h"

/* Others have their turn, and what they write is durable. */
static void judge_writes(struct tables_test *t, u32 block)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, tables_write(t, 0, block));
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkts[0]));
}

static void judge_meanwhile(struct fake_dev *dev)
{
	struct tables_test *t = dev->hook_arg;

	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkts[0]));
	judge_writes(t, 5);
}

static void judge_begin(struct tables_test *t)
{
	tables_start(t);
	vk_target_suspend(&t->vkts[0], false);
	t->dev->on_read = judge_meanwhile;
	t->dev->hook_arg = t;
}

/* The log stays as it is, and so does the header. */
static void judge_not_closed(struct tables_test *t)
{
	KUNIT_EXPECT_PTR_EQ(t->check.test, NULL, t->dev->on_read);
	judge_writes(t, 6);
	t->dev->fail_in[FAKE_WRITE] = 1;
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_EQ(t->check.test, t->vkts[0].vt->mode, VHDX_MODE_RO);
}

static void judge_check(struct tables_test *t, u32 block)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_io(&t->vkts[1], REQ_OP_READ,
						      block * 2048 + 100, 8, t->buf));
	KUNIT_EXPECT_PTR_EQ(t->check.test, NULL, memchr_inv(t->buf, 0x77, VHDX_SECTOR));
}

static void judge_own(struct kunit *test)
{
	struct tables_test *t = test->priv;

	judge_begin(t);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
	KUNIT_EXPECT_EQ(test, t->vkts[1].vt->user.limits.logical, 512);
	judge_not_closed(t);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	judge_check(t, 5);
	judge_check(t, 6);
	vk_target_suspend(&t->vkts[1], false);
}

/* Its image is to be the parent of the new one. */
static void judge_parent(struct kunit *test)
{
	struct tables_test *t = test->priv;
	const guid_t guid = GUID_INIT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	struct fake_dev *leaf;

	t->spec.parent = &guid;
	leaf = tables_format(t);
	leaf->bdev.bd_dev = MKDEV(7, 0);
	fake_path_add("7:0", leaf);
	fake_path_add("7:1", t->dev);
	judge_begin(t);
	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(&t->vkts[1], leaf, t->table + 1,
					       "7:0 3 ignore_parent_id parent 7:1"));
	KUNIT_EXPECT_EQ(test, t->vkts[1].vt->user.limits.logical, 512);
	judge_not_closed(t);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	judge_check(t, 5);
	judge_check(t, 6);
	vk_target_suspend(&t->vkts[1], false);
	vk_target_drop(&t->vkts[1]);
	fake_dev_free(leaf);
}

static struct kunit_case judge_cases[] = {
	KUNIT_CASE(judge_own),
	KUNIT_CASE(judge_parent),
	{}
};

static struct kunit_suite judge_suite = {
	.name = "vhdx-judge",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = judge_cases,
};

kunit_test_suite(judge_suite);
