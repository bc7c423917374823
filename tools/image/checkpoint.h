/* SPDX-License-Identifier: GPL-2.0 */
/* How far a conversion came that did not end. */
#ifndef VHDX_TOOLS_CHECKPOINT_H
#define VHDX_TOOLS_CHECKPOINT_H

#include <limits.h>

#include "transfer.h"

/**
 * struct checkpoint - what is to be known to go on
 * @path: the file that says it
 * @key: what is converted to what; it has to be the same
 * @at: how far the disk has been copied
 * @end: of struct newdisk, then
 * @placed: likewise
 * @block: likewise
 * @block_off: likewise
 * @copied: of struct transfer, then
 * @shared: likewise
 * @zeros: likewise
 */
struct checkpoint {
	char path[PATH_MAX];
	char *key;
	u64 at;
	u64 end;
	u64 placed;
	u64 block;
	u64 block_off;
	u64 copied;
	u64 shared;
	u64 zeros;
};

int checkpoint_begin(struct checkpoint *point, const struct disk *from,
		     const struct newdisk *to, const char *temp);
bool checkpoint_load(struct checkpoint *point);
int checkpoint_save(void *arg, const struct transfer *transfer);
void checkpoint_end(struct checkpoint *point, bool done);

#endif /* VHDX_TOOLS_CHECKPOINT_H */
