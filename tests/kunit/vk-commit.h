/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks that a commit has to name: what suites about commits share. */
#ifndef VK_COMMIT_H
#define VK_COMMIT_H

#include "vk-image.h"

/* Blocks from here on are on the device in the order of their numbers. */
#define COMMIT_BASE_MIB		16

/**
 * struct commit_test - a test
 * @check: its random numbers, and whether it has failed
 * @spec: of the image
 * @dev: the image's device
 * @vkt: the target
 * @vt: what it knows
 * @before: BAT before the commit
 * @after: as it will be
 * @crash_part: one operation in so many: a power cut
 * @late_block: published in the middle of a commit
 * @late_exposed: and exposed
 */
struct commit_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct vk_target vkt;
	struct vhdx_target *vt;
	u32 *before;
	u32 *after;
	u32 crash_part;
	u32 late_block;
	bool late_exposed;
};

int commit_test_init(struct kunit *test);
int commit_test_init_blocks(struct kunit *test, u32 blocks);
void commit_test_exit(struct kunit *test);
void commit_test_start(struct commit_test *t);
void commit_test_add(struct commit_test *t, u32 block, bool exposed);
bool commit_test_added(const struct commit_test *t, u32 block);
struct fake_bio *commit_test_flush(struct commit_test *t);
void commit_test_judge(struct commit_test *t, struct fake_dev *dev,
		       bool durable);
void commit_test_hook(struct fake_dev *dev,
		      const struct fake_event *event);
void commit_test_judge_raw(struct commit_test *t);

#endif /* VK_COMMIT_H */
