// SPDX-License-Identifier: GPL-2.0
/* A target whose device has little space: what suites about space share. */
#include <linux/slab.h>

#include "vk-space.h"

/**
 * space_test_init() - a suite's init
 * @test: KUnit's
 *
 * Return: 0 or -ENOMEM.
 */
int space_test_init(struct kunit *test)
{
	struct space_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->space.size = SPACE_MIB;
	t->space.map = bitmap_zalloc(SPACE_MIB, GFP_KERNEL);
	t->buf = kmalloc(SZ_64K, GFP_KERNEL);
	return t->space.map && t->buf ? 0 : -ENOMEM;
}

/**
 * space_test_exit() - a suite's exit
 * @test: KUnit's
 */
void space_test_exit(struct kunit *test)
{
	struct space_test *t = test->priv;

	if (!t)
		return;
	bitmap_free(t->space.map);
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

/**
 * space_test_target() - an empty image, and a target that is resumed
 * @t: the test
 * @blocks: what its device has room for; it holds 0xfe there
 *
 * Return: what the target knows.
 */
struct vhdx_target *space_test_target(struct space_test *t, u32 blocks)
{
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = SPACE_BLOCK_MIB,
		.logical = 512, .disk_bytes = 256 * (u64)SZ_1M,
	};
	t->spec.dev_mib = vk_free_mib(&t->spec) + blocks * SPACE_BLOCK_MIB;
	t->dev = vk_format(&t->spec);
	t->dev->fill = 0xfe;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) << 20;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	return t->vkt.vt;
}

/**
 * space_test_sector() - where a sector of a block is
 * @block: of the disk
 * @sector: of the block
 *
 * Return: the sector of the disk.
 */
sector_t space_test_sector(u32 block, u32 sector)
{
	return block * (sector_t)SPACE_BLOCK_MIB * 2048 + sector;
}

/**
 * space_test_write() - write 0x77 to 4 KiB in a block, and wait
 * @t: the test
 * @block: of the disk
 *
 * Return: 0 or a negative errno.
 */
int space_test_write(struct space_test *t, u32 block)
{
	memset(t->buf, 0x77, 4096);
	return vk_guest_io(&t->vkt, REQ_OP_WRITE, space_test_sector(block, 100),
			   8, t->buf);
}

/**
 * space_test_block() - a block has what space_test_write() wrote, and zeros around it
 * @t: the test
 * @block: of the disk
 */
void space_test_block(struct space_test *t, u32 block)
{
	static const u32 sectors[] = { 0, 92, 100, 108, 2040, 2048, 4088 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sectors); i++) {
		u8 expected = sectors[i] == 100 ? 0x77 : 0;

		memset(t->buf, 0x55, 4096);
		KUNIT_EXPECT_EQ(t->check.test, 0,
				vk_guest_io(&t->vkt, REQ_OP_READ,
					    space_test_sector(block, sectors[i]),
					    8, t->buf));
		if (memchr_inv(t->buf, expected, 4096))
			vk_fail(&t->check, "block %u sector %u has %02x", block,
				sectors[i], t->buf[0]);
	}
}

/**
 * space_test_begin() - begin what space_test_write() does
 * @t: the test
 * @block: of the disk
 *
 * Return: the bio, which the caller frees.
 */
struct fake_bio *space_test_begin(struct space_test *t, u32 block)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
					     space_test_sector(block, 100), 8);

	memset(fake_bio_data(fbio), 0x77, 4096);
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}
