/* SPDX-License-Identifier: GPL-2.0 */
/* Where an image comes from, whatever its format. */
#ifndef VHDX_READER_H
#define VHDX_READER_H

#include "vhdx-shim.h"

/**
 * struct vhdx_reader - where the image comes from
 * @read: fills @buf with @bytes at @off, with the log's changes once those are
 *        known; any alignment; returns 0 or a negative errno
 * @image_bytes: size of the backing device or file
 * @logical_bytes: the smallest sector the backing device can address
 * @writable: the caller means to write
 * @parents: the caller knows what to do with an image that has a parent
 */
struct vhdx_reader {
	int (*read)(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes);
	u64 image_bytes;
	u32 logical_bytes;
	bool writable;
	bool parents;
};

#endif /* VHDX_READER_H */
