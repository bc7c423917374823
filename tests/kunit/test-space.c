// SPDX-License-Identifier: GPL-2.0
/* Free space, and what the worker does with it. */
#include <linux/slab.h>

#include "vk-space.h"

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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ALLOCATED), 10);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 10);
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
		KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), min(i + 1, 3U));
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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 4);
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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 2);
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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 4);

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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 2);
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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ALLOCATED), 1);
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
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_COMMITS), 1);
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

/* One that could not be prepared does not hold up the other one. */
static void space_done_together(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct vhdx_change *change, *next;
	struct fake_bio *bios[2];
	LIST_HEAD(done);
	u32 i;

	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = t->dev->bad_off + 1;
	for (i = 0; i < 2; i++)
		bios[i] = space_test_begin(t, i);
	/* Both are done before the worker hears of it. */
	while (fake_kernel_step(false))
		list_splice_tail_init(&vt->done, &done);
	KUNIT_EXPECT_EQ(test, vt->nr_preparing, 2);
	list_for_each_entry_safe(change, next, &done, list)
		if (change->status)
			list_move(&change->list, &done);
	list_splice_init(&done, &vt->done);
	vhdx_worker(&vt->worker);
	KUNIT_EXPECT_TRUE(test, list_empty(&vt->done));
	KUNIT_EXPECT_FALSE(test, bios[0]->done);
	KUNIT_EXPECT_TRUE(test, bios[1]->done);
	fake_kernel_run();
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_TRUE(test, bios[i]->done);
		KUNIT_EXPECT_EQ(test, 0, bios[i]->status);
		fake_bio_free(bios[i]);
		space_test_block(t, i);
	}
}

/* What waits for memory, or space, waits for whoever has it; else it looks again. */
static void space_starves(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN, 8);
	u32 i;

	fbio->hook.flight = -1;
	for (i = 0; i < 6; i++) {
		vt->nr_dirty = i == 0;
		vt->nr_preparing = i == 1;
		vt->limbo_mib = i == 2;
		vt->move_mib = i == 3;
		vt->moving = i == 4 ? 0 : VHDX_NO_BLOCK;
		vhdx_starve(vt, &fbio->bio);
		KUNIT_EXPECT_EQ(test, bio_list_empty(&vt->starved), i == 5);
		KUNIT_EXPECT_EQ(test, bio_list_empty(&vt->deferred), i != 5);
		bio_list_init(&vt->starved);
		bio_list_init(&vt->deferred);
	}
	fake_kernel_run();
	fake_bio_free(fbio);
}

/* No memory for an allocation: the write waits, and others go on. */
static void space_no_memory(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vhdx_target *vt = space_test_target(t, 8);
	struct fake_bio *bios[4];
	u32 i;

	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	fake.starve = 3;
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

/* What a device has lost is not zeros for the next table either, made when it had that. */
static void space_shrunk_for_next(struct kunit *test)
{
	struct space_test *t = test->priv;
	struct vk_target *next = kunit_kzalloc(test, sizeof(*next), GFP_KERNEL);
	struct vhdx_target *vt = space_test_target(t, 8);
	u64 bytes = t->dev->bytes;

	KUNIT_ASSERT_NOT_NULL(test, next);
	vt->zeroed_from_mib = 0;
	vt->no_room.fail_at_once = true;
	t->dev->fill = 0;
	KUNIT_EXPECT_EQ(test, 0, space_test_write(t, 0));
	KUNIT_ASSERT_EQ(test, 0, vk_target_next(next, &t->vkt));
	next->vt->zeroed_from_mib = 0;
	t->dev->bytes = ((u64)vk_free_mib(&t->spec) + SPACE_BLOCK_MIB + 1) << 20;
	KUNIT_EXPECT_EQ(test, -ENOSPC, space_test_write(t, 1));
	t->dev->fill = 0xfe;
	t->dev->fill_off = t->dev->bytes;
	t->dev->bytes = bytes;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(next));
	vk_target_drop(&t->vkt);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(next, REQ_OP_WRITE, space_test_sector(1, 100), 8,
					     t->buf));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(next, REQ_OP_READ, space_test_sector(1, 4088), 8,
					     t->buf));
	KUNIT_EXPECT_FALSE(test, memchr_inv(t->buf, 0, 4096));
	vk_target_suspend(next, false);
	vk_target_free(next);
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
	KUNIT_CASE(space_writes_wait),
	KUNIT_CASE(space_waiters_after_failure),
	KUNIT_CASE(space_done_together),
	KUNIT_CASE(space_no_memory),
	KUNIT_CASE(space_starves),
	KUNIT_CASE(space_shrunk_for_next),
	{}
};

static struct kunit_suite space_suite = {
	.name = "vhdx-space",
	.init = space_test_init,
	.exit = space_test_exit,
	.test_cases = space_cases,
};

kunit_test_suite(space_suite);
