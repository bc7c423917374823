/* SPDX-License-Identifier: GPL-2.0 */
/* Copying the contents of a disk into a new image. */
#ifndef VHDX_TOOLS_COPY_H
#define VHDX_TOOLS_COPY_H

#include "chain.h"
#include "format.h"

int copy_into_file(struct chain *chain, const struct format *format, int fd,
		   const char *path, u64 *copied);

#endif /* VHDX_TOOLS_COPY_H */
