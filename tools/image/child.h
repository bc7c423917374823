/* SPDX-License-Identifier: GPL-2.0 */
/* A new image that is based on another one. */
#ifndef VHDX_TOOLS_CHILD_H
#define VHDX_TOOLS_CHILD_H

#include "format.h"

#define CHILD_BLOCK_BYTES	(2 * (u32)SZ_1M)	/* as Windows makes them */

void child_inherit(struct vhdx_meta *meta, const struct vhdx_meta *from);
int child_locate(struct format *format, const char *child, const char *parent,
		 const guid_t *guid);
int child_exchange(const char *a, const char *b);
int child_write(const struct format *format, const char *path);

#endif /* VHDX_TOOLS_CHILD_H */
