/* SPDX-License-Identifier: GPL-2.0 */
/* The parents of a differencing image. */
#ifndef CRASH_PARENTS_H
#define CRASH_PARENTS_H

#include "ledger.h"
#include "stack.h"

#define PARENTS		2
#define PARENTS_BITMAPS	16

/**
 * struct parents - what an image is based on
 * @nr: how many there are; 0: it is no differencing image
 * @disk: the images, the oldest first
 * @table: of their children: further arguments of the target, PARENTS_ARGS each
 * @bitmap: MiB of the leaf's sector bitmaps: nothing but payload else is there
 * @nr_bitmaps: how many
 * @stale_mib: the one that has set bits which mean nothing
 */
struct parents {
	u32 nr;
	struct ramdisk disk[PARENTS];
	char table[128];
	u32 bitmap[PARENTS_BITMAPS];
	u32 nr_bitmaps;
	u32 stale_mib;
};

/* Arguments of the target for each parent. */
#define PARENTS_ARGS	2

struct workload;

void parents_create(struct workload *workload, const char *tool);
void parents_exit(struct parents *parents);
void parents_prepare_leaf(struct workload *workload);
void parents_find_bitmaps(struct workload *workload);
int parents_map(const struct workload *workload, const char *name,
		bool read_only, const char *device);

#endif /* CRASH_PARENTS_H */
