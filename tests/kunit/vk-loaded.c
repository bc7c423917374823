// SPDX-License-Identifier: GPL-2.0
/* An image that is loaded without a target: what suites about images share. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-loaded.h"

/**
 * image_test_init() - a suite's init: an empty image
 * @test: KUnit's
 *
 * Return: 0 or -ENOMEM.
 */
int image_test_init(struct kunit *test)
{
	struct image_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->crash_part = 1;
	t->spec = (struct vk_spec) {
		.dev_mib = IMAGE_DEV_MIB, .log_mib = 1, .bat_mib = 1,
		.block_mib = 1, .logical = 512, .disk_bytes = 64 * SZ_1M,
	};
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	t->dev = vk_format(&t->spec);
	vhdx_image_init(&t->image, &t->dev->bdev, true);
	return t->buf ? 0 : -ENOMEM;
}

/**
 * image_test_exit() - a suite's exit
 * @test: KUnit's
 */
void image_test_exit(struct kunit *test)
{
	struct image_test *t = test->priv;

	if (!t)
		return;
	vhdx_image_unload(&t->image);
	fake_dev_free(t->dev);
	kfree(t->buf);
	vfree(t->expected);
}

/**
 * image_test_load() - load it
 * @t: the test
 *
 * Return: 0 or a negative errno.
 */
int image_test_load(struct image_test *t)
{
	const char *error = NULL;
	int r = vhdx_image_load(&t->image, &error);

	if (!r != !error)
		vk_fail(&t->check, "result %d with the sentence %s", r,
			error ?: "missing");
	return r;
}
