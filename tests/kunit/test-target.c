// SPDX-License-Identifier: GPL-2.0
/* The target itself: its modes, timers, limits, and what it is measured by. */
#include "vk-tables.h"

/* The mode changes while the session opens, after its last write. */
static void target_hook_ro(struct fake_dev *dev, const struct fake_event *event)
{
	struct tables_test *t = dev->hook_arg;

	if (dev->nr_events == 9)
		vhdx_set_mode(t->vkts[0].vt, VHDX_MODE_RO, "a test");
}

static void target_may_overwrite(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	/* Flush, header, flush, entry, flush, header, flush, header, flush. */
	fake_dev_forget(t->dev);
	t->dev->hook = target_hook_ro;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, -EIO, tables_write(t, 0, 1));
	t->dev->hook = NULL;
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 9);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
	KUNIT_EXPECT_FALSE(test, vt->dozing);
	KUNIT_EXPECT_TRUE(test, vt->stale);
	/* And if it were: not beyond a suspend, whatever the mode. */
	vt->may_overwrite = true;
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	/* Nor does it doze in another mode. */
	vt->dozing = true;
	vhdx_set_mode(vt, VHDX_MODE_RO, "a test");
	KUNIT_EXPECT_FALSE(test, vt->dozing);
	KUNIT_EXPECT_TRUE(test, vt->stale);
	vk_target_suspend(&t->vkts[0], false);
}

/* A suspend that was interrupted is none. */
static void target_suspend_undone(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	vk_target_suspend_undo(&t->vkts[0], true);
	KUNIT_EXPECT_FALSE(test, vt->requeue_no_space);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 2));
	/* It is active all the time. */
	KUNIT_EXPECT_EQ(test, 0, tables_load(t, 1, 8, false));
	vk_target_drop(&t->vkts[1]);
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	/* And one that was not ends with the resume at the latest. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vk_target_suspend(&t->vkts[0], true);
	KUNIT_EXPECT_FALSE(test, vt->requeue_no_space);
}

/* No timer outlives its target, not even if it was not suspended. */
static void target_timers(struct kunit *test)
{
	struct tables_test *t = test->priv;

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	KUNIT_EXPECT_FALSE(test, list_empty(&fake.timers));
	vk_target_free(&t->vkts[0]);
	t->table = 0;
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	INIT_LIST_HEAD(&fake.timers);
}

/* Whatever there is no memory for: a target that is made has what it needs. */
static void target_no_memory(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	bool lacked = true;
	u32 n, failed = 0;
	int r;

	for (n = 1; lacked; n++) {
		fake_lack_begin(n, true);
		r = vk_target_new(vkt, t->dev, 0);
		lacked = fake_lack_end();
		if (!r)
			KUNIT_EXPECT_TRUE(test, vkt->vt->alloc_wq && vkt->vt->prepare_wq &&
						vkt->vt->commit_wq && vkt->vt->free_wq);
		failed += r == -ENOMEM;
		fake_md_remove((unsigned long)vkt->ti.table);
		vk_target_drop(vkt);
	}
	KUNIT_EXPECT_GE(test, failed, 4);
}

static void target_limits(struct kunit *test)
{
	static const struct {
		u32 io_min, io_opt;		/* of the backing device */
		u32 offset;
		u32 min, opt;			/* of the disk */
	} cases[] = {
		{ 512, 0, 0, 4096, 0 },			/* a plain disk */
		{ 65536, 0, 0, 4096, 0 },
		{ 65536, 131072, 0, 65536, 131072 },	/* a RAID's stripes */
		{ 512, 131072, 0, 4096, 131072 },
		{ 4096, SZ_1M, 0, 4096, SZ_1M },
		{ 512, 4096, 0, 4096, 4096 },
		{ 65536, 3 * 65536, 0, 4096, 0 },	/* no part of a MiB */
		{ 65536, SZ_2M, 0, 4096, 0 },
		{ 65536, 131072, 512, 4096, 0 },	/* and at odds with it */
		{ 512, 2048, 0, 4096, 0 },
		{ 4096, 33553920, 0, 4096, 0 },		/* what USB bridges say */
	};
	struct tables_test *t = test->priv;
	u32 i;

	tables_start(t);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct queue_limits limits = {
			.logical_block_size = 512,
			.physical_block_size = 512,
			.io_min = cases[i].io_min,
			.io_opt = cases[i].io_opt,
			.alignment_offset = cases[i].offset,
		};

		t->vkts[0].vt->user.limits.physical = 4096;
#ifdef BLK_FLAG_MISALIGNED
		limits.flags |= BLK_FLAG_MISALIGNED;
#else
		limits.misaligned = 1;
		limits.discard_misaligned = 1;
#endif
		vk_target_hints(&t->vkts[0], &limits);
		if (limits.io_min != cases[i].min ||
		    limits.io_opt != cases[i].opt)
			vk_fail(&t->check, "case %u: io_min %u, io_opt %u", i,
				limits.io_min, limits.io_opt);
		KUNIT_EXPECT_EQ(test, limits.alignment_offset, 0);
#ifdef BLK_FLAG_MISALIGNED
		KUNIT_EXPECT_FALSE(test, limits.flags & BLK_FLAG_MISALIGNED);
#else
		KUNIT_EXPECT_FALSE(test, limits.misaligned);
		KUNIT_EXPECT_FALSE(test, limits.discard_misaligned);
#endif
	}
	vk_target_suspend(&t->vkts[0], false);
}

static void target_measured(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	char line[256];

	vk_target_status_as(&t->vkts[0], STATUSTYPE_IMA, line, sizeof(line));
	KUNIT_EXPECT_STREQ(test, line,
			   "target_name=vhdx,target_version=1.8.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n;");
	vt->zeroed_from_mib = 8;
	vt->error_if_no_space = true;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_IMA, line, sizeof(line));
	KUNIT_EXPECT_STREQ(test, line,
			   "target_name=vhdx,target_version=1.8.0,device_name=7:0,read_only=n,error_if_no_space=y,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n,zeroed_from=16384;");
	vk_target_suspend(&t->vkts[0], false);
}

static struct kunit_case target_cases[] = {
	KUNIT_CASE(target_may_overwrite),
	KUNIT_CASE(target_suspend_undone),
	KUNIT_CASE(target_timers),
	KUNIT_CASE(target_no_memory),
	KUNIT_CASE(target_limits),
	KUNIT_CASE(target_measured),
	{}
};

static struct kunit_suite target_suite = {
	.name = "vhdx-target",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = target_cases,
};

kunit_test_suite(target_suite);
