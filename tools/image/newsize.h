/* SPDX-License-Identifier: GPL-2.0 */
/* Another size for the disk of an image, of either format. */
#ifndef VHDX_TOOLS_NEWSIZE_H
#define VHDX_TOOLS_NEWSIZE_H

#include "disk.h"
#include "resize.h"
#include "vhd-resize.h"

/**
 * struct newsize - what is to be done to an image
 * @disk: its disk, open for writing
 * @vhdx: what is done if it is a VHDX image
 * @vhd: what is done if it is a VHD image
 */
struct newsize {
	struct disk *disk;
	struct resize vhdx;
	struct vhd_resize vhd;
};

void newsize_init(struct newsize *size, struct disk *disk, u64 bytes);
void newsize_set(struct newsize *size, u64 bytes);
bool newsize_fits(const struct newsize *size);
bool newsize_lacks(const struct newsize *size, u64 *bytes, u64 *room);
int newsize_begin(struct newsize *size);
int newsize_write(struct newsize *size);
int newsize_put(struct newsize *size, u64 at, const void *buf, u32 bytes);

#endif /* VHDX_TOOLS_NEWSIZE_H */
