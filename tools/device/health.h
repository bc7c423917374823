/* SPDX-License-Identifier: GPL-2.0 */
/* How an image that is mapped is, as its target says. */
#ifndef VHDX_TOOLS_HEALTH_H
#define VHDX_TOOLS_HEALTH_H

#include "mapping.h"

/**
 * struct health - what the status line of the target says
 * @mode: "rw", "ro" or "fail"; empty if it is not known
 * @loaded: there is an image; else the numbers are zero
 * @allocated: blocks with data
 * @total: blocks of the disk
 * @block_bytes: block size
 * @used_bytes: of the backing device, by the image
 * @size_bytes: of the backing device
 * @uncommitted: blocks that a crash now would lose
 * @log_used: bytes of the log in use
 * @log_bytes: size of the log
 * @allocations: blocks allocated since the table was loaded, as are the others
 * @zeroed: those among them whose space was not known to be zero
 * @commits: commits of new blocks
 * @entries: log entries written
 * @checkpoints: how often the log was emptied
 */
struct health {
	char mode[16];
	bool loaded;
	u64 allocated;
	u64 total;
	u64 block_bytes;
	u64 used_bytes;
	u64 size_bytes;
	u64 uncommitted;
	u64 log_used;
	u64 log_bytes;
	u64 allocations;
	u64 zeroed;
	u64 commits;
	u64 entries;
	u64 checkpoints;
};

/**
 * enum health_state - how a mapping is
 * @HEALTH_ACTIVE: well
 * @HEALTH_SUSPENDED: well, and its I/O waits, or it was never resumed
 * @HEALTH_FAILED: writing its image has failed, or loading it
 */
enum health_state {
	HEALTH_ACTIVE,
	HEALTH_SUSPENDED,
	HEALTH_FAILED,
};

void health_parse(const struct mapping *disk, struct health *status);
bool health_read_only(const struct mapping *disk);
enum health_state health_state(const struct mapping *disk,
			       const struct health *status);
const char *health_state_name(enum health_state state);

#endif /* VHDX_TOOLS_HEALTH_H */
