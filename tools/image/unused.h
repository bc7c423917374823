/* SPDX-License-Identifier: GPL-2.0 */
/* Which blocks of an image hold nothing that a file system on its disk uses. */
#ifndef VHDX_TOOLS_UNUSED_H
#define VHDX_TOOLS_UNUSED_H

#include "disk.h"

#define UNUSED_TYPE	32
#define UNUSED_WHY	128

/**
 * struct unused_part - a partition, or the disk as a whole
 * @number: of the partition; 0: the whole disk
 * @extended: it is an extended partition; unused_find() leaves none of them
 * @logical: it is in one
 * @type: what is on it, as libblkid calls it; empty: nothing that is known
 * @from: where it begins on the disk, in bytes
 * @bytes: its size
 * @unused: how much of it its file system does not use, in bytes
 * @kept: why all of it is kept; empty: it is not
 */
struct unused_part {
	int number;
	bool extended;
	bool logical;
	char type[UNUSED_TYPE];
	u64 from;
	u64 bytes;
	u64 unused;
	char kept[UNUSED_WHY];
};

/**
 * struct unused - what was found
 * @disk: the disk
 * @block_shift: log2 of the size of an image's block
 * @map: a bit for each block: nobody uses any of it
 * @part: what is on the disk
 * @parts: how many
 */
struct unused {
	struct disk *disk;
	u32 block_shift;
	unsigned long *map;
	struct unused_part *part;
	unsigned int parts;
	/* private: what is not in @map yet */
	u64 from;
	u64 to;
};

/* unused-map.c */
void unused_add(struct unused *unused, struct unused_part *part, u64 from,
		u64 to);

/* unused-ext.c */
int unused_ext(struct unused *unused, struct unused_part *part);

/* unused-ntfs.c */
int unused_ntfs(struct unused *unused, struct unused_part *part);

/* unused-xfs.c */
int unused_xfs(struct unused *unused, struct unused_part *part);

/* unused-fat.c */
int unused_fat(struct unused *unused, struct unused_part *part);

/* unused-exfat.c */
int unused_exfat(struct unused *unused, struct unused_part *part);

/* unused-btrfs.c */
int unused_btrfs(struct unused *unused, struct unused_part *part);

/* unused.c */
int unused_find(struct unused *unused, struct disk *disk, u32 block_shift);
void unused_free(struct unused *unused);

#endif /* VHDX_TOOLS_UNUSED_H */
