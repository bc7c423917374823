/* SPDX-License-Identifier: GPL-2.0 */
/* A list of parts of a disk, in which neighbours that are alike become one. */
#ifndef VHDX_TOOLS_RUNS_H
#define VHDX_TOOLS_RUNS_H

#include "output.h"

#define RUNS_NOWHERE	(~0ULL)

/**
 * struct runs - the list, and the part that is being collected
 * @out: where the ones before it went
 * @state: what it is, a constant
 * @start: bytes from the start of the disk
 * @length: how long it is; 0 before the first one
 * @off: where its data is in the file; RUNS_NOWHERE if there is none
 */
struct runs {
	struct output out;
	const char *state;
	u64 start;
	u64 length;
	u64 off;
};

void runs_begin(struct runs *runs, bool json);
void runs_add(struct runs *runs, const char *state, u64 length, u64 off);
u64 runs_end_of(const struct runs *runs);
void runs_flush(struct runs *runs);
void runs_end(struct runs *runs);

#endif /* VHDX_TOOLS_RUNS_H */
