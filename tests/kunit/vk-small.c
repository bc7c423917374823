// SPDX-License-Identifier: GPL-2.0
/* A small image with one block that is there, and writes to it: what suites share. */
#include <linux/slab.h>

#include "vk-small.h"

/**
 * small_test_init() - make the image
 * @test: KUnit's; takes the test
 * @bytes: size of what begins with a struct small_test
 *
 * Return: that, or NULL.
 */
void *small_test_init(struct kunit *test, size_t bytes)
{
	struct small_test *s = kunit_kzalloc(test, bytes, GFP_KERNEL);

	if (!s)
		return NULL;
	test->priv = s;
	vk_check_init(&s->check, test);
	s->spec = (struct vk_spec) {
		.dev_mib = 64, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = 32 * SZ_1M,
	};
	s->dev = vk_format(&s->spec);
	vk_set_bat(s->dev, &s->spec, 1, VHDX_BLOCK_FULL, SMALL_MIB);
	return s;
}

/**
 * small_test_start() - a target, resumed
 * @s: the test
 * @zeroed: what follows the block is known to be zero
 */
void small_test_start(struct small_test *s, bool zeroed)
{
	KUNIT_ASSERT_EQ(s->check.test, 0, vk_target_new(&s->vkt, s->dev, 0));
	s->vt = s->vkt.vt;
	if (zeroed)
		s->vt->zeroed_from_mib = SMALL_MIB + 1;
	KUNIT_ASSERT_EQ(s->check.test, 0, vk_target_resume(&s->vkt));
	fake_dev_forget(s->dev);
}

/**
 * small_test_write() - a write of 4 KiB, which is not sent yet
 * @s: the test, which frees it
 * @block: to the start of this one
 *
 * Return: the write.
 */
struct fake_bio *small_test_write(struct small_test *s, u32 block)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN +
					     block * SMALL_BLOCK_SECTORS, 8);

	s->bios[s->nr_bios++] = fbio;
	memset(fake_bio_data(fbio), 0x77, 8 << SECTOR_SHIFT);
	return fbio;
}

/**
 * small_test_exit() - a suite's exit
 * @test: KUnit's
 */
void small_test_exit(struct kunit *test)
{
	struct small_test *s = test->priv;

	if (!s)
		return;
	while (s->nr_bios)
		fake_bio_free(s->bios[--s->nr_bios]);
	vk_target_free(&s->vkt);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	fake_dev_free(s->dev);
}
