/* SPDX-License-Identifier: GPL-2.0 */
/* vhdx compact --fs: what the file systems on a disk do not use. */
#ifndef VHDX_TOOLS_COMPACT_FS_H
#define VHDX_TOOLS_COMPACT_FS_H

#include "output.h"
#include "search.h"
#include "unused.h"

/**
 * struct compact_fs - what was found
 * @disk: the disk, as long as it is looked at
 * @unused: what nobody uses
 */
struct compact_fs {
	struct disk disk;
	struct unused unused;
};

int compact_fs_look(struct compact_fs *fs, const struct image *image,
		    enum disk_format format,
		    const struct parent_search *search);
void compact_fs_print(const struct compact_fs *fs, struct output *out);
void compact_fs_free(struct compact_fs *fs);

#endif /* VHDX_TOOLS_COMPACT_FS_H */
