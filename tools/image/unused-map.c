// SPDX-License-Identifier: GPL-2.0
/* The blocks of an image that nobody uses. */
#include "unused.h"

/**
 * unused_add() - a part of the disk is used by nobody
 * @unused: from unused_find()
 * @part: the file system that says so
 * @from: bytes from its start; behind what was added before
 * @to: end
 */
void unused_add(struct unused *unused, struct unused_part *part, u64 from,
		u64 to)
{
	u64 block_bytes = 1ULL << unused->block_shift, first, end;

	part->unused += to - from;
	from += part->from;
	to += part->from;
	if (from != unused->to) {
		unused->from = from;
		unused->to = from;
	}
	first = (unused->from + block_bytes - 1) >> unused->block_shift;
	/* Blocks of before are marked, and the last one may end with the disk. */
	unused->to = to;
	end = to >> unused->block_shift;
	if (to == unused->disk->bytes)
		end = (to + block_bytes - 1) >> unused->block_shift;
	if (end > first)
		bitmap_set(unused->map, first, end - first);
}
