// SPDX-License-Identifier: GPL-2.0
/* Freeing blocks: discards, zeroes, and what becomes of the space. */
#include <linux/slab.h>

#include "vk-image.h"

/* 2 MiB blocks; the last one is half a block. */
#define DISCARD_BLOCK_MIB	2
#define DISCARD_BLOCK_SECTORS	4096U
#define DISCARD_BLOCKS		16
#define DISCARD_PRESENT		6	/* the first ones, in a row */

struct discard_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	u32 first;		/* MiB of block 0 */
	u32 taken;
	u32 late;		/* block to be written when it is freed, in a commit */
	u8 *buf;
};

static int discard_test_init(struct kunit *test)
{
	struct discard_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 i;

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = DISCARD_BLOCK_MIB,
		.logical = 512,
		.disk_bytes = (DISCARD_BLOCKS * DISCARD_BLOCK_MIB - 1) * (u64)SZ_1M,
	};
	t->first = vk_free_mib(&t->spec);
	t->spec.dev_mib = t->first + (DISCARD_PRESENT + 2) * DISCARD_BLOCK_MIB;
	t->dev = vk_format(&t->spec);
	t->dev->fill = 0x77;
	t->dev->fill_off = (u64)t->first * SZ_1M;
	for (i = 0; i < DISCARD_PRESENT; i++)
		vk_set_bat(t->dev, &t->spec, i, VHDX_BLOCK_FULL,
			   t->first + i * DISCARD_BLOCK_MIB);
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

static void discard_test_exit(struct kunit *test)
{
	struct discard_test *t = test->priv;

	if (!t)
		return;
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

static struct vhdx_target *discard_start(struct discard_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	KUNIT_ASSERT_EQ(t->check.test, 0, vhdx_session_open(t->vt));
	t->taken = t->vt->image.space.taken;
	fake_dev_forget(t->dev);
	return t->vt;
}

static struct fake_bio *discard_send(struct discard_test *t, blk_opf_t opf,
				     sector_t sector, sector_t sectors)
{
	struct fake_bio *fbio = fake_bio_new(opf, VK_BEGIN + sector, 0);

	fbio->bio.bi_iter.bi_size = sectors << SECTOR_SHIFT;
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}

/* Returns its status. */
static int discard_end(struct discard_test *t, struct fake_bio *fbio)
{
	int status = fbio->done ? fbio->status : -ETIMEDOUT;

	if (fbio->done)
		fake_bio_free(fbio);
	return status;
}

static int discard_do(struct discard_test *t, blk_opf_t opf, sector_t sector,
		      sector_t sectors)
{
	struct fake_bio *fbio = discard_send(t, opf, sector, sectors);

	/* It does not wait for a commit, nor for the device. */
	while (!fbio->done && fake_kernel_step(false))
		;
	return discard_end(t, fbio);
}

static int discard_write(struct discard_test *t, u32 block)
{
	memset(t->buf, 0x31, 4096);
	return vk_guest_io(&t->vkt, REQ_OP_WRITE,
			   (sector_t)block * DISCARD_BLOCK_SECTORS, 8, t->buf);
}

/* What 4 KiB of the disk hold, if that is one value. */
static int discard_read(struct discard_test *t, sector_t sector)
{
	memset(t->buf, 0x55, 4096);
	KUNIT_EXPECT_EQ(t->check.test, 0,
			vk_guest_io(&t->vkt, REQ_OP_READ, sector, 8, t->buf));
	return memchr_inv(t->buf, t->buf[0], 4096) ? -1 : t->buf[0];
}

static bool discard_event(struct discard_test *t, u32 i, enum fake_op op,
			  u32 mib, u32 count)
{
	const struct fake_event *event = &t->dev->events[i];

	return i < t->dev->nr_events && event->op == op &&
	       event->off == (u64)mib * SZ_1M &&
	       event->bytes == (u64)count * SZ_1M;
}

/* The last events: discards of so many MiB in order, in pieces; returns the first. */
static u32 discard_pieces(struct discard_test *t, u32 mib, u32 count)
{
	u32 pieces = fake_dev_count(t->dev, FAKE_DISCARD), i, next = mib;
	u32 first = t->dev->nr_events - pieces;

	for (i = first; i < t->dev->nr_events; i++, next = round_up(next + 1, 8))
		KUNIT_EXPECT_TRUE(t->check.test,
				  discard_event(t, i, FAKE_DISCARD, next,
						min(round_up(next + 1, 8), mib + count) - next));
	KUNIT_EXPECT_EQ(t->check.test, pieces, DIV_ROUND_UP(mib + count, 8) - mib / 8);
	return first;
}

/* Zeros at once; free only after the commit, and after the discard below. */
static void discard_whole(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	u32 i, piece;

	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    DISCARD_BLOCK_SECTORS,
					    3 * DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_DISCARD), 0);
	for (i = 1; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, vt->bat[i],
				vhdx_e_make(VHDX_BLOCK_ZERO, 0));
		KUNIT_EXPECT_EQ(test, 0,
				discard_read(t, i * DISCARD_BLOCK_SECTORS));
	}
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 0));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 4 * DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 3);
	KUNIT_EXPECT_EQ(test, vt->image.allocated_blocks, DISCARD_PRESENT - 3);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, t->taken);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 6);

	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	fake_kernel_run();
	/* Entry, flush, discards of all three together. */
	piece = discard_pieces(t, t->first + 2, 6);
	KUNIT_EXPECT_EQ(test, t->dev->events[piece - 1].op, FAKE_FLUSH);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, t->taken - 6);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 0);

	/* Used again, and nobody sees what it held. */
	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 9));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[9]), t->first + 2);
	KUNIT_EXPECT_EQ(test, 0x31, discard_read(t, 9 * DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_EQ(test, 0,
			discard_read(t, 9 * DISCARD_BLOCK_SECTORS + 8));
	vk_target_suspend(&t->vkt, false);
}

/* Parts of blocks: passed down where they are, at most up to their ends. */
static void discard_parts(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct fake_bio *fbio;

	fbio = discard_send(t, REQ_OP_DISCARD, 8, 5 * DISCARD_BLOCK_SECTORS);
	KUNIT_EXPECT_EQ(test, bio_sectors(&fbio->bio), DISCARD_BLOCK_SECTORS - 8);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, 0, discard_end(t, fbio));
	KUNIT_EXPECT_EQ(test, FAKE_DISCARDED, discard_read(t, 8));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 0));

	/* Whole ones first, then the rest. */
	fbio = discard_send(t, REQ_OP_DISCARD, DISCARD_BLOCK_SECTORS,
			    2 * DISCARD_BLOCK_SECTORS + 16);
	KUNIT_EXPECT_EQ(test, bio_sectors(&fbio->bio), 2 * DISCARD_BLOCK_SECTORS);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, 0, discard_end(t, fbio));

	/* Absent: nothing to do.  The last one ends with the disk. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    10 * DISCARD_BLOCK_SECTORS + 8, 8));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	KUNIT_EXPECT_EQ(test, 0, discard_write(t, DISCARD_BLOCKS - 1));
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    (DISCARD_BLOCKS - 1) *
					    DISCARD_BLOCK_SECTORS,
					    DISCARD_BLOCK_SECTORS / 2));
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(vt->bat[DISCARD_BLOCKS - 1]));
	vk_target_suspend(&t->vkt, false);
}

/* Who has looked at the entry before may be on his way still. */
static void discard_flights(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct fake_bio *reader;

	reader = fake_bio_new(REQ_OP_READ, VK_BEGIN + DISCARD_BLOCK_SECTORS, 8);
	KUNIT_ASSERT_EQ(test, DM_MAPIO_REMAPPED,
			vhdx_map(&t->vkt.ti, &reader->bio));
	KUNIT_EXPECT_EQ(test, fake.flights[0] + fake.flights[1], 1);
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    DISCARD_BLOCK_SECTORS,
					    DISCARD_BLOCK_SECTORS));
	vhdx_commit_work(&vt->commit);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	fake_submit_bio(&reader->bio);
	fake_dev_forget(t->dev);
	fake_flush_work(&vt->free);
	/* It has waited for that one. */
	KUNIT_EXPECT_TRUE(test, reader->done);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_BIO);
	KUNIT_EXPECT_TRUE(test, discard_event(t, 1, FAKE_DISCARD,
					      t->first + 2, 2));
	KUNIT_EXPECT_EQ(test, 0x77, *(u8 *)fake_bio_data(reader));
	KUNIT_EXPECT_EQ(test, fake.flights[0] + fake.flights[1], 0);
	fake_bio_free(reader);
}

/* Freed while the commit that makes it durable is under way, and written again. */
static void discard_late_hook(struct fake_dev *dev,
			      const struct fake_event *event)
{
	struct discard_test *t = dev->hook_arg;
	u32 block = t->late;

	if (!block || event->op != FAKE_FLUSH)
		return;
	t->late = 0;
	mutex_lock(&t->vt->publish);
	if (!vhdx_free_block(t->vt, block))
		vk_fail(&t->check, "no memory");
	vhdx_commit_soon(t->vt, t->vt->nr_dirty - 1);
	mutex_unlock(&t->vt->publish);
}

static void discard_in_commit(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);

	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 9));
	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 10));
	t->late = 9;
	t->dev->hook = discard_late_hook;
	t->dev->hook_arg = t;
	vhdx_commit_work(&vt->commit);
	t->dev->hook = NULL;
	KUNIT_EXPECT_EQ(test, vt->bat[9], vhdx_e_make(VHDX_BLOCK_ZERO, 0));
	KUNIT_EXPECT_FALSE(test, vt->bat[10] & VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1);
	/* The old space is not free before the next commit. */
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 2);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 2);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 0);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
}

/* What a commit is to say of a block an earlier one may have said: its space is free all the same. */
static void discard_said_before(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct vhdx_change *change;

	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 9));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_TRUE(test, vhdx_free_block(vt, 9));
	change = vhdx_txn_find(vt->running, vhdx_txn_block_sector(vt, 9));
	vt->nr_dirty -= change->nr;
	vhdx_txn_remove(vt, vt->running, change);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 2);
	vhdx_commit_work(&vt->commit);
	KUNIT_EXPECT_TRUE(test, list_empty(&vt->running->limbo));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 0);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, t->taken);
}

/* A discard below that fails is told once, and the block is free all the same. */
static void discard_fails(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	u32 i;

	fake.messages = 0;
	for (i = 1; i < 3; i++) {
		t->dev->fail_in[FAKE_DISCARD] = 1;
		KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
						    i * DISCARD_BLOCK_SECTORS,
						    DISCARD_BLOCK_SECTORS));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		fake_kernel_run();
		KUNIT_EXPECT_EQ(test, vt->image.space.taken, t->taken - 2 * i);
	}
	KUNIT_EXPECT_EQ(test, fake.messages, 1);
	KUNIT_EXPECT_FALSE(test, vt->pass_down);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	/* What is left of a block is not even tried. */
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD, 8, 8));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 8));
}

/* No space but what is about to become free: that is worth a wait. */
static void discard_no_space(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct fake_bio *waiter;

	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 8));
	KUNIT_EXPECT_EQ(test, 0, discard_write(t, 9));
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD, 0,
					    DISCARD_BLOCK_SECTORS));
	waiter = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
			      10 * DISCARD_BLOCK_SECTORS, 8);
	memset(fake_bio_data(waiter), 0x31, 4096);
	vk_guest_submit(&t->vkt, waiter);
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiter->done);
	KUNIT_EXPECT_EQ(test, waiter->status, 0);
	fake_bio_free(waiter);
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[10]), t->first);
	/* Now there is none. */
	waiter = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
			      11 * DISCARD_BLOCK_SECTORS, 8);
	vk_guest_submit(&t->vkt, waiter);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiter->done);
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	t->dev->bytes += 4 * SZ_1M;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiter->done);
	fake_bio_free(waiter);
}

/* Without memory it waits for some, and goes on where it was. */
static void discard_no_memory(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	u32 starve, i;

	for (starve = 1; starve < 6; starve++) {
		KUNIT_EXPECT_EQ(test, 0, discard_write(t, 8));
		fake.starve = starve;
		KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD, 0,
						    9 * DISCARD_BLOCK_SECTORS));
		fake.starve = 0;
		for (i = 0; i < 9; i++)
			KUNIT_EXPECT_FALSE(test, vhdx_e_present(vt->bat[i]));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		fake_kernel_run();
		KUNIT_EXPECT_EQ(test, vt->limbo_mib, 0);
	}
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
}

/* Zeroes: whole blocks are freed if they may be; the rest is zeroed in place. */
static void discard_zeroes(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	const u32 sectors = DISCARD_BLOCK_SECTORS;

	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES, 0, sectors));
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(vt->bat[0]));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1);
	/* FUA: durable. */
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES | REQ_FUA,
					    sectors, sectors));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	/* In place, as asked. */
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES | REQ_NOUNMAP,
					    2 * sectors, sectors));
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vt->bat[2]));
	KUNIT_EXPECT_EQ(test, 0, discard_read(t, 2 * sectors));
	KUNIT_EXPECT_EQ(test, 0, discard_read(t, 3 * sectors - 8));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 3 * sectors));
	/* A part of one; FUA: there is a flush behind. */
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES | REQ_FUA,
					    3 * sectors + 8, 16));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 3 * sectors));
	KUNIT_EXPECT_EQ(test, 0, discard_read(t, 3 * sectors + 8));
	KUNIT_EXPECT_EQ(test, 0x77, discard_read(t, 3 * sectors + 24));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
	/* Absent. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES,
					    10 * sectors + 8, 8));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(vt->bat[10]));
	/* In the middle of one that is being prepared. */
	vk_target_suspend(&t->vkt, false);
}

/* Tables that free nothing. */
static void discard_not(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct fake_bio *fbio;

	vk_target_suspend(&t->vkt, false);
	vt->no_discard = true;
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_FALSE(test, vt->frees);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP,
			discard_do(t, REQ_OP_DISCARD, 0, DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_WRITE_ZEROES, 0,
					    DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vt->bat[0]));
	KUNIT_EXPECT_EQ(test, 0, discard_read(t, 0));

	/* Not passed down. */
	vk_target_suspend(&t->vkt, false);
	vt->no_discard = false;
	vt->no_discard_passdown = true;
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD, 0,
					    DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    DISCARD_BLOCK_SECTORS + 8, 8));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_DISCARD), 0);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, t->taken - 2);
	/* Without a session one is opened, in mode ro it fails. */
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD,
					    DISCARD_BLOCK_SECTORS,
					    DISCARD_BLOCK_SECTORS));
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(vt->bat[1]));
	vhdx_set_mode(vt, VHDX_MODE_RO, "the test says so");
	fbio = discard_send(t, REQ_OP_DISCARD, 2 * DISCARD_BLOCK_SECTORS,
			    DISCARD_BLOCK_SECTORS);
	KUNIT_EXPECT_EQ(test, -EIO, discard_end(t, fbio));
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vt->bat[2]));
	vk_target_suspend(&t->vkt, false);
}

/* One that waits for the worker when the mode changes: it ends, and is not tried for ever. */
static void discard_mode_changes(struct kunit *test)
{
	struct discard_test *t = test->priv;
	struct vhdx_target *vt = discard_start(t);
	struct fake_bio *fbio;
	u32 i;

	fbio = discard_send(t, REQ_OP_DISCARD, 2 * DISCARD_BLOCK_SECTORS,
			    DISCARD_BLOCK_SECTORS);
	KUNIT_EXPECT_FALSE(test, fbio->done);
	vhdx_set_mode(vt, VHDX_MODE_RO, "the test says so");
	for (i = 0; i < 100 && fake_kernel_step(false); i++)
		;
	KUNIT_EXPECT_TRUE(test, fake_kernel_idle());
	KUNIT_EXPECT_EQ(test, -EIO, discard_end(t, fbio));

	/* The same if the session cannot be opened for it. */
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	fbio = discard_send(t, REQ_OP_DISCARD, 2 * DISCARD_BLOCK_SECTORS,
			    DISCARD_BLOCK_SECTORS);
	for (i = 0; i < 100 && fake_kernel_step(false); i++)
		;
	KUNIT_EXPECT_TRUE(test, fake_kernel_idle());
	KUNIT_EXPECT_EQ(test, -EIO, discard_end(t, fbio));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	vk_target_suspend(&t->vkt, false);
}

/*
 * A suspend waits for it, or a write for space below, that others have to give back: so it
 * is not done in pieces.
 */
static void discard_hurry_by(struct kunit *test, bool full)
{
	struct discard_test *t = test->priv;
	struct fake_bio *fbio = NULL;
	u32 i = 0;

	discard_start(t);
	KUNIT_EXPECT_EQ(test, 0, discard_do(t, REQ_OP_DISCARD, DISCARD_BLOCK_SECTORS,
					    3 * DISCARD_BLOCK_SECTORS));
	if (full) {
		t->dev->full = true;
		fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 9 * DISCARD_BLOCK_SECTORS, 8);
		vk_guest_submit(&t->vkt, fbio);
		fake_kernel_run();
		KUNIT_EXPECT_FALSE(test, fbio->done);
		t->dev->full = false;
		queue_work(t->vt->commit_wq, &t->vt->commit);
		fake_kernel_run();
	} else {
		vk_target_suspend(&t->vkt, false);
	}
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_DISCARD), 1);
	while (i < t->dev->nr_events && t->dev->events[i].op != FAKE_DISCARD)
		i++;
	KUNIT_EXPECT_TRUE(test, discard_event(t, i, FAKE_DISCARD, t->first + 2, 6));
	KUNIT_EXPECT_EQ(test, t->vt->limbo_mib, 0);
	if (!full)
		return;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, 0, discard_end(t, fbio));
	vk_target_suspend(&t->vkt, false);
}

static void discard_hurry(struct kunit *test)
{
	discard_hurry_by(test, false);
}

static void discard_hurry_full(struct kunit *test)
{
	discard_hurry_by(test, true);
}

/* What a device with such units frees if it is given a range of GiB in pieces, but for its ends. */
static u64 discard_freed(struct kunit *test, u32 granularity, u32 alignment)
{
	u64 unit = granularity ?: 512, off = SZ_4M, end = off + (10ULL << 30), freed = 0;
	u64 shift = unit - alignment % unit, piece, first, last;

	for (; off < end; off += piece) {
		piece = vhdx_io_discard_piece(off, end - off, SZ_8M, granularity, alignment);
		KUNIT_ASSERT_GT(test, piece, 0);
		KUNIT_ASSERT_LE(test, piece, U32_MAX);
		first = DIV_ROUND_UP_ULL(off + shift, unit);
		last = div64_u64(off + piece + shift, unit);
		freed += last > first ? (last - first) * unit : 0;
	}
	return freed;
}

/* It loses nothing by it that they are pieces, wherever its units begin. */
static void discard_granularity(struct kunit *test)
{
	static const u32 units[] = {
		0, 512, SZ_4K, SZ_2M, 3 * SZ_1M, SZ_8M, 42 * SZ_1M, 1U << 30, 0xfffff000,
	};
	static const u32 alignments[] = { 0, 512, SZ_1M, 41 * SZ_1M, (1U << 30) - SZ_4K, U32_MAX - 511 };
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		for (j = 0; j < ARRAY_SIZE(alignments); j++) {
			u64 unit = units[i] ?: 512, shift = unit - alignments[j] % unit;
			u64 first = DIV_ROUND_UP_ULL(SZ_4M + shift, unit);
			u64 last = div64_u64(SZ_4M + (10ULL << 30) + shift, unit);

			KUNIT_EXPECT_EQ(test, discard_freed(test, units[i], alignments[j]),
					(last - first) * unit);
		}
	}
}

static struct kunit_case discard_cases[] = {
	KUNIT_CASE(discard_whole),
	KUNIT_CASE(discard_hurry),
	KUNIT_CASE(discard_hurry_full),
	KUNIT_CASE(discard_parts),
	KUNIT_CASE(discard_flights),
	KUNIT_CASE(discard_in_commit),
	KUNIT_CASE(discard_said_before),
	KUNIT_CASE(discard_fails),
	KUNIT_CASE(discard_no_space),
	KUNIT_CASE(discard_no_memory),
	KUNIT_CASE(discard_zeroes),
	KUNIT_CASE(discard_not),
	KUNIT_CASE(discard_mode_changes),
	KUNIT_CASE(discard_granularity),
	{}
};

static struct kunit_suite discard_suite = {
	.name = "vhdx-discard",
	.init = discard_test_init,
	.exit = discard_test_exit,
	.test_cases = discard_cases,
};

kunit_test_suite(discard_suite);
