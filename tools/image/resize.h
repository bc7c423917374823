/* SPDX-License-Identifier: GPL-2.0 */
/* Another size for the disk of a VHDX image. */
#ifndef VHDX_TOOLS_RESIZE_H
#define VHDX_TOOLS_RESIZE_H

#include "chain.h"

/**
 * struct resize - what is to be done to an image
 * @chain: the image, loaded, open for writing, without a log to replay; and its
 *         parents, if it has any
 * @bytes: new size of the disk
 * @end: end of all that the image refers to, in bytes: what is new goes there
 * @littered: behind that may be anything, as on a device
 */
struct resize {
	struct chain *chain;
	u64 bytes;
	u64 end;
	bool littered;
};

u64 resize_space(const struct resize *resize);
int resize_write(struct resize *resize);
int resize_put(struct resize *resize, u64 at, const void *buf, u32 bytes);

#endif /* VHDX_TOOLS_RESIZE_H */
