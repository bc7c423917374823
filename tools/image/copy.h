/* SPDX-License-Identifier: GPL-2.0 */
/* Copying the contents of a disk into a new image. */
#ifndef VHDX_TOOLS_COPY_H
#define VHDX_TOOLS_COPY_H

#include "chain.h"
#include "format.h"

/**
 * struct copy_job - what is to be copied, and what was
 * @chain: from here
 * @layers: so many of its layers; less than all: the new image is a child of that
 *          behind them
 * @format: what the new image is like
 * @path: its name
 * @force: replace what has it
 * @fill: writes the new image into an empty file; NULL: copy_into_file()
 * @copied: bytes written
 * @shared: how many of them by letting both files have the same space
 */
struct copy_job {
	struct chain *chain;
	unsigned int layers;
	struct format format;
	const char *path;
	bool force;
	int (*fill)(struct copy_job *job, int fd);
	u64 copied;
	u64 shared;
};

void copy_plan(struct copy_job *job, struct chain *chain, u64 block_bytes);
int copy_into_file(struct copy_job *job, int fd);
int copy_create(struct copy_job *job);

#endif /* VHDX_TOOLS_COPY_H */
