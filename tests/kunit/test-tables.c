// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of a mapped device: when they are judged, what they leave to each
 * other, and what of it is gone with the device.
 */
#include <linux/sizes.h>

#include "vk-tables.h"

/* ------------------------------------------------------------------------
 * What a table leaves
 */

enum tables_between {
	BETWEEN_NOTHING,
	BETWEEN_WRONG_LENGTH,
	BETWEEN_READ_ONLY,
	BETWEEN_NO_READ,
	BETWEEN_NO_REPLAY,
	BETWEEN_OTHER_TARGET_FAILS,
	BETWEEN_OTHER_TARGET,
	BETWEEN_OTHER_DEVICE,
	NR_BETWEEN,
};

static const char * const tables_between_names[] = {
	"nothing", "wrong length", "read_only", "no read", "no replay",
	"other target fails", "other target", "other device",
};

/* A table was loaded into slot 1 while that in slot 0 was live; now its turn. */
static void tables_between(struct tables_test *t, enum tables_between what)
{
	struct kunit *test = t->check.test;
	struct vk_target *vkt = &t->vkts[1];

	switch (what) {
	case BETWEEN_NOTHING:
	case BETWEEN_OTHER_TARGET:
		break;
	case BETWEEN_WRONG_LENGTH:
		vkt->ti.len += 8;
		KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_resume(vkt));
		break;
	case BETWEEN_NO_READ:
		t->dev->fail_in[FAKE_READ] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(vkt));
		break;
	case BETWEEN_NO_REPLAY:
		tables_bad_headers(t->dev, true);
		KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(vkt));
		tables_bad_headers(t->dev, false);
		break;
	case BETWEEN_OTHER_TARGET_FAILS:
		KUNIT_EXPECT_EQ(test, 0, vk_target_preresume(vkt));
		break;
	case BETWEEN_READ_ONLY:
	case BETWEEN_OTHER_DEVICE:
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
		/* The mapped device has lost them, whatever it is mapped to. */
		if (what == BETWEEN_OTHER_DEVICE) {
			KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(vkt));
			KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(vkt));
		}
		vk_target_suspend(vkt, false);
		break;
	default:
		break;
	}
	memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
}

static void tables_lost_round(struct tables_test *t, enum tables_between what,
			      bool noflush)
{
	struct kunit *test = t->check.test;
	struct vhdx_target *vt = tables_start(t);
	u32 from = vk_free_mib(&t->spec);

	kunit_info(test, "%s%s\n", tables_between_names[what],
		   noflush ? ", noflush" : "");
	if (what == BETWEEN_OTHER_DEVICE)
		KUNIT_ASSERT_EQ(test, 0, vk_target_load(&t->vkts[1], t->table,
							t->other, 0, false));
	else if (what != BETWEEN_OTHER_TARGET)
		KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, what ==
						     BETWEEN_READ_ONLY));
	tables_lose(t, 0, noflush);
	/* The swap: the old table goes whether or not the resume works. */
	vk_target_drop(&t->vkts[0]);
	tables_between(t, what);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 2, 0, false));
	vk_target_drop(&t->vkts[1]);
	vt = t->vkts[2].vt;
	vt->zeroed_from_mib = from;
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[2]));
	if (what == BETWEEN_OTHER_DEVICE)
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[2]));
	else
		tables_expect_lost(t, 2);
	/* The lost block's space is free, and not zero. */
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 2, 9));
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[9]), from);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ZEROED), 1);
	vk_target_suspend(&t->vkts[2], false);
	/* It was told: once. */
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[2]));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[2]));
	vk_target_suspend(&t->vkts[2], false);
	vk_target_free(&t->vkts[2]);
	t->table = 0;
	fake_dev_free(t->dev);
	t->dev = tables_format(t);
}

static void tables_lost(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 what;

	for (what = 0; what < 2 * NR_BETWEEN; what++)
		tables_lost_round(t, what / 2, what % 2);
}

/* Nobody has flushed: it stays where it is for the next table. */
static void tables_lost_untold(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 i;

	tables_start(t);
	tables_lose(t, 0, false);
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
		vk_target_suspend(&t->vkts[0], i & 1);
	}
	for (i = 1; i < 3; i++) {
		KUNIT_ASSERT_EQ(test, 0, tables_load(t, i, 0, false));
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[i]));
		vk_target_drop(&t->vkts[i - 1]);
		vk_target_suspend(&t->vkts[i], false);
	}
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[2]));
	tables_expect_lost(t, 2);
	vk_target_suspend(&t->vkts[2], false);
}

/* A read-only table's flush is as good a moment to say it as another's. */
static void tables_lost_read_only(struct kunit *test)
{
	struct tables_test *t = test->priv;

	tables_start(t);
	tables_lose(t, 0, false);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, true));
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	vk_target_drop(&t->vkts[0]);
	tables_expect_lost(t, 1);
	vk_target_suspend(&t->vkts[1], false);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 2, 0, false));
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[2]));
	vk_target_drop(&t->vkts[1]);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[2]));
	vk_target_suspend(&t->vkts[2], false);
}

/*
 * A new mapped device has nothing to do with what another one has lost, though
 * it may be where that one was, and whatever its last table was.
 */
static void tables_lost_and_removed(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 how;

	for (how = 0; how < 4; how++) {
		tables_start(t);
		tables_lose(t, 0, false);
		if (how == 1) {		/* the last table is another target's */
			vk_target_drop(&t->vkts[0]);
		} else if (how == 2) {	/* its resume has failed */
			vk_target_drop(&t->vkts[0]);
			KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
			tables_bad_headers(t->dev, true);
			KUNIT_EXPECT_EQ(test, -EIO,
					vk_target_resume(&t->vkts[1]));
			tables_bad_headers(t->dev, false);
		} else if (how == 3) {	/* one is loaded, and cleared after it */
			KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, true));
			vk_target_drop(&t->vkts[0]);
		}
		fake_md_remove(t->table);
		vk_target_drop(&t->vkts[0]);
		vk_target_drop(&t->vkts[1]);
		/* One whose last table is not ours is found out by the next. */
		KUNIT_EXPECT_EQ(test, fake_md_count(), t->mds + (how == 1));
		tables_start(t);
		KUNIT_EXPECT_EQ(test, fake_md_count(), t->mds + 1);
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
		KUNIT_EXPECT_EQ(test, t->vkts[0].vt->used_mib, 0);
		vk_target_suspend(&t->vkts[0], false);
		vk_target_free(&t->vkts[0]);
		t->table = 0;
	}
}

/* ------------------------------------------------------------------------
 * zeroed_from
 */

static int tables_write_zeroed(struct tables_test *t, u32 slot, u32 block,
			       bool *zeroed)
{
	struct vhdx_target *vt = t->vkts[slot].vt;
	u64 before = vhdx_stat(&vt->stats, VHDX_STAT_ZEROED);
	int r = tables_write(t, slot, block);

	*zeroed = vhdx_stat(&vt->stats, VHDX_STAT_ZEROED) > before;
	memset(t->buf, 0x55, VHDX_SECTOR);
	r = r ?: vk_guest_io(&t->vkts[slot], REQ_OP_READ, block * 2048, 8,
			     t->buf);
	if (memchr_inv(t->buf, 0, VHDX_SECTOR))
		vk_fail(&t->check, "block %u has %02x", block, t->buf[0]);
	return r;
}

/* The size when the table was made, whatever it is when it is resumed. */
static void tables_zeroed_and_grown(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 from = vk_free_mib(&t->spec), i;
	char line[128];
	bool zeroed;

	t->dev->fill_off = t->dev->bytes;
	tables_start(t);
	t->vkts[0].vt->zeroed_from_mib = from;
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
	t->vkts[1].vt->zeroed_from_mib = from;
	vk_target_suspend(&t->vkts[0], false);
	t->dev->bytes += 8 * (u64)SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	vk_target_drop(&t->vkts[0]);
	for (i = 0; i < t->spec.dev_mib - from + 4; i++) {
		KUNIT_EXPECT_EQ(test, 0, tables_write_zeroed(t, 1, i, &zeroed));
		KUNIT_EXPECT_EQ(test, zeroed, from + i >= t->spec.dev_mib);
	}
	/* A table made from this one must not trust it either. */
	vk_target_status_as(&t->vkts[1], STATUSTYPE_TABLE, line, sizeof(line));
	KUNIT_EXPECT_STREQ(test, line, "7:0");
	vk_target_suspend(&t->vkts[1], false);
}

/* Cut off and given back while nobody looked: not zeros. */
static void tables_zeroed_and_cut(struct kunit *test)
{
	struct tables_test *t = test->priv;
	bool zeroed;

	tables_start(t);
	t->vkts[0].vt->zeroed_from_mib = vk_free_mib(&t->spec);
	vk_target_suspend(&t->vkts[0], false);
	t->dev->fill_off = vk_free_mib(&t->spec) * (u64)SZ_1M;
	t->dev->bytes = t->dev->fill_off;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	t->dev->bytes = t->spec.dev_mib * (u64)SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, tables_write_zeroed(t, 0, 3, &zeroed));
	KUNIT_EXPECT_TRUE(test, zeroed);
	vk_target_suspend(&t->vkts[0], false);
}

static void tables_edit(struct tables_test *t)
{
	struct vhdx_header header;
	bool damaged;

	KUNIT_ASSERT_TRUE(t->check.test,
			  vk_get_header(t->dev, &header, &damaged));
	header.sequence += 2;
	guid_gen(&header.file_write_guid);
	vk_set_header(t->dev, &header);
}

/*
 * Somebody else changes the image: then the promise of tables loaded before is
 * over, and that of one loaded afterwards is not.  What the tables of the mapped
 * device do themselves changes nothing.
 */
static void tables_zeroed_and_edited(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 how, from = vk_free_mib(&t->spec);
	bool zeroed;

	for (how = 0; how < 6; how++) {
		bool trust = how != 1 && how != 3 && how != 5;

		t->dev->fill_off = trust ? t->dev->bytes : from * (u64)SZ_1M;
		tables_start(t);
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
		if (how < 2)		/* loaded while the first one is live */
			KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
		KUNIT_EXPECT_EQ(test, 0, vhdx_session_open(t->vkts[0].vt));
		vk_target_suspend(&t->vkts[0], false);
		if (how == 2)		/* before the load */
			tables_edit(t);
		if (how >= 2)		/* loaded while it is suspended */
			KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
		if (how == 1 || how == 3 || how == 5)
			tables_edit(t);
		if (how >= 4) {		/* and that one has another turn */
			KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
			KUNIT_EXPECT_EQ(test, 0,
					vhdx_session_open(t->vkts[0].vt));
			vk_target_suspend(&t->vkts[0], false);
		}
		t->vkts[1].vt->zeroed_from_mib = from;
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
		KUNIT_EXPECT_EQ(test, 0, tables_write_zeroed(t, 1, 7, &zeroed));
		if (zeroed == trust)
			vk_fail(&t->check, "case %u: the space is%s zeroed",
				how, zeroed ? "" : " not");
		vk_target_drop(&t->vkts[0]);
		vk_target_suspend(&t->vkts[1], false);
		vk_target_free(&t->vkts[1]);
		t->table = 0;
		fake_dev_free(t->dev);
		t->dev = tables_format(t);
	}
}

/* ------------------------------------------------------------------------
 * When a table is judged
 */

static void tables_judged(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 i;

	/* Another table exists, but it is not active. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkts[0], t->dev, 0));
	t->table = (unsigned long)t->vkts[0].ti.table;
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, -EINVAL, tables_load(t, 1, 8, i));
		KUNIT_EXPECT_PTR_NE(test, NULL, t->vkts[1].ti.error);
		vk_target_drop(&t->vkts[1]);
		KUNIT_EXPECT_EQ(test, 0, tables_load(t, 1, 0, i));
		KUNIT_EXPECT_TRUE(test, t->vkts[1].vt->image.loaded);
		vk_target_drop(&t->vkts[1]);
	}
	/* Now it is: nobody looks at the image. */
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	for (i = 0; i < 2; i++) {
		fake_dev_forget(t->dev);
		KUNIT_EXPECT_EQ(test, 0, tables_load(t, 1, 8, i));
		KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
		KUNIT_EXPECT_EQ(test, t->vkts[1].vt->user.limits.logical, 512);
		vk_target_drop(&t->vkts[1]);
	}
	/* Suspended, in mode rw or ro, clean or dirty. */
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 3 + i));
		t->dev->fail_in[FAKE_FLUSH] = i;
		vk_target_suspend(&t->vkts[0], i);
		KUNIT_EXPECT_EQ(test, -EINVAL, tables_load(t, 1, 8, false));
		vk_target_drop(&t->vkts[1]);
		KUNIT_EXPECT_EQ(test, 0, tables_load(t, 1, 0, false));
		KUNIT_EXPECT_TRUE(test, t->vkts[1].vt->image.loaded);
		vk_target_drop(&t->vkts[1]);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	}
	/* An active table that only reads changes nothing. */
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, true));
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	vk_target_drop(&t->vkts[0]);
	KUNIT_EXPECT_EQ(test, -EINVAL, tables_load(t, 2, 8, false));
	vk_target_drop(&t->vkts[2]);
	KUNIT_EXPECT_EQ(test, 0, tables_load(t, 2, 0, false));
	KUNIT_EXPECT_TRUE(test, t->vkts[2].vt->image.loaded);
	/* Another mapped device may not use it. */
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_new(&t->vkts[0], t->dev, 0));
	vk_target_free(&t->vkts[0]);
	vk_target_suspend(&t->vkts[1], false);
}

/* A resume that has failed, of whichever target, leaves nobody active. */
static void tables_judged_after_failure(struct kunit *test)
{
	struct tables_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkts[0], t->dev, 0));
	t->table = (unsigned long)t->vkts[0].ti.table;
	t->dev->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, -EINVAL, tables_load(t, 1, -8, false));
	vk_target_drop(&t->vkts[1]);
	KUNIT_EXPECT_EQ(test, 0, vk_target_preresume(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, -EINVAL, tables_load(t, 1, -8, false));
	vk_target_drop(&t->vkts[1]);
}

/* The suspended table has another turn after the next one was judged. */
static void tables_judged_too_early(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	u32 dirty;

	for (dirty = 0; dirty < 2; dirty++) {
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 3 + dirty));
		if (dirty)
			KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
		t->dev->fail_in[FAKE_WRITE] = dirty;
		vk_target_suspend(&t->vkts[0], false);
		KUNIT_EXPECT_EQ(test, vt->mode, dirty ? VHDX_MODE_RO :
							VHDX_MODE_RW);
		KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 20 + dirty));
		vk_target_suspend(&t->vkts[0], false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
		KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vkts[1].vt->bat[20 + dirty]));
		KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vkts[1].vt->bat[3 + dirty]));
		vk_target_suspend(&t->vkts[1], false);
		vk_target_drop(&t->vkts[1]);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	}
	vk_target_suspend(&t->vkts[0], false);
}

/* The module goes: whoever has lost writes hears of it now, or never. */
static void tables_lost_for_good(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 lost;

	for (lost = 0; lost < 2; lost++) {
		tables_start(t);
		if (lost)
			tables_lose(t, 0, false);
		else
			vk_target_suspend(&t->vkts[0], false);
		vk_target_drop(&t->vkts[0]);
		fake.messages = 0;
		vhdx_registry_exit();
		KUNIT_EXPECT_EQ(test, fake.messages, lost);
		if (lost)
			KUNIT_EXPECT_TRUE(test, strstr(fake.message,
					  ": acknowledged writes are lost, and no flush will say so now\n"));
		KUNIT_EXPECT_EQ(test, fake_md_count(), t->mds + 1);
		fake_md_remove(t->table);
		t->table = 0;
	}
}

/* What dm has asked for when the table was loaded has to stay as it was. */
static void tables_sectors_change(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	KUNIT_EXPECT_EQ(test, vt->user.limits.logical, 512);
	KUNIT_EXPECT_EQ(test, vt->user.limits.physical, 4096);
	KUNIT_EXPECT_EQ(test, vt->user.limits.block, SZ_1M);
	KUNIT_EXPECT_TRUE(test, vt->user.limits.frees);
	vk_target_suspend(&t->vkts[0], false);
	vt->user.limits.logical = 4096;
	vt->stale = true;
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_resume(&t->vkts[0]));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message,
			  "fake: cannot resume: The sector size has changed: remove the mapping and create it again\n"));
	KUNIT_EXPECT_FALSE(test, vt->image.loaded);
	vt->user.limits.logical = 512;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vk_target_suspend(&t->vkts[0], false);
}

/* A log that cannot be replayed, for one reason or another; and then it can. */
static void tables_replay_fails(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[1];
	struct fake_dev *crash;
	u32 how;

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	crash = fake_dev_bare(t->dev);
	fake_dev_detach(crash);
	crash->bdev.bd_dev = MKDEV(7, 7);
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(vkt, crash, 0));
	tables_bad_headers(crash, true);
	for (how = 0; how < 2; how++) {
		crash->fail_errno = how ? -ENOSPC : 0;
		KUNIT_EXPECT_EQ(test, how ? -ENOSPC : -EIO, vk_target_resume(vkt));
		KUNIT_EXPECT_TRUE(test, strstr(fake.message, how ?
				  "fake: cannot resume: there is no space for the log's changes: free some below the device\n" :
				  "fake: cannot resume: the log cannot be replayed\n"));
		KUNIT_EXPECT_TRUE(test, vkt->vt->stale);
		KUNIT_EXPECT_STREQ(test, vhdx_mode_name(vkt->vt->mode), "fail");
		/* From then on it knows who has written the image: nobody. */
		vkt->vt->zeroed_from_mib = 20;
	}
	tables_bad_headers(crash, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(vkt));
	KUNIT_EXPECT_EQ(test, vkt->vt->zeroed_from_mib, 20U);
	KUNIT_EXPECT_FALSE(test, vkt->vt->stale);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vkt->vt->bat[5]));
	vk_target_suspend(vkt, false);
	vk_target_free(vkt);
	fake_dev_free(crash);
	vk_target_suspend(&t->vkts[0], false);
}

/* A resume that fails may lose what tables before have written: that is left to the next. */
static void tables_lost_by_resume(struct kunit *test)
{
	struct tables_test *t = test->priv;

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	/* The log stays dirty, and no flush has failed. */
	t->dev->fail_in[FAKE_WRITE] = 1;
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_EQ(test, t->vkts[0].vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_FALSE(test, vhdx_flush_has_failed(&t->vkts[0].vt->image));
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 1, 0, false));
	vk_target_drop(&t->vkts[0]);
	t->dev->flush_loses = true;
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(&t->vkts[1]));
	KUNIT_EXPECT_EQ(test, t->dev->losses, 1);
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 2, 0, false));
	vk_target_drop(&t->vkts[1]);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[2]));
	tables_expect_lost(t, 2);
	vk_target_suspend(&t->vkts[2], false);
}

static struct kunit_case tables_cases[] = {
	KUNIT_CASE(tables_lost),
	KUNIT_CASE(tables_lost_untold),
	KUNIT_CASE(tables_lost_read_only),
	KUNIT_CASE(tables_lost_and_removed),
	KUNIT_CASE(tables_zeroed_and_grown),
	KUNIT_CASE(tables_zeroed_and_cut),
	KUNIT_CASE(tables_zeroed_and_edited),
	KUNIT_CASE(tables_judged),
	KUNIT_CASE(tables_judged_after_failure),
	KUNIT_CASE(tables_judged_too_early),
	KUNIT_CASE(tables_lost_for_good),
	KUNIT_CASE(tables_sectors_change),
	KUNIT_CASE(tables_replay_fails),
	KUNIT_CASE(tables_lost_by_resume),
	{}
};

static struct kunit_suite tables_suite = {
	.name = "vhdx-tables",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = tables_cases,
};

kunit_test_suite(tables_suite);
