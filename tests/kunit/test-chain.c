// SPDX-License-Identifier: GPL-2.0
/* Chains of images: what a table may name as parents, and how it finds them again. */
#include <linux/sizes.h>
#include <linux/slab.h>

#include "vk-image.h"

#define CHAIN_LAYERS	3U		/* the leaf first */
#define CHAIN_BLOCKS	8U

/**
 * struct chain_test - a test
 * @check: its random numbers, and whether it has failed
 * @spec: of all images
 * @guid: the layers' DataWriteGuids
 * @devs: their devices, 7:0 and so on
 * @vkts: two targets
 * @table: of the mapped device
 * @mds: mapped devices known before the test
 * @line: for table lines
 * @buf: of VHDX_SECTOR bytes
 */
struct chain_test {
	struct vk_check check;
	struct vk_spec spec;
	guid_t guid[CHAIN_LAYERS];
	struct fake_dev *devs[CHAIN_LAYERS];
	struct vk_target vkts[2];
	unsigned long table;
	unsigned int mds;
	char *line;
	u8 *buf;
};

#define CHAIN_LINE	SZ_8K

/* Block i of layer i is there, and full of 0x10 and i. */
static void chain_format(struct chain_test *t, u32 layer)
{
	u32 mib = vk_free_mib(&t->spec);
	struct vhdx_header header;
	struct fake_dev *dev;
	bool damaged;

	t->spec.parent = layer + 1 < CHAIN_LAYERS ? &t->guid[layer + 1] : NULL;
	dev = vk_format(&t->spec);
	dev->bdev.bd_dev = MKDEV(7, layer);
	dev->fill = 0x10 + layer;
	dev->fill_off = (u64)mib << 20;
	vk_set_bat(dev, &t->spec, layer, VHDX_BLOCK_FULL, mib);
	vk_get_header(dev, &header, &damaged);
	t->guid[layer] = header.data_write_guid;
	t->devs[layer] = dev;
}

static int chain_test_init(struct kunit *test)
{
	static const char * const paths[] = { "7:0", "7:1", "7:2" };
	struct chain_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	u32 i;

	if (!t)
		return -ENOMEM;
	test->priv = t;
	vk_check_init(&t->check, test);
	t->spec = (struct vk_spec) {
		.dev_mib = 16, .log_mib = 1, .bat_mib = 1, .block_mib = 1,
		.logical = 512, .disk_bytes = CHAIN_BLOCKS * SZ_1M,
	};
	for (i = CHAIN_LAYERS; i--;)
		chain_format(t, i);
	for (i = 0; i < CHAIN_LAYERS; i++)
		fake_path_add(paths[i], t->devs[i]);
	t->line = kmalloc(CHAIN_LINE, GFP_KERNEL);
	t->buf = kmalloc(VHDX_SECTOR, GFP_KERNEL);
	t->mds = fake_md_count();
	t->table = fake_md_new();
	return t->line && t->buf ? 0 : -ENOMEM;
}

static void chain_test_exit(struct kunit *test)
{
	struct chain_test *t = test->priv;
	u32 i;

	if (!t)
		return;
	/* First, so that nobody remembers it. */
	fake_md_remove(t->table);
	for (i = 0; i < ARRAY_SIZE(t->vkts); i++)
		vk_target_drop(&t->vkts[i]);
	KUNIT_EXPECT_EQ(test, fake.allocated, 0);
	for (i = 0; i < CHAIN_LAYERS; i++) {
		KUNIT_EXPECT_EQ(test, 0, fake.paths[i].opened);
		fake_dev_free(t->devs[i]);
	}
	kfree(t->line);
	kfree(t->buf);
}

static int chain_make(struct chain_test *t, const char *line)
{
	vk_target_drop(&t->vkts[0]);
	return vk_target_ctr(&t->vkts[0], t->devs[0], t->table, line);
}

/* @message: the end of what the kernel log has; NULL: nothing */
static void chain_expect_refused(struct chain_test *t, const char *line, int r,
				 const char *sentence, const char *message)
{
	struct kunit *test = t->check.test;
	u32 i;

	fake.messages = 0;
	fake.message[0] = '\0';
	KUNIT_EXPECT_EQ(test, r, chain_make(t, line));
	KUNIT_ASSERT_NOT_NULL(test, t->vkts[0].ti.error);
	KUNIT_EXPECT_STREQ(test, t->vkts[0].ti.error, sentence);
	KUNIT_EXPECT_EQ(test, !message, !fake.messages);
	if (message && !strstr(fake.message, message))
		vk_fail(&t->check, "%s: not: %s", fake.message, message);
	for (i = 0; i < CHAIN_LAYERS; i++)
		KUNIT_EXPECT_EQ(test, 0, fake.paths[i].opened);
}

/* Each block is a layer's; and what none has reads as zeros. */
static void chain_expect_data(struct chain_test *t, u32 slot)
{
	struct kunit *test = t->check.test;
	u32 block;

	for (block = 0; block < CHAIN_BLOCKS; block++) {
		u8 fill = block < CHAIN_LAYERS ? 0x10 + block : 0;

		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[slot], REQ_OP_READ,
						     block * 2048 + 1000, 8, t->buf));
		KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, fill,
							   VHDX_SECTOR));
	}
}

struct chain_seen {
	u32 count;
	const char *names[4];
	sector_t start;
	sector_t len[4];
	int r;
};

static int chain_see(struct dm_target *ti, struct dm_dev *dev, sector_t start,
		     sector_t len, void *data)
{
	struct chain_seen *seen = data;

	seen->start |= start;
	seen->len[seen->count] = len;
	seen->names[seen->count++] = dev->name;
	return seen->count == 2 ? seen->r : 0;
}

/* A chain is what the table says, in that order, and dm is told of all of it. */
static void chain_named(struct kunit *test)
{
	static const char table[] = "7:0 4 parent 7:1 parent 7:2";
	struct chain_test *t = test->priv;
	struct chain_seen seen = {};
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, chain_make(t, table));
	for (i = 0; i < CHAIN_LAYERS; i++) {
		KUNIT_EXPECT_EQ(test, 1, fake.paths[i].opened);
		KUNIT_EXPECT_EQ(test, !i, !!(fake.paths[i].mode & BLK_OPEN_WRITE));
		t->devs[i]->bdev.bd_nr_sectors = 32768 + 8 * i + 3;
	}
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, t->line, CHAIN_LINE);
	KUNIT_EXPECT_STREQ(test, t->line, table);
	vk_target_status_as(&t->vkts[0], STATUSTYPE_IMA, t->line, CHAIN_LINE);
	KUNIT_EXPECT_STREQ(test, t->line,
			   "target_name=vhdx,target_version=1.8.0,device_name=7:0,read_only=n,error_if_no_space=n,no_unmap=n,no_discard=n,no_discard_passdown=n,commit_interval=1000,idle_close=5000,ignore_parent_id=n,parent_0=7:1,parent_1=7:2;");
	KUNIT_EXPECT_EQ(test, 0, vk_target_iterate(&t->vkts[0], chain_see, &seen));
	KUNIT_EXPECT_EQ(test, seen.count, CHAIN_LAYERS);
	KUNIT_EXPECT_EQ(test, seen.start, 0);
	for (i = 0; i < CHAIN_LAYERS; i++) {
		KUNIT_EXPECT_EQ(test, seen.names[i][2], '0' + i);
		KUNIT_EXPECT_EQ(test, seen.len[i], 32768 + 8 * i);
	}
	seen = (struct chain_seen){ .r = -EIO };
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_iterate(&t->vkts[0], chain_see, &seen));
	KUNIT_EXPECT_EQ(test, seen.count, 2);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	chain_expect_data(t, 0);
	vk_target_suspend(&t->vkts[0], false);
}

static void chain_refused(struct kunit *test)
{
	struct chain_test *t = test->priv;

	chain_expect_refused(t, "7:0", -EINVAL, "a differencing image needs its parents",
			     "a differencing image needs its parents: attach it with 'vhdx attach', which finds them\n");
	chain_expect_refused(t, "7:0 2 parent 7:1", -EINVAL,
			     "a differencing image needs its parents",
			     "fake: layer 1: a differencing image needs its parents: ");
	chain_expect_refused(t, "7:0 6 parent 7:1 parent 7:2 parent 7:1", -EINVAL,
			     "this is no differencing image, so it has no parent",
			     "fake: layer 3: ");
	chain_expect_refused(t, "7:0 4 parent 7:1 parent 7:1", -ELOOP,
			     "the chain of parents leads back to itself",
			     "fake: layer 2: the chain of parents leads back to itself: name the right parent\n");
	chain_expect_refused(t, "7:0 4 parent 7:2 parent 7:1", -EINVAL,
			     "the parent is not what the child was made from, or has changed since",
			     "fake: layer 1: ");
	/* Whoever asks for it gets it: then it has a parent too few, or too many. */
	chain_expect_refused(t, "7:0 5 ignore_parent_id parent 7:2 parent 7:1", -EINVAL,
			     "this is no differencing image, so it has no parent",
			     "fake: layer 2: ");
	KUNIT_EXPECT_EQ(test, 0, chain_make(t, "7:0 3 ignore_parent_id parent 7:2"));
}

/* The leaf itself, under another name. */
static void chain_loop(struct kunit *test)
{
	struct chain_test *t = test->priv;
	guid_t guid = t->guid[0];

	/* It is its own parent. */
	fake_dev_free(t->devs[1]);
	t->guid[2] = guid;
	t->devs[1] = t->devs[2];
	t->devs[2] = NULL;
	fake.paths[1].dev = t->devs[0];
	fake.read_only = true;
	chain_expect_refused(t, "7:0 3 ignore_parent_id parent 7:1", -ELOOP,
			     "the chain of parents leads back to itself",
			     "fake: layer 1: ");
	fake.read_only = false;
	chain_expect_refused(t, "7:0 3 ignore_parent_id parent 7:1", -EBUSY,
			     "A parent is mapped for writing",
			     "fake, a parent of fake, is mapped for writing: remove that mapping\n");
}

static void chain_devices(struct kunit *test)
{
	struct chain_test *t = test->priv;

	chain_expect_refused(t, "7:0 2 parent 7:9", -ENODEV,
			     "A parent's device cannot be opened",
			     "parent 1 of fake: 7:9 cannot be opened (-19)\n");
	fake.paths[2].r = -EBUSY;
	chain_expect_refused(t, "7:0 4 parent 7:1 parent 7:2", -EBUSY,
			     "A parent's device is in use",
			     "parent 2 of fake: 7:2 cannot be opened (-16)\n");
	fake.paths[2].r = 0;
	t->devs[2]->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, chain_make(t, "7:0 4 parent 7:1 parent 7:2"));
	/* A parent that somebody else writes. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_new(&t->vkts[1], t->devs[2], 0));
	chain_expect_refused(t, "7:0 4 parent 7:1 parent 7:2", -EBUSY,
			     "A parent is mapped for writing",
			     "fake, a parent of fake, is mapped for writing: remove that mapping\n");
	vk_target_free(&t->vkts[1]);
	/* And nobody writes one that somebody has as a parent. */
	KUNIT_ASSERT_EQ(test, 0, chain_make(t, "7:0 4 parent 7:1 parent 7:2"));
	KUNIT_EXPECT_EQ(test, -EBUSY, vk_target_new(&t->vkts[1], t->devs[2], 0));
	vk_target_free(&t->vkts[1]);
}

/* All the options, and so many parents. */
static void chain_line(struct chain_test *t, u32 words, u32 parents)
{
	u32 used;

	used = scnprintf(t->line, CHAIN_LINE,
			 "7:0 %u read_only no_unmap no_discard no_discard_passdown error_if_no_space ignore_parent_id commit_interval 1 idle_close 1 zeroed_from 1",
			 words);
	while (parents--)
		used += scnprintf(t->line + used, CHAIN_LINE - used, " parent 7:2");
}

/* The longest line there is, and longer ones. */
static void chain_longest(struct kunit *test)
{
	struct chain_test *t = test->priv;

	chain_line(t, 12 + 2 * 255, 255);
	chain_expect_refused(t, t->line, -EINVAL,
			     "this is no differencing image, so it has no parent",
			     "fake: layer 2: this is no differencing image, so it has no parent: name no parent for it\n");
	chain_line(t, 12 + 2 * 256, 256);
	chain_expect_refused(t, t->line, -ELOOP,
			     "A chain has 256 images at most: merge some of them first",
			     NULL);
	chain_line(t, 12 + 2 * 256 + 1, 256);
	strcat(t->line, " read_only");
	chain_expect_refused(t, t->line, -EINVAL,
			     "Invalid number of optional arguments", NULL);
	chain_line(t, 12 + 2 * 257, 257);
	chain_expect_refused(t, t->line, -EINVAL,
			     "Invalid number of optional arguments", NULL);
}

/* Somebody has written to a parent between suspend and resume. */
static void chain_changed(struct kunit *test)
{
	struct chain_test *t = test->priv;
	struct vhdx_header header;
	struct vhdx_layer *was;
	bool damaged, changed;
	u32 layer;

	KUNIT_ASSERT_EQ(test, 0, chain_make(t, "7:0 4 parent 7:1 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	for (layer = 1; layer < CHAIN_LAYERS; layer++) {
		vk_target_suspend(&t->vkts[0], false);
		KUNIT_EXPECT_EQ(test, 0, vhdx_chain_changed(t->vkts[0].vt, &changed));
		KUNIT_EXPECT_FALSE(test, changed);
		was = t->vkts[0].vt->chain->parents[layer - 1].layer;
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
		KUNIT_EXPECT_PTR_EQ(test, was, t->vkts[0].vt->chain->parents[layer - 1].layer);
		vk_target_suspend(&t->vkts[0], false);
		vk_get_header(t->devs[layer], &header, &damaged);
		header.sequence += 2;
		guid_gen(&header.file_write_guid);
		vk_set_header(t->devs[layer], &header);
		vk_set_bat(t->devs[layer], &t->spec, 5 + layer, VHDX_BLOCK_FULL, 10);
		KUNIT_EXPECT_EQ(test, 0, vhdx_chain_changed(t->vkts[0].vt, &changed));
		KUNIT_EXPECT_TRUE(test, changed);
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
		KUNIT_EXPECT_EQ(test, t->vkts[0].vt->chain->nr_bad, 0);
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_READ,
						     (5 + layer) * 2048, 8, t->buf));
		KUNIT_EXPECT_EQ(test, t->buf[0], 0x10 + layer);
		/* One that cannot be read is a failure. */
		vk_target_suspend(&t->vkts[0], false);
		t->devs[layer]->fail_in[FAKE_READ] = 1;
		KUNIT_EXPECT_EQ(test, -EIO, vk_target_resume(&t->vkts[0]));
		KUNIT_EXPECT_STREQ(test, vhdx_mode_name(t->vkts[0].vt->mode), "fail");
		KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	}
	vk_target_suspend(&t->vkts[0], false);
}

/* A table that waits for its turn has the parent as it was, and is not to keep it. */
static void chain_changed_twice(struct kunit *test)
{
	static const char line[] = "7:0 4 parent 7:1 parent 7:2";
	struct chain_test *t = test->priv;
	struct vhdx_header header;
	bool damaged;

	KUNIT_ASSERT_EQ(test, 0, chain_make(t, line));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(&t->vkts[1], t->devs[0], t->table + 1,
					       line));
	KUNIT_EXPECT_PTR_EQ(test, t->vkts[0].vt->chain->parents[1].layer,
			    t->vkts[1].vt->chain->parents[1].layer);
	vk_get_header(t->devs[2], &header, &damaged);
	header.sequence += 2;
	guid_gen(&header.file_write_guid);
	vk_set_header(t->devs[2], &header);
	vk_set_bat(t->devs[2], &t->spec, 6, VHDX_BLOCK_FULL, 10);
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	KUNIT_EXPECT_PTR_NE(test, t->vkts[0].vt->chain->parents[1].layer,
			    t->vkts[1].vt->chain->parents[1].layer);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[1], REQ_OP_READ, 6 * 2048, 8,
					     t->buf));
	KUNIT_EXPECT_EQ(test, t->buf[0], 0x12);
	vk_target_suspend(&t->vkts[1], false);
}

/* Once a block is begun, and its bits are in core, map sends what is written to it on. */
static void chain_costs(struct kunit *test)
{
	struct chain_test *t = test->priv;
	struct vhdx_target *vt;
	u64 deferred, commits;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, chain_make(t, "7:0 4 parent 7:1 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vt = t->vkts[0].vt;
	memset(t->buf, 0x55, VHDX_SECTOR);
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE,
						     2048 + 8 * i, 8, t->buf));
	deferred = vhdx_stat(&vt->stats, VHDX_STAT_DEFERRED);
	commits = vhdx_stat(&vt->stats, VHDX_STAT_COMMITS);
	for (i = 2; i < 6; i++)
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE,
						     2048 + 16 * i, 8, t->buf));
	/* The parent's next one, too: its bits are beside those. */
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE, 2 * 2048, 8,
					     t->buf));
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_DEFERRED), deferred);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_COMMITS), commits);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_ALLOCATED), 2);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_BITMAPS), 1);
	/* In the end all of the block is here. */
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_FILLED), 0);
	for (i = 0; i < 2048; i += 8)
		KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE,
						     2048 + i, 8, t->buf));
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_FILLED), 1);
	KUNIT_EXPECT_TRUE(test, vhdx_e_present(vt->bat[1]));
	vk_target_suspend(&t->vkts[0], false);
}

/* A block that a parent has needs space of its own: it waits for some, or fails. */
static void chain_no_room(struct kunit *test)
{
	struct chain_test *t = test->priv;
	struct fake_bio *fbio;
	struct vhdx_target *vt;
	u32 mib;

	KUNIT_ASSERT_EQ(test, 0, chain_make(t, "7:0 4 parent 7:1 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vt = t->vkts[0].vt;
	for (mib = 1; mib < vt->image.space.size; mib++)
		vhdx_space_claim(&vt->image.space, mib, 1);
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 2048 + 16, 8);
	memset(fake_bio_data(fbio), 0x99, VHDX_SECTOR);
	vk_guest_submit(&t->vkts[0], fbio);
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, fbio->done);
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	KUNIT_EXPECT_FALSE(test, vt->no_place.lacking);
	KUNIT_EXPECT_EQ(test, vhdx_stat(&vt->stats, VHDX_STAT_NO_ROOM), 1);
	/* In vain. */
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_FALSE(test, fbio->done);
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	/* The bitmap, and the block. */
	t->devs[0]->bytes += 2 * SZ_1M;
	fake_kernel_fire();
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, 0, fbio->status);
	KUNIT_EXPECT_FALSE(test, vt->no_room.lacking);
	fake_bio_free(fbio);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_READ, 2048 + 16, 8,
					     t->buf));
	KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0x99, VHDX_SECTOR));
	vt->no_room.fail_at_once = true;
	KUNIT_EXPECT_EQ(test, -ENOSPC, vk_guest_io(&t->vkts[0], REQ_OP_WRITE,
						   2 * 2048, 8, t->buf));
	KUNIT_EXPECT_TRUE(test, vt->no_room.lacking);
	/* Space that is about to be free is waited for, whatever the table says. */
	vt->limbo_mib++;
	fbio = fake_bio_new(REQ_OP_WRITE, VK_BEGIN + 2 * 2048, 8);
	vk_guest_submit(&t->vkts[0], fbio);
	while (fake_kernel_step(false) && bio_list_empty(&vt->starved))
		;
	KUNIT_EXPECT_FALSE(test, fbio->done);
	vt->limbo_mib--;
	fake_kernel_run();
	vk_target_message(&t->vkts[0], "commit");
	fake_kernel_run();
	KUNIT_EXPECT_TRUE(test, fbio->done);
	KUNIT_EXPECT_EQ(test, -ENOSPC, fbio->status);
	fake_bio_free(fbio);
	vk_target_suspend(&t->vkts[0], false);
}

/*
 * A table that is to be the live one's child waits for it, but what can be said of the leaf
 * is said at once: dm asks for the limits before it lets the table look again.
 */
static void chain_leaf_judged(struct kunit *test)
{
	static const char line[] = "7:0 4 parent 7:1 parent 7:2";
	struct chain_test *t = test->priv;
	struct vk_target *vkt = &t->vkts[1];
	u8 magic = 0;

	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(&t->vkts[0], t->devs[1], t->table,
					       "7:1 2 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(vkt, t->devs[0], t->table + 1, line));
	KUNIT_EXPECT_FALSE(test, vkt->vt->image.loaded);
	KUNIT_EXPECT_EQ(test, vkt->vt->user.limits.logical, 512);
	vk_target_drop(vkt);
	/* It cannot be read; that passes. */
	t->devs[0]->fail_in[FAKE_READ] = 1;
	KUNIT_EXPECT_EQ(test, -EIO, vk_target_ctr(vkt, t->devs[0], t->table + 1, line));
	vk_target_drop(vkt);
	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(vkt, t->devs[0], t->table + 1, line));
	vk_target_drop(vkt);
	/* It is no image. */
	fake_dev_poke(t->devs[0], 0, &magic, 1);
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_ctr(vkt, t->devs[0], t->table + 1, line));
	KUNIT_ASSERT_NOT_NULL(test, vkt->ti.error);
	vk_target_drop(vkt);
	vk_target_suspend(&t->vkts[0], false);
}

/*
 * A session that cannot be closed leaves overwrites that no flush has covered, and the next
 * table flushes its own leaf.
 */
static void chain_not_closed(struct kunit *test)
{
	struct chain_test *t = test->priv;
	struct fake_dev *crash;

	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(&t->vkts[0], t->devs[1], t->table,
					       "7:1 2 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	memset(t->buf, 0x99, VHDX_SECTOR);
	/* There is something to be applied. */
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE, 5 * 2048, 8, t->buf));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_io(&t->vkts[0], REQ_OP_WRITE, 2048, 8, t->buf));
	t->devs[1]->fail_in[FAKE_WRITE] = 1;
	vk_target_suspend(&t->vkts[0], false);
	KUNIT_EXPECT_EQ(test, t->vkts[0].vt->mode, VHDX_MODE_RO);
	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(&t->vkts[1], t->devs[0], t->table + 1,
					       "7:0 5 ignore_parent_id parent 7:1 parent 7:2"));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[1]));
	vk_target_drop(&t->vkts[0]);
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[1]));
	crash = fake_dev_bare(t->devs[1]);
	fake_dev_peek(crash, (u64)vk_free_mib(&t->spec) << 20, t->buf, VHDX_SECTOR);
	KUNIT_EXPECT_PTR_EQ(test, NULL, memchr_inv(t->buf, 0x99, VHDX_SECTOR));
	fake_dev_free(crash);
	vk_target_suspend(&t->vkts[1], false);
}

static struct kunit_case chain_cases[] = {
	KUNIT_CASE(chain_named),
	KUNIT_CASE(chain_refused),
	KUNIT_CASE(chain_loop),
	KUNIT_CASE(chain_devices),
	KUNIT_CASE(chain_longest),
	KUNIT_CASE(chain_changed),
	KUNIT_CASE(chain_changed_twice),
	KUNIT_CASE(chain_costs),
	KUNIT_CASE(chain_no_room),
	KUNIT_CASE(chain_leaf_judged),
	KUNIT_CASE(chain_not_closed),
	{}
};

static struct kunit_suite chain_suite = {
	.name = "vhdx-chain",
	.init = chain_test_init,
	.exit = chain_test_exit,
	.test_cases = chain_cases,
};

kunit_test_suite(chain_suite);
