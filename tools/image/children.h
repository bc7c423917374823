/* SPDX-License-Identifier: GPL-2.0 */
/* The images that have a given one as parent. */
#ifndef VHDX_TOOLS_CHILDREN_H
#define VHDX_TOOLS_CHILDREN_H

#include "image.h"

#define CHILDREN_TEXT	512

int children_find(const struct image *parent, const struct stat *except,
		  char names[CHILDREN_TEXT]);

#endif /* VHDX_TOOLS_CHILDREN_H */
