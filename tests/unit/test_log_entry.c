// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-log.c: entries, and building them.
 * The numbers are those of Documentation/on-disk.md, "Malformed images"; "decision"
 * is one of its decisions.
 */
#include "log-expect.h"

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
			image = log_replay_both(log);
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
		image = log_replay_both(log);
		for (i = 0; i < 7; i++)
			expect_sector(image, TARGET + i * S, i);
		free(image);
		test_log_free(log);
	}
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
		image = log_replay_both(log);
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
		cmocka_unit_test(entry_signatures),
		cmocka_unit_test(built_entries_read_back),
	};

	return cmocka_run_group_tests_name("log_entry", tests, NULL, NULL);
}
