/* SPDX-License-Identifier: GPL-2.0 */
/* Sectors that say which they are. */
#ifndef CRASH_STAMP_H
#define CRASH_STAMP_H

#include "crash.h"

enum stamp_kind {
	STAMP_ZERO,	/* nothing but zeros */
	STAMP_GOOD,
	STAMP_TORN,	/* begins as a stamp, but the rest is of something else */
	STAMP_FOREIGN,	/* what the device held before */
	STAMP_OTHER,
};

/**
 * struct stamp - the beginning of a stamped sector
 * @magic: STAMP_MAGIC
 * @lba: the sector
 * @gen: generation: number of the write
 * @writer: who wrote it
 * @sum: over all of the sector but itself
 *
 * The rest is filled with numbers that follow from @lba and @gen.
 */
struct stamp {
	u64 magic;
	u64 lba;
	u32 gen;
	u32 writer;
	u64 sum;
};

#define STAMP_MAGIC	0x706d617453786476ULL	/* "vdxStamp" */

void stamp_fill(void *sector, u64 lba, u32 gen, u32 writer);
enum stamp_kind stamp_read(const void *sector, struct stamp *stamp);
void stamp_foreign(void *buf, u64 off, u64 bytes);
const char *stamp_text(const void *sector, char *buf, u64 size);

#endif /* CRASH_STAMP_H */
