// SPDX-License-Identifier: GPL-2.0
/* Lack of space, in the image or below it: who waits, for how long, who is told. */
#include <linux/slab.h>

#include "vk-space.h"

/* The device has no space below: somebody gives it some while we wait. */
static void lack_test_relief(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits == 3)
		t->dev->full = false;
}

/* What headers, log and tables need is there. */
static void lack_test_reserve(struct space_test *t)
{
	fake_dev_poke(t->dev, VK_LOG_OFF, NULL, t->spec.log_mib * SZ_1M);
}

/* Writes that the device has no space for wait, and are sent again. */
static void lack_none_below(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting[4];
	u32 exposed, i, events;

	lack_test_reserve(t);
	for (exposed = 0; exposed < 2; exposed++) {
		vt->zeroed_from_mib = exposed ? U32_MAX : 0;
		t->dev->fill = exposed ? 0xfe : 0;
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 6 + exposed));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		t->dev->full = true;
		events = fake.table_events;
		for (i = 0; i < 4; i++)		/* of two blocks */
			waiting[i] = space_test_begin(t, 3 * exposed + i / 2);
		waiting[3]->bio.bi_opf |= REQ_FUA;
		for (i = 0; i < 3; i++) {
			fake_kernel_run();
			KUNIT_EXPECT_TRUE(test, vt->no_space.lacking);
			KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
			KUNIT_EXPECT_FALSE(test, waiting[0]->done ||
					   waiting[1]->done ||
					   waiting[2]->done || waiting[3]->done);
			/* Others go on. */
			KUNIT_EXPECT_EQ(test, 0,
					space_test_write(t, 6 + exposed));
			fake_kernel_fire();
		}
		KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
		KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
		t->dev->full = false;
		fake_kernel_fire();
		fake_kernel_run();
		for (i = 0; i < 4; i++) {
			KUNIT_EXPECT_TRUE(test, waiting[i]->done);
			KUNIT_EXPECT_EQ(test, waiting[i]->status, 0);
			fake_bio_free(waiting[i]);
		}
		KUNIT_EXPECT_FALSE(test, vt->no_space.lacking);
		space_test_block(t, 3 * exposed);
		space_test_block(t, 3 * exposed + 1);
	}
}

/* So do commands to write zeroes, into a hole of a block that is present. */
static void lack_zeroes(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *zeroes;

	lack_test_reserve(t);
	vt->zeroed_from_mib = 0;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	t->dev->full = true;
	zeroes = fake_bio_new(REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, VK_BEGIN + 16, 0);
	zeroes->bio.bi_iter.bi_size = SZ_64K;
	vk_guest_submit(&t->vkt, zeroes);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, zeroes->done);
	KUNIT_EXPECT_TRUE(test, vt->no_space.lacking);
	t->dev->full = false;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, zeroes->done);
	KUNIT_EXPECT_EQ(test, zeroes->status, 0);
	KUNIT_EXPECT_FALSE(test, vt->no_space.lacking);
	fake_bio_free(zeroes);

	vt->no_space.fail_at_once = true;
	t->dev->full = true;
	zeroes = fake_bio_new(REQ_OP_WRITE_ZEROES | REQ_NOUNMAP, VK_BEGIN + 1024,
			      0);
	zeroes->bio.bi_iter.bi_size = SZ_64K;
	vk_guest_submit(&t->vkt, zeroes);
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, zeroes->done);
	KUNIT_EXPECT_EQ(test, zeroes->status, -ENOSPC);
	fake_bio_free(zeroes);
	t->dev->full = false;
}

/* They do not wait for ever, nor where the table forbids it. */
static void lack_none_below_fails(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;

	lack_test_reserve(t);
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	t->dev->full = true;
	waiting = space_test_begin(t, 1);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	vt->no_space.deadline = jiffies - 1;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, -ENOSPC);
	fake_bio_free(waiting);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, vt->bat[1], 0);

	vhdx_nospace_reset(&vt->no_space);
	vt->no_space.fail_at_once = true;
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 1));
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 2));
	t->dev->full = false;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 2));
	vt->no_space.fail_at_once = false;

	/* Suspending with noflush hands it back. */
	t->dev->full = true;
	waiting = space_test_begin(t, 3);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	vk_target_suspend(&t->vkt, true);
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, -EREMCHG);
	fake_bio_free(waiting);
	t->dev->full = false;
}

/* dm is done with noflush, and the target not: what is handed back now would fail. */
static void lack_noflush_is_over(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;

	lack_test_reserve(t);
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	vt->requeue_no_space = true;
	t->dev->full = true;
	waiting = space_test_begin(t, 1);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	vt->requeue_no_space = false;
	t->dev->full = false;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, 0);
	fake_bio_free(waiting);
}

/* A lack that was over in vain is over: the next one is told and waited for. */
static void lack_none_below_again(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;
	u32 events, i;

	lack_test_reserve(t);
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	for (i = 1; i < 4; i++) {
		t->dev->full = true;
		events = fake.table_events;
		waiting = space_test_begin(t, i);
		fake_kernel_run();
		KUNIT_EXPECT_FALSE(test, waiting->done);
		KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
		vt->no_space.deadline = jiffies - 1;
		fake_kernel_fire();
		fake_kernel_run();
		KUNIT_ASSERT_TRUE(test, waiting->done);
		KUNIT_EXPECT_EQ(test, waiting->status, -ENOSPC);
		fake_bio_free(waiting);
		KUNIT_EXPECT_TRUE(test, vt->no_space.over);
		switch (i) {
		case 1:		/* somebody else's new block */
			t->dev->full = false;
			KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 7));
			break;
		case 2:		/* or nothing for a while */
			vt->no_space.last -= 3600 * HZ;
			break;
		}
	}
	t->dev->full = false;
}

/* What waits behind metadata is handed back as well, and nothing is lost. */
static void lack_test_noflush(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits != 2)
		return;
	vk_target_suspend_undo(&t->vkt, true);
	t->dev->full = false;
}

static void lack_metadata_noflush(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 turn;

	fake.on_wait = lack_test_noflush;
	fake.wait_arg = t;
	for (turn = 0; turn < 2; turn++) {
		fake.waits = 0;
		t->dev->full = true;
		/* The session's first write; the flush of a commit. */
		KUNIT_EXPECT_EQ(test, -EREMCHG,
				turn ? vk_guest_flush(&t->vkt) :
				       space_test_write(t, 0));
		KUNIT_EXPECT_EQ(test, fake.waits, 2);
		KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	}
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	space_test_block(t, 0);
}

struct lack_late {
	struct space_test *t;
	struct fake_bio *flying;	/* it comes back meanwhile */
	struct fake_bio *bios[3];
};

/* Metadata waits for space, with a suspend under way already. */
static void lack_test_come(void *arg)
{
	struct lack_late *late = arg;

	if (fake.waits > 1) {
		late->t->dev->bad_end = 0;
		return;
	}
	if (late->flying) {
		list_add_tail(&late->flying->list, &fake.bios);
	} else {
		fake.starve = 2;
		late->bios[2] = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH,
					     VK_BEGIN, 0);
		vk_guest_submit(&late->t->vkt, late->bios[2]);
	}
	late->bios[1] = space_test_begin(late->t, 1);
	fake_kernel_run();
}

/* Until it is done, everything that has come is handed back. */
static void lack_test_suspend_late(struct lack_late *late)
{
	struct kunit *test = late->t->check.test;
	u32 i;

	fake.waits = 0;
	fake.on_wait = lack_test_come;
	fake.wait_arg = late;
	late->t->dev->fail_errno = -ENOSPC;
	late->t->dev->bad_end = U64_MAX;
	vk_target_suspend(&late->t->vkt, true);
	fake.on_wait = NULL;
	fake.starve = 0;
	KUNIT_EXPECT_EQ(test, fake.waits, 2);
	for (i = 0; i < ARRAY_SIZE(late->bios); i++) {
		KUNIT_ASSERT_TRUE(test, late->bios[i]->done);
		if (late->bios[i]->status != -EREMCHG)
			vk_fail(&late->t->check, "bio %u was not handed back: %d",
				i, late->bios[i]->status);
		fake_bio_free(late->bios[i]);
	}
}

/* What comes behind metadata once the suspend has begun is handed back, too. */
static void lack_metadata_late(struct kunit *test)
{
	struct lack_late late = { .t = test->priv };
	struct space_test *t = late.t;
	struct vhdx_target *vt = space_test_target(t, 8);

	/* Behind a commit. */
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	late.bios[0] = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH, VK_BEGIN, 0);
	vk_guest_submit(&t->vkt, late.bios[0]);
	lack_test_suspend_late(&late);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	space_test_block(t, 0);

	/* Behind a session that is being opened: one sent in the last, too. */
	vt->zeroed_from_mib = 0;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	late.flying = space_test_begin(t, 3);
	KUNIT_ASSERT_FALSE(test, list_empty(&late.flying->list));
	late.bios[2] = late.flying;
	list_del_init(&late.flying->list);
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
	late.bios[0] = space_test_begin(t, 2);
	lack_test_suspend_late(&late);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	space_test_block(t, 0);
}

/* Block 0 is written, and then the device, of @bytes, ends so soon that this write has to wait. */
static struct fake_bio *lack_shrink(struct space_test *t, u64 *bytes)
{
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;

	*bytes = t->dev->bytes;
	vt->zeroed_from_mib = 0;
	t->dev->fill = 0;
	KUNIT_EXPECT_EQ(t->check.test, 0, space_test_write(t, 0));
	t->dev->bytes = ((u64)vk_free_mib(&t->spec) + SPACE_BLOCK_MIB + 1) << 20;
	waiting = space_test_begin(t, 1);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(t->check.test, waiting->done);
	KUNIT_EXPECT_TRUE(t->check.test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(t->check.test, vt->bat[1], 0);
	return waiting;
}

/* It has grown again. */
static void lack_shrunk_end(struct space_test *t, struct fake_bio *waiting)
{
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(t->check.test, waiting->done);
	KUNIT_EXPECT_EQ(t->check.test, waiting->status, 0);
	fake_bio_free(waiting);
	KUNIT_EXPECT_EQ(t->check.test, t->dev->misused, 0);
}

/* A device that has become smaller: what lies behind its end is no space. */
static void lack_shrunk(struct kunit *test)
{
	struct space_test *t = test->priv;
	u64 bytes;
	struct fake_bio *waiting = lack_shrink(t, &bytes);

	t->dev->bytes += (u64)SPACE_BLOCK_MIB << 20;
	lack_shrunk_end(t, waiting);
}

/* What a device has lost, and that was noticed, has not come back as zeros. */
static void lack_shrunk_and_back(struct kunit *test)
{
	struct space_test *t = test->priv;
	u64 bytes;
	struct fake_bio *waiting = lack_shrink(t, &bytes);

	/* Somebody else's, by now. */
	t->dev->fill = 0xfe;
	t->dev->fill_off = t->dev->bytes;
	t->dev->bytes = bytes;
	lack_shrunk_end(t, waiting);
	space_test_block(t, 1);
	/* From map, too. */
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 2));
	space_test_block(t, 2);
}

/* Headers, log and BAT wait as well, the same bytes at the same place. */
static void lack_none_for_metadata(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 events = fake.table_events;

	/* The log was never written: the session cannot be opened. */
	fake.on_wait = lack_test_relief;
	fake.wait_arg = t;
	t->dev->full = true;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, fake.waits, 3);
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 2);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	/* A commit. */
	fake.waits = 0;
	t->dev->full = true;
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, fake.waits, 3);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	space_test_block(t, 0);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
}

static void lack_test_late(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits == 3)
		t->vkt.vt->no_meta_space.deadline = jiffies - 1;
}

/* Metadata that finds none in time: mode ro, and nobody is told otherwise. */
static void lack_metadata_fails(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);

	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	fake.on_wait = lack_test_late;
	fake.wait_arg = t;
	t->dev->full = true;
	KUNIT_EXPECT_EQ(test, -ENOSPC, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, fake.waits, 3);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	t->dev->full = false;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));

	/* A suspend waits for nothing. */
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	fake.waits = 0;
	t->dev->full = true;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, fake.waits, 0);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	t->dev->full = false;
}

/* Writes wait for space and go on after the device grew. */
static void lack_out_and_back(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 6);
	struct fake_bio *waiting[2];
	u32 events, i;

	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
	events = fake.table_events;
	waiting[0] = space_test_begin(t, 6);
	waiting[1] = space_test_begin(t, 7);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	KUNIT_EXPECT_FALSE(test, waiting[0]->done || waiting[1]->done);
	/* Reads and overwrites do not mind. */
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 3));
	space_test_block(t, 3);
	/* Not by half of a block, and not without a timer. */
	t->dev->bytes += SZ_1M;
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_FALSE(test, list_empty(&fake.timers));
		fake_kernel_fire();
		fake_kernel_run();
		KUNIT_EXPECT_FALSE(test, waiting[0]->done || waiting[1]->done);
	}
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	t->dev->bytes += 3 * SZ_1M;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
	/* Space is back, and it is low. */
	KUNIT_EXPECT_GE(test, fake.table_events, events + 2);
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, waiting[i]->done);
		KUNIT_EXPECT_EQ(test, waiting[i]->status, 0);
		fake_bio_free(waiting[i]);
		space_test_block(t, 6 + i);
	}
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, vt->image.space.size);
}

static void lack_time_is_up(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 4);
	struct fake_bio *waiting;
	u32 i;

	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
	waiting = space_test_begin(t, 6);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	vt->no_room.deadline = jiffies - 1;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, -ENOSPC);
	fake_bio_free(waiting);
	/* From now on at once, until there is space. */
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 6));
	t->dev->bytes += SPACE_BLOCK_MIB * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 6));
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking || vt->no_room.over);
	waiting = space_test_begin(t, 8);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);

	/* Suspending with noflush hands it back. */
	vk_target_suspend(&t->vkt, true);
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, -EREMCHG);
	fake_bio_free(waiting);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* Sent again, it waits again. */
	waiting = space_test_begin(t, 8);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	t->dev->bytes += SPACE_BLOCK_MIB * SZ_1M;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, 0);
	fake_bio_free(waiting);
}

static void lack_error_if_none(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 2);
	u32 events;

	vt->no_room.fail_at_once = true;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 1));
	events = fake.table_events;
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 2));
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 3));
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	t->dev->bytes += SPACE_BLOCK_MIB * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 2));
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 3));
}

/* An event when space is low, once; again only after there was more. */
static void lack_low(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 12);
	u32 i, events = fake.table_events;

	for (i = 0; i < 7; i++)
		space_test_write(t, i);
	KUNIT_EXPECT_EQ(test, fake.table_events, events);
	space_test_write(t, 7);		/* leaves four blocks */
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, "low"));
	space_test_write(t, 8);
	space_test_write(t, 9);
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	t->dev->bytes += 10 * SPACE_BLOCK_MIB * SZ_1M;
	for (i = 10; i < 17; i++)
		space_test_write(t, i);
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 1);
	space_test_write(t, 17);
	space_test_write(t, 18);
	KUNIT_EXPECT_EQ(test, fake.table_events, events + 2);
	KUNIT_EXPECT_EQ(test, vt->image.allocated_blocks, 19);
}

static struct kunit_case lack_cases[] = {
	KUNIT_CASE(lack_none_below),
	KUNIT_CASE(lack_zeroes),
	KUNIT_CASE(lack_none_below_fails),
	KUNIT_CASE(lack_noflush_is_over),
	KUNIT_CASE(lack_none_below_again),
	KUNIT_CASE(lack_metadata_noflush),
	KUNIT_CASE(lack_metadata_late),
	KUNIT_CASE(lack_shrunk),
	KUNIT_CASE(lack_shrunk_and_back),
	KUNIT_CASE(lack_none_for_metadata),
	KUNIT_CASE(lack_metadata_fails),
	KUNIT_CASE(lack_out_and_back),
	KUNIT_CASE(lack_time_is_up),
	KUNIT_CASE(lack_error_if_none),
	KUNIT_CASE(lack_low),
	{}
};

static struct kunit_suite lack_suite = {
	.name = "vhdx-lack",
	.init = space_test_init,
	.exit = space_test_exit,
	.test_cases = lack_cases,
};

kunit_test_suite(lack_suite);
