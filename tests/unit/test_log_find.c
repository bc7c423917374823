// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-log.c: the active sequence, found in linear time.
 * The numbers are those of Documentation/on-disk.md, "Malformed images"; "decision"
 * is one of its decisions.
 */
#include "log-expect.h"

/* --- the active sequence ------------------------------------------------- */

/* Case 70. */
static void find_in_an_empty_log(void **state)
{
	struct test_log *log = log_new(16);

	expect_lost(log);
	memset(log->buf, 0xff, 16 * S);
	expect_lost(log);
	test_log_free(log);
}

/* What a writer leaves that only opened its session. */
static void find_an_empty_entry(void **state)
{
	struct test_log *log = log_new(16);
	u8 *image;

	put_empty(log, 0, 1, 0);
	expect_head(log, 1, 1);
	image = log_replay_both(log);
	expect_byte(image, 0, IMAGE, 0x5a);
	free(image);
	test_log_free(log);
}

/* A sequence is found wherever it starts, wrapped or not. */
static void find_wherever_it_starts(void **state)
{
	u32 start, i;

	for (start = 0; start < 11; start++) {
		struct test_log *log = log_new(11);
		u32 off = start * S, tail = off;

		for (i = 0; i < 5; i++) {
			put_data(log, off, 100 + i, tail, TARGET + i * S, i);
			off = (off + 2 * S) % (11 * S);
		}
		expect_head(log, 104, 100);
		free(log_replay_both(log));
		test_log_free(log);
	}
}

/* Case 76: a Tail outside the sequence. */
static void find_tail_outside(void **state)
{
	struct test_log *log = log_new(16);

	put_data(log, 2 * S, 7, 0, TARGET, 1);
	expect_lost(log);
	put_data(log, 2 * S, 7, 4 * S, TARGET, 1);
	expect_lost(log);
	put_data(log, 2 * S, 7, 15 * S, TARGET, 1);
	expect_lost(log);
	put_data(log, 2 * S, 7, 2 * S, TARGET, 1);
	expect_head(log, 7, 7);
	test_log_free(log);
}

/* Case 77: a Tail inside, but on no boundary of an entry. */
static void find_tail_off_boundary(void **state)
{
	struct test_log *log = log_new(16);

	put_data(log, 0, 7, 0, TARGET, 1);
	put_data(log, 2 * S, 8, S, TARGET, 2);
	expect_lost(log);
	put_data(log, 2 * S, 8, 3 * S, TARGET, 2);
	expect_lost(log);
	put_data(log, 2 * S, 8, 0, TARGET, 2);
	expect_head(log, 8, 7);
	test_log_free(log);
}

/* Case 78: a gap or a repeated number ends the sequence. */
static void find_gap(void **state)
{
	struct test_log *log = log_new(16);

	put_data(log, 0, 1, 0, TARGET, 1);
	put_data(log, 2 * S, 2, 0, TARGET, 2);
	put_data(log, 4 * S, 4, 0, TARGET, 3);
	expect_head(log, 2, 1);
	/* Behind the gap there may be a sequence of its own. */
	put_data(log, 4 * S, 4, 4 * S, TARGET, 3);
	expect_head(log, 4, 4);
	put_data(log, 4 * S, 2, 0, TARGET, 3);
	expect_head(log, 2, 1);
	put_data(log, 4 * S, 1, 4 * S, TARGET, 3);
	expect_head(log, 2, 1);
	test_log_free(log);
}

/* Case 79: numbers do not wrap. */
static void find_number_wrap(void **state)
{
	struct test_log *log = log_new(16);

	put_empty(log, 0, ~0ULL - 1, 0);
	put_empty(log, S, ~0ULL, 0);
	put_empty(log, 2 * S, 0, 0);
	put_empty(log, 3 * S, 1, 3 * S);
	expect_head(log, ~0ULL, ~0ULL - 1);
	free(log_replay_both(log));
	test_log_free(log);
}

/* Decision 5: an older valid sequence beside a newer invalid one. */
static void find_older_beside_torn(void **state)
{
	struct test_log *log = log_new(32);

	put_data(log, 20 * S, 50, 20 * S, TARGET, 1);
	put_data(log, 22 * S, 51, 20 * S, TARGET, 2);
	expect_head(log, 51, 50);
	/* The newer one lost its start: its head's Tail is not in it. */
	put_data(log, 4 * S, 91, 2 * S, TARGET, 3);
	put_data(log, 6 * S, 92, 2 * S, TARGET, 4);
	expect_head(log, 51, 50);
	/* Its start is there: the newer one counts. */
	put_data(log, 2 * S, 90, 2 * S, TARGET, 5);
	expect_head(log, 92, 90);
	/* Without its end, what is left is still newer. */
	log->buf[7 * S + 100] ^= 1;
	expect_head(log, 91, 90);
	test_log_free(log);
}

/* Old entries of earlier rounds, before and behind the sequence. */
static void find_among_old_entries(void **state)
{
	struct test_log *log = log_new(16);
	u64 number = 1;
	u32 off = 0, round;

	for (round = 0; round < 40; round++) {
		u32 length = put_data(log, off, number, off, TARGET, round);

		expect_head(log, number, number);
		number++;
		off = (off + length) % (16 * S);
		if (round % 5 == 0)
			off = (off + S) % (16 * S);
	}
	test_log_free(log);
}

/* Case 73: a sequence that fills the log ends where it began. */
static void find_sequence_fills_the_log(void **state)
{
	u32 start, i;

	for (start = 0; start < 8; start++) {
		struct test_log *log = log_new(8);

		for (i = 0; i < 8; i++)
			put_empty(log, (start + i) % 8 * S, 10 + i,
				  (start + i / 2) % 8 * S);
		expect_head(log, 17, 13);
		free(log_replay_both(log));
		/* All the way around, ending in the newest: a wrapped Tail. */
		put_empty(log, (start + 7) % 8 * S, 17, start * S);
		expect_head(log, 17, 10);
		test_log_free(log);
	}
}

/* Case 87 is asked of the head only (decision 6). */
static void find_flushed(void **state)
{
	struct test_entry first = { 0, 1, 0, NULL, 0, IMAGE + 1, MIB(8) };
	struct test_entry head = { S, 2, 0, NULL, 0, IMAGE, MIB(8) };
	struct test_log *log = log_new(8);
	struct vhdx_log_sequence seq;

	test_log_put(log, &first);
	test_log_put(log, &head);
	expect_head(log, 2, 1);
	head.flushed = IMAGE + 1;
	test_log_put(log, &head);
	assert_fault(vhdx_log_find(&log->source, &seq), FILE_CUT);
	head.flushed = ~0ULL;
	test_log_put(log, &head);
	assert_fault(vhdx_log_find(&log->source, &seq), FILE_CUT);
	test_log_free(log);
}

/* Case 88. */
static void check_end(void **state)
{
	struct vhdx_log_sequence seq = { .head.last_bytes = MIB(8) };

	assert_ok(vhdx_log_check_end(&seq, MIB(8), true));
	assert_ok(vhdx_log_check_end(&seq, MIB(8) - 1, false));
	assert_fault(vhdx_log_check_end(&seq, MIB(8) - 1, true), LOG_GROWS);
	seq.head.last_bytes = (1ULL << 48) - 1;
	assert_ok(vhdx_log_check_end(&seq, MIB(8), false));
	seq.head.last_bytes = 1ULL << 48;
	assert_fault(vhdx_log_check_end(&seq, ~0ULL, true), LOG_ABSURD);
	assert_fault(vhdx_log_check_end(&seq, MIB(8), false), LOG_ABSURD);
	/* Case 89: nothing but the bytes that count need be there. */
	seq.head.last_bytes = MIB(8) - 512;
	assert_ok(vhdx_log_check_end(&seq, MIB(8) - 512, true));
}

/* What the first sector of the log is on its second reading, and otherwise. */
static u8 other_sector[S], first_sector[S];
static int first_reads;

static void change_the_first_sector(struct test_log *log, u32 off)
{
	if (!off)
		memcpy(log->buf, first_reads++ == 1 ? other_sector : first_sector,
		       S);
}

/*
 * Case 73: what the entries of a sequence take is never more than the log, not
 * even where the device shows the end of one in the place of the first.
 */
static void find_sequence_longer_than_the_log(void **state)
{
	struct test_log *log = log_new(4);
	struct vhdx_log_sequence seq;

	put_data(log, 3 * S, 4, 3 * S, TARGET, 7);
	memcpy(other_sector, log->buf, S);
	put_empty(log, 0, 1, 0);
	memcpy(first_sector, log->buf, S);
	put_empty(log, S, 2, 0);
	put_empty(log, 2 * S, 3, 0);
	first_reads = 0;
	log->on_call = change_the_first_sector;
	assert_ok(vhdx_log_find(&log->source, &seq));
	assert_true(first_reads > 2);
	assert_int_equal(seq.head.sequence, 3);
	assert_int_equal(seq.first_sequence, 1);
	test_log_free(log);
}

/* --- linear time --------------------------------------------------------- */

#define HOSTILE_SECTORS	4096	/* 16 MiB */

/* Case 91: sectors read by the search, per sector of the log. */
static void expect_linear(struct test_log *log, const char *what)
{
	struct vhdx_log_sequence seq;
	long sectors = log->source.length / S;
	int r;

	log->calls = 0;
	r = vhdx_log_find(&log->source, &seq);
	assert_true(!r || r == VHDX_FAULT_LOG_LOST);
	if (log->calls > 4 * sectors + 4)
		fail_msg("%s: %ld reads for %ld sectors", what, log->calls, sectors);
}

/* A header that claims @length and @count, and is right in all it can be. */
static void fake_header(struct test_log *log, u32 sector, u64 number, u32 length,
			u32 count)
{
	u8 *h = log->buf + sector * S;

	memcpy(h, "loge", 4);
	put32(h + ENTRY_LENGTH, length);
	put32(h + ENTRY_TAIL, sector * S);
	put64(h + ENTRY_SEQUENCE, number);
	put32(h + ENTRY_COUNT, count);
	memcpy(h + ENTRY_GUID, &log->source.guid, 16);
}

/* Sectors that pass as data or as descriptors of entries numbered @number. */
static void fake_body(struct test_log *log, u32 sector, u64 number, bool data)
{
	u8 *s = log->buf + sector % HOSTILE_SECTORS * S;
	u32 i;

	for (i = 0; !data && i < 128; i++) {
		memcpy(s + 32 * i, "zero", 4);
		put64(s + 32 * i + 16, TARGET);
		put64(s + 32 * i + 24, number);
	}
	if (data) {
		memcpy(s, "data", 4);
		put32(s + 4, number >> 32);
		put32(s + 4092, number);
	}
}

static void search_is_linear(void **state)
{
	u32 i, gap, n = HOSTILE_SECTORS;
	struct test_log *log = log_new(n);

	for (i = 0; i < n; i++)
		fake_header(log, i, 7, n * S, 0);
	expect_linear(log, "headers that claim the whole log");
	for (i = 0; i < n; i++)
		fake_header(log, i, 7, n * S, n * 126);
	expect_linear(log, "headers that claim descriptors");
	for (gap = 2; gap < n; gap *= 7) {
		for (i = 0; i < n; i++) {
			fake_body(log, i, 7, true);
			if (i % gap == 0)
				fake_header(log, i, 7, n * S, 0);
		}
		expect_linear(log, "long data, bad checksums");
		for (i = 0; i < n; i++) {
			fake_body(log, i, 7, false);
			if (i % gap == 0)
				fake_header(log, i, 7, n * S,
					    (n * S - 64) / 32);
		}
		expect_linear(log, "long descriptors, bad checksums");
	}

	/* One start in the last sector, all the rest its body. */
	for (i = 0; i < n; i++)
		fake_body(log, i, 7, true);
	fake_header(log, n - 1, 7, n * S, 0);
	expect_linear(log, "one fake around the end");
	test_log_free(log);
}

static void search_of_valid_entries_is_linear(void **state)
{
	u32 i, n = HOSTILE_SECTORS;
	struct test_log *log = log_new(n);

	for (i = 0; i < n; i++)
		put_empty(log, i * S, 1 + i, 0);
	expect_linear(log, "one sequence");
	expect_head(log, n, 1);
	for (i = 0; i < n; i++)
		put_empty(log, i * S, 1 + (i + n / 2) % n, 0);
	expect_linear(log, "one sequence, wrapped");
	for (i = 0; i < n; i++)
		put_empty(log, i * S, 1 + i, i < n - 1 ? i * S : 0);
	log->buf[0] = 0;
	expect_linear(log, "one sequence, Tail outside");
	for (i = 0; i < n; i++)
		put_empty(log, i * S, 7, i * S);
	expect_linear(log, "all the same number");
	for (i = 0; i < n; i++)
		put_empty(log, i * S, n - i, i * S);
	expect_linear(log, "falling numbers");
	for (i = 0; i < n; i++)
		put_empty(log, i * S, i % 3 + 5, 0);
	expect_linear(log, "short sequences, Tails outside");
	for (i = 0; i < n; i += 2)
		put_data(log, i * S, 2 * i + 5, (i + 2) % n * S, TARGET, i);
	expect_linear(log, "gaps between all entries");
	test_log_free(log);
}

/* An entry of thousands of descriptors, valid, many times around. */
static void search_of_large_entries_is_linear(void **state)
{
	u32 i, n = HOSTILE_SECTORS, nr = 126 + 128 * 1000;
	struct test_desc *descs = calloc(nr, sizeof(*descs));
	struct test_log *log = log_new(n);

	for (i = 0; i < nr; i++)
		descs[i] = (struct test_desc){ true, TARGET, S, 0 };
	for (i = 0; i < 4; i++) {
		struct test_entry in = { i * 1001 * S, 9 + 2 * i, 0, descs, nr,
					 MIB(1), MIB(8) };

		assert_int_equal(test_log_put(log, &in), 1001 * S);
	}
	expect_linear(log, "large entries with gaps");
	for (i = 0; i < 4; i++) {
		struct test_entry in = { (n - 2000 + i * 1001) % n * S, 9 + i, S,
					 descs, nr, MIB(1), MIB(8) };

		test_log_put(log, &in);
	}
	expect_linear(log, "large entries that wrap, Tail off the boundary");
	free(descs);
	test_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(find_in_an_empty_log),
		cmocka_unit_test(find_an_empty_entry),
		cmocka_unit_test(find_wherever_it_starts),
		cmocka_unit_test(find_tail_outside),
		cmocka_unit_test(find_tail_off_boundary),
		cmocka_unit_test(find_gap),
		cmocka_unit_test(find_number_wrap),
		cmocka_unit_test(find_older_beside_torn),
		cmocka_unit_test(find_among_old_entries),
		cmocka_unit_test(find_sequence_fills_the_log),
		cmocka_unit_test(find_sequence_longer_than_the_log),
		cmocka_unit_test(find_flushed),
		cmocka_unit_test(check_end),
		cmocka_unit_test(search_is_linear),
		cmocka_unit_test(search_of_valid_entries_is_linear),
		cmocka_unit_test(search_of_large_entries_is_linear),
	};

	return cmocka_run_group_tests_name("log_find", tests, NULL, NULL);
}
