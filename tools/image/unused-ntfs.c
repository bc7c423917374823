// SPDX-License-Identifier: GPL-2.0
/* NTFS, which reads the disk of an image through this. */
#include <stdio.h>

#include "ntfs-free.h"
#include "unused.h"

#define UNUSED_NTFS_BYTES	SZ_1M	/* are read at a time */

/**
 * struct unused_ntfs - what the functions here are called with
 * @unused: takes what is not in use
 * @part: the file system
 */
struct unused_ntfs {
	struct unused *unused;
	struct unused_part *part;
};

static int unused_ntfs_read(void *arg, uint64_t off, void *buf, uint64_t bytes)
{
	const struct unused_ntfs *ntfs = arg;
	u64 done, part;
	int r = 0;

	for (done = 0; !r && done < bytes; done += part) {
		part = min_t(u64, bytes - done, UNUSED_NTFS_BYTES);
		r = disk_read(ntfs->unused->disk, ntfs->part->from + off + done,
			      (u8 *)buf + done, part);
	}
	return r > 0 ? -EIO : r;
}

static void unused_ntfs_add(void *arg, uint64_t from, uint64_t to)
{
	const struct unused_ntfs *ntfs = arg;

	unused_add(ntfs->unused, ntfs->part, from, to);
}

/**
 * unused_ntfs() - what does an NTFS not use?
 * @unused: takes it
 * @part: the file system; takes why it is kept, if it is
 *
 * Return: 0 or a negative errno.
 */
int unused_ntfs(struct unused *unused, struct unused_part *part)
{
	struct unused_ntfs ntfs = { .unused = unused, .part = part };
	const struct ntfs_free source = {
		.name = unused->disk->path,
		.bytes = part->bytes,
		.read = unused_ntfs_read,
		.add = unused_ntfs_add,
		.arg = &ntfs,
	};

	return ntfs_free_find(&source, part->kept, sizeof(part->kept));
}
