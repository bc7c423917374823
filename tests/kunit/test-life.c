// SPDX-License-Identifier: GPL-2.0
/*
 * A target's whole life, at random: writes, FUA, discards, zeroes, flushes,
 * reads, moves, commits, suspends, power cuts, errors; its works and bios in any
 * order, also one in the middle of another, and writes in the middle of a move.  Sector
 * bitmaps move as well, also while they are read.
 *
 * After a power cut the image must open, and have in each sector a write that is
 * not older than the durable one; where nothing was written, zeros.  A discard of
 * a block, and zeroes, are writes that leave zeros.  What the device held before
 * (0xfe), or has after a discard (0xdd), must never be seen.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-life.h"

static int life_test_init(struct kunit *test)
{
	struct life_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	t->vkt = t->vkts;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = LIFE_BLOCK_MIB,
		.logical = 512,
		.disk_bytes = LIFE_DISK_BLOCKS * (u64)LIFE_BLOCK_MIB * SZ_1M,
	};
	t->spec.dev_mib = vk_free_mib(&t->spec) +
			  (LIFE_BLOCKS + 1) * LIFE_BLOCK_MIB;
	t->crash_part = 12;
	t->buf = kmalloc(SZ_64K, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

/* The slot that is free. */
static struct vk_target *life_other(struct life_test *t)
{
	return t->vkt == t->vkts ? &t->vkts[1] : &t->vkts[0];
}

static void life_test_exit(struct kunit *test)
{
	struct life_test *t = test->priv;

	if (!t)
		return;
	fake.fua = false;
	/* Where a failed test has left two tables, the device goes with one. */
	vk_target_drop(life_other(t));
	vk_target_free(t->vkt);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
	kfree(t->buf);
}

/* A new device with an empty image, full of what nobody may see. */
static void life_format(struct life_test *t, bool zeroed)
{
	u32 how;

	fake_dev_free(t->dev);
	if (t->chained)
		life_make_parent(t);
	t->dev = vk_format(&t->spec);
	t->dev->parent = t->parent;
	t->dev->fill = LIFE_FOREIGN;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	/* Old contents behind an anchor, too. */
	vk_set_bat(t->dev, &t->spec, 2048, VHDX_BLOCK_UNMAPPED,
		   vk_free_mib(&t->spec) + LIFE_BLOCK_MIB);
	vk_set_bat(t->dev, &t->spec, 2047, VHDX_BLOCK_ZERO, 0);
	/* Sector bitmaps of who was there before. */
	for (how = 0; t->chained && how < 2; how++)
		if (vk_rnd(&t->check.rnd, 2))
			vk_set_bitmap(t->dev, &t->spec, how, vk_free_mib(&t->spec) +
				      how + LIFE_BLOCK_MIB *
				      (2 + vk_rnd(&t->check.rnd, LIFE_BLOCKS - 1)));
	if (zeroed)
		t->dev->fill_end = t->dev->fill_off +
				   (3 * LIFE_BLOCK_MIB - 1) * SZ_1M;
	t->zeroed = zeroed;
	t->zeroed_from_mib = t->dev->fill_end >> 20;
	how = vk_rnd(&t->check.rnd, 3);
	t->dev->flush_loses = how == 1;
	t->dev->flush_hides = how == 2;
	fake.fua = vk_rnd(&t->check.rnd, 2);
	t->losses = 0;
	life_begin(t);
	t->acks = 0;
	t->owed = 0;
}

/* ------------------------------------------------------------------------
 * Crash states
 */

static void life_check_crash(struct life_test *t, struct fake_dev *crash,
			     bool adopt)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error = NULL;
	bool replay = !vk_rnd(&t->check.rnd, 8);

	t->check.crashes++;
	vhdx_image_init(image, &crash->bdev, true);
	image->parents = t->parent;
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "a crash state does not open: %s (%s)",
			error, fake.message);
		goto out;
	}
	if (replay && vhdx_image_replay(image))
		vk_fail(&t->check, "the replay of a crash state fails");
	life_check_image(t, image, crash, replay ? "replayed" : "power cut");
	if (adopt)
		life_adopt(t, image, crash);
out:
	vhdx_image_unload(image);
	kfree(image);
}

/* A flush has failed, and the device has dropped what was not durable. */
static void life_lose(struct life_test *t)
{
	struct life_sector *s;

	for (s = t->sectors; s < t->sectors + LIFE_SECTORS; s++) {
		if (s->done > s->durable)
			t->owed = max(t->owed, s->acked);
		s->done = s->durable;
	}
}

/* What is in core of a place where no sector bitmap is would be taken for another's. */
static void life_check_bits(struct life_test *t, const struct vhdx_target *vt)
{
	const struct vhdx_bits *bits;
	u32 mib;

	list_for_each_entry(bits, &vt->chain->bits_list, list) {
		mib = bits->off >> 20;
		if (mib != vt->image.bitmap[0] && mib != vt->image.bitmap[1])
			vk_fail(&t->check, "bits of MiB %u are in core", mib);
	}
}

/* Memory is short at any time. */
static void life_shrink(struct life_test *t)
{
	struct vhdx_target *vt = t->vkt->vt;

	if (!vt || !vt->chain || vk_rnd(&t->check.rnd, 4) ||
	    !mutex_trylock(&vt->publish))
		return;
	life_check_bits(t, vt);
	vhdx_bits_shrink(vt->chain, 1 + vk_rnd(&t->check.rnd, 4));
	mutex_unlock(&vt->publish);
	if (!vk_rnd(&t->check.rnd, 4))
		vhdx_tiles_drop(vt->chain);
}

/* What is being read of a sector bitmap may move meanwhile. */
static void life_on_read(struct fake_dev *dev)
{
	struct life_test *t = dev->hook_arg;
	struct vhdx_target *vt = t->vkt->vt;
	unsigned int i;

	if (!vt || !dev->hook || vt->move_busy || vt->moves_held || fake.starve)
		return;
	/* It waits for these, which wait for this. */
	for (i = 0; i < fake.nr_running; i++)
		if (fake.running[i] == &vt->commit ||
		    (fake.running[i] == &vt->worker && vt->session != VHDX_SESSION_OPEN))
			return;
	do {
		life_move_bitmap(t);
		/* Its old place is another's before long. */
		life_flush(t);
		while (vk_rnd(&t->check.rnd, 8))
			fake_kernel_step(false);
	} while (vk_rnd(&t->check.rnd, 4));
}

static void life_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct life_test *t = dev->hook_arg;
	struct fake_dev *crash;

	life_shrink(t);

	/* Nothing comes between the loss and its being reported. */
	if (dev->losses != t->losses) {
		t->losses = dev->losses;
		life_lose(t);
		return;
	}
	if (t->check.failed)
		return;
	if (!vk_rnd(&t->check.rnd, t->crash_part)) {
		crash = fake_dev_crash(dev, &t->check.rnd);
		life_check_crash(t, crash, false);
		fake_dev_free(crash);
	}
	if (t->vkt->vt && t->vkt->vt->move_busy &&
	    !vk_rnd(&t->check.rnd, 3))
		life_write(t);
	/* Whoever waits for this lets others go on. */
	if (t->nested < 3 && !vk_rnd(&t->check.rnd, 3)) {
		t->nested++;
		fake_kernel_step(!vk_rnd(&t->check.rnd, 8));
		t->nested--;
	}
}

/* ------------------------------------------------------------------------
 * Life
 */

/* The table's option.  How a device grows is not for it to say. */
static void life_set_zeroed(struct life_test *t, struct vhdx_target *vt)
{
	t->zeroed &= t->dev->bytes <= t->dev->grown_off;
	vt->zeroed_from_mib = t->zeroed ? t->zeroed_from_mib : U32_MAX;
}

/* Whoever waits for space finds some in the end. */
static void life_wait(void *arg)
{
	struct life_test *t = arg;

	if (!vk_rnd(&t->check.rnd, 3))
		t->dev->full = false;
}

static void life_start(struct life_test *t)
{
	fake.on_wait = life_wait;
	fake.wait_arg = t;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(t->vkt, t->dev, 0));
	life_set_zeroed(t, t->vkt->vt);
	t->dev->hook = life_hook;
	t->dev->hook_arg = t;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(t->vkt));
}

/* Let all end that was begun, with more space if need be. */
static void life_drain(struct life_test *t)
{
	u32 i;

	t->dev->full = false;
	fake.starve = min(fake.starve, 3U);
	fake_kernel_run();
	for (i = 0; t->under_way && i < 50; i++) {
		t->dev->bytes += SZ_1M;
		fake_kernel_fire();
		fake_kernel_run();
	}
	if (t->under_way)
		vk_fail(&t->check, "%u bios are lost", t->under_way);
}

/* A suspended image is clean, all of it is durable, and nothing goes on. */
static void life_check_suspended(struct life_test *t)
{
	struct vhdx_target *vt = t->vkt->vt;
	struct vhdx_header header;
	struct fake_write *write;
	bool damaged;
	u32 i;

	if (!list_empty(&fake.works) || !list_empty(&fake.timers))
		vk_fail(&t->check, "work is left after a suspend");
	if (vt->mode != VHDX_MODE_RW) {
		if (!t->failures)
			vk_fail(&t->check, "the mode is not rw");
		return;
	}
	if (!vk_get_header(t->dev, &header, &damaged) || damaged ||
	    !guid_is_null(&header.log_guid))
		vk_fail(&t->check, "not clean after a suspend");
	if (vt->nr_dirty || vt->session != VHDX_SESSION_CLOSED)
		vk_fail(&t->check, "not committed after a suspend");
	/* Without a session there may be what failed before it was loaded again. */
	list_for_each_entry(write, &t->dev->writes, list)
		if (!write->discard && vt->image.settled)
			vk_fail(&t->check, "not durable after a suspend");
	for (i = 0; i < LIFE_SECTORS; i++)
		t->sectors[i].durable = t->sectors[i].done;
}

/* The device may grow by anything once a table is loaded. */
static void life_grow(struct life_test *t)
{
	if (!vk_rnd(&t->check.rnd, 4))
		t->dev->bytes += LIFE_BLOCK_MIB * (u64)SZ_1M;
}

static void life_load(struct life_test *t, struct vk_target *new,
		      unsigned long table, bool active)
{
	if (vk_target_load(new, table, t->dev, t->vkt->ti.len, false))
		vk_fail(&t->check, "no next table: %s", new->ti.error);
	else if (new->vt->image.loaded == active)
		vk_fail(&t->check, active ? "it looks at a live image" :
					    "it was not judged");
	life_set_zeroed(t, new->vt);
	life_grow(t);
}

/* Other tables than the next one of this target, one after the other. */
static void life_between(struct life_test *t, struct vk_target *vkt,
			 unsigned long table)
{
	u64 sectors = t->vkt->ti.len;
	u32 count = vk_rnd(&t->check.rnd, 3), i;

	/* Of another target: nothing that we see. */
	while (count--) {
		bool read_only = vk_rnd(&t->check.rnd, 2);
		int r;

		if (vk_target_load(vkt, table, t->dev, sectors, read_only))
			vk_fail(&t->check, "no table between: %s",
				vkt->ti.error);
		if (!vk_rnd(&t->check.rnd, 2)) {
			/* It was a wrong length when somebody else's turn. */
			vkt->vt->stale = true;
			vkt->ti.len -= 8;
		} else if (t->failures) {
			for (i = 0; i < FAKE_BIO; i++)
				t->dev->fail_in[i] = vk_rnd(&t->check.rnd, 6);
		}
		r = vk_rnd(&t->check.rnd, 2) ? vk_target_preresume(vkt) :
					       vk_target_resume(vkt);
		memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
		/* A table whose resume has failed is not suspended. */
		if (!r && vkt->vt->user.state == VHDX_USER_ACTIVE)
			vk_target_suspend(vkt, vk_rnd(&t->check.rnd, 2));
		vk_target_drop(vkt);
	}
}

/* A sector bitmap is copied to where nothing is, and the BAT names that. */
static int life_lift(struct life_test *t, struct vhdx_image *image, u32 chunk, u32 mib)
{
	u64 entry = vk_bat_off(&t->spec) +
		    vhdx_bat_bitmap_index(&image->layout.geo, chunk) * sizeof(u64);
	u64 page = round_down(entry, (u64)VHDX_SECTOR);
	u32 at;
	int r = 0;

	for (at = 0; !r && at < SZ_1M; at += SZ_64K) {
		r = vhdx_io_read(&image->backing, ((u64)image->bitmap[chunk] << 20) + at,
				 t->buf, SZ_64K);
		if (!r)
			r = vhdx_io_write(&image->backing, ((u64)mib << 20) + at, t->buf,
					  SZ_64K);
	}
	r = r ?: vhdx_image_flush(image);
	r = r ?: vhdx_io_read(&image->backing, page, t->buf, VHDX_SECTOR);
	if (r)
		return r;
	*(__le64 *)(t->buf + (entry - page)) =
		cpu_to_le64(VHDX_BAT_RAW(VHDX_BITMAP_PRESENT, mib));
	r = vhdx_io_write(&image->backing, page, t->buf, VHDX_SECTOR);
	return r ?: vhdx_image_flush(image);
}

/* Whoever had the image meanwhile has moved its sector bitmaps up: they can move again. */
static void life_lift_bitmaps(struct life_test *t, struct vhdx_target *vt)
{
	struct vhdx_image *image = &vt->image;
	u32 chunk, mib, r = 0;

	vt->stale = true;
	for (chunk = 0; !r && chunk < 2; chunk++) {
		mib = (t->dev->bytes >> 20) - 1 - vk_rnd(&t->check.rnd, 4);
		if (!image->bitmap[chunk] || mib <= image->bitmap[chunk] ||
		    mib >= image->space.size || test_bit(mib, image->space.map))
			continue;
		__set_bit(mib, image->space.map);
		t->zeroed_from_mib = max(t->zeroed_from_mib, mib + 1);
		r = life_lift(t, image, chunk, mib);
	}
}

/*
 * Suspend and resume; or the same with another table, loaded before or
 * meanwhile, with or without some between.
 */
static void life_suspend(struct life_test *t)
{
	struct vk_target *old = t->vkt, *new = old, *other = life_other(t);
	unsigned long table = (unsigned long)old->ti.table;
	u32 how = vk_rnd(&t->check.rnd, 6);
	bool rw;

	t->suspends++;
	if (how < 2) {
		new = other;
		life_load(t, new, table, true);
	}
	if (t->failures && vk_rnd(&t->check.rnd, 2)) {
		fake.starve = 0;
		vk_target_suspend(old, true);
		if (t->under_way)
			vk_fail(&t->check, "%u bios are not handed back",
				t->under_way);
		t->dev->full = false;
	} else {
		life_drain(t);
		vk_target_suspend(old, vk_rnd(&t->check.rnd, 2));
	}
	rw = old->vt->mode == VHDX_MODE_RW;
	life_check_suspended(t);
	memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
	if (how == 2) {
		new = other;
		life_load(t, new, table, false);
	} else if (how == 3) {
		new = other;
		vk_target_drop(old);
		life_between(t, new, table);
		life_load(t, new, table, false);
	} else if (t->chained && rw && new == old) {
		life_lift_bitmaps(t, old->vt);
	}
	if (vk_target_resume(new))
		vk_fail(&t->check, "no resume: %s", fake.message);
	t->vkt = new;
	if (new != old)
		vk_target_drop(old);
	if (t->check.failed)
		return;
	life_check_image(t, &new->vt->image, t->dev, "resumed");
	if (!rw)	/* loaded again: what was not durable may be gone */
		life_adopt(t, &new->vt->image, t->dev);
}

/* Power is cut; go on with what is left. */
static void life_cut(struct life_test *t)
{
	struct life_sector *sectors;
	struct fake_dev *crash;

	t->cuts++;
	crash = fake_dev_crash(t->dev, &t->check.rnd);
	fake_dev_detach(crash);
	sectors = kvmalloc(sizeof(t->sectors), GFP_KERNEL | __GFP_NOFAIL);
	memcpy(sectors, t->sectors, sizeof(t->sectors));
	/* The old one has to end orderly all the same, unseen. */
	t->dev->hook = NULL;
	fake.starve = 0;
	life_drain(t);
	vk_target_suspend(t->vkt, false);
	/* What it has used is not zero, whatever the BAT will say. */
	t->zeroed_from_mib = max3(t->zeroed_from_mib, t->vkt->vt->used_mib,
				  t->vkt->vt->image.space.end);
	vk_target_free(t->vkt);
	crash->flush_loses = t->dev->flush_loses;
	crash->flush_hides = t->dev->flush_hides;
	crash->parent = t->parent;
	fake_dev_free(t->dev);
	t->losses = 0;
	memcpy(t->sectors, sectors, sizeof(t->sectors));
	kvfree(sectors);
	t->dev = crash;
	/* Checks it first; its own replay must not be seen by the target. */
	crash = fake_dev_crash(t->dev, &t->check.rnd);
	life_check_crash(t, crash, true);
	fake_dev_free(crash);
	t->owed = 0;	/* that is what a power cut does */
	if (!t->check.failed)
		life_start(t);
}

static void life_fail_something(struct life_test *t)
{
	static const enum fake_op ops[] = {
		FAKE_READ, FAKE_WRITE, FAKE_ZERO, FAKE_FLUSH, FAKE_BIO, FAKE_DISCARD,
	};
	static const int errors[] = {
		-EIO, -EIO, -ENOSPC, -EOPNOTSUPP, -ENOMEM, -EBUSY, -EAGAIN, -ETIMEDOUT,
		-ENODATA,
	};

	if (!vk_rnd(&t->check.rnd, 3)) {
		t->dev->full = true;
		return;
	}
	t->dev->fail_in[ops[vk_rnd(&t->check.rnd, ARRAY_SIZE(ops))]] =
		1 + vk_rnd(&t->check.rnd, 12);
	t->dev->fail_errno = errors[vk_rnd(&t->check.rnd, ARRAY_SIZE(errors))];
}

static void life_step(struct life_test *t)
{
	u32 what = vk_rnd(&t->check.rnd, 1000), events;

	if (what < 540)
		life_write(t);
	else if (what < 600)
		life_zero(t);
	else if (what < 700)
		life_flush(t);
	else if (what < 920)
		life_read(t);
	else if (what < 960)
		t->chained && vk_rnd(&t->check.rnd, 2) ? life_move_bitmap(t) : life_move(t);
	else if (what < 980)
		t->failures ? life_fail_something(t) : life_flush(t);
	else if (what < 985)
		fake.starve = vk_rnd(&t->check.rnd, 8);
	else if (what < 990)
		vk_target_message(t->vkt, vk_rnd(&t->check.rnd, 2) ? "commit" :
								     "close");
	else if (what < 996)
		life_suspend(t);
	else
		life_cut(t);
	if (t->chained && !vk_rnd(&t->check.rnd, 8))
		t->dev->on_read = life_on_read;
	events = vk_rnd(&t->check.rnd, 6);
	while (events-- && !t->check.failed)
		fake_kernel_step(!vk_rnd(&t->check.rnd, 10));
}

static void life_round(struct life_test *t, u32 steps, bool zeroed)
{
	life_format(t, zeroed);
	life_start(t);
	while (steps-- && !t->check.failed) {
		t->check.step++;
		life_step(t);
		if (t->dev->misused)
			vk_fail(&t->check, "not aligned, or past the end");
	}
	t->dev->hook = NULL;
	life_drain(t);
	if (!t->check.failed)
		life_suspend(t);
	vk_target_suspend(t->vkt, false);
	vk_target_free(t->vkt);
}

static void life_run(struct kunit *test, bool zeroed, bool failures)
{
	struct life_test *t = test->priv;
	u32 rounds = (t->chained ? 8 : 5) * vk_effort, round;

	/* Its bitmaps take space, too. */
	t->spec.dev_mib += t->chained ? 4 : 0;
	t->failures = failures;
	for (round = 0; round < rounds && !t->check.failed; round++)
		life_round(t, 20 + vk_rnd(&t->check.rnd, 200), zeroed);
	kunit_info(test,
		   "%u writes, %u zeroes, %u reads, %u moves, %u of bitmaps, %u flushes, %u suspends, %u power cuts, %u errors; %u crash states\n",
		   t->writes, t->zeroes, t->reads, t->moves, t->bitmaps, t->flushes, t->suspends,
		   t->cuts, t->errors, t->check.crashes);
}

static void life_exposed_space(struct kunit *test)
{
	life_run(test, false, false);
}

static void life_zeroed_space(struct kunit *test)
{
	life_run(test, true, false);
}

static void life_with_errors(struct kunit *test)
{
	life_run(test, false, true);
}

static void life_with_errors_zeroed(struct kunit *test)
{
	life_run(test, true, true);
}

static void life_of_a_child(struct kunit *test)
{
	struct life_test *t = test->priv;

	t->chained = true;
	life_run(test, vk_rnd(&t->check.rnd, 2), false);
}

static void life_of_a_child_with_errors(struct kunit *test)
{
	struct life_test *t = test->priv;

	t->chained = true;
	life_run(test, vk_rnd(&t->check.rnd, 2), true);
}

static struct kunit_case life_cases[] = {
	KUNIT_CASE(life_of_a_child),
	KUNIT_CASE(life_of_a_child_with_errors),
	KUNIT_CASE(life_exposed_space),
	KUNIT_CASE(life_zeroed_space),
	KUNIT_CASE(life_with_errors),
	KUNIT_CASE(life_with_errors_zeroed),
	{}
};

static struct kunit_suite life_suite = {
	.name = "vhdx-life",
	.init = life_test_init,
	.exit = life_test_exit,
	.test_cases = life_cases,
};

kunit_test_suite(life_suite);
