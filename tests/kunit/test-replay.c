// SPDX-License-Identifier: GPL-2.0
/* A dirty log: loading it, replaying it. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-loaded.h"

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

/* Its header names a log. */
static void image_test_name_log(struct image_test *t, struct vhdx_header *header)
{
	bool damaged;

	vk_get_header(t->dev, header, &damaged);
	guid_gen(&header->log_guid);
	vk_set_header(t->dev, header);
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

	image_test_stamp(t, 0x11);
	for (i = 0; i < 16; i++)
		fake_dev_poke(t->dev, payload + i * VHDX_SECTOR, t->buf,
			      VHDX_SECTOR);
	image_test_name_log(t, &header);

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

	fake_dev_free(t->dev);
	t->spec.log_mib = 4;
	t->dev = vk_format(&t->spec);
	t->image.backing.bdev = &t->dev->bdev;
	image_test_name_log(t, &header);
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

	image_test_name_log(t, &header);
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
	u32 i;

	image_test_name_log(t, &header);
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

static bool image_test_is_log(struct image_test *t, const struct fake_event *event)
{
	return event->op != FAKE_FLUSH && event->off >= VK_LOG_OFF &&
	       event->off < VK_LOG_OFF + t->spec.log_mib * SZ_1M;
}

static void image_replay(struct kunit *test)
{
	struct image_test *t = test->priv;
	struct vhdx_header before, after;
	bool damaged;
	u32 i = 0;

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
	/* The log as it is, and the header, durable before anything else. */
	while (i < t->dev->nr_events && image_test_is_log(t, &t->dev->events[i]))
		i++;
	KUNIT_EXPECT_GE(test, i, 2);
	KUNIT_ASSERT_GT(test, t->dev->nr_events, i + 6);
	KUNIT_EXPECT_EQ(test, t->dev->events[i].op, FAKE_WRITE);
	KUNIT_EXPECT_EQ(test, t->dev->events[i].off, VHDX_HEADER_OFF(0));
	KUNIT_EXPECT_EQ(test, t->dev->events[i + 1].op, FAKE_FLUSH);
	/* And the last two, with what was replayed durable before. */
	KUNIT_EXPECT_EQ(test, t->dev->events[t->dev->nr_events - 5].op,
			FAKE_FLUSH);

	/* A clean image is left alone. */
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, vhdx_image_replay(&t->image));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
}

/* What is next to the BAT is a block's, and read as the log has it. */
static void image_load_dirty_next_to_bat(struct kunit *test)
{
	struct image_test *t = test->priv;
	struct vhdx_header header;
	struct vk_entry entry;

	image_test_name_log(t, &header);
	image_test_stamp(t, 0x55);
	vk_entry_begin(&entry);
	vk_entry_data(&entry, (u64)vk_free_mib(&t->spec) << 20, t->buf);
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0, t->dev->bytes);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_TRUE(test, t->image.overlay.payload);
}

/* A log of one entry: that is written once more, and nothing else of the log. */
static void image_replay_one(struct kunit *test, u32 off)
{
	struct image_test *t = test->priv;
	struct vhdx_header header;
	struct vk_entry entry;
	u32 bytes, i;
	u64 written = 0;

	image_test_name_log(t, &header);
	vk_entry_begin(&entry);
	image_test_bat(t, vk_free_mib(&t->spec));
	vk_entry_data(&entry, vk_bat_off(&t->spec), t->buf);
	bytes = vk_entry_write(&entry, t->dev, &header.log_guid, 7, off, off,
			       t->dev->bytes);
	KUNIT_ASSERT_EQ(test, 0, image_test_load(t));
	KUNIT_EXPECT_TRUE(test, strstr(fake.message, " 1 entries to replay") != NULL);
	fake_dev_forget(t->dev);
	KUNIT_ASSERT_EQ(test, 0, vhdx_image_replay(&t->image));
	for (i = 0; i < t->dev->nr_events; i++)
		if (t->dev->events[i].op == FAKE_WRITE &&
		    image_test_is_log(t, &t->dev->events[i]))
			written += t->dev->events[i].bytes;
	KUNIT_EXPECT_EQ(test, written, bytes);
}

/* Also one that goes on at the log's start. */
static void image_replay_one_entry(struct kunit *test)
{
	image_replay_one(test, 5 * VHDX_SECTOR);
}

static void image_replay_one_around(struct kunit *test)
{
	const struct image_test *t = test->priv;

	image_replay_one(test, t->spec.log_mib * SZ_1M - VHDX_SECTOR);
}

/* Zeroes that the log has and there is no memory to remember: such an image is not shown. */
static void image_load_zero_memory(struct kunit *test)
{
	struct image_test *t = test->priv;
	u64 off = (u64)vk_free_mib(&t->spec) * SZ_1M;
	struct vhdx_header header;
	struct vk_entry entry;
	bool lacked, loaded;
	u32 n = 0;

	image_test_name_log(t, &header);
	image_test_stamp(t, 0x55);
	fake_dev_poke(t->dev, off, t->buf, VHDX_SECTOR);
	vk_entry_begin(&entry);
	vk_entry_zero(&entry, off, VHDX_SECTOR);
	vk_entry_write(&entry, t->dev, &header.log_guid, 1, 0, 0, t->dev->bytes);
	do {
		fake_lack_begin(++n, true);
		loaded = !image_test_load(t);
		lacked = fake_lack_end();
		if (loaded) {
			vk_view(&t->image, off, t->buf, VHDX_SECTOR);
			KUNIT_EXPECT_PTR_EQ(test, memchr_inv(t->buf, 0, VHDX_SECTOR), NULL);
		}
		vhdx_image_unload(&t->image);
	} while (lacked && n < 1000);
	KUNIT_EXPECT_TRUE(test, loaded);
	KUNIT_EXPECT_FALSE(test, lacked);
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

/* Has nothing failed but that the log is written as it is? */
static bool image_test_log_failed(struct image_test *t)
{
	u32 i;

	for (i = 0; i < t->dev->nr_events; i++)
		if (t->dev->events[i].failed)
			return image_test_is_log(t, &t->dev->events[i]);
	return false;
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
			fake_dev_forget(t->dev);
			r = vhdx_image_replay(&t->image);
			t->dev->hook = NULL;
			vhdx_image_unload(&t->image);
			if (t->dev->fail_in[op]) {
				t->dev->fail_in[op] = 0;
				KUNIT_EXPECT_EQ(test, 0, r);
				break;
			}
			KUNIT_EXPECT_EQ(test, image_test_log_failed(t) ? 0 : -EIO, r);
			/* It was replayed all the same. */
			if (!r)
				image_test_make_dirty(t);
		}
		KUNIT_EXPECT_GE(test, i, 2);
		KUNIT_EXPECT_LT(test, i, 32);
		/* What failed to be flushed would hide what comes now. */
		fake_dev_flushed(t->dev, 0);
		image_test_make_dirty(t);
	}
}

static struct kunit_case replay_cases[] = {
	KUNIT_CASE(image_load_dirty),
	KUNIT_CASE(image_load_dirty_read_errors),
	KUNIT_CASE(image_load_dirty_apart),
	KUNIT_CASE(image_load_dirty_metadata_only),
	KUNIT_CASE(image_load_log_first),
	KUNIT_CASE(image_replay),
	KUNIT_CASE(image_load_dirty_next_to_bat),
	KUNIT_CASE(image_replay_one_entry),
	KUNIT_CASE(image_replay_one_around),
	KUNIT_CASE(image_load_zero_memory),
	KUNIT_CASE(image_replay_crash),
	KUNIT_CASE(image_replay_errors),
	{}
};

static struct kunit_suite replay_suite = {
	.name = "vhdx-replay",
	.init = image_test_init,
	.exit = image_test_exit,
	.test_cases = replay_cases,
};

kunit_test_suite(replay_suite);
