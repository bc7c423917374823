// SPDX-License-Identifier: GPL-2.0
/* The table line: what it may say, what is refused, and what status makes of it. */
#include <linux/slab.h>

#include "vk-tables.h"

#define TABLE_TEXT	512U

static int table_test_init(struct kunit *test)
{
	int r = tables_test_init(test);
	struct tables_test *t = test->priv;

	if (r)
		return r;
	t->table = fake_md_new();
	fake_path_add("7:0", t->dev);
	fake_path_add("7:1", t->other);
	return 0;
}

/* A table takes the place of the one before. */
static int table_make(struct tables_test *t, const char *line)
{
	vk_target_drop(&t->vkts[0]);
	return vk_target_ctr(&t->vkts[0], t->dev, t->table, line);
}

static void table_expect_status(struct tables_test *t, status_type_t type,
				const char *expected)
{
	char *text = kmalloc(TABLE_TEXT, GFP_KERNEL | __GFP_NOFAIL);

	vk_target_status_as(&t->vkts[0], type, text, TABLE_TEXT);
	KUNIT_EXPECT_STREQ(t->check.test, text, expected);
	kfree(text);
}

/* @flags: read_only and so on, in the order of the measurement. */
static void table_expect_measured(struct tables_test *t, const char *flags,
				  u32 commit_ms, u32 idle_ms, const char *rest)
{
	char *text = kmalloc(TABLE_TEXT, GFP_KERNEL | __GFP_NOFAIL);

	snprintf(text, TABLE_TEXT,
		 "target_name=vhdx,target_version=1.8.0,device_name=7:0,read_only=%c,error_if_no_space=%c,no_unmap=%c,no_discard=%c,no_discard_passdown=%c,commit_interval=%u,idle_close=%u,ignore_parent_id=%c%s;",
		 flags[0], flags[1], flags[2], flags[3], flags[4], commit_ms,
		 idle_ms, flags[5], rest);
	table_expect_status(t, STATUSTYPE_IMA, text);
	kfree(text);
}

/* Each option alone, and all of them; what is printed loads again. */
static void table_options(struct kunit *test)
{
	static const struct {
		const char *line, *printed, *flags;
		u32 commit_ms, idle_ms;
		const char *rest;
	} cases[] = {
		{ "7:0", "7:0", "nnnnnn", 1000, 5000, "" },
		{ "7:0 0", "7:0", "nnnnnn", 1000, 5000, "" },
		{ "7:0 1 read_only", "7:0 1 read_only", "ynnnnn", 1000, 5000, "" },
		{ "7:0 1 Error_If_No_Space", "7:0 1 error_if_no_space", "nynnnn",
		  1000, 5000, "" },
		{ "7:0 1 no_unmap", "7:0 1 no_unmap", "nnynnn", 1000, 5000, "" },
		{ "7:0 1 no_discard", "7:0 1 no_discard", "nnnynn", 1000, 5000, "" },
		{ "7:0 1 no_discard_passdown", "7:0 1 no_discard_passdown",
		  "nnnnyn", 1000, 5000, "" },
		{ "7:0 1 ignore_parent_id", "7:0 1 ignore_parent_id", "nnnnny",
		  1000, 5000, "" },
		{ "7:0 2 commit_interval 0", "7:0 2 commit_interval 0", "nnnnnn",
		  0, 5000, "" },
		{ "7:0 2 commit_interval 3600000", "7:0 2 commit_interval 3600000",
		  "nnnnnn", 3600000, 5000, "" },
		{ "7:0 2 idle_close 0", "7:0 2 idle_close 0", "nnnnnn", 1000, 0, "" },
		{ "7:0 2 idle_close 3600000", "7:0 2 idle_close 3600000", "nnnnnn",
		  1000, 3600000, "" },
		/* MiB, rounded up; what the image has, which ends at 4, is not free. */
		{ "7:0 2 zeroed_from 18433", "7:0 2 zeroed_from 20480", "nnnnnn",
		  1000, 5000, ",zeroed_from=20480" },
		{ "7:0 2 zeroed_from 18432", "7:0 2 zeroed_from 18432", "nnnnnn",
		  1000, 5000, ",zeroed_from=18432" },
		{ "7:0 2 zeroed_from 0", "7:0 2 zeroed_from 8192", "nnnnnn",
		  1000, 5000, ",zeroed_from=0" },
		{ "7:0 11 ignore_parent_id no_discard_passdown no_discard no_unmap error_if_no_space idle_close 7 commit_interval 8 zeroed_from 10240",
		  "7:0 11 zeroed_from 10240 commit_interval 8 idle_close 7 error_if_no_space no_unmap no_discard no_discard_passdown ignore_parent_id",
		  "nyyyyy", 8, 7, ",zeroed_from=10240" },
	};
	struct tables_test *t = test->priv;
	u32 i, again;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (again = 0; again < 2; again++) {
			KUNIT_ASSERT_EQ(test, 0, table_make(t, again ?
						cases[i].printed : cases[i].line));
			table_expect_status(t, STATUSTYPE_TABLE, cases[i].printed);
			/* A printed sector is where space begins. */
			if (!again || strcmp(cases[i].rest, ",zeroed_from=0"))
				table_expect_measured(t, cases[i].flags,
						      cases[i].commit_ms,
						      cases[i].idle_ms,
						      cases[i].rest);
		}
		KUNIT_EXPECT_EQ(test, 1, fake.paths[0].opened);
	}
	vk_target_drop(&t->vkts[0]);
	KUNIT_EXPECT_EQ(test, 0, fake.paths[0].opened);
}

/* What options do, beside being printed. */
static void table_options_work(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt;

	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0"));
	vt = t->vkts[0].vt;
	KUNIT_EXPECT_FALSE(test, vt->no_room.fail_at_once);
	KUNIT_EXPECT_FALSE(test, vt->no_space.fail_at_once);
	KUNIT_EXPECT_FALSE(test, vt->no_meta_space.fail_at_once);
	KUNIT_EXPECT_TRUE(test, vt->no_place.fail_at_once);
	KUNIT_EXPECT_FALSE(test, vt->image.backing.no_unmap);
	KUNIT_EXPECT_TRUE(test, vt->frees);
	KUNIT_EXPECT_TRUE(test, vt->pass_down);
	KUNIT_EXPECT_EQ(test, vt->zeroed_from_mib, U32_MAX);
	KUNIT_EXPECT_EQ(test, vt->zeroed_to_mib, t->spec.dev_mib);
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0 1 error_if_no_space"));
	vt = t->vkts[0].vt;
	KUNIT_EXPECT_TRUE(test, vt->no_room.fail_at_once);
	KUNIT_EXPECT_TRUE(test, vt->no_space.fail_at_once);
	KUNIT_EXPECT_TRUE(test, vt->no_meta_space.fail_at_once);
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0 1 no_unmap"));
	vt = t->vkts[0].vt;
	KUNIT_EXPECT_TRUE(test, vt->image.backing.no_unmap);
	KUNIT_EXPECT_TRUE(test, vt->frees);
	KUNIT_EXPECT_FALSE(test, vt->pass_down);
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0 1 no_discard_passdown"));
	vt = t->vkts[0].vt;
	KUNIT_EXPECT_TRUE(test, vt->frees);
	KUNIT_EXPECT_FALSE(test, vt->pass_down);
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0 1 no_discard"));
	vt = t->vkts[0].vt;
	KUNIT_EXPECT_FALSE(test, vt->frees);
	KUNIT_EXPECT_FALSE(test, vt->pass_down);
	/* A device that takes no discards gets none. */
	t->dev->no_discards = true;
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0"));
	KUNIT_EXPECT_TRUE(test, t->vkts[0].vt->frees);
	KUNIT_EXPECT_FALSE(test, t->vkts[0].vt->pass_down);
}

/* What dm is told of a target, and how the device is opened. */
static void table_modes(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct dm_target *ti = &t->vkts[0].ti;
	u32 how;

	for (how = 0; how < 3; how++) {
		/* Not; the option; "dmsetup create --readonly". */
		fake.read_only = how == 2;
		fake.paths[0].read_only = how;
		KUNIT_ASSERT_EQ(test, 0, table_make(t, how == 1 ?
						    "7:0 1 read_only" : "7:0"));
		KUNIT_EXPECT_EQ(test, !(fake.paths[0].mode & BLK_OPEN_WRITE), !!how);
		KUNIT_EXPECT_TRUE(test, fake.paths[0].mode & FAKE_OPEN_READ);
		KUNIT_EXPECT_EQ(test, t->vkts[0].vt->read_only, how > 0);
		KUNIT_EXPECT_EQ(test, t->vkts[0].vt->user.writable, !how);
		KUNIT_EXPECT_EQ(test, ti->num_flush_bios, 1);
		KUNIT_EXPECT_EQ(test, ti->num_discard_bios, !how);
		KUNIT_EXPECT_EQ(test, ti->num_write_zeroes_bios, !how);
		KUNIT_EXPECT_EQ(test, (bool)ti->discards_supported, !how);
		KUNIT_EXPECT_TRUE(test, ti->flush_supported);
		KUNIT_EXPECT_TRUE(test, ti->limit_swap_bios);
		KUNIT_EXPECT_TRUE(test, ti->accounts_remapped_io);
		KUNIT_EXPECT_EQ(test, ti->per_io_data_size,
				sizeof(struct vhdx_hook));
		table_expect_status(t, STATUSTYPE_TABLE, how == 1 ?
				    "7:0 1 read_only" : "7:0");
		table_expect_measured(t, how ? "ynnnnn" : "nnnnnn", 1000, 5000, "");
		KUNIT_ASSERT_EQ(test, 0, vk_target_resume(&t->vkts[0]));
		KUNIT_EXPECT_STREQ(test, vhdx_mode_name(t->vkts[0].vt->mode),
				   how ? "ro" : "rw");
		vk_target_suspend(&t->vkts[0], false);
	}
}

/* Nothing is left of a table that was refused. */
static void table_expect_refused(struct tables_test *t, const char *line, int r,
				 const char *sentence)
{
	struct kunit *test = t->check.test;
	int result = table_make(t, line);
	u32 i;

	if (result != r)
		vk_fail(&t->check, "%s: %d, not %d", line, result, r);
	KUNIT_ASSERT_NOT_NULL(test, t->vkts[0].ti.error);
	KUNIT_EXPECT_STREQ(test, t->vkts[0].ti.error, sentence);
	for (i = 0; i < fake.nr_paths; i++)
		KUNIT_EXPECT_EQ(test, 0, fake.paths[i].opened);
}

#define TABLE_COMMIT	"commit_interval needs milliseconds, at most 3600000"
#define TABLE_IDLE	"idle_close needs milliseconds, at most 3600000; 0: never"
#define TABLE_ZEROED	"zeroed_from needs a sector number"
#define TABLE_NUMBER	"Invalid number of optional arguments"

static void table_refused(struct kunit *test)
{
	static const struct {
		const char *line, *sentence;
	} cases[] = {
		{ "", "Which backing device?  <device> [<#optional args> ...]" },
		{ "7:0 x", TABLE_NUMBER },
		{ "7:0 -1", TABLE_NUMBER },
		{ "7:0 1", TABLE_NUMBER },
		{ "7:0 2 read_only", TABLE_NUMBER },
		{ "7:0 0 read_only",
		  "More arguments than the number of optional arguments says" },
		{ "7:0 1 no_unmap read_only",
		  "More arguments than the number of optional arguments says" },
		{ "7:0 1 read-only", "Unknown optional argument" },
		{ "7:0 2 read_only read", "Unknown optional argument" },
		{ "7:0 2 size_from chs", "Unknown optional argument" },
		{ "7:0 1 commit_interval", TABLE_COMMIT },
		{ "7:0 2 commit_interval -1", TABLE_COMMIT },
		{ "7:0 2 commit_interval 1s", TABLE_COMMIT },
		{ "7:0 2 commit_interval a", TABLE_COMMIT },
		{ "7:0 2 commit_interval 3600001", TABLE_COMMIT },
		{ "7:0 2 commit_interval 18446744073709551616", TABLE_COMMIT },
		{ "7:0 1 idle_close", TABLE_IDLE },
		{ "7:0 2 idle_close never", TABLE_IDLE },
		{ "7:0 2 idle_close 3600001", TABLE_IDLE },
		{ "7:0 1 zeroed_from", TABLE_ZEROED },
		{ "7:0 2 zeroed_from 1M", TABLE_ZEROED },
		{ "7:0 2 zeroed_from 9a", TABLE_ZEROED },
		{ "7:0 2 zeroed_from 18014398509481984", TABLE_ZEROED },
		{ "7:0 1 parent", "parent needs a device" },
	};
	struct tables_test *t = test->priv;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		table_expect_refused(t, cases[i].line, -EINVAL, cases[i].sentence);
	/* The largest sector there is; and one whose MiB is no u32. */
	KUNIT_ASSERT_EQ(test, 0, table_make(t, "7:0 2 zeroed_from 18014398509481983"));
	KUNIT_EXPECT_EQ(test, t->vkts[0].vt->zeroed_from_mib, U32_MAX);
	table_expect_status(t, STATUSTYPE_TABLE, "7:0");
	table_expect_measured(t, "nnnnnn", 1000, 5000, "");
}

static void table_device(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct fake_path *path = &fake.paths[0];

	table_expect_refused(t, "7:9", -ENODEV, "The backing device cannot be opened");
	path->r = -EBUSY;
	table_expect_refused(t, "7:0", -EBUSY, "The backing device is in use");
	path->r = -EROFS;
	table_expect_refused(t, "7:0", -EROFS,
			     "The backing device is read-only: map it with --readonly");
	path->r = 0;
	path->read_only = true;
	table_expect_refused(t, "7:0", -EACCES,
			     "The backing device is read-only: map it with --readonly");
	path->read_only = false;
	/* Somebody else has it. */
	KUNIT_ASSERT_EQ(test, 0, vk_target_load(&t->vkts[1], fake_md_new(), t->dev,
						0, false));
	table_expect_refused(t, "7:0", -EBUSY,
			     "The image is mapped already: remove that mapping, or map both read-only");
	vk_target_free(&t->vkts[1]);
}

static struct kunit_case table_cases[] = {
	KUNIT_CASE(table_options),
	KUNIT_CASE(table_options_work),
	KUNIT_CASE(table_modes),
	KUNIT_CASE(table_refused),
	KUNIT_CASE(table_device),
	{}
};

static struct kunit_suite table_suite = {
	.name = "vhdx-table",
	.init = table_test_init,
	.exit = tables_test_exit,
	.test_cases = table_cases,
};

kunit_test_suite(table_suite);
