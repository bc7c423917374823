/* SPDX-License-Identifier: GPL-2.0 */
/* Giving an image another parent. */
#ifndef VHDX_TOOLS_REPARENT_H
#define VHDX_TOOLS_REPARENT_H

#include "chain.h"

/**
 * struct reparent - what another parent takes
 * @old: the image with its parents as they are, the leaf open for writing
 * @new: its parent to be, with its own parents
 * @block: blocks of the image that have to get what the old parents have
 * @count: how many
 * @room: for how many there is memory
 * @placed: how many of them take space
 * @copied: bytes that were written
 */
struct reparent {
	struct chain *old;
	struct chain *new;
	u32 *block;
	u32 count;
	u32 room;
	u32 placed;
	u64 copied;
};

int reparent_look(struct reparent *reparent);
int reparent_copy(struct reparent *reparent);
int reparent_locator(struct image *image, const void *item, u32 bytes);
void reparent_free(struct reparent *reparent);

#endif /* VHDX_TOOLS_REPARENT_H */
