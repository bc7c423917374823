/* SPDX-License-Identifier: GPL-2.0 */
/* An image that is loaded without a target: what suites about images share. */
#ifndef VK_LOADED_H
#define VK_LOADED_H

#include "vk-image.h"

#define IMAGE_DEV_MIB		12

/**
 * struct image_test - a test
 * @check: its random numbers, and whether it has failed
 * @spec: of the image
 * @dev: the image's device, IMAGE_DEV_MIB in size
 * @image: what image_test_load() loads
 * @buf: of VHDX_SECTOR bytes
 * @old: crash states: the header that may be found
 * @new: or this one
 * @settled: only the new one
 * @expected: contents after replay
 * @crash_part: one operation in so many: a power cut
 */
struct image_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vhdx_image image;
	u8 *buf;
	struct vhdx_header old, new;
	bool settled;
	u8 *expected;
	u32 crash_part;
};

int image_test_init(struct kunit *test);
void image_test_exit(struct kunit *test);
int image_test_load(struct image_test *t);

#endif /* VK_LOADED_H */
