// SPDX-License-Identifier: GPL-2.0
/* Loading an image, its headers, its replay. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-image.h"

struct image_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vhdx_image image;
	u8 *buf;
	/* for crash states */
	struct vhdx_header old, new;
	bool settled;		/* only the new header may be found */
	u8 *expected;		/* contents after replay */
	u32 crash_part;		/* one operation in so many: a power cut */
};

#define IMAGE_DEV_MIB		12

static int image_test_init(struct kunit *test)
{
	struct image_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->crash_part = 1;
	t->spec = (struct vk_spec) {
		.dev_mib = IMAGE_DEV_MIB, .log_mib = 1, .bat_mib = 1,
		.block_mib = 1, .logical = 512, .disk_bytes = 64 * SZ_1M,
	};
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	t->dev = vk_format(&t->spec);
	vhdx_image_init(&t->image, &t->dev->bdev, true);
	return t->buf ? 0 : -ENOMEM;
}

static void image_test_exit(struct kunit *test)
{
	struct image_test *t = test->priv;

	if (!t)
		return;
	vhdx_image_unload(&t->image);
	fake_dev_free(t->dev);
	kfree(t->buf);
	vfree(t->expected);
}

static int image_test_load(struct image_test *t)
{
	const char *error = NULL;
	int r = vhdx_image_load(&t->image, &error);

	if (!r != !error)
		vk_fail(&t->check, "result %d with the sentence %s", r,
			error ?: "missing");
	return r;
}

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
 * A dirty log
 */

/* Places to look at after a replay; the others are not touched. */
#define IMAGE_PLACES		72

static u64 image_test_place(const struct image_test *t, u32 i)
{
	if (i < 32)
		return VHDX_REGION_OFF(0) + i * VHDX_SECTOR;
	if (i < 40)
		return vk_bat_off(&t->spec) + (i - 32) * VHDX_SECTOR;
	if (i < 56)
		return vk_meta_off(&t->spec) + 128 * SZ_1K +
		       (i - 40) * VHDX_SECTOR;
	return (u64)vk_free_mib(&t->spec) * SZ_1M + (i - 56) * VHDX_SECTOR;
}

static void image_test_stamp(struct image_test *t, u8 stamp)
{
	memset(t->buf, stamp, VHDX_SECTOR);
}

/* A BAT sector that says where blocks 0 and 1 are. */
static void image_test_bat(struct image_test *t, u32 mib)
{
	__le64 *raw = (__le64 *)t->buf;

	memset(t->buf, 0, VHDX_SECTOR);
	raw[0] = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_FULL, mib));
	raw[1] = cpu_to_le64(VHDX_BAT_RAW(VHDX_BLOCK_ZERO, mib));
}

/*
 * Five entries that wrap around the end of the log, with zero descriptors over
 * data and the other way round; the first two lie before the Tail.
 */
static void image_test_make_dirty(struct image_test *t)
{
	u64 meta = vk_meta_off(&t->spec) + 128 * SZ_1K;
	u64 payload = (u64)vk_free_mib(&t->spec) * SZ_1M;
	u64 end = t->dev->bytes, sequence = (1ULL << 32) - 3;
	u32 off = SZ_1M - 6 * VHDX_SECTOR, tail, i;
	struct vhdx_header header;
	struct vk_entry entry;
	bool damaged;

	image_test_stamp(t, 0x11);
	for (i = 0; i < 16; i++)
		fake_dev_poke(t->dev, payload + i * VHDX_SECTOR, t->buf,
			      VHDX_SECTOR);
	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);

	/* Applied already, and overwritten since: not to be replayed. */
	tail = off;
	vk_entry_begin(&entry);
	image_test_stamp(t, 0x66);
	vk_entry_data(&entry, payload + 15 * VHDX_SECTOR, t->buf);
	vk_entry_data(&entry, meta + 15 * VHDX_SECTOR, t->buf);
	off += vk_entry_write(&entry, t->dev, &header.log_guid, sequence++, off,
			      tail, end);
	vk_entry_begin(&entry);
	off += vk_entry_write(&entry, t->dev, &header.log_guid, sequence++, off,
			      tail, end);

	tail = off % SZ_1M;
	vk_entry_begin(&entry);
	image_test_bat(t, vk_free_mib(&t->spec) + 5);
	vk_entry_data(&entry, vk_bat_off(&t->spec), t->buf);
	image_test_stamp(t, 0x22);
	vk_entry_data(&entry, meta, t->buf);
	vk_entry_data(&entry, meta + 4 * VHDX_SECTOR, t->buf);
	vk_entry_data(&entry, payload + 4 * VHDX_SECTOR, t->buf);
	vk_entry_zero(&entry, payload + 8 * VHDX_SECTOR, 4 * VHDX_SECTOR);
	off += vk_entry_write(&entry, t->dev, &header.log_guid, sequence++,
			      off % SZ_1M, tail, end);
	vk_entry_begin(&entry);
	vk_entry_zero(&entry, payload + 2 * VHDX_SECTOR, 4 * VHDX_SECTOR);
	vk_entry_zero(&entry, meta + 4 * VHDX_SECTOR, VHDX_SECTOR);
	vk_entry_zero(&entry, meta + 6 * VHDX_SECTOR, 0);
	image_test_stamp(t, 0x33);
	vk_entry_data(&entry, payload + 3 * VHDX_SECTOR, t->buf);
	vk_entry_data(&entry, meta + VHDX_SECTOR, t->buf);
	off += vk_entry_write(&entry, t->dev, &header.log_guid, sequence++,
			      off % SZ_1M, tail, end);
	vk_entry_begin(&entry);
	image_test_bat(t, vk_free_mib(&t->spec));
	vk_entry_data(&entry, vk_bat_off(&t->spec), t->buf);
	image_test_stamp(t, 0x44);
	vk_entry_data(&entry, payload + 9 * VHDX_SECTOR, t->buf);
	vk_entry_write(&entry, t->dev, &header.log_guid, sequence++,
		       off % SZ_1M, tail, end);
}

static u8 image_test_expected(u32 i)
{
	static const u8 meta[16] = { 0x22, 0x33 };
	static const u8 payload[16] = {
		0x11, 0x11, 0, 0x33, 0, 0, 0x11, 0x11,
		0, 0x44, 0, 0, 0x11, 0x11, 0x11, 0x11,
	};

	return i < 56 ? meta[i - 40] : payload[i - 56];
}

/* What is expected after replay, all bytes: by hand, then as loaded. */
static void image_test_remember(struct image_test *t)
{
	u32 i;

	t->expected = vmalloc(IMAGE_PLACES * VHDX_SECTOR);
	for (i = 0; i < IMAGE_PLACES; i++) {
		u8 *place = t->expected + i * VHDX_SECTOR;

		vk_view(&t->image, image_test_place(t, i), place, VHDX_SECTOR);
		if (i >= 40 && memchr_inv(place, image_test_expected(i),
					  VHDX_SECTOR))
			vk_fail(&t->check, "place %u has %02x, not %02x", i,
				place[0], image_test_expected(i));
	}
	if (t->image.bat[0] != vhdx_e_make(VHDX_BLOCK_FULL,
					   vk_free_mib(&t->spec)) ||
	    t->image.bat[1] != vhdx_e_make(VHDX_BLOCK_ZERO, 0))
		vk_fail(&t->check, "the BAT is not the replayed one");
}

static void image_test_compare(struct image_test *t, struct vhdx_image *image,
			       const char *what)
{
	u32 i;

	for (i = 0; i < IMAGE_PLACES && !t->check.failed; i++) {
		vk_view(image, image_test_place(t, i), t->buf, VHDX_SECTOR);
		if (memcmp(t->buf, t->expected + i * VHDX_SECTOR, VHDX_SECTOR))
			vk_fail(&t->check, "%s: place %u (%02x) differs", what,
				i, t->buf[0]);
	}
}

static void image_load_dirty(struct kunit *test)
{
	struct image_test *t = test->priv;
	bool damaged;
	int writable;

	image_test_make_dirty(t);
	for (writable = 0; writable <= 1; writable++) {
		t->image.writable = writable;
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		KUNIT_EXPECT_TRUE(test, t->image.overlay.payload);
		if (!t->expected)
			image_test_remember(t);
		image_test_compare(t, &t->image, "loaded");
		vhdx_image_unload(&t->image);
	}
	/* In memory only. */
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, fake_dev_count(t->dev,
								FAKE_READ));
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);

	/* Without the LogGuid it is just noise (case 69). */
	vk_get_header(t->dev, &t->new, &damaged);
	t->new.log_guid = guid_null;
	vk_set_header(t->dev, &t->new);
	KUNIT_EXPECT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_TRUE(test, xa_empty(&t->image.overlay.data));
	vhdx_image_unload(&t->image);
	/* With another one there is no sequence (case 70). */
	guid_gen(&t->new.log_guid);
	vk_set_header(t->dev, &t->new);
	KUNIT_EXPECT_EQ(test, -EINVAL, image_test_load(t));
}

static void image_load_dirty_read_errors(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 reads, i;

	image_test_make_dirty(t);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	reads = fake_dev_count(t->dev, FAKE_READ);
	for (i = 1; i <= reads; i++) {
		vhdx_image_unload(&t->image);
		t->dev->fail_in[FAKE_READ] = i;
		KUNIT_EXPECT_EQ(test, -EIO, image_test_load(t));
		KUNIT_EXPECT_TRUE(test, xa_empty(&t->image.overlay.data));
	}
}

/*
 * One entry with its descriptors in one place and its data in another, by turns:
 * what is read of the log stays within a small multiple of its size.
 */
static void image_load_dirty_apart(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 sectors = SZ_1M / VHDX_SECTOR, i;
	struct vhdx_header header;
	struct vk_entry entry;
	u64 bytes = 0, off;
	bool damaged;

	fake_dev_free(t->dev);
	t->spec.log_mib = 4;
	t->dev = vk_format(&t->spec);
	t->image.backing.bdev = &t->dev->bdev;
	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	image_test_stamp(t, 0x55);
	vk_entry_begin_large(&entry, sectors, sectors);
	for (i = 2; i < sectors * (VHDX_SECTOR / 32); i++) {
		if ((i + 1) % (VHDX_SECTOR / 32)) {
			vk_entry_zero(&entry, off, 0);
		} else {
			vk_entry_data(&entry, off, t->buf);
			off += VHDX_SECTOR;
		}
	}
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0,
		       t->dev->bytes);

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	for (i = 0; i < t->dev->nr_events; i++)
		if (t->dev->events[i].off >= VK_LOG_OFF &&
		    t->dev->events[i].off < VK_LOG_OFF + header.log_length)
			bytes += t->dev->events[i].bytes;
	KUNIT_EXPECT_LE(test, bytes, 6 * (u64)header.log_length);
	vk_view(&t->image, off - VHDX_SECTOR, t->buf, VHDX_SECTOR);
	KUNIT_EXPECT_PTR_EQ(test, memchr_inv(t->buf, 0x55, VHDX_SECTOR), NULL);
}

/* A log that changes only metadata leaves the payload's fast path alone. */
static void image_load_dirty_metadata_only(struct kunit *test)
{
	struct image_test *t = test->priv;
	struct vhdx_header header;
	struct vk_entry entry;
	bool damaged;

	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	vk_entry_begin(&entry);
	image_test_bat(t, vk_free_mib(&t->spec));
	vk_entry_data(&entry, vk_bat_off(&t->spec), t->buf);
	fake_dev_peek(t->dev, VHDX_REGION_OFF(1), t->buf, VHDX_SECTOR);
	vk_entry_data(&entry, VHDX_REGION_OFF(1), t->buf);
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0, t->dev->bytes);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_FALSE(test, t->image.overlay.payload);
	KUNIT_EXPECT_EQ(test, t->image.allocated_blocks, 1);
	vhdx_image_unload(&t->image);

	/* Case 87: the file was longer when the entry was written. */
	vk_entry_begin(&entry);
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0,
		       t->dev->bytes + SZ_1M);
	KUNIT_EXPECT_EQ(test, -EINVAL, image_test_load(t));
}

/* Tables that a crash has torn are in the log: it comes before them. */
static void image_load_log_first(struct kunit *test)
{
	struct image_test *t = test->priv;
	const u64 torn[] = {
		VHDX_REGION_OFF(0), VHDX_REGION_OFF(1), vk_meta_off(&t->spec),
		vk_meta_off(&t->spec) + SZ_64K,
	};
	struct vhdx_header header;
	struct vk_entry entry;
	bool damaged;
	u32 i;

	vk_get_header(t->dev, &header, &damaged);
	guid_gen(&header.log_guid);
	vk_set_header(t->dev, &header);
	vk_entry_begin(&entry);
	for (i = 0; i < ARRAY_SIZE(torn); i++) {
		fake_dev_peek(t->dev, torn[i], t->buf, VHDX_SECTOR);
		vk_entry_data(&entry, torn[i], t->buf);
		memset(t->buf, 0xff, VHDX_SECTOR);
		fake_dev_poke(t->dev, torn[i], t->buf, VHDX_SECTOR);
	}
	KUNIT_EXPECT_EQ(test, -EINVAL, image_test_load(t));
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0, t->dev->bytes);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_EQ(test, t->image.layout.geo.disk_bytes,
			t->spec.disk_bytes);
	KUNIT_EXPECT_FALSE(test, t->image.overlay.payload);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_replay(&t->image));
	vhdx_image_unload(&t->image);
	KUNIT_EXPECT_EQ(test, 0, image_test_load(t));
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
 * Headers
 */

static bool image_test_same(const struct vhdx_header *a,
			    const struct vhdx_header *b)
{
	return guid_equal(&a->file_write_guid, &b->file_write_guid) &&
	       guid_equal(&a->data_write_guid, &b->data_write_guid) &&
	       guid_equal(&a->log_guid, &b->log_guid) &&
	       a->log_off == b->log_off && a->log_length == b->log_length &&
	       a->version == b->version && a->log_version == b->log_version;
}

/* Old or new, whole; and never old again after it was new for certain. */
static void image_test_header_hook(struct fake_dev *dev,
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
		else if (!image_test_same(&is, &t->new) &&
			 (t->settled || !image_test_same(&is, &t->old)))
			vk_fail(&t->check, "neither the old nor the new header");
		fake_dev_free(crash);
		t->check.crashes++;
	}
}

static void image_test_header_change(struct image_test *t)
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

static void image_header_crash(struct kunit *test)
{
	struct image_test *t = test->priv;
	u64 sequence;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	t->dev->hook = image_test_header_hook;
	t->dev->hook_arg = t;
	for (i = 0; i < 20 && !t->check.failed; i++) {
		bool both = vk_rnd(&t->check.rnd, 2);

		sequence = t->image.layout.header.sequence;
		image_test_header_change(t);
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
static void image_header_crash_damaged(struct kunit *test)
{
	struct image_test *t = test->priv;
	int slot;

	for (slot = 0; slot < 2; slot++) {
		memset(t->buf, 0xff, VHDX_SECTOR);
		fake_dev_poke(t->dev, VHDX_HEADER_OFF(slot), t->buf,
			      VHDX_SECTOR);
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		KUNIT_EXPECT_TRUE(test, t->image.layout.header_damaged);
		image_test_header_change(t);
		t->image.layout.header.log_guid = guid_null;
		t->new.log_guid = guid_null;
		t->dev->hook = image_test_header_hook;
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

static void image_header_errors(struct kunit *test)
{
	struct image_test *t = test->priv;
	bool damaged;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	t->dev->hook = image_test_header_hook;
	t->dev->hook_arg = t;
	for (i = 0; i < 4; i++) {
		image_test_header_change(t);
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
		t->dev->hook = image_test_header_hook;
	}
	t->dev->hook = NULL;
}

/* ------------------------------------------------------------------------
 * Replay
 */

static void image_test_replay_hook(struct fake_dev *dev,
				   const struct fake_event *event);

/* Load a crash state; now and then replay it, cutting that again. */
static void image_test_replay_state(struct image_test *t, struct fake_dev *crash,
				    u32 depth)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error = NULL;
	struct vhdx_header header;
	bool damaged;

	t->check.crashes++;
	vhdx_image_init(image, &crash->bdev, true);
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "a crash state does not open: %s", error);
		goto out;
	}
	image_test_compare(t, image, "loaded");
	if (depth == 2 || vk_rnd(&t->check.rnd, depth ? 8 : 2))
		goto out;
	crash->hook = image_test_replay_hook;
	crash->hook_arg = t;
	if (vhdx_image_replay(image))
		vk_fail(&t->check, "the replay of a crash state fails");
	crash->hook = NULL;
	if (!vk_get_header(crash, &header, &damaged) || damaged ||
	    !guid_is_null(&header.log_guid))
		vk_fail(&t->check, "not clean after replay");
	if (!xa_empty(&image->overlay.data))
		vk_fail(&t->check, "changes are left after replay");
	if (!list_empty(&crash->writes))
		vk_fail(&t->check, "replay is not durable");
	image_test_compare(t, image, "replayed");
out:
	vhdx_image_unload(image);
	kfree(image);
}

static void image_test_replay_hook(struct fake_dev *dev,
				   const struct fake_event *event)
{
	struct image_test *t = dev->hook_arg;
	u32 depth = dev == t->dev ? 0 : dev->base == t->dev ? 1 : 2;
	struct fake_dev *crash;

	if (t->check.failed || depth > 1 ||
	    vk_rnd(&t->check.rnd, depth ? 6 : t->crash_part))
		return;
	t->check.step++;
	crash = fake_dev_crash(dev, &t->check.rnd);
	image_test_replay_state(t, crash, depth + 1);
	fake_dev_free(crash);
}

static void image_replay(struct kunit *test)
{
	struct image_test *t = test->priv;
	struct vhdx_header before, after;
	bool damaged;

	image_test_make_dirty(t);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	image_test_remember(t);
	before = t->image.layout.header;
	fake_dev_forget(t->dev);
	KUNIT_ASSERT_EQ(test, 0, vhdx_image_replay(&t->image));
	KUNIT_EXPECT_EQ(test, t->dev->misused, 0);
	image_test_compare(t, &t->image, "replayed");
	KUNIT_EXPECT_TRUE(test, vk_get_header(t->dev, &after, &damaged));
	KUNIT_EXPECT_FALSE(test, damaged);
	KUNIT_EXPECT_TRUE(test, guid_is_null(&after.log_guid));
	KUNIT_EXPECT_FALSE(test, guid_equal(&before.file_write_guid,
					    &after.file_write_guid));
	/* No guest has written anything. */
	KUNIT_EXPECT_TRUE(test, guid_equal(&before.data_write_guid,
					   &after.data_write_guid));
	/* The header first, durable before anything else. */
	KUNIT_ASSERT_GT(test, t->dev->nr_events, 6);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, t->dev->events[0].off, VHDX_HEADER_OFF(0));
	KUNIT_EXPECT_EQ(test, t->dev->events[1].op, FAKE_FLUSH);
	/* And the last two, with what was replayed durable before. */
	KUNIT_EXPECT_EQ(test, t->dev->events[t->dev->nr_events - 5].op,
			FAKE_FLUSH);

	/* A clean image is left alone. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_replay(&t->image));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
}

static void image_replay_crash(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 round;

	for (round = 0; round < 3 * vk_effort && !t->check.failed; round++) {
		image_test_make_dirty(t);
		KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
		vfree(t->expected);
		image_test_remember(t);
		t->dev->hook = image_test_replay_hook;
		t->dev->hook_arg = t;
		KUNIT_EXPECT_EQ(test, 0, vhdx_image_replay(&t->image));
		t->dev->hook = NULL;
		image_test_compare(t, &t->image, "replayed");
		vhdx_image_unload(&t->image);
	}
	kunit_info(test, "%u crash states\n", t->check.crashes);
}

/* Whatever fails, the image stays as good as it was. */
static void image_replay_errors(struct kunit *test)
{
	struct image_test *t = test->priv;
	u32 op, i;

	t->crash_part = 4;
	image_test_make_dirty(t);
	for (op = FAKE_WRITE; op <= FAKE_FLUSH; op++) {
		for (i = 1; i < 32 && !t->check.failed; i++) {
			int r;

			KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
			if (!t->expected)
				image_test_remember(t);
			t->dev->fail_in[op] = i;
			t->dev->hook = image_test_replay_hook;
			t->dev->hook_arg = t;
			r = vhdx_image_replay(&t->image);
			t->dev->hook = NULL;
			vhdx_image_unload(&t->image);
			if (t->dev->fail_in[op]) {
				t->dev->fail_in[op] = 0;
				KUNIT_EXPECT_EQ(test, 0, r);
				break;
			}
			KUNIT_EXPECT_EQ(test, -EIO, r);
		}
		KUNIT_EXPECT_GE(test, i, 2);
		KUNIT_EXPECT_LT(test, i, 32);
		/* What failed to be flushed would hide what comes now. */
		fake_dev_flushed(t->dev, 0);
		image_test_make_dirty(t);
	}
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
	KUNIT_CASE(image_load_dirty),
	KUNIT_CASE(image_load_dirty_read_errors),
	KUNIT_CASE(image_load_dirty_apart),
	KUNIT_CASE(image_load_dirty_metadata_only),
	KUNIT_CASE(image_load_log_first),
	KUNIT_CASE(image_changed),
	KUNIT_CASE(image_changed_shrunk),
	KUNIT_CASE(image_header_crash),
	KUNIT_CASE(image_header_crash_damaged),
	KUNIT_CASE(image_header_errors),
	KUNIT_CASE(image_replay),
	KUNIT_CASE(image_replay_crash),
	KUNIT_CASE(image_replay_errors),
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
