/* SPDX-License-Identifier: GPL-2.0 */
/* A target whose device has little space: what suites about space share. */
#ifndef VK_SPACE_H
#define VK_SPACE_H

#include "vk-image.h"

#define SPACE_MIB		200

#define SPACE_BLOCK_MIB		2

/**
 * struct space_test - a test
 * @check: its random numbers, and whether it has failed
 * @space: a map of SPACE_MIB
 * @model: the same, a byte for each MiB
 * @spec: of the image, for tests with a target
 * @dev: its device
 * @vkt: the target
 * @buf: of 64 KiB
 */
struct space_test {
	struct vk_check check;
	struct vhdx_space space;
	bool model[SPACE_MIB];
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	u8 *buf;
};

int space_test_init(struct kunit *test);
void space_test_exit(struct kunit *test);
struct vhdx_target *space_test_target(struct space_test *t, u32 blocks);
sector_t space_test_sector(u32 block, u32 sector);
int space_test_write(struct space_test *t, u32 block);
void space_test_block(struct space_test *t, u32 block);
struct fake_bio *space_test_begin(struct space_test *t, u32 block);

#endif /* VK_SPACE_H */
