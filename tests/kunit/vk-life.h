/* SPDX-License-Identifier: GPL-2.0 */
/* A model of a disk, and guests that write to it: see vk-life.c. */
#ifndef VK_LIFE_H
#define VK_LIFE_H

#include "vk-image.h"

#define LIFE_BLOCKS		10
#define LIFE_ZONES		3
#define LIFE_ZONE_SECTORS	16
#define LIFE_SECTORS		(LIFE_BLOCKS * LIFE_ZONES * LIFE_ZONE_SECTORS)
#define LIFE_FOREIGN		0xfe

/*
 * 2 MiB blocks, 2048 to a chunk.  Those around its end, so that the BAT sector
 * which begins with a bitmap slot is in use.
 */
#define LIFE_BLOCK_MIB		2
#define LIFE_BLOCK_SECTORS	(LIFE_BLOCK_MIB * 2048U)
#define LIFE_DISK_BLOCKS	2100

/* Numbers of writes; 0 is before the first. */
struct life_sector {
	u32 durable;
	u32 done;
	u32 begun;
	u32 zeroed;		/* the last of them that leaves zeros */
	u32 acked;		/* number of the acknowledgement of the last one */
	bool busy;
};

struct life_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkts[2];
	struct vk_target *vkt;	/* the live one */
	u32 crash_part;
	u32 next;		/* number of the next write */
	u32 nested;		/* depth of the hook */
	u32 under_way;		/* bios */
	u32 flushes, reads, writes, zeroes, moves, bitmaps, errors, suspends, cuts;
	bool failures;		/* errors are to be expected */
	u32 zeroed_from_mib;	/* nothing was ever written from here on */
	bool zeroed;		/* ... and the next table says so */
	bool chained;		/* the image has a parent, which has what it may */
	struct fake_dev *parent;
	guid_t parent_guid;
	u32 acks;		/* of writes, so far */
	u32 owed;		/* the last of them that is lost, and nobody was told */
	u32 losses;		/* of the device, seen so far */
	struct life_sector sectors[LIFE_SECTORS];
	u8 *buf;
};

void life_make_parent(struct life_test *t);
void life_begin(struct life_test *t);
void life_check_image(struct life_test *t, struct vhdx_image *image,
		      struct fake_dev *dev, const char *what);
void life_adopt(struct life_test *t, struct vhdx_image *image,
		struct fake_dev *dev);
void life_write(struct life_test *t);
void life_move(struct life_test *t);
void life_move_bitmap(struct life_test *t);
void life_zero(struct life_test *t);
void life_read(struct life_test *t);
void life_flush(struct life_test *t);

#endif /* VK_LIFE_H */
