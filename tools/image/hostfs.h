/* SPDX-License-Identifier: GPL-2.0 */
/* The file system that holds an image's file. */
#ifndef VHDX_TOOLS_HOSTFS_H
#define VHDX_TOOLS_HOSTFS_H

#include <stdbool.h>

#include "vhdx-shim.h"

/**
 * struct hostfs - what there is to know of a file and of the file system below
 * @name: of the file system, or NULL if it does not matter here
 * @ntfs: Windows attaches what is there only if the file is not sparse
 * @sparse: the file has the sparse attribute of NTFS
 * @packed: it has the compressed or the encrypted one
 * @whole: all of the file has space of its own; that it was to have it says only
 *         the kind of image
 * @copies: what is overwritten is written to new places
 * @max_bytes: the largest file that it takes, if it has a limit worth a word
 */
struct hostfs {
	const char *name;
	bool ntfs;
	bool sparse;
	bool packed;
	bool whole;
	bool copies;
	u64 max_bytes;
};

int hostfs_look(struct hostfs *host, int fd);
bool hostfs_takes_holes(const struct hostfs *host, int fd);
int hostfs_reserve(const struct hostfs *host, int fd, u64 from, u64 to);
int hostfs_extend(const struct hostfs *host, int fd, u64 from, u64 to,
		  bool (*stop)(void));
u64 hostfs_free_bytes(int fd);
void hostfs_note_windows(const struct hostfs *host, const char *path);
void hostfs_note_copies(const struct hostfs *host, const char *path);

#endif /* VHDX_TOOLS_HOSTFS_H */
