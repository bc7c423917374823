/* SPDX-License-Identifier: GPL-2.0 */
/* A new image that is based on another one. */
#ifndef VHDX_TOOLS_CHILD_H
#define VHDX_TOOLS_CHILD_H

#include <sys/stat.h>

#include "format.h"

#define CHILD_BLOCK_BYTES	(2 * (u32)SZ_1M)	/* as Windows makes them */

typedef int (*child_fill_fn)(const void *arg, int fd, const char *path);

void child_inherit(struct vhdx_meta *meta, const struct vhdx_meta *from);
int child_locate(struct format *format, const char *child, const char *parent,
		 const guid_t *guid);
int child_sync_dir(const char *path);
int child_exchange(const char *a, const char *b);
void child_discard(const char *path, const struct stat *st);
int child_write(child_fill_fn fill, const void *arg, const char *path);

#endif /* VHDX_TOOLS_CHILD_H */
