// SPDX-License-Identifier: GPL-2.0
/* VHD images that have no place for a block. */
#include "vk-vhd.h"

/* An image that ends at 2 TiB: no device would be large enough for more. */
static void vhd_no_place(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 block, written = 0;
	__be32 *bat;

	/* Block 1 is a few blocks before the end of what an entry can name. */
	t->dev->bytes = 3ULL << 40;
	fake_dev_peek(t->dev, VHD_TEST_BAT_OFF, t->raw, VHD_SECTOR);
	bat = (__be32 *)t->raw;
	bat[1] = cpu_to_be32(U32_MAX - 5 * VHD_TEST_SECTORS);
	fake_dev_poke(t->dev, VHD_TEST_BAT_OFF, t->raw, VHD_SECTOR);
	vhd_test_start(t);
	for (block = 2; block < 8; block++) {
		int r = vk_guest_io(&t->vkt, REQ_OP_WRITE,
				    block * VHD_TEST_SECTORS, 1, t->buf);

		if (r) {
			KUNIT_EXPECT_EQ(test, -ENOSPC, r);
			break;
		}
		written++;
	}
	KUNIT_EXPECT_EQ(test, 3U, written);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(t->vt->no_place.lacking));
	KUNIT_EXPECT_FALSE(test, READ_ONCE(t->vt->no_room.lacking));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE,
					     3 * VHD_TEST_SECTORS, 1, t->buf));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
}

/* One that has a place for each block, and a device that has shrunk: it may grow again. */
static void vhd_shrinks(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, t->vt->image.space.size, t->vt->image.max_mib);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE,
					     5 * VHD_TEST_SECTORS, 1, t->buf));
	t->vt->no_room.fail_at_once = true;
	t->dev->bytes = vhd_slot_end(t->vt->image.vhd, 1) << SECTOR_SHIFT;
	KUNIT_EXPECT_EQ(test, -ENOSPC, vk_guest_io(&t->vkt, REQ_OP_WRITE,
						   6 * VHD_TEST_SECTORS, 1, t->buf));
	KUNIT_EXPECT_TRUE(test, READ_ONCE(t->vt->no_room.lacking));
	KUNIT_EXPECT_FALSE(test, READ_ONCE(t->vt->no_place.lacking));
	t->dev->bytes = t->vt->image.bytes;
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE,
					     6 * VHD_TEST_SECTORS, 1, t->buf));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
}

/* Whoever empties an image while it is suspended may leave anything where blocks will be. */
static void room_emptied(struct kunit *test)
{
	const __be32 nowhere = cpu_to_be32(VHD_BAT_UNALLOCATED);
	struct vhd_test *t = test->priv;
	struct vk_target next;
	u32 i;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 3 * VHD_TEST_SECTORS, 1));
	/* The live one may be writing it, so it is not looked at before the resume. */
	KUNIT_EXPECT_EQ(test, 0, vk_target_next(&next, &t->vkt));
	next.vt->zeroed_from_mib = 1;
	vk_target_suspend(&t->vkt, false);
	for (i = 0; i < VHD_TEST_BLOCKS; i++)
		fake_dev_poke(t->dev, VHD_TEST_BAT_OFF + i * sizeof(nowhere), &nowhere,
			      sizeof(nowhere));
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&next));
	KUNIT_EXPECT_EQ(test, next.vt->image.allocated_blocks, 0);
	KUNIT_EXPECT_EQ(test, next.vt->zeroed_from_mib, U32_MAX);
	vk_target_drop(&t->vkt);
	vk_target_suspend(&next, false);
	vk_target_free(&next);
}

/* A footer at the end of a device that was larger before, and grows: it is in the middle. */
static void room_shrunk(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vk_target next;

	t->dev->bytes = 5 * SZ_1M;
	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 2 * VHD_TEST_SECTORS, 1));
	vk_target_suspend(&t->vkt, false);
	t->dev->bytes = 3 * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 2 * VHD_TEST_SECTORS, 1));
	t->dev->bytes = 4 * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vk_target_next(&next, &t->vkt));
	next.vt->zeroed_from_mib = 1;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&next));
	vk_target_drop(&t->vkt);
	KUNIT_EXPECT_GE(test, next.vt->used_mib, 3);
	vk_target_suspend(&next, false);
	vk_target_free(&next);
}

/*
 * The device of a parent that several disks share grows: that is nothing to them, and each
 * looks at it when it is resumed.  One that has become too small is.
 */
static void room_parent_grows(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vk_target other = {};
	struct fake_dev *dev;
	u64 bytes;

	vhd_test_add_parent(t);
	bytes = t->parent->bytes;
	dev = fake_dev_bare(t->dev);
	fake_dev_detach(dev);
	dev->bdev.bd_dev = MKDEV(7, 7);
	dev->vhd = true;
	dev->parent = t->parent;
	vhd_test_start(t);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&other, dev, 0));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&other));
	KUNIT_EXPECT_PTR_EQ(test, t->vt->chain->parents[0].layer,
			    other.vt->chain->parents[0].layer);
	vk_target_suspend(&other, false);
	t->parent->bytes = bytes + SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&other));
	KUNIT_EXPECT_PTR_EQ(test, t->vt->chain->parents[0].layer,
			    other.vt->chain->parents[0].layer);
	vk_target_suspend(&other, false);
	t->parent->bytes = bytes - SZ_1M;
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_resume(&other));
	t->parent->bytes = bytes;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&other));
	vk_target_suspend(&other, false);
	vk_target_free(&other);
	fake_dev_free(dev);
	vk_target_suspend(&t->vkt, false);
}

static struct kunit_case vhd_room_cases[] = {
	KUNIT_CASE(vhd_no_place),
	KUNIT_CASE(vhd_shrinks),
	KUNIT_CASE(room_emptied),
	KUNIT_CASE(room_shrunk),
	KUNIT_CASE(room_parent_grows),
	{}
};

static struct kunit_suite vhd_room_suite = {
	.name = "vhdx-vhd-room",
	.init = vhd_test_init,
	.exit = vhd_test_exit,
	.test_cases = vhd_room_cases,
};

kunit_test_suite(vhd_room_suite);
