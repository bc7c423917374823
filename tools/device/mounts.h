/* SPDX-License-Identifier: GPL-2.0 */
/* File systems that are mounted, or are to be. */
#ifndef VHDX_TOOLS_MOUNTS_H
#define VHDX_TOOLS_MOUNTS_H

#include <sys/types.h>

#include "volume.h"

/**
 * struct mounts_how - how to mount
 * @type: of the file system; NULL: what mount(8) finds
 * @options: for mount(8), with commas between; NULL: none
 * @read_only: nothing may be written
 */
struct mounts_how {
	const char *type;
	const char *options;
	bool read_only;
};

/* Called with @arg, where it is mounted, and the device. */
typedef int (*mounts_visit_fn)(void *arg, const char *dir, dev_t dev);

int mounts_add(const struct volume *volume, const char *dir,
	       const struct mounts_how *how);
int mounts_remove(const char *dir);
int mounts_each(mounts_visit_fn visit, void *arg);
int mounts_disk(dev_t dev, struct mapping *disk);

#endif /* VHDX_TOOLS_MOUNTS_H */
