// SPDX-License-Identifier: GPL-2.0
/* Commits: what they write, in which order, and what they tell. */
#include "vk-commit.h"

static void commit_one_block(struct kunit *test)
{
	struct commit_test *t = test->priv;
	struct fake_bio *fbio;

	commit_test_start(t);
	commit_test_add(t, 7, false);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	KUNIT_EXPECT_TRUE(test, t->vt->bat[7] & VHDX_E_PENDING);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[7]));
	KUNIT_EXPECT_FALSE(test, list_empty(&fake.timers));
	fbio = commit_test_flush(t);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	fake_kernel_run();
	/* One entry of one sector, one flush. */
	KUNIT_ASSERT_EQ(test, t->dev->nr_events, 2);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].off, VK_LOG_OFF + VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].bytes, 2 * VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, t->dev->events[1].op, FAKE_FLUSH);
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, fbio->status, 0);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_EXPECT_EQ(test, t->vt->bat[7], t->after[7]);
	commit_test_judge(t, t->dev, true);
	fake_bio_free(fbio);
}

/* Data and zeroes must be durable before an entry can name them. */
static void commit_exposed_flushes_first(struct kunit *test)
{
	struct commit_test *t = test->priv;
	int i;

	commit_test_start(t);
	commit_test_add(t, 7, false);
	commit_test_add(t, 8, true);
	commit_test_add(t, 9, false);
	vhdx_commit_work(&t->vt->commit);
	KUNIT_ASSERT_EQ(test, t->dev->nr_events, 3);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_FLUSH);
	KUNIT_EXPECT_EQ(test, t->dev->events[1].op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, t->dev->events[2].op, FAKE_FLUSH);
	/* Once is enough. */
	fake_dev_forget(t->dev);
	for (i = 0; i < 2; i++) {
		commit_test_add(t, 10 + i, false);
		vhdx_commit_work(&t->vt->commit);
		KUNIT_EXPECT_EQ(test, t->dev->nr_events, 2);
		fake_dev_forget(t->dev);
	}
}

/* From a failed flush until the image is loaded again nothing is promised. */
static void commit_test_told(struct commit_test *t)
{
	struct kunit *test = t->check.test;

	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	/* Some write may have been acknowledged after them. */
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), 0);
}

/* A write that was not flushed yet, and the flush of the suspend fails. */
static void commit_close_fails(struct kunit *test)
{
	struct commit_test *t = test->priv;

	commit_test_start(t);
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	/* Somebody has to hear of it, once. */
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), 0);
}

static int commit_test_fua(struct commit_test *t)
{
	return vk_guest_io(&t->vkt, REQ_OP_WRITE | REQ_FUA, 7 * 2048, 8,
			   page_address(ZERO_PAGE(0)));
}

/*
 * A FUA write that fails is its sender's business alone.  Where the device is
 * not trusted with FUA, a flush of ours follows, and what that says is not.
 */
static void commit_fua_fails(struct kunit *test)
{
	static const int errnos[] = { -EAGAIN, -EIO, -ENOSPC };
	struct commit_test *t = test->priv;
	u32 i;

	commit_test_start(t);
	commit_test_add(t, 7, false);
	vhdx_commit_work(&t->vt->commit);
	for (i = 0; i < 6; i++) {
		fake.fua = i % 2;
		t->dev->fail_errno = errnos[i / 2];
		t->dev->fail_in[FAKE_BIO] = 1;
		KUNIT_EXPECT_EQ(test, errnos[i / 2], commit_test_fua(t));
		KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
		KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), 0);
	}
	/* It needs a flush exactly where it is not trusted. */
	t->dev->fail_errno = 0;
	t->dev->fail_in[FAKE_FLUSH] = 1;
	fake.fua = true;
	KUNIT_EXPECT_EQ(test, 0, commit_test_fua(t));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
	fake.fua = false;
	KUNIT_EXPECT_EQ(test, -EIO, commit_test_fua(t));
	commit_test_told(t);
}

/* Two flushes: after one has failed, what the other makes durable is a part. */
static void commit_flush_in_vain(struct kunit *test)
{
	struct commit_test *t = test->priv;
	struct fake_bio *a;

	commit_test_start(t);
	/* Sent on: at this moment nothing is dirty. */
	a = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH, VK_BEGIN, 0);
	vk_guest_submit(&t->vkt, a);
	KUNIT_EXPECT_FALSE(test, a->done);
	commit_test_add(t, 7, false);
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vhdx_commit_work(&t->vt->commit);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, a->done);
	KUNIT_EXPECT_EQ(test, a->status, -EIO);
	fake_bio_free(a);
	commit_test_told(t);
}

/* Nothing to commit: the device's own flush. */
static void commit_nothing(struct kunit *test)
{
	struct commit_test *t = test->priv;
	struct fake_bio *a, *b;

	commit_test_start(t);
	vhdx_commit_work(&t->vt->commit);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	a = commit_test_flush(t);
	b = commit_test_flush(t);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 1);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_FLUSH);
	KUNIT_EXPECT_TRUE(test, a->done && b->done);
	fake_bio_free(a);
	fake_bio_free(b);

	t->dev->fail_in[FAKE_FLUSH] = 1;
	a = commit_test_flush(t);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, a->status, -EIO);
	fake_bio_free(a);
	/* Who knows what of the metadata was lost with it. */
	commit_test_told(t);
}

/*
 * The bitmap slots at BAT entries 4096, 8193 and 12290: first, second and third
 * of their sectors.  All blocks around them, alone and together.
 */
static void commit_chunk_edges(struct kunit *test)
{
	struct commit_test *t = test->priv;
	static const u32 blocks[] = {
		4095, 4096, 4094, 4097, 8191, 8192, 8190, 8193, 12287, 12288,
		12289, 0, 511, 512, 4607, 4608, 4606, 12387,
	};
	u32 i;

	commit_test_start(t);
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		commit_test_add(t, blocks[i], i & 1);
		if (i < 6 || i % 3 == 0)
			vhdx_commit_work(&t->vt->commit);
	}
	vhdx_commit_work(&t->vt->commit);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	commit_test_judge(t, t->dev, true);
	vhdx_session_end(t->vt);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	commit_test_judge(t, t->dev, true);
	commit_test_judge_raw(t);
}

/* States that are no present block keep their entries; offsets of 0 and 2 go. */
static void commit_keeps_other_states(struct kunit *test)
{
	struct commit_test *t = test->priv;

	vk_set_bat(t->dev, &t->spec, 4093, VHDX_BLOCK_UNMAPPED, 10);
	vk_set_bat(t->dev, &t->spec, 4096, VHDX_BLOCK_UNDEFINED, 11);
	vk_set_bat(t->dev, &t->spec, 4097, VHDX_BLOCK_ZERO, 12);
	vk_set_bat(t->dev, &t->spec, 4098, VHDX_BLOCK_NOT_PRESENT, 12);
	vk_set_bat(t->dev, &t->spec, 4099, VHDX_BLOCK_FULL, 12);
	vk_set_bat(t->dev, &t->spec, 4100, VHDX_BLOCK_UNDEFINED, 0);
	commit_test_start(t);
	/* An absent block whose space is being prepared. */
	t->vt->bat[4101] |= VHDX_E_PENDING;
	t->vt->bat[4096] |= VHDX_E_PENDING;
	commit_test_add(t, 4095, true);
	commit_test_add(t, 4200, true);
	vhdx_commit_work(&t->vt->commit);
	KUNIT_EXPECT_TRUE(test, t->vt->bat[4096] & VHDX_E_PENDING);
	vhdx_session_end(t->vt);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	commit_test_judge_raw(t);
}

static void commit_random(struct kunit *test)
{
	struct commit_test *t = test->priv;
	u32 blocks = 3 * 4096 + 100, round, i;

	commit_test_start(t);
	t->dev->hook_arg = t;
	t->crash_part = 2;
	for (round = 0; round < 8 * vk_effort && !t->check.failed; round++) {
		u32 count = 1 + vk_rnd(&t->check.rnd, round % 4 ? 20 : 400);

		for (i = 0; i < count; i++) {
			u32 b = vk_rnd(&t->check.rnd, blocks);

			if (!commit_test_added(t, b))
				commit_test_add(t, b, !vk_rnd(&t->check.rnd, 4));
		}
		t->dev->hook = commit_test_hook;
		vhdx_commit_work(&t->vt->commit);
		t->dev->hook = NULL;
		commit_test_judge(t, t->dev, true);
		memcpy(t->before, t->after, blocks * sizeof(u32));
	}
	vhdx_session_end(t->vt);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	commit_test_judge_raw(t);
	kunit_info(test, "%u crash states\n", t->check.crashes);
}

/* More BAT sectors than descriptors in an entry: several entries, one flush. */
static void commit_many_sectors(struct kunit *test)
{
	static const u32 sectors[] = { 125, 126, 127, 252, 253, 300 };
	struct commit_test *t = test->priv;
	u32 i, s;

	commit_test_exit(test);
	KUNIT_ASSERT_EQ(test, 0, commit_test_init_blocks(test, 300 * 512));
	t = test->priv;
	commit_test_start(t);
	t->dev->hook_arg = t;
	t->crash_part = 200;
	for (i = 0; i < ARRAY_SIZE(sectors); i++) {
		u64 entries = vhdx_stat(&t->vt->stats, VHDX_STAT_ENTRIES);

		t->check.step = i;
		/* Backwards, and two in some sectors: the batch is sorted. */
		for (s = sectors[i]; s--;) {
			commit_test_add(t, s * 512 + 20 + 2 * i, false);
			if (s % 7 == 0)
				commit_test_add(t, s * 512 + 21 + 2 * i, false);
		}
		t->dev->hook = commit_test_hook;
		fake_dev_forget(t->dev);
		vhdx_commit_work(&t->vt->commit);
		t->dev->hook = NULL;
		KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ENTRIES) - entries,
				DIV_ROUND_UP(sectors[i], VHDX_LOG_FIRST_DESCS));
		KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
		memcpy(t->before, t->after,
		       t->vt->image.layout.geo.blocks * sizeof(u32));
	}
	commit_test_judge(t, t->dev, true);
	vhdx_session_end(t->vt);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	commit_test_judge_raw(t);
}

/* ------------------------------------------------------------------------
 * In the middle of a commit
 */

static void commit_test_late_hook(struct fake_dev *dev,
				  const struct fake_event *event)
{
	struct commit_test *t = dev->hook_arg;
	u32 block = t->late_block;

	t->late_block = 0;
	if (block)
		commit_test_add(t, block, t->late_exposed);
}

/* A block that comes while a commit is under way is left to the next one. */
static void commit_late_block(struct kunit *test)
{
	struct commit_test *t = test->priv;

	commit_test_start(t);
	t->dev->hook = commit_test_late_hook;
	t->dev->hook_arg = t;
	commit_test_add(t, 7, false);
	fake_cancel_delayed_work_sync(&t->vt->commit_timer);
	t->late_block = 8;
	t->late_exposed = true;
	vhdx_commit_work(&t->vt->commit);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	KUNIT_EXPECT_FALSE(test, t->vt->bat[7] & VHDX_E_PENDING);
	KUNIT_EXPECT_TRUE(test, t->vt->bat[8] & VHDX_E_PENDING);
	/* Nobody else would start it. */
	KUNIT_EXPECT_FALSE(test, list_empty(&fake.timers));
	fake_dev_forget(t->dev);
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_ASSERT_EQ(test, t->dev->nr_events, 3);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_FLUSH);
	commit_test_judge(t, t->dev, true);
}

/*
 * One that comes before its BAT sector is built is part of this very commit; if
 * its space is exposed, so must be the flush that comes first.
 */
static void commit_late_exposed_block_caught(struct kunit *test)
{
	struct commit_test *t = test->priv;
	u32 i, flushes = 0;

	commit_test_start(t);
	/* Fill the log so that the commit begins with a checkpoint. */
	for (i = 0; vhdx_log_make_room(&t->vt->log, 1) == 0 &&
	     t->vt->log.write_pos - t->vt->log.durable_tail_pos <
	     SZ_1M - 6 * VHDX_SECTOR && i < 300; i++) {
		fake_dev_peek(t->dev, vk_bat_off(&t->spec) + i * VHDX_SECTOR,
			      vhdx_log_stage(&t->vt->log, vk_bat_off(&t->spec) +
					     i * VHDX_SECTOR), VHDX_SECTOR);
		KUNIT_ASSERT_EQ(test, 0, vhdx_log_write(&t->vt->log));
	}
	KUNIT_EXPECT_EQ(test, t->vt->log.checkpoints, 0);
	t->dev->hook = commit_test_late_hook;
	t->dev->hook_arg = t;
	commit_test_add(t, 7, false);
	for (i = 0; i < 126 * 512; i += 512)
		if (i < 3 * 4096)
			commit_test_add(t, i + 20, false);
	t->late_block = 8;	/* in the sector of block 7 */
	t->late_exposed = true;
	fake_dev_forget(t->dev);
	vhdx_commit_work(&t->vt->commit);
	KUNIT_EXPECT_EQ(test, t->vt->log.checkpoints, 1);
	/* So it is durable with it. */
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_EXPECT_FALSE(test, t->vt->bat[8] & VHDX_E_PENDING);
	/* Between the checkpoint's empty entry and the commit's: two. */
	i = t->dev->nr_events - 1;
	while (i > 0 && t->dev->events[i - 1].op == FAKE_WRITE)
		i--;		/* the commit's may wrap */
	for (; i > 0 && t->dev->events[i - 1].op == FAKE_FLUSH; i--)
		flushes++;
	KUNIT_EXPECT_EQ(test, flushes, 2);
}

/* ------------------------------------------------------------------------
 * Failures
 */

static void commit_test_fails(struct commit_test *t, enum fake_op op,
			      u32 which, bool exposed)
{
	struct kunit *test = t->check.test;
	struct fake_bio *a, *b;
	u32 i;

	commit_test_add(t, 7, exposed);
	commit_test_add(t, 4100, exposed);
	a = commit_test_flush(t);
	b = commit_test_flush(t);
	t->dev->fail_in[op] = which;
	fake.table_events = 0;
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->dev->fail_in[op], 0);
	KUNIT_EXPECT_TRUE(test, a->done && b->done);
	KUNIT_EXPECT_EQ(test, a->status, -EIO);
	KUNIT_EXPECT_EQ(test, b->status, -EIO);
	fake_bio_free(a);
	fake_bio_free(b);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_FALSE(test, t->vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, fake.table_events, 1);
	/* Readable until the end of the session ... */
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[7]));
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 2);
	/* ... but never durable, whoever asks. */
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, vk_target_message(&t->vkt, "commit"), -EIO);
	KUNIT_EXPECT_EQ(test, fake.table_events, 1);
	t->dev->hook_arg = t;
	for (i = 0; i < 4; i++)
		commit_test_hook(t->dev, NULL);
	/* Suspend and resume: as after a crash. */
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 2);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	for (i = 0; i < t->vt->image.layout.geo.blocks; i++)
		if (t->vt->bat[i] != t->after[i] &&
		    t->vt->bat[i] != t->before[i])
			vk_fail(&t->check, "block %u has %08x", i,
				t->vt->bat[i]);
	/* Once more for those who were told nothing yet: writes are lost. */
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), 0);
}

static void commit_log_write_fails(struct kunit *test)
{
	commit_test_start(test->priv);
	commit_test_fails(test->priv, FAKE_WRITE, 1, false);
}

static void commit_flush_fails(struct kunit *test)
{
	commit_test_start(test->priv);
	commit_test_fails(test->priv, FAKE_FLUSH, 1, false);
}

static void commit_exposed_flush_fails(struct kunit *test)
{
	struct commit_test *t = test->priv;
	u32 i;

	commit_test_start(t);
	commit_test_fails(t, FAKE_FLUSH, 1, true);
	/* The entry was never written. */
	for (i = 0; i < t->vt->image.layout.geo.blocks; i++)
		if (t->vt->bat[i] != t->before[i])
			vk_fail(&t->check, "block %u has %08x", i,
				t->vt->bat[i]);
}

static void commit_exposed_second_flush_fails(struct kunit *test)
{
	commit_test_start(test->priv);
	commit_test_fails(test->priv, FAKE_FLUSH, 2, true);
}

/* Enough of them start a commit by themselves. */
static void commit_threshold(struct kunit *test)
{
	struct commit_test *t = test->priv;
	u32 i;

	commit_test_start(t);
	for (i = 0; i < 4095; i++)
		commit_test_add(t, i, false);
	KUNIT_EXPECT_TRUE(test, fake_kernel_idle());
	commit_test_add(t, i, false);
	KUNIT_EXPECT_FALSE(test, fake_kernel_idle());
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	commit_test_judge(t, t->dev, true);
}

/* It takes as much room in the log as it has sectors, and what is kept back. */
static void commit_last_room(struct kunit *test)
{
	struct commit_test *t = test->priv;
	struct vhdx_log *log;
	u32 less;

	commit_test_start(t);
	log = &t->vt->log;
	for (less = 0; less < 2; less++) {
		u32 room = (2 + 2 - less) * VHDX_SECTOR;

		log->durable_tail_pos = log->write_pos + room - SZ_1M;
		commit_test_add(t, 7 + less, false);
		vhdx_commit_work(&t->vt->commit);
		KUNIT_EXPECT_EQ(test, log->checkpoints, (u64)less);
	}
	commit_test_judge(t, t->dev, true);
}

static struct kunit_case commit_cases[] = {
	KUNIT_CASE(commit_one_block),
	KUNIT_CASE(commit_exposed_flushes_first),
	KUNIT_CASE(commit_nothing),
	KUNIT_CASE(commit_close_fails),
	KUNIT_CASE(commit_fua_fails),
	KUNIT_CASE(commit_flush_in_vain),
	KUNIT_CASE(commit_chunk_edges),
	KUNIT_CASE(commit_keeps_other_states),
	KUNIT_CASE(commit_random),
	KUNIT_CASE(commit_many_sectors),
	KUNIT_CASE(commit_late_block),
	KUNIT_CASE(commit_late_exposed_block_caught),
	KUNIT_CASE(commit_log_write_fails),
	KUNIT_CASE(commit_flush_fails),
	KUNIT_CASE(commit_exposed_flush_fails),
	KUNIT_CASE(commit_exposed_second_flush_fails),
	KUNIT_CASE(commit_threshold),
	KUNIT_CASE(commit_last_room),
	{}
};

static struct kunit_suite commit_suite = {
	.name = "vhdx-commit",
	.init = commit_test_init,
	.exit = commit_test_exit,
	.test_cases = commit_cases,
};

kunit_test_suite(commit_suite);
