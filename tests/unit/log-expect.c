// SPDX-License-Identifier: GPL-2.0
/* Small logs, and what is expected of them. */
#include "log-expect.h"

/**
 * log_new() - an empty log at LOG_OFF of an image of IMAGE bytes
 * @sectors: length of the log
 *
 * Return: the log, which test_log_free() frees.
 */
struct test_log *log_new(u32 sectors)
{
	return test_log_new(sectors * S, LOG_OFF, IMAGE);
}

/**
 * put_data() - an entry of one data descriptor
 * @log: the log
 * @off: where in it
 * @sequence: its number
 * @tail: as on disk
 * @target: of the descriptor
 * @seed: contents of the sector
 *
 * LastFileOffset and FlushedFileOffset are harmless.
 *
 * Return: its length.
 */
u32 put_data(struct test_log *log, u32 off, u64 sequence, u32 tail,
	     u64 target, u32 seed)
{
	struct test_desc desc = { .off = target, .seed = seed };
	struct test_entry entry = { off, sequence, tail, &desc, 1, MIB(1), MIB(8) };

	return test_log_put(log, &entry);
}

/**
 * put_empty() - an entry without descriptors
 * @log: the log
 * @off: where in it
 * @sequence: its number
 * @tail: as on disk
 *
 * Return: its length.
 */
u32 put_empty(struct test_log *log, u32 off, u64 sequence, u32 tail)
{
	struct test_entry entry = { off, sequence, tail, NULL, 0, MIB(1), MIB(8) };

	return test_log_put(log, &entry);
}

/**
 * expect_entry() - there is a valid entry, or not, say the code and the oracle
 * @log: the log
 * @off: where in it
 * @expected: whether
 */
void expect_entry(struct test_log *log, u32 off, bool expected)
{
	struct vhdx_log_entry entry;
	struct naive_entry naive;

	assert_int_equal(vhdx_log_entry_check(&log->source, off, &entry),
			 expected ? 0 : VHDX_LOG_NO_ENTRY);
	assert_int_equal(naive_entry_check(log, off, &naive), expected);
}

/**
 * expect_head() - the active sequence is this one
 * @log: the log
 * @sequence: number of its head
 * @first: and of its first entry
 */
void expect_head(struct test_log *log, u64 sequence, u64 first)
{
	struct vhdx_log_sequence seq, naive;

	assert_ok(vhdx_log_find(&log->source, &seq));
	assert_int_equal(seq.head.sequence, sequence);
	assert_int_equal(seq.first_sequence, first);
	assert_int_equal(seq.first_off, seq.head.tail);
	assert_ok(naive_find(log, &naive));
	assert_int_equal(naive.head.sequence, sequence);
}

/**
 * expect_lost() - there is no active sequence
 * @log: the log
 */
void expect_lost(struct test_log *log)
{
	struct vhdx_log_sequence seq;

	assert_fault(vhdx_log_find(&log->source, &seq), LOG_LOST);
	assert_fault(naive_find(log, &seq), LOG_LOST);
}

/**
 * log_replay_both() - replay both ways and compare
 * @log: the log
 *
 * Return: the image, for a closer look; the caller frees it.
 */
u8 *log_replay_both(struct test_log *log)
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

/**
 * expect_sector() - a sector of the image is what test_data_sector() makes
 * @image: all of it
 * @off: of the sector
 * @seed: of the contents
 */
void expect_sector(const u8 *image, u64 off, u32 seed)
{
	u8 sector[S];

	test_data_sector(seed, sector);
	assert_memory_equal(image + off, sector, S);
}

/**
 * expect_byte() - a part of the image is one byte all over
 * @image: all of it
 * @off: of the part
 * @bytes: its length
 * @value: of each byte
 */
void expect_byte(const u8 *image, u64 off, u64 bytes, u8 value)
{
	u64 i;

	for (i = 0; i < bytes; i++)
		assert_int_equal(image[off + i], value);
}
