// SPDX-License-Identifier: GPL-2.0
/* Nothing of an image changes while the machine hibernates. */

#include "dm-vhdx-gate.h"
#include "vk-small.h"

struct gate_test {
	struct small_test s;
	u32 waits;
	u32 changes;	/* of the device while the gate was closed */
	bool opened;
	bool inside;	/* a work was when it was to be closed */
};

/* What follows the block is known to be zero. */
static int gate_test_init(struct kunit *test)
{
	struct gate_test *t = small_test_init(test, sizeof(*t));

	if (!t)
		return -ENOMEM;
	small_test_start(&t->s, true);
	return 0;
}

static void gate_test_exit(struct kunit *test)
{
	vhdx_gate_open();
	small_test_exit(test);
}

/* @block: ~0 for an empty flush */
static struct fake_bio *gate_send(struct gate_test *t, u32 block)
{
	struct fake_bio *fbio;

	if (block == ~0U) {
		fbio = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH, VK_BEGIN, 0);
		t->s.bios[t->s.nr_bios++] = fbio;
	} else {
		fbio = small_test_write(&t->s, block);
	}
	vk_guest_submit(&t->s.vkt, fbio);
	return fbio;
}

static u32 gate_changes(struct gate_test *t)
{
	return fake_dev_count(t->s.dev, FAKE_WRITE) +
	       fake_dev_count(t->s.dev, FAKE_FLUSH);
}

/* Something wants to enter: all others do first, and then it is opened. */
static void gate_on_wait(void *arg)
{
	struct gate_test *t = arg;

	/* One of the others may want to enter, too, and waits on top of this one. */
	if (!t->waits++) {
		fake_kernel_fire();
		fake_kernel_run();
	}
	if (!t->opened)
		t->changes = gate_changes(t);
	t->opened = true;
	vhdx_gate_open();
}

static void gate_begin(struct gate_test *t)
{
	fake_kernel_run();
	fake_dev_forget(t->s.dev);
	fake.on_wait = gate_on_wait;
	fake.wait_arg = t;
	KUNIT_ASSERT_TRUE(t->s.check.test, vhdx_gate_close());
}

/* No session is opened. */
static void gate_closed_session(struct kunit *test)
{
	struct gate_test *t = test->priv;
	struct fake_bio *present, *absent;

	gate_begin(t);
	present = gate_send(t, 1);
	absent = gate_send(t, 5);
	KUNIT_EXPECT_FALSE(test, present->done);
	KUNIT_EXPECT_FALSE(test, absent->done);
	fake_kernel_run();
	KUNIT_EXPECT_GE(test, t->waits, 1);
	KUNIT_EXPECT_EQ(test, t->changes, 0);
	KUNIT_EXPECT_TRUE(test, present->done);
	KUNIT_EXPECT_TRUE(test, absent->done);
	KUNIT_EXPECT_EQ(test, absent->status, 0);
	KUNIT_EXPECT_GT(test, gate_changes(t), 0);
}

/* In a session no new block is taken, and neither a commit nor its close begins. */
static void gate_open_session(struct kunit *test)
{
	struct gate_test *t = test->priv;
	struct fake_bio *present, *absent, *flush;
	u32 end;

	gate_send(t, 5);
	fake_kernel_run();
	KUNIT_ASSERT_EQ(test, t->s.vt->nr_dirty, 1);
	end = t->s.vt->image.space.end;

	gate_begin(t);
	present = gate_send(t, 1);
	absent = gate_send(t, 6);
	flush = gate_send(t, ~0U);
	KUNIT_EXPECT_EQ(test, t->s.vt->image.space.end, end);
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(t->s.vt->bat[6]));
	/* Idleness, too, twice. */
	fake_kernel_fire();
	KUNIT_EXPECT_FALSE(test, absent->done);
	KUNIT_EXPECT_FALSE(test, flush->done);
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 1);
	fake_kernel_run();
	KUNIT_EXPECT_GE(test, t->waits, 1);
	KUNIT_EXPECT_EQ(test, t->changes, 0);
	KUNIT_EXPECT_TRUE(test, present->done);
	KUNIT_EXPECT_TRUE(test, absent->done);
	KUNIT_EXPECT_TRUE(test, flush->done);
	KUNIT_EXPECT_EQ(test, flush->status, 0);
	KUNIT_EXPECT_GT(test, gate_changes(t), 0);
}

/* A commit that has begun is waited for. */
static void gate_inside_hook(struct fake_dev *dev,
			     const struct fake_event *event)
{
	struct gate_test *t = dev->hook_arg;

	dev->hook = NULL;
	t->inside = !vhdx_gate_close();
	vhdx_gate_open();
}

static void gate_inside(struct kunit *test)
{
	struct gate_test *t = test->priv;

	gate_send(t, 5);
	fake_kernel_run();
	fake_dev_forget(t->s.dev);
	t->s.dev->hook = gate_inside_hook;
	t->s.dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->s.vkt));
	KUNIT_EXPECT_TRUE(test, t->inside);
	KUNIT_EXPECT_TRUE(test, vhdx_gate_close());
	vhdx_gate_open();
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 0);
}

/* Closed twice, as for the picture and for the end: opened once. */
static void gate_twice(struct kunit *test)
{
	struct gate_test *t = test->priv;
	struct fake_bio *fbio;

	KUNIT_EXPECT_TRUE(test, vhdx_gate_close());
	KUNIT_EXPECT_TRUE(test, vhdx_gate_close());
	KUNIT_EXPECT_FALSE(test, vhdx_gate_try());
	vhdx_gate_open();
	vhdx_gate_open();
	fbio = gate_send(t, 5);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
}

static struct kunit_case gate_cases[] = {
	KUNIT_CASE(gate_closed_session),
	KUNIT_CASE(gate_open_session),
	KUNIT_CASE(gate_inside),
	KUNIT_CASE(gate_twice),
	{}
};

static struct kunit_suite gate_suite = {
	.name = "vhdx-gate",
	.init = gate_test_init,
	.exit = gate_test_exit,
	.test_cases = gate_cases,
};

kunit_test_suite(gate_suite);
