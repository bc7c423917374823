// SPDX-License-Identifier: GPL-2.0
/* More metadata changes at once than a transaction of a chain takes: some wait for it. */
#include <linux/slab.h>

#include "vk-layers.h"

/**
 * struct crowd_test - a test
 * @check: its random numbers, and whether it has failed
 * @dev: the leaf's device
 * @parent: its parent's
 * @vkt: the target
 * @vt: what it knows
 * @bios: writes
 * @nr: how many
 * @buf: a sector
 * @count: for the hook: so many writes ...
 * @step: ... and as many sectors from one to the next
 * @flags: and how they are written
 * @most: sectors of a transaction
 * @absent: a block; or 0
 */
struct crowd_test {
	struct vk_check check;
	struct fake_dev *dev;
	struct fake_dev *parent;
	struct vk_target vkt;
	struct vhdx_target *vt;
	struct fake_bio **bios;
	u32 nr;
	u8 *buf;
	u32 count;
	u32 step;
	blk_opf_t flags;
	u32 most;
	u32 absent;
};

#define CROWD_MOST	700U

static int crowd_test_init(struct kunit *test)
{
	struct crowd_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->bios = kunit_kcalloc(test, CROWD_MOST, sizeof(*t->bios), GFP_KERNEL);
	t->buf = kunit_kzalloc(test, VHD_SECTOR, GFP_KERNEL);
	return t->bios && t->buf ? 0 : -ENOMEM;
}

static void crowd_test_exit(struct kunit *test)
{
	struct crowd_test *t = test->priv;

	if (!t)
		return;
	while (t->nr)
		fake_bio_free(t->bios[--t->nr]);
	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
}

static void crowd_start(struct crowd_test *t)
{
	t->dev->parent = t->parent;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
}

/* Number i is at i times the step, and begins with the one after that. */
static void crowd_submit(struct crowd_test *t, u32 from, u32 to)
{
	struct fake_bio *fbio;
	u32 i;

	for (i = from; i < to; i++) {
		fbio = fake_bio_new(REQ_OP_WRITE | t->flags, VK_BEGIN +
				    (sector_t)i * t->step + 1, 1);
		memset(fake_bio_data(fbio), 0x3c, VHD_SECTOR);
		*(u32 *)fake_bio_data(fbio) = i + 1;
		t->bios[t->nr++] = fbio;
		vk_guest_submit(&t->vkt, fbio);
	}
}

/* A commit waits for its flush; meanwhile there is no other one. */
static void crowd_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct crowd_test *t = dev->hook_arg;

	if (event->op != FAKE_FLUSH)
		return;
	dev->hook = NULL;
	crowd_submit(t, 2, t->count);
	while (fake_kernel_step(false))
		;
	/* As many as there are, and no more. */
	if (t->most)
		KUNIT_EXPECT_EQ(t->check.test, t->vt->running->sectors, t->most);
	if (!t->absent)
		return;
	/* Nobody has this block, and its entry is in a sector that has none of them. */
	crowd_submit(t, t->absent, t->absent + 1);
	while (fake_kernel_step(false))
		;
	KUNIT_EXPECT_EQ(t->check.test, t->vt->running->sectors, t->most);
	KUNIT_EXPECT_FALSE(t->check.test, t->bios[t->nr - 1]->done);
}

static void crowd_write(struct crowd_test *t, u32 count, u32 step, blk_opf_t flags)
{
	u32 i;

	t->count = count;
	t->step = step;
	t->flags = flags;
	crowd_submit(t, 0, 1);
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	t->dev->hook = crowd_hook;
	t->dev->hook_arg = t;
	crowd_submit(t, 1, 2);
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_PTR_EQ(t->check.test, NULL, (void *)t->dev->hook);
	for (i = 0; i < t->nr; i++)
		if (!t->bios[i]->done || t->bios[i]->status)
			vk_fail(&t->check, "write %u: %d", i, t->bios[i]->status);
	while (t->nr && !t->check.failed)
		fake_bio_free(t->bios[--t->nr]);
}

static void crowd_check(struct crowd_test *t, u32 count, u32 step)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (vk_guest_io(&t->vkt, REQ_OP_READ, (sector_t)i * step + 1, 1, t->buf) ||
		    *(u32 *)t->buf != i + 1)
			vk_fail(&t->check, "number %u reads as %u", i + 1,
				*(u32 *)t->buf);
		if (vk_guest_io(&t->vkt, REQ_OP_READ, (sector_t)i * step, 1, t->buf) ||
		    t->buf[0] != 0x11)
			vk_fail(&t->check, "beside number %u: %02x", i + 1, t->buf[0]);
	}
}

/* It is all there after a suspend that finds it committed, and in as many steps. */
static void crowd_end(struct crowd_test *t, u32 count, u32 step, u32 least)
{
	struct kunit *test = t->check.test;

	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_GE(test, vhdx_stat(&t->vt->stats, VHDX_STAT_COMMITS), least);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	crowd_check(t, count, step);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	crowd_check(t, count, step);
	vk_target_suspend(&t->vkt, false);
}

/* Each block has 32 MiB, and so a sector of the bitmap that no other one has. */
static void crowd_vhdx(struct kunit *test)
{
	const u32 blocks = 200, all = 520, step = 65536;
	struct crowd_test *t = test->priv;
	struct vhdx_header header;
	struct vk_spec spec = {
		.dev_mib = 16 + 32 * (blocks + 8), .log_mib = 1, .bat_mib = 1,
		.block_mib = 32, .logical = 512, .disk_bytes = all * 32ULL * SZ_1M,
	};
	bool damaged;
	u32 i;

	t->parent = vk_format(&spec);
	t->parent->bdev.bd_dev = MKDEV(7, 1);
	t->parent->fill = 0x11;
	t->parent->fill_off = (u64)vk_free_mib(&spec) << 20;
	for (i = 0; i < blocks; i++)
		vk_set_bat(t->parent, &spec, i, VHDX_BLOCK_FULL,
			   vk_free_mib(&spec) + 32 * i);
	vk_get_header(t->parent, &header, &damaged);
	spec.parent = &header.data_write_guid;
	t->dev = vk_format(&spec);
	crowd_start(t);
	t->most = VHDX_LOG_FIRST_DESCS;
	t->absent = all - 1;
	crowd_write(t, blocks, step, 0);
	crowd_end(t, blocks, step, 3);
	KUNIT_EXPECT_GT(test, vhdx_stat(&t->vt->stats, VHDX_STAT_STARVED), 0);
	t->most = 0;
	t->absent = 0;
	/* Again, where the blocks are; then each has to be durable as well. */
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	crowd_write(t, blocks, step, REQ_FUA);
	crowd_check(t, blocks, step);
	vk_target_suspend(&t->vkt, false);
}

/* Each block has 4 KiB, and a bitmap of its own. */
static void crowd_vhd(struct kunit *test)
{
	const u32 blocks = 600, step = 8;
	struct crowd_test *t = test->priv;
	struct vhd_shape shapes[2] = {
		{ .number = 1, .parent = 2, .block_bytes = SZ_4K,
		  .sectors = blocks * step, .dev_mib = 16 },
		{ .number = 2, .block_bytes = SZ_4K, .sectors = blocks * step,
		  .dev_mib = 16 },
	};
	u32 i;

	for (i = 0; i < 2; i++)
		vhd_shape_begin(test, &shapes[i]);
	vhd_shape_add(&shapes[1], 0, blocks * step);
	t->dev = vhd_shape_make(&shapes[0]);
	t->parent = vhd_shape_make(&shapes[1]);
	/* Its data is another one here. */
	memset(t->buf, 0x11, VHD_SECTOR);
	for (i = 0; i < blocks * step; i++)
		fake_dev_poke(t->parent, (shapes[1].place[i / step] + 1ULL + i % step) *
			      VHD_SECTOR, t->buf, VHD_SECTOR);
	crowd_start(t);
	t->most = VHD_STORE_SECTORS;
	crowd_write(t, blocks, step, 0);
	crowd_end(t, blocks, step, 3);
}

static struct kunit_case crowd_cases[] = {
	KUNIT_CASE(crowd_vhdx),
	KUNIT_CASE(crowd_vhd),
	{}
};

static struct kunit_suite crowd_suite = {
	.name = "vhdx-crowd",
	.init = crowd_test_init,
	.exit = crowd_test_exit,
	.test_cases = crowd_cases,
};

kunit_test_suite(crowd_suite);
