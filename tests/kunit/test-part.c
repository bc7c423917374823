// SPDX-License-Identifier: GPL-2.0
/* Blocks in parts: writes to what a parent has, bits, and bitmaps in core. */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "vk-part.h"

/* Nothing is copied, neighbours show the parent. */
static void part_first_write(struct kunit *test)
{
	struct part_test *t = test->priv;

	part_start(t);
	KUNIT_EXPECT_EQ(test, part_read(t, 9), PART_OLD);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 9, 3));
	KUNIT_EXPECT_EQ(test, part_state(t, 0), (u32)VHDX_BLOCK_PARTIAL);
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
	KUNIT_EXPECT_EQ(test, part_read(t, 9), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 11), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 12), PART_OLD);
	/* One that has a tile by now: it is no longer coarse, or a new one. */
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 2048, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 2048), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 2056), PART_OLD);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 2061, 1));
	KUNIT_EXPECT_EQ(test, part_read(t, 2060), PART_OLD);
	KUNIT_EXPECT_EQ(test, part_read(t, 2061), PART_NEW);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 2061), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 2062), PART_OLD);
}

/* Claim 24: data, flush, entry, flush. */
static void part_data_first(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 data, flush, entry;

	part_start(t);
	/* The session, and a bitmap. */
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, REQ_FUA, 8, 8));
	data = part_event(t, 0, FAKE_BIO);
	flush = part_event(t, data, FAKE_FLUSH);
	entry = part_event(t, data, FAKE_WRITE);
	KUNIT_EXPECT_LT(test, data, flush);
	KUNIT_EXPECT_LT(test, flush, entry);
	KUNIT_EXPECT_LT(test, part_event(t, entry, FAKE_FLUSH),
			t->dev->nr_events);
	/* What is here and durable is overwritten as in any block. */
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_NEW);
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0U);
}

/* Claim 25: as many as fit into an entry, which is one. */
static void part_one_entry(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct fake_bio **fbio;
	u32 i, done = 0;

	fbio = kunit_kcalloc(test, PART_PARENT, sizeof(*fbio), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fbio);
	part_start(t);
	for (i = 0; i < PART_PARENT; i++) {
		fbio[i] = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
				       i * (sector_t)PART_BLOCK_SECTORS, 1);
		vk_guest_submit(&t->vkt, fbio[i]);
		KUNIT_EXPECT_LE(test, t->vt->running->sectors,
				VHDX_LOG_FIRST_DESCS);
	}
	fake_kernel_run();
	for (i = 0; i < PART_PARENT; i++) {
		done += fbio[i]->done && !fbio[i]->status;
		if (fbio[i]->done)
			fake_bio_free(fbio[i]);
	}
	KUNIT_EXPECT_EQ(test, done, PART_PARENT);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ENTRIES), vhdx_stat(&t->vt->stats, VHDX_STAT_COMMITS));
}

/* Claim 26: what others have left in a bitmap means nothing. */
static void part_stale_bits(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 mib = vk_free_mib(&t->spec);

	/* The first chunk's bitmap is there, and full of bits. */
	vk_set_bat(t->dev, &t->spec, 0, VHDX_BLOCK_NOT_PRESENT, 0);
	vk_set_bitmap(t->dev, &t->spec, 0, mib);
	part_start(t);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_OLD);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, part_state(t, 0), (u32)VHDX_BLOCK_PARTIAL);
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
	KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS - 1), PART_OLD);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
}

/* Claim 27: what the space of a new bitmap held means nothing, either. */
static void part_new_bitmap(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 mib, i, bits = 0;

	t->dev->fill = 0xff;
	part_start(t);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, REQ_FUA, 0, 8));
	mib = t->vt->image.bitmap[0];
	KUNIT_ASSERT_NE(test, mib, 0U);
	vk_target_suspend(&t->vkt, false);
	fake_dev_peek(t->dev, (u64)mib << 20, t->buf, VHDX_SECTOR);
	for (i = 0; i < VHDX_SECTOR * 8; i++)
		bits += vhdx_bitmap_test(t->buf, i);
	KUNIT_EXPECT_EQ(test, bits, 8U);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
}

/* Claim 28: bits stay in core until they are durable in their place. */
static void part_bits_stay(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	unsigned long gone;

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	mutex_lock(&vt->publish);
	gone = vhdx_bits_shrink(vt->chain, 100);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, gone, 0UL);	/* published */
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	mutex_lock(&vt->publish);
	gone = vhdx_bits_shrink(vt->chain, 100);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, gone, 0UL);	/* in the log only */
	KUNIT_EXPECT_EQ(test, 0, vhdx_log_checkpoint(&vt->log));
	mutex_lock(&vt->publish);
	gone = vhdx_bits_shrink(vt->chain, 100);
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, gone, 1UL);
	/* They are read again. */
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 16), PART_OLD);
}

/* Claim 29: where no parent has anything it is as if there were none. */
static void part_nobody_has_it(struct kunit *test)
{
	struct part_test *t = test->priv;
	sector_t sector = PART_PARENT * (sector_t)PART_BLOCK_SECTORS;

	part_start(t);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, sector, 8));
	KUNIT_EXPECT_EQ(test, part_state(t, PART_PARENT), (u32)VHDX_BLOCK_FULL);
	KUNIT_EXPECT_EQ(test, part_read(t, sector + 8), 0);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, sector - 8, 8));
	KUNIT_EXPECT_EQ(test, part_state(t, PART_PARENT - 1),
			(u32)VHDX_BLOCK_PARTIAL);
}

/* All bits set: a block like others. */
static void part_becomes_full(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 sector;

	part_start(t);
	for (sector = 0; sector < PART_BLOCK_SECTORS; sector += 32) {
		KUNIT_EXPECT_EQ(test, part_state(t, 0), sector ?
				(u32)VHDX_BLOCK_PARTIAL : VHDX_CORE_PARENT);
		KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, sector, 32));
	}
	KUNIT_EXPECT_EQ(test, part_state(t, 0), (u32)VHDX_BLOCK_FULL);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_state(t, 0), (u32)VHDX_BLOCK_FULL);
	KUNIT_EXPECT_EQ(test, t->vt->image.allocated_blocks, 1U);
}

/* A discard hides the parent, and so does what is written afterwards. */
static void part_discard(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct fake_bio *fbio;
	u32 block;

	part_start(t);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	for (block = 0; block < 2; block++) {
		fbio = fake_bio_new(REQ_OP_DISCARD, VK_BEGIN +
				    block * PART_BLOCK_SECTORS, 0);
		fbio->bio.bi_iter.bi_size = PART_BLOCK_SECTORS << SECTOR_SHIFT;
		vk_guest_submit(&t->vkt, fbio);
		fake_kernel_run();
		KUNIT_EXPECT_TRUE(test, fbio->done && !fbio->status);
		fake_bio_free(fbio);
		KUNIT_EXPECT_EQ(test, part_read(t, block * PART_BLOCK_SECTORS), 0);
	}
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), 0);
	KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS), 0);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), 0);
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_NEW);
}

/* Somebody changes an image, but nothing that its child could see. */
static void part_edit(struct part_test *t, struct fake_dev *dev)
{
	struct vhdx_header header;
	bool damaged;

	KUNIT_ASSERT_TRUE(t->check.test, vk_get_header(dev, &header, &damaged));
	header.sequence++;
	guid_gen(&header.file_write_guid);
	vk_set_header(dev, &header);
}

/*
 * A parent is changed while who uses it is suspended: the tables of that mapped
 * device may go on, and further ones; not those of others.
 */
static void part_parent_edited(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vk_target *first = &t->vkt, *second = &t->more[0];
	struct vk_target *third = &t->more[1], *other = &t->more[2];
	unsigned long table;

	t->other = vk_format(&t->spec);
	t->other->parent = t->parent;
	t->other->bdev.bd_dev = MKDEV(240, 242);
	part_start(t);
	table = (unsigned long)first->ti.table;
	/* Before the next table is resumed. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_load(second, table, t->dev, 0, false));
	vk_target_suspend(first, false);
	part_edit(t, t->parent);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(second));
	KUNIT_EXPECT_EQ(test, part_read_from(t, second, 9), PART_OLD);
	vk_target_suspend(second, false);
	/* Before it is loaded; and the old one goes on after all. */
	part_edit(t, t->parent);
	KUNIT_ASSERT_EQ(test, 0, vk_target_load(third, table, t->dev, 0, false));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(second));
	KUNIT_EXPECT_EQ(test, part_read_from(t, second, 9), PART_OLD);
	vk_target_suspend(second, false);
	vk_target_drop(third);
	/* One that is not suspended; where it writes, who is loaded waits. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_load(third, table, t->dev, 0, true));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(third));
	vk_target_drop(second);
	part_edit(t, t->parent);
	KUNIT_EXPECT_EQ(test, -EBUSY,
			vk_target_load(second, table, t->dev, 0, true));
	vk_target_drop(second);
	/* Another mapped device's. */
	vk_target_suspend(third, false);
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_new(other, t->other, 0));
	vk_target_free(other);
	KUNIT_EXPECT_EQ(test, 0, vk_target_load(second, table, t->dev, 0, true));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(third));
	KUNIT_EXPECT_EQ(test, part_read_from(t, third, 9), PART_OLD);
	vk_target_suspend(third, false);
}

/* A place that was set aside will do for a sector bitmap if there is no other. */
static void part_bitmap_aside(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	u32 mib, taken = 0;

	mutex_lock(&vt->publish);
	for (mib = 1; mib < vt->image.space.size; mib++)
		vhdx_space_claim(&vt->image.space, mib, 1);
	/* A bitmap, and a block. */
	for (mib -= 2 * PART_BLOCK_MIB; taken < 2; taken++)
		vhdx_set_space_aside(vt, mib + taken * PART_BLOCK_MIB);
	mutex_unlock(&vt->publish);
	vt->error_if_no_space = true;
	vt->no_room.fail_at_once = true;
	KUNIT_EXPECT_EQ(test, 0, part_write(t, REQ_FUA, 0, 8));
	KUNIT_EXPECT_EQ(test, vt->image.bitmap[0], mib);
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
}

/*
 * Loaded while a parent is still written, or before it was edited: what the table says
 * of the leaf's space holds, unless somebody writes to the leaf as well.
 */
static void part_zeroed_stays(struct kunit *test)
{
	struct part_test *t = test->priv;
	sector_t sector = PART_PARENT * (sector_t)PART_BLOCK_SECTORS;
	struct vk_target *live = &t->more[0], *next = &t->vkt;
	unsigned long table;
	u32 how;

	for (how = 0; how < 3; how++, sector += PART_BLOCK_SECTORS) {
		table = fake_md_new();
		if (how < 2) {
			KUNIT_ASSERT_EQ(test, 0, vk_target_load(live, table,
								t->parent, 0, false));
			KUNIT_ASSERT_EQ(test, 0, vk_target_resume(live));
		}
		KUNIT_ASSERT_EQ(test, 0,
				vk_target_load(next, table, t->dev, 0, false));
		KUNIT_EXPECT_EQ(test, next->vt->image.loaded, how == 2);
		next->vt->zeroed_from_mib = vk_free_mib(&t->spec);
		if (how < 2)
			vk_target_suspend(live, false);
		else
			part_edit(t, t->parent);
		if (how == 1)
			part_edit(t, t->dev);
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(next));
		vk_target_drop(live);
		t->vt = next->vt;
		KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, sector, 8));
		KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ZEROED), (u64)(how == 1));
		vk_target_suspend(next, false);
		/* For another mapped device nothing is known of it. */
		vk_target_free(next);
	}
}

/* Another device that is given up on: it is well again after a while. */
static void part_heal(struct fake_dev *dev, const struct fake_event *event)
{
	if (dev->nr_events > 40)
		dev->bad_end = 0;
}

/*
 * An error of the device is no lack of memory, whatever it is called: nobody waits for
 * a commit then, and no space is given back twice.
 */
static void part_bitmap_again(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	u32 taken = vt->image.space.taken;

	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	fake_dev_forget(t->dev);
	t->dev->hook = part_heal;
	t->dev->fail_errno = -EAGAIN;
	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = t->dev->bytes;
	KUNIT_EXPECT_NE(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, vt->image.space.taken - taken, vt->chain->nr_bad);
	t->dev->bad_end = 0;
	KUNIT_EXPECT_EQ(test, 0, part_write(t, REQ_FUA, 0, 8));
	/* The same of bits that cannot be read. */
	KUNIT_EXPECT_EQ(test, 0, vhdx_log_checkpoint(&vt->log));
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_EQ(test, vhdx_bits_shrink(vt->chain, 100), 1UL);
	mutex_unlock(&vt->publish);
	t->dev->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_NEW);
}

/* A write to a block in parts, while that is copied. */
static void part_during_move(struct fake_dev *dev, const struct fake_event *event)
{
	struct part_test *t = dev->hook_arg;
	struct fake_bio *fbio;

	if (event->op != FAKE_WRITE || t->vt->moving != 1 || t->late)
		return;
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + PART_BLOCK_SECTORS + 16, 8);
	memset(fake_bio_data(fbio), PART_NEW, 4096);
	t->late = fbio;
	vk_guest_submit(&t->vkt, fbio);
	fake_kernel_run();
	if (fbio->done)
		vk_fail(&t->check, "it does not wait");
}

/* Claims 37 and 40: bits and all; writes that have landed by then are in, later ones wait. */
static void part_moves(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	struct fake_bio *early;
	char answer[32];
	u32 to, i;

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, PART_BLOCK_SECTORS, 8));
	to = vhdx_e_mib(vt->bat[0]);
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_TRUE(test, vhdx_free_block(vt, 0));
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->limbo_mib, 0U);

	/* Its bits are set by the worker, which is waited for, and has no memory at first. */
	fake.starve = 2;
	fake.allocated++;
	early = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + PART_BLOCK_SECTORS + 8, 8);
	memset(fake_bio_data(early), PART_NEW, 4096);
	vk_guest_submit(&t->vkt, early);
	t->dev->hook = part_during_move;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, 0, vk_target_move(&t->vkt, 1, true, answer,
						sizeof(answer)));
	t->dev->hook = NULL;
	fake.allocated--;
	KUNIT_EXPECT_TRUE(test, early->done && !strncmp(answer, "moved", 5));
	fake_bio_free(early);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[1]), to);
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, t->late && t->late->done);
	fake_bio_free(t->late);
	vk_target_suspend(&t->vkt, false);
	vt->stale = true;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), 0);
	for (i = 0; i < 24; i += 8)
		KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS + i), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, PART_BLOCK_SECTORS + 24), PART_OLD);
	/* What it has itself may be zeros: that says nothing. */
	fake_dev_poke(t->dev, (u64)to << 20, NULL, PART_BLOCK_MIB * SZ_1M);
	KUNIT_EXPECT_EQ(test, 0, vk_target_move(&t->vkt, 1, true, answer,
						sizeof(answer)));
	KUNIT_EXPECT_EQ(test, 0, strncmp(answer, "stays", 5));
}

/* Zeroes, flush, entry, flush; with nothing else in the transaction. */
static void part_bitmap_first(struct kunit *test)
{
	static const enum fake_op ops[] = { FAKE_ZERO, FAKE_FLUSH, FAKE_WRITE, FAKE_FLUSH };
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhdx_bits_add_bitmap(vt, 0));
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 1U);
	vhdx_commit_work(&vt->commit);
	KUNIT_ASSERT_EQ(test, t->dev->nr_events, 4U);
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_EQ(test, t->dev->events[i].op, ops[i]);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].off, (u64)vt->image.bitmap[0] << 20);
}

/* Room in the transaction for one more; then there is none, and space for a bitmap goes back. */
static void part_last_room(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);
	struct fake_bio *fbio;
	u32 taken;

	vt->zeroed_from_mib = 0;
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	vt->running->sectors = VHDX_LOG_FIRST_DESCS;
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + PART_PARENT * PART_BLOCK_SECTORS, 8);
	KUNIT_EXPECT_FALSE(test, vhdx_map_new_block(vt, &fbio->bio, PART_PARENT));
	vt->running->sectors--;
	KUNIT_EXPECT_TRUE(test, vhdx_map_new_block(vt, &fbio->bio, PART_PARENT));
	KUNIT_EXPECT_EQ(test, vt->running->sectors, VHDX_LOG_FIRST_DESCS);
	taken = vt->image.space.taken;
	KUNIT_EXPECT_EQ(test, -EAGAIN, vhdx_bits_add_bitmap(vt, 0));
	KUNIT_EXPECT_EQ(test, vt->image.bitmap[0], 0U);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken);
	vt->running->sectors = 1;
	fake_bio_free(fbio);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
}

/* Map has looked at the entry, and then somebody else has begun the block. */
static void part_begun_meanwhile(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 e = part_start(t)->bat[0];
	struct fake_bio *fbio;

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_NE(test, e, t->vt->bat[0]);
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 16, 8);
	fbio->hook.flight = -1;
	KUNIT_EXPECT_EQ(test, DM_MAPIO_REMAPPED,
			vhdx_part_map(t->vt, &fbio->bio, 16, e));
	KUNIT_EXPECT_EQ(test, fbio->bio.bi_iter.bi_sector,
			(sector_t)vhdx_e_mib(t->vt->bat[0]) * 2048 + 16);
	fake_bio_free(fbio);
}

static void part_close(struct fake_dev *dev)
{
	struct part_test *t = dev->hook_arg;

	KUNIT_EXPECT_EQ(t->check.test, 0, vk_target_message(&t->vkt, "close"));
	KUNIT_EXPECT_EQ(t->check.test, t->vt->session, VHDX_SESSION_CLOSED);
	fake_dev_forget(dev);
}

/* The session is closed while bits are read: there is another one before any data. */
static void part_closed_meanwhile(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt;

	vk_set_bitmap(t->dev, &t->spec, 0, vk_free_mib(&t->spec));
	vt = part_start(t);
	t->dev->hook_arg = t;
	t->dev->on_read = part_close;
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_TRUE(test, !t->dev->on_read);
	KUNIT_EXPECT_EQ(test, vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_SESSIONS), 2ULL);
	KUNIT_EXPECT_LT(test, part_event(t, 0, FAKE_WRITE), part_event(t, 0, FAKE_BIO));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
	KUNIT_EXPECT_EQ(test, part_read(t, 8), PART_OLD);
}

/* What an earlier session has written to its log is in its place since it was closed. */
static void part_bits_of_before(struct kunit *test)
{
	struct part_test *t = test->priv;
	struct vhdx_target *vt = part_start(t);

	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 0, 8));
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
	KUNIT_EXPECT_EQ(test, vt->chain->nr_bits, 1UL);
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(vt));
	mutex_lock(&vt->publish);
	KUNIT_EXPECT_EQ(test, 1UL, vhdx_bits_shrink(vt->chain, 100));
	mutex_unlock(&vt->publish);
	KUNIT_EXPECT_EQ(test, 0, part_write(t, 0, 8, 8));
	KUNIT_EXPECT_EQ(test, part_read(t, 0), PART_NEW);
}

static struct kunit_case part_cases[] = {
	KUNIT_CASE(part_first_write),
	KUNIT_CASE(part_data_first),
	KUNIT_CASE(part_one_entry),
	KUNIT_CASE(part_stale_bits),
	KUNIT_CASE(part_new_bitmap),
	KUNIT_CASE(part_bits_stay),
	KUNIT_CASE(part_nobody_has_it),
	KUNIT_CASE(part_becomes_full),
	KUNIT_CASE(part_discard),
	KUNIT_CASE(part_moves),
	KUNIT_CASE(part_parent_edited),
	KUNIT_CASE(part_bitmap_aside),
	KUNIT_CASE(part_zeroed_stays),
	KUNIT_CASE(part_bitmap_again),
	KUNIT_CASE(part_bitmap_first),
	KUNIT_CASE(part_last_room),
	KUNIT_CASE(part_begun_meanwhile),
	KUNIT_CASE(part_closed_meanwhile),
	KUNIT_CASE(part_bits_of_before),
	{}
};

static struct kunit_suite part_suite = {
	.name = "vhdx-part",
	.init = part_test_init,
	.exit = part_test_exit,
	.test_cases = part_cases,
};

kunit_test_suite(part_suite);
