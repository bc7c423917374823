/* SPDX-License-Identifier: GPL-2.0 */
/* Making what is left of a damaged image readable again. */
#ifndef VHDX_TOOLS_SALVAGE_H
#define VHDX_TOOLS_SALVAGE_H

#include "audit.h"

/**
 * struct salvage_range - a part of the disk whose data is gone
 * @start: bytes from the start of the disk
 * @bytes: how much
 * @undefined: it was undefined already, as a salvage that was interrupted leaves
 *	it
 * @shared: it is there, but another part had the same space, so which of the two
 *	wrote it nobody knows
 */
struct salvage_range {
	u64 start;
	u64 bytes;
	bool undefined;
	bool shared;
};

/**
 * struct salvage - what was lost, and what was done about it
 * @lost: parts of the disk, in order
 * @count: how many
 * @room: for how many there is memory
 * @lost_bytes: sum of them
 * @undefined_bytes: sum of those that were undefined already
 * @blocks: blocks of which nothing is left: their entries become "undefined"
 * @anchors: entries that keep space which they cannot own; they let go of it
 * @slots: sector bitmap entries with bits that must not be set
 * @log_dropped: there was a log to replay, but it is lost or cut
 * @log_moves: the log's space is gone, it gets another one at the end
 * @cut: where the file ends
 * @end: where it has to
 */
struct salvage {
	struct salvage_range *lost;
	size_t count;
	size_t room;
	u64 lost_bytes;
	u64 undefined_bytes;
	u64 blocks;
	u64 anchors;
	u64 slots;
	bool log_dropped;
	bool log_moves;
	u64 cut;
	u64 end;
};

int salvage_lose(struct salvage *salvage, const struct salvage_range *lost);
int salvage_look(struct salvage *salvage, struct image *image);
int salvage_write(const struct salvage *salvage, struct image *image);
void salvage_free(struct salvage *salvage);

#endif /* VHDX_TOOLS_SALVAGE_H */
