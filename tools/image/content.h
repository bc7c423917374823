/* SPDX-License-Identifier: GPL-2.0 */
/* What a disk holds: partitions, or a file system, as libblkid knows it. */
#ifndef VHDX_TOOLS_CONTENT_H
#define VHDX_TOOLS_CONTENT_H

#include "disk.h"

#define CONTENT_NAME	32

/**
 * struct content - what was found
 * @table: type of the partition table; empty: there is none
 * @type: type of the file system, or whatever it is, on the disk as a whole;
 *        empty: nothing that is known
 * @sector_bytes: smallest sector that this takes; 0: unknown
 * @end: where the last partition ends, or the file system, or both, in bytes; 0: there
 *       is no partition, or something else that does not tell
 */
struct content {
	char table[CONTENT_NAME];
	char type[CONTENT_NAME];
	u32 sector_bytes;
	u64 end;
};

int content_file(struct disk *disk, u64 from, u64 to);
int content_look(struct content *content, struct disk *disk);
bool content_takes_sectors(const struct content *content, u32 logical_bytes);

#endif /* VHDX_TOOLS_CONTENT_H */
