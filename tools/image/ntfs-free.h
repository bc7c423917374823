/* SPDX-License-Identifier: GPL-2.0 */
/* What an NTFS does not use, by its own library, whose names are not those of others here. */
#ifndef VHDX_TOOLS_NTFS_FREE_H
#define VHDX_TOOLS_NTFS_FREE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct ntfs_free - an NTFS that is asked
 * @name: of the image, for the library
 * @bytes: size of what it is on
 * @read: reads @bytes bytes at @off; returns 0 or a negative errno
 * @add: is told of each run of free bytes, in order
 * @arg: for both
 */
struct ntfs_free {
	const char *name;
	uint64_t bytes;
	int (*read)(void *arg, uint64_t off, void *buf, uint64_t bytes);
	void (*add)(void *arg, uint64_t from, uint64_t to);
	void *arg;
};

int ntfs_free_find(const struct ntfs_free *source, char *why, size_t size);

#endif /* VHDX_TOOLS_NTFS_FREE_H */
