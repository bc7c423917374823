// SPDX-License-Identifier: GPL-2.0
/* Sessions that are closed because nobody writes, or because they are told to. */
#include <linux/slab.h>

#include "vk-image.h"

/* Block 1 is present, and there is free space: that known to be zero, or not. */
#define IDLE_MIB		8
#define IDLE_BLOCK_SECTORS	2048U
#define IDLE_BIOS		64

struct idle_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	struct fake_bio *bios[IDLE_BIOS];
	u32 nr_bios;
	struct fake_bio *late;	/* sent while the session is being closed */
	u32 late_block;
	u32 waits;
};

static int idle_test_init(struct kunit *test)
{
	struct idle_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 64, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = 32 * SZ_1M,
	};
	t->dev = vk_format(&t->spec);
	vk_set_bat(t->dev, &t->spec, 1, VHDX_BLOCK_FULL, IDLE_MIB);
	return 0;
}

static void idle_test_exit(struct kunit *test)
{
	struct idle_test *t = test->priv;

	if (!t)
		return;
	while (t->nr_bios)
		fake_bio_free(t->bios[--t->nr_bios]);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
}

static void idle_test_start(struct idle_test *t, bool zeroed)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	if (zeroed)
		t->vt->zeroed_from_mib = IDLE_MIB + 1;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
}

static struct fake_bio *idle_send(struct idle_test *t, u32 block)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
					     block * IDLE_BLOCK_SECTORS, 8);

	t->bios[t->nr_bios++] = fbio;
	memset(fake_bio_data(fbio), 0x77, 8 << SECTOR_SHIFT);
	if (vhdx_map(&t->vkt.ti, &fbio->bio) == DM_MAPIO_REMAPPED)
		fake_submit_bio(&fbio->bio);
	return fbio;
}

static void idle_write(struct idle_test *t, u32 block)
{
	struct fake_bio *fbio = idle_send(t, block);

	fake_kernel_run();
	KUNIT_EXPECT_TRUE(t->check.test, fbio->done);
	KUNIT_EXPECT_EQ(t->check.test, fbio->status, 0);
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

	idle_test_start(t, true);
	idle_write(t, 1);
	idle_write(t, 5);
	KUNIT_EXPECT_FALSE(test, idle_is_clean(t->dev));
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_FALSE(test, t->vt->may_overwrite);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);

	/* The first write wakes it, without the worker, and without a flush. */
	events = t->dev->nr_events;
	idle_send(t, 1);
	KUNIT_EXPECT_TRUE(test, t->vt->may_overwrite);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.works));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, events + 1);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->dev));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));

	/* Nothing more happens by itself. */
	fake_dev_forget(t->dev);
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_WRITE), 0);
}

/* ... and the next write opens another session, with GUIDs of its own. */
static void idle_opens_again(struct kunit *test)
{
	struct idle_test *t = test->priv;
	struct vhdx_header first, second;
	bool damaged;

	idle_test_start(t, true);
	idle_write(t, 1);
	vk_get_header(t->dev, &first, &damaged);
	idle_tick();
	idle_tick();
	KUNIT_ASSERT_TRUE(test, idle_is_clean(t->dev));
	idle_write(t, 1);
	KUNIT_EXPECT_TRUE(test, vk_get_header(t->dev, &second, &damaged));
	KUNIT_EXPECT_FALSE(test, guid_is_null(&second.log_guid));
	KUNIT_EXPECT_FALSE(test, guid_equal(&first.log_guid, &second.log_guid));
	KUNIT_EXPECT_FALSE(test, guid_equal(&first.data_write_guid,
					    &second.data_write_guid));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->dev));
}

/* A block that is being prepared will be published: not now. */
static void idle_prepares(struct kunit *test)
{
	struct idle_test *t = test->priv;
	struct fake_bio *fbio;
	u32 i;

	idle_test_start(t, false);
	idle_write(t, 1);
	fbio = idle_send(t, 5);
	fake_flush_work(&t->vt->worker);
	KUNIT_ASSERT_EQ(test, t->vt->nr_preparing, 1);
	for (i = 0; i < 4; i++) {
		fake_kernel_fire();
		fake_flush_work(&t->vt->commit);
	}
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, t->vt->nr_preparing, 0);
	for (i = 0; i < 3; i++)
		idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[5]));
}

/* Somebody writes in the middle of it. */
static void idle_late_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct idle_test *t = dev->hook_arg;

	if (t->vt->session != VHDX_SESSION_CLOSING || t->late)
		return;
	t->late = idle_send(t, t->late_block);
	/* The worker, too, has to wait. */
	fake_flush_work(&t->vt->worker);
	if (t->late->done || t->vt->nr_dirty || t->vt->may_overwrite)
		vk_fail(&t->check, "a write goes on while the session is closed");
}

static void idle_late(struct kunit *test, u32 block)
{
	struct idle_test *t = test->priv;
	struct vhdx_header header;
	bool damaged;

	idle_test_start(t, true);
	idle_write(t, 1);
	t->late_block = block;
	t->dev->hook = idle_late_hook;
	t->dev->hook_arg = t;
	idle_tick();
	idle_tick();
	t->dev->hook = NULL;
	KUNIT_ASSERT_NOT_NULL(test, t->late);
	/* In a session of its own. */
	KUNIT_EXPECT_TRUE(test, t->late->done);
	KUNIT_EXPECT_EQ(test, t->late->status, 0);
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, vk_get_header(t->dev, &header, &damaged));
	KUNIT_EXPECT_FALSE(test, guid_is_null(&header.log_guid));
	KUNIT_EXPECT_EQ(test, t->vt->nr_closed, 1);
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

	idle_test_start(t, true);
	/* A write each third interval, 20 times 60 seconds. */
	for (tick = 0; tick < 240; tick++) {
		if (tick % 3 == 0) {
			t->nr_bios ? fake_bio_free(t->bios[--t->nr_bios]) : (void)0;
			idle_write(t, 1);
		}
		idle_tick();
	}
	KUNIT_EXPECT_GE(test, t->vt->nr_closed, 1);
	KUNIT_EXPECT_LE(test, t->vt->nr_closed, 4);
	/* In the end it is closed all the same. */
	for (tick = 0; tick < 16; tick++)
		idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	/* Who has not been back for long begins anew. */
	t->vt->idle_closed_at = jiffies - 600 * HZ;
	idle_write(t, 1);
	KUNIT_EXPECT_EQ(test, t->vt->idle_need, 1);
}

static void idle_never(struct kunit *test)
{
	struct idle_test *t = test->priv;

	idle_test_start(t, true);
	t->vt->idle_close_ms = 0;
	idle_write(t, 1);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	idle_tick();
	idle_tick();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_TRUE(test, t->vt->may_overwrite);
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

	idle_test_start(t, true);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, close));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, close));
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->dev));
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	/* That is no sign of idleness. */
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, t->vt->idle_need, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, close));

	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, close));
}

/* Asked for while a suspend closes the session: that is done once. */
static void idle_suspend_hook(struct fake_dev *dev,
			      const struct fake_event *event)
{
	struct idle_test *t = dev->hook_arg;

	if (t->waits++)
		return;
	spin_lock_irq(&t->vt->lock);
	t->vt->close_asked = t->vt->session != VHDX_SESSION_CLOSED;
	spin_unlock_irq(&t->vt->lock);
	queue_work(t->vt->commit_wq, &t->vt->commit);
	/* It would run by itself if the suspend did the work in its own name. */
	while (fake_kernel_step(false))
		;
}

static void idle_suspend(struct kunit *test)
{
	struct idle_test *t = test->priv;

	idle_test_start(t, true);
	idle_write(t, 5);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "commit"));
	t->dev->hook = idle_suspend_hook;
	t->dev->hook_arg = t;
	vk_target_suspend(&t->vkt, false);
	t->dev->hook = NULL;
	KUNIT_EXPECT_GT(test, t->waits, 1);
	KUNIT_EXPECT_EQ(test, t->vt->log.checkpoints, 1);
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->dev));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->log.checkpoints, 1);
}

/* ... waits for blocks that are being prepared, but not for ever. */
static void idle_message_prepares(struct kunit *test)
{
	struct idle_test *t = test->priv;
	char close[] = "close";
	struct fake_bio *fbio;

	idle_test_start(t, false);
	fake.on_wait = idle_on_wait;
	fake.wait_arg = t;
	fbio = idle_send(t, 5);
	fake_flush_work(&t->vt->worker);
	KUNIT_ASSERT_EQ(test, t->vt->nr_preparing, 1);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, close));
	KUNIT_EXPECT_EQ(test, t->waits, 3);
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_TRUE(test, idle_is_clean(t->dev));

	idle_send(t, 6);
	fake_flush_work(&t->vt->worker);
	KUNIT_ASSERT_EQ(test, t->vt->nr_preparing, 1);
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_message(&t->vkt, close));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
}

/* A flush that fails, or a header that cannot be written. */
static void idle_fails(struct kunit *test)
{
	struct idle_test *t = test->priv;
	char close[] = "close";

	idle_test_start(t, true);
	idle_write(t, 5);
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_message(&t->vkt, close));
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_FALSE(test, t->vt->may_overwrite);
	/* Nobody writes, and the log stays for a replay. */
	idle_send(t, 1);
	KUNIT_EXPECT_FALSE(test, idle_is_clean(t->dev));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
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
	KUNIT_CASE(idle_message_prepares),
	KUNIT_CASE(idle_fails),
	{}
};

static struct kunit_suite idle_suite = {
	.name = "vhdx-idle",
	.init = idle_test_init,
	.exit = idle_test_exit,
	.test_cases = idle_cases,
};

kunit_test_suite(idle_suite);
