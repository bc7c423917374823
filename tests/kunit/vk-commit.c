// SPDX-License-Identifier: GPL-2.0
/* Blocks that a commit has to name: what suites about commits share. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-commit.h"

/**
 * commit_test_init_blocks() - an image of so many blocks
 * @test: KUnit's
 * @blocks: of 1 MiB with 512-byte sectors: a bitmap slot follows each 4096
 *
 * Return: 0 or -ENOMEM.
 */
int commit_test_init_blocks(struct kunit *test, u32 blocks)
{
	struct commit_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->crash_part = 1;
	t->spec = (struct vk_spec) {
		.dev_mib = COMMIT_BASE_MIB + blocks, .log_mib = 1, .bat_mib = 2,
		.block_mib = 1, .logical = 512,
		.disk_bytes = (u64)blocks * SZ_1M,
	};
	t->dev = vk_format(&t->spec);
	return 0;
}

/**
 * commit_test_init() - a suite's init
 * @test: KUnit's
 *
 * Return: 0 or -ENOMEM.
 */
int commit_test_init(struct kunit *test)
{
	return commit_test_init_blocks(test, 3 * 4096 + 100);
}

/**
 * commit_test_exit() - a suite's exit
 * @test: KUnit's
 */
void commit_test_exit(struct kunit *test)
{
	struct commit_test *t = test->priv;

	if (!t)
		return;
	vk_target_free(&t->vkt);
	fake_dev_free(t->dev);
	vfree(t->before);
	vfree(t->after);
}

/**
 * commit_test_start() - a target, resumed, whose session is open
 * @t: the test
 */
void commit_test_start(struct commit_test *t)
{
	u32 bytes;

	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	KUNIT_ASSERT_EQ(t->check.test, 0, vhdx_session_open(t->vt));
	bytes = t->vt->image.layout.geo.blocks * sizeof(u32);
	t->before = vmalloc(bytes);
	t->after = vmalloc(bytes);
	memcpy(t->before, t->vt->bat, bytes);
	memcpy(t->after, t->vt->bat, bytes);
	fake_dev_forget(t->dev);
}

/**
 * commit_test_add() - what the worker does once a block's space is ready
 * @t: the test
 * @block: of the disk
 * @exposed: as vhdx_txn_publish() has it
 */
void commit_test_add(struct commit_test *t, u32 block, bool exposed)
{
	struct vhdx_change *spare = mempool_alloc(&t->vt->change_pool, GFP_KERNEL);
	u32 mib = COMMIT_BASE_MIB + block;

	mutex_lock(&t->vt->publish);
	vhdx_space_claim(&t->vt->image.space, mib, 1);
	t->after[block] = vhdx_e_make(VHDX_BLOCK_FULL, mib);
	vhdx_txn_publish(t->vt, spare, block, mib, exposed);
	vhdx_commit_soon(t->vt, t->vt->nr_dirty - 1);
	mutex_unlock(&t->vt->publish);
}

/**
 * commit_test_added() - commit_test_add() had this block, or it was there before
 * @t: the test
 * @block: of the disk
 *
 * Return: whether.
 */
bool commit_test_added(const struct commit_test *t, u32 block)
{
	return vhdx_e_present(t->after[block]);
}

/**
 * commit_test_flush() - a flush of the guest's, not yet run
 * @t: the test
 *
 * Return: the bio, which the caller frees.
 */
struct fake_bio *commit_test_flush(struct commit_test *t)
{
	struct fake_bio *fbio = fake_bio_new(REQ_OP_WRITE | REQ_PREFLUSH,
					     VK_BEGIN, 0);

	/* As map leaves it. */
	fbio->hook.flight = -1;
	vhdx_commit_bio(t->vt, &fbio->bio);
	return fbio;
}

/**
 * commit_test_judge() - load an image; its entries are as before or as they will be
 * @t: the test
 * @dev: where the image is
 * @durable: all have to be new
 */
void commit_test_judge(struct commit_test *t, struct fake_dev *dev,
		       bool durable)
{
	struct vhdx_image *image = kzalloc(sizeof(*image),
					   GFP_KERNEL | __GFP_NOFAIL);
	const char *error = NULL;
	u32 b;

	vhdx_image_init(image, &dev->bdev, true);
	if (vhdx_image_load(image, &error)) {
		vk_fail(&t->check, "it does not open: %s (%s)", error,
			fake.message);
		goto out;
	}
	for (b = 0; b < image->layout.geo.blocks; b++)
		if (image->bat[b] != t->after[b] &&
		    (durable || image->bat[b] != t->before[b]))
			vk_fail(&t->check, "block %u has entry %08x, not %08x", b,
				image->bat[b], t->after[b]);
out:
	vhdx_image_unload(image);
	kfree(image);
}

/**
 * commit_test_hook() - a device's hook: now and then, judge what a power cut leaves
 * @dev: the device, whose hook_arg is the test
 * @event: not looked at
 */
void commit_test_hook(struct fake_dev *dev,
		      const struct fake_event *event)
{
	struct commit_test *t = dev->hook_arg;
	struct fake_dev *crash;

	t->check.step++;
	if (t->check.failed || vk_rnd(&t->check.rnd, t->crash_part))
		return;
	t->check.crashes++;
	crash = fake_dev_crash(dev, &t->check.rnd);
	commit_test_judge(t, crash, false);
	fake_dev_free(crash);
}

/**
 * commit_test_judge_raw() - the raw bytes of the BAT, entry by entry, from its definition
 * @t: the test
 */
void commit_test_judge_raw(struct commit_test *t)
{
	const u32 chunk = 4096, blocks = t->vt->image.layout.geo.blocks;
	u64 index = 0;
	__le64 raw;
	u32 b;

	for (b = 0; b < blocks; b++) {
		if (b && b % chunk == 0) {
			fake_dev_peek(t->dev, vk_bat_off(&t->spec) + 8 * index,
				      &raw, sizeof(raw));
			if (raw)
				vk_fail(&t->check, "bitmap slot %llu has %llx",
					index, le64_to_cpu(raw));
			index++;
		}
		fake_dev_peek(t->dev, vk_bat_off(&t->spec) + 8 * index, &raw,
			      sizeof(raw));
		if (le64_to_cpu(raw) != vhdx_e_raw(t->after[b]))
			vk_fail(&t->check, "BAT entry %llu has %llx, not %llx",
				index, le64_to_cpu(raw),
				vhdx_e_raw(t->after[b]));
		index++;
	}
	/* Padding, to the end of the sector. */
	for (; index % VHDX_BAT_PER_SECTOR; index++) {
		fake_dev_peek(t->dev, vk_bat_off(&t->spec) + 8 * index, &raw,
			      sizeof(raw));
		if (raw)
			vk_fail(&t->check, "padding %llu has %llx", index,
				le64_to_cpu(raw));
	}
}
