// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>

#include "stamp.h"

#define STAMP_WORDS	(SECTOR / 8)
#define STAMP_HEAD	(sizeof(struct stamp) / 8)
#define STAMP_FOREIGN_WORD 0x6e676965726f6621ULL	/* "!foreign" without the e */

static u64 stamp_sum(const u64 *words)
{
	const struct stamp *stamp = (const void *)words;
	u64 sum = stamp->magic;
	unsigned int i;

	sum = (sum ^ stamp->lba) * 0x9e3779b97f4a7c15ULL;
	sum = (sum ^ stamp->gen ^ (u64)stamp->writer << 32) * 0x9e3779b97f4a7c15ULL;
	for (i = STAMP_HEAD; i < STAMP_WORDS; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ULL;
	return sum;
}

/**
 * stamp_fill() - make a stamped sector
 * @sector: takes it
 * @lba: where it is written to
 * @gen: generation
 * @writer: who writes it
 */
void stamp_fill(void *sector, u64 lba, u32 gen, u32 writer)
{
	u64 *words = sector, fill = lba * 0xd1342543de82ef95ULL ^ gen;
	struct stamp *stamp = sector;
	unsigned int i;

	stamp->magic = STAMP_MAGIC;
	stamp->lba = lba;
	stamp->gen = gen;
	stamp->writer = writer;
	for (i = STAMP_HEAD; i < STAMP_WORDS; i++)
		words[i] = fill += 0x2545f4914f6cdd1dULL;
	stamp->sum = stamp_sum(words);
}

/**
 * stamp_read() - what is in a sector?
 * @sector: the sector, aligned to 8
 * @stamp: result, for STAMP_GOOD
 *
 * Return: its kind.
 */
enum stamp_kind stamp_read(const void *sector, struct stamp *stamp)
{
	const u64 *words = sector;
	unsigned int i;

	if (words[0] == STAMP_MAGIC) {
		*stamp = *(const struct stamp *)sector;
		return stamp->sum == stamp_sum(words) ? STAMP_GOOD : STAMP_TORN;
	}
	if (words[0] == STAMP_FOREIGN_WORD)
		return STAMP_FOREIGN;
	for (i = 0; i < STAMP_WORDS; i++)
		if (words[i])
			return STAMP_OTHER;
	return STAMP_ZERO;
}

/**
 * stamp_foreign() - fill a range with what must never be seen
 * @buf: the range
 * @off: where it is, in bytes
 * @bytes: how much
 */
void stamp_foreign(void *buf, u64 off, u64 bytes)
{
	u64 *words = buf, i;

	for (i = 0; i < bytes / 8; i++)
		words[i] = i % 2 ? off + i * 8 : STAMP_FOREIGN_WORD;
}

/**
 * stamp_text() - describe the contents of a sector
 * @sector: the sector
 * @buf: takes the text
 * @size: of @buf
 *
 * Return: @buf.
 */
const char *stamp_text(const void *sector, char *buf, u64 size)
{
	const u64 *words = sector;
	struct stamp stamp;

	switch (stamp_read(sector, &stamp)) {
	case STAMP_ZERO:
		snprintf(buf, size, "zeros");
		break;
	case STAMP_GOOD:
	case STAMP_TORN:
		snprintf(buf, size, "%s of sector %" PRIu64 ", generation %u",
			 stamp_read(sector, &stamp) == STAMP_GOOD ? "stamp" :
			 "torn stamp", stamp.lba, stamp.gen);
		break;
	case STAMP_FOREIGN:
		snprintf(buf, size, "foreign data from byte %" PRIu64
			 " of the device", words[1] - 8);
		break;
	default:
		snprintf(buf, size, "%016" PRIx64 " %016" PRIx64 " ...",
			 words[0], words[1]);
	}
	return buf;
}
