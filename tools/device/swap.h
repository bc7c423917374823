/* SPDX-License-Identifier: GPL-2.0 */
/* Another table for a disk that is in use. */
#ifndef VHDX_TOOLS_SWAP_H
#define VHDX_TOOLS_SWAP_H

#include "mapping.h"
#include "partition.h"

#define SWAP_WHY	640

/**
 * struct swap - a change of tables
 * @disk: the mapping, as it is
 * @partitions: those of @disk
 * @still: how many of them are suspended
 * @resumes: what is suspended already goes on, too: who has suspended it is gone
 * @pause_us: how long I/O had to wait
 * @disorder: files have other names than they should
 * @why: what is wrong, as nothing can be said while the disk is suspended
 */
struct swap {
	const struct mapping *disk;
	struct partitions partitions;
	unsigned int still;
	bool resumes;
	u64 pause_us;
	bool disorder;
	char why[SWAP_WHY];
};

/**
 * struct swap_steps - what is done while the disk is suspended
 * @change: all that has to be, with swap_load()
 * @undo: whatever of that has been done, if it or the resume has failed
 */
struct swap_steps {
	int (*change)(void *arg);
	void (*undo)(void *arg);
};

void swap_why(struct swap *swap, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void swap_disorder(struct swap *swap, const char *name, const char *other);
int swap_load(struct swap *swap, const struct mapping *next);
int swap_tables(struct swap *swap, const struct swap_steps *steps, void *arg);
void swap_say(const struct swap *swap, bool verbose);

#endif /* VHDX_TOOLS_SWAP_H */
