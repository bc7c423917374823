/* SPDX-License-Identifier: GPL-2.0 */
/* Another size for a disk that is attached. */
#ifndef VHDX_TOOLS_STRETCH_H
#define VHDX_TOOLS_STRETCH_H

#include "attachment.h"
#include "backing.h"
#include "newsize.h"
#include "swap.h"

/**
 * struct stretch - a disk that gets another size
 * @disk: the mapping, as it is
 * @bytes: the size that it is to have
 * @force: whatever its children think of that
 * @verbose: say what is done
 * @backing: what its image is on
 * @path: where that is
 * @before: the size that it has in the image
 * @sector_bytes: size of its sectors
 * @pending: this was begun before, and no table can be resumed on what that has left
 * @fd: the image's file or device
 * @loop: the device over the file; -1: the image is on a device
 * @leaf: the image, for a table
 * @image_disk: its disk
 * @written: the image has been written to, or almost
 * @swap: the change of tables
 */
struct stretch {
	struct mapping disk;
	u64 bytes;
	bool force;
	bool verbose;
	struct backing backing;
	const char *path;
	u64 before;
	u32 sector_bytes;
	bool pending;
	int fd;
	int loop;
	struct attachment *leaf;
	struct disk image_disk;
	bool written;
	struct swap swap;
};

int stretch_look(struct stretch *stretch);
int stretch_make(struct stretch *stretch);
void stretch_free(struct stretch *stretch);

#endif /* VHDX_TOOLS_STRETCH_H */
