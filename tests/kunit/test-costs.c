// SPDX-License-Identifier: GPL-2.0
/* What an operation costs: flushes, and who has to be asked. */
#include "vk-small.h"

static int costs_test_init(struct kunit *test)
{
	struct small_test *s = small_test_init(test, sizeof(*s));

	return s ? 0 : -ENOMEM;
}

static int costs_write(struct small_test *s, u32 block, blk_opf_t flags)
{
	return vk_guest_io(&s->vkt, REQ_OP_WRITE | flags, block * SMALL_BLOCK_SECTORS,
			   8, page_address(ZERO_PAGE(0)));
}

static u64 costs_stat(struct small_test *s, enum vhdx_stat which)
{
	return vhdx_stat(&s->vt->stats, which);
}

/* A session is open, and nothing is to be committed. */
static void costs_begin(struct small_test *s, bool zeroed)
{
	struct kunit *test = s->check.test;

	small_test_start(s, zeroed);
	/* What is in front of the block is not. */
	s->vt->space_hint = SMALL_MIB + 1;
	KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
	fake_kernel_run();
	fake_dev_forget(s->dev);
}

/* Space that is known to be zero: map does it, and one flush covers data and log. */
static void costs_zeroed(struct kunit *test)
{
	struct small_test *s = test->priv;
	u64 deferred, commits;

	costs_begin(s, true);
	deferred = costs_stat(s, VHDX_STAT_DEFERRED);
	commits = costs_stat(s, VHDX_STAT_COMMITS);
	KUNIT_EXPECT_EQ(test, 0, costs_write(s, 3, 0));
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_DEFERRED), deferred);
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_COMMITS), commits);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 1);
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_WRITE), 1);
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_ZERO), 0);
	/* As well if the worker does it, as when somebody has the mutex. */
	fake_dev_forget(s->dev);
	mutex_lock(&s->vt->publish);
	vk_guest_submit(&s->vkt, small_test_write(s, 4));
	mutex_unlock(&s->vt->publish);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_DEFERRED), deferred + 1);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 1);
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_WRITE), 1);
	vk_target_suspend(&s->vkt, false);
}

/* Space that may hold anything is zeroed around the write, durably before the log. */
static void costs_exposed(struct kunit *test)
{
	struct small_test *s = test->priv;

	costs_begin(s, false);
	KUNIT_EXPECT_EQ(test, 0, costs_write(s, 3, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 2);
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_ZEROED), 1);
	vk_target_suspend(&s->vkt, false);
}

/* A write to what is there is one, and a flush is the device's own. */
static void costs_present(struct kunit *test)
{
	struct small_test *s = test->priv;
	u64 commits, deferred;

	costs_begin(s, true);
	commits = costs_stat(s, VHDX_STAT_COMMITS);
	deferred = costs_stat(s, VHDX_STAT_DEFERRED);
	KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1, 0));
	KUNIT_EXPECT_EQ(test, s->dev->nr_events, 1);
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_BIO), 1);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
	KUNIT_EXPECT_EQ(test, s->dev->nr_events, 2);
	KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_BIO), 2);
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_COMMITS), commits);
	KUNIT_EXPECT_EQ(test, costs_stat(s, VHDX_STAT_DEFERRED), deferred);
	vk_target_suspend(&s->vkt, false);
}

/*
 * FUA is the device's where it can be trusted with it, even for the first write of a
 * session; and else it is a commit, with its flush.
 */
static void costs_fua(struct kunit *test)
{
	struct small_test *s = test->priv;
	u32 trusted, flushes;

	for (trusted = 0; trusted < 2; trusted++) {
		fake.fua = trusted;
		small_test_start(s, true);
		s->vt->space_hint = SMALL_MIB + 1;
		KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1, REQ_FUA));
		/* Those that open the first session after a load, and no other one. */
		flushes = fake_dev_count(s->dev, FAKE_FLUSH);
		KUNIT_EXPECT_EQ(test, flushes, 5 + !trusted);
		fake_dev_forget(s->dev);
		KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1, REQ_FUA));
		KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), !trusted);
		/* One that is not FUA, through the worker, is not made so. */
		vk_target_suspend(&s->vkt, false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&s->vkt));
		fake_dev_forget(s->dev);
		KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1, 0));
		KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 3);
		/* A new block is durable when it says so. */
		fake_dev_forget(s->dev);
		KUNIT_EXPECT_EQ(test, 0, costs_write(s, 3, REQ_FUA));
		KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 1);
		KUNIT_EXPECT_EQ(test, s->vt->nr_dirty, 0);
		vk_target_suspend(&s->vkt, false);
		vk_target_free(&s->vkt);
		fake_dev_free(s->dev);
		s->dev = vk_format(&s->spec);
		vk_set_bat(s->dev, &s->spec, 1, VHDX_BLOCK_FULL, SMALL_MIB);
	}
	fake.fua = false;
}

/* What was logged goes into its place, a write each, and the headers say that it has. */
static void costs_close(struct kunit *test)
{
	struct small_test *s = test->priv;
	u32 logged;

	for (logged = 0; logged < 2; logged++) {
		if (!logged)
			costs_begin(s, true);
		KUNIT_EXPECT_EQ(test, 0, costs_write(s, 1 + 2 * logged, 0));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&s->vkt));
		fake_dev_forget(s->dev);
		KUNIT_EXPECT_EQ(test, 0, vk_target_message(&s->vkt, "close"));
		KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_WRITE), 3 + logged);
		KUNIT_EXPECT_EQ(test, fake_dev_count(s->dev, FAKE_FLUSH), 4);
		/* It is closed. */
		fake_dev_forget(s->dev);
		KUNIT_EXPECT_EQ(test, 0, vk_target_message(&s->vkt, "close"));
		KUNIT_EXPECT_EQ(test, 0, vk_target_message(&s->vkt, "commit"));
		KUNIT_EXPECT_EQ(test, s->dev->nr_events, 0);
	}
	vk_target_suspend(&s->vkt, false);
}

static struct kunit_case costs_cases[] = {
	KUNIT_CASE(costs_zeroed),
	KUNIT_CASE(costs_exposed),
	KUNIT_CASE(costs_present),
	KUNIT_CASE(costs_fua),
	KUNIT_CASE(costs_close),
	{}
};

static struct kunit_suite costs_suite = {
	.name = "vhdx-costs",
	.init = costs_test_init,
	.exit = small_test_exit,
	.test_cases = costs_cases,
};

kunit_test_suite(costs_suite);
