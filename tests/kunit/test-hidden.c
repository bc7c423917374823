// SPDX-License-Identifier: GPL-2.0
/*
 * A flush fails, and reads go on to see what it has dropped: no later one makes it durable.
 * Nor does one that fails as well tell of what it drops.
 */
#include <linux/slab.h>

#include "vhdx-bitmap.h"
#include "vk-tables.h"

/* More than a replay takes. */
#define HIDDEN_FLUSHES	20U

/* Block 0 is the parent's, but for its first sector. */
static void hidden_judge_child(struct tables_test *t, struct fake_dev *crash,
			       struct vhdx_image *image)
{
	u64 off = (u64)image->bitmap[0] << 20;
	u32 i, bits = 0;

	if (!vhdx_e_has_space(image->bat[0]))
		return;
	vk_view_dev(crash, image, off, t->buf, VHDX_SECTOR);
	for (i = 0; i < 2048; i++)
		bits += vhdx_bitmap_test(t->buf, i);
	if (vhdx_e_present(image->bat[0]) || bits > 1)
		vk_fail(&t->check, "%u sectors show what the space held", bits);
}

static void hidden_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct tables_test *t = dev->hook_arg;
	struct fake_dev *crash;
	struct vhdx_image *image;
	const char *error = NULL;
	u32 i;

	t->check.step++;
	for (i = 0; i < 4 && !t->check.failed; i++) {
		image = kzalloc(sizeof(*image), GFP_KERNEL | __GFP_NOFAIL);
		crash = fake_dev_crash(dev, &t->check.rnd);
		vhdx_image_init(image, &crash->bdev, true);
		image->parents = dev->parent;
		if (vhdx_image_load(image, &error))
			vk_fail(&t->check, "a crash state does not open: %s", error);
		else if (dev->parent)
			hidden_judge_child(t, crash, image);
		vhdx_image_unload(image);
		kfree(image);
		fake_dev_free(crash);
	}
}

/* What a power cut leaves of a session that has only been opened: one entry of the log. */
static struct fake_dev *hidden_dirty(struct tables_test *t)
{
	struct fake_dev *crash;

	tables_start(t);
	KUNIT_EXPECT_EQ(t->check.test, 0, tables_write(t, 0, 5));
	crash = fake_dev_bare(t->dev);
	fake_dev_detach(crash);
	vk_target_suspend(&t->vkts[0], false);
	return crash;
}

/* Its replay, of which flush number @n fails, and what comes after; false: there are less. */
static bool hidden_replay(struct tables_test *t, struct fake_dev *dev, u32 n)
{
	struct kunit *test = t->check.test;
	struct vk_target *vkt = &t->vkts[1];
	int r;

	KUNIT_ASSERT_EQ(test, 0, vk_target_new(vkt, dev, 0));
	dev->fail_in[FAKE_FLUSH] = n;
	r = vk_target_resume(vkt);
	KUNIT_EXPECT_EQ(test, !r, dev->fail_in[FAKE_FLUSH] != 0);
	dev->fail_in[FAKE_FLUSH] = 0;
	if (r)
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(vkt));
	dev->hook_arg = t;
	dev->hook = hidden_hook;
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 1, 6));
	dev->hook = NULL;
	vk_target_suspend(vkt, false);
	vk_target_free(vkt);
	return r;
}

/*
 * The header that was read when the image was loaded may be such: the log that the one before
 * it needs is not to be overwritten.
 */
static void hidden_header(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct fake_dev *dirty = hidden_dirty(t), *dev;
	bool failed = true;
	u32 n;

	for (n = 1; failed && n < HIDDEN_FLUSHES; n++) {
		dev = fake_dev_bare(dirty);
		dev->bdev.bd_dev = MKDEV(7, 0);
		dev->flush_hides = true;
		failed = hidden_replay(t, dev, n);
		fake_dev_free(dev);
	}
	fake_dev_free(dirty);
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_GT(test, n, 4);
}

/* A child's image; its bitmap is there, and full of bits, or there is none. */
static struct fake_dev *hidden_child(struct tables_test *t, struct fake_dev *parent, bool stale)
{
	u32 mib = vk_free_mib(&t->spec);
	struct fake_dev *dev;

	dev = tables_format(t);
	dev->parent = parent;
	dev->fill = 0xff;
	dev->flush_hides = true;
	if (stale)
		vk_set_bitmap(dev, &t->spec, 0, mib);
	return dev;
}

/*
 * An entry of the log that is read, and gone: what is in it is only true together, and so it
 * is not to be put in its place piece by piece.
 */
static void hidden_entry(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	struct fake_dev *parent, *dev;
	struct vhdx_header header;
	bool damaged;
	u32 round;

	parent = tables_format(t);
	parent->bdev.bd_dev = MKDEV(240, 241);
	vk_set_bat(parent, &t->spec, 0, VHDX_BLOCK_FULL, vk_free_mib(&t->spec));
	vk_get_header(parent, &header, &damaged);
	t->spec.parent = &header.data_write_guid;
	for (round = 0; round < 40 && !t->check.failed; round++) {
		dev = hidden_child(t, parent, round % 2);
		KUNIT_ASSERT_EQ(test, 0, vk_target_new(vkt, dev, 0));
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(vkt));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(vkt, REQ_OP_WRITE, 0, 1, t->buf));
		/* The data is durable, and the entry only written. */
		dev->fail_in[FAKE_FLUSH] = 2;
		KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(vkt));
		KUNIT_EXPECT_EQ(test, dev->losses, 1);
		vk_target_suspend(vkt, false);
		dev->hook_arg = t;
		dev->hook = hidden_hook;
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
		KUNIT_EXPECT_EQ(test, vkt->vt->bat[0] & VHDX_E_STATE, (u32)VHDX_BLOCK_PARTIAL);
		dev->hook = NULL;
		vk_target_suspend(vkt, false);
		vk_target_free(vkt);
		fake_dev_free(dev);
	}
	fake_dev_free(parent);
	t->spec.parent = NULL;
}

/* A flush of a guest fails, and after it a write is done: the mode is still rw. */
static void hidden_begin(struct tables_test *t)
{
	struct vk_target *vkt = &t->vkts[0];
	struct fake_bio *flush, *write;
	struct vhdx_target *vt = tables_start(t);

	KUNIT_EXPECT_EQ(t->check.test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(vkt));
	t->dev->fail_in[FAKE_BIO] = 1;
	flush = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH, VK_BEGIN, 0);
	vk_guest_submit(vkt, flush);
	while (!vhdx_flush_has_failed(&vt->image) && fake_kernel_step(false))
		;
	write = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 5 * 2048 + 100, 8);
	vk_guest_submit(vkt, write);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(t->check.test, flush->status, -EIO);
	KUNIT_EXPECT_EQ(t->check.test, write->status, 0);
	KUNIT_EXPECT_EQ(t->check.test, vt->mode, VHDX_MODE_RO);
	fake_bio_free(flush);
	fake_bio_free(write);
}

/* That of the suspend may drop what was written, and then nobody was told of it yet. */
static void hidden_twice(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	u32 fails;

	t->dev->flush_loses = true;
	for (fails = 0; fails < 2; fails++) {
		hidden_begin(t);
		/* This one tells of the write. */
		KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(vkt));
		t->dev->losses = 0;
		t->dev->fail_in[FAKE_FLUSH] = fails;
		vk_target_suspend(vkt, false);
		KUNIT_EXPECT_EQ(test, t->dev->losses, fails);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
		tables_expect_lost(t, 0);
		vk_target_suspend(vkt, false);
		vk_target_free(vkt);
		t->table = 0;
	}
}

/* A write that is acknowledged while a flush is under way, which then drops it. */
static void hidden_overtake(struct fake_dev *dev, const struct fake_event *event)
{
	struct tables_test *t = dev->hook_arg;

	if (event->op != FAKE_FLUSH && event->op != FAKE_BIO)
		return;
	dev->hook = NULL;
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE, 5 * 2048 + 100,
						      8, t->buf));
}

/*
 * A FLUSH tells of what was acknowledged before it was sent, be it passed on or a commit's. One
 * that comes when it has failed tells of more, but not of all: see hidden_slow().
 */
static void hidden_overtaken(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	u32 dirty, more;

	t->dev->flush_loses = true;
	for (dirty = 0; dirty < 2; dirty++) {
		for (more = 0; more < 2; more++) {
			tables_start(t);
			KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
			KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
			if (dirty)
				KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 6));
			t->dev->losses = 0;
			t->dev->fail_in[dirty ? FAKE_FLUSH : FAKE_BIO] = 1;
			t->dev->hook_arg = t;
			t->dev->hook = hidden_overtake;
			KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(vkt));
			KUNIT_EXPECT_EQ(test, t->dev->losses, 1);
			if (more)
				KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(vkt));
			vk_target_suspend(vkt, false);
			KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
			tables_expect_lost(t, 0);
			vk_target_suspend(vkt, false);
			vk_target_free(vkt);
			t->table = 0;
		}
	}
}

/* A flush of a guest fails; the one that comes after it fails, too, and that is the last. */
static void hidden_fail(struct tables_test *t)
{
	t->dev->losses = 0;
	t->dev->fail_in[FAKE_BIO] = 1;
	KUNIT_EXPECT_EQ(t->check.test, -EIO, vk_guest_flush(&t->vkts[0]));
	KUNIT_EXPECT_EQ(t->check.test, t->dev->losses, 1);
	KUNIT_EXPECT_EQ(t->check.test, -EIO, vk_guest_flush(&t->vkts[0]));
}

static void hidden_zeroed(struct fake_dev *dev, const struct fake_event *event)
{
	if (event->op != FAKE_ZERO)
		return;
	dev->hook = NULL;
	hidden_fail(dev->hook_arg);
}

/* The device has what was written, but nobody was told so yet. */
static void hidden_slow_write(struct tables_test *t)
{
	struct fake_bio *write = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 5 * 2048 + 100, 8);

	memset(fake_bio_data(write), 0, VHDX_SECTOR);
	vk_guest_submit(&t->vkts[0], write);
	write->write->in_flight = false;
	write->write = NULL;
	list_del_init(&write->list);
	hidden_fail(t);
	list_add_tail(&write->list, &fake.bios);
	fake_kernel_run();
	KUNIT_EXPECT_EQ(t->check.test, write->status, 0);
	fake_bio_free(write);
}

/*
 * A write that is under way when a flush drops what it has written so far, and is acknowledged
 * only when all FLUSHes have failed that there are: they do not tell of it.
 */
static void hidden_slow(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	u32 zeroes;

	t->dev->flush_loses = true;
	for (zeroes = 0; zeroes < 2; zeroes++) {
		tables_start(t);
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
		t->dev->hook_arg = t;
		if (zeroes) {
			t->dev->hook = hidden_zeroed;
			KUNIT_EXPECT_EQ(test, 0,
					vk_guest_io(vkt, REQ_OP_WRITE_ZEROES | REQ_NOUNMAP,
						    5 * 2048 + 100, 8, NULL));
		} else {
			hidden_slow_write(t);
		}
		KUNIT_EXPECT_EQ(test, vkt->vt->mode, VHDX_MODE_RO);
		vk_target_suspend(vkt, false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(vkt, REQ_OP_READ, 5 * 2048 + 100, 8, t->buf));
		/* As it was before. */
		KUNIT_EXPECT_TRUE(test, !memchr_inv(t->buf, 0x77, VHDX_SECTOR));
		tables_expect_lost(t, 0);
		vk_target_suspend(vkt, false);
		vk_target_free(vkt);
		t->table = 0;
	}
}

/* The flush that follows a FUA write: who has sent that hears of it, and of no other write. */
static void hidden_fua(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];
	u32 rounds;

	t->dev->flush_loses = true;
	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 6));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
	for (rounds = 0; rounds < 2; rounds++) {
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
		t->dev->losses = 0;
		t->dev->fail_in[FAKE_FLUSH] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, vk_guest_io(vkt, REQ_OP_WRITE | REQ_FUA,
							6 * 2048, 8, t->buf));
		KUNIT_EXPECT_EQ(test, t->dev->losses, 1);
		vk_target_suspend(vkt, false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
		/* That is durable, and says nothing of others either. */
		if (rounds)
			KUNIT_EXPECT_EQ(test, 0, vk_guest_io(vkt, REQ_OP_WRITE | REQ_FUA,
							     6 * 2048, 8, t->buf));
		tables_expect_lost(t, 0);
	}
	vk_target_suspend(vkt, false);
}

/* A flush in the middle of zeroing: with that the device drops the zeroes so far. */
static void hidden_in_between(struct fake_dev *dev, const struct fake_event *event)
{
	struct tables_test *t = dev->hook_arg;

	if (event->op != FAKE_ZERO && event->op != FAKE_WRITE)
		return;
	dev->hook = NULL;
	dev->fail_in[FAKE_BIO] = 1;
	KUNIT_EXPECT_EQ(t->check.test, dev->fail_errno, vk_guest_flush(&t->vkts[0]));
	KUNIT_EXPECT_EQ(t->check.test, dev->losses, 1);
}

/* What a device calls its errors is its own affair: it has not made durable what it should. */
static void hidden_error(struct kunit *test)
{
	static const int errnos[] = { -EIO, -EAGAIN, -ENOSPC, -ETIMEDOUT };
	struct tables_test *t = test->priv;
	struct fake_dev *crash;
	u64 mib;
	u32 i;

	t->dev->flush_loses = true;
	for (i = 0; i < ARRAY_SIZE(errnos); i++) {
		tables_start(t);
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, i));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
		t->dev->losses = 0;
		t->dev->fail_errno = errnos[i];
		t->dev->hook_arg = t;
		t->dev->hook = hidden_in_between;
		tables_write(t, 0, 20 + i);
		KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkts[0]));
		KUNIT_EXPECT_EQ(test, t->vkts[0].vt->mode, VHDX_MODE_RO);
		vk_target_suspend(&t->vkts[0], false);
		crash = fake_dev_bare(t->dev);
		mib = vk_get_bat(crash, &t->spec, 20 + i);
		fake_dev_peek(crash, mib << 20, t->buf, VHDX_SECTOR);
		KUNIT_EXPECT_TRUE(test, !mib || !memchr_inv(t->buf, 0, VHDX_SECTOR));
		fake_dev_free(crash);
		vk_target_free(&t->vkts[0]);
		t->table = 0;
	}
}

/* One that must not wait is not tried if it would have to: nothing is lost. */
static void hidden_nowait(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[0];

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
	t->dev->fail_errno = -EAGAIN;
	t->dev->fail_in[FAKE_BIO] = 1;
	KUNIT_EXPECT_EQ(test, -EAGAIN, vk_guest_io(vkt, REQ_OP_WRITE | REQ_PREFLUSH | REQ_NOWAIT,
						   0, 0, NULL));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
	KUNIT_EXPECT_EQ(test, vkt->vt->mode, VHDX_MODE_RW);
	vk_target_suspend(vkt, false);
}

static struct kunit_case hidden_cases[] = {
	KUNIT_CASE(hidden_entry),
	KUNIT_CASE(hidden_error),
	KUNIT_CASE(hidden_fua),
	KUNIT_CASE(hidden_header),
	KUNIT_CASE(hidden_nowait),
	KUNIT_CASE(hidden_overtaken),
	KUNIT_CASE(hidden_slow),
	KUNIT_CASE(hidden_twice),
	{}
};

static struct kunit_suite hidden_suite = {
	.name = "vhdx-hidden",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = hidden_cases,
};

kunit_test_suite(hidden_suite);
