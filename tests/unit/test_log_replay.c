// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-log.c: replay; logs that cannot be read or change meanwhile.
 * The numbers are those of Documentation/on-disk.md, "Malformed images"; "decision"
 * is one of its decisions.
 */
#include "log-expect.h"

/* Entries before the head's Tail are applied already: they are left alone. */
static void replay_starts_at_tail(void **state)
{
	struct test_log *log = log_new(16);
	u8 *image;

	put_data(log, 0, 1, 0, TARGET, 1);
	put_data(log, 2 * S, 2, 0, TARGET + S, 2);
	put_data(log, 4 * S, 3, 2 * S, TARGET + 2 * S, 3);
	expect_head(log, 3, 2);
	image = log_replay_both(log);
	expect_byte(image, TARGET, S, 0x5a);
	expect_sector(image, TARGET + S, 2);
	expect_sector(image, TARGET + 2 * S, 3);
	free(image);

	/* The oldest Tail does not count, only the head's. */
	put_data(log, 6 * S, 4, 6 * S, TARGET + 3 * S, 4);
	expect_head(log, 4, 4);
	image = log_replay_both(log);
	expect_byte(image, TARGET, 3 * S, 0x5a);
	expect_sector(image, TARGET + 3 * S, 4);
	free(image);
	test_log_free(log);
}

/* Later changes win, within an entry and between entries, zeros too. */
static void replay_in_order(void **state)
{
	struct test_desc descs[] = {
		{ .off = TARGET, .seed = 1 },
		{ .zero = true, .off = TARGET, .bytes = 4 * S },
		{ .off = TARGET + S, .seed = 2 },
		{ .off = TARGET + S, .seed = 3 },
		{ .zero = true, .off = TARGET + 8 * S, .bytes = 0 },
		{ .zero = true, .off = -(u64)2 * S, .bytes = 0 },
	};
	struct test_entry in = { 0, 1, 0, descs, 6, MIB(1), MIB(8) };
	struct test_log *log = log_new(16);
	u8 *image;

	in.off = test_log_put(log, &in);
	put_data(log, in.off, 2, 0, TARGET + 3 * S, 4);
	expect_head(log, 2, 1);
	image = log_replay_both(log);
	expect_byte(image, TARGET, S, 0);
	expect_sector(image, TARGET + S, 3);
	expect_byte(image, TARGET + 2 * S, S, 0);
	expect_sector(image, TARGET + 3 * S, 4);
	expect_byte(image, TARGET + 4 * S, 8 * S, 0x5a);
	free(image);
	test_log_free(log);
}

/* Case 84: a target beyond the device refuses the image, and is never cut. */
static void replay_beyond_the_device(void **state)
{
	static const struct test_desc bad[] = {
		{ .off = IMAGE, .seed = 1 },
		{ .off = IMAGE + MIB(1), .seed = 1 },
		{ .off = 1ULL << 62, .seed = 1 },
		{ .zero = true, .off = IMAGE - S, .bytes = 2 * S },
		{ .zero = true, .off = IMAGE, .bytes = S },
		{ .zero = true, .off = MIB(2), .bytes = 1ULL << 62 },
	};
	static const struct test_desc good[] = {
		{ .off = IMAGE - S, .seed = 1 },
		{ .zero = true, .off = IMAGE - S, .bytes = S },
		{ .zero = true, .off = MIB(2), .bytes = IMAGE - MIB(2) },
		{ .zero = true, .off = IMAGE + MIB(8), .bytes = 0 },
	};
	struct vhdx_log_sequence seq;
	struct test_sink sink;
	u32 i;

	test_sink_init(&sink, IMAGE);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		struct test_entry in = { 0, 1, 0, &bad[i], 1, MIB(1), MIB(8) };
		struct test_log *log = log_new(8);

		test_log_put(log, &in);
		expect_head(log, 1, 1);
		assert_ok(vhdx_log_find(&log->source, &seq));
		assert_fault(vhdx_log_replay(&log->source, &seq, &sink.sink),
			     LOG_TARGET);
		assert_int_equal(sink.calls, 0);
		test_log_free(log);
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		struct test_entry in = { 0, 1, 0, &good[i], 1, MIB(1), MIB(8) };
		struct test_log *log = log_new(8);

		test_log_put(log, &in);
		free(log_replay_both(log));
		test_log_free(log);
	}
	free(sink.image);
}

static void build_busy_log(struct test_log *log)
{
	struct test_desc descs[140];
	struct test_entry in = { 200 * S, 3, 200 * S, descs, 0, MIB(1), MIB(8) };
	u32 i;

	for (i = 0; i < 140; i++)
		descs[i] = (struct test_desc){ i % 2, TARGET + i * S, S, i };
	for (i = 0; i < 6; i++) {
		in.nr = i * 27;
		in.off = (in.off + test_log_put(log, &in)) % log->source.length;
		in.sequence++;
	}
}

/* Replaying twice, or again after a replay that was cut, gives the same. */
static void replay_twice(void **state)
{
	struct test_log *log = log_new(256);
	struct vhdx_log_sequence seq;
	struct test_sink sink, again;
	long calls;

	build_busy_log(log);
	test_sink_init(&sink, IMAGE);
	assert_ok(vhdx_log_find(&log->source, &seq));
	assert_ok(vhdx_log_replay(&log->source, &seq, &sink.sink));
	calls = sink.calls;
	test_sink_init(&again, IMAGE);
	for (again.fail_call = 0; again.fail_call < calls; again.fail_call += 37) {
		again.calls = 0;
		assert_int_equal(vhdx_log_replay(&log->source, &seq, &again.sink),
				 -ENOMEM);
	}
	again.fail_call = -1;
	assert_ok(vhdx_log_replay(&log->source, &seq, &again.sink));
	assert_memory_equal(again.image, sink.image, IMAGE);
	free(sink.image);
	free(again.image);
	test_log_free(log);
}

/* --- reading ------------------------------------------------------------- */

/* Case 92: a sector that cannot be read is never "no entry". */
static void read_error_in_each_sector(void **state)
{
	struct test_log *log = log_new(256);
	struct vhdx_log_sequence seq, ignored;
	struct vhdx_log_entry entry;
	struct test_sink sink;
	u32 i, in_use;
	int r;

	build_busy_log(log);
	assert_ok(vhdx_log_find(&log->source, &seq));
	test_sink_init(&sink, IMAGE);
	in_use = (seq.head.off + seq.head.length + log->source.length -
		  seq.first_off) % log->source.length / S;
	for (i = 0; i < 256; i++) {
		u32 from_first = (i + 256 - seq.first_off / S) % 256;

		log->fail_sector = i;
		assert_int_equal(vhdx_log_find(&log->source, &ignored), -EIO);
		sink.calls = 0;
		r = vhdx_log_replay(&log->source, &seq, &sink.sink);
		assert_int_equal(r, from_first < in_use ? -EIO : 0);
		r = vhdx_log_entry_check(&log->source, i * S, &entry);
		assert_int_equal(r, -EIO);
	}
	free(sink.image);
	test_log_free(log);
}

static void read_error_at_each_call(void **state)
{
	struct test_log *log = log_new(256);
	struct vhdx_log_sequence seq, ignored;
	struct test_sink sink;
	long calls, i;

	build_busy_log(log);
	assert_ok(vhdx_log_find(&log->source, &seq));
	calls = log->calls;
	for (i = 0; i < calls; i++) {
		log->calls = 0;
		log->fail_call = i;
		assert_int_equal(vhdx_log_find(&log->source, &ignored), -EIO);
		assert_int_equal(log->calls, i + 1);
	}

	test_sink_init(&sink, IMAGE);
	log->fail_call = -1;
	log->calls = 0;
	assert_ok(vhdx_log_replay(&log->source, &seq, &sink.sink));
	calls = log->calls;
	for (i = 0; i < calls; i++) {
		log->calls = 0;
		log->fail_call = i;
		assert_int_equal(vhdx_log_replay(&log->source, &seq, &sink.sink),
				 -EIO);
		assert_int_equal(log->calls, i + 1);
	}
	free(sink.image);
	test_log_free(log);
}

/* Each sector of the sequence is read to check it, and once more to replay it. */
static void replay_reads_no_more_than_it_needs(void **state)
{
	struct test_log *log = log_new(16);
	static u8 guarded[VHDX_LOG_SCRATCH + 8];
	struct vhdx_log_sequence seq;
	struct test_sink sink;
	u32 i;

	put_data(log, 0, 1, 0, TARGET, 1);
	put_data(log, 2 * S, 2, 0, TARGET + S, 2);
	put_empty(log, 4 * S, 3, 0);
	assert_ok(vhdx_log_find(&log->source, &seq));
	test_sink_init(&sink, IMAGE);
	log->calls = 0;
	log->source.scratch = guarded;
	memset(guarded, 0xee, sizeof(guarded));
	assert_ok(vhdx_log_replay(&log->source, &seq, &sink.sink));
	assert_int_equal(log->calls, 10);
	/* And no more of the scratch memory. */
	for (i = VHDX_LOG_SCRATCH; i < sizeof(guarded); i++)
		assert_int_equal(guarded[i], 0xee);
	free(sink.image);
	test_log_free(log);
}

static long change_at;

static void change_the_log(struct test_log *log, u32 off)
{
	if (log->calls - 1 == change_at)
		memset(log->buf, 0x77, log->source.length);
}

/* A log that changes while it is looked at: an error at worst. */
static void log_changes_meanwhile(void **state)
{
	struct vhdx_log_sequence seq;
	struct test_sink sink;
	long calls = 0;
	int r;

	test_sink_init(&sink, IMAGE);
	for (change_at = 0; change_at == 0 || change_at <= calls;
	     change_at += 1 + change_at / 50) {
		struct test_log *log = log_new(256);

		build_busy_log(log);
		log->on_call = change_the_log;
		r = vhdx_log_find(&log->source, &seq);
		assert_true(!r || r == -EIO || r == VHDX_FAULT_LOG_LOST);
		if (!r) {
			/* Changed between search and replay, or in the replay. */
			r = vhdx_log_replay(&log->source, &seq, &sink.sink);
			assert_true(!r || r == -EIO || r == VHDX_FAULT_LOG_TARGET);
		}
		calls = max_t(long, calls, log->calls);
		test_log_free(log);
	}
	free(sink.image);
}

static u64 change_desc;

/* A descriptor turns hostile between the check of its entry and its replay. */
static void change_one_desc(struct test_log *log, u32 off)
{
	if (log->calls == 3)
		test_log_poke64(log, 0, ENTRY_DESC(0) + DESC_OFFSET, change_desc);
}

static void desc_changes_before_replay(void **state)
{
	static const u64 targets[] = { 0, 0x10000, LOG_OFF, TARGET + 1, ~0ULL };
	struct vhdx_log_sequence seq;
	struct test_sink sink;
	u32 i;

	test_sink_init(&sink, IMAGE);
	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		struct test_log *log = log_new(8);
		int r;

		put_data(log, 0, 1, 0, TARGET, 1);
		assert_ok(vhdx_log_find(&log->source, &seq));
		change_desc = targets[i];
		log->calls = 0;
		log->on_call = change_one_desc;
		r = vhdx_log_replay(&log->source, &seq, &sink.sink);
		assert_true(r == -EIO || r == VHDX_FAULT_LOG_TARGET);
		assert_int_equal(sink.calls, 0);
		test_log_free(log);
	}
	free(sink.image);
}

/* An entry that is whole but not the one that was found. */
static void entry_changes_before_replay(void **state)
{
	struct test_log *log = log_new(8);
	struct vhdx_log_sequence seq;
	struct test_sink sink;

	put_data(log, 0, 1, 0, TARGET, 1);
	assert_ok(vhdx_log_find(&log->source, &seq));
	put_data(log, 0, 2, 0, TARGET, 1);
	test_sink_init(&sink, IMAGE);
	assert_int_equal(vhdx_log_replay(&log->source, &seq, &sink.sink), -EIO);
	assert_int_equal(sink.calls, 0);
	free(sink.image);
	test_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replay_starts_at_tail),
		cmocka_unit_test(replay_in_order),
		cmocka_unit_test(replay_reads_no_more_than_it_needs),
		cmocka_unit_test(replay_beyond_the_device),
		cmocka_unit_test(replay_twice),
		cmocka_unit_test(read_error_in_each_sector),
		cmocka_unit_test(read_error_at_each_call),
		cmocka_unit_test(log_changes_meanwhile),
		cmocka_unit_test(desc_changes_before_replay),
		cmocka_unit_test(entry_changes_before_replay),
	};

	return cmocka_run_group_tests_name("log_replay", tests, NULL, NULL);
}
