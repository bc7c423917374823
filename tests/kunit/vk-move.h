/* SPDX-License-Identifier: GPL-2.0 */
/* An image whose blocks can move, for test-move.c and test-moving.c. */
#ifndef VK_MOVE_H
#define VK_MOVE_H

#include "vk-image.h"

/* 2 MiB blocks, one place free below the first one, and one behind the last. */
#define MOVE_BLOCK_MIB		2
#define MOVE_BLOCK_SECTORS	4096U
#define MOVE_BLOCKS		16
#define MOVE_PRESENT		6
#define MOVE_OLD		0x40	/* and the block's number: what it has */
#define MOVE_NEW		0x31
#define MOVE_FOREIGN		0x77
#define MOVE_ZEROED		4	/* a block of zeros */
#define MOVE_BIOS		8

struct move_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	u32 first;		/* MiB, the free place */
	u32 taken;
	char answer[32];
	void (*during)(struct move_test *t);	/* called once ... */
	u64 at;			/* ... when this was written */
	struct fake_bio *bios[MOVE_BIOS];
	u32 nr_bios;
	u8 *buf;
};

u32 move_place(const struct move_test *t, u32 block);
void move_fill(struct move_test *t, u32 block);
int move_test_init(struct kunit *test);
void move_test_exit(struct kunit *test);
struct vhdx_target *move_start(struct move_test *t);
int move_do(struct move_test *t, u32 block, bool zeros);
struct fake_bio *move_send(struct move_test *t, blk_opf_t opf,
				  sector_t sector, u32 sectors);
int move_read(struct move_test *t, sector_t sector);
int move_write(struct move_test *t, sector_t sector);
sector_t move_sector(u32 block);
void move_expect(struct move_test *t, u32 block, u32 mib, int content);
void move_stays(struct move_test *t, int r);
void move_settled(struct move_test *t, u32 taken);
u32 move_event(struct move_test *t, u32 from, enum fake_op op, u32 mib);

#endif /* VK_MOVE_H */
