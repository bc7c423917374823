// SPDX-License-Identifier: GPL-2.0
/* What others do while a block is being moved. */
#include <linux/sizes.h>

#include "vk-move.h"

/* So much happens at most until nothing does. */
#define MOVING_STEPS	200U

/* One that is freed meanwhile leaves the move with a place, which is not lost either. */
static void move_during_free(struct move_test *t)
{
	u32 i;

	move_send(t, REQ_OP_DISCARD, move_sector(5), MOVE_BLOCK_SECTORS);
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	for (i = 9; i < 11; i++)
		move_send(t, REQ_OP_WRITE, move_sector(i), 8);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(t->check.test, t->bios[1]->done != t->bios[2]->done);
}

static void move_freed_place(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	u32 i;

	vt->no_room.fail_at_once = true;
	vt->space_hint = move_place(t, MOVE_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(8)));
	vt->space_hint = 1;
	t->during = move_during_free;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_STREQ(test, t->answer, "absent");
	move_settled(t, t->taken + 2 * MOVE_BLOCK_MIB);
	for (i = 0; i < t->nr_bios; i++) {
		KUNIT_EXPECT_TRUE(test, t->bios[i]->done);
		KUNIT_EXPECT_EQ(test, 0, t->bios[i]->status);
	}
}

/* Until there is space nobody goes round and round, however many wait for it. */
static void move_during_wait(struct move_test *t)
{
	u32 i, steps = 0;

	for (i = 9; i < 12; i++)
		move_send(t, REQ_OP_WRITE, move_sector(i), 8);
	while (steps < MOVING_STEPS && fake_kernel_step(false))
		steps++;
	KUNIT_EXPECT_LT(t->check.test, steps, MOVING_STEPS);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_FALSE(t->check.test, t->bios[i]->done);
}

static void move_no_space(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	u32 i, written = 0;

	vt->no_room.fail_at_once = true;
	vt->space_hint = move_place(t, MOVE_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(8)));
	vt->space_hint = 1;
	t->during = move_during_wait;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_TRUE(test, !t->during);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	/* The old place of the one that has moved is one's. */
	for (i = 0; i < t->nr_bios; i++) {
		KUNIT_EXPECT_TRUE(test, t->bios[i]->done);
		written += !t->bios[i]->status;
	}
	KUNIT_EXPECT_EQ(test, written, 1U);
	move_settled(t, t->taken + 2 * MOVE_BLOCK_MIB);
}

/* What has no space is not worth a session. */
static void move_absent(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_PRESENT, true));
	KUNIT_EXPECT_STREQ(test, t->answer, "absent");
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_CLOSED);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_OPEN);
}

/* A flush has failed: what was committed before the move can be read all the same. */
static void move_during_bad_flush(struct move_test *t)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, move_write(t, move_sector(9)));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(t->check.test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_TRUE(t->check.test, vhdx_flush_has_failed(&t->vt->image));
	KUNIT_EXPECT_EQ(t->check.test, MOVE_OLD + 5, move_read(t, move_sector(5)));
}

static void move_reads(struct kunit *test)
{
	struct move_test *t = test->priv;

	move_start(t);
	t->during = move_during_bad_flush;
	move_stays(t, -EROFS);
	KUNIT_EXPECT_EQ(test, MOVE_OLD + 5, move_read(t, move_sector(5)));
}

/* A suspend waits for the message, and what reclaim waits for may wait for a resume. */
static void move_allocates(struct kunit *test)
{
	struct move_test *t = test->priv;
	u32 allocs;

	move_start(t);
	allocs = fake.io_allocs;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, allocs, fake.io_allocs);
	KUNIT_EXPECT_FALSE(test, fake.noio);
}

/* Here the message would go on, and end. */
static void move_ends(void *arg)
{
	struct move_test *t = arg;

	t->vt->move_busy = false;
}

static void move_during_removal(struct move_test *t)
{
	u32 waits = fake.waits;

	fake.on_wait = move_ends;
	fake.wait_arg = t;
	vk_target_suspend(&t->vkt, false);
	fake.on_wait = NULL;
	KUNIT_EXPECT_EQ(t->check.test, waits + 1, fake.waits);
}

/* Who removes a device suspends it, and does not wait for messages: that has to. */
static void move_removed(struct kunit *test)
{
	struct move_test *t = test->priv;

	move_start(t);
	t->during = move_during_removal;
	KUNIT_EXPECT_EQ(test, -EAGAIN, move_do(t, 5, false));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->moving, VHDX_NO_BLOCK);
	/* Nor does one begin when that has looked. */
	KUNIT_EXPECT_EQ(test, -EAGAIN, move_do(t, 5, false));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	move_settled(t, t->taken);
}

#define MOVING_SECTORS	(MOVE_BLOCK_MIB * SZ_1M / VHDX_SECTOR)

/* All of a block goes along, to its last sector, and nothing is said of it. */
static void move_whole(struct kunit *test)
{
	struct move_test *t = test->priv;
	u64 from = (u64)move_place(t, 5) << 20, to;
	u32 i;

	for (i = 0; i < MOVING_SECTORS; i++) {
		memset(t->buf, 1 + i % 250, VHDX_SECTOR);
		fake_dev_poke(t->dev, from + i * VHDX_SECTOR, t->buf, VHDX_SECTOR);
	}
	move_start(t);
	to = (u64)t->first << 20;
	fake.messages = 0;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, fake.messages, 0);
	for (i = 0; i < MOVING_SECTORS; i++) {
		fake_dev_peek(t->dev, to + i * VHDX_SECTOR, t->buf, VHDX_SECTOR);
		if (memchr_inv(t->buf, 1 + i % 250, VHDX_SECTOR))
			vk_fail(&t->check, "4 KiB number %u: %02x", i, t->buf[0]);
	}
	move_settled(t, t->taken);
}

/* A single byte, wherever it is, makes of a block one that is not zeros. */
static void move_not_zeros(struct kunit *test)
{
	static const u32 places[] = {
		0, 511, 512, VHDX_SECTOR, MOVE_BLOCK_MIB * SZ_1M - 512,
		MOVE_BLOCK_MIB * SZ_1M - 1,
	};
	struct move_test *t = test->priv;
	u64 from = (u64)move_place(t, MOVE_ZEROED) << 20;
	u32 i, at;

	move_start(t);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		at = round_down(places[i], VHDX_SECTOR);
		memset(t->buf, 0, VHDX_SECTOR);
		t->buf[places[i] - at] = 1;
		fake_dev_poke(t->dev, from + at, t->buf, VHDX_SECTOR);
		/* There is a place below it once only. */
		KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, true));
		KUNIT_EXPECT_TRUE(test, strncmp(t->answer, "zero", 4));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		fake_kernel_run();
		from = (u64)vhdx_e_mib(t->vt->bat[MOVE_ZEROED]) << 20;
		memset(t->buf, 0, VHDX_SECTOR);
		fake_dev_poke(t->dev, from + at, t->buf, VHDX_SECTOR);
	}
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, true));
	KUNIT_EXPECT_EQ(test, 0, strncmp(t->answer, "zero", 4));
}

/* A suspend that was interrupted holds no moves. */
static void move_after_undo(struct kunit *test)
{
	struct move_test *t = test->priv;

	move_start(t);
	vk_target_suspend_undo(&t->vkt, false);
	KUNIT_EXPECT_FALSE(test, t->vt->moves_held);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	move_settled(t, t->taken);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_TRUE(test, t->vt->moves_held);
	KUNIT_EXPECT_EQ(test, -EAGAIN, move_do(t, 6, false));
}

/* Whatever the device calls it, a bad block is not another reason why none is moved. */
static void move_errors(struct kunit *test)
{
	static const int errors[] = {
		-EIO, -EAGAIN, -EBUSY, -EOPNOTSUPP, -ENODEV, -ENOMEM, -EROFS, -ERANGE,
	};
	static const char * const why[] = {
		[FAKE_READ] = "block 5 is not moved (-5): it cannot be read\n",
		[FAKE_WRITE] = "block 5 is not moved (-5): its new place cannot be written",
	};
	struct move_test *t = test->priv;
	enum fake_op op;
	u32 i;

	move_start(t);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(1)));
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		t->dev->fail_errno = errors[i];
		for (op = FAKE_READ; op <= FAKE_WRITE; op++) {
			fake.message[0] = '\0';
			t->dev->fail_in[op] = 1;
			move_stays(t, -EIO);
			KUNIT_EXPECT_TRUE(test, strstr(fake.message, why[op]));
			mutex_lock(&t->vt->publish);
			while (t->vt->nr_aside)
				vhdx_give_space_back(t->vt, t->vt->aside[--t->vt->nr_aside]);
			mutex_unlock(&t->vt->publish);
		}
	}
	t->dev->fail_errno = 0;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	move_settled(t, t->taken);
}

static struct kunit_case moving_cases[] = {
	KUNIT_CASE(move_freed_place),
	KUNIT_CASE(move_no_space),
	KUNIT_CASE(move_absent),
	KUNIT_CASE(move_reads),
	KUNIT_CASE(move_allocates),
	KUNIT_CASE(move_removed),
	KUNIT_CASE(move_whole),
	KUNIT_CASE(move_not_zeros),
	KUNIT_CASE(move_after_undo),
	KUNIT_CASE(move_errors),
	{}
};

static struct kunit_suite moving_suite = {
	.name = "vhdx-moving",
	.init = move_test_init,
	.exit = move_test_exit,
	.test_cases = moving_cases,
};

kunit_test_suite(moving_suite);
