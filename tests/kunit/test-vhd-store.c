// SPDX-License-Identifier: GPL-2.0
/* What a transaction of a VHD image writes: which sectors, and no other. */
#include "vk-vhd.h"

/* The last block of a sector of the BAT, and the first one of the next sector. */
#define STORE_LAST	(VHD_BAT_PER_SECTOR - 1)
#define STORE_NEXT	VHD_BAT_PER_SECTOR

/* A sector of the BAT has its own blocks, whatever there is of the next one's. */
static void store_build(struct kunit *test)
{
	DECLARE_BITMAP(pending, VHDX_BAT_PER_SECTOR) = {};
	struct vhd_test *t = test->priv;
	__be32 *raw = (__be32 *)t->raw;
	struct vhdx_target *vt;

	vhd_test_start(t);
	vt = t->vt;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, STORE_LAST * VHD_TEST_SECTORS, 1));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, STORE_NEXT * VHD_TEST_SECTORS, 1));
	memset(raw, 0x55, 2 * VHD_SECTOR);
	mutex_lock(&vt->publish);
	vhd_store_build(vt, vhdx_txn_block_sector(vt, 0), raw, pending);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(raw[0]), VHD_TEST_PLACE);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(raw[STORE_LAST]), vt->place[STORE_LAST]);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(raw[STORE_NEXT]), 0x55555555U);
	KUNIT_EXPECT_TRUE(test, test_bit(STORE_LAST, pending));
	KUNIT_EXPECT_FALSE(test, test_bit(STORE_NEXT, pending));
	vhd_store_build(vt, vhdx_txn_block_sector(vt, STORE_NEXT), raw, pending);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(raw[0]), vt->place[STORE_NEXT]);
	KUNIT_EXPECT_EQ(test, be32_to_cpu(raw[STORE_LAST]), VHD_TEST_TAIL);
	KUNIT_EXPECT_TRUE(test, test_bit(0, pending));
}

/* What was read is written as it is where it names a block, be it the very first one. */
static void store_rewrite(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_store_rewrite(t->vt));
	KUNIT_ASSERT_EQ(test, t->dev->nr_events, 1U);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].off, (u64)VHD_TEST_BAT_OFF);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].bytes, (u64)VHD_SECTOR);
}

/* A commit has failed: its sectors, and not what an earlier one has left in core. */
static void store_again(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	const struct fake_event *event;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 100, 2));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 5 * VHD_TEST_SECTORS, 1));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->vt->running->sectors, 1U);
	fake_dev_forget(t->dev);
	vhd_store_again(t->vt);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_WRITE), 1U);
	event = &t->dev->events[t->dev->nr_events - 1];
	KUNIT_EXPECT_EQ(test, event->op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, event->off, (u64)VHD_TEST_BAT_OFF);
}

static struct kunit_case store_cases[] = {
	KUNIT_CASE(store_build),
	KUNIT_CASE(store_rewrite),
	KUNIT_CASE(store_again),
	{}
};

static struct kunit_suite store_suite = {
	.name = "vhdx-vhd-store",
	.init = vhd_test_init,
	.exit = vhd_test_exit,
	.test_cases = store_cases,
};

kunit_test_suite(store_suite);
