/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many packed images in one file, which a VM reads faster than many files.
 * Each: u32 length of the name, u32 length of the packed image, both as such.
 */
#ifndef FUZZ_ARCHIVE_H
#define FUZZ_ARCHIVE_H

#include <stdio.h>

#include "vhdx-shim.h"

/**
 * struct archive - all of an archive, in memory
 * @buf: the file
 * @items: what is in it
 * @nr: how many
 */
struct archive {
	u8 *buf;
	struct archive_item {
		char name[256];
		const u8 *packed;
		u32 size;
	} *items;
	u32 nr;
};

bool archive_add(FILE *to, const char *name, const void *packed, u32 size);
bool archive_read(struct archive *archive, const char *path);
const struct archive_item *archive_find(const struct archive *archive,
					const char *name);
void archive_free(struct archive *archive);

#endif /* FUZZ_ARCHIVE_H */
