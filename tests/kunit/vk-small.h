/* SPDX-License-Identifier: GPL-2.0 */
/* A small image with one block that is there, and writes to it: what suites share. */
#ifndef VK_SMALL_H
#define VK_SMALL_H

#include "vk-image.h"

/* Block 1 is present here, and what follows is free. */
#define SMALL_MIB		8
#define SMALL_BLOCK_SECTORS	2048U
#define SMALL_BIOS		64

/**
 * struct small_test - a test; the first member of what a suite has besides
 * @check: its random numbers, and whether it has failed
 * @spec: of the image
 * @dev: the image's device
 * @vkt: the target
 * @vt: what it knows
 * @bios: that were sent
 * @nr_bios: how many
 */
struct small_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	struct fake_bio *bios[SMALL_BIOS];
	u32 nr_bios;
};

void *small_test_init(struct kunit *test, size_t bytes);
void small_test_start(struct small_test *s, bool zeroed);
struct fake_bio *small_test_write(struct small_test *s, u32 block);
void small_test_exit(struct kunit *test);

#endif /* VK_SMALL_H */
