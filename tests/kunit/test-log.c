// SPDX-License-Identifier: GPL-2.0
/*
 * The writing end of the log.
 *
 * Metadata sectors carry the number of the entry that wrote them last, in a
 * form that makes them a valid part of a BAT: entries of states that ignore
 * their offset.  After each operation on the device a power cut is tried: the
 * image must open, and all sectors must be those after one and the same entry,
 * which is not older than the newest one that was flushed.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-image.h"

#define LOG_SECTORS		256	/* of the BAT region */
#define LOG_FEW_SECTORS		24	/* ... that a short log is tried with */
#define LOG_MAX_WRITES		131072
#define LOG_APPLY_PART		32

struct log_write {
	u32 entry;
	u32 previous;		/* to the same sector */
};

/**
 * struct log_test - log, and what it should hold
 * @check: the test
 * @spec: the image
 * @dev: its device
 * @image: as loaded
 * @log: under test
 * @small: the log's length is not that of an image: look at the log alone
 * @sectors: of the BAT region that are used
 * @crash_part: one operation in so many is followed by a power cut, and of
 *              those that apply a sector one in LOG_APPLY_PART times so many
 * @written: number of the newest entry that was begun
 * @complete: ... and ended
 * @durable: ... and was flushed
 * @nr_writes: in use of @writes
 * @writes: index 0 is none: the sector is as formatted
 * @last: newest write of each sector
 * @buf: all sectors
 */
struct log_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vhdx_image image;
	struct vhdx_log log;
	bool small;
	u32 sectors;
	u32 crash_part;
	u32 written;
	u32 complete;
	u32 durable;
	u32 nr_writes;
	struct log_write *writes;
	u32 last[LOG_SECTORS];
	u8 *buf;
};

static int log_test_init(struct kunit *test)
{
	struct log_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	/* 2 sectors are in use, what follows is padding. */
	t->spec = (struct vk_spec) {
		.dev_mib = 8, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = 600 * (u64)SZ_1M,
	};
	t->crash_part = 1;
	t->sectors = LOG_SECTORS;
	t->nr_writes = 1;
	t->writes = vzalloc(LOG_MAX_WRITES * sizeof(*t->writes));
	t->buf = vmalloc(LOG_SECTORS * VHDX_SECTOR);
	t->dev = vk_format(&t->spec);
	vhdx_image_init(&t->image, &t->dev->bdev, true);
	return t->writes && t->buf ? vhdx_log_create(&t->log, &t->image) :
				     -ENOMEM;
}

static void log_test_exit(struct kunit *test)
{
	struct log_test *t = test->priv;

	if (!t)
		return;
	vhdx_log_destroy(&t->log);
	vhdx_image_unload(&t->image);
	fake_dev_free(t->dev);
	vfree(t->writes);
	vfree(t->buf);
}

/* ------------------------------------------------------------------------
 * Contents
 */

static __le64 log_test_raw(u32 sector, u32 entry, u32 i)
{
	u64 mib = entry ? (u64)entry << 8 | sector : 0;

	return cpu_to_le64(VHDX_BAT_RAW(i & 1 && entry ? VHDX_BLOCK_ZERO :
				      VHDX_BLOCK_NOT_PRESENT, mib));
}

static void log_test_fill(__le64 *raw, u32 sector, u32 entry)
{
	u32 i;

	for (i = 0; i < VHDX_BAT_PER_SECTOR; i++)
		raw[i] = log_test_raw(sector, entry, i);
}

static u32 log_test_entry_of(const void *sector)
{
	return le64_to_cpu(*(const __le64 *)sector) >> 28;
}

/* A few in each 512 bytes, and both ends, will do. */
static bool log_test_whole(const __le64 *raw, u32 sector, u32 entry)
{
	u32 i;

	for (i = 0; i < VHDX_BAT_PER_SECTOR; i += 21)
		if (raw[i] != log_test_raw(sector, entry, i))
			return false;
	i = VHDX_BAT_PER_SECTOR - 1;
	return raw[i] == log_test_raw(sector, entry, i);
}

/* The sector's newest write of the entries up to @entry. */
static u32 log_test_newest(const struct log_test *t, u32 sector, u32 entry)
{
	u32 i = t->last[sector];

	while (t->writes[i].entry > entry)
		i = t->writes[i].previous;
	return t->writes[i].entry;
}

/* All of the BAT region is in t->buf: is it as it was after some entry? */
static void log_test_judge(struct log_test *t, const char *what)
{
	u32 newest = 0, s;

	for (s = 0; s < t->sectors; s++)
		newest = max(newest,
			     log_test_entry_of(t->buf + s * VHDX_SECTOR));
	if (newest > t->written)
		vk_fail(&t->check, "%s: entry %u of %u", what, newest,
			t->written);
	/* Later entries than @newest there may be, if they wrote nothing. */
	newest = max(newest, t->durable);
	for (s = 0; s < t->sectors && !t->check.failed; s++) {
		const void *raw = t->buf + s * VHDX_SECTOR;
		u32 expected = log_test_newest(t, s, newest);

		if (!log_test_whole(raw, s, expected))
			vk_fail(&t->check,
				"%s: sector %u is of entry %u, not %u (durable %u, newest %u, written %u)",
				what, s, log_test_entry_of(raw), expected,
				t->durable, newest, t->written);
	}
}

/* ------------------------------------------------------------------------
 * Crash states
 */

static void log_test_crash_hook(struct fake_dev *crash,
				const struct fake_event *event);

/* The whole way: load the image, at times replay it, cut that once more. */
static void log_test_open(struct log_test *t, struct fake_dev *crash, bool again)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error = NULL;

	vhdx_image_init(image, &crash->bdev, true);
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "a crash state does not open: %s", error);
		goto out;
	}
	vk_view(image, vk_bat_off(&t->spec), t->buf, t->sectors * VHDX_SECTOR);
	log_test_judge(t, again ? "cut replay" : "loaded");
	if (again || t->check.failed || vk_rnd(&t->check.rnd, 16))
		goto out;
	crash->hook = log_test_crash_hook;
	crash->hook_arg = t;
	if (vhdx_image_replay(image))
		vk_fail(&t->check, "the replay of a crash state fails");
	crash->hook = NULL;
	fake_dev_peek(crash, vk_bat_off(&t->spec), t->buf,
		      t->sectors * VHDX_SECTOR);
	log_test_judge(t, "replayed");
out:
	vhdx_image_unload(image);
	kfree(image);
}

static void log_test_crash_hook(struct fake_dev *crash,
				const struct fake_event *event)
{
	struct log_test *t = crash->hook_arg;
	struct fake_dev *again;

	if (t->check.failed || vk_rnd(&t->check.rnd, 64))
		return;
	again = fake_dev_crash(crash, &t->check.rnd);
	log_test_open(t, again, true);
	fake_dev_free(again);
}

struct log_peeker {
	struct vhdx_log_source source;
	struct vhdx_log_sink sink;
	struct log_test *t;
	struct fake_dev *dev;
	u8 sector[VHDX_SECTOR];
	u8 scratch[VHDX_LOG_SCRATCH];
};

static int log_peeker_sector(struct vhdx_log_source *source, u32 off,
			     const void **data)
{
	struct log_peeker *p = container_of(source, struct log_peeker, source);

	fake_dev_peek(p->dev, source->log_off + off, p->sector, VHDX_SECTOR);
	*data = p->sector;
	return 0;
}

static int log_peeker_data(struct vhdx_log_sink *sink, u64 off,
			   const void *data)
{
	struct log_peeker *p = container_of(sink, struct log_peeker, sink);
	struct log_test *t = p->t;
	u64 bat_off = vk_bat_off(&t->spec);

	if (off < bat_off || off >= bat_off + t->sectors * VHDX_SECTOR)
		vk_fail(&t->check, "the log writes to %llx", off);
	else
		memcpy(t->buf + (off - bat_off), data, VHDX_SECTOR);
	return 0;
}

/* The log alone, which need not be one that an image can have. */
static void log_test_search(struct log_test *t, struct fake_dev *crash)
{
	const struct vhdx_header *header = &t->image.layout.header;
	struct log_peeker *p = kvzalloc(sizeof(*p), GFP_KERNEL | __GFP_NOFAIL);
	struct vhdx_log_sequence seq;
	int r;

	p->t = t;
	p->dev = crash;
	p->source.sector = log_peeker_sector;
	p->source.guid = header->log_guid;
	p->source.log_off = header->log_off;
	p->source.length = header->log_length;
	p->source.image_bytes = crash->bytes;
	p->source.scratch = p->scratch;
	p->sink.data = log_peeker_data;
	fake_dev_peek(crash, vk_bat_off(&t->spec), t->buf,
		      t->sectors * VHDX_SECTOR);
	r = vhdx_log_find(&p->source, &seq);
	if (!r)
		r = vhdx_log_replay(&p->source, &seq, &p->sink);
	if (r)
		vk_fail(&t->check, "a crash state has no good log: %s",
			vhdx_fault_name(r));
	else
		log_test_judge(t, "searched");
	kvfree(p);
}

static void log_test_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct log_test *t = dev->hook_arg;
	u32 part = t->crash_part;
	struct fake_dev *crash;

	if (event->op == FAKE_FLUSH && !event->failed)
		t->durable = t->complete;
	if (event->op == FAKE_WRITE && event->off >= vk_bat_off(&t->spec))
		part *= LOG_APPLY_PART;
	if (t->check.failed || vk_rnd(&t->check.rnd, part))
		return;
	t->check.crashes++;
	crash = fake_dev_crash(dev, &t->check.rnd);
	if (t->small)
		log_test_search(t, crash);
	else
		log_test_open(t, crash, false);
	fake_dev_free(crash);
}

/* ------------------------------------------------------------------------
 * Cycles
 */

static void log_test_open_log(struct log_test *t, u32 length)
{
	struct vhdx_header *header = &t->image.layout.header;
	const char *error;

	KUNIT_ASSERT_EQ(t->check.test, 0, vhdx_image_load(&t->image, &error));
	guid_gen(&header->log_guid);
	if (length) {
		header->log_length = length;
		t->small = true;
		t->sectors = LOG_FEW_SECTORS;
	}
	t->dev->hook_arg = t;
	KUNIT_ASSERT_EQ(t->check.test, 0, vhdx_log_open(&t->log));
	if (!length)
		KUNIT_ASSERT_EQ(t->check.test, 0,
				vhdx_image_write_header(&t->image, true));
	t->dev->hook = log_test_hook;
}

static void log_test_stage(struct log_test *t, u32 sector)
{
	u64 off = vk_bat_off(&t->spec) + sector * VHDX_SECTOR;

	log_test_fill(vhdx_log_stage(&t->log, off), sector, t->written);
	t->writes[t->nr_writes] = (struct log_write) {
		.entry = t->written, .previous = t->last[sector],
	};
	t->last[sector] = t->nr_writes++;
}

/* Room for what this takes must be there without anybody's looking. */
static void log_test_room(struct log_test *t)
{
	u64 used = t->log.write_pos - t->log.durable_tail_pos;

	if (used + VHDX_SECTOR > t->image.layout.header.log_length)
		vk_fail(&t->check, "%llu bytes of the log are in use", used);
	if (t->log.nr_free > VHDX_LOG_SLOTS)
		vk_fail(&t->check, "%u slots are free", t->log.nr_free);
}

/* One entry of @count sectors, as a commit writes it. */
static int log_test_entry(struct log_test *t, u32 count, bool flush_between)
{
	u32 sector = vk_rnd(&t->check.rnd, t->sectors), i;
	/* Such steps reach each of 256 or of 24 sectors once. */
	u32 step = vk_rnd(&t->check.rnd, 2) ? 1 : 5 + 6 * vk_rnd(&t->check.rnd, 3);
	int r;

	r = vhdx_log_make_room(&t->log, count);
	if (r)
		return r;
	log_test_room(t);
	t->written++;
	for (i = 0; i < count; i++)
		log_test_stage(t, (sector + i * step) % t->sectors);
	if (flush_between)
		r = vhdx_log_flush(&t->log);
	if (!r)
		r = vhdx_log_write(&t->log);
	if (!r)
		t->complete = t->written;
	log_test_room(t);
	return r;
}

static u32 log_test_count(struct log_test *t, u32 most)
{
	struct rnd_state *rnd = &t->check.rnd;

	switch (vk_rnd(rnd, 4)) {
	case 0:
		return 1 + vk_rnd(rnd, most);
	case 1:
		return most - vk_rnd(rnd, min(most, 4U));
	default:
		return 1 + vk_rnd(rnd, min(most, 8U));
	}
}

static int log_test_cycle(struct log_test *t, u32 most)
{
	struct rnd_state *rnd = &t->check.rnd;
	u32 entries = vk_rnd(rnd, 4) ? 1 : 1 + vk_rnd(rnd, 4);
	int r = 0;

	while (!r && entries--)
		r = log_test_entry(t, log_test_count(t, most),
				   !vk_rnd(rnd, 4));
	if (!r && vk_rnd(rnd, 8))
		r = vhdx_log_flush(&t->log);
	if (!r && !vk_rnd(rnd, 50))
		r = vhdx_log_checkpoint(&t->log);
	return r;
}

static void log_test_cycles(struct log_test *t, u32 cycles, u32 most)
{
	int r;

	for (t->check.step = 0; t->check.step < cycles && !t->check.failed &&
	     t->nr_writes + 4 * VHDX_LOG_FIRST_DESCS < LOG_MAX_WRITES;
	     t->check.step++) {
		r = log_test_cycle(t, most);
		if (r)
			vk_fail(&t->check, "error %d", r);
	}
	kunit_info(t->check.test,
		   "%u cycles, %u entries, %u crash states, %llu laps, %llu checkpoints\n",
		   t->check.step, t->written, t->check.crashes,
		   div_u64(t->log.write_pos, t->image.layout.header.log_length),
		   t->log.checkpoints);
	KUNIT_EXPECT_EQ(t->check.test, t->dev->misused, 0);
}

/* All applied, log given up: what is in place must be the newest. */
static void log_test_close(struct log_test *t)
{
	KUNIT_EXPECT_EQ(t->check.test, 0, vhdx_log_checkpoint(&t->log));
	KUNIT_EXPECT_TRUE(t->check.test, list_empty(&t->dev->writes));
	fake_dev_peek(t->dev, vk_bat_off(&t->spec), t->buf,
		      t->sectors * VHDX_SECTOR);
	KUNIT_EXPECT_EQ(t->check.test, t->durable, t->written);
	log_test_judge(t, "applied");
}

/* 1 MiB, the least an image can have; crash states are loaded as images. */
static void log_crash_image(struct kunit *test)
{
	struct log_test *t = test->priv;

	log_test_open_log(t, 0);
	t->crash_part = 16;
	log_test_cycles(t, 80 * vk_effort, VHDX_LOG_FIRST_DESCS);
	log_test_close(t);
	KUNIT_EXPECT_GT(test, div_u64(t->log.write_pos, SZ_1M), 3);
}

/* Entries that leave no other way than a checkpoint nearly every time. */
static void log_crash_large_entries(struct kunit *test)
{
	struct log_test *t = test->priv;
	int r = 0;

	log_test_open_log(t, 0);
	t->crash_part = 4;
	for (t->check.step = 0; t->check.step < 14 && !r && !t->check.failed;
	     t->check.step++) {
		r = log_test_entry(t, VHDX_LOG_FIRST_DESCS -
				   vk_rnd(&t->check.rnd, 2), false);
		if (!r && vk_rnd(&t->check.rnd, 2))
			r = vhdx_log_flush(&t->log);
	}
	KUNIT_EXPECT_EQ(test, 0, r);
	KUNIT_EXPECT_GT(test, t->log.checkpoints, 3);
	log_test_close(t);
}

/* A log so short that each position in it, and each fill, is met often. */
static void log_crash_short_log(struct kunit *test)
{
	static const u32 lengths[] = { 5, 8, 13, 24, 40 };
	struct log_test *t = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(lengths) && !t->check.failed; i++) {
		log_test_open_log(t, lengths[i] * VHDX_SECTOR);
		t->crash_part = 3;
		log_test_cycles(t, 80 * vk_effort,
				min(lengths[i] - 4, 12U));
		log_test_close(t);

		/* Another device for the next one. */
		t->dev->hook = NULL;
		vhdx_image_unload(&t->image);
		fake_dev_free(t->dev);
		t->dev = vk_format(&t->spec);
		t->image.backing.bdev = &t->dev->bdev;
		memset(t->last, 0, sizeof(t->last));
		t->nr_writes = 1;
		t->written = 0;
		t->complete = 0;
		t->durable = 0;
	}
}

/* Lots of small ones: sectors are applied, and their slots used again. */
static void log_crash_small_entries(struct kunit *test)
{
	struct log_test *t = test->priv;

	log_test_open_log(t, 0);
	t->crash_part = 100;
	log_test_cycles(t, 600 * vk_effort, 6);
	log_test_close(t);
	/* Application rides on flushes that are needed anyway: few but ours. */
	KUNIT_EXPECT_LT(test, t->log.checkpoints, 600 * vk_effort / 50 * 2 + 10);
}

/* Steady state: one write, one flush, no checkpoint. */
static void log_steady_cost(struct kunit *test)
{
	struct log_test *t = test->priv;
	u32 i, flushes;

	log_test_open_log(t, 0);
	t->dev->hook = NULL;
	fake_dev_forget(t->dev);
	for (i = 0; i < 500; i++) {
		KUNIT_ASSERT_EQ(test, 0, log_test_entry(t, 1 + i % 3, false));
		KUNIT_ASSERT_EQ(test, 0, vhdx_log_flush(&t->log));
	}
	flushes = fake_dev_count(t->dev, FAKE_FLUSH);
	KUNIT_EXPECT_EQ(test, flushes, 500);
	KUNIT_EXPECT_EQ(test, t->log.checkpoints, 0);
}

/*
 * Whatever fails, what was acknowledged is safe.  An entry that was begun may
 * be there or not; after that the log is not used any more.
 */
static void log_errors(struct kunit *test)
{
	struct log_test *t = test->priv;
	u32 round;
	int r;

	for (round = 0; round < 5 * vk_effort && !t->check.failed; round++) {
		enum fake_op op = vk_rnd(&t->check.rnd, 2) ? FAKE_WRITE :
							     FAKE_FLUSH;

		log_test_open_log(t, 0);
		t->crash_part = 50;
		t->dev->fail_in[op] = 1 + vk_rnd(&t->check.rnd, 60);
		r = 0;
		while (!r && t->dev->fail_in[op])
			r = log_test_cycle(t, VHDX_LOG_FIRST_DESCS);
		KUNIT_EXPECT_EQ(test, -EIO, r);
		t->crash_part = 1;
		log_test_hook(t->dev, &(struct fake_event) { .failed = true });

		/* Start again from a clean image, with contents of entry 0. */
		t->dev->hook = NULL;
		vhdx_image_unload(&t->image);
		fake_dev_free(t->dev);
		t->dev = vk_format(&t->spec);
		t->image.backing.bdev = &t->dev->bdev;
		memset(t->last, 0, sizeof(t->last));
		t->nr_writes = 1;
		t->written = 0;
		t->complete = 0;
		t->durable = 0;
	}
}

/* After a flush that has failed nothing goes on: of what was logged before, or was applied. */
static void log_flush_fails(struct kunit *test)
{
	struct log_test *t = test->priv;
	u32 how;

	log_test_open_log(t, 0);
	t->dev->hook = NULL;
	for (how = 0; how < 2; how++) {
		KUNIT_ASSERT_EQ(test, 0, log_test_entry(t, 1, false));
		KUNIT_ASSERT_EQ(test, 0, vhdx_log_flush(&t->log));
		KUNIT_ASSERT_EQ(test, 0, log_test_entry(t, 1, false));
		while (how && t->log.tail_pos == t->log.applied_pos) {
			KUNIT_ASSERT_EQ(test, 0, vhdx_log_flush(&t->log));
			KUNIT_ASSERT_EQ(test, 0, log_test_entry(t, 30, false));
		}
		KUNIT_EXPECT_NE(test, t->log.durable_pos, t->log.write_pos);
		KUNIT_EXPECT_EQ(test, how, t->log.durable_pos == t->log.applied_pos);
		fake_dev_forget(t->dev);
		t->dev->fail_in[FAKE_FLUSH] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, vhdx_log_checkpoint(&t->log));
		KUNIT_EXPECT_EQ(test, t->dev->nr_events, 1U);
		/* As if the device had it all the same. */
		t->image.flush_failed = false;
		KUNIT_EXPECT_EQ(test, 0, vhdx_log_checkpoint(&t->log));
		KUNIT_EXPECT_EQ(test, t->log.tail_pos, t->log.applied_pos);
	}
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(log_crash_image),
	KUNIT_CASE(log_crash_large_entries),
	KUNIT_CASE(log_crash_short_log),
	KUNIT_CASE(log_crash_small_entries),
	KUNIT_CASE(log_steady_cost),
	KUNIT_CASE(log_flush_fails),
	KUNIT_CASE(log_errors),
	{}
};

static struct kunit_suite log_suite = {
	.name = "vhdx-log-writer",
	.init = log_test_init,
	.exit = log_test_exit,
	.test_cases = log_cases,
};

kunit_test_suite(log_suite);
