/* SPDX-License-Identifier: GPL-2.0 */
/* What the target says of an image that is mapped. */
#ifndef VHDX_TOOLS_TARGET_H
#define VHDX_TOOLS_TARGET_H

#include "mapping.h"

/**
 * struct target_status - the target's status line
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
struct target_status {
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
 * enum target_state - how a mapping is
 * @TARGET_ACTIVE: well
 * @TARGET_SUSPENDED: well, and its I/O waits
 * @TARGET_FAILED: writing its image has failed, or loading it
 */
enum target_state {
	TARGET_ACTIVE,
	TARGET_SUSPENDED,
	TARGET_FAILED,
};

void target_parse(const struct mapping *disk, struct target_status *status);
bool target_read_only(const struct mapping *disk);
enum target_state target_state(const struct mapping *disk,
			       const struct target_status *status);
const char *target_state_name(enum target_state state);

#endif /* VHDX_TOOLS_TARGET_H */
