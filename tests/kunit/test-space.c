// SPDX-License-Identifier: GPL-2.0
/* Free space, and what the worker does with it. */
#include <linux/slab.h>

#include "vk-image.h"

#define SPACE_MIB		200

struct space_test {
	struct vk_check check;
	struct vhdx_space space;
	bool model[SPACE_MIB];
	/* for the worker */
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	u8 *buf;
};

static int space_test_init(struct kunit *test)
{
	struct space_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->space.size = SPACE_MIB;
	t->space.map = bitmap_zalloc(SPACE_MIB, GFP_KERNEL);
	t->buf = kmalloc(SZ_64K, GFP_KERNEL);
	return t->space.map && t->buf ? 0 : -ENOMEM;
}

static void space_test_exit(struct kunit *test)
{
	struct space_test *t = test->priv;

	if (!t)
		return;
	bitmap_free(t->space.map);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

/* ------------------------------------------------------------------------
 * The map
 */

static u32 space_test_find(const struct space_test *t, u32 start, u32 count)
{
	u32 mib, run = 0;

	for (mib = start; mib < SPACE_MIB; mib++) {
		run = t->model[mib] ? 0 : run + 1;
		if (run == count)
			return mib + 1 - count;
	}
	return 0;
}

static void space_test_step(struct space_test *t)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 mib = 1 + vk_rnd(rnd, SPACE_MIB + 8), count = 1 + vk_rnd(rnd, 12);
	u32 i, end = min(mib + count, (u32)SPACE_MIB);
	bool free = true;

	for (i = mib; i < end; i++)
		free &= !t->model[i];
	if (vhdx_space_claim(&t->space, mib, count) != free)
		vk_fail(&t->check, "claim of %u+%u", mib, count);
	for (i = mib; free && i < end; i++)
		t->model[i] = true;
	if (free && mib < end && vk_rnd(rnd, 4)) {
		vhdx_space_release(&t->space, mib, end - mib);
		memset(t->model + mib, 0, end - mib);
	}
	mib = 1 + vk_rnd(rnd, SPACE_MIB - 1);
	count = 1 + vk_rnd(rnd, 40);
	i = vhdx_space_find(&t->space, mib, count);
	if (i != space_test_find(t, mib, count))
		vk_fail(&t->check, "%u MiB from %u on: found %u, not %u", count,
			mib, i, space_test_find(t, mib, count));
}

static void space_random(struct kunit *test)
{
	struct space_test *t = test->priv;
	u32 round, i, taken, end = 0;

	for (round = 0; round < 30 && !t->check.failed; round++) {
		for (i = 0; i < 100; i++, t->check.step++)
			space_test_step(t);
		taken = 0;
		for (i = 0; i < SPACE_MIB; i++)
			taken += t->model[i];
		KUNIT_EXPECT_EQ(test, t->space.taken, taken);
		/* The high-water mark never falls. */
		KUNIT_EXPECT_GE(test, t->space.end, end);
		end = t->space.end;
		KUNIT_EXPECT_LE(test, end, SPACE_MIB);
		for (i = end; i < SPACE_MIB; i++)
			KUNIT_EXPECT_FALSE(test, t->model[i]);
		bitmap_zero(t->space.map, SPACE_MIB);
		memset(t->model, 0, sizeof(t->model));
		t->space.taken = 0;
	}
}

static void space_edges(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_space *space = &t->space;

	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, 1, SPACE_MIB), 0);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, 1, SPACE_MIB - 1), 1);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, SPACE_MIB, 1), 0);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, SPACE_MIB + 9, 1), 0);
	KUNIT_EXPECT_TRUE(test, vhdx_space_claim(space, SPACE_MIB, 5));
	KUNIT_EXPECT_TRUE(test, vhdx_space_claim(space, 1ULL << 43, 5));
	KUNIT_EXPECT_EQ(test, space->taken, 0);
	KUNIT_EXPECT_TRUE(test, vhdx_space_claim(space, SPACE_MIB - 1, 5));
	KUNIT_EXPECT_EQ(test, space->taken, 1);
	KUNIT_EXPECT_EQ(test, space->end, SPACE_MIB);
	KUNIT_EXPECT_FALSE(test, vhdx_space_claim(space, SPACE_MIB - 2, 2));
	KUNIT_EXPECT_EQ(test, space->taken, 1);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, SPACE_MIB - 2, 1),
			SPACE_MIB - 2);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, SPACE_MIB - 2, 2), 0);
}

/* ------------------------------------------------------------------------
 * The worker
 */

#define SPACE_BLOCK_MIB		2

/* Room for @blocks blocks, which hold 0xfe. */
static struct vhdx_target *space_test_target(struct space_test *t, u32 blocks)
{
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = SPACE_BLOCK_MIB,
		.logical = 512, .disk_bytes = 256 * (u64)SZ_1M,
	};
	t->spec.dev_mib = vk_free_mib(&t->spec) + blocks * SPACE_BLOCK_MIB;
	t->dev = vk_format(&t->spec);
	t->dev->fill = 0xfe;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) << 20;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	return t->vkt.vt;
}

static sector_t space_test_sector(u32 block, u32 sector)
{
	return block * (sector_t)SPACE_BLOCK_MIB * 2048 + sector;
}

static int space_test_write(struct space_test *t, u32 block)
{
	memset(t->buf, 0x77, 4096);
	return vk_guest_io(&t->vkt, REQ_OP_WRITE, space_test_sector(block, 100),
			   8, t->buf);
}

/* @block has what space_test_write() wrote, and zeros around it. */
static void space_test_block(struct space_test *t, u32 block)
{
	static const u32 sectors[] = { 0, 92, 100, 108, 2040, 2048, 4088 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sectors); i++) {
		u8 expected = sectors[i] == 100 ? 0x77 : 0;

		memset(t->buf, 0x55, 4096);
		KUNIT_EXPECT_EQ(t->check.test, 0,
				vk_guest_io(&t->vkt, REQ_OP_READ,
					    space_test_sector(block, sectors[i]),
					    8, t->buf));
		if (memchr_inv(t->buf, expected, 4096))
			vk_fail(&t->check, "block %u sector %u has %02x", block,
				sectors[i], t->buf[0]);
	}
}

static void space_blocks_in_order(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 20);
	u32 mib = vk_free_mib(&t->spec), i;

	for (i = 0; i < 10; i++) {
		u32 block = 100 - 7 * i;

		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, block));
		KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[block]),
				mib + i * SPACE_BLOCK_MIB);
		space_test_block(t, block);
	}
	KUNIT_EXPECT_EQ(test, vt->image.allocated_blocks, 10);
	KUNIT_EXPECT_EQ(test, vt->stats.allocs, 10);
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 10);
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
	vk_target_suspend(&t->vkt, false);
}

/* From zeroed_from on, and what was never taken, needs no zeroes. */
static void space_zeroed_from(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 20);
	u32 mib = vk_free_mib(&t->spec), i;

		vt->zeroed_from_mib = mib + 3 * SPACE_BLOCK_MIB - 1;
	t->dev->fill_end = (u64)vt->zeroed_from_mib << 20;
	for (i = 0; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
		KUNIT_EXPECT_EQ(test, vt->stats.zeroed, min(i + 1, 3U));
		space_test_block(t, i);
	}
	/* Taken once, given back: may hold anything. */
	vt->bat[5] = 0;
	vhdx_space_release(&vt->image.space, mib + 5 * SPACE_BLOCK_MIB,
			   SPACE_BLOCK_MIB);
	vt->space_hint = 1;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 6));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[6]),
			mib + 5 * SPACE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 4);
	space_test_block(t, 6);
}

static int space_test_zeroed(struct space_test *t, char *from, char *to)
{
	char *argv[] = { "zeroed", from, to };

	return vhdx_message(&t->vkt.ti, ARRAY_SIZE(argv), argv, NULL, 0);
}

/* What the device grows by is zero only if somebody says so, and up to there. */
static void space_message_zeroed(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 2);
	u32 mib = vk_free_mib(&t->spec), i;
	char from[16], to[16];

	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 2);
	/* By four blocks, the first and the last of which are not zero. */
	t->dev->fill_end = (u64)(mib + 3 * SPACE_BLOCK_MIB) << 20;
	t->dev->bytes += 4 * SPACE_BLOCK_MIB * SZ_1M;
	t->dev->grown_off = (u64)(mib + 5 * SPACE_BLOCK_MIB) << 20;
	snprintf(from, sizeof(from), "%u", (mib + 3 * SPACE_BLOCK_MIB) * 2048);
	snprintf(to, sizeof(to), "%u", (mib + 5 * SPACE_BLOCK_MIB) * 2048);
	KUNIT_EXPECT_EQ(test, 0, space_test_zeroed(t, from, to));
	for (i = 2; i < 6; i++) {
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
		space_test_block(t, i);
	}
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 4);

	KUNIT_EXPECT_EQ(test, -EINVAL, space_test_zeroed(t, to, from));
	KUNIT_EXPECT_EQ(test, -EINVAL, space_test_zeroed(t, "0", "x"));
	KUNIT_EXPECT_EQ(test, -EINVAL, space_test_zeroed(t, "0", "99999999"));
	/* What is known already, and what is no whole MiB. */
	KUNIT_EXPECT_EQ(test, 0, space_test_zeroed(t, "0", to));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, mib + 3 * SPACE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, 0, space_test_zeroed(t, "1", "2"));
}

/* An anchor is the block's own space, with its old contents. */
static void space_anchor(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 mib = vk_free_mib(&t->spec) + 4;

	vk_target_free(&t->vkt);
	vk_set_bat(t->dev, &t->spec, 9, VHDX_BLOCK_UNMAPPED, mib);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkt, t->dev, 0));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	vt = t->vkt.vt;
	vt->zeroed_from_mib = 0;	/* but not that */

	memset(t->buf, 1, 4096);
	KUNIT_EXPECT_EQ(test, 0,
			vk_guest_io(&t->vkt, REQ_OP_READ,
				    space_test_sector(9, 0), 8, t->buf));
	KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0, 4096));
	/* A failure leaves it with the block. */
	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = U64_MAX;
	KUNIT_EXPECT_EQ(test, -EIO, space_test_write(t, 9));
	t->dev->bad_end = 0;
	KUNIT_EXPECT_EQ(test, vt->bat[9],
			vhdx_e_make(VHDX_BLOCK_UNMAPPED, mib));
	KUNIT_EXPECT_FALSE(test, vhdx_space_claim(&vt->image.space, mib, 1));

	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 9));
	KUNIT_EXPECT_EQ(test, vt->bat[9], vhdx_e_make(VHDX_BLOCK_FULL, mib) |
			VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 2);
	space_test_block(t, 9);
}

/* An anchor that cannot be written is no reason to fail. */
static void space_bad_anchor(struct kunit *test)
{
	struct space_test *t = test->priv;
	u32 mib = vk_free_mib(&t->spec) + 4, i;
	struct vhdx_target *vt;

	space_test_target(t, 8);
	vk_target_free(&t->vkt);
	vk_set_bat(t->dev, &t->spec, 9, VHDX_BLOCK_UNMAPPED, mib);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkt, t->dev, 0));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	vt = t->vkt.vt;
	t->dev->bad_off = (u64)mib << 20;
	t->dev->bad_end = t->dev->bad_off + SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 9));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[9]), vk_free_mib(&t->spec));
	space_test_block(t, 9);
	/* Its old space is nobody's as long as the change may be lost. */
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
	KUNIT_EXPECT_FALSE(test, vhdx_space_claim(&vt->image.space, mib, 1));
}

/* One bad place does not stop all allocation; it is tried last. */
static void space_bad_place(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 mib = vk_free_mib(&t->spec), i;

	t->dev->bad_off = ((u64)mib << 20) + 100 * SECTOR_SIZE;
	t->dev->bad_end = t->dev->bad_off + 1;
	for (i = 0; i < 7; i++) {
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
		KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[i]),
				mib + (i + 1) * SPACE_BLOCK_MIB);
		space_test_block(t, i);
	}
	KUNIT_EXPECT_EQ(test, vt->nr_aside, 1);
	/* No space but that: it is the device that fails. */
	KUNIT_EXPECT_EQ(test, -EIO, space_test_write(t, 7));
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(test, vt->bat[7], 0);
	t->dev->bad_end = 0;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 7));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[7]), mib);
	space_test_block(t, 7);
}

/* More bad places than can be remembered: an error, and no end of space. */
static void space_all_bad(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 60);
	u32 i;

	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = U64_MAX;
	for (i = 0; i < 40; i++)
		KUNIT_EXPECT_EQ(test, -EIO, space_test_write(t, i));
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, vk_free_mib(&t->spec) +
			vt->nr_aside * SPACE_BLOCK_MIB);
	KUNIT_EXPECT_EQ(test, vt->image.allocated_blocks, 0);
	t->dev->bad_end = 0;
	for (i = 0; i < 60; i++)
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
	KUNIT_EXPECT_EQ(test, vt->nr_aside, 0);
	for (i = 0; i < 60; i++)
		space_test_block(t, i);
}

/* What fails before the block is published is done elsewhere. */
static void space_given_back(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 mib = vk_free_mib(&t->spec), taken = vt->image.space.taken, i;
	static const struct {
		enum fake_op op;
		u32 which;
	} fail[] = { { FAKE_ZERO, 1 }, { FAKE_ZERO, 2 }, { FAKE_BIO, 1 } };

	for (i = 0; i < ARRAY_SIZE(fail); i++) {
		t->dev->fail_in[fail[i].op] = fail[i].which;
		KUNIT_EXPECT_EQ(test, 0, space_test_write(t, i));
		KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[i]),
				mib + (2 * i + 1) * SPACE_BLOCK_MIB);
		KUNIT_EXPECT_EQ(test, vt->image.space.taken, taken +
				2 * (i + 1) * SPACE_BLOCK_MIB);
		KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
		space_test_block(t, i);
	}
}

static struct fake_bio *space_test_begin(struct space_test *t, u32 block)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
					     space_test_sector(block, 100), 8);

	memset(fake_bio_data(fbio), 0x77, 4096);
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}

/* The device has no space below: somebody gives it some while we wait. */
static void space_test_relief(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits == 3)
		t->dev->full = false;
}

/* What headers, log and tables need is there. */
static void space_test_reserve(struct space_test *t)
{
	fake_dev_poke(t->dev, VK_LOG_OFF, NULL, t->spec.log_mib * SZ_1M);
}

/* Writes that the device has no space for wait, and are sent again. */
static void space_none_below(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting[4];
	u32 exposed, i, events;

	space_test_reserve(t);
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

/* They do not wait for ever, nor where the table forbids it. */
static void space_none_below_fails(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;

	space_test_reserve(t);
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

/* A lack that was over in vain is over: the next one is told and waited for. */
static void space_none_below_again(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;
	u32 events, i;

	space_test_reserve(t);
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
static void space_test_noflush(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits != 2)
		return;
	vk_target_suspend_undo(&t->vkt, true);
	t->dev->full = false;
}

static void space_metadata_noflush(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 turn;

	fake.on_wait = space_test_noflush;
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

/* A device that has become smaller: what lies behind its end is no space. */
static void space_shrunk(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *waiting;

	vt->zeroed_from_mib = 0;
	t->dev->fill = 0;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	t->dev->bytes = ((u64)vk_free_mib(&t->spec) + SPACE_BLOCK_MIB + 1) << 20;
	waiting = space_test_begin(t, 1);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, waiting->done);
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	KUNIT_EXPECT_EQ(test, vt->bat[1], 0);
	t->dev->bytes += (u64)SPACE_BLOCK_MIB << 20;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, waiting->done);
	KUNIT_EXPECT_EQ(test, waiting->status, 0);
	fake_bio_free(waiting);
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
}

/* Headers, log and BAT wait as well, the same bytes at the same place. */
static void space_none_for_metadata(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	u32 events = fake.table_events;

	/* The log was never written: the session cannot be opened. */
	fake.on_wait = space_test_relief;
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

static void space_test_late(void *arg)
{
	struct space_test *t = arg;

	if (fake.waits == 3)
		t->vkt.vt->no_meta_space.deadline = jiffies - 1;
}

/* Metadata that finds none in time: mode ro, and nobody is told otherwise. */
static void space_metadata_fails(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);

	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	fake.on_wait = space_test_late;
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
static void space_out_and_back(struct kunit *test)
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

static void space_time_is_up(struct kunit *test)
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

static void space_error_if_none(struct kunit *test)
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
static void space_low(struct kunit *test)
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

/* Writes to one block, while its space is being prepared, wait for that. */
static void space_writes_wait(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *bios[6];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bios); i++) {
		bios[i] = fake_bio_new(REQ_OP_WRITE | (i == 3 ? REQ_FUA : 0),
				       VK_BEGIN + space_test_sector(4, 8 * i), 8);
		memset(fake_bio_data(bios[i]), 0x10 + i, 4096);
		vk_guest_submit(&t->vkt, bios[i]);
		if (i == 2) {
			/* As far as the zeroes. */
			KUNIT_EXPECT_TRUE(test, fake_flush_work(&vt->worker));
			KUNIT_EXPECT_EQ(test, vt->bat[4], VHDX_E_PENDING);
		}
	}
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, vt->stats.allocs, 1);
	for (i = 0; i < ARRAY_SIZE(bios); i++) {
		KUNIT_EXPECT_TRUE(test, bios[i]->done);
		KUNIT_EXPECT_EQ(test, bios[i]->status, 0);
		fake_bio_free(bios[i]);
		vk_guest_io(&t->vkt, REQ_OP_READ, space_test_sector(4, 8 * i), 8,
			    t->buf);
		KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0x10 + i,
							   4096));
	}
	/* The FUA write has seen to a commit. */
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
	KUNIT_EXPECT_EQ(test, vt->stats.commits, 1);
}

/* The block's first write fails: those that waited try for themselves. */
static void space_waiters_after_failure(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *bios[3];
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bios); i++) {
		bios[i] = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
				       space_test_sector(4, 8 * i), 8);
		memset(fake_bio_data(bios[i]), 0x10 + i, 4096);
		vk_guest_submit(&t->vkt, bios[i]);
	}
	/* All four places that are tried for it. */
	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = t->dev->bad_off + 4 * SPACE_BLOCK_MIB * (u64)SZ_1M;
	fake_kernel_run();
	for (i = 0; i < ARRAY_SIZE(bios); i++) {
		KUNIT_EXPECT_TRUE(test, bios[i]->done);
		KUNIT_EXPECT_EQ(test, bios[i]->status,
				i ? 0 : -EIO);
		fake_bio_free(bios[i]);
	}
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vt->bat[4]));
	vk_guest_io(&t->vkt, REQ_OP_READ, space_test_sector(4, 0), 8, t->buf);
	KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0, 4096));
	vk_guest_io(&t->vkt, REQ_OP_READ, space_test_sector(4, 16), 8, t->buf);
	KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0x12, 4096));
}

/* No memory for an allocation: the write waits, and others go on. */
static void space_no_memory(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *bios[4];
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	fake.starve = 7;	/* each tries twice */
	for (i = 0; i < ARRAY_SIZE(bios); i++)
		bios[i] = space_test_begin(t, i);
	for (i = 0; i < 1000 && fake_kernel_step(false); i++)
		;
	KUNIT_EXPECT_TRUE(test, fake_kernel_idle());
	KUNIT_EXPECT_EQ(test, fake.starve, 0);
	for (i = 0; i < ARRAY_SIZE(bios); i++) {
		KUNIT_EXPECT_TRUE(test, bios[i]->done);
		KUNIT_EXPECT_EQ(test, bios[i]->status, 0);
		fake_bio_free(bios[i]);
		space_test_block(t, i);
	}
	KUNIT_EXPECT_EQ(test, vt->image.allocated_blocks, 4);
	KUNIT_EXPECT_EQ(test, vt->image.space.taken, vk_free_mib(&t->spec) +
			4 * SPACE_BLOCK_MIB);
}

static struct kunit_case space_cases[] = {
	KUNIT_CASE(space_random),
	KUNIT_CASE(space_edges),
	KUNIT_CASE(space_blocks_in_order),
	KUNIT_CASE(space_zeroed_from),
	KUNIT_CASE(space_message_zeroed),
	KUNIT_CASE(space_anchor),
	KUNIT_CASE(space_bad_anchor),
	KUNIT_CASE(space_bad_place),
	KUNIT_CASE(space_all_bad),
	KUNIT_CASE(space_given_back),
	KUNIT_CASE(space_none_below),
	KUNIT_CASE(space_none_below_fails),
	KUNIT_CASE(space_none_below_again),
	KUNIT_CASE(space_metadata_noflush),
	KUNIT_CASE(space_shrunk),
	KUNIT_CASE(space_none_for_metadata),
	KUNIT_CASE(space_metadata_fails),
	KUNIT_CASE(space_out_and_back),
	KUNIT_CASE(space_time_is_up),
	KUNIT_CASE(space_error_if_none),
	KUNIT_CASE(space_low),
	KUNIT_CASE(space_writes_wait),
	KUNIT_CASE(space_waiters_after_failure),
	KUNIT_CASE(space_no_memory),
	{}
};

static struct kunit_suite space_suite = {
	.name = "vhdx-space",
	.init = space_test_init,
	.exit = space_test_exit,
	.test_cases = space_cases,
};

kunit_test_suite(space_suite);
