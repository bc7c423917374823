// SPDX-License-Identifier: GPL-2.0
/*
 * Writes to a child that have to wait: for room in the transaction, for memory, for
 * bits.  Whatever becomes of what they wait for, they end.
 */
#include <linux/slab.h>

#include "vk-image.h"

/* A page of bits has those of so many blocks. */
#define ROOM_BLOCK_SECTORS	2048U
#define ROOM_PAGE_BLOCKS	16U
#define ROOM_PAGES		700U
#define ROOM_BLOCKS		(ROOM_PAGES * ROOM_PAGE_BLOCKS)
#define ROOM_BIOS		800
/* Nobody has anything of it. */
#define ROOM_NEW		((ROOM_PAGES - 1) * ROOM_PAGE_BLOCKS + 5)

struct room_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct fake_dev *parent;
	guid_t guid;
	struct vk_target vkt;
	struct vhdx_target *vt;
	struct fake_bio *bios[ROOM_BIOS];
	u32 nr_bios;
	void (*on_mutex)(void *arg);	/* of a suspend */
};

/* The parent has the first block of each page, and the one behind. */
static void room_make_parent(struct room_test *t)
{
	u32 mib = vk_free_mib(&t->spec), page;
	struct vhdx_header header;
	bool damaged;

	t->parent = vk_format(&t->spec);
	t->parent->bdev.bd_dev = MKDEV(240, 242);
	vk_get_header(t->parent, &header, &damaged);
	t->guid = header.data_write_guid;
	for (page = 0; page < ROOM_PAGES; page++, mib += 2) {
		vk_set_bat(t->parent, &t->spec, page * ROOM_PAGE_BLOCKS,
			   VHDX_BLOCK_FULL, mib);
		vk_set_bat(t->parent, &t->spec, page * ROOM_PAGE_BLOCKS + 1,
			   VHDX_BLOCK_FULL, mib + 1);
	}
}

static int room_test_init(struct kunit *test)
{
	struct room_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 2048, .log_mib = 8, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = ROOM_BLOCKS * (u64)SZ_1M,
	};
	room_make_parent(t);
	t->spec.parent = &t->guid;
	t->dev = vk_format(&t->spec);
	t->dev->parent = t->parent;
	return 0;
}

static void room_test_exit(struct kunit *test)
{
	struct room_test *t = test->priv;

	if (!t)
		return;
	while (t->nr_bios)
		fake_bio_free(t->bios[--t->nr_bios]);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
}

static void room_start(struct room_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
}

static struct fake_bio *room_send(struct room_test *t, blk_opf_t opf, u32 block)
{
	bool data = opf == REQ_OP_WRITE;
	struct fake_bio *fbio = fake_bio_new(opf, VK_BEGIN + (sector_t)block *
					     ROOM_BLOCK_SECTORS, data ? 8 : 0);

	if (!data)
		fbio->bio.bi_iter.bi_size = SZ_1M;
	t->bios[t->nr_bios++] = fbio;
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}

static void room_write(struct room_test *t, u32 block)
{
	struct fake_bio *fbio = room_send(t, REQ_OP_WRITE, block);

	fake_kernel_run();
	KUNIT_ASSERT_TRUE(t->check.test, fbio->done);
	KUNIT_ASSERT_EQ(t->check.test, fbio->status, 0);
}

/* Bits that cannot be read, with what a medium's failure looks like. */
static void room_bad_bits(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio;

	room_start(t);
	room_write(t, 0);
	vk_target_suspend(&t->vkt, false);
	vk_target_free(&t->vkt);

	room_start(t);
	fbio = room_send(t, REQ_OP_WRITE, 0);
	t->dev->fail_errno = -ENODATA;
	t->dev->fail_in[FAKE_READ] = 1;
	fake_dev_forget(t->dev);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, fbio->status, -ENODATA);
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_READ), 1);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	room_write(t, 0);
	vk_target_suspend(&t->vkt, false);
}

/* A block is being prepared, and there is no room for it. */
static struct fake_bio *room_fill(struct room_test *t)
{
	struct kunit *test = t->check.test;
	u32 last = ROOM_PAGES - 1, page;
	struct fake_bio *fbio;

	room_start(t);
	for (page = 0; t->vt->running->sectors < VHDX_LOG_FIRST_DESCS - 1; page++)
		room_write(t, page * ROOM_PAGE_BLOCKS);
	KUNIT_ASSERT_EQ(test, t->vt->running->sectors, VHDX_LOG_FIRST_DESCS - 1);
	fbio = room_send(t, REQ_OP_WRITE, ROOM_NEW);
	vhdx_worker(&t->vt->worker);
	KUNIT_ASSERT_EQ(test, t->vt->nr_preparing, 1);
	/* Another sector of the BAT. */
	room_send(t, REQ_OP_DISCARD, (last - 50) * ROOM_PAGE_BLOCKS);
	vhdx_worker(&t->vt->worker);
	KUNIT_ASSERT_EQ(test, t->vt->running->sectors, VHDX_LOG_FIRST_DESCS);
	return fbio;
}

/* The commit that would make some fails. */
static void room_never_comes(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio = room_fill(t);

	t->dev->fail_in[FAKE_WRITE] = 1;
	fake_kernel_run();
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, t->vt->nr_preparing, 0);
	KUNIT_EXPECT_NE(test, vk_guest_flush(&t->vkt), 0);
	vk_target_suspend(&t->vkt, false);
}

/* The log waits for space below the device; a suspend does not wait for that. */
static void room_suspend(void *arg)
{
	struct room_test *t = arg;

	while (fake.waits == 1 && fake_kernel_step(false))
		;
	fake.on_mutex = t->on_mutex;
	fake.mutex_arg = t;
	vk_target_suspend_undo(&t->vkt, true);
	t->dev->bad_end = 0;
}

/* Then what was prepared is handed back, too; nothing is lost. */
static void room_hand_back(struct room_test *t, struct fake_bio *fbio)
{
	struct kunit *test = t->check.test;
	u32 taken = t->vt->image.space.taken;

	fake.on_wait = room_suspend;
	fake.wait_arg = t;
	t->dev->fail_errno = -ENOSPC;
	t->dev->bad_off = VK_LOG_OFF;
	t->dev->bad_end = VK_LOG_OFF + t->spec.log_mib * SZ_1M;
	fake_kernel_run();
	fake.on_wait = NULL;
	KUNIT_EXPECT_EQ(test, fake.waits, 1);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, fbio->status, -EREMCHG);
	/* With what waits for it. */
	KUNIT_EXPECT_EQ(test, t->bios[t->nr_bios - 1]->status, -EREMCHG);
	KUNIT_EXPECT_EQ(test, t->vt->nr_preparing, 0);
	KUNIT_EXPECT_EQ(test, t->vt->bat[ROOM_NEW], 0);
	KUNIT_EXPECT_EQ(test, t->vt->image.space.taken, taken - 1);
	/* Whoever gets it writes it once more. */
	KUNIT_EXPECT_EQ(test, fbio->bio.bi_iter.bi_sector,
			VK_BEGIN + (sector_t)ROOM_NEW * ROOM_BLOCK_SECTORS);
	room_write(t, ROOM_NEW);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[ROOM_NEW]));
	vk_target_suspend(&t->vkt, false);
}

static void room_handed_back(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio = room_fill(t);

	room_send(t, REQ_OP_WRITE, ROOM_NEW);
	vhdx_worker(&t->vt->worker);
	room_hand_back(t, fbio);
}

/* Once it is on its way back the worker has one more write to the same block. */
static void room_late(void *arg)
{
	struct room_test *t = arg;

	if (!list_empty(&t->vt->done)) {
		fake.on_mutex = room_late;
		return;
	}
	room_send(t, REQ_OP_WRITE, ROOM_NEW);
	vhdx_worker(&t->vt->worker);
}

static void room_handed_back_late(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio = room_fill(t);
	u32 nr_bios = t->nr_bios;

	t->on_mutex = room_late;
	room_hand_back(t, fbio);
	/* The late one, and that of the check. */
	KUNIT_EXPECT_EQ(test, t->nr_bios, nr_bios + 2);
}

/* No memory but what was set aside, and nothing that a commit would free. */
static void room_without_memory(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio;
	u32 page, steps;

	room_start(t);
	room_write(t, 0);
	fake.no_memory = true;
	for (page = 1; page < ROOM_PAGES; page++) {
		fbio = room_send(t, REQ_OP_WRITE, page * ROOM_PAGE_BLOCKS);
		for (steps = 0; steps < 1000 && fake_kernel_step(false); steps++)
			;
		if (!fbio->done) {
			KUNIT_FAIL(test, "no end after %u pages, %lu of them in core",
				   page, t->vt->chain->nr_bits);
			break;
		}
		KUNIT_EXPECT_EQ(test, fbio->status, 0);
		/* Small transactions: the log is in no hurry to apply any. */
		if (page % 100 == 0)
			KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), 0);
	}
	fake.no_memory = false;
	vk_target_suspend(&t->vkt, false);
}

/* A device that fails for a while: what was tried there is not lost for good. */
static void room_bad_places(struct kunit *test)
{
	struct room_test *t = test->priv;
	struct fake_bio *fbio;
	u32 taken, i;

	room_start(t);
	taken = t->vt->image.space.taken;
	t->dev->bad_off = (u64)vk_free_mib(&t->spec) << 20;
	t->dev->bad_end = t->dev->bytes;
	for (i = 0; i < 50; i++) {
		fbio = room_send(t, REQ_OP_WRITE, 0);
		fake_kernel_run();
		KUNIT_EXPECT_TRUE(test, fbio->done);
		KUNIT_EXPECT_EQ(test, fbio->status, -EIO);
	}
	KUNIT_EXPECT_LE(test, t->vt->image.space.taken - taken, VHDX_ASIDE);
	t->dev->bad_end = 0;
	room_write(t, 0);
	vk_target_suspend(&t->vkt, false);
}

static struct kunit_case room_cases[] = {
	KUNIT_CASE(room_bad_bits),
	KUNIT_CASE(room_bad_places),
	KUNIT_CASE(room_never_comes),
	KUNIT_CASE(room_handed_back),
	KUNIT_CASE(room_handed_back_late),
	KUNIT_CASE(room_without_memory),
	{}
};

static struct kunit_suite room_suite = {
	.name = "vhdx-room",
	.init = room_test_init,
	.exit = room_test_exit,
	.test_cases = room_cases,
};

kunit_test_suite(room_suite);
