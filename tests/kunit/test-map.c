// SPDX-License-Identifier: GPL-2.0
/* Where vhdx_map() sends a bio; the registry of open images. */
#include <linux/slab.h>

#include "vk-image.h"

/* Blocks: absent, full x3 in a row, full elsewhere, zero, anchored, full. */
#define MAP_FIRST_MIB		8
#define MAP_BLOCK_SECTORS	2048U

struct map_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	struct fake_bio *fbio;
	int r;
};

static int map_test_init(struct kunit *test)
{
	struct map_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 32, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = 8 * SZ_1M,
	};
	t->dev = vk_format(&t->spec);
	vk_set_bat(t->dev, &t->spec, 1, VHDX_BLOCK_FULL, MAP_FIRST_MIB);
	vk_set_bat(t->dev, &t->spec, 2, VHDX_BLOCK_FULL, MAP_FIRST_MIB + 1);
	vk_set_bat(t->dev, &t->spec, 3, VHDX_BLOCK_FULL, MAP_FIRST_MIB + 2);
	vk_set_bat(t->dev, &t->spec, 4, VHDX_BLOCK_FULL, MAP_FIRST_MIB + 10);
	vk_set_bat(t->dev, &t->spec, 5, VHDX_BLOCK_ZERO, 0);
	vk_set_bat(t->dev, &t->spec, 6, VHDX_BLOCK_UNMAPPED, MAP_FIRST_MIB + 3);
	vk_set_bat(t->dev, &t->spec, 7, VHDX_BLOCK_FULL, MAP_FIRST_MIB + 11);
	return 0;
}

static void map_test_drop(struct map_test *t)
{
	if (t->fbio)
		fake_bio_free(t->fbio);
	t->fbio = NULL;
}

static void map_test_exit(struct kunit *test)
{
	struct map_test *t = test->priv;

	if (!t)
		return;
	map_test_drop(t);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
}

static void map_test_start(struct map_test *t, bool session)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	if (session)
		KUNIT_ASSERT_EQ(t->check.test, 0, vhdx_session_open(t->vt));
	fake_dev_forget(t->dev);
}

/* Map a bio of @sectors; the size may be far more than its page has. */
static void map_test_map(struct map_test *t, blk_opf_t opf, u64 sector,
			 u32 sectors)
{
	map_test_drop(t);
	t->fbio = fake_bio_new(opf, VK_BEGIN + sector, min(sectors, FAKE_BIO_SECTORS));
	if (sectors) {
		memset(fake_bio_data(t->fbio), 0x99,
		       min(sectors, FAKE_BIO_SECTORS) << SECTOR_SHIFT);
		t->fbio->bio.bi_iter.bi_size = sectors << SECTOR_SHIFT;
	}
	t->r = vhdx_map(&t->vkt.ti, &t->fbio->bio);
}

static void map_expect_sent(struct map_test *t, u32 mib, u32 sector,
			    u32 sectors)
{
	struct kunit *test = t->check.test;
	struct bio *bio = &t->fbio->bio;

	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_REMAPPED);
	KUNIT_EXPECT_PTR_EQ(test, bio->bi_bdev, &t->dev->bdev);
	KUNIT_EXPECT_EQ(test, bio->bi_iter.bi_sector,
			(sector_t)mib * MAP_BLOCK_SECTORS + sector);
	KUNIT_EXPECT_EQ(test, bio_sectors(bio), sectors);
}

static void map_present_runs(struct kunit *test)
{
	struct map_test *t = test->priv;
	u32 write;

	map_test_start(t, true);
	for (write = 0; write < 2; write++) {
		blk_opf_t opf = write ? REQ_OP_WRITE : REQ_OP_READ;

		map_test_map(t, opf, 2048, 8);
		map_expect_sent(t, MAP_FIRST_MIB, 0, 8);
		map_test_map(t, opf, 2048 + 2047, 1);
		map_expect_sent(t, MAP_FIRST_MIB, 2047, 1);
		/* Blocks 1 to 3 follow each other, 4 is elsewhere. */
		map_test_map(t, opf, 2048 + 100, 3 * 2048);
		map_expect_sent(t, MAP_FIRST_MIB, 100, 3 * 2048 - 100);
		map_test_map(t, opf, 3 * 2048 + 2040, 16);
		map_expect_sent(t, MAP_FIRST_MIB + 2, 2040, 8);
		/* Then an absent one; and the disk's end. */
		map_test_map(t, opf, 4 * 2048 + 2040, 16);
		map_expect_sent(t, MAP_FIRST_MIB + 10, 2040, 8);
		map_test_map(t, opf, 7 * 2048, 2048);
		map_expect_sent(t, MAP_FIRST_MIB + 11, 0, 2048);
	}
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
}

/*
 * A block that is not durable yet is as good as another one in a run of reads.  Writes
 * to it have to be looked at: it may be moving.
 */
static void map_pending_runs(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, true);
	t->vt->bat[2] |= VHDX_E_PENDING;
	map_test_map(t, REQ_OP_READ, 2048 + 100, 3 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB, 100, 3 * 2048 - 100);
	map_test_map(t, REQ_OP_WRITE, 2048 + 100, 3 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB, 100, 2048 - 100);
	t->vt->bat[1] |= VHDX_E_PENDING;
	t->vt->bat[2] &= ~VHDX_E_PENDING;
	map_test_map(t, REQ_OP_READ, 2048, 2 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB, 0, 2 * 2048);

	/* FUA: only as far as the run is durable. */
	fake.fua = true;
	map_test_map(t, REQ_OP_WRITE | REQ_FUA, 2 * 2048, 2 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB + 1, 0, 2 * 2048);
	KUNIT_EXPECT_TRUE(test, t->fbio->bio.bi_opf & REQ_FUA);
	/* Not to a device that makes more than a write of it. */
	fake.fua = false;
	map_test_map(t, REQ_OP_WRITE | REQ_FUA, 2 * 2048, 2 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB + 1, 0, 2 * 2048);
	KUNIT_EXPECT_FALSE(test, t->fbio->bio.bi_opf & REQ_FUA);
	fake.fua = true;
	t->vt->bat[3] |= VHDX_E_PENDING;
	map_test_map(t, REQ_OP_WRITE | REQ_FUA | REQ_NOWAIT, 2 * 2048,
		     2 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB + 1, 0, 2048);
	KUNIT_EXPECT_TRUE(test, t->fbio->bio.bi_opf & REQ_FUA);
	map_test_map(t, REQ_OP_WRITE | REQ_FUA | REQ_NOWAIT, 3 * 2048, 8);
	map_expect_sent(t, MAP_FIRST_MIB + 2, 0, 8);
	KUNIT_EXPECT_FALSE(test, t->fbio->bio.bi_opf & REQ_FUA);
}

/* After a failed flush it may show what the device held before. */
static void map_doubtful_reads(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, true);
	t->vt->bat[3] |= VHDX_E_PENDING;
	map_test_map(t, REQ_OP_READ, 3 * 2048, 8);
	map_expect_sent(t, MAP_FIRST_MIB + 2, 0, 8);
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, vhdx_image_flush(&t->vt->image), -EIO);
	KUNIT_EXPECT_EQ(test, vk_guest_flush(&t->vkt), -EIO);
	KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);

	map_test_map(t, REQ_OP_READ, 3 * 2048, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_KILL);
	map_test_map(t, REQ_OP_READ, 2048 + 100, 3 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB, 100, 2 * 2048 - 100);
	map_test_map(t, REQ_OP_READ, 2048 + 100, 100);
	map_expect_sent(t, MAP_FIRST_MIB, 100, 100);
	map_test_map(t, REQ_OP_READ, 4 * 2048 + 2040, 16);
	map_expect_sent(t, MAP_FIRST_MIB + 10, 2040, 8);
	t->vt->bat[3] &= ~VHDX_E_PENDING;
	map_test_map(t, REQ_OP_READ, 2048 + 100, 4 * 2048);
	map_expect_sent(t, MAP_FIRST_MIB, 100, 3 * 2048 - 100);
}

static void map_absent_reads(struct kunit *test)
{
	struct map_test *t = test->priv;
	static const u32 blocks[] = { 0, 5, 6 };
	u32 i;

	map_test_start(t, false);
	t->vt->bat[0] |= VHDX_E_PENDING;	/* space is being prepared */
	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		map_test_map(t, REQ_OP_READ, blocks[i] * 2048 + 40,
			     FAKE_BIO_SECTORS);
		KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
		KUNIT_ASSERT_TRUE(test, t->fbio->done);
		KUNIT_EXPECT_EQ(test, t->fbio->status, 0);
		KUNIT_EXPECT_PTR_EQ(test, NULL,
				    memchr_inv(fake_bio_data(t->fbio), 0,
					       FAKE_BIO_SECTORS *
					       SECTOR_SIZE));
	}
	/* Up to the present block and no further, across absent ones. */
	map_test_map(t, REQ_OP_READ, 1 * 2048 - 8, 16);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_EQ(test, bio_sectors(&t->fbio->bio), 8);
	KUNIT_EXPECT_EQ(test, ((u8 *)fake_bio_data(t->fbio))[4095], 0);
	KUNIT_EXPECT_EQ(test, ((u8 *)fake_bio_data(t->fbio))[4096], 0x99);
	map_test_map(t, REQ_OP_READ, 6 * 2048 - 8, 16);
	KUNIT_EXPECT_EQ(test, bio_sectors(&t->fbio->bio), 16);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
}

static void map_deferred_writes(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, false);
	/* No session yet: even an overwrite waits, and is cut to its block. */
	map_test_map(t, REQ_OP_WRITE, 2048 + 2000, 100);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_FALSE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, bio_sectors(&t->fbio->bio), 48);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->fbio->status, 0);
	KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ALLOCATED), 0);

	map_test_map(t, REQ_OP_WRITE, 5 * 2048 + 2000, 100);
	KUNIT_EXPECT_EQ(test, bio_sectors(&t->fbio->bio), 48);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[5]));
	vk_target_suspend(&t->vkt, false);
}

/* Space known to be zero, and nobody else at work: no worker is needed. */
static void map_new_blocks(struct kunit *test)
{
	struct map_test *t = test->priv;
	u32 mib, end;

	map_test_start(t, true);
	end = t->vt->image.space.end;
	mutex_lock(&t->vt->publish);
	t->vt->zeroed_from_mib = end;
	t->vt->space_hint = end;
	mutex_unlock(&t->vt->publish);

	/* In order, cut to the block; also if it must not wait. */
	map_test_map(t, REQ_OP_WRITE, 2040, 100);
	map_expect_sent(t, end, 2040, 8);
	KUNIT_EXPECT_EQ(test, t->vt->bat[0],
			vhdx_e_make(VHDX_BLOCK_FULL, end) | VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	vhdx_unhook_bio(&t->fbio->bio);
	map_test_map(t, REQ_OP_WRITE | REQ_NOWAIT, 5 * 2048 + 8, 8);
	map_expect_sent(t, end + 1, 8, 8);
	vhdx_unhook_bio(&t->fbio->bio);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 2);
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.works));
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ALLOCATED), 2);

	/* An anchor's space may hold anything. */
	mib = vhdx_e_mib(t->vt->bat[6]);
	map_test_map(t, REQ_OP_WRITE, 6 * 2048, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(t->vt->bat[6]), mib);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ZEROED), 1);
	vk_target_suspend(&t->vkt, false);
}

/* What makes map leave a new block to the worker. */
static void map_new_blocks_busy(struct kunit *test)
{
	struct map_test *t = test->priv;
	u32 end;

	map_test_start(t, true);
	end = t->vt->image.space.end;
	/* Space that is not known to be zero. */
	map_test_map(t, REQ_OP_WRITE, 0, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);

	/* Somebody publishes right now. */
	t->vt->zeroed_from_mib = end;
	mutex_lock(&t->vt->publish);
	map_test_map(t, REQ_OP_WRITE, 5 * 2048, 8);
	mutex_unlock(&t->vt->publish);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_FALSE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->vt->bat[5] & VHDX_E_STATE, VHDX_BLOCK_ZERO);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->fbio->status, 0);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[5]));
	vk_target_suspend(&t->vkt, false);
}

static void map_nowait(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, false);
	map_test_map(t, REQ_OP_WRITE | REQ_NOWAIT, 2048, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_ASSERT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->fbio->status, -EAGAIN);
	map_test_map(t, REQ_OP_READ | REQ_NOWAIT, 2048, 8);
	map_expect_sent(t, MAP_FIRST_MIB, 0, 8);
	KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(t->vt));
	map_test_map(t, REQ_OP_WRITE | REQ_NOWAIT, 2048, 8);
	map_expect_sent(t, MAP_FIRST_MIB, 0, 8);
	map_test_map(t, REQ_OP_WRITE | REQ_NOWAIT, 0, 8);
	KUNIT_EXPECT_EQ(test, t->fbio->status, -EAGAIN);
	KUNIT_EXPECT_TRUE(test, fake_kernel_idle());
}

static void map_not_rw(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, true);
	fake.table_events = 0;
	vhdx_set_mode(t->vt, VHDX_MODE_RO, "a test wants it");
	vhdx_set_mode(t->vt, VHDX_MODE_RO, "a test wants it");
	KUNIT_EXPECT_EQ(test, fake.table_events, 1);
	KUNIT_EXPECT_TRUE(test, t->vt->stale);
	map_test_map(t, REQ_OP_WRITE, 2048, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_KILL);
	map_test_map(t, REQ_OP_WRITE, 0, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_KILL);
	map_test_map(t, REQ_OP_READ, 2048, 8);
	map_expect_sent(t, MAP_FIRST_MIB, 0, 8);
	KUNIT_EXPECT_STREQ(test, vhdx_mode_name(t->vt->mode), "ro");
}

/* A write that waits when the mode changes is not done any more. */
static void map_mode_changes_under_write(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, true);
	map_test_map(t, REQ_OP_WRITE, 0, 8);
	KUNIT_EXPECT_FALSE(test, t->fbio->done);
	vhdx_set_mode(t->vt, VHDX_MODE_RO, "a test wants it");
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->fbio->status, -EIO);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
}

static void map_flush(struct kunit *test)
{
	struct map_test *t = test->priv;

	map_test_start(t, false);
	/* Nothing to commit: the device's. */
	map_test_map(t, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_REMAPPED);
	KUNIT_EXPECT_PTR_EQ(test, t->fbio->bio.bi_bdev, &t->dev->bdev);
	KUNIT_EXPECT_EQ(test, t->fbio->bio.bi_iter.bi_sector, 0);
	map_test_drop(t);

	KUNIT_EXPECT_EQ(test, 0,
			vk_guest_io(&t->vkt, REQ_OP_WRITE, 0, 8,
				    page_address(ZERO_PAGE(0))));
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	map_test_map(t, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_FALSE(test, t->fbio->done);
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->fbio->status, 0);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);

	/* Nor has one whose device has no volatile cache, but for blocks. */
	t->dev->uncached = true;
	map_test_map(t, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, 0,
			vk_guest_io(&t->vkt, REQ_OP_WRITE, 5 * 2048, 8,
				    page_address(ZERO_PAGE(0))));
	map_test_map(t, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	KUNIT_EXPECT_FALSE(test, t->fbio->done);
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
	t->dev->uncached = false;

	/* A mapping that never writes has nothing to flush. */
	t->vt->image.writable = false;
	map_test_map(t, REQ_OP_WRITE | REQ_PREFLUSH, 0, 0);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_SUBMITTED);
	KUNIT_EXPECT_TRUE(test, t->fbio->done);
}

/* FUA to a new block is complete when the block is durable, not before. */
static void map_fua(struct kunit *test)
{
	struct map_test *t = test->priv;
	u32 zeroed;

	map_test_start(t, true);
	for (zeroed = 0; zeroed < 2; zeroed++) {
		u32 block = zeroed ? 5 : 0;

		t->vt->zeroed_from_mib = zeroed ? 0 : U32_MAX;
		if (zeroed)
			t->vt->space_hint = t->vt->image.space.end;
		map_test_map(t, REQ_OP_WRITE | REQ_FUA, block * 2048, 8);
		if (t->r == DM_MAPIO_REMAPPED)
			fake_submit_bio(&t->fbio->bio);
		while (!t->fbio->done && fake_kernel_step(false))
			;
		KUNIT_ASSERT_TRUE(test, t->fbio->done);
		KUNIT_EXPECT_EQ(test, t->fbio->status, 0);
		KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
		KUNIT_EXPECT_FALSE(test, t->vt->bat[block] & VHDX_E_PENDING);
		KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
		KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_COMMITS), 1 + zeroed);
	}
	KUNIT_EXPECT_EQ(test, vhdx_stat(&t->vt->stats, VHDX_STAT_ZEROED), 1);

	/* To a present one whose commit is due, too: block 6, then again. */
	KUNIT_EXPECT_EQ(test, 0,
			vk_guest_io(&t->vkt, REQ_OP_WRITE, 6 * 2048, 8,
				    page_address(ZERO_PAGE(0))));
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 1);
	map_test_map(t, REQ_OP_WRITE | REQ_FUA, 6 * 2048 + 8, 8);
	KUNIT_EXPECT_EQ(test, t->r, DM_MAPIO_REMAPPED);
	KUNIT_EXPECT_FALSE(test, t->fbio->bio.bi_opf & REQ_FUA);
	fake_submit_bio(&t->fbio->bio);
	fake_kernel_run();
	KUNIT_ASSERT_TRUE(test, t->fbio->done);
	KUNIT_EXPECT_EQ(test, t->vt->nr_dirty, 0);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
}

/* ------------------------------------------------------------------------
 * The view of a dirty log
 */

static void map_test_make_dirty(struct map_test *t)
{
	u64 payload = (u64)MAP_FIRST_MIB * SZ_1M;
	struct vhdx_header header;
	struct vk_entry entry;
	bool damaged;
	u8 *buf = kmalloc(VHDX_SECTOR, GFP_KERNEL | __GFP_NOFAIL);

	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	vk_entry_begin(&entry);
	memset(buf, 0x31, VHDX_SECTOR);
	vk_entry_data(&entry, payload + 2 * VHDX_SECTOR, buf);
	vk_entry_data(&entry, payload + 4 * VHDX_SECTOR, buf);
	vk_entry_zero(&entry, payload + 5 * VHDX_SECTOR, 2 * VHDX_SECTOR);
	vk_entry_data(&entry, payload + SZ_1M, buf);	/* block 2 */
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0, t->dev->bytes);
	memset(buf, 0x17, VHDX_SECTOR);
	fake_dev_poke(t->dev, payload + SZ_1M - VHDX_SECTOR, buf, VHDX_SECTOR);
	kfree(buf);
}

/* All of [@sector, +@sectors), in the pieces that the target makes of it. */
static void map_test_read(struct map_test *t, u64 sector, u32 sectors, u8 *buf)
{
	u32 got;

	while (sectors && !t->check.failed) {
		map_test_map(t, REQ_OP_READ, sector, min(sectors, FAKE_BIO_SECTORS));
		got = bio_sectors(&t->fbio->bio);
		if (!got || got > sectors) {
			vk_fail(&t->check, "%u sectors of %u", got, sectors);
			return;
		}
		if (t->r == DM_MAPIO_REMAPPED)
			fake_dev_peek(t->dev, t->fbio->bio.bi_iter.bi_sector <<
				      SECTOR_SHIFT, buf, got << SECTOR_SHIFT);
		else
			memcpy(buf, fake_bio_data(t->fbio), got << SECTOR_SHIFT);
		sector += got;
		sectors -= got;
		buf += got << SECTOR_SHIFT;
	}
}

static void map_overlaid(struct kunit *test)
{
	struct map_test *t = test->priv;
	u8 *disk, *buf;
	u32 i;

	map_test_make_dirty(t);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_EXPECT_TRUE(test, t->vt->check_reads);
	disk = kvmalloc(2 * SZ_1M, GFP_KERNEL | __GFP_NOFAIL);
	buf = kvmalloc(2 * SZ_1M, GFP_KERNEL | __GFP_NOFAIL);
	/* Blocks 1 and 2, which stand together. */
	vk_view(&t->vt->image, (u64)MAP_FIRST_MIB * SZ_1M, disk, 2 * SZ_1M);
	KUNIT_EXPECT_EQ(test, disk[2 * VHDX_SECTOR], 0x31);
	KUNIT_EXPECT_EQ(test, disk[SZ_1M - 1], 0x17);
	KUNIT_EXPECT_EQ(test, disk[SZ_1M], 0x31);
	for (i = 0; i < 200 && !t->check.failed; i++) {
		u32 near = i & 1 ? 0 : 2048 - 64;
		u32 first = near + vk_rnd(&t->check.rnd, 128);
		u32 count = 1 + vk_rnd(&t->check.rnd, 128);

		t->check.step = i;
		memset(buf, 0xcc, count << SECTOR_SHIFT);
		map_test_read(t, 2048 + first, count, buf);
		if (memcmp(buf, disk + (first << SECTOR_SHIFT),
			   count << SECTOR_SHIFT))
			vk_fail(&t->check, "%u sectors from %u on differ",
				count, first);
	}
	/* After the replay, the same from the device. */
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_FALSE(test, t->vt->check_reads);
	fake_dev_peek(t->dev, (u64)MAP_FIRST_MIB * SZ_1M, buf, 2 * SZ_1M);
	KUNIT_EXPECT_EQ(test, 0, memcmp(buf, disk, 2 * SZ_1M));
	kvfree(disk);
	kvfree(buf);
}

static void map_status(struct kunit *test)
{
	struct map_test *t = test->priv;
	char *status = kunit_kzalloc(test, 256, GFP_KERNEL);

	map_test_start(t, false);
	vk_target_status(&t->vkt, status, 256);
	KUNIT_EXPECT_STREQ(test, status,
			   "rw 5/8 2048 10/32 0 0/1048576 0 0 0 0 0");
	KUNIT_EXPECT_EQ(test, 0,
			vk_guest_io(&t->vkt, REQ_OP_WRITE, 0, 8,
				    page_address(ZERO_PAGE(0))));
	vk_target_status(&t->vkt, status, 256);
	KUNIT_EXPECT_STREQ(test, status,
			   "rw 6/8 2048 11/32 1 4096/1048576 1 1 0 0 0");
	KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "commit"));
	vk_target_status(&t->vkt, status, 256);
	KUNIT_EXPECT_STREQ(test, status,
			   "rw 6/8 2048 11/32 0 12288/1048576 1 1 1 1 0");
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_message(&t->vkt, "format"));
	vk_target_suspend(&t->vkt, false);
	vk_target_status(&t->vkt, status, 256);
	KUNIT_EXPECT_STREQ(test, status,
			   "rw 6/8 2048 11/32 0 0/1048576 1 1 1 1 1");
}

static struct kunit_case map_cases[] = {
	KUNIT_CASE(map_present_runs),
	KUNIT_CASE(map_pending_runs),
	KUNIT_CASE(map_doubtful_reads),
	KUNIT_CASE(map_absent_reads),
	KUNIT_CASE(map_deferred_writes),
	KUNIT_CASE(map_new_blocks),
	KUNIT_CASE(map_new_blocks_busy),
	KUNIT_CASE(map_nowait),
	KUNIT_CASE(map_not_rw),
	KUNIT_CASE(map_mode_changes_under_write),
	KUNIT_CASE(map_flush),
	KUNIT_CASE(map_fua),
	KUNIT_CASE(map_overlaid),
	KUNIT_CASE(map_status),
	{}
};

static struct kunit_suite map_suite = {
	.name = "vhdx-map",
	.init = map_test_init,
	.exit = map_test_exit,
	.test_cases = map_cases,
};

kunit_test_suite(map_suite);
