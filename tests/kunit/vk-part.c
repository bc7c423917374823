// SPDX-License-Identifier: GPL-2.0
/* A child whose parent has most of it, and what is done to it. */
#include <linux/slab.h>

#include "vk-part.h"

static void part_make_parent(struct part_test *t)
{
	struct vhdx_header header;
	u32 first = vk_free_mib(&t->spec), i;
	bool damaged;

	t->spec.dev_mib = first + PART_SPACE * PART_BLOCK_MIB;
	t->parent = vk_format(&t->spec);
	t->parent->bdev.bd_dev = MKDEV(240, 241);
	t->parent->fill = PART_OLD;
	t->parent->fill_off = (u64)first << 20;
	for (i = 0; i < PART_PARENT; i++)
		vk_set_bat(t->parent, &t->spec, i, VHDX_BLOCK_FULL,
			   first + i * PART_BLOCK_MIB);
	vk_set_bat(t->parent, &t->spec, PART_CHUNK, VHDX_BLOCK_FULL,
		   first + i * PART_BLOCK_MIB);
	vk_get_header(t->parent, &header, &damaged);
	t->guid = header.data_write_guid;
	t->spec.parent = &t->guid;
}

int part_test_init(struct kunit *test)
{
	struct part_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = PART_BLOCK_MIB,
		.logical = 512,
		.disk_bytes = PART_BLOCKS * (u64)PART_BLOCK_MIB * SZ_1M,
	};
	part_make_parent(t);
	t->dev = vk_format(&t->spec);
	t->dev->parent = t->parent;
	t->dev->fill = PART_FOREIGN;
	t->dev->fill_off = (u64)vk_free_mib(&t->spec) << 20;
	t->buf = kmalloc(SZ_16K, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

void part_test_exit(struct kunit *test)
{
	struct part_test *t = test->priv;
	u32 i;

	if (!t)
		return;
	for (i = 0; i < ARRAY_SIZE(t->more); i++)
		vk_target_drop(&t->more[i]);
	vk_target_free(&t->vkt);
	fake_dev_free(t->other);
	fake_dev_free(t->dev);
	fake_dev_free(t->parent);
	kfree(t->buf);
}

struct vhdx_target *part_start(struct part_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	fake_dev_forget(t->dev);
	return t->vt;
}

int part_write(struct part_test *t, blk_opf_t flags, sector_t sector, u32 sectors)
{
	memset(t->buf, PART_NEW, sectors << SECTOR_SHIFT);
	return vk_guest_io(&t->vkt, REQ_OP_WRITE | flags, sector, sectors,
			   t->buf);
}

/* What a sector holds, if that is one value. */
int part_read_from(struct part_test *t, struct vk_target *vkt, sector_t sector)
{
	memset(t->buf, 0x55, SECTOR_SIZE);
	KUNIT_EXPECT_EQ(t->check.test, 0,
			vk_guest_io(vkt, REQ_OP_READ, sector, 1, t->buf));
	return memchr_inv(t->buf, t->buf[0], SECTOR_SIZE) ? -1 : t->buf[0];
}

int part_read(struct part_test *t, sector_t sector)
{
	return part_read_from(t, &t->vkt, sector);
}

u32 part_state(struct part_test *t, u32 block)
{
	return t->vt->bat[block] & VHDX_E_STATE;
}

/* The first event of a kind from @from on; the number of all if there is none. */
u32 part_event(struct part_test *t, u32 from, enum fake_op op)
{
	u32 i;

	for (i = from; i < t->dev->nr_events; i++)
		if (t->dev->events[i].op == op)
			break;
	return i;
}
