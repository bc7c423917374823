// SPDX-License-Identifier: GPL-2.0
/* An image whose blocks can move, and what is done to it. */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "vk-move.h"

u32 move_place(const struct move_test *t, u32 block)
{
	return t->first + (block + 1) * MOVE_BLOCK_MIB;
}

void move_fill(struct move_test *t, u32 block)
{
	u8 *data = kvmalloc(MOVE_BLOCK_MIB * SZ_1M, GFP_KERNEL | __GFP_NOFAIL);

	memset(data, block == MOVE_ZEROED ? 0 : MOVE_OLD + block,
	       MOVE_BLOCK_MIB * SZ_1M);
	vk_set_bat(t->dev, &t->spec, block, VHDX_BLOCK_FULL,
		   move_place(t, block));
	fake_dev_poke(t->dev, (u64)move_place(t, block) << 20, data,
		      MOVE_BLOCK_MIB * SZ_1M);
	kvfree(data);
}

int move_test_init(struct kunit *test)
{
	struct move_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 i;

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.log_mib = 1, .bat_mib = 1, .block_mib = MOVE_BLOCK_MIB,
		.logical = 512,
		.disk_bytes = MOVE_BLOCKS * MOVE_BLOCK_MIB * (u64)SZ_1M,
	};
	t->first = vk_free_mib(&t->spec);
	t->spec.dev_mib = t->first + (MOVE_PRESENT + 2) * MOVE_BLOCK_MIB;
	t->dev = vk_format(&t->spec);
	t->dev->fill = MOVE_FOREIGN;
	t->dev->fill_off = (u64)t->first * SZ_1M;
	for (i = 0; i < MOVE_PRESENT; i++)
		move_fill(t, i);
	t->buf = kmalloc(SZ_16K, GFP_KERNEL);
	return t->buf ? 0 : -ENOMEM;
}

void move_test_exit(struct kunit *test)
{
	struct move_test *t = test->priv;

	clear_thread_flag(TIF_SIGPENDING);
	if (!t)
		return;
	t->dev->hook = NULL;
	fake_kernel_run();
	/* Whatever became of a move, nothing is left of it. */
	if (t->vkt.vt) {
		KUNIT_EXPECT_EQ(test, t->vkt.vt->moving, VHDX_NO_BLOCK);
		KUNIT_EXPECT_EQ(test, t->vkt.vt->move_mib, 0);
		KUNIT_EXPECT_FALSE(test, t->vkt.vt->move_busy);
	}
	while (t->nr_bios)
		fake_bio_free(t->bios[--t->nr_bios]);
	vk_target_free(&t->vkt);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	fake_dev_free(t->dev);
	kfree(t->buf);
}

static void move_hook(struct fake_dev *dev, const struct fake_event *event)
{
	struct move_test *t = dev->hook_arg;
	void (*during)(struct move_test *t) = t->during;

	if (!during || event->op != FAKE_WRITE || event->off != t->at)
		return;
	t->during = NULL;
	during(t);
}

int move_do(struct move_test *t, u32 block, bool zeros)
{
	return vk_target_move(&t->vkt, block, zeros, t->answer,
			      sizeof(t->answer));
}

struct vhdx_target *move_start(struct move_test *t)
{
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_new(&t->vkt, t->dev, 0));
	t->vt = t->vkt.vt;
	/* Not resumed yet. */
	KUNIT_EXPECT_EQ(t->check.test, -EAGAIN, move_do(t, 5, false));
	KUNIT_ASSERT_EQ(t->check.test, 0, vk_target_resume(&t->vkt));
	t->taken = t->vt->image.space.taken;
	t->dev->hook = move_hook;
	t->dev->hook_arg = t;
	t->at = (u64)t->first << 20;
	fake_dev_forget(t->dev);
	return t->vt;
}

struct fake_bio *move_send(struct move_test *t, blk_opf_t opf,
				  sector_t sector, u32 sectors)
{
	bool data = bio_op(&(struct bio){ .bi_opf = opf }) == REQ_OP_WRITE ||
		    bio_op(&(struct bio){ .bi_opf = opf }) == REQ_OP_READ;
	struct fake_bio *fbio = fake_bio_new(opf, VK_BEGIN + sector,
					     data ? sectors : 0);

	if (data)
		memset(fake_bio_data(fbio), MOVE_NEW, sectors << SECTOR_SHIFT);
	else
		fbio->bio.bi_iter.bi_size = sectors << SECTOR_SHIFT;
	t->bios[t->nr_bios++] = fbio;
	vk_guest_submit(&t->vkt, fbio);
	return fbio;
}

/* What 4 KiB of the disk hold, if that is one value. */
int move_read(struct move_test *t, sector_t sector)
{
	memset(t->buf, 0x55, 4096);
	KUNIT_EXPECT_EQ(t->check.test, 0,
			vk_guest_io(&t->vkt, REQ_OP_READ, sector, 8, t->buf));
	return memchr_inv(t->buf, t->buf[0], 4096) ? -1 : t->buf[0];
}

int move_write(struct move_test *t, sector_t sector)
{
	memset(t->buf, MOVE_NEW, 4096);
	return vk_guest_io(&t->vkt, REQ_OP_WRITE, sector, 8, t->buf);
}

sector_t move_sector(u32 block)
{
	return (sector_t)block * MOVE_BLOCK_SECTORS;
}

/* Its first and its last 4 KiB. */
void move_expect(struct move_test *t, u32 block, u32 mib, int content)
{
	KUNIT_EXPECT_EQ(t->check.test, mib, vhdx_e_mib(t->vt->bat[block]));
	KUNIT_EXPECT_EQ(t->check.test, content, move_read(t, move_sector(block)));
	KUNIT_EXPECT_EQ(t->check.test, content,
			move_read(t, move_sector(block + 1) - 8));
}

/* Nothing is left of a move, and all space is a block's. */
void move_settled(struct move_test *t, u32 taken)
{
	struct vhdx_target *vt = t->vt;

	fake_kernel_run();
	KUNIT_EXPECT_EQ(t->check.test, 0, vk_guest_flush(&t->vkt));
	fake_kernel_run();
	KUNIT_EXPECT_EQ(t->check.test, vt->moving, VHDX_NO_BLOCK);
	KUNIT_EXPECT_EQ(t->check.test, vt->nr_preparing, 0U);
	KUNIT_EXPECT_EQ(t->check.test, vt->nr_dirty, 0U);
	KUNIT_EXPECT_EQ(t->check.test, vt->limbo_mib, 0U);
	KUNIT_EXPECT_EQ(t->check.test, vt->image.space.taken, taken);
	KUNIT_EXPECT_TRUE(t->check.test, bio_list_empty(&vt->move_waiting));
	KUNIT_EXPECT_EQ(t->check.test, fake.allocated, 0U);
}

/* It is tried, and nothing has changed. */
void move_stays(struct move_test *t, int r)
{
	struct kunit *test = t->check.test;

	KUNIT_EXPECT_EQ(test, r, move_do(t, 5, false));
	KUNIT_EXPECT_STREQ(test, t->answer, "");
	KUNIT_EXPECT_TRUE(test, !t->during);
	KUNIT_EXPECT_EQ(test, t->vt->moving, VHDX_NO_BLOCK);
	KUNIT_EXPECT_FALSE(test, t->vt->bat[5] & VHDX_E_PENDING);
	KUNIT_EXPECT_EQ(test, vhdx_e_mib(t->vt->bat[5]), move_place(t, 5));
}

/* The first event of a kind from @from on; the number of all if there is none. */
u32 move_event(struct move_test *t, u32 from, enum fake_op op, u32 mib)
{
	u32 i;

	for (i = from; i < t->dev->nr_events; i++)
		if (t->dev->events[i].op == op &&
		    (!mib || t->dev->events[i].off >> 20 == mib))
			break;
	return i;
}
