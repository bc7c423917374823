/* SPDX-License-Identifier: GPL-2.0 */
/* VHD images made in memory, and what a disk in one of them reads as. */
#ifndef VK_VHD_H
#define VK_VHD_H

#include "vk-image.h"

#define VHD_TEST_BLOCK		SZ_64K
#define VHD_TEST_SECTORS	(VHD_TEST_BLOCK / VHD_SECTOR)
#define VHD_TEST_BLOCKS		200U
#define VHD_TEST_ENTRIES	256U		/* of the BAT */
#define VHD_TEST_DISK		(VHD_TEST_BLOCKS * VHD_TEST_SECTORS)
#define VHD_TEST_BAT_OFF	1536U
#define VHD_TEST_TAIL		0xabad1deaU	/* behind the disk's entries */
#define VHD_TEST_FOREIGN	0x77
/* Block 0 is there from the start, but for its second half. */
#define VHD_TEST_PLACE		8U
#define VHD_TEST_FIRST		24U		/* MiB of the device are enough */

/**
 * struct vhd_stamp - how a sector that was written begins
 * @sector: which one
 * @version: how often it was written; 0: a parent's
 */
struct vhd_stamp {
	u32 sector;
	u32 version;
};

/**
 * struct vhd_test - a test
 * @check: its random numbers, and whether it has failed
 * @dev: device of the image
 * @parent: of its parent; or NULL
 * @vkt: the target
 * @vt: what it knows
 * @buf: for guests' data
 * @raw: for what is on a device
 * @block: for a block that is on a device, with its bitmap
 * @durable: version of each sector that a flush has covered
 * @latest: that was written last, or is being written
 * @crash_part: one operation in so many: a power cut
 */
struct vhd_test {
	struct vk_check check;
	struct fake_dev *dev;
	struct fake_dev *parent;
	struct vk_target vkt;
	struct vhdx_target *vt;
	u8 *buf;
	u8 *raw;
	u8 *block;
	u32 *durable;
	u32 *latest;
	u32 crash_part;
};

int vhd_test_init(struct kunit *test);
void vhd_test_exit(struct kunit *test);
void vhd_test_add_parent(struct vhd_test *t);
void vhd_test_start(struct vhd_test *t);
int vhd_test_write(struct vhd_test *t, blk_opf_t flags, u32 sector, u32 sectors);
void vhd_test_check(struct vhd_test *t, u32 sector, u32 sectors);
u32 vhd_test_entry(struct vhd_test *t, struct fake_dev *dev, u32 block);
void vhd_test_judge(struct vhd_test *t, struct fake_dev *dev);
void vhd_test_hook(struct fake_dev *dev, const struct fake_event *event);

#endif /* VK_VHD_H */
