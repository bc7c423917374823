// SPDX-License-Identifier: GPL-2.0
/* VHD images made in memory, and what a disk in one of them reads as. */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "vk-vhd.h"

static const guid_t vhd_test_parent_id = GUID_INIT(0x1, 0x2, 0x3, 4, 5, 6, 7, 8, 9, 10, 11);

static void vhd_test_stamp(u8 *buf, u32 sector, u32 version)
{
	struct vhd_stamp stamp = { .sector = sector, .version = version };

	memset(buf, 0x5a, VHD_SECTOR);
	memcpy(buf, &stamp, sizeof(stamp));
}

/* A block at @place, of which the first @sectors are there. */
static void vhd_test_put_block(struct fake_dev *dev, u8 *buf, u32 block, u32 place,
			       u32 sectors)
{
	u32 i;

	for (i = 0; i < VHD_TEST_SECTORS; i++) {
		vhd_test_stamp(buf, block * VHD_TEST_SECTORS + i, 0);
		fake_dev_poke(dev, (place + 1 + i) * (u64)VHD_SECTOR, buf,
			      VHD_SECTOR);
	}
	memset(buf, 0, VHD_SECTOR);
	vhd_bitmap_set(buf, 0, sectors);
	fake_dev_poke(dev, place * (u64)VHD_SECTOR, buf, VHD_SECTOR);
}

static void vhd_test_put_footers(struct fake_dev *dev, u8 *buf, u32 type)
{
	struct vhd_footer footer = {
		.features = VHD_FEATURES, .version = VHD_VERSION,
		.header_off = VHD_FOOTER_BYTES, .creator_app = "win ",
		.current_bytes = VHD_TEST_DISK * (u64)VHD_SECTOR, .type = type,
	};

	if (type != VHD_TYPE_DIFFERENCING)
		footer.id = vhd_test_parent_id;
	vhd_footer_encode(&footer, buf);
	/* The one at the end was left in the middle when the device was extended. */
	fake_dev_poke(dev, 0, buf, VHD_FOOTER_BYTES);
}

/* Some blocks from block 0 on are there, each with its first @sectors. */
static struct fake_dev *vhd_test_format(u8 *buf, u32 type, u32 blocks, u32 sectors)
{
	struct fake_dev *dev = fake_dev_new(VHD_TEST_FIRST * (u64)SZ_1M);
	struct vhd_header header = {
		.bat_off = VHD_TEST_BAT_OFF, .version = VHD_VERSION,
		.bat_entries = VHD_TEST_ENTRIES, .block_bytes = VHD_TEST_BLOCK,
		.parent_id = vhd_test_parent_id,
	};
	__be32 *bat = (__be32 *)buf;
	u32 i;

	dev->vhd = true;
	dev->logical_bytes = VHD_SECTOR;
	dev->fill = VHD_TEST_FOREIGN;
	dev->fill_off = SZ_4K;
	vhd_test_put_footers(dev, buf, type);
	vhd_header_encode(&header, buf);
	fake_dev_poke(dev, VHD_FOOTER_BYTES, buf, VHD_HEADER_BYTES);
	for (i = 0; i < VHD_TEST_ENTRIES; i++)
		bat[i] = cpu_to_be32(i < blocks ? VHD_TEST_PLACE + i * (VHD_TEST_SECTORS + 1) :
				     i < VHD_TEST_BLOCKS ? VHD_BAT_UNALLOCATED :
				     VHD_TEST_TAIL);
	fake_dev_poke(dev, VHD_TEST_BAT_OFF, buf, VHD_TEST_ENTRIES * 4);
	for (i = 0; i < blocks; i++)
		vhd_test_put_block(dev, buf, i, VHD_TEST_PLACE +
				   i * (VHD_TEST_SECTORS + 1), sectors);
	return dev;
}

/**
 * vhd_test_init() - a suite's init: a dynamic image
 * @test: KUnit's
 *
 * Return: 0 or -ENOMEM.
 */
int vhd_test_init(struct kunit *test)
{
	struct vhd_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->buf = kmalloc(FAKE_BIO_SECTORS * VHD_SECTOR, GFP_KERNEL);
	t->raw = kmalloc(SZ_4K, GFP_KERNEL);
	t->durable = vzalloc(VHD_TEST_DISK * sizeof(u32));
	t->latest = vzalloc(VHD_TEST_DISK * sizeof(u32));
	t->block = vmalloc((1 + VHD_TEST_SECTORS) * VHD_SECTOR);
	if (!t->buf || !t->raw || !t->block || !t->durable || !t->latest)
		return -ENOMEM;
	t->dev = vhd_test_format(t->raw, VHD_TYPE_DYNAMIC, 1, VHD_TEST_SECTORS / 2);
	return 0;
}

/**
 * vhd_test_exit() - a suite's exit
 * @test: KUnit's
 */
void vhd_test_exit(struct kunit *test)
{
	struct vhd_test *t = test->priv;

	if (!t)
		return;
	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
	vfree(t->durable);
	vfree(t->latest);
	vfree(t->block);
	kfree(t->buf);
	kfree(t->raw);
}

/**
 * vhd_test_add_parent() - a differencing image instead, whose parent has most of it
 * @t: the test
 */
void vhd_test_add_parent(struct vhd_test *t)
{
	fake_dev_free(t->dev);
	t->parent = vhd_test_format(t->raw, VHD_TYPE_DYNAMIC, VHD_TEST_BLOCKS - 20,
				    VHD_TEST_SECTORS - 3);
	t->parent->bdev.bd_dev = MKDEV(240, 241);
	t->dev = vhd_test_format(t->raw, VHD_TYPE_DIFFERENCING, 1,
				 VHD_TEST_SECTORS / 2);
	t->dev->parent = t->parent;
}

/**
 * vhd_test_start() - a target, resumed
 * @t: the test
 */
void vhd_test_start(struct vhd_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
}

/**
 * vhd_test_write() - write the next versions of some sectors, and wait for it
 * @t: the test
 * @flags: REQ_FUA or 0
 * @sector: of the disk
 * @sectors: within a block
 *
 * Return: 0 or a negative errno.
 */
int vhd_test_write(struct vhd_test *t, blk_opf_t flags, u32 sector, u32 sectors)
{
	u32 i;
	int r;

	for (i = 0; i < sectors; i++)
		vhd_test_stamp(t->buf + i * VHD_SECTOR, sector + i,
			       ++t->latest[sector + i]);
	r = vk_guest_io(&t->vkt, REQ_OP_WRITE | flags, sector, sectors, t->buf);
	for (i = 0; !r && (flags & REQ_FUA) && i < sectors; i++)
		t->durable[sector + i] = t->latest[sector + i];
	return r;
}

/* Which version of a sector that was never written: it may be a parent's. */
static bool vhd_test_is_old(struct vhd_test *t, u32 sector, const u8 *data)
{
	u32 block = sector / VHD_TEST_SECTORS, within = sector % VHD_TEST_SECTORS;
	bool there = !block && within < VHD_TEST_SECTORS / 2;

	if (t->parent)
		there |= block < VHD_TEST_BLOCKS - 20 &&
			 within < VHD_TEST_SECTORS - 3;
	if (!there)
		return !memchr_inv(data, 0, VHD_SECTOR);
	vhd_test_stamp(t->raw + SZ_2K, sector, 0);
	return !memcmp(data, t->raw + SZ_2K, VHD_SECTOR);
}

/* Is it a version from @from to @to? */
static bool vhd_test_fits(struct vhd_test *t, u32 sector, const u8 *data, u32 from,
			  u32 to)
{
	const struct vhd_stamp *stamp = (const void *)data;

	if (!from && vhd_test_is_old(t, sector, data))
		return true;
	return stamp->sector == sector && stamp->version && stamp->version >= from &&
	       stamp->version <= to && data[VHD_SECTOR - 1] == 0x5a;
}

/**
 * vhd_test_check() - see that a disk reads as was written
 * @t: the test
 * @sector: of the disk
 * @sectors: within a block
 */
void vhd_test_check(struct vhd_test *t, u32 sector, u32 sectors)
{
	int r;

	/* One by one: what lies together may be less than that. */
	for (; sectors--; sector++) {
		u32 version = t->latest[sector];

		r = vk_guest_io(&t->vkt, REQ_OP_READ, sector, 1, t->buf);
		if (r)
			vk_fail(&t->check, "sector %u cannot be read: %d", sector,
				r);
		else if (!vhd_test_fits(t, sector, t->buf, version, version))
			vk_fail(&t->check, "sector %u reads wrong: %02x, version %u",
				sector, t->buf[VHD_SECTOR - 1], version);
	}
}

/**
 * vhd_test_entry() - what the BAT on a device has of a block
 * @t: the test
 * @dev: the device
 * @block: the block
 *
 * Return: the entry.
 */
u32 vhd_test_entry(struct vhd_test *t, struct fake_dev *dev, u32 block)
{
	u64 off = VHD_TEST_BAT_OFF + block * 4ULL;
	__be32 *bat = (__be32 *)t->raw;

	fake_dev_peek(dev, round_down(off, VHD_SECTOR), bat, VHD_SECTOR);
	return be32_to_cpu(bat[off % VHD_SECTOR / 4]);
}

/* A block as somebody else would read it. */
static void vhd_test_judge_block(struct vhd_test *t, struct fake_dev *dev,
				 u32 block)
{
	u32 place = vhd_test_entry(t, dev, block), i;

	if (place != VHD_BAT_UNALLOCATED)
		fake_dev_peek(dev, place * (u64)VHD_SECTOR, t->block,
			      (1 + VHD_TEST_SECTORS) * VHD_SECTOR);
	for (i = 0; i < VHD_TEST_SECTORS; i++) {
		u32 sector = block * VHD_TEST_SECTORS + i;
		u32 from = t->durable[sector], to = t->latest[sector];
		const u8 *data = t->block + (1 + i) * VHD_SECTOR;

		if (place == VHD_BAT_UNALLOCATED ||
		    !vhd_bitmap_test(t->block, i)) {
			if (from)
				vk_fail(&t->check, "sector %u is lost, version %u",
					sector, from);
		} else if (!vhd_test_fits(t, sector, data, from, to)) {
			vk_fail(&t->check, "sector %u has sector %u version %u %02x, not versions %u to %u",
				sector, ((const struct vhd_stamp *)data)->sector,
				((const struct vhd_stamp *)data)->version,
				data[VHD_SECTOR - 1], from, to);
		}
	}
}

/* Is there a footer, and the same that was there? */
static bool vhd_test_has_footer(struct vhd_test *t, struct fake_dev *dev)
{
	fake_dev_peek(dev, 0, t->raw, VHD_FOOTER_BYTES);
	fake_dev_peek(dev, dev->bytes - VHD_FOOTER_BYTES, t->raw + VHD_SECTOR,
		      VHD_FOOTER_BYTES);
	return vhd_footer_valid(t->raw) || vhd_footer_valid(t->raw + VHD_SECTOR);
}

/**
 * vhd_test_judge() - see that an image is one that a power cut may leave
 * @t: the test
 * @dev: its device
 */
void vhd_test_judge(struct vhd_test *t, struct fake_dev *dev)
{
	u32 block;

	t->check.crashes++;
	if (!vhd_test_has_footer(t, dev))
		vk_fail(&t->check, "no footer");
	for (block = 0; block < VHD_TEST_BLOCKS && !t->check.failed; block++)
		vhd_test_judge_block(t, dev, block);
	for (; block < VHD_TEST_ENTRIES && !t->check.failed; block++)
		if (vhd_test_entry(t, dev, block) != VHD_TEST_TAIL)
			vk_fail(&t->check, "entry %u has changed", block);
}

/**
 * vhd_test_hook() - a device's hook: now and then, power fails
 * @dev: the device
 * @event: what has just happened
 */
void vhd_test_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct vhd_test *t = dev->hook_arg;
	struct fake_dev *crash;

	if (t->check.failed || vk_rnd(&t->check.rnd, t->crash_part))
		return;
	crash = fake_dev_crash(dev, &t->check.rnd);
	vhd_test_judge(t, crash);
	fake_dev_free(crash);
}
