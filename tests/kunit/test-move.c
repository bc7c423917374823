// SPDX-License-Identifier: GPL-2.0
/* Moving blocks to lower space. */
#include <linux/sched/signal.h>

#include "vk-move.h"

/* Copied, flushed, logged, flushed; then the old place is passed down, and is free. */
static void move_moves(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	u32 old = move_place(t, 5), copy, flush, entry, again, discard;

	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, (u32)VHDX_SESSION_OPEN, (u32)vt->session);
	snprintf(t->buf, 32, "moved %u %u", old, t->first);
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1U);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, (u32)MOVE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_DISCARD), 0U);
	move_expect(t, 5, t->first, MOVE_OLD + 5);
	move_settled(t, t->taken);
	copy = move_event(t, 0, FAKE_WRITE, t->first + 1);
	flush = move_event(t, copy, FAKE_FLUSH, 0);
	entry = move_event(t, copy + 1, FAKE_WRITE, 1);
	again = move_event(t, entry, FAKE_FLUSH, 0);
	discard = move_event(t, 0, FAKE_DISCARD, old);
	KUNIT_EXPECT_LT(test, copy, flush);
	KUNIT_EXPECT_LT(test, flush, entry);
	KUNIT_EXPECT_LT(test, entry, again);
	KUNIT_EXPECT_LT(test, again, discard);
	KUNIT_EXPECT_LT(test, discard, t->dev->nr_events);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_MOVED), 1ULL);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_FREED), 0ULL);
	KUNIT_EXPECT_FALSE(test, vt->bat[5] & VHDX_E_PENDING);

	/* It has no need to move once more. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	snprintf(t->buf, 32, "stays %u", t->first);
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 9, true));
	KUNIT_EXPECT_STREQ(test, t->answer, "absent");
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0U);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, vk_get_bat(t->dev, &t->spec, 5), t->first);
}

/* Bios that have looked at the entry before it began are waited for. */
static void move_flights(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct fake_bio *writer;
	u32 i, bio = U32_MAX, copy;

	move_start(t);
	KUNIT_ASSERT_EQ(test, 0, move_write(t, 0));
	writer = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + move_sector(5), 8);
	t->bios[t->nr_bios++] = writer;
	memset(fake_bio_data(writer), MOVE_NEW, 4096);
	KUNIT_ASSERT_EQ(test, DM_MAPIO_REMAPPED,
			vhdx_map(&t->vkt.ti, &writer->bio));
	fake_submit_bio(&writer->bio);
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_TRUE(test, writer->done);
	for (i = 0; i < t->dev->nr_events; i++)
		if (t->dev->events[i].op == FAKE_BIO)
			bio = i;
	copy = move_event(t, 0, FAKE_READ, move_place(t, 5));
	KUNIT_EXPECT_LT(test, bio, copy);
	KUNIT_EXPECT_LT(test, copy, t->dev->nr_events);
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, move_sector(5)));
	KUNIT_EXPECT_EQ(test, MOVE_OLD + 5, move_read(t, move_sector(5) + 8));
	move_settled(t, t->taken);
}

static void move_during_writes(struct move_test *t)
{
	struct kunit *test = t->check.test;
	sector_t sector = move_sector(5);
	struct fake_bio *fbio;
	u32 i;

	move_send(t, REQ_OP_WRITE, sector, 8);
	move_send(t, REQ_OP_WRITE | REQ_FUA, sector + 8, 8);
	move_send(t, REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, sector + 16, 8);
	move_send(t, REQ_OP_DISCARD, sector + 24, 8);
	while (fake_kernel_step(false))
		;
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_FALSE(test, t->bios[i]->done);
	/* What a write begins in another block ends before this one. */
	fbio = move_send(t, REQ_OP_WRITE, sector - 8, 16);
	KUNIT_EXPECT_EQ(test, fbio->sectors, 8U);
	fbio = move_send(t, REQ_OP_WRITE | REQ_NOWAIT, sector, 8);
	KUNIT_EXPECT_EQ(test, -EAGAIN, fbio->status);
	/* Reads go on. */
	KUNIT_EXPECT_EQ(test, MOVE_OLD + 5, move_read(t, sector));
	fbio = move_send(t, REQ_OP_READ, sector - 8, 16);
	KUNIT_EXPECT_EQ(test, fbio->sectors, 16U);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	/* Nor is the session closed, however idle. */
	t->vt->close_asked = true;
	KUNIT_EXPECT_FALSE(test, vhdx_session_begin_close(t->vt));
	/* A commit of the sector changes nothing in this. */
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(10)));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_TRUE(test, t->vt->bat[5] & VHDX_E_PENDING);
	/* One at a time. */
	KUNIT_EXPECT_EQ(test, -EBUSY, move_do(t, 4, false));
}

/* Writes to it wait, and land in its new place. */
static void move_writes(struct kunit *test)
{
	struct move_test *t = test->priv;
	sector_t sector = move_sector(5);
	u32 i;

	move_start(t);
	KUNIT_ASSERT_EQ(test, 0, move_write(t, 0));
	t->during = move_during_writes;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_TRUE(test, !t->during);
	KUNIT_EXPECT_EQ(test, t->first, vhdx_e_mib(t->vt->bat[5]));
	move_settled(t, t->taken + MOVE_BLOCK_MIB);
	for (i = 0; i < t->nr_bios; i++)
		KUNIT_EXPECT_TRUE(test, t->bios[i]->done);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, 0, t->bios[i]->status);
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, sector - 8));
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, sector));
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, sector + 8));
	KUNIT_EXPECT_EQ(test, 0, move_read(t, sector + 16));
	KUNIT_EXPECT_EQ(test, FAKE_DISCARDED, move_read(t, sector + 24));
	KUNIT_EXPECT_EQ(test, MOVE_OLD + 5, move_read(t, sector + 32));
	/* A write that has found it pending before it had moved looks again. */
	KUNIT_EXPECT_FALSE(test, vhdx_may_write_to(t->vt, 5,
			   vhdx_e_make(VHDX_BLOCK_FULL, move_place(t, 5)) |
			   VHDX_E_PENDING));
}

static void move_during_discard(struct move_test *t)
{
	struct kunit *test = t->check.test;
	struct fake_bio *fbio, *writer;

	writer = move_send(t, REQ_OP_WRITE, move_sector(5) + 64, 8);
	fbio = move_send(t, REQ_OP_DISCARD, move_sector(5), MOVE_BLOCK_SECTORS);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_FALSE(test, writer->done);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	/* It takes the very place that it had. */
	t->vt->space_hint = move_place(t, 5);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(5)));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(t->vt->bat[5]), move_place(t, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
}

/* One that is freed meanwhile has nothing to do with what was copied. */
static void move_discarded(struct kunit *test)
{
	struct move_test *t = test->priv;

	move_start(t);
	t->during = move_during_discard;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_STREQ(test, t->answer, "absent");
	move_settled(t, t->taken);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(t->vt->bat[5]), move_place(t, 5));
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, move_sector(5)));
	KUNIT_EXPECT_EQ(test, 0, move_read(t, move_sector(5) + 8));
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, move_sector(5) + 64));
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_MOVED), 0ULL);
}

/* Zeros are looked for if asked; they need no space. */
static void move_zeros(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	/* The last 4 KiB are none. */
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(MOVE_ZEROED + 1) - 8));
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, true));
	snprintf(t->buf, 32, "moved %u %u", move_place(t, MOVE_ZEROED), t->first);
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	KUNIT_EXPECT_EQ(test, 0, move_read(t, move_sector(MOVE_ZEROED)));
	KUNIT_EXPECT_EQ(test, 0, move_read(t, move_sector(MOVE_ZEROED) + 2048));
	KUNIT_EXPECT_EQ(test, MOVE_NEW,
			move_read(t, move_sector(MOVE_ZEROED + 1) - 8));
	move_settled(t, t->taken);

	/* There is nothing lower: it is looked at only, and no further than it has to be. */
	memset(t->buf, 0, 4096);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_WRITE,
					     move_sector(MOVE_ZEROED + 1) - 8, 8,
					     t->buf));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 0, true));
	snprintf(t->buf, 32, "stays %u", move_place(t, 0));
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 1U);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, false));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 1U);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, true));
	snprintf(t->buf, 32, "zero %u", t->first);
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	KUNIT_EXPECT_EQ(test, vt->bat[MOVE_ZEROED],
			vhdx_e_make(VHDX_BLOCK_ZERO, 0));
	move_settled(t, t->taken - MOVE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_FREED), 1ULL);
	/* With a place that it could have had. */
	move_fill(t, MOVE_ZEROED);
	vk_target_suspend(&t->vkt, false);
	vt->stale = true;
	vk_set_bat(t->dev, &t->spec, MOVE_ZEROED, VHDX_BLOCK_FULL,
		   move_place(t, MOVE_ZEROED));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, move_do(t, MOVE_ZEROED, true));
	snprintf(t->buf, 32, "zero %u", move_place(t, MOVE_ZEROED));
	KUNIT_EXPECT_STREQ(test, t->answer, t->buf);
	move_settled(t, t->taken - MOVE_BLOCK_MIB);
}

static void move_during_suspend(struct move_test *t)
{
	move_send(t, REQ_OP_WRITE, move_sector(5), 8);
	fake_kernel_run();
	vk_target_suspend_undo(&t->vkt, false);
	t->vt->moves_held = true;
}

static void move_during_mode(struct move_test *t)
{
	vhdx_set_mode(t->vt, VHDX_MODE_RO, "the test says so");
}

static void move_during_signal(struct move_test *t)
{
	set_thread_flag(TIF_SIGPENDING);
}

/* Given up in the middle: nothing has changed, and the next one does it. */
static void move_given_up(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	t->during = move_during_suspend;
	move_stays(t, -EAGAIN);
	KUNIT_EXPECT_FALSE(test, t->bios[0]->done);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_TRUE(test, t->bios[0]->done);
	KUNIT_EXPECT_EQ(test, 0, t->bios[0]->status);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* Nor does it begin while suspended. */
	vk_target_suspend(&t->vkt, false);
	move_stays(t, -EAGAIN);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	t->during = move_during_signal;
	move_stays(t, -EINTR);
	clear_thread_flag(TIF_SIGPENDING);
	move_settled(t, t->taken);

	t->during = move_during_mode;
	move_stays(t, -EROFS);
	move_stays(t, -EROFS);
	fake_kernel_run();
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[5]), t->first);
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, move_sector(5)));
	KUNIT_EXPECT_EQ(test, MOVE_OLD + 5, move_read(t, move_sector(5) + 8));
	move_settled(t, t->taken);
}

/* What the device fails. */
static void move_fails(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	KUNIT_EXPECT_EQ(test, 0, move_write(t, 0));
	t->dev->fail_in[FAKE_READ] = 2;
	move_stays(t, -EIO);
	move_settled(t, t->taken);
	KUNIT_EXPECT_EQ(test, vt->space_hint, t->first);
	/* No space below. */
	t->dev->fail_errno = -ENOSPC;
	t->dev->fail_in[FAKE_WRITE] = 2;
	move_stays(t, -ENOSPC);
	move_settled(t, t->taken);
	t->dev->fail_errno = 0;
	/* A place that is no good is not tried again. */
	t->dev->fail_in[FAKE_WRITE] = 1;
	move_stays(t, -EIO);
	KUNIT_EXPECT_EQ(test, vt->nr_aside, 1U);
	move_settled(t, t->taken + MOVE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, 0, strncmp(t->answer, "stays", 5));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	/* A flush that fails ends it all. */
	mutex_lock(&vt->publish);
	vhdx_give_space_back(vt, t->first);
	mutex_unlock(&vt->publish);
	vt->nr_aside = 0;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[5]), move_place(t, 5));
	move_expect(t, 5, move_place(t, 5), MOVE_OLD + 5);
}

/* Tables, and blocks, that have nothing to be moved. */
static void move_refused(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	char name[] = "move", bad[] = "five", five[] = "5", zero[] = "zero";
	char *argv[] = { name, bad, zero };

	KUNIT_EXPECT_EQ(test, -ERANGE, move_do(t, MOVE_BLOCKS, false));
	KUNIT_EXPECT_EQ(test, -EINVAL, vhdx_message(&t->vkt.ti, 2, argv,
						    t->answer, 32));
	argv[1] = five;
	KUNIT_EXPECT_EQ(test, -EINVAL, vhdx_message(&t->vkt.ti, 3, argv,
						    t->answer, 32));
	vt->image.layout.meta.leave_allocated = true;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, move_do(t, 5, false));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, "fixed") != NULL);
	vt->image.layout.meta.leave_allocated = false;
	vk_target_suspend(&t->vkt, false);
	vt->no_discard = true;
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, move_do(t, 5, false));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, "no_discard") != NULL);
	vk_target_suspend(&t->vkt, false);
	vt->no_discard = false;
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* A session that cannot be opened. */
	t->dev->fail_in[FAKE_WRITE] = 1;
	KUNIT_EXPECT_EQ(test, -EROFS, move_do(t, 5, false));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_EQ(test, vt->nr_preparing, 0U);
}

/* Without memory it waits for a commit. */
static void move_no_memory(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	u32 starve, places[2] = { t->first, move_place(t, 5) };

	for (starve = 0; starve < 4; starve++) {
		fake.allocated++;
		fake.starve = starve;
		KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
		fake.starve = 0;
		fake.allocated--;
		KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[5]), places[0]);
		move_settled(t, t->taken);
		/* Back, as nobody would. */
		vk_target_suspend(&t->vkt, false);
		vk_set_bat(t->dev, &t->spec, 5, VHDX_BLOCK_FULL, places[1]);
		vt->stale = true;
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	}
}

static void move_during_commit(struct move_test *t)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_TRUE(t->check.test, t->vt->move_committed);
	KUNIT_EXPECT_TRUE(t->check.test, t->vt->bat[8] & VHDX_E_PENDING);
	t->vt->moves_held = true;
}

/* One that is not committed: it may be so by the time the move ends. */
static void move_uncommitted(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	u32 mib;

	/* Behind all others; then the place below becomes free. */
	vt->space_hint = move_place(t, MOVE_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(8)));
	mib = vhdx_e_mib(vt->bat[8]);
	KUNIT_EXPECT_EQ(test, mib, move_place(t, MOVE_PRESENT));
	KUNIT_EXPECT_TRUE(test, vt->bat[8] & VHDX_E_PENDING);
	vt->space_hint = 1;
	t->during = move_during_commit;
	KUNIT_EXPECT_EQ(test, -EAGAIN, move_do(t, 8, false));
	KUNIT_EXPECT_FALSE(test, vt->bat[8] & VHDX_E_PENDING);
	vt->moves_held = false;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 8, false));
	KUNIT_EXPECT_TRUE(test, vt->bat[8] & VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[8]), t->first);
	move_settled(t, t->taken + MOVE_BLOCK_MIB);
	KUNIT_EXPECT_FALSE(test, vt->bat[8] & VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, MOVE_NEW, move_read(t, move_sector(8)));
	KUNIT_EXPECT_EQ(test, 0, move_read(t, move_sector(8) + 8));
}

/* What becomes durable names the old place: it is pending with the new one. */
static void move_commit_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct move_test *t = dev->hook_arg;

	if (event->op != FAKE_FLUSH)
		return;
	dev->hook = NULL;
	mutex_lock(&t->vt->publish);
	vhdx_txn_begin_move(t->vt, 8);
	if (!vhdx_replace_block(t->vt, 8, vhdx_take_below(t->vt, U32_MAX)))
		vk_fail(&t->check, "no memory");
	mutex_unlock(&t->vt->publish);
}

static void move_in_commit(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	vt->space_hint = move_place(t, MOVE_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(8)));
	vt->space_hint = 1;
	t->dev->hook = move_commit_hook;
	vhdx_commit_work(&vt->commit);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[8]), t->first);
	KUNIT_EXPECT_TRUE(test, vt->bat[8] & VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1U);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, (u32)MOVE_BLOCK_MIB);
	move_settled(t, t->taken + MOVE_BLOCK_MIB);
	KUNIT_EXPECT_FALSE(test, vt->bat[8] & VHDX_E_PENDING);
}

/* What flights change of a block's entry while they are waited for is not committed. */
static void move_changes_first(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);
	struct vhdx_change *spare;

	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(0)));
	spare = mempool_alloc(&vt->change_pool, GFP_KERNEL);
	mutex_lock(&vt->publish);
	vhdx_txn_begin_move(vt, 5);
	KUNIT_EXPECT_TRUE(test, vt->move_committed);
	vhdx_txn_extend_part(vt, spare, 5, true);
	vhdx_txn_give_up_move(vt, 5);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_TRUE(test, vt->bat[5] & VHDX_E_PENDING);
	move_settled(t, t->taken);
	KUNIT_EXPECT_FALSE(test, vt->bat[5] & VHDX_E_PENDING);
}

static void move_during_write(struct move_test *t)
{
	move_send(t, REQ_OP_WRITE, move_sector(9), 8);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(t->check.test, t->bios[0]->done);
}

static void move_during_last(struct move_test *t)
{
	move_send(t, REQ_OP_WRITE, move_sector(10), 8);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(t->check.test, t->bios[2]->done);
	set_thread_flag(TIF_SIGPENDING);
}

/* The last free place is not lost: who needs one waits for the old one. */
static void move_last_place(struct kunit *test)
{
	struct move_test *t = test->priv;
	struct vhdx_target *vt = move_start(t);

	vt->no_room.fail_at_once = true;
	vt->space_hint = move_place(t, MOVE_PRESENT);
	KUNIT_EXPECT_EQ(test, 0, move_write(t, move_sector(8)));
	vt->space_hint = 1;
	t->during = move_during_write;
	KUNIT_EXPECT_EQ(test, 0, move_do(t, 5, false));
	move_settled(t, t->taken + 2 * MOVE_BLOCK_MIB);
	KUNIT_EXPECT_TRUE(test, t->bios[0]->done);
	KUNIT_EXPECT_EQ(test, 0, t->bios[0]->status);
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[9]), move_place(t, 5));
	/* The same if it stays. */
	move_send(t, REQ_OP_DISCARD, move_sector(0), MOVE_BLOCK_SECTORS);
	move_settled(t, t->taken + MOVE_BLOCK_MIB);
	t->at = (u64)move_place(t, 0) << 20;
	t->during = move_during_last;
	KUNIT_EXPECT_EQ(test, -EINTR, move_do(t, 8, false));
	clear_thread_flag(TIF_SIGPENDING);
	move_settled(t, t->taken + 2 * MOVE_BLOCK_MIB);
	KUNIT_EXPECT_TRUE(test, t->bios[2]->done);
	KUNIT_EXPECT_EQ(test, 0, t->bios[2]->status);
}

static struct kunit_case move_cases[] = {
	KUNIT_CASE(move_moves),
	KUNIT_CASE(move_flights),
	KUNIT_CASE(move_writes),
	KUNIT_CASE(move_discarded),
	KUNIT_CASE(move_zeros),
	KUNIT_CASE(move_given_up),
	KUNIT_CASE(move_fails),
	KUNIT_CASE(move_refused),
	KUNIT_CASE(move_no_memory),
	KUNIT_CASE(move_uncommitted),
	KUNIT_CASE(move_last_place),
	KUNIT_CASE(move_in_commit),
	KUNIT_CASE(move_changes_first),
	{}
};

static struct kunit_suite move_suite = {
	.name = "vhdx-move",
	.init = move_test_init,
	.exit = move_test_exit,
	.test_cases = move_cases,
};

kunit_test_suite(move_suite);
