// SPDX-License-Identifier: GPL-2.0
/* Headers: what a power cut or an error leaves of an update. */
#include <linux/slab.h>

#include "vk-loaded.h"

static bool header_test_same(const struct vhdx_header *a,
			     const struct vhdx_header *b)
{
	return guid_equal(&a->file_write_guid, &b->file_write_guid) &&
	       guid_equal(&a->data_write_guid, &b->data_write_guid) &&
	       guid_equal(&a->log_guid, &b->log_guid) &&
	       a->log_off == b->log_off && a->log_length == b->log_length &&
	       a->version == b->version && a->log_version == b->log_version;
}

/* Old or new, whole; and never old again after it was new for certain. */
static void header_test_hook(struct fake_dev *dev,
			     const struct fake_event *event)
{
	struct image_test *t = dev->hook_arg;
	struct fake_dev *crash;
	struct vhdx_header is;
	bool damaged;
	u32 i;

	t->check.step++;
	if (event->op == FAKE_FLUSH && !event->failed)
		t->settled = true;
	for (i = 0; i < 4; i++) {
		crash = fake_dev_crash(dev, &t->check.rnd);
		if (!vk_get_header(crash, &is, &damaged))
			vk_fail(&t->check, "no header is left");
		else if (!header_test_same(&is, &t->new) &&
			 (t->settled || !header_test_same(&is, &t->old)))
			vk_fail(&t->check, "neither the old nor the new header");
		fake_dev_free(crash);
		t->check.crashes++;
	}
}

static void header_test_change(struct image_test *t)
{
	struct vhdx_header *header = &t->image.layout.header;

	t->old = *header;
	guid_gen(&header->file_write_guid);
	if (vk_rnd(&t->check.rnd, 2))
		guid_gen(&header->data_write_guid);
	if (vk_rnd(&t->check.rnd, 2))
		guid_gen(&header->log_guid);
	t->new = *header;
	t->settled = false;
}

static void header_crash(struct kunit *test)
{
	struct image_test *t = test->priv;
	u64 sequence;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	t->dev->hook = header_test_hook;
	t->dev->hook_arg = t;
	for (i = 0; i < 20 && !t->check.failed; i++) {
		bool both = vk_rnd(&t->check.rnd, 2);

		sequence = t->image.layout.header.sequence;
		header_test_change(t);
		fake_dev_forget(t->dev);
		KUNIT_EXPECT_EQ(test, 0, vhdx_image_write_header(&t->image,
								 both));
		KUNIT_EXPECT_EQ(test, t->image.layout.header.sequence,
				sequence + 1 + both);
		KUNIT_EXPECT_EQ(test, t->dev->nr_events, both ? 4 : 2);
		KUNIT_EXPECT_TRUE(test, list_empty(&t->dev->writes));
		KUNIT_EXPECT_TRUE(test, t->settled);
	}
	t->dev->hook = NULL;
	kunit_info(test, "%u crash states\n", t->check.crashes);
}

/* The slot that is bad must be the one that is written first. */
static void header_crash_damaged(struct kunit *test)
{
	struct image_test *t = test->priv;
	int slot;

	for (slot = 0; slot < 2; slot++) {
		memset(t->buf, 0xff, VHDX_SECTOR);
		fake_dev_poke(t->dev, VHDX_HEADER_OFF(slot), t->buf,
			      VHDX_SECTOR);
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		KUNIT_EXPECT_TRUE(test, t->image.layout.header_damaged);
		header_test_change(t);
		t->image.layout.header.log_guid = guid_null;
		t->new.log_guid = guid_null;
		t->dev->hook = header_test_hook;
		t->dev->hook_arg = t;
		KUNIT_EXPECT_EQ(test, 0, vhdx_image_write_header(&t->image,
								 true));
		t->dev->hook = NULL;
		KUNIT_EXPECT_FALSE(test, t->image.layout.header_damaged);
		vhdx_image_unload(&t->image);
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		KUNIT_EXPECT_FALSE(test, t->image.layout.header_damaged);
		vhdx_image_unload(&t->image);
	}
}

static void header_errors(struct kunit *test)
{
	struct image_test *t = test->priv;
	bool damaged;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	t->dev->hook = header_test_hook;
	t->dev->hook_arg = t;
	for (i = 0; i < 4; i++) {
		header_test_change(t);
		t->dev->fail_in[i & 1 ? FAKE_FLUSH : FAKE_WRITE] = 1 + i / 2;
		KUNIT_EXPECT_EQ(test, -EIO, vhdx_image_write_header(&t->image,
								    true));
		memset(t->dev->fail_in, 0, sizeof(t->dev->fail_in));
		/* Try again, as a target that was reloaded does. */
		t->dev->hook = NULL;
		vhdx_image_unload(&t->image);
		fake_dev_flushed(t->dev, 0);
		vk_get_header(t->dev, &t->new, &damaged);
		t->new.log_guid = guid_null;
		t->new.sequence += 2;
		vk_set_header(t->dev, &t->new);
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		t->dev->hook = header_test_hook;
	}
	t->dev->hook = NULL;
}

static struct kunit_case header_cases[] = {
	KUNIT_CASE(header_crash),
	KUNIT_CASE(header_crash_damaged),
	KUNIT_CASE(header_errors),
	{}
};

static struct kunit_suite header_suite = {
	.name = "vhdx-header",
	.init = image_test_init,
	.exit = image_test_exit,
	.test_cases = header_cases,
};

kunit_test_suite(header_suite);
