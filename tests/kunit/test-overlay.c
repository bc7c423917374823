// SPDX-License-Identifier: GPL-2.0
/* The overlay against a naive model: one byte for each sector. */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-image.h"

#define OVERLAY_SECTORS		256
#define OVERLAY_BYTES		(OVERLAY_SECTORS * VHDX_SECTOR)
#define OVERLAY_BASE		0xee	/* what the device holds */
#define OVERLAY_AT		(3ULL << 40)	/* far out, where 32 bits fail */

struct overlay_test {
	struct vk_check check;
	struct vhdx_overlay overlay;
	struct vhdx_backing backing;
	u8 model[OVERLAY_SECTORS];	/* OVERLAY_BASE: not changed */
	u8 *buf;
};

static int overlay_test_init(struct kunit *test)
{
	struct overlay_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	vk_check_init(&t->check, test);
	vhdx_overlay_init(&t->overlay);
	memset(t->model, OVERLAY_BASE, sizeof(t->model));
	t->buf = vmalloc(OVERLAY_BYTES);
	test->priv = t;
	return t->buf ? 0 : -ENOMEM;
}

static void overlay_test_exit(struct kunit *test)
{
	struct overlay_test *t = test->priv;

	if (!t)
		return;
	vhdx_overlay_clear(&t->overlay);
	vfree(t->buf);
}

static void overlay_test_change(struct overlay_test *t)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 at = vk_rnd(rnd, OVERLAY_SECTORS), count;
	u8 stamp = 1 + vk_rnd(rnd, 0xe0);
	int r;

	if (vk_rnd(rnd, 2)) {
		memset(t->buf, stamp, VHDX_SECTOR);
		r = vhdx_overlay_add_data(&t->overlay, OVERLAY_AT +
					  at * VHDX_SECTOR, t->buf);
		t->model[at] = stamp;
	} else {
		count = 1 + vk_rnd(rnd, vk_rnd(rnd, 4) ? 4 : 64);
		count = min(count, OVERLAY_SECTORS - at);
		r = vhdx_overlay_add_zero(&t->overlay, OVERLAY_AT +
					  at * VHDX_SECTOR,
					  count * VHDX_SECTOR);
		memset(t->model + at, 0, count);
	}
	if (r)
		vk_fail(&t->check, "a change fails: %d", r);
}

static void overlay_test_sectors(struct overlay_test *t)
{
	u32 i;

	for (i = 0; i < OVERLAY_SECTORS; i++) {
		const u8 *data = (void *)1;
		bool is = vhdx_overlay_sector(&t->overlay, OVERLAY_AT +
					      i * VHDX_SECTOR,
					      (const void **)&data);
		bool expected = t->model[i] != OVERLAY_BASE;

		if (is != expected)
			vk_fail(&t->check, "sector %u: changed %d", i, is);
		else if (is && (data ? data[0] : 0) != t->model[i])
			vk_fail(&t->check, "sector %u: wrong contents", i);
	}
}

static void overlay_test_equal(struct overlay_test *t, u32 first, u32 count,
			       const char *what)
{
	u32 i;

	for (i = 0; i < count; i++) {
		const u8 *sector = t->buf + i * VHDX_SECTOR;

		if (memchr_inv(sector, t->model[first + i], VHDX_SECTOR))
			vk_fail(&t->check, "%s: sector %u has %02x, not %02x",
				what, first + i, sector[0],
				t->model[first + i]);
	}
}

static void overlay_test_patch(struct overlay_test *t)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 first = vk_rnd(rnd, OVERLAY_SECTORS);
	u32 count = 1 + vk_rnd(rnd, OVERLAY_SECTORS - first);

	memset(t->buf, OVERLAY_BASE, count * VHDX_SECTOR);
	vhdx_overlay_patch(&t->overlay, OVERLAY_AT + first * VHDX_SECTOR,
			   t->buf, count * VHDX_SECTOR);
	overlay_test_equal(t, first, count, "patch");
}

static void overlay_test_write(struct overlay_test *t)
{
	struct fake_dev *dev = fake_dev_new(OVERLAY_AT + OVERLAY_BYTES);

	dev->fill = OVERLAY_BASE;
	t->backing.bdev = &dev->bdev;
	if (vhdx_overlay_write(&t->overlay, &t->backing) || dev->misused)
		vk_fail(&t->check, "it cannot be written");
	fake_dev_peek(dev, OVERLAY_AT, t->buf, OVERLAY_BYTES);
	overlay_test_equal(t, 0, OVERLAY_SECTORS, "write");
	fake_dev_free(dev);
}

/* Ranges are disjoint, in order, and do not touch. */
static void overlay_test_ranges(struct overlay_test *t)
{
	struct range {
		struct rb_node node;
		u64 start;
		u64 end;
	} *range;
	struct rb_node *node;
	u64 last = 0;

	for (node = rb_first(&t->overlay.zero); node; node = rb_next(node)) {
		range = rb_entry(node, struct range, node);
		if (range->start >= range->end || (last && range->start <= last))
			vk_fail(&t->check, "ranges touch");
		last = range->end;
	}
}

static void overlay_random_order(struct kunit *test)
{
	struct overlay_test *t = test->priv;

	for (t->check.step = 0; t->check.step < 1500 && !t->check.failed;
	     t->check.step++) {
		overlay_test_change(t);
		if (t->check.step % 16 == 0) {
			overlay_test_sectors(t);
			overlay_test_ranges(t);
			overlay_test_patch(t);
		}
		if (t->check.step % 300 == 299)
			overlay_test_write(t);
		if (t->check.step % 500 == 499) {
			vhdx_overlay_clear(&t->overlay);
			memset(t->model, OVERLAY_BASE, sizeof(t->model));
		}
	}
}

static void overlay_zero_edges(struct kunit *test)
{
	struct overlay_test *t = test->priv;
	static const u8 ranges[][2] = {
		/* apart, touching on each side, bridging, within, around */
		{ 10, 2 }, { 20, 2 }, { 12, 1 }, { 9, 1 }, { 13, 7 }, { 11, 3 },
		{ 5, 40 }, { 255, 1 }, { 0, 1 }, { 0, 255 },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		u64 off = OVERLAY_AT + ranges[i][0] * VHDX_SECTOR;
		u64 bytes = ranges[i][1] * VHDX_SECTOR;

		t->check.step = i;
		KUNIT_ASSERT_EQ(test, 0, vhdx_overlay_add_zero(&t->overlay, off,
							       bytes));
		memset(t->model + ranges[i][0], 0, ranges[i][1]);
		overlay_test_sectors(t);
		overlay_test_ranges(t);
	}
	KUNIT_EXPECT_PTR_EQ(test, rb_first(&t->overlay.zero),
			    rb_last(&t->overlay.zero));
}

static void overlay_write_error(struct kunit *test)
{
	struct overlay_test *t = test->priv;
	struct fake_dev *dev = fake_dev_new(OVERLAY_AT + OVERLAY_BYTES);

	t->backing.bdev = &dev->bdev;
	memset(t->buf, 1, VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, 0, vhdx_overlay_add_data(&t->overlay, OVERLAY_AT,
						       t->buf));
	KUNIT_EXPECT_EQ(test, 0, vhdx_overlay_add_zero(&t->overlay, OVERLAY_AT +
						       SZ_64K, SZ_64K));
	dev->fail_in[FAKE_ZERO] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vhdx_overlay_write(&t->overlay, &t->backing));
	dev->fail_in[FAKE_WRITE] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vhdx_overlay_write(&t->overlay, &t->backing));
	KUNIT_EXPECT_EQ(test, 0, vhdx_overlay_write(&t->overlay, &t->backing));
	fake_dev_free(dev);
}

/* Who kills a resume does not wait for the whole log to be replayed. */
static void overlay_write_killed(struct kunit *test)
{
	struct overlay_test *t = test->priv;
	struct fake_dev *dev = fake_dev_new(1000 * VHDX_SECTOR);
	u32 i;
	int r;

	t->backing.bdev = &dev->bdev;
	for (i = 0; i < 1000; i++)
		KUNIT_EXPECT_EQ(test, 0, vhdx_overlay_add_data(&t->overlay,
							       i * VHDX_SECTOR,
							       t->buf));
	sigaddset(&current->pending.signal, SIGKILL);
	set_thread_flag(TIF_SIGPENDING);
	r = vhdx_overlay_write(&t->overlay, &t->backing);
	sigdelset(&current->pending.signal, SIGKILL);
	clear_thread_flag(TIF_SIGPENDING);
	KUNIT_EXPECT_EQ(test, -EINTR, r);
	KUNIT_EXPECT_LT(test, fake_dev_count(dev, FAKE_WRITE), 500);
	fake_dev_free(dev);
}

static struct kunit_case overlay_cases[] = {
	KUNIT_CASE(overlay_random_order),
	KUNIT_CASE(overlay_zero_edges),
	KUNIT_CASE(overlay_write_error),
	KUNIT_CASE(overlay_write_killed),
	{}
};

static struct kunit_suite overlay_suite = {
	.name = "vhdx-overlay",
	.init = overlay_test_init,
	.exit = overlay_test_exit,
	.test_cases = overlay_cases,
};

kunit_test_suite(overlay_suite);
