// SPDX-License-Identifier: GPL-2.0
/* Sessions of VHD images: footers that cannot be written, and what others change. */
#include "vk-vhd.h"

static int session_write(struct vhd_test *t, u32 block)
{
	return vk_guest_io(&t->vkt, REQ_OP_WRITE, block * VHD_TEST_SECTORS, 1,
			   t->buf);
}

static void session_footer(struct vhd_test *t, bool tail, bool *good)
{
	u64 off = tail ? t->dev->bytes - VHD_FOOTER_BYTES : 0;

	fake_dev_peek(t->dev, off, t->raw, VHD_FOOTER_BYTES);
	*good = vhd_footer_valid(t->raw);
}

/* The first write: two footers, each with its flush.  One of them, or both, fail. */
static void session_fails(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u8 *was = kunit_kzalloc(test, VHD_FOOTER_BYTES, GFP_KERNEL);
	bool good;
	u32 how;

	KUNIT_ASSERT_NOT_NULL(test, was);
	fake_dev_peek(t->dev, 0, was, VHD_FOOTER_BYTES);
	/* So that the one at the start is written, too. */
	memset(t->raw, 0, VHD_FOOTER_BYTES);
	for (how = 0; how < 4; how++) {
		fake_dev_poke(t->dev, t->dev->bytes - VHD_FOOTER_BYTES, was,
			      VHD_FOOTER_BYTES);
		memset(t->raw, how & 1 ? 0x55 : 0, VHD_FOOTER_BYTES);
		fake_dev_poke(t->dev, how & 1 ? 0 : t->dev->bytes - VHD_FOOTER_BYTES,
			      t->raw, VHD_FOOTER_BYTES);
		vhd_test_start(t);
		t->dev->fail_in[how < 2 ? FAKE_WRITE : FAKE_FLUSH] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, session_write(t, 5));
		KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RO);
		/* Nothing relies on it. */
		KUNIT_EXPECT_EQ(test, vhd_test_entry(t, t->dev, 5), VHD_BAT_UNALLOCATED);
		vk_target_suspend(&t->vkt, false);
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
		KUNIT_EXPECT_EQ(test, 0, session_write(t, 6 + how));
		/* A flush that has failed is told of. */
		if (how >= 2)
			KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		session_footer(t, true, &good);
		KUNIT_EXPECT_TRUE(test, good);
		session_footer(t, false, &good);
		KUNIT_EXPECT_TRUE(test, good);
		vk_target_suspend(&t->vkt, false);
		vk_target_free(&t->vkt);
	}
}

/* The device has grown, and the footer cannot go to its new end. */
static void session_grows(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u64 bytes = t->dev->bytes;
	u32 how;

	for (how = 0; how < 3; how++) {
		vhd_test_start(t);
		KUNIT_EXPECT_EQ(test, 0, session_write(t, 5 + 2 * how));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
		t->dev->bytes = bytes + (how + 1) * SZ_1M;
		if (how < 2)
			t->dev->fail_in[how ? FAKE_FLUSH : FAKE_WRITE] = 1;
		KUNIT_EXPECT_EQ(test, how < 2 ? -EIO : 0, session_write(t, 6 + 2 * how));
		KUNIT_EXPECT_EQ(test, t->vt->mode, how < 2 ? VHDX_MODE_RO :
							VHDX_MODE_RW);
		if (how < 2)
			KUNIT_EXPECT_TRUE(test, strstr(fake.message,
					  "the footer cannot be written to the device's new end"));
		else
			KUNIT_EXPECT_EQ(test, t->vt->image.bytes, t->dev->bytes);
		memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
		vk_target_suspend(&t->vkt, false);
		vk_target_free(&t->vkt);
	}
}

/* Nothing in the image says that somebody has changed it: it is looked at. */
static void session_changed(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct vhdx_image *image;
	__be32 *bat = (__be32 *)t->raw;
	bool changed;
	u8 *was = t->raw + VHD_SECTOR;

	vhd_test_start(t);
	image = &t->vt->image;
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	/* A block more; less space, but not more of it; another identity. */
	fake_dev_peek(t->dev, VHD_TEST_BAT_OFF, bat, VHD_SECTOR);
	memcpy(was, bat, VHD_SECTOR);
	bat[7] = cpu_to_be32(20000);
	fake_dev_poke(t->dev, VHD_TEST_BAT_OFF, bat, VHD_SECTOR);
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	fake_dev_poke(t->dev, VHD_TEST_BAT_OFF, was, VHD_SECTOR);
	t->dev->bytes -= SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	t->dev->bytes += 2 * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	t->dev->bytes -= SZ_1M;
	fake_dev_peek(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	memcpy(was, t->raw, VHD_FOOTER_BYTES);
	memset(t->raw, 0, VHD_FOOTER_BYTES);
	fake_dev_poke(t->dev, 0, t->raw, VHD_FOOTER_BYTES);
	/* One that is bad by now has changed, one that cannot be read has not. */
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	fake_dev_poke(t->dev, 0, was, VHD_FOOTER_BYTES);
	t->dev->fail_in[FAKE_READ] = 2;
	KUNIT_EXPECT_EQ(test, -EIO, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	fake_lack_begin(1, true);
	KUNIT_EXPECT_EQ(test, -ENOMEM, vhd_image_changed(image, &changed));
	fake_lack_end();
	KUNIT_EXPECT_EQ(test, 0, vhd_image_changed(image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
}

/* Nothing in a VHD image can be moved, or freed. */
static void session_moves(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	char answer[32];

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, vk_target_move(&t->vkt, 0, false, answer,
							  sizeof(answer)));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message,
				       "block 0 is not moved (-95): a VHD image is compacted only while it is not in use\n"));
	KUNIT_EXPECT_FALSE(test, t->vt->frees);
	KUNIT_EXPECT_FALSE(test, t->vt->pass_down);
}

static int session_read(struct vhd_test *t, u32 block)
{
	return vk_guest_io(&t->vkt, REQ_OP_READ, block * VHD_TEST_SECTORS, 1, t->buf);
}

/* A flush has failed: what it should have covered is not to be read, and all else is. */
static void session_doubtful(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, session_write(t, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, session_write(t, 6));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_TRUE(test, t->vt->check_reads);
	KUNIT_EXPECT_EQ(test, 0, session_read(t, 5));
	KUNIT_EXPECT_EQ(test, 0, session_read(t, 0));
	KUNIT_EXPECT_EQ(test, 0, session_read(t, 9));
	KUNIT_EXPECT_EQ(test, -EIO, session_read(t, 6));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, session_read(t, 6));
	vk_target_suspend(&t->vkt, false);
}

/* Nobody is to send anything else, and if somebody does it is an error. */
static void session_other_bios(struct kunit *test)
{
	static const blk_opf_t ops[] = { REQ_OP_DISCARD, REQ_OP_WRITE_ZEROES };
	struct vhd_test *t = test->priv;
	struct fake_bio *fbio;
	u32 i;

	vhd_test_start(t);
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		fbio = fake_bio_new(ops[i], VK_BEGIN, VHD_TEST_SECTORS / 4);
		vk_guest_submit(&t->vkt, fbio);
		fake_kernel_run();
		KUNIT_EXPECT_TRUE(test, fbio->done);
		KUNIT_EXPECT_EQ(test, -EIO, fbio->status);
		fake_bio_free(fbio);
	}
	vhd_test_check(t, 0, 4);
}

/*
 * What is read when an image is loaded need not be durable.  FUA says nothing of entries:
 * they are before anybody may write.
 */
static void session_read_not_durable(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	struct fake_dev *crash;

	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	/* The data is durable, and the entry only written. */
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 5 * VHD_TEST_SECTORS, 1));
	t->dev->fail_in[FAKE_FLUSH] = 2;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* The guest is told that it may be lost, and looks at it. */
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	vhd_test_check(t, 5 * VHD_TEST_SECTORS, 1);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(t->vt->bat[5]));
	fake.fua = true;
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, REQ_FUA, 5 * VHD_TEST_SECTORS, 1));
	fake.fua = false;
	crash = fake_dev_bare(t->dev);
	vhd_test_judge(t, crash);
	fake_dev_free(crash);
	vk_target_suspend(&t->vkt, false);
}

/* A flush that fails, number @n from now on, hides what it has dropped: a sector's entry, or bit. */
static void session_hide(struct vhd_test *t, u32 sector, u32 n)
{
	struct kunit *test = t->check.test;
	struct fake_dev *crash;

	t->dev->flush_hides = true;
	vhd_test_start(t);
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, 0, 1));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, sector, 1));
	/* The data is durable, and the entry only written. */
	t->dev->fail_in[FAKE_FLUSH] = 2;
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	t->dev->fail_in[FAKE_FLUSH] = n;
	vk_target_suspend(&t->vkt, false);
	KUNIT_EXPECT_EQ(test, t->dev->losses, 1 + n);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkt));
	/* Somebody is told; but what is written from then on is not lost. */
	KUNIT_EXPECT_EQ(test, -EIO, vk_guest_flush(&t->vkt));
	KUNIT_EXPECT_EQ(test, 0, vhd_test_write(t, 0, sector, 1));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkt));
	t->durable[sector] = t->latest[sector];
	crash = fake_dev_bare(t->dev);
	vhd_test_judge(t, crash);
	fake_dev_free(crash);
	vk_target_suspend(&t->vkt, false);
}

/* It is in the BAT, which the next session writes as it is; that of the suspend fails, too. */
static void session_hidden(struct kunit *test)
{
	session_hide(test->priv, 5 * VHD_TEST_SECTORS, 1);
}

/* It is in a bitmap: the suspend has written that once more. */
static void session_bits(struct kunit *test)
{
	session_hide(test->priv, VHD_TEST_SECTORS / 2 + 3, 0);
}

/* One that has all it needs since the first one. */
static void session_second(struct kunit *test)
{
	struct vhd_test *t = test->priv;
	u32 block;

	vhd_test_start(t);
	for (block = 5; block < 8; block++) {
		KUNIT_EXPECT_EQ(test, 0, session_write(t, block));
		KUNIT_EXPECT_EQ(test, t->vt->mode, VHDX_MODE_RW);
		KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_OPEN);
		KUNIT_EXPECT_EQ(test, 0, vk_target_message(&t->vkt, "close"));
		KUNIT_EXPECT_EQ(test, t->vt->session, VHDX_SESSION_CLOSED);
	}
}

static struct kunit_case session_cases[] = {
	KUNIT_CASE(session_fails),
	KUNIT_CASE(session_grows),
	KUNIT_CASE(session_changed),
	KUNIT_CASE(session_moves),
	KUNIT_CASE(session_doubtful),
	KUNIT_CASE(session_other_bios),
	KUNIT_CASE(session_read_not_durable),
	KUNIT_CASE(session_hidden),
	KUNIT_CASE(session_bits),
	KUNIT_CASE(session_second),
	{}
};

static struct kunit_suite session_suite = {
	.name = "vhdx-vhd-session",
	.init = vhd_test_init,
	.exit = vhd_test_exit,
	.test_cases = session_cases,
};

kunit_test_suite(session_suite);
