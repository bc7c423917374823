// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-log.c: entries, the active sequence, replay, building.  The numbers are
 * those of Documentation/on-disk.md, "Malformed images"; "decision" is one of
 * its decisions.
 */
#include "test.h"
#include "log-build.h"

#define S		VHDX_SECTOR
#define LOG_OFF		MIB(1)
#define IMAGE		MIB(6)
#define TARGET		MIB(4)

static struct test_log *log_new(u32 sectors)
{
	return test_log_new(sectors * S, LOG_OFF, IMAGE);
}

/* One data descriptor; LastFileOffset and FlushedFileOffset are harmless. */
static u32 put_data(struct test_log *log, u32 off, u64 sequence, u32 tail,
		    u64 target, u32 seed)
{
	struct test_desc desc = { .off = target, .seed = seed };
	struct test_entry entry = { off, sequence, tail, &desc, 1, MIB(1), MIB(8) };

	return test_log_put(log, &entry);
}

static u32 put_empty(struct test_log *log, u32 off, u64 sequence, u32 tail)
{
	struct test_entry entry = { off, sequence, tail, NULL, 0, MIB(1), MIB(8) };

	return test_log_put(log, &entry);
}

static void expect_entry(struct test_log *log, u32 off, bool expected)
{
	struct vhdx_log_entry entry;
	struct naive_entry naive;

	assert_int_equal(vhdx_log_entry_check(&log->source, off, &entry),
			 expected ? 0 : VHDX_LOG_NO_ENTRY);
	assert_int_equal(naive_entry_check(log, off, &naive), expected);
}

static void expect_head(struct test_log *log, u64 sequence, u64 first)
{
	struct vhdx_log_sequence seq, naive;

	assert_ok(vhdx_log_find(&log->source, &seq));
	assert_int_equal(seq.head.sequence, sequence);
	assert_int_equal(seq.first_sequence, first);
	assert_int_equal(seq.first_off, seq.head.tail);
	assert_ok(naive_find(log, &naive));
	assert_int_equal(naive.head.sequence, sequence);
}

static void expect_lost(struct test_log *log)
{
	struct vhdx_log_sequence seq;

	assert_fault(vhdx_log_find(&log->source, &seq), LOG_LOST);
	assert_fault(naive_find(log, &seq), LOG_LOST);
}

/* Replay both ways and compare; returns the image for a closer look. */
static u8 *replay(struct test_log *log)
{
	struct vhdx_log_sequence seq;
	struct test_sink sink;
	u8 *naive = malloc(IMAGE);

	memset(naive, 0x5a, IMAGE);
	test_sink_init(&sink, IMAGE);
	assert_ok(vhdx_log_find(&log->source, &seq));
	assert_ok(vhdx_log_replay(&log->source, &seq, &sink.sink));
	assert_ok(naive_replay(log, &seq, naive, IMAGE));
	assert_memory_equal(sink.image, naive, IMAGE);
	free(naive);
	return sink.image;
}

static void expect_sector(const u8 *image, u64 off, u32 seed)
{
	u8 sector[S];

	test_data_sector(seed, sector);
	assert_memory_equal(image + off, sector, S);
}

static void expect_byte(const u8 *image, u64 off, u64 bytes, u8 value)
{
	u64 i;

	for (i = 0; i < bytes; i++)
		assert_int_equal(image[off + i], value);
}

/* --- entries ------------------------------------------------------------- */

static void entry_is_decoded(void **state)
{
	struct test_desc descs[] = {
		{ .off = TARGET, .seed = 1 },
		{ .zero = true, .off = TARGET + S, .bytes = 3 * S },
	};
	struct test_entry in = { 2 * S, 0x123456789aULL, S, descs, 2,
				 MIB(3), MIB(5) };
	struct test_log *log = log_new(8);
	struct vhdx_log_entry entry;

	assert_int_equal(test_log_put(log, &in), 2 * S);
	assert_ok(vhdx_log_entry_check(&log->source, 2 * S, &entry));
	assert_int_equal(entry.off, 2 * S);
	assert_int_equal(entry.length, 2 * S);
	assert_int_equal(entry.tail, S);
	assert_int_equal(entry.sequence, 0x123456789aULL);
	assert_int_equal(entry.descriptors, 2);
	assert_int_equal(entry.flushed_bytes, MIB(3));
	assert_int_equal(entry.last_bytes, MIB(5));
	expect_entry(log, 3 * S, false);
	expect_entry(log, 0, false);
	test_log_free(log);
}

/* Entries as seen after one field was changed, the checksum made good. */
static const struct {
	const char *rule;
	u32 at;
	u64 value;
	u8 bytes;
	bool valid;
} fields[] = {
	{ "unchanged",				28, 0, 4, true },
	{ "signature",				0, 0x65676f6b, 4, false },
	{ "case 72: EntryLength 0",		8, 0, 4, false },
	{ "case 72: EntryLength below 4096",	8, 2048, 4, false },
	{ "case 72: EntryLength unaligned",	8, 3 * S + 512, 4, false },
	{ "case 72: EntryLength over the log",	8, 9 * S, 4, false },
	{ "case 72: EntryLength huge",		8, 0xfffff000, 4, false },
	{ "case 75: EntryLength one short",	8, 2 * S, 4, false },
	{ "case 75: EntryLength one long",	8, 4 * S, 4, false },
	{ "case 76: Tail at the log's end",	12, 8 * S, 4, false },
	{ "case 76: Tail unaligned",		12, 512, 4, false },
	{ "case 76: Tail anywhere",		12, 7 * S, 4, true },
	{ "case 78: SequenceNumber 0",		16, 0, 8, false },
	{ "SequenceNumber not the descriptors'", 16, 8, 8, false },
	{ "case 74: too many descriptors",	24, 400, 4, false },
	{ "case 74: DescriptorCount overflows",	24, 0x08000002, 4, false },
	{ "case 74: DescriptorCount 2^32-1",	24, 0xffffffff, 4, false },
	{ "case 75: one descriptor less",	24, 2, 4, false },
	{ "one descriptor more",		24, 4, 4, false },
	{ "Reserved",				28, 1, 4, false },
	{ "case 80: foreign LogGuid",		32, 1, 4, false },
	{ "case 89: FlushedFileOffset unaligned", 48, 12345, 8, true },
	{ "case 89: LastFileOffset unaligned",	56, 12345, 8, true },
	{ "descriptor signature",		64, 0x63736564 ^ 1, 4, false },
	{ "case 82: target in the headers",	64 + 16, 0x2f000, 8, false },
	{ "case 82: target 0",			64 + 16, 0, 8, false },
	{ "target at the first region table",	64 + 16, 0x30000, 8, true },
	{ "case 83: target in the log",		64 + 16, LOG_OFF + S, 8, false },
	{ "case 83: target at the log's end",	64 + 16, LOG_OFF + 7 * S, 8, false },
	{ "target just before the log",		64 + 16, LOG_OFF - S, 8, true },
	{ "target just behind the log",		64 + 16, LOG_OFF + 8 * S, 8, true },
	{ "case 84: target at the end of u64",	64 + 16, -(u64)S, 8, false },
	{ "case 84: target beyond the device",	64 + 16, 1ULL << 62, 8, true },
	{ "case 85: target unaligned",		64 + 16, TARGET + 512, 8, false },
	{ "case 81: descriptor's sequence",	64 + 24, 6, 8, false },
	{ "case 81: descriptor's sequence, high", 64 + 28, 2, 4, false },
	{ "zero: Reserved is not judged",	96 + 4, 1, 4, true },
	{ "decision 7: ZeroLength 0",		96 + 8, 0, 8, true },
	{ "case 85: ZeroLength unaligned",	96 + 8, 512, 8, false },
	{ "case 84: ZeroLength overflows",	96 + 8, -(u64)S, 8, false },
	{ "case 84: ZeroLength just fits u64",	96 + 8, -(u64)(TARGET + 2 * S), 8, true },
	{ "case 85: zero target unaligned",	96 + 16, TARGET + 1, 8, false },
	{ "case 82: zero target in the headers", 96 + 16, 0x20000, 8, false },
	{ "case 83: zero range over the log",	96 + 16, LOG_OFF - S, 8, false },
	{ "case 81: zero's sequence",		96 + 24, 6, 8, false },
	{ "data signature",			S, 0x61746164 ^ 1, 4, false },
	{ "case 81: SequenceHigh",		S + 4, 0, 4, false },
	{ "case 81: SequenceLow",		2 * S - 4, 6, 4, false },
	{ "case 81: last SequenceLow",		3 * S - 4, 6, 4, false },
};

static void entry_fields(void **state)
{
	struct test_desc descs[] = {
		{ .off = TARGET, .seed = 1 },
		{ .zero = true, .off = TARGET + S, .bytes = 3 * S },
		{ .off = TARGET + 8 * S, .seed = 2 },
	};
	struct vhdx_log_entry entry;
	u32 i, off;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		/* Once in the middle, once around the end of the log. */
		for (off = 2 * S; off <= 6 * S; off += 4 * S) {
			struct test_entry in = { off, 0x100000007ULL, S, descs, 3,
						 MIB(1), MIB(8) };
			struct test_log *log = log_new(8);
			bool valid;

			test_log_put(log, &in);
			if (fields[i].bytes == 4)
				test_log_poke32(log, off, fields[i].at,
						fields[i].value);
			else
				test_log_poke64(log, off, fields[i].at,
						fields[i].value);
			test_log_reseal(log, off, 3 * S);
			valid = !vhdx_log_entry_check(&log->source, off, &entry);
			if (valid != fields[i].valid)
				fail_msg("%s: valid is %d", fields[i].rule, valid);
			expect_entry(log, off, fields[i].valid);
			test_log_free(log);
		}
	}
}

/* Case 81: a write that was cut anywhere leaves no entry, old or zero beneath. */
static void entry_torn(void **state)
{
	struct test_desc descs[130];
	struct test_entry in = { 6 * S, 9, 6 * S, descs, 130, MIB(1), MIB(8) };
	struct test_log *log = log_new(140);
	u32 length, sector, byte, i;
	u8 saved[S];

	for (i = 0; i < 130; i++)
		descs[i] = (struct test_desc){ i % 3 == 0, TARGET + i * S, S, i };
	length = test_log_put(log, &in);
	expect_entry(log, 6 * S, true);
	for (sector = 0; sector < length / S; sector++) {
		u8 *at = log->buf + 6 * S + sector * S;

		memcpy(saved, at, S);
		memset(at, 0, S);
		expect_entry(log, 6 * S, false);
		memcpy(at, saved, S);
		for (byte = 0; byte < S; byte += 173) {
			/* A descriptor sector's unused end counts too. */
			at[byte] ^= 0x10;
			expect_entry(log, 6 * S, false);
			at[byte] ^= 0x10;
		}
	}
	expect_entry(log, 6 * S, true);
	test_log_free(log);
}

/* The sizes where a further descriptor sector begins. */
static void entry_many_descriptors(void **state)
{
	static const u32 counts[] = { 0, 1, 125, 126, 127, 128, 254, 255, 382, 383 };
	struct test_desc *descs = calloc(400, sizeof(*descs));
	struct vhdx_log_entry entry;
	u32 i, j, kind;

	for (kind = 0; kind < 3; kind++) {
		for (j = 0; j < 400; j++)
			descs[j] = (struct test_desc){
				kind == 0 || (kind == 1 && j % 2), TARGET + j * S,
				S, j };
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			struct test_log *log = log_new(400);
			struct test_entry in = { 390 * S, 1, 390 * S, descs,
						 counts[i], MIB(1), MIB(8) };
			u32 length = test_log_put(log, &in);
			u8 *image;

			assert_ok(vhdx_log_entry_check(&log->source, 390 * S, &entry));
			assert_int_equal(entry.length, length);
			assert_int_equal(entry.descriptors, counts[i]);
			expect_head(log, 1, 1);
			image = replay(log);
			for (j = 0; j < counts[i]; j++) {
				if (descs[j].zero)
					expect_byte(image, TARGET + j * S, S, 0);
				else
					expect_sector(image, TARGET + j * S, j);
			}
			expect_byte(image, TARGET + j * S, S, 0x5a);
			free(image);
			test_log_free(log);
		}
	}
	free(descs);
}

/* Decision 7, case 73: the log's full length is allowed, its own start is not. */
static void entry_fills_the_log(void **state)
{
	struct test_desc descs[7];
	u32 i, off;
	u8 *image;

	for (i = 0; i < 7; i++)
		descs[i] = (struct test_desc){ .off = TARGET + i * S, .seed = i };
	for (off = 0; off < 8 * S; off += S) {
		struct test_entry in = { off, 5, off, descs, 7, MIB(1), MIB(8) };
		struct test_log *log = log_new(8);

		assert_int_equal(test_log_put(log, &in), 8 * S);
		expect_entry(log, off, true);
		expect_head(log, 5, 5);
		image = replay(log);
		for (i = 0; i < 7; i++)
			expect_sector(image, TARGET + i * S, i);
		free(image);
		test_log_free(log);
	}
}

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
	image = replay(log);
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
		free(replay(log));
		test_log_free(log);
	}
}

/* Entries before the head's Tail are applied already: they are left alone. */
static void replay_starts_at_tail(void **state)
{
	struct test_log *log = log_new(16);
	u8 *image;

	put_data(log, 0, 1, 0, TARGET, 1);
	put_data(log, 2 * S, 2, 0, TARGET + S, 2);
	put_data(log, 4 * S, 3, 2 * S, TARGET + 2 * S, 3);
	expect_head(log, 3, 2);
	image = replay(log);
	expect_byte(image, TARGET, S, 0x5a);
	expect_sector(image, TARGET + S, 2);
	expect_sector(image, TARGET + 2 * S, 3);
	free(image);

	/* The oldest Tail does not count, only the head's. */
	put_data(log, 6 * S, 4, 6 * S, TARGET + 3 * S, 4);
	expect_head(log, 4, 4);
	image = replay(log);
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
	image = replay(log);
	expect_byte(image, TARGET, S, 0);
	expect_sector(image, TARGET + S, 3);
	expect_byte(image, TARGET + 2 * S, S, 0);
	expect_sector(image, TARGET + 3 * S, 4);
	expect_byte(image, TARGET + 4 * S, 8 * S, 0x5a);
	free(image);
	test_log_free(log);
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
	free(replay(log));
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
		free(replay(log));
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

/* --- replay -------------------------------------------------------------- */

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
		free(replay(log));
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

/* All four letters count of the signature of each part of an entry. */
static void entry_signatures(void **state)
{
	static const u32 places[] = { 0, ENTRY_DESC(0), ENTRY_DESC(1), S };
	struct test_desc descs[] = {
		{ .off = TARGET, .seed = 1 },
		{ .zero = true, .off = TARGET + S, .bytes = S },
	};
	struct test_entry in = { 0, 1, 0, descs, 2, MIB(1), MIB(8) };
	struct test_log *log = log_new(8);
	u32 signature, place, i;

	test_log_put(log, &in);
	for (place = 0; place < ARRAY_SIZE(places); place++) {
		u8 *at = log->buf + places[place];

		memcpy(&signature, at, 4);
		for (i = 0; i < 32; i++) {
			put32(at, le32_to_cpu(signature) ^ 1U << i);
			test_log_reseal(log, 0, 2 * S);
			expect_entry(log, 0, false);
		}
		memcpy(at, &signature, 4);
		test_log_reseal(log, 0, 2 * S);
		expect_entry(log, 0, true);
	}
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

/* --- against the oracle -------------------------------------------------- */

#define RANDOM_LOGS	4000
#define SMALL_IMAGE	0xa8000
#define SMALL_LOG_OFF	0x40000

static u64 random_target(u32 ring)
{
	switch (random_below(24)) {
	case 0:
		return random_below(0x30) * S;		/* headers */
	case 1:
		return SMALL_LOG_OFF + (u64)random_below(ring / S) * S;
	case 2:
		return SMALL_IMAGE - S + random_below(2) * S;
	case 3:
		return 0x30000 + random_below(S);
	default:
		return 0x60000 + (u64)random_below(64) * S;
	}
}

static u32 random_descs(struct test_desc *descs, u32 room, u32 ring)
{
	u32 nr = random_below(3), i;

	if (random_below(12) == 0)
		nr = 100 + random_below(300);
	for (i = 0; i < nr; i++) {
		descs[i].zero = nr > 10 ? random_below(100) : random_below(3) == 0;
		descs[i].off = nr > 10 || random_below(4) ?
			       0x60000 + (u64)random_below(64) * S :
			       random_target(ring);
		descs[i].bytes = random_below(5) * S;
		descs[i].seed = random_below(1 << 20);
	}
	while (nr && test_log_entry_bytes(descs, nr) > room)
		nr /= 2;
	return nr;
}

/* As a writer leaves it: going round, Tail following. */
static void random_writer(struct test_log *log, struct test_desc *descs)
{
	u32 ring = log->source.length, rounds = 1 + random_below(30);
	u32 offs[64], nr_live = 0;
	struct test_entry in = {
		.off = random_below(ring / S) * S,
		.sequence = 1 + random_below(5),
		.descs = descs,
		.flushed = SMALL_IMAGE,
		.last = MIB(2),
	};

	while (rounds--) {
		u32 used = nr_live ? (in.off + ring - offs[0]) % ring : 0;
		u32 length;

		if (nr_live && (ring - used < 2 * S || nr_live == 63)) {
			memmove(offs, offs + 1, --nr_live * sizeof(*offs));
			continue;
		}
		in.nr = random_descs(descs, max_t(u32, S, ring - used - S), ring);
		offs[nr_live++] = in.off;
		in.tail = offs[random_below(4) ? 0 : random_below(nr_live)];
		length = test_log_put(log, &in);
		in.off = (in.off + length) % ring;
		in.sequence++;
		while (nr_live > 1 && offs[0] != in.tail)
			memmove(offs, offs + 1, --nr_live * sizeof(*offs));
		if (random_below(10) == 0) {		/* a new session */
			in.sequence += random_below(3);
			nr_live = 0;
		}
	}
}

/* Anything goes: entries over entries, numbers and tails close together. */
static void random_heap(struct test_log *log, struct test_desc *descs)
{
	u32 ring = log->source.length, n = random_below(ring / S) + 1, i;

	for (i = 0; i < n; i++) {
		struct test_entry in = {
			.off = random_below(3) || !i ? i * S % ring :
				random_below(ring / S) * S,
			.sequence = random_below(4) ? 1 + i : random_below(6),
			.tail = (random_below(2) ? i / 2 * 2 : random_below(ring / S)) *
				S % ring,
			.descs = descs,
			.flushed = SMALL_IMAGE + (random_below(40) == 0),
			.last = MIB(2),
		};

		in.nr = random_descs(descs, random_below(4) ? S : ring, ring);
		test_log_put(log, &in);
	}
}

static void random_damage(struct test_log *log)
{
	u32 n = random_below(3), off;
	u8 *s;

	while (n--) {
		s = log->buf + random_below(log->source.length / S) * S;
		off = random_below(4) ? random_below(128) : random_below(S);
		switch (random_below(4)) {
		case 0:
			memset(s, random_below(2) ? 0 : 0xff, S);
			break;
		case 1:
			s[off] ^= 1 << random_below(8);
			break;
		case 2:		/* a hostile field under a good checksum */
			put32(s + off / 4 * 4, random_below(4) * S);
			if (get32(s + 8) % S == 0 && get32(s + 8) >= S &&
			    get32(s + 8) <= log->source.length)
				test_log_reseal(log, s - log->buf, get32(s + 8));
			break;
		default:	/* a torn write: an older sector */
			memcpy(s, log->buf + random_below(log->source.length / S) *
			       S, S);
		}
	}
}

static bool same_sequence(const struct vhdx_log_sequence *a,
			  const struct vhdx_log_sequence *b)
{
	return a->first_off == b->first_off &&
	       a->first_sequence == b->first_sequence &&
	       a->head.off == b->head.off && a->head.length == b->head.length &&
	       a->head.tail == b->head.tail &&
	       a->head.sequence == b->head.sequence &&
	       a->head.descriptors == b->head.descriptors &&
	       a->head.flushed_bytes == b->head.flushed_bytes &&
	       a->head.last_bytes == b->head.last_bytes;
}

/* @sink and @image are there to be used again: making them takes time. */
static void compare_with_naive(struct test_log *log, u64 seed, u32 *found,
			       struct test_sink *sink, u8 *image)
{
	struct vhdx_log_sequence seq, naive;
	int r, n;

	memset(&seq, 0, sizeof(seq));
	memset(&naive, 0, sizeof(naive));
	log->calls = 0;
	r = vhdx_log_find(&log->source, &seq);
	n = naive_find(log, &naive);
	if (r != n || !same_sequence(&seq, &naive))
		fail_msg("seed %llu: %s, head %llu, first %llu; naive %s, head %llu, first %llu",
			 (unsigned long long)seed, vhdx_fault_name(r),
			 (unsigned long long)seq.head.sequence,
			 (unsigned long long)seq.first_sequence,
			 vhdx_fault_name(n),
			 (unsigned long long)naive.head.sequence,
			 (unsigned long long)naive.first_sequence);
	if (log->calls > 4 * (long)(log->source.length / S) + 4)
		fail_msg("seed %llu: %ld reads", (unsigned long long)seed,
			 log->calls);
	if (r)
		return;

	(*found)++;
	memset(sink->image, 0x5a, SMALL_IMAGE);
	memset(image, 0x5a, SMALL_IMAGE);
	r = vhdx_log_replay(&log->source, &seq, &sink->sink);
	n = naive_replay(log, &naive, image, SMALL_IMAGE);
	if (r != n || memcmp(image, sink->image, SMALL_IMAGE))
		fail_msg("seed %llu: replay %s, naive %s", (unsigned long long)seed,
			 vhdx_fault_name(r), vhdx_fault_name(n));
}

static void random_logs(void **state)
{
	struct test_desc *descs = calloc(400, sizeof(*descs));
	u64 base = seed_of_run(), seed;
	u8 *image = malloc(SMALL_IMAGE);
	struct test_sink sink;
	u32 found = 0;

	test_sink_init(&sink, SMALL_IMAGE);
	for (seed = base; seed < base + RANDOM_LOGS; seed++) {
		struct test_log *log;

		random_seed(seed);
		log = test_log_new((1 + random_below(24)) * S, SMALL_LOG_OFF,
				   SMALL_IMAGE);
		if (random_below(2))
			random_writer(log, descs);
		else
			random_heap(log, descs);
		random_damage(log);
		compare_with_naive(log, seed, &found, &sink, image);
		test_log_free(log);
	}
	printf("# %u of %u random logs had an active sequence\n", found, RANDOM_LOGS);
	assert_true(found > RANDOM_LOGS / 4);
	assert_true(found < RANDOM_LOGS);
	free(sink.image);
	free(image);
	free(descs);
}

/* --- building ------------------------------------------------------------ */

/* What the writer builds is what the reader and the oracle read. */
static void built_entries_read_back(void **state)
{
	static const u32 counts[] = { 0, 1, 2, 125, 126 };
	struct vhdx_header header = { .log_length = MIB(1) };
	u8 *buf = malloc((1 + VHDX_LOG_FIRST_DESCS) * S), sector[S];
	u32 i, j, length;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		struct test_log *log = log_new(128);
		struct vhdx_log_sequence seq;
		u8 *image;

		header.log_guid = log->source.guid;
		/* Whatever was there before does not shine through. */
		memset(buf, 0xcc, (1 + VHDX_LOG_FIRST_DESCS) * S);
		vhdx_log_entry_init(buf);
		for (j = 0; j < counts[i]; j++) {
			test_data_sector(j + 1000, sector);
			assert_int_equal(vhdx_log_entry_add(buf, TARGET + 2 * j * S,
							    sector), j + 1);
		}
		length = vhdx_log_entry_seal(buf, &header, 0x500000001ULL, 120 * S,
					     MIB(5));
		assert_int_equal(length, (1 + counts[i]) * S);
		test_log_copy(log, 120 * S, buf, length, true);
		expect_entry(log, 120 * S, true);
		expect_head(log, 0x500000001ULL, 0x500000001ULL);
		assert_ok(vhdx_log_find(&log->source, &seq));
		assert_int_equal(seq.head.last_bytes, MIB(5));
		assert_int_equal(seq.head.flushed_bytes, MIB(5));
		image = replay(log);
		for (j = 0; j < counts[i]; j++) {
			expect_sector(image, TARGET + 2 * j * S, j + 1000);
			expect_byte(image, TARGET + (2 * j + 1) * S, S, 0x5a);
		}
		free(image);
		test_log_free(log);
	}
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_is_decoded),
		cmocka_unit_test(entry_fields),
		cmocka_unit_test(entry_torn),
		cmocka_unit_test(entry_many_descriptors),
		cmocka_unit_test(entry_fills_the_log),
		cmocka_unit_test(find_in_an_empty_log),
		cmocka_unit_test(find_an_empty_entry),
		cmocka_unit_test(find_wherever_it_starts),
		cmocka_unit_test(replay_starts_at_tail),
		cmocka_unit_test(entry_signatures),
		cmocka_unit_test(replay_in_order),
		cmocka_unit_test(replay_reads_no_more_than_it_needs),
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
		cmocka_unit_test(replay_beyond_the_device),
		cmocka_unit_test(replay_twice),
		cmocka_unit_test(read_error_in_each_sector),
		cmocka_unit_test(read_error_at_each_call),
		cmocka_unit_test(log_changes_meanwhile),
		cmocka_unit_test(desc_changes_before_replay),
		cmocka_unit_test(entry_changes_before_replay),
		cmocka_unit_test(search_is_linear),
		cmocka_unit_test(search_of_valid_entries_is_linear),
		cmocka_unit_test(search_of_large_entries_is_linear),
		cmocka_unit_test(random_logs),
		cmocka_unit_test(built_entries_read_back),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
