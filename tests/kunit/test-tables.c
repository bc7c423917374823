// SPDX-License-Identifier: GPL-2.0
/*
 * The tables of a mapped device: when they are judged, what they leave to each
 * other, and what of it is gone with the device.
 */
#include <linux/slab.h>

#include "vk-image.h"

#define TABLES_BLOCKS		64
#define TABLES_FOREIGN		0xfe

struct tables_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct fake_dev *other;
	struct vk_target vkts[3];
	unsigned long table;	/* of the mapped device */
	unsigned int mds;	/* known before the test */
	u8 *buf;
};

static struct fake_dev *tables_format(struct tables_test *t)
{
	struct fake_dev *dev = vk_format(&t->spec);

	dev->fill = TABLES_FOREIGN;
	dev->fill_off = (u64)vk_free_mib(&t->spec) << 20;
	return dev;
}

static int tables_test_init(struct kunit *test)
{
	struct tables_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 24, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = TABLES_BLOCKS * (u64)SZ_1M,
	};
	t->dev = tables_format(t);
	t->other = tables_format(t);
	t->other->bdev.bd_dev = MKDEV(240, 99);
	t->mds = fake_md_count();
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

/* The mapped device is removed: then nobody must remember it. */
static void tables_test_exit(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 i;

	if (!t)
		return;
	if (t->table)
		fake_md_remove(t->table);
	for (i = 0; i < ARRAY_SIZE(t->vkts); i++)
		vk_target_drop(&t->vkts[i]);
	/* Of that which was not there at the end, the next one to come. */
	if (!vk_target_new(&t->vkts[0], t->dev, 0))
		vk_target_free(&t->vkts[0]);
	KUNIT_EXPECT_EQ(test, fake_md_count(), t->mds);
	fake_dev_free(t->dev);
	fake_dev_free(t->other);
	kfree(t->buf);
}

/* The first table, resumed. */
static struct vhdx_target *tables_start(struct tables_test *t)
{
	struct vk_target *vkt = &t->vkts[0];

	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(vkt, t->dev, 0));
	t->table = (unsigned long)vkt->ti.table;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(vkt));
	return vkt->vt;
}

static int tables_load(struct tables_test *t, u32 slot, s64 more, bool read_only)
{
	u64 sectors = t->spec.disk_bytes >> SECTOR_SHIFT;

	return vk_target_load(&t->vkts[slot], t->table, t->dev, sectors + more,
			      read_only);
}

static int tables_write(struct tables_test *t, u32 slot, u32 block)
{
	memset(t->buf, 0x77, VHDX_SECTOR);
	return vk_guest_io(&t->vkts[slot], REQ_OP_WRITE, block * 2048 + 100, 8,
			   t->buf);
}

/* A write is acknowledged, and the suspend cannot make it durable. */
static void tables_lose(struct tables_test *t, u32 slot, bool noflush)
{
	struct vhdx_target *vt = t->vkts[slot].vt;

	KUNIT_EXPECT_EQ(t->check.test, 0, tables_write(t, slot, 5));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vk_target_suspend(&t->vkts[slot], noflush);
	t->dev->fail_in[FAKE_FLUSH] = 0;
	KUNIT_EXPECT_EQ(t->check.test, vt->mode, VHDX_MODE_RO);
}

/* What the table in @slot should have inherited. */
static void tables_expect_lost(struct tables_test *t, u32 slot)
{
	struct vk_target *vkt = &t->vkts[slot];

	KUNIT_EXPECT_EQ(t->check.test, -EIO, vk_guest_flush(vkt));
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(vkt));
}

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
		t->dev->fail_in[FAKE_WRITE] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(vkt));
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
	KUNIT_EXPECT_EQ(test, vt->stats.zeroed, 1);
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
			t->dev->fail_in[FAKE_WRITE] = 1;
			KUNIT_EXPECT_EQ(test, -EIO,
					vk_target_resume(&t->vkts[1]));
			t->dev->fail_in[FAKE_WRITE] = 0;
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
	u64 before = vt->stats.zeroed;
	int r = tables_write(t, slot, block);

	*zeroed = vt->stats.zeroed > before;
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

/* ------------------------------------------------------------------------
 * Registry
 */

static void registry_rules(struct kunit *test)
{
	/* See fake_table_get_md(): one and next belong to one mapped device. */
	unsigned long first = fake_md_new(), second = fake_md_new();
	struct dm_table *one = (void *)first, *next = (void *)(first + 1);
	struct dm_table *other = (void *)second;
	struct vhdx_user user[4] = {};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(user); i++) {
		user[i].dev = MKDEV(240, 1);
		user[i].table = other;
	}
	user[0].table = one;
	user[0].writable = true;
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[0]));
	/* A writer excludes writers and readers, in the same table as well. */
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	user[1].writable = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	user[1].table = one;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	/* But not the next table of the device, nor other backing devices. */
	user[1].table = next;
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
	user[2].dev = MKDEV(240, 2);
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[2]));
	vhdx_registry_del(&user[2]);
	vhdx_registry_del(&user[0]);
	/* The next one is now the live one. */
	user[0].table = other;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[0]));
	vhdx_registry_del(&user[1]);

	/* Readers: any number; they exclude writers. */
	for (i = 0; i < 3; i++) {
		user[i] = (struct vhdx_user) {
			.dev = MKDEV(240, 1), .table = i ? other : one,
		};
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[i]));
	}
	user[3].writable = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[3]));
	for (i = 0; i < 3; i++)
		vhdx_registry_del(&user[i]);
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[3]));
	vhdx_registry_del(&user[3]);
	fake_md_remove(first);
	fake_md_remove(second);
}

/*
 * Live is whose image may have been written since it was added, be it by a
 * table that is at rest again by now.
 */
static void registry_live(struct kunit *test)
{
	const struct vhdx_limits limits = { .logical = 4096, .block = SZ_1M };
	unsigned long first = fake_md_new();
	struct vhdx_user user[3] = {
		{ .dev = MKDEV(240, 1), .table = (void *)first },
		{ .dev = MKDEV(240, 1), .table = (void *)(first + 1) },
		{ .dev = MKDEV(240, 2), .table = (void *)(first + 2) },
	};
	u32 i;

	for (i = 0; i < 2; i++) {
		user[0].writable = i;
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[0]));
		vhdx_registry_set_limits(&user[0], &limits);
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[2]));
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[1]));
		KUNIT_EXPECT_EQ(test, user[1].limits.logical, 0);
		vhdx_registry_set_state(&user[0], VHDX_USER_ACTIVE);
		KUNIT_EXPECT_EQ(test, i, vhdx_registry_is_live(&user[1]));
		vhdx_registry_set_state(&user[0], VHDX_USER_QUIESCED);
		KUNIT_EXPECT_EQ(test, i, vhdx_registry_is_live(&user[1]));
		KUNIT_EXPECT_EQ(test, user[1].limits.logical, i ? 4096 : 0);
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[2]));
		/* For one that comes only now it is over. */
		vhdx_registry_del(&user[1]);
		user[1].limits.logical = 0;
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[1]));
		vhdx_registry_del(&user[2]);
		vhdx_registry_del(&user[1]);
		vhdx_registry_del(&user[0]);
	}
	fake_md_remove(first);
}

/* ------------------------------------------------------------------------
 * The rest of a table's life
 */

/* The mode changes while the session opens, after its last write. */
static void tables_hook_ro(struct fake_dev *dev, const struct fake_event *event)
{
	struct tables_test *t = dev->hook_arg;

	if (dev->nr_events == 6)
		vhdx_set_mode(t->vkts[0].vt, VHDX_MODE_RO, "a test");
}

static void tables_may_overwrite(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	/* Entry, flush, header, flush, header, flush. */
	fake_dev_forget(t->dev);
	t->dev->hook = tables_hook_ro;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, -EIO, tables_write(t, 0, 1));
	t->dev->hook = NULL;
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 6);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RO);
	KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
	/* And if it were: not beyond a suspend, whatever the mode. */
	vt->may_overwrite = true;
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_FALSE(test, vt->may_overwrite);
	KUNIT_EXPECT_FALSE(test, vt->session_open);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	vk_target_suspend(&t->vkts[0], false);
}

/* A suspend that was interrupted is none. */
static void tables_suspend_undone(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);

	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	vk_target_suspend_undo(&t->vkts[0], true);
	KUNIT_EXPECT_FALSE(test, vt->requeue_no_space);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 2));
	/* It is active all the time. */
	KUNIT_EXPECT_EQ(test, 0, tables_load(t, 1, 8, false));
	vk_target_drop(&t->vkts[1]);
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_EQ(test, vt->mode, VHDX_MODE_RW);
	KUNIT_EXPECT_EQ(test, vt->nr_dirty, 0);
}

/* No timer outlives its target, not even if it was not suspended. */
static void tables_timers(struct kunit *test)
{
	struct tables_test *t = test->priv;

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 1));
	KUNIT_EXPECT_FALSE(test, list_empty(&fake.timers));
	vk_target_free(&t->vkts[0]);
	t->table = 0;
	KUNIT_EXPECT_TRUE(test, list_empty(&fake.timers));
	INIT_LIST_HEAD(&fake.timers);
}

static void tables_limits(struct kunit *test)
{
	static const struct {
		u32 io_min, io_opt;		/* of the backing device */
		u32 offset;
		u32 min, opt;			/* of the disk */
	} cases[] = {
		{ 512, 0, 0, 4096, 0 },			/* a plain disk */
		{ 65536, 0, 0, 4096, 0 },
		{ 65536, 131072, 0, 65536, 131072 },	/* a RAID's stripes */
		{ 512, 131072, 0, 4096, 131072 },
		{ 4096, SZ_1M, 0, 4096, SZ_1M },
		{ 65536, 3 * 65536, 0, 4096, 0 },	/* no part of a MiB */
		{ 65536, SZ_2M, 0, 4096, 0 },
		{ 65536, 131072, 512, 4096, 0 },	/* and at odds with it */
		{ 512, 2048, 0, 4096, 0 },
		{ 4096, 33553920, 0, 4096, 0 },		/* what USB bridges say */
	};
	struct tables_test *t = test->priv;
	u32 i;

	tables_start(t);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct queue_limits limits = {
			.logical_block_size = 512,
			.physical_block_size = 512,
			.io_min = cases[i].io_min,
			.io_opt = cases[i].io_opt,
			.alignment_offset = cases[i].offset,
		};

		t->vkts[0].vt->user.limits.physical = 4096;
#ifdef BLK_FLAG_MISALIGNED
		limits.flags |= BLK_FLAG_MISALIGNED;
#else
		limits.misaligned = 1;
#endif
		vk_target_hints(&t->vkts[0], &limits);
		if (limits.io_min != cases[i].min ||
		    limits.io_opt != cases[i].opt)
			vk_fail(&t->check, "case %u: io_min %u, io_opt %u", i,
				limits.io_min, limits.io_opt);
		KUNIT_EXPECT_EQ(test, limits.alignment_offset, 0);
#ifdef BLK_FLAG_MISALIGNED
		KUNIT_EXPECT_FALSE(test, limits.flags & BLK_FLAG_MISALIGNED);
#else
		KUNIT_EXPECT_FALSE(test, limits.misaligned);
#endif
	}
	vk_target_suspend(&t->vkts[0], false);
}

static void tables_measured(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	char line[256];

	vk_target_status_as(&t->vkts[0], STATUSTYPE_IMA, line, sizeof(line));
	KUNIT_EXPECT_STREQ(test, line,
			   "target_name=vhdx,target_version=1.1.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,commit_interval=1000;");
	vt->zeroed_from_mib = 8;
	vt->error_if_no_space = true;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_IMA, line, sizeof(line));
	KUNIT_EXPECT_STREQ(test, line,
			   "target_name=vhdx,target_version=1.1.0,device_name=7:0,read_only=n,error_if_no_space=y,no_unmap=n,commit_interval=1000,zeroed_from=16384;");
	vk_target_suspend(&t->vkts[0], false);
}

static struct kunit_case tables_cases[] = {
	KUNIT_CASE(registry_rules),
	KUNIT_CASE(registry_live),
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
	KUNIT_CASE(tables_may_overwrite),
	KUNIT_CASE(tables_suspend_undone),
	KUNIT_CASE(tables_timers),
	KUNIT_CASE(tables_limits),
	KUNIT_CASE(tables_measured),
	{}
};

static struct kunit_suite tables_suite = {
	.name = "vhdx-tables",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = tables_cases,
};

kunit_test_suite(tables_suite);
