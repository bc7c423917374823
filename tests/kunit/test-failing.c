// SPDX-License-Identifier: GPL-2.0
/*
 * Memory lacks, a read fails, whoever waits is killed: whatever step it is that fails, what
 * was begun is undone, and it is said.
 */
#include <linux/slab.h>

#include "vk-tables.h"
#include "vk-vhd.h"

/* More than any of this takes. */
#define FAILING_MOST	2000U
/* There are very many pages for the log, all alike; and less time with KASAN. */
#ifdef CONFIG_KASAN
#define FAILING_STEP(n)	(1 + (n) / 8)
#else
#define FAILING_STEP(n)	(1 + (n) / 32)
#endif

/**
 * struct failing_test - a table for which something fails
 * @check: for messages
 * @dev: its device, 7:0
 * @vkt: the target
 * @table: of the mapped device
 */
struct failing_test {
	struct vk_check *check;
	struct fake_dev *dev;
	struct vk_target *vkt;
	unsigned long table;
};

enum failing_how {
	/* Something else, which is there already, may do instead. */
	FAILING_MEMORY,		/* from something that is asked for on */
	FAILING_MEMORY_ONCE,	/* only for that */
	FAILING_READ,		/* one of the image */
	FAILING_READ_PARENT,
	FAILING_PATIENCE,	/* killed */
	NR_FAILING,
};

static const struct {
	int r;
	const char *word;	/* of the sentence */
} failing_results[] = {
	[FAILING_MEMORY] = { -ENOMEM, "memory" },
	[FAILING_MEMORY_ONCE] = { -ENOMEM, "memory" },
	[FAILING_READ] = { -EIO, "cannot be read" },
	[FAILING_READ_PARENT] = { -EIO, "cannot be read" },
	[FAILING_PATIENCE] = { -EINTR, "interrupted" },
};

/* The first step of that kind is to fail, or the second, and so on. */
static void failing_begin(struct failing_test *m, enum failing_how how, u32 n)
{
	fake_lack_begin(how <= FAILING_MEMORY_ONCE ? n : 0,
			how == FAILING_MEMORY_ONCE);
	if (how == FAILING_READ)
		m->dev->fail_in[FAKE_READ] = n;
	if (how == FAILING_READ_PARENT)
		fake.paths[1].dev->fail_in[FAKE_READ] = n;
	fake.killed = 0;
	fake.kill_in = how == FAILING_PATIENCE ? n : 0;
}

/* Returns whether it has. */
static bool failing_end(struct failing_test *m, enum failing_how how)
{
	struct fake_dev *dev = how == FAILING_READ ? m->dev : fake.paths[1].dev;
	bool failed = fake_lack_end() || fake.killed;

	if (how == FAILING_READ || how == FAILING_READ_PARENT) {
		failed = !dev->fail_in[FAKE_READ];
		dev->fail_in[FAKE_READ] = 0;
	}
	fake.killed = 0;
	fake.kill_in = 0;
	return failed;
}

static void failing_check(struct failing_test *m, const char *what,
			  enum failing_how how, u32 n, bool failed, int r,
			  const char *sentence)
{
	bool fits = r == (failed ? failing_results[how].r : 0) ||
		    (failed && how <= FAILING_MEMORY_ONCE && !r);

	if (!fits)
		vk_fail(m->check, "%s: %u of %u: %d", what, how, n, r);
	if (r && (!sentence || !strstr(sentence, failing_results[how].word)))
		vk_fail(m->check, "%s: %u of %u: %s", what, how, n,
			sentence ?: "no sentence");
}

static void failing_load(struct failing_test *m, const char *line,
			 enum failing_how how)
{
	struct kunit *test = m->check->test;
	bool failed = true;
	u32 n, i;
	int r;

	for (n = 1; failed && n < FAILING_MOST; n += FAILING_STEP(n)) {
		failing_begin(m, how, n);
		r = vk_target_ctr(m->vkt, m->dev, m->table, line);
		failed = failing_end(m, how);
		failing_check(m, line, how, n, failed, r, m->vkt->ti.error);
		vk_target_drop(m->vkt);
		for (i = 0; i < fake.nr_paths; i++)
			KUNIT_EXPECT_EQ(test, 0, fake.paths[i].opened);
	}
	KUNIT_EXPECT_FALSE(test, failed);
}

/* The same at a resume that has to look at the image again. */
static void failing_resume(struct failing_test *m, const char *line,
			   enum failing_how how)
{
	struct kunit *test = m->check->test;
	bool failed = true;
	u32 n;
	int r;

	KUNIT_ASSERT_EQ(test, 0, vk_target_ctr(m->vkt, m->dev, m->table, line));
	for (n = 1; failed && n < FAILING_MOST; n += FAILING_STEP(n)) {
		m->vkt->vt->stale = true;
		failing_begin(m, how, n);
		r = vk_target_preresume(m->vkt);
		failed = failing_end(m, how);
		failing_check(m, "resume", how, n, failed, r, fake.message);
		KUNIT_EXPECT_STREQ(test, vhdx_mode_name(m->vkt->vt->mode), r ? "fail" :
				   m->vkt->vt->read_only ? "ro" : "rw");
	}
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_EQ(test, 0, vk_target_resume(m->vkt));
	vk_target_suspend(m->vkt, false);
	vk_target_drop(m->vkt);
}

static void failing_run(struct failing_test *m, const char *line)
{
	u32 how;

	m->table = fake_md_new();
	for (how = 0; how < NR_FAILING; how++) {
		if (how == FAILING_READ_PARENT && fake.nr_paths < 2)
			continue;
		failing_load(m, line, how);
		failing_resume(m, line, how);
	}
	fake_md_remove(m->table);
}

/* An image, and what a power cut leaves of it: with a log to be replayed. */
static void failing_image(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct failing_test m = { .check = &t->check, .vkt = &t->vkts[1] };
	struct fake_dev *crash;

	tables_start(t);
	KUNIT_EXPECT_EQ(test, 0, tables_write(t, 0, 5));
	KUNIT_EXPECT_EQ(test, 0, vk_guest_flush(&t->vkts[0]));
	crash = fake_dev_bare(t->dev);
	fake_dev_detach(crash);
	crash->bdev.bd_dev = MKDEV(7, 0);
	fake_path_add("7:0", crash);
	m.dev = crash;
	/* One that only reads leaves the log as it is. */
	failing_run(&m, "7:0 1 read_only");
	failing_run(&m, "7:0 1 no_unmap");
	fake_dev_free(crash);
	vk_target_suspend(&t->vkts[0], false);
}

static void failing_chain(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct failing_test m = { .check = &t->check, .vkt = &t->vkts[0] };
	struct vhdx_header header;
	bool damaged;

	vk_get_header(t->other, &header, &damaged);
	t->spec.parent = &header.data_write_guid;
	m.dev = vk_format(&t->spec);
	fake_path_add("7:0", m.dev);
	fake_path_add("7:1", t->other);
	failing_run(&m, "7:0 2 parent 7:1");
	fake_dev_free(m.dev);
}

static void failing_vhd(struct kunit *test)
{
	struct vhd_test *v;
	struct vk_check check;
	struct failing_test m = { .check = &check };
	void *priv = test->priv;

	KUNIT_ASSERT_EQ(test, 0, vhd_test_init(test));
	v = test->priv;
	check = v->check;
	m.vkt = &v->vkt;
	m.dev = v->dev;
	fake_path_add("7:0", v->dev);
	failing_run(&m, "7:0");
	vhd_test_add_parent(v);
	m.dev = v->dev;
	fake.paths[0].dev = v->dev;
	fake_path_add("7:1", v->parent);
	failing_run(&m, "7:0 2 parent 7:1");
	vhd_test_exit(test);
	test->priv = priv;
}

/* A block that is to be moved stays where it is. */
static void failing_move(struct kunit *test)
{
	struct tables_test *t = test->priv;
	struct vhdx_target *vt;
	char answer[32];
	u32 n;
	int r = -ENOMEM;

	vk_set_bat(t->dev, &t->spec, 3, VHDX_BLOCK_FULL, 20);
	vt = tables_start(t);
	for (n = 1; r && n < FAILING_MOST; n++) {
		fake_lack_begin(n, true);
		r = vk_target_move(&t->vkts[0], 3, false, answer, sizeof(answer));
		fake_lack_end();
		KUNIT_EXPECT_EQ(test, vhdx_e_mib(vt->bat[3]),
				r ? 20 : vk_free_mib(&t->spec));
		if (!r)
			break;
		KUNIT_EXPECT_EQ(test, -ENOMEM, r);
		if (!strstr(fake.message, "block 3 is not moved (-12): out of memory\n"))
			vk_fail(&t->check, "%u: %s", n, fake.message);
	}
	KUNIT_EXPECT_GT(test, n, 1);
	vk_target_suspend(&t->vkts[0], false);
}

static struct kunit_case failing_cases[] = {
	KUNIT_CASE(failing_image),
	KUNIT_CASE(failing_chain),
	KUNIT_CASE(failing_vhd),
	KUNIT_CASE(failing_move),
	{}
};

static struct kunit_suite failing_suite = {
	.name = "vhdx-failing",
	.init = tables_test_init,
	.exit = tables_test_exit,
	.test_cases = failing_cases,
};

kunit_test_suite(failing_suite);
