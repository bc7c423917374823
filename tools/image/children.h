/* SPDX-License-Identifier: GPL-2.0 */
/* The images that have a given one as parent. */
#ifndef VHDX_TOOLS_CHILDREN_H
#define VHDX_TOOLS_CHILDREN_H

#include "chain.h"

#define CHILDREN_TEXT	512

/**
 * struct children_known - children of an image that do not count
 * @chain: all of its layers
 * @merged: the DataWriteGuid of one that was merged into the image, and is of no
 *          use any more; zeros: there is none
 */
struct children_known {
	const struct chain *chain;
	guid_t merged;
};

int children_find(const struct image *parent,
		  const struct children_known *known, char names[CHILDREN_TEXT]);

#endif /* VHDX_TOOLS_CHILDREN_H */
