/* SPDX-License-Identifier: GPL-2.0 */
/* A VHD image and its parents as one new image, of either format. */
#ifndef VHDX_TOOLS_FLAT_H
#define VHDX_TOOLS_FLAT_H

#include "copy.h"
#include "disk.h"
#include "newdisk.h"

/**
 * struct flat - what is to be one image
 * @job: its @path and @force; takes what was copied
 * @block_bytes: unit of allocation; 0: that of the first layer
 * @disk: the layers
 * @to: the new image
 */
struct flat {
	struct copy_job job;
	u64 block_bytes;
	struct disk disk;
	struct newdisk to;
};

int flat_create(struct flat *flat, const char *path,
		const struct parent_search *search);
void flat_close(struct flat *flat);

#endif /* VHDX_TOOLS_FLAT_H */
