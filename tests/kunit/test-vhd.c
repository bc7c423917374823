// SPDX-License-Identifier: GPL-2.0
/* VHD images, written: order of footers, bitmaps, data, BAT and bits; power cuts. */
#include "vk-vhd.h"

/* The first event of a kind from @from on that touches [@off, @off + @bytes). */
static u32 vhd_event(struct vhd_test *t, u32 from, enum fake_op op, u64 off,
		     u64 bytes)
{
	const struct fake_event *event;

	for (; from < t->dev->nr_events; from++) {
		event = &t->dev->events[from];
		if (event->op == op && (op == FAKE_FLUSH ||
					(event->off < off + bytes &&
					 off < event->off + event->bytes)))
			break;
	}
	return from;
}

static u64 vhd_place(struct vhd_test *t, u32 block)
{
	return (u64)t->vt->place[block] << SECTOR_SHIFT;
}

/* Flush, and everything written is durable. */
static void vhd_flush(struct vhd_test *t)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	memcpy(t->durable, t->latest, VHD_TEST_DISK * sizeof(u32));
}

/* What was read; the footer; bitmap, zeroes and data; F1; the BAT; F2. */
static void vhd_first_write(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 f1, f2, bat, first;
	u64 place;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 5 * VHD_TEST_SECTORS + 7, 3));
	KUNIT_EXPECT_EQ(test, VHD_BAT_UNALLOCATED, vhd_test_entry(t, t->dev, 5));
	place = vhd_place(t, 5);
	KUNIT_EXPECT_EQ(test, (place + VHD_SECTOR) % VHD_DATA_ALIGN, 0);
	first = vhd_event(t, 0, FAKE_WRITE, t->dev->bytes - 512, 512);
	KUNIT_EXPECT_LT(test, vhd_event(t, 0, FAKE_FLUSH, 0, 0), first);
	first = vhd_event(t, first, FAKE_FLUSH, 0, 0);
	KUNIT_EXPECT_LT(test, first, vhd_event(t, 0, FAKE_WRITE, place, 512));
	KUNIT_EXPECT_LT(test, first, vhd_event(t, 0, FAKE_ZERO, place + 512, 512));
	fake_dev_forget(t->dev);
	vhd_flush(t);
	f1 = vhd_event(t, 0, FAKE_FLUSH, 0, 0);
	bat = vhd_event(t, 0, FAKE_WRITE, VHD_TEST_BAT_OFF, 1024);
	f2 = vhd_event(t, f1 + 1, FAKE_FLUSH, 0, 0);
	KUNIT_EXPECT_LT(test, f1, bat);
	KUNIT_EXPECT_LT(test, bat, f2);
	KUNIT_EXPECT_LT(test, f2, t->dev->nr_events);
	KUNIT_EXPECT_EQ(test, t->vt->place[5], vhd_test_entry(t, t->dev, 5));
	vhd_test_judge(t, t->dev);
	vhd_test_check(t, 5 * VHD_TEST_SECTORS, FAKE_BIO_SECTORS);
	KUNIT_EXPECT_EQ(test, 0U, t->dev->misused);
}

/* Of a present block in parts only the bits change, and those with their data first. */
static void vhd_further_bits(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 f1, bits;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 100, 2));
	fake_dev_forget(t->dev);
	vhd_flush(t);
	f1 = vhd_event(t, 0, FAKE_FLUSH, 0, 0);
	bits = vhd_event(t, 0, FAKE_WRITE, VHD_TEST_PLACE * VHD_SECTOR, 512);
	KUNIT_EXPECT_LT(test, f1, bits);
	KUNIT_EXPECT_LT(test, bits, vhd_event(t, f1 + 1, FAKE_FLUSH, 0, 0));
	/* Nothing is written that has not changed. */
	KUNIT_EXPECT_EQ(test, t->dev->nr_events,
			vhd_event(t, 0, FAKE_WRITE, VHD_TEST_BAT_OFF, 1024));
	vhd_test_judge(t, t->dev);
	vhd_test_check(t, 64, FAKE_BIO_SECTORS);
	/* Once all are set it is like any other. */
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 64, 64));
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[0]));
	vhd_flush(t);
	vhd_test_judge(t, t->dev);
	KUNIT_EXPECT_EQ(test, 0U, t->vt->bat[0] & VHDX_E_PENDING);
}

/* A child's new block: clear bits that are durable before the BAT names them. */
static void vhd_child_block(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 sector = 9 * VHD_TEST_SECTORS + 11, i;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	vhd_test_check(t, 9 * VHD_TEST_SECTORS, FAKE_BIO_SECTORS);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, sector, 1));
	vhd_test_judge(t, t->dev);
	for (i = 0; i < VHD_TEST_SECTORS; i += FAKE_BIO_SECTORS)
		vhd_test_check(t, 9 * VHD_TEST_SECTORS + i, FAKE_BIO_SECTORS);
	/* One that no parent has anything of is full at once. */
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, 190 * VHD_TEST_SECTORS, 1));
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[190]));
	vhd_test_judge(t, t->dev);
	KUNIT_EXPECT_EQ(test, 0U, t->dev->misused);
}

static void vhd_random(struct vhd_test *t, u32 steps)
{
	struct rnd_state *rnd = &t->check.rnd;

	t->dev->hook = vhd_test_hook;
	t->dev->hook_arg = t;
	for (t->check.step = 0; t->check.step < steps && !t->check.failed;
	     t->check.step++) {
		u32 within = vk_rnd(rnd, VHD_TEST_SECTORS);
		u32 sector = vk_rnd(rnd, vk_rnd(rnd, 2) ? 8 : VHD_TEST_BLOCKS) *
			     VHD_TEST_SECTORS + within;
		u32 sectors = 1 + vk_rnd(rnd, min(VHD_TEST_SECTORS - within,
						  FAKE_BIO_SECTORS));

		switch (vk_rnd(rnd, 12)) {
		case 0:
			vhd_flush(t);
			break;
		case 1:
			if (vhd_test_write(t, REQ_FUA, sector, sectors))
				vk_fail(&t->check, "a write has failed");
			break;
		case 2:
			vk_target_suspend(&t->vkt, false);
			memcpy(t->durable, t->latest, VHD_TEST_DISK * sizeof(u32));
			if (vk_target_resume(&t->vkt))
				vk_fail(&t->check, "it cannot be resumed");
			break;
		case 3: case 4: case 5:
			vhd_test_check(t, sector, sectors);
			break;
		default:
			if (vhd_test_write(t, 0, sector, sectors))
				vk_fail(&t->check, "a write has failed");
			break;
		}
	}
	t->dev->hook = NULL;
	vhd_flush(t);
	vhd_test_judge(t, t->dev);
	KUNIT_EXPECT_EQ(t->check.test, 0U, t->dev->misused);
	kunit_info(t->check.test, "%u states\n", t->check.crashes);
}

/* Power cuts at any moment. */
static void vhd_crash(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	t->crash_part = 6;
	vhd_test_start(t);
	vhd_random(t, 200 * vk_effort);
}

static void vhd_crash_child(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	t->crash_part = 6;
	vhd_test_add_parent(t);
	vhd_test_start(t);
	vhd_random(t, 200 * vk_effort);
}

/* The footer goes to the new end before space behind the old one is used. */
static void vhd_grows(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 i, written = 0, footer, flush;
	struct fake_bio *fbio;

	/* Room for a few blocks only. */
	t->dev->bytes = SZ_1M;
	vhd_test_start(t);
	for (i = 1; i < 40; i++) {
		fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
				    i * VHD_TEST_SECTORS, 1);
		memset(fake_bio_data(fbio), 0, VHD_SECTOR);
		vk_guest_submit(&t->vkt, fbio);
		fake_kernel_run();
		if (!fbio->done)
			break;
		fake_bio_free(fbio);
		written++;
	}
	KUNIT_EXPECT_GT(test, written, 10U);
	KUNIT_EXPECT_LT(test, written, 16U);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(t->vt->no_room.lacking));
	fake_dev_forget(t->dev);
	t->dev->bytes = 2 * SZ_1M;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, READ_ONCE(t->vt->no_room.lacking));
	footer = vhd_event(t, 0, FAKE_WRITE, 2 * SZ_1M - 512, 512);
	flush = vhd_event(t, footer, FAKE_FLUSH, 0, 0);
	KUNIT_EXPECT_LT(test, flush, t->dev->nr_events);
	KUNIT_EXPECT_GT(test, vhd_event(t, 0, FAKE_WRITE, SZ_1M, SZ_1M - 512), flush);
	KUNIT_EXPECT_GT(test, vhd_event(t, 0, FAKE_ZERO, SZ_1M, SZ_1M - 512), flush);
	KUNIT_EXPECT_TRUE(test, fbio->done && !fbio->status);
	fake_bio_free(fbio);
	vhd_flush(t);
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
}

/* What may be lost is neither written on nor read. */
static void vhd_flush_fails(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 5 * VHD_TEST_SECTORS, 4));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, (int)VHDX_MODE_RO, (int)t->vt->mode);
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_io(&t->vkt, REQ_OP_READ,
						5 * VHD_TEST_SECTORS, 1, t->buf));
	KUNIT_EXPECT_EQ(test, -EIO, vhd_test_write(t, 0, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkt, REQ_OP_READ, 0, 1, t->buf));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 5 * VHD_TEST_SECTORS, 4));
	vhd_flush(t);
	vhd_test_check(t, 5 * VHD_TEST_SECTORS, 8);
}

/* The copy at the start is mended, and never at once with the one at the end. */
static void vhd_footers(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 copy, flush;

	fake_dev_peek(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	fake_dev_poke(t->dev, t->dev->bytes - VHD_FOOTER_BYTES, t->raw,
		      VHD_FOOTER_BYTES);
	memset(t->raw, 0, VHD_FOOTER_BYTES);
	fake_dev_poke(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	t->crash_part = 1;
	vhd_test_start(t);
	t->dev->hook = vhd_test_hook;
	t->dev->hook_arg = t;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 0, 1));
	copy = vhd_event(t, 0, FAKE_WRITE, 0, 512);
	flush = vhd_event(t, copy, FAKE_FLUSH, 0, 0);
	KUNIT_EXPECT_LT(test, flush, vhd_event(t, 0, FAKE_BIO, 0, ~0ULL >> 1));
	vhd_flush(t);
	fake_dev_peek(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	KUNIT_EXPECT_TRUE(test, vhd_footer_valid(t->raw));
	/* Which another session has no need to write. */
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 0, 1));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, vhd_event(t, 0, FAKE_WRITE, 0, 512));
}

/* Space known to be zero is not zeroed; of MiB 0 that cannot be said. */
static void vhd_zeroed(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhdx_target *vt;
	u32 slot = 1;

	vhd_test_start(t);
	vt = t->vt;
	while (vhd_slot_sector(vt->image.vhd, slot) < 2048)
		slot++;
	vt->zeroed_from_mib = 1;
	vt->space_hint = slot;
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 3 * VHD_TEST_SECTORS, 1));
	KUNIT_EXPECT_EQ(test, vt->image.vhd->place[3], vhd_slot_sector(vt->image.vhd, slot));
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->dev, FAKE_ZERO), 0U);
	KUNIT_EXPECT_EQ(test, vt->nr_aside, 0U);
	vt->space_hint = 1;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 4 * VHD_TEST_SECTORS, 1));
	KUNIT_EXPECT_NE(test, fake_dev_count(t->dev, FAKE_ZERO), 0U);
}

/* Who else changes the image has it known. */
static void vhd_edited(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	__be32 *bat = (__be32 *)t->raw;

	vhd_test_start(t);
	t->vt->zeroed_from_mib = 1;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 3 * VHD_TEST_SECTORS, 1));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 1U, t->vt->zeroed_from_mib);
	vk_target_suspend(&t->vkt, false);
	fake_dev_peek(t->dev, VHD_TEST_BAT_OFF, bat, VHD_SECTOR);
	bat[7] = cpu_to_be32(10000);
	fake_dev_poke(t->dev, VHD_TEST_BAT_OFF, bat, VHD_SECTOR);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, U32_MAX, t->vt->zeroed_from_mib);
}

/* What a device calls its errors: a place that is bad is no bitmap to be loaded. */
static void vhd_bad_places(struct kunit *test)
{
	u32 sector = 9 * VHD_TEST_SECTORS;
	struct vhd_test *t = test->priv;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	t->dev->fail_errno = -ENODATA;
	t->dev->bad_off = vhd_slot_sector(t->vt->image.vhd, 1) << SECTOR_SHIFT;
	t->dev->bad_end = vhd_slot_end(t->vt->image.vhd, 2) << SECTOR_SHIFT;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, sector, 1));
	mutex_lock(&t->vt->publish);
	KUNIT_EXPECT_TRUE(test, !vhdx_bits_find(t->vt->chain, 0));
	mutex_unlock(&t->vt->publish);
	KUNIT_EXPECT_EQ(test, 3U, fake_dev_count(t->dev, FAKE_ZERO));
	fake_dev_forget(t->dev);
	t->dev->bad_end = vhd_slot_end(t->vt->image.vhd, 40) << SECTOR_SHIFT;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_io(&t->vkt, REQ_OP_WRITE,
						10 * VHD_TEST_SECTORS, 1, t->buf));
	KUNIT_EXPECT_EQ(test, 4U, fake_dev_count(t->dev, FAKE_ZERO));
	t->dev->bad_end = 0;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 10 * VHD_TEST_SECTORS, 1));
	vhd_flush(t);
	vhd_test_judge(t, t->dev);
	vhd_test_check(t, sector, 2);
	vhd_test_check(t, 10 * VHD_TEST_SECTORS, 2);
}

/* All blocks there are have a place: then space is never low. */
static void vhd_last_blocks(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhd_header header;
	u32 i;

	/* So many small ones that those in reserve are few. */
	t->dev->bytes = SZ_64M;
	fake_dev_peek(t->dev, VHD_FOOTER_BYTES, t->raw, VHD_HEADER_BYTES);
	vhd_header_decode(t->raw, &header);
	header.block_bytes = SZ_4K;
	header.bat_off = SZ_8M;
	header.bat_entries = VHD_TEST_DISK / 8;
	vhd_header_encode(&header, t->raw);
	fake_dev_poke(t->dev, VHD_FOOTER_BYTES, t->raw, VHD_HEADER_BYTES);
	memset(t->raw, 0xff, SZ_4K);
	for (i = 0; i < header.bat_entries; i += SZ_4K / 4)
		fake_dev_poke(t->dev, SZ_8M + i * 4, t->raw, SZ_4K);
	vhd_test_start(t);
	for (i = 0; i < header.bat_entries; i++)
		KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, i * 8, 1));
	KUNIT_EXPECT_FALSE(test, t->vt->low_space_told);
}

/*
 * A table line as it was before the device has grown: zeroed_from holds but for the
 * footer that was written to its old end, by the table before or the one before that.
 */
static void vhd_grown_tables(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vk_target next[2];
	u32 i, sector = 3 * VHD_TEST_SECTORS;

	t->dev->bytes = 3 * SZ_1M;
	t->dev->fill_end = SZ_1M;
	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 2 * VHD_TEST_SECTORS, 1));
	for (i = 0; i < ARRAY_SIZE(next); i++) {
		struct vk_target *live = i ? &next[i - 1] : &t->vkt;

		t->dev->bytes += SZ_2M;
		KUNIT_EXPECT_EQ(test, 0, vk_target_next(&next[i], live));
		next[i].vt->zeroed_from_mib = 1;
		/* The first is not told before, the second is. */
		if (i)
			KUNIT_EXPECT_EQ(test, 0, vk_guest_io(live, REQ_OP_WRITE,
							     sector, 1, t->buf));
		vk_target_suspend(live, false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&next[i]));
		vk_target_drop(live);
	}
	/* Up to the last. */
	for (i = 4; i < 100; i++)
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&next[1], REQ_OP_WRITE,
						     i * VHD_TEST_SECTORS, 1, t->buf));
	for (i = 4; i < 100; i++)
		for (sector = 1; sector < VHD_TEST_SECTORS; sector++) {
			vk_guest_io(&next[1], REQ_OP_READ,
				    i * VHD_TEST_SECTORS + sector, 1, t->buf);
			if (memchr_inv(t->buf, 0, VHD_SECTOR))
				vk_fail(&t->check, "block %u, sector %u: %.8s",
					i, sector, t->buf);
		}
	vk_target_free(&next[1]);
}

/* A child's new block finds no space below the device, and some later: that is told. */
static void vhd_child_lacks(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct fake_bio *fbio;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, 8 * VHD_TEST_SECTORS, 1));
	t->dev->full = true;
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 9 * VHD_TEST_SECTORS, 1);
	memset(fake_bio_data(fbio), 0, VHD_SECTOR);
	vk_guest_submit(&t->vkt, fbio);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, fbio->done);
	KUNIT_EXPECT_TRUE(test, READ_ONCE(t->vt->no_space.lacking));
	t->dev->full = false;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done && !fbio->status);
	KUNIT_EXPECT_FALSE(test, READ_ONCE(t->vt->no_space.lacking));
	fake_bio_free(fbio);
}

static void vhd_make_space(void *arg)
{
	struct fake_dev *dev = arg;

	dev->full = false;
}

/* A device that has grown, without space below it: nobody waits who needs none. */
static void vhd_grows_full(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u64 end = t->dev->bytes;
	u32 waits;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 0, 1));
	vhd_flush(t);
	t->dev->bytes += SZ_1M;
	t->dev->full = true;
	waits = fake.waits;
	fake.on_wait = vhd_make_space;
	fake.wait_arg = t->dev;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, 100, 2));
	KUNIT_EXPECT_EQ(test, waits, fake.waits);
	KUNIT_EXPECT_EQ(test, end, t->vt->image.bytes);
	vhd_make_space(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, 102, 2));
	KUNIT_EXPECT_EQ(test, t->dev->bytes, t->vt->image.bytes);
	vhd_test_judge(t, t->dev);
	fake.on_wait = NULL;
}

/* The footer at the end is of another image: neither is written over the other. */
static void vhd_two_images(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhd_footer footer;

	fake_dev_peek(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	vhd_footer_decode(t->raw, &footer);
	footer.id.b[3]++;
	vhd_footer_encode(&footer, t->raw);
	fake_dev_poke(t->dev, t->dev->bytes - VHD_FOOTER_BYTES, t->raw,
		      VHD_FOOTER_BYTES);
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_new(&t->vkt, t->dev, VHD_TEST_DISK));
	KUNIT_EXPECT_EQ(test, 0U, fake_dev_count(t->dev, FAKE_WRITE));
}

/* What cannot be read for a moment has not changed; what is bad has. */
static void vhd_unreadable(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhdx_image *image;
	bool changed = true;
	u32 at;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	image = t->vt->chain->source[1].image;
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	for (at = 1; at <= 4; at++) {
		t->parent->fail_in[FAKE_READ] = at;
		KUNIT_EXPECT_EQ(test, -EIO, vhdx_image_changed(image, &changed));
		KUNIT_EXPECT_FALSE(test, changed);
		KUNIT_EXPECT_EQ(test, 0U, t->parent->fail_in[FAKE_READ]);
	}
	memset(t->raw, 0, VHD_FOOTER_BYTES);
	fake_dev_poke(t->parent, 0, t->raw, VHD_FOOTER_BYTES);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
}

/* A bitmap that cannot be read is its own block's concern, and read again. */
static void vhd_bad_bitmap(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 block, bad;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	for (bad = 1; bad <= 3; bad++) {
		t->parent->fail_in[FAKE_READ] = bad;
		/* Of each MiB the first one's, the second one's, the third one's. */
		for (block = 16 * bad; block < 16 * (bad + 1); block++) {
			int r = vk_guest_io(&t->vkt, REQ_OP_READ,
					    block * VHD_TEST_SECTORS, 1, t->buf);

			KUNIT_EXPECT_EQ(test, r, block == 16 ? -EIO : 0);
			if (!r)
				vhd_test_check(t, block * VHD_TEST_SECTORS, 1);
		}
		KUNIT_EXPECT_EQ(test, 0U, t->parent->fail_in[FAKE_READ]);
	}
	vhd_test_check(t, 16 * VHD_TEST_SECTORS, 1);
}

/* Nobody asks parents for what is here. */
static void vhd_asks_no_parent(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 i;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 64, 64));
	vk_target_suspend(&t->vkt, false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_FALSE(test, vhdx_e_present(t->vt->bat[0]));
	fake_dev_forget(t->parent);
	vhd_test_check(t, 0, 8);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[0]));
	/* Of the other blocks of the MiB it has something. */
	KUNIT_EXPECT_EQ(test, fake_dev_count(t->parent, FAKE_READ), 15U);
	for (i = 0; i < t->parent->nr_events; i++)
		KUNIT_EXPECT_NE(test, t->parent->events[i].off,
				VHD_TEST_PLACE * (u64)VHD_SECTOR);
}

/* While the mutex is held nobody looks at parents: they may have many blocks. */
static void vhd_settles_at_once(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhdx_chain *chain;
	struct vhd_image *parent, was;

	vhd_test_add_parent(t);
	vhd_test_start(t);
	chain = t->vt->chain;
	parent = chain->source[1].image->vhd;
	KUNIT_EXPECT_EQ(test, 0, vhd_chain_fill(chain, 1, kunit_kzalloc(test,
				SZ_4K, GFP_KERNEL)));
	mutex_lock(&t->vt->publish);
	/* As if the parent had all there is. */
	was = *parent;
	parent->place = NULL;
	parent->full = NULL;
	KUNIT_EXPECT_FALSE(test, vhd_chain_settle(t->vt, 1));
	*parent = was;
	mutex_unlock(&t->vt->publish);
	vhd_test_check(t, 17 * VHD_TEST_SECTORS, 8);
}

static struct kunit_case vhd_cases[] = {
	KUNIT_CASE(vhd_first_write),
	KUNIT_CASE(vhd_further_bits),
	KUNIT_CASE(vhd_child_block),
	KUNIT_CASE(vhd_crash),
	KUNIT_CASE(vhd_crash_child),
	KUNIT_CASE(vhd_grows),
	KUNIT_CASE(vhd_flush_fails),
	KUNIT_CASE(vhd_footers),
	KUNIT_CASE(vhd_zeroed),
	KUNIT_CASE(vhd_edited),
	KUNIT_CASE(vhd_bad_places),
	KUNIT_CASE(vhd_last_blocks),
	KUNIT_CASE(vhd_grown_tables),
	KUNIT_CASE(vhd_child_lacks),
	KUNIT_CASE(vhd_grows_full),
	KUNIT_CASE(vhd_two_images),
	KUNIT_CASE(vhd_unreadable),
	KUNIT_CASE(vhd_bad_bitmap),
	KUNIT_CASE(vhd_asks_no_parent),
	KUNIT_CASE(vhd_settles_at_once),
	{}
};

static struct kunit_suite vhd_suite = {
	.name = "vhdx-vhd",
	.init = vhd_test_init,
	.exit = vhd_test_exit,
	.test_cases = vhd_cases,
};

kunit_test_suite(vhd_suite);
