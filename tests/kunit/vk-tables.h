/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of one mapped device: what suites about them share. */
#ifndef VK_TABLES_H
#define VK_TABLES_H

#include "vk-image.h"

#define TABLES_BLOCKS		64
#define TABLES_FOREIGN		0xfe

/**
 * struct tables_test - a test
 * @check: its random numbers, and whether it has failed
 * @spec: of the image
 * @dev: the image's device, which holds TABLES_FOREIGN
 * @other: another device
 * @vkts: the tables' targets
 * @table: of the mapped device
 * @mds: mapped devices known before the test
 * @buf: of VHDX_SECTOR bytes
 */
struct tables_test {
	struct vk_check check;
	struct vk_spec spec;
	struct fake_dev *dev;
	struct fake_dev *other;
	struct vk_target vkts[3];
	unsigned long table;
	unsigned int mds;
	u8 *buf;
};

struct fake_dev *tables_format(struct tables_test *t);
int tables_test_init(struct kunit *test);
void tables_test_exit(struct kunit *test);
struct vhdx_target *tables_start(struct tables_test *t);
int tables_load(struct tables_test *t, u32 slot, s64 more, bool read_only);
int tables_write(struct tables_test *t, u32 slot, u32 block);
void tables_bad_headers(struct fake_dev *dev, bool bad);
void tables_lose(struct tables_test *t, u32 slot, bool noflush);
void tables_expect_lost(struct tables_test *t, u32 slot);

#endif /* VK_TABLES_H */
