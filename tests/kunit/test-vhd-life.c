// SPDX-License-Identifier: GPL-2.0
/*
 * A long life of VHD images: whatever fails, lacks, or is suspended, no sector shows what it
 * must not, a power cut leaves what a flush has covered, and what is lost is told.
 */
#include <linux/slab.h>

#include "vk-vhd.h"

#define VLIFE_BLOCKS	30U
#define VLIFE_SECTORS	(VLIFE_BLOCKS * VHD_TEST_SECTORS)

/**
 * struct vlife - a test
 * @t: the image
 * @other: for the next table
 * @vkt: the target that is in use
 * @done: version of each sector that was acknowledged last
 * @busy: it is being written
 * @under_way: bios
 * @losses: flushes that have lost something
 * @acked: number of the acknowledgement of each sector's last write
 * @acks: so many there were
 * @owed: the last of them that is lost, and that no flush has told of
 * @nested: of works that wait
 * @errors: of bios
 * @suspends: how many
 * @zeroed: what is behind is zeros, but for what the device has grown by
 */
struct vlife {
	struct vhd_test *t;
	struct vk_target other[2];
	struct vk_target *vkt;
	u32 done[VLIFE_SECTORS];
	bool busy[VLIFE_SECTORS];
	u32 under_way;
	u32 losses;
	u32 acked[VLIFE_SECTORS];
	u32 acks;
	u32 owed;
	u32 nested;
	u32 errors;
	u32 suspends;
	bool zeroed;
};

/**
 * struct vlife_io - a bio
 * @l: the test
 * @sector: of the disk
 * @version: of a write
 * @losses: when it began
 * @acks: likewise
 * @floor: of a flush, and of FUA: what it covers; of a read: one
 */
struct vlife_io {
	struct vlife *l;
	u32 sector;
	u32 version;
	u32 losses;
	u32 acks;
	u32 *floor;
};

static u32 vlife_rnd(struct vlife *l, u32 n)
{
	return vk_rnd(&l->t->check.rnd, n);
}

static struct vlife_io *vlife_io(struct vlife *l, u32 sector, u32 floors)
{
	struct vlife_io *io = kzalloc(sizeof(*io), GFP_KERNEL | __GFP_NOFAIL);

	io->l = l;
	io->sector = sector;
	io->losses = l->t->dev->losses;
	io->acks = l->acks;
	io->floor = kvmalloc_array(floors, sizeof(u32), GFP_KERNEL | __GFP_NOFAIL);
	memcpy(io->floor, l->done + (floors == 1 ? sector : 0), floors * sizeof(u32));
	l->under_way++;
	return io;
}

static void vlife_end(struct fake_bio *fbio)
{
	struct vlife_io *io = fbio->arg;

	io->l->under_way--;
	io->l->errors += !!fbio->status;
	kvfree(io->floor);
	kfree(io);
	fake_bio_free(fbio);
}

static void vlife_write_end(struct fake_bio *fbio)
{
	struct vlife_io *io = fbio->arg;
	bool fua = io->floor[0] == U32_MAX;

	io->l->busy[io->sector] = false;
	if (!fbio->status) {
		io->l->done[io->sector] = io->version;
		io->l->acked[io->sector] = ++io->l->acks;
		if (fua)
			io->l->t->durable[io->sector] = io->version;
	}
	vlife_end(fbio);
}

static u32 vlife_choose(struct vlife *l)
{
	static const u32 within[] = { 0, 1, 62, 63, 64, 124, 125, 127 };

	return vlife_rnd(l, VLIFE_BLOCKS) * VHD_TEST_SECTORS +
	       within[vlife_rnd(l, ARRAY_SIZE(within))];
}

static void vlife_write(struct vlife *l)
{
	bool fua = !vlife_rnd(l, 6);
	u32 sector = vlife_choose(l);
	struct vhd_stamp stamp = { .sector = sector };
	struct fake_bio *fbio;
	struct vlife_io *io;

	if (l->busy[sector])
		return;
	l->busy[sector] = true;
	stamp.version = ++l->t->latest[sector];
	fbio = fake_bio_new(REQ_OP_WRITE | (fua ? REQ_FUA : 0), VK_BEGIN + sector, 1);
	memset(fake_bio_data(fbio), 0x5a, VHD_SECTOR);
	memcpy(fake_bio_data(fbio), &stamp, sizeof(stamp));
	io = vlife_io(l, sector, 1);
	io->version = stamp.version;
	io->floor[0] = fua ? U32_MAX : 0;
	fbio->arg = io;
	fbio->end = vlife_write_end;
	vk_guest_submit(l->vkt, fbio);
}

static void vlife_flush_end(struct fake_bio *fbio)
{
	struct vlife_io *io = fbio->arg;
	struct vlife *l = io->l;
	u32 i;

	for (i = 0; !fbio->status && i < VLIFE_SECTORS; i++)
		l->t->durable[i] = max(l->t->durable[i], io->floor[i]);
	/* Of what was acknowledged after it was sent it cannot tell. */
	if (fbio->status)
		l->owed = io->acks < l->owed ? l->owed : 0;
	else if (l->owed)
		vk_fail(&l->t->check, "nobody hears that writes are lost");
	vlife_end(fbio);
}

static void vlife_flush(struct vlife *l)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH, VK_BEGIN, 0);

	fbio->arg = vlife_io(l, 0, VLIFE_SECTORS);
	fbio->end = vlife_flush_end;
	vk_guest_submit(l->vkt, fbio);
}

/* Is it what was there before anybody wrote? */
static bool vlife_is_old(struct vlife *l, u32 sector, const u8 *data)
{
	const struct vhd_stamp *stamp = (const void *)data;
	u32 block = sector / VHD_TEST_SECTORS, within = sector % VHD_TEST_SECTORS;
	bool there = !block && within < VHD_TEST_SECTORS / 2;

	there |= l->t->parent && within < VHD_TEST_SECTORS - 3;
	return there ? stamp->sector == sector && !stamp->version &&
		       data[VHD_SECTOR - 1] == 0x5a :
		       !memchr_inv(data, 0, VHD_SECTOR);
}

/* Returns its version. */
static u32 vlife_version(struct vlife *l, u32 sector, const u8 *data, u32 from,
			 const char *what)
{
	const struct vhd_stamp *stamp = (const void *)data;

	if (vlife_is_old(l, sector, data)) {
		if (from)
			vk_fail(&l->t->check, "%s: sector %u is old, not version %u", what,
				sector, from);
		return 0;
	}
	if (stamp->sector != sector || stamp->version < from ||
	    stamp->version > l->t->latest[sector] || data[VHD_SECTOR - 1] != 0x5a)
		vk_fail(&l->t->check, "%s: sector %u has %u/%u %02x, not versions %u to %u", what,
			sector, stamp->sector, stamp->version, data[VHD_SECTOR - 1], from,
			l->t->latest[sector]);
	return stamp->version;
}

static void vlife_read_end(struct fake_bio *fbio)
{
	struct vlife_io *io = fbio->arg;

	if (!fbio->status && io->losses == io->l->t->dev->losses)
		vlife_version(io->l, io->sector, fake_bio_data(fbio), io->floor[0], "read");
	vlife_end(fbio);
}

static void vlife_read(struct vlife *l)
{
	u32 sector = vlife_choose(l);
	struct fake_bio *fbio = fake_bio_new(REQ_OP_READ, VK_BEGIN + sector, 1);

	fbio->arg = vlife_io(l, sector, 1);
	fbio->end = vlife_read_end;
	vk_guest_submit(l->vkt, fbio);
}

/* Memory is short at any time. */
static void vlife_shrink(struct vlife *l)
{
	struct vhdx_target *vt = l->vkt->vt;

	if (!vt || vlife_rnd(l, 4) || !mutex_trylock(&vt->publish))
		return;
	vhdx_bits_shrink(vt->chain, 1 + vlife_rnd(l, 4));
	mutex_unlock(&vt->publish);
	if (!vlife_rnd(l, 4))
		vhdx_tiles_drop(vt->chain);
}

static void vlife_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct vlife *l = ((struct vhd_test *)dev->hook_arg)->check.test->priv;
	u32 i;

	vlife_shrink(l);

	if (dev->losses != l->losses) {
		l->losses = dev->losses;
		for (i = 0; i < VLIFE_SECTORS; i++) {
			if (l->done[i] > l->t->durable[i])
				l->owed = max(l->owed, l->acked[i]);
			l->done[i] = l->t->durable[i];
		}
		return;
	}
	vhd_test_hook(dev, event);
	if (l->nested < 3 && !vlife_rnd(l, 3)) {
		l->nested++;
		fake_kernel_step(!vlife_rnd(l, 8));
		l->nested--;
	}
}

static void vlife_wait(void *arg)
{
	struct vlife *l = arg;

	if (!vlife_rnd(l, 3))
		l->t->dev->full = false;
}

static void vlife_drain(struct vlife *l)
{
	u32 i;

	l->t->dev->full = false;
	fake.starve = 0;
	fake_kernel_run();
	for (i = 0; l->under_way && i < 50; i++) {
		l->t->dev->bytes += SZ_1M;
		fake_kernel_fire();
		fake_kernel_run();
	}
	if (l->under_way)
		vk_fail(&l->t->check, "%u bios are lost", l->under_way);
}

/* What is there now is the truth; @all: it is durable. */
static void vlife_adopt(struct vlife *l, bool all)
{
	struct vhd_test *t = l->t;
	struct fake_bio *fbio;
	u32 i, version;

	for (i = 0; i < VLIFE_SECTORS && !t->check.failed; i++) {
		if (!t->latest[i])
			continue;
		fbio = fake_bio_new(REQ_OP_READ, VK_BEGIN + i, 1);
		vk_guest_submit(l->vkt, fbio);
		fake_kernel_run();
		if (!fbio->done || fbio->status) {
			vk_fail(&t->check, "sector %u cannot be read after a resume: %d", i,
				fbio->status);
		} else {
			version = vlife_version(l, i, fake_bio_data(fbio),
						all ? l->done[i] : t->durable[i], "resumed");
			if (version < l->done[i])
				l->owed = max(l->owed, l->acked[i]);
			l->done[i] = version;
			if (all)
				t->durable[i] = version;
		}
		fake_bio_free(fbio);
	}
}

static void vlife_prepare(struct vlife *l, struct vk_target *vkt)
{
	if (l->zeroed)
		vkt->vt->zeroed_from_mib = 1;
}

static void vlife_suspend(struct vlife *l)
{
	struct vk_target *old = l->vkt, *new = old, *next;
	struct fake_dev *dev = l->t->dev;
	u32 how = vlife_rnd(l, 4);
	bool rw, all;

	l->suspends++;
	next = old == &l->other[0] ? &l->other[1] : &l->other[0];
	if (how == 0 && !vk_target_next(next, old))
		new = next;
	if (vlife_rnd(l, 2)) {
		fake.starve = 0;
		vk_target_suspend(old, true);
		if (l->under_way)
			vk_fail(&l->t->check, "%u bios are not handed back", l->under_way);
	} else {
		vlife_drain(l);
		vk_target_suspend(old, vlife_rnd(l, 2));
	}
	rw = old->vt->mode == VHDX_MODE_RW;
	all = rw && (old->vt->nr_closed || list_empty(&dev->writes));
	if (rw && old->vt->nr_closed && !list_empty(&dev->writes))
		vk_fail(&l->t->check, "not durable after a suspend");
	if (!list_empty(&fake.works) || !list_empty(&fake.timers))
		vk_fail(&l->t->check, "work is left after a suspend");
	memset(dev->fail_in, 0, sizeof(dev->fail_in));
	dev->full = false;
	if (how == 1 && !vk_target_next(next, old))
		new = next;
	if (new != old)
		vlife_prepare(l, new);
	if (!vlife_rnd(l, 4))
		dev->bytes += SZ_1M;
	if (vk_target_resume(new))
		vk_fail(&l->t->check, "no resume: %s", fake.message);
	if (new != old)
		vk_target_drop(old);
	l->vkt = new;
	if (!l->t->check.failed)
		vlife_adopt(l, all);
}

static void vlife_fail(struct vlife *l)
{
	static const enum fake_op ops[] = {
		FAKE_READ, FAKE_WRITE, FAKE_ZERO, FAKE_FLUSH, FAKE_BIO,
	};
	static const int errors[] = {
		-EIO, -EIO, -ENOSPC, -EOPNOTSUPP, -ENOMEM, -EBUSY, -EAGAIN, -ETIMEDOUT,
		-ENODATA,
	};
	struct fake_dev *dev = l->t->dev;

	if (!vlife_rnd(l, 4)) {
		dev->full = true;
		return;
	}
	dev->fail_in[ops[vlife_rnd(l, ARRAY_SIZE(ops))]] = 1 + vlife_rnd(l, 12);
	dev->fail_errno = errors[vlife_rnd(l, ARRAY_SIZE(errors))];
}

static void vlife_step(struct vlife *l, bool failures)
{
	u32 what = vlife_rnd(l, 1000), events;

	if (what < 550)
		vlife_write(l);
	else if (what < 650)
		vlife_flush(l);
	else if (what < 900)
		vlife_read(l);
	else if (what < 930)
		failures ? vlife_fail(l) : vlife_flush(l);
	else if (what < 945)
		fake.starve = vlife_rnd(l, 8);
	else if (what < 960)
		vk_target_message(l->vkt, vlife_rnd(l, 2) ? "commit" : "close");
	else if (what < 970)
		l->t->dev->bytes += SZ_1M;
	else if (what < 985)
		vlife_suspend(l);
	events = vlife_rnd(l, 6);
	while (events-- && !l->t->check.failed)
		fake_kernel_step(!vlife_rnd(l, 10));
}

static void vlife_round(struct kunit *test, bool parent, bool failures, struct vlife *l)
{
	struct vhd_test *t;
	u32 steps;

	KUNIT_ASSERT_EQ(test, 0, vhd_test_init(test));
	t = test->priv;
	memset(l, 0, sizeof(*l));
	l->t = t;
	if (parent)
		vhd_test_add_parent(t);
	test->priv = l;
	t->crash_part = 20;
	l->zeroed = vlife_rnd(l, 2);
	if (l->zeroed)
		t->dev->fill_end = SZ_1M;
	t->dev->flush_loses = vlife_rnd(l, 2);
	fake.fua = vlife_rnd(l, 2);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&l->other[0], t->dev, 0));
	l->vkt = &l->other[0];
	vlife_prepare(l, l->vkt);
	fake.on_wait = vlife_wait;
	fake.wait_arg = l;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(l->vkt));
	t->dev->hook = vlife_hook;
	t->dev->hook_arg = t;
	for (steps = 100 + vlife_rnd(l, 600); steps && !t->check.failed; steps--) {
		t->check.step++;
		vlife_step(l, failures);
		if (t->dev->misused)
			vk_fail(&t->check, "not aligned, or past the end");
	}
	if (!t->check.failed)
		vlife_suspend(l);
	t->dev->hook = NULL;
	vlife_drain(l);
	vk_target_suspend(l->vkt, false);
	vk_target_free(l->vkt);
	fake.on_wait = NULL;
	fake.fua = false;
	kunit_info(test, "%u suspends, %u errors, %u crash states\n", l->suspends, l->errors,
		   t->check.crashes);
	test->priv = t;
	vhd_test_exit(test);
	test->priv = NULL;
}

static void vlife_run(struct kunit *test, bool parent, bool failures)
{
	struct vlife *l = kvmalloc(sizeof(*l), GFP_KERNEL | __GFP_NOFAIL);
	u32 round;
	bool failed = false;

	for (round = 0; round < vk_effort && !failed; round++)
		vlife_round(test, parent, failures, l);
	kvfree(l);
}

static void vlife_alone(struct kunit *test)
{
	vlife_run(test, false, false);
}

static void vlife_child(struct kunit *test)
{
	vlife_run(test, true, false);
}

static void vlife_alone_fails(struct kunit *test)
{
	vlife_run(test, false, true);
}

static void vlife_child_fails(struct kunit *test)
{
	vlife_run(test, true, true);
}

static struct kunit_case vlife_cases[] = {
	KUNIT_CASE(vlife_alone),
	KUNIT_CASE(vlife_child),
	KUNIT_CASE(vlife_alone_fails),
	KUNIT_CASE(vlife_child_fails),
	{}
};

static struct kunit_suite vlife_suite = {
	.name = "vhdx-vhd-life",
	.test_cases = vlife_cases,
};

kunit_test_suite(vlife_suite);
