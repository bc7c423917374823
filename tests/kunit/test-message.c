// SPDX-License-Identifier: GPL-2.0
/* What a target is told and asked: messages, status, queue limits. */
#include <linux/sizes.h>

#include "vk-tables.h"

/* Of what tables_format() makes. */
#define MESSAGE_DEV_MIB		24U

static int message_tell(struct tables_test *t, const char *line)
{
	char answer[16];

	fake.messages = 0;
	fake.message[0] = '\0';
	return vk_target_tell(&t->vkts[0], line, answer, sizeof(answer));
}

static void message_expect(struct tables_test *t, const char *expected)
{
	char text[256];

	vk_target_status(&t->vkts[0], text, sizeof(text));
	KUNIT_EXPECT_STREQ(t->check.test, text, expected);
}

/* Refused, and the kernel log has the sentence. */
static void message_expect_refused(struct tables_test *t, const char *line,
				   const char *sentence)
{
	struct kunit *test = t->check.test;

	KUNIT_EXPECT_EQ(test, -EINVAL, message_tell(t, line));
	KUNIT_EXPECT_EQ(test, 1, fake.messages);
	if (!strstr(fake.message, sentence))
		vk_fail(&t->check, "%s: %s", line, fake.message);
}

static void message_unknown(struct kunit *test)
{
	static const char * const lines[] = {
		"format", "commit now", "close now", "stats now", "zeroed",
		"zeroed 0", "zeroed 0 1 2", "move", "move 1 zeros now", "moves 1",
	};
	struct tables_test *t = test->priv;
	u32 i;

	tables_start(t);
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		message_expect_refused(t, lines[i],
				       "fake: unknown message: not 'commit', 'close', 'move', 'stats' or 'zeroed'\n");
	vk_target_suspend(&t->vkts[0], false);
}

/* What the device has grown by: the numbers, and what comes of them. */
static void message_zeroed(struct kunit *test)
{
	static const char sentence[] =
		"fake: zeroed needs two sector numbers, the second larger, at most 49152\n";
	static const char * const bad[] = {
		"zeroed a 10", "zeroed 0 b", "zeroed -1 10", "zeroed 0 -1",
		"zeroed 10 10", "zeroed 11 10", "zeroed 0 49153", "zeroed 0 0x10",
	};
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		message_expect_refused(t, bad[i], sentence);
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, U32_MAX);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, MESSAGE_DEV_MIB);
	/* Whole MiB only, and none of what is known already. */
	vt->zeroed_to_mib = 10;
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 20481 22527"));
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 0 20480"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, U32_MAX);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 10);
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "Zeroed 18432 24576"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, 10);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 12);
	/* It joins what was known before, or takes its place. */
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 24576 28672"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, 10);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 14);
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 30721 49151"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, 16);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 23);
	vt->zeroed_from_mib = 23;
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 0 49152"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, 23);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 24);
	vk_target_suspend(&t->vkts[0], false);
}

static void message_move_refused(struct kunit *test)
{
	static const char * const bad[] = {
		"move x", "move -1", "move 4294967296", "move 1 zero", "move 1 x",
		"move bitmap", "move bitmap x", "move bitmap 4294967296", "move zeros 1",
	};
	struct tables_test *t = test->priv;
	char answer[32];
	u32 i;

	tables_start(t);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		message_expect_refused(t, bad[i],
				       "fake: move needs a block's number (and 'zeros'), or 'bitmap' and a chunk's\n");
	KUNIT_EXPECT_EQ(test, -ERANGE, message_tell(t, "move 64"));
	KUNIT_EXPECT_EQ(test, -ERANGE, message_tell(t, "move 4294967295"));
	KUNIT_EXPECT_EQ(test, 1, vk_target_tell(&t->vkts[0], "MOVE 63 Zeros", answer,
						sizeof(answer)));
	KUNIT_EXPECT_STREQ(test, answer, "absent");
	/* Without a parent there are chunks, but no bitmaps. */
	KUNIT_EXPECT_EQ(test, 1, vk_target_tell(&t->vkts[0], "Move Bitmap 0", answer,
						sizeof(answer)));
	KUNIT_EXPECT_STREQ(test, answer, "absent");
	KUNIT_EXPECT_EQ(test, -ERANGE, message_tell(t, "move bitmap 1"));
	vk_target_suspend(&t->vkts[0], false);
}

/* A table that only reads has nothing to commit, to close or to remember. */
static void message_read_only(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt;

	t->table = fake_md_new();
	KUNIT_ASSERT_EQ(test, 0, tables_load(t, 0, 0, true));
	KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	vt = t->vkts[0].vt;
	vt->zeroed_to_mib = 10;
	fake_dev_forget(t->dev);
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "commit"));
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "close"));
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "zeroed 0 49152"));
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, 10);
	KUNIT_EXPECT_EQ(test, -EROFS, message_tell(t, "move 0"));
	KUNIT_EXPECT_EQ(test, t->dev->nr_events, 0);
	message_expect(t, "ro 0/64 2048 4/24 0 0/1048576 0 0 0 0 0");
	vk_target_suspend(&t->vkts[0], false);
}

/* All numbers there are, after something of each. */
static void message_stats(struct kunit *test)
{
	static const char expected[] =
		"blocks_allocated 2\nblocks_zeroed 2\nblocks_filled 0\nblocks_freed 0\nblocks_moved 0\nbitmaps_allocated 0\nbitmaps_moved 0\ntiles_made 0\nplaces_set_aside 0\nbios_deferred 2\nbios_starved 0\nreads_deferred 0\nwrites_without_space 0\nsessions_opened 1\nsessions_closed 1\ncommits 2\nlog_entries 2\nmib_passed_down 0\nmib_freed 0\nmib_to_free 0\ncheckpoints 1\nflushes 13\n";
	struct tables_test *t = test->priv;
	char *text = kunit_kzalloc(test, SZ_1K, GFP_KERNEL);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, text);
	tables_start(t);
	KUNIT_EXPECT_EQ(test, 1, vk_target_tell(&t->vkts[0], "STATS", text, SZ_1K));
	for (i = 0; i < 2; i++) {
		KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, i));
		KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	}
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "close"));
	KUNIT_EXPECT_EQ(test, 1, vk_target_tell(&t->vkts[0], "stats", text, SZ_1K));
	KUNIT_EXPECT_STREQ(test, text, expected);
	vk_target_suspend(&t->vkts[0], false);
}

/* The status line from the beginning to the end of a session, and without an image. */
static void message_status(struct kunit *test)
{
	struct tables_test *t = test->priv;

	tables_start(t);
	message_expect(t, "rw 0/64 2048 4/24 0 0/1048576 0 0 0 0 0");
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 0));
	message_expect(t, "rw 1/64 2048 5/24 1 4096/1048576 1 1 0 0 0");
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "commit"));
	message_expect(t, "rw 1/64 2048 5/24 0 12288/1048576 1 1 1 1 0");
	KUNIT_EXPECT_EQ(test, 0, message_tell(t, "close"));
	message_expect(t, "rw 1/64 2048 5/24 0 0/1048576 1 1 1 1 1");
	vk_target_suspend(&t->vkts[0], false);
	t->vkts[0].ti.len += 8;
	vhdx_drop_image(t->vkts[0].vt);
	KUNIT_EXPECT_EQ(test, -EINVAL, vk_target_resume(&t->vkts[0]));
	message_expect(t, "fail");
	t->vkts[0].ti.len -= 8;
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
	message_expect(t, "rw 1/64 2048 5/24 0 0/1048576 1 1 1 1 1");
	vk_target_suspend(&t->vkts[0], false);
}

/* The table line has zeroed_from as it is by now. */
static void message_zeroed_from(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	char text[64];

	vt->zeroed_from_mib = 2;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "7:0 2 zeroed_from 8192");
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 0));
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "7:0 2 zeroed_from 10240");
	vt->used_mib = 7;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "7:0 2 zeroed_from 14336");
	vt->zeroed_from_mib = 9;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "7:0 2 zeroed_from 18432");
	/* Some of it was cut off once. */
	vt->zeroed_to_mib--;
	vk_target_status_as(&t->vkts[0], STATUSTYPE_TABLE, text, sizeof(text));
	KUNIT_EXPECT_STREQ(test, text, "7:0");
	vk_target_suspend(&t->vkts[0], false);
}

/* Whole blocks are what a discard gives back; what else there was is nobody's. */
static void message_discard_limits(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt = tables_start(t);
	u32 how;

	for (how = 0; how < 5; how++) {
		struct queue_limits limits = {
			.logical_block_size = 4096, .physical_block_size = 512,
			.io_min = 512, .discard_granularity = 77,
			.discard_alignment = 77, .max_discard_sectors = 77,
			.max_hw_discard_sectors = 77,
		};
		u32 block = how ? 0 : SZ_1M;

		vt->user.limits.frees = how != 1;
		vt->no_discard = how == 2;
		vt->read_only = how == 3;
		vt->user.limits.logical = how == 4 ? 0 : 512;
		vk_target_hints(&t->vkts[0], &limits);
		if (how == 4) {		/* nobody has seen the image yet */
			KUNIT_EXPECT_EQ(test, limits.discard_granularity, 77);
			KUNIT_EXPECT_EQ(test, limits.logical_block_size, 4096);
			break;
		}
		KUNIT_EXPECT_EQ(test, limits.logical_block_size, 512);
		KUNIT_EXPECT_EQ(test, limits.physical_block_size, 4096);
		KUNIT_EXPECT_EQ(test, limits.discard_granularity, block);
		KUNIT_EXPECT_EQ(test, limits.discard_alignment, 0);
		KUNIT_EXPECT_EQ(test, limits.max_discard_sectors,
				how ? 0 : 8386560);
		KUNIT_EXPECT_EQ(test, limits.max_hw_discard_sectors,
				how ? 0 : 8386560);
	}
	vt->read_only = false;
	vk_target_suspend(&t->vkts[0], false);
}

static struct kunit_case message_cases[] = {
	KUNIT_CASE(message_unknown),
	KUNIT_CASE(message_zeroed),
	KUNIT_CASE(message_move_refused),
	KUNIT_CASE(message_read_only),
	KUNIT_CASE(message_stats),
	KUNIT_CASE(message_status),
	KUNIT_CASE(message_zeroed_from),
	KUNIT_CASE(message_discard_limits),
	{}
};

static struct kunit_suite message_suite = {
	.name = "vhdx-message",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = message_cases,
};

kunit_test_suite(message_suite);
