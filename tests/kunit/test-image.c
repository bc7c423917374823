// SPDX-License-Identifier: GPL-2.0
/* Loading an image; one that changes under its user. */
#include <linux/slab.h>

#include "vk-loaded.h"

static void image_load_empty(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_TRUE(test, t->image.loaded);
	KUNIT_EXPECT_EQ(test, t->image.layout.geo.blocks, 64);
	KUNIT_EXPECT_EQ(test, t->image.layout.header.sequence, 7);
	KUNIT_EXPECT_EQ(test, t->image.layout.header_slot, 1);
	KUNIT_EXPECT_FALSE(test, t->image.layout.header_damaged);
	KUNIT_EXPECT_FALSE(test, t->image.layout.region_differ);
	KUNIT_EXPECT_EQ(test, t->image.space.size, IMAGE_DEV_MIB);
	KUNIT_EXPECT_EQ(test, t->image.space.taken, vk_free_mib(&t->spec));
	KUNIT_EXPECT_EQ(test, t->image.space.end, vk_free_mib(&t->spec));
	KUNIT_EXPECT_EQ(test, t->image.allocated_blocks, 0);
	for (i = 0; i < 64; i++)
		KUNIT_EXPECT_EQ(test, t->image.bat[i], 0);
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, fake_dev_count(t->dev,
								FAKE_READ));
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
	/* A second time: nothing is left of the first. */
	vhdx_image_unload(&t->image);
	KUNIT_EXPECT_FALSE(test, t->image.loaded);
	KUNIT_EXPECT_EQ(test, 0, image_test_load(t));
}

static void image_load_states(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 mib = vk_free_mib(&t->spec);
	const u32 *bat;

	vk_set_bat(t->dev, &t->spec, 0, VHDX_BLOCK_FULL, mib + 3);
	vk_set_bat(t->dev, &t->spec, 1, VHDX_BLOCK_NOT_PRESENT, mib + 3);
	vk_set_bat(t->dev, &t->spec, 2, VHDX_BLOCK_ZERO, 1ULL << 43);
	vk_set_bat(t->dev, &t->spec, 3, VHDX_BLOCK_UNDEFINED, mib + 1);
	vk_set_bat(t->dev, &t->spec, 4, VHDX_BLOCK_UNMAPPED, 0);
	vk_set_bat(t->dev, &t->spec, 5, VHDX_BLOCK_UNMAPPED, mib);
	vk_set_bat(t->dev, &t->spec, 63, VHDX_BLOCK_FULL, IMAGE_DEV_MIB - 1);
	/* Case 67: behind the disk's entries, anything may be. */
	memset(t->buf, 0xff, VHDX_SECTOR);
	fake_dev_poke(t->dev, vk_bat_off(&t->spec) + 64 * 8, t->buf, 512);

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	bat = t->image.bat;
	KUNIT_EXPECT_EQ(test, bat[0], vhdx_e_make(VHDX_BLOCK_FULL, mib + 3));
	KUNIT_EXPECT_EQ(test, bat[1], 0);
	KUNIT_EXPECT_EQ(test, bat[2], vhdx_e_make(VHDX_BLOCK_ZERO, 0));
	KUNIT_EXPECT_EQ(test, bat[3],
			vhdx_e_make(VHDX_BLOCK_UNDEFINED, mib + 1));
	KUNIT_EXPECT_EQ(test, bat[4], vhdx_e_make(VHDX_BLOCK_UNMAPPED, 0));
	KUNIT_EXPECT_EQ(test, bat[5], vhdx_e_make(VHDX_BLOCK_UNMAPPED, mib));
	KUNIT_EXPECT_EQ(test, bat[63],
			vhdx_e_make(VHDX_BLOCK_FULL, IMAGE_DEV_MIB - 1));
	KUNIT_EXPECT_EQ(test, t->image.allocated_blocks, 2);
	KUNIT_EXPECT_EQ(test, t->image.space.taken, mib + 4);
	KUNIT_EXPECT_EQ(test, t->image.space.end, IMAGE_DEV_MIB);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(&t->image.space, 1, 1), mib + 2);
}

/* Case 66: anchors that cannot be, and what must not be at all. */
static void image_load_bad_bat(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 mib = vk_free_mib(&t->spec);
	static const struct {
		u32 state;
		u32 mib;
		bool reader_minds;
	} bad[] = {
		{ VHDX_BLOCK_UNMAPPED, IMAGE_DEV_MIB, false },
		{ VHDX_BLOCK_UNMAPPED, 1, false },
		{ VHDX_BLOCK_UNDEFINED, 5, false },
		{ VHDX_BLOCK_FULL, 5, true },
		{ VHDX_BLOCK_FULL, 0, true },
		{ VHDX_BLOCK_FULL, 2, true },
		{ VHDX_BLOCK_FULL, IMAGE_DEV_MIB, true },
		{ VHDX_BLOCK_PARTIAL, 6, true },
		{ 4, 6, true },
		{ 5, 6, true },
	};
	u32 i;

	vk_set_bat(t->dev, &t->spec, 0, VHDX_BLOCK_FULL, 5);
	KUNIT_ASSERT_LE(test, mib, 5);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vk_set_bat(t->dev, &t->spec, 1, bad[i].state, bad[i].mib);
		t->image.writable = true;
		KUNIT_EXPECT_EQ(test, -EINVAL, image_test_load(t));
		KUNIT_EXPECT_FALSE(test, t->image.loaded);
		KUNIT_EXPECT_PTR_EQ(test, t->image.bat, NULL);
		KUNIT_EXPECT_PTR_EQ(test, t->image.space.map, NULL);
		t->image.writable = false;
		KUNIT_EXPECT_EQ(test, bad[i].reader_minds ? -EINVAL : 0,
				image_test_load(t));
		if (!bad[i].reader_minds)
			KUNIT_EXPECT_EQ(test, t->image.bat[1],
					vhdx_e_make(bad[i].state, 0));
		vhdx_image_unload(&t->image);
	}
}

/* A bad header slot, or a bad region table, is noticed for the session. */
static void image_load_damaged_pairs(struct kunit *test)
{
	struct image_test *t = test->priv;

	memset(t->buf, 0x5a, VHDX_SECTOR);
	fake_dev_poke(t->dev, VHDX_HEADER_OFF(1), t->buf, 8);
	fake_dev_poke(t->dev, VHDX_REGION_OFF(0) + SZ_4K, t->buf, VHDX_SECTOR);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_EQ(test, t->image.layout.header_slot, 0);
	KUNIT_EXPECT_TRUE(test, t->image.layout.header_damaged);
	KUNIT_EXPECT_EQ(test, t->image.layout.header.sequence, 6);
	KUNIT_EXPECT_EQ(test, t->image.layout.region_slot, 1);
	KUNIT_EXPECT_TRUE(test, t->image.layout.region_differ);
	vhdx_image_unload(&t->image);

	fake_dev_poke(t->dev, VHDX_HEADER_OFF(0), t->buf, 8);
	KUNIT_EXPECT_EQ(test, -EINVAL, image_test_load(t));
}

/* Whichever read fails: -EIO, and nothing is left behind (case 92). */
static void image_load_read_errors(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 reads, i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	reads = fake_dev_count(t->dev, FAKE_READ);
	KUNIT_EXPECT_GT(test, reads, 8);
	for (i = 1; i <= reads; i++) {
		vhdx_image_unload(&t->image);
		t->dev->fail_in[FAKE_READ] = i;
		KUNIT_EXPECT_EQ(test, -EIO, image_test_load(t));
		KUNIT_EXPECT_FALSE(test, t->image.loaded);
	}
	KUNIT_EXPECT_EQ(test, 0, image_test_load(t));
}

/* Length of the table, smaller sectors than the device's: case 43. */
static void image_load_sector_size(struct kunit *test)
{
	struct image_test *t = test->priv;

	t->dev->logical_bytes = 4096;
	KUNIT_EXPECT_EQ(test, -EOPNOTSUPP, image_test_load(t));
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
	fake_dev_free(t->dev);
	t->spec.logical = 4096;
	t->dev = vk_format(&t->spec);
	t->dev->logical_bytes = 4096;
	t->image.backing.bdev = &t->dev->bdev;
	KUNIT_EXPECT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
}

/* ------------------------------------------------------------------------
 * Changes by others
 */

static void image_changed(struct kunit *test)
{
	struct image_test *t = test->priv;
	struct vhdx_header header;
	bool changed, damaged;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);

	/* Our own updates are none. */
	guid_gen(&t->image.layout.header.file_write_guid);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_write_header(&t->image, true));
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_write_header(&t->image, false));
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);

	vk_get_header(t->dev, &header, &damaged);
	header.sequence++;
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	header.sequence--;
	guid_gen(&header.file_write_guid);
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	header.file_write_guid = t->image.layout.header.file_write_guid;
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);

	/* Both bad: changed, if not for the better. */
	memset(t->buf, 0, VHDX_SECTOR);
	fake_dev_poke(t->dev, VHDX_HEADER_OFF(0), t->buf, VHDX_SECTOR);
	fake_dev_poke(t->dev, VHDX_HEADER_OFF(1), t->buf, VHDX_SECTOR);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
	t->dev->fail_in[FAKE_READ] = 2;
	KUNIT_EXPECT_EQ(test, -EIO, vhdx_image_changed(&t->image, &changed));
}

static void image_changed_shrunk(struct kunit *test)
{
	struct image_test *t = test->priv;
	bool changed;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	t->dev->bytes += SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_FALSE(test, changed);
	t->dev->bytes -= 2 * SZ_1M;
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_changed(&t->image, &changed));
	KUNIT_EXPECT_TRUE(test, changed);
}

/* ------------------------------------------------------------------------
 * Growing devices
 */

#define IMAGE_GROWN_MIB		21

static void image_grow(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 mib = vk_free_mib(&t->spec);
	struct vhdx_space *space = &t->image.space;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_FALSE(test, vhdx_image_grow(&t->image));
	KUNIT_EXPECT_TRUE(test, vhdx_space_claim(space, mib, IMAGE_DEV_MIB -
						 mib));
	KUNIT_EXPECT_EQ(test, 0, vhdx_space_find(space, 1, 1));
	/* Less than a MiB more is nothing. */
	t->dev->bytes += SZ_1M - 512;
	KUNIT_EXPECT_FALSE(test, vhdx_image_grow(&t->image));
	t->dev->bytes += 512 + IMAGE_GROWN_MIB * (u64)SZ_1M - SZ_1M;
	KUNIT_EXPECT_TRUE(test, vhdx_image_grow(&t->image));
	KUNIT_EXPECT_EQ(test, space->size, IMAGE_DEV_MIB + IMAGE_GROWN_MIB);
	KUNIT_EXPECT_EQ(test, t->image.bytes, t->dev->bytes);
	KUNIT_EXPECT_EQ(test, space->taken, IMAGE_DEV_MIB);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, 1, IMAGE_GROWN_MIB), IMAGE_DEV_MIB);
	KUNIT_EXPECT_EQ(test, vhdx_space_find(space, 1,
						IMAGE_GROWN_MIB + 1), 0);
	KUNIT_EXPECT_FALSE(test, vhdx_image_grow(&t->image));
	/* It shrinks: too late to mind. */
	t->dev->bytes -= SZ_1M;
	KUNIT_EXPECT_FALSE(test, vhdx_image_grow(&t->image));
	KUNIT_EXPECT_EQ(test, space->size, IMAGE_DEV_MIB + IMAGE_GROWN_MIB);
	/* More than all of the blocks can take is of no use. */
	t->dev->bytes += 1000 * (u64)SZ_1M;
	KUNIT_EXPECT_TRUE(test, vhdx_image_grow(&t->image));
	KUNIT_EXPECT_EQ(test, space->size, IMAGE_DEV_MIB +
			t->image.layout.geo.blocks *
			vhdx_block_mib(&t->image.layout.geo));
	KUNIT_EXPECT_FALSE(test, vhdx_image_grow(&t->image));
}

static struct kunit_case image_cases[] = {
	KUNIT_CASE(image_load_empty),
	KUNIT_CASE(image_load_states),
	KUNIT_CASE(image_load_bad_bat),
	KUNIT_CASE(image_load_damaged_pairs),
	KUNIT_CASE(image_load_read_errors),
	KUNIT_CASE(image_load_sector_size),
	KUNIT_CASE(image_changed),
	KUNIT_CASE(image_changed_shrunk),
	KUNIT_CASE(image_grow),
	{}
};

static struct kunit_suite image_suite = {
	.name = "vhdx-image",
	.init = image_test_init,
	.exit = image_test_exit,
	.test_cases = image_cases,
};

kunit_test_suite(image_suite);
