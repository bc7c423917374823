// SPDX-License-Identifier: GPL-2.0
/* Tables of one mapped device: what suites about them share. */
#include <linux/slab.h>

#include "vk-tables.h"

/**
 * tables_format() - another device with an empty image
 * @t: the test
 *
 * Return: the device, which the caller frees.
 */
struct fake_dev *tables_format(struct tables_test *t)
{
	struct fake_dev *dev = vk_format(&t->spec);

	dev->fill = TABLES_FOREIGN;
	dev->fill_off = (u64)vk_free_mib(&t->spec) << 20;
	return dev;
}

/**
 * tables_test_init() - a suite's init
 * @test: KUnit's
 *
 * Return: 0 or -ENOMEM.
 */
int tables_test_init(struct kunit *test)
{
	struct tables_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 24, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = TABLES_BLOCKS * (u64)SZ_1M,
	};
	t->dev = tables_format(t);
	t->other = tables_format(t);
	t->other->bdev.bd_dev = MKDEV(240, 99);
	t->mds = fake_md_count();
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

/**
 * tables_test_exit() - a suite's exit
 * @test: KUnit's
 *
 * The mapped device is removed: then nobody must remember it.
 */
void tables_test_exit(struct kunit *test)
{
	struct tables_test *t = test->priv;
	u32 i;

	if (!t)
		return;
	if (t->table)
		fake_md_remove(t->table);
	for (i = 0; i < ARRAY_SIZE(t->vkts); i++)
		vk_target_drop(&t->vkts[i]);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	/* Of that which was not there at the end, the next one to come. */
	if (!vk_target_new(&t->vkts[0], t->dev, 0))
		vk_target_free(&t->vkts[0]);
	/* Of those before, some may have been found out meanwhile. */
	KUNIT_EXPECT_LE(test, fake_md_count(), t->mds);
	fake_dev_free(t->dev);
	fake_dev_free(t->other);
	kfree(t->buf);
}

/**
 * tables_start() - the first table, resumed
 * @t: the test
 *
 * Return: what its target knows.
 */
struct vhdx_target *tables_start(struct tables_test *t)
{
	struct vk_target *vkt = &t->vkts[0];

	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(vkt, t->dev, 0));
	t->table = (unsigned long)vkt->ti.table;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(vkt));
	return vkt->vt;
}

/**
 * tables_load() - load another table of the mapped device
 * @t: the test
 * @slot: where to
 * @more: sectors than the disk has
 * @read_only: in mode ro
 *
 * Return: 0 or a negative errno.
 */
int tables_load(struct tables_test *t, u32 slot, s64 more, bool read_only)
{
	u64 sectors = t->spec.disk_bytes >> SECTOR_SHIFT;

	return vk_target_load(&t->vkts[slot], t->table, t->dev, sectors + more,
			      read_only);
}

/**
 * tables_write() - write 4 KiB of 0x77 to a block, and wait
 * @t: the test
 * @slot: its table
 * @block: of the disk
 *
 * Return: 0 or a negative errno.
 */
int tables_write(struct tables_test *t, u32 slot, u32 block)
{
	memset(t->buf, 0x77, VHDX_SECTOR);
	return vk_guest_io(&t->vkts[slot], REQ_OP_WRITE, block * 2048 + 100, 8,
			   t->buf);
}

/**
 * tables_bad_headers() - may the headers be written?
 * @dev: the device
 * @bad: no, so nothing is replayed
 */
void tables_bad_headers(struct fake_dev *dev, bool bad)
{
	dev->bad_off = VHDX_HEADER_OFF(0);
	dev->bad_end = bad ? VHDX_HEADER_OFF(1) + VHDX_HEADER_BYTES : 0;
}

/**
 * tables_lose() - a write is acknowledged, and the suspend cannot make it durable
 * @t: the test
 * @slot: its table
 * @noflush: of the suspend
 */
void tables_lose(struct tables_test *t, u32 slot, bool noflush)
{
	struct vhdx_target *vt = t->vkts[slot].vt;

	KUNIT_EXPECT_EQ(t->check.test, 0, tables_write(t, slot, 5));
	t->dev->fail_in[FAKE_FLUSH] = 1;
	vk_target_suspend(&t->vkts[slot], noflush);
	t->dev->fail_in[FAKE_FLUSH] = 0;
	KUNIT_EXPECT_EQ(t->check.test, vt->mode, VHDX_MODE_RO);
}

/**
 * tables_expect_lost() - a flush tells what this table should have inherited
 * @t: the test
 * @slot: its table
 */
void tables_expect_lost(struct tables_test *t, u32 slot)
{
	struct vk_target *vkt = &t->vkts[slot];

	KUNIT_EXPECT_EQ(t->check.test, -EIO, vk_guest_flush(vkt));
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(vkt));
}
