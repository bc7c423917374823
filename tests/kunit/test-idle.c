// SPDX-License-Identifier: GPL-2.0
/* Sessions that are closed because nobody writes, or because they are told to. */

#include "vk-small.h"

struct idle_test {
	struct small_test s;
	struct fake_bio *late;	/* sent while the session is being closed */
	u32 late_block;
	u32 waits;
};

static int idle_test_init(struct kunit *test)
{
	return small_test_init(test, sizeof(struct idle_test)) ? 0 : -ENOMEM;
}

static struct fake_bio *idle_send(struct idle_test *t, u32 block)
{
	struct fake_bio *fbio = small_test_write(&t->s, block);

	if (vhdx_map(&t->s.vkt.ti, &fbio->bio) == DM_MAPIO_REMAPPED)
		fake_submit_bio(&fbio->bio);
	return fbio;
}

static void idle_write(struct idle_test *t, u32 block)
{
	struct fake_bio *fbio = idle_send(t, block);

	fake_kernel_run();
	KUNIT_EXPECT_TRUE(t->s.check.test, fbio->done);
	KUNIT_EXPECT_EQ(t->s.check.test, fbio->status, 0);
}

static bool idle_is_clean(struct fake_dev *dev)
{
	struct vhdx_header header;
	bool damaged;

	return vk_get_header(dev, &header, &damaged) &&
	       guid_is_null(&header.log_guid);
}

/* All timers, and what they start. */
static void idle_tick(void)
{
	fake_kernel_fire();
	fake_kernel_run();
}

/* A write opens, an interval without one dozes, another one closes. */
static void idle_closes(struct kunit *test)
{
	struct idle_test *t = test->priv;
	u32 events;

	small_test_start(&t->s, true);
	idle_write(t, 1);
	idle_write(t, 5);
	KUNIT_EXPECT_FALSE(test, idle_is_clean(t->s.dev));
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_FALSE(test, t->s.vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 0);

	/* The first write wakes it, without the worker, and without a flush. */
	events = t->s.dev->nr_events;
	idle_send(t, 1);
	KUNIT_EXPECT_TRUE(test, t->s.vt->may_overwrite);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.works));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->s.dev->nr_events, events + 1);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->s.vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->s.dev));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->s.dev->writes));

	/* Nothing more happens by itself. */
	fake_dev_forget(t->s.dev);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.dev->nr_events, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->s.dev, FAKE_WRITE), 0);
}

/* ... and the next write opens another session, with GUIDs of its own. */
static void idle_opens_again(struct kunit *test)
{
	struct idle_test *t = test->priv;
	struct vhdx_header first, second;
	bool damaged;

	small_test_start(&t->s, true);
	idle_write(t, 1);
	vk_get_header(t->s.dev, &first, &damaged);
	idle_tick();
	idle_tick();
	KUNIT_ASSERT_TRUE(test, idle_is_clean(t->s.dev));
	idle_write(t, 1);
	KUNIT_EXPECT_TRUE(test, vk_get_header(t->s.dev, &second, &damaged));
	KUNIT_EXPECT_FALSE(test, guid_is_null(&second.log_guid));
	KUNIT_EXPECT_FALSE(test, guid_equal(&first.log_guid, &second.log_guid));
	KUNIT_EXPECT_FALSE(test, guid_equal(&first.data_write_guid,
					    &second.data_write_guid));
	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->s.dev));
}

/* A block that is being prepared will be published: not now. */
static void idle_prepares(struct kunit *test)
{
	struct idle_test *t = test->priv;
	struct fake_bio *fbio;
	u32 i;

	small_test_start(&t->s, false);
	idle_write(t, 1);
	fbio = idle_send(t, 5);
	fake_flush_work(&t->s.vt->worker);
	KUNIT_ASSERT_EQ(test, t->s.vt->nr_preparing, 1);
	for (i = 0; i < 4; i++) {
		fake_kernel_fire();
		fake_flush_work(&t->s.vt->commit);
	}
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_preparing, 0);
	for (i = 0; i < 3; i++)
		idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 0);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->s.vt->bat[5]));
}

/* Somebody writes in the middle of it. */
static void idle_late_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct idle_test *t = dev->hook_arg;

	if (t->s.vt->session != VHDX_SESSION_CLOSING || t->late)
		return;
	t->late = idle_send(t, t->late_block);
	/* The worker, too, has to wait. */
	fake_flush_work(&t->s.vt->worker);
	if (t->late->done || t->s.vt->nr_dirty || t->s.vt->may_overwrite)
		vk_fail(&t->s.check, "a write goes on while the session is closed");
}

static void idle_late(struct kunit *test, u32 block)
{
	struct idle_test *t = test->priv;
	struct vhdx_header header;
	bool damaged;

	small_test_start(&t->s, true);
	idle_write(t, 1);
	t->late_block = block;
	t->s.dev->hook = idle_late_hook;
	t->s.dev->hook_arg = t;
	idle_tick();
	idle_tick();
	t->s.dev->hook = NULL;
	KUNIT_ASSERT_NOT_NULL(test, t->late);
	/* In a session of its own. */
	KUNIT_EXPECT_TRUE(test, t->late->done);
	KUNIT_EXPECT_EQ(test, t->late->status, 0);
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, vk_get_header(t->s.dev, &header, &damaged));
	KUNIT_EXPECT_FALSE(test, guid_is_null(&header.log_guid));
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_closed, 1);
}

static void idle_late_overwrite(struct kunit *test)
{
	idle_late(test, 1);
}

static void idle_late_new(struct kunit *test)
{
	idle_late(test, 9);
}

/* Writes now and then, each after the session was closed: ever more seldom. */
static void idle_trickle(struct kunit *test)
{
	struct idle_test *t = test->priv;
	u32 tick;

	small_test_start(&t->s, true);
	/* A write each third interval, 20 times 60 seconds. */
	for (tick = 0; tick < 240; tick++) {
		if (tick % 3 == 0) {
			t->s.nr_bios ? fake_bio_free(t->s.bios[--t->s.nr_bios]) : (void)0;
			idle_write(t, 1);
		}
		idle_tick();
	}
	KUNIT_EXPECT_GE(test, t->s.vt->nr_closed, 1);
	KUNIT_EXPECT_LE(test, t->s.vt->nr_closed, 4);
	/* In the end it is closed all the same. */
	for (tick = 0; tick < 16; tick++)
		idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
	/* Who has not been back for long begins anew. */
	t->s.vt->idle_closed_at = jiffies - 600 * HZ;
	idle_write(t, 1);
	KUNIT_EXPECT_EQ(test, t->s.vt->idle_need, 1);
}

static void idle_never(struct kunit *test)
{
	struct idle_test *t = test->priv;

	small_test_start(&t->s, true);
	t->s.vt->idle_close_ms = 0;
	idle_write(t, 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	idle_tick();
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, t->s.vt->may_overwrite);
}

static void idle_on_wait(void *arg)
{
	struct idle_test *t = arg;

	t->waits++;
	if (t->waits == 3)
		fake_kernel_run();
}

/* Message "close": what is published is committed, and the image clean. */
static void idle_message(struct kunit *test)
{
	struct idle_test *t = test->priv;
	char close[] = "close";

	small_test_start(&t->s, true);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, close));
	KUNIT_EXPECT_EQ(test, t->s.dev->nr_events, 0);
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, close));
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->s.dev));
	KUNIT_EXPECT_EQ(test, t->s.vt->nr_dirty, 0);
	/* That is no sign of idleness. */
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, t->s.vt->idle_need, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, close));

	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, close));
}

/* Asked for while a suspend closes the session: that is done once. */
static void idle_suspend_hook(struct fake_dev *dev,
			      const struct fake_event *event)
{
	struct idle_test *t = dev->hook_arg;

	if (t->waits++)
		return;
	spin_lock_irq(&t->s.vt->lock);
	t->s.vt->close_asked = t->s.vt->session != VHDX_SESSION_CLOSED;
	spin_unlock_irq(&t->s.vt->lock);
	queue_work(t->s.vt->commit_wq, &t->s.vt->commit);
	/* It would run by itself if the suspend did the work in its own name. */
	while (fake_kernel_step(false))
		;
}

static void idle_suspend(struct kunit *test)
{
	struct idle_test *t = test->priv;

	small_test_start(&t->s, true);
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, "commit"));
	t->s.dev->hook = idle_suspend_hook;
	t->s.dev->hook_arg = t;
	vk_target_suspend(&t->s.vkt, false);
	t->s.dev->hook = NULL;
	KUNIT_EXPECT_GT(test, t->waits, 1);
	KUNIT_EXPECT_EQ(test, t->s.vt->log.checkpoints, 1);
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->s.dev));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->s.vt->log.checkpoints, 1);
}

/* The session has been closed by then. */
static void idle_has_closed(void *arg)
{
	struct idle_test *t = arg;

	t->s.vt->session = VHDX_SESSION_CLOSED;
	t->s.vt->nr_closed++;
}

/* An overwrite lands when the last flush of a close is done; a suspend covers it. */
static void idle_leaves(struct kunit *test)
{
	struct idle_test *t = test->priv;
	struct fake_bio *fbio;
	u32 closing;

	small_test_start(&t->s, true);
	/* Where nothing was written there is nothing to cover. */
	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->s.vkt));
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->s.dev, FAKE_FLUSH), 0);
	for (closing = 0; closing < 2; closing++) {
		idle_write(t, 1);
		fbio = idle_send(t, 1);
		KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, "close"));
		fake_kernel_run();
		KUNIT_EXPECT_TRUE(test, fbio->done);
		KUNIT_EXPECT_FALSE(test, list_empty(&t->s.dev->writes));
		/* The work that closes it may not have got to its end yet. */
		if (closing) {
			t->s.vt->session = VHDX_SESSION_CLOSING;
			fake.on_unlock = idle_has_closed;
			fake.unlock_arg = t;
		}
		vk_target_suspend(&t->s.vkt, !closing);
		KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
		KUNIT_EXPECT_TRUE(test, list_empty(&t->s.dev->writes));
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->s.vkt));
	}
	/* If it cannot, that is told. */
	idle_write(t, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, "close"));
	t->s.dev->fail_in[FAKE_FLUSH] = 1;
	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_EQ(test, t->s.vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->s.vkt));
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->s.vkt));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->s.vkt));
	vk_target_suspend(&t->s.vkt, false);
}

/* ... waits for blocks that are being prepared, but not for ever. */
static void idle_message_prepares(struct kunit *test)
{
	struct idle_test *t = test->priv;
	char close[] = "close";
	struct fake_bio *fbio;

	small_test_start(&t->s, false);
	fake.on_wait = idle_on_wait;
	fake.wait_arg = t;
	fbio = idle_send(t, 5);
	fake_flush_work(&t->s.vt->worker);
	KUNIT_ASSERT_EQ(test, t->s.vt->nr_preparing, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->s.vkt, close));
	KUNIT_EXPECT_EQ(test, t->waits, 3);
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->s.dev));

	idle_send(t, 6);
	fake_flush_work(&t->s.vt->worker);
	KUNIT_ASSERT_EQ(test, t->s.vt->nr_preparing, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_message(&t->s.vkt, close));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_OPEN);
}

/* A flush that fails, or a header that cannot be written. */
static void idle_fails(struct kunit *test)
{
	struct idle_test *t = test->priv;
	char close[] = "close";

	small_test_start(&t->s, true);
	idle_write(t, 5);
	t->s.dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_message(&t->s.vkt, close));
	KUNIT_EXPECT_EQ(test, t->s.vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, t->s.vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_FALSE(test, t->s.vt->may_overwrite);
	/* Nobody writes, and the log stays for a replay. */
	idle_send(t, 1);
	KUNIT_EXPECT_FALSE(test, idle_is_clean(t->s.dev));
	vk_target_suspend(&t->s.vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->s.vkt));
	KUNIT_EXPECT_EQ(test, t->s.vt->mode, VHDX_MODE_RW);
}

/* Who writes again soon after a close has to be idle for longer the next time. */
static void idle_chooses(struct kunit *test)
{
	static const u32 needs[] = { 1, 2, 4, 8, 12, 12 };
	struct idle_test *t = test->priv;
	struct vhdx_target *vt;
	u32 i;

	small_test_start(&t->s, true);
	vt = t->s.vt;
	for (i = 0; i < ARRAY_SIZE(needs); i++) {
		spin_lock_irq(&vt->lock);
		vhdx_idle_choose(vt);
		KUNIT_EXPECT_EQ(test, vt->idle_need, needs[i]);
		KUNIT_EXPECT_FALSE(test, vt->idle_closed);
		/* By the timer: that alone counts. */
		vt->idle_close_due = true;
		vhdx_idle_closed(vt);
		vt->idle_close_due = false;
		KUNIT_EXPECT_TRUE(test, vt->idle_closed);
		spin_unlock_irq(&vt->lock);
	}
	spin_lock_irq(&vt->lock);
	/* Late enough: four times as long as it had to be. */
	vt->idle_closed_at = jiffies - msecs_to_jiffies(vt->idle_close_ms) * 12 * 4 - 1;
	vhdx_idle_choose(vt);
	KUNIT_EXPECT_EQ(test, vt->idle_need, 1);
	vhdx_idle_closed(vt);
	KUNIT_EXPECT_FALSE(test, vt->idle_closed);
	vhdx_idle_choose(vt);
	KUNIT_EXPECT_EQ(test, vt->idle_need, 1);
	spin_unlock_irq(&vt->lock);
	vk_target_suspend(&t->s.vkt, false);
}

static struct kunit_case idle_cases[] = {
	KUNIT_CASE(idle_closes),
	KUNIT_CASE(idle_opens_again),
	KUNIT_CASE(idle_prepares),
	KUNIT_CASE(idle_late_overwrite),
	KUNIT_CASE(idle_late_new),
	KUNIT_CASE(idle_trickle),
	KUNIT_CASE(idle_never),
	KUNIT_CASE(idle_message),
	KUNIT_CASE(idle_suspend),
	KUNIT_CASE(idle_leaves),
	KUNIT_CASE(idle_message_prepares),
	KUNIT_CASE(idle_chooses),
	KUNIT_CASE(idle_fails),
	{}
};

static struct kunit_suite idle_suite = {
	.name = "vhdx-idle",
	.init = idle_test_init,
	.exit = small_test_exit,
	.test_cases = idle_cases,
};

kunit_test_suite(idle_suite);
