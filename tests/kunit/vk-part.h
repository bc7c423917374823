/* SPDX-License-Identifier: GPL-2.0 */
/* A child whose parent has most of it, for test-part.c and test-bitmaps.c. */
#ifndef VK_PART_H
#define VK_PART_H

#include "vk-image.h"

/* 2 MiB blocks.  The parent has the first ones, in a row, and one of the other chunk. */
#define PART_BLOCK_MIB		2
#define PART_BLOCK_SECTORS	4096U
#define PART_BLOCKS		2100	/* of two chunks */
#define PART_CHUNK		2048
#define PART_SPACE		200	/* blocks */
#define PART_PARENT		190
#define PART_OLD		0x11	/* the parent's data */
#define PART_NEW		0x22
#define PART_FOREIGN		0x77

struct part_test {
	struct vk_check check;
	struct vk_spec spec;
	guid_t guid;
	struct fake_dev *parent;
	struct fake_dev *dev;
	struct fake_dev *other;
	struct vk_target vkt;
	struct vk_target more[3];
	struct vhdx_target *vt;
	struct fake_bio *late;
	void (*during)(struct part_test *t);	/* called once ... */
	u64 at;			/* ... when this was written */
	struct fake_bio *bios[4];
	u32 nr_bios;
	u8 *buf;
};

int part_test_init(struct kunit *test);
void part_test_exit(struct kunit *test);
struct vhdx_target *part_start(struct part_test *t);
int part_write(struct part_test *t, blk_opf_t flags, sector_t sector, u32 sectors);
int part_read_from(struct part_test *t, struct vk_target *vkt, sector_t sector);
int part_read(struct part_test *t, sector_t sector);
u32 part_state(struct part_test *t, u32 block);
u32 part_event(struct part_test *t, u32 from, enum fake_op op);

#endif /* VK_PART_H */
