/* SPDX-License-Identifier: GPL-2.0 */
/* An image in memory, for what reads one. */
#ifndef MEMORY_H
#define MEMORY_H

#include "vhdx-load.h"

/**
 * struct memory - an image in memory
 * @reader: for the tested code
 * @bytes: the image
 * @reads: so far
 * @fail_read: number of the read that fails (-1: none)
 * @farthest: end of what was read so far
 */
struct memory {
	struct vhdx_reader reader;
	u8 *bytes;
	long reads;
	long fail_read;
	u64 farthest;
};

void memory_init(struct memory *memory, u64 bytes);
void memory_free(struct memory *memory);

#endif /* MEMORY_H */
