// SPDX-License-Identifier: GPL-2.0
/* A lack of space: when it begins, when it is over, what is said, and who waits. */
#include "vk-tables.h"

struct nospace_test {
	struct tables_test *tables;
	struct vhdx_nospace *ns;
	struct block_device *bdev;
	unsigned int on_waits;
};

static struct nospace_test nospace;

static int nospace_test_init(struct kunit *test)
{
	int r = tables_test_init(test);
	struct vhdx_target *vt;

	if (r)
		return r;
	memset(&nospace, 0, sizeof(nospace));
	nospace.tables = test->priv;
	vt = tables_start(nospace.tables);
	nospace.ns = &vt->no_room;
	nospace.bdev = vt->bdev;
	fake.messages = 0;
	fake.table_events = 0;
	return 0;
}

static void nospace_test_exit(struct kunit *test)
{
	if (nospace.tables)
		vk_target_suspend(&nospace.tables->vkts[0], false);
	tables_test_exit(test);
}

/* What has been said since the last time, and who was told. */
static void nospace_expect(struct kunit *test, const char *message,
			   unsigned int events)
{
	KUNIT_EXPECT_EQ(test, fake.messages, !!message);
	if (message)
		KUNIT_EXPECT_TRUE(test, strstr(fake.message, message));
	KUNIT_EXPECT_EQ(test, fake.table_events, events);
	fake.messages = 0;
	fake.table_events = 0;
}

#define NOSPACE_TEXT	"fake: no space left: extend the backing device"

static void nospace_waits(struct kunit *test)
{
	struct vhdx_nospace *ns = nospace.ns;

	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT ", writes wait for 60 seconds\n", 1);
	KUNIT_EXPECT_TRUE(test, ns->lacking);
	KUNIT_EXPECT_GE(test, ns->deadline - ns->last, 60UL * HZ);
	/* It is said once. */
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NULL, 0);
	/* Others say little as long as somebody waits. */
	vhdx_nospace_seen(ns, nospace.bdev);
	KUNIT_EXPECT_TRUE(test, ns->lacking);
	nospace_expect(test, NULL, 0);
	/* Time is up: that is said once, too. */
	ns->deadline = jiffies - 1;
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, "fake: still no space, what needs some fails now\n", 0);
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NULL, 0);
	/* Now nobody waits who would find out. */
	vhdx_nospace_seen(ns, nospace.bdev);
	KUNIT_EXPECT_FALSE(test, ns->lacking);
	KUNIT_EXPECT_FALSE(test, ns->over);
	nospace_expect(test, NULL, 1);
	vhdx_nospace_seen(ns, nospace.bdev);
	vhdx_nospace_found(ns, nospace.bdev);
	nospace_expect(test, NULL, 0);
}

/* Another lack, not the same one that goes on. */
static void nospace_again(struct kunit *test)
{
	struct vhdx_nospace *ns = nospace.ns;

	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT, 1);
	vhdx_nospace_found(ns, nospace.bdev);
	nospace_expect(test, NULL, 1);
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT, 1);
	/* Nobody has tried for long: whoever comes now waits as long as anybody. */
	ns->deadline = jiffies - 1;
	ns->over = true;
	ns->last = jiffies - 11 * HZ;
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT, 1);
	KUNIT_EXPECT_FALSE(test, ns->over);
	ns->last = jiffies;
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NULL, 0);
	vhdx_nospace_reset(ns);
	KUNIT_EXPECT_FALSE(test, ns->lacking);
	KUNIT_EXPECT_FALSE(test, ns->over);
	nospace_expect(test, NULL, 0);
}

/* The table wants no waiting: what needs space fails, and what has some says so. */
static void nospace_fails(struct kunit *test)
{
	struct vhdx_nospace *ns = nospace.ns;

	ns->fail_at_once = true;
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT "\n", 1);
	ns->deadline = jiffies - 1;
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_lack(ns, nospace.bdev));
	nospace_expect(test, NULL, 0);
	KUNIT_EXPECT_TRUE(test, ns->over);
	ns->over = false;
	vhdx_nospace_seen(ns, nospace.bdev);
	KUNIT_EXPECT_FALSE(test, ns->lacking);
	nospace_expect(test, NULL, 1);
}

static void nospace_count(struct dm_target *ti)
{
	nospace.on_waits++;
}

/* Metadata sleeps meanwhile, unless a suspend is in a hurry. */
static void nospace_sleeps(struct kunit *test)
{
	struct vhdx_nospace *ns = nospace.ns;

	KUNIT_EXPECT_TRUE(test, vhdx_nospace_wait(ns, nospace.bdev));
	KUNIT_EXPECT_EQ(test, fake.waits, 1);
	ns->on_wait = nospace_count;
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_wait(ns, nospace.bdev));
	KUNIT_EXPECT_EQ(test, nospace.on_waits, 1);
	KUNIT_EXPECT_EQ(test, fake.waits, 2);
	nospace_expect(test, NOSPACE_TEXT ", writes wait for 60 seconds\n", 1);
	vhdx_nospace_hurry(ns, true);
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_wait(ns, nospace.bdev));
	KUNIT_EXPECT_EQ(test, fake.waits, 2);
	/* And nobody is told that writes wait. */
	vhdx_nospace_found(ns, nospace.bdev);
	nospace_expect(test, NULL, 1);
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_wait(ns, nospace.bdev));
	nospace_expect(test, NOSPACE_TEXT "\n", 1);
	vhdx_nospace_hurry(ns, false);
	KUNIT_EXPECT_TRUE(test, vhdx_nospace_wait(ns, nospace.bdev));
	ns->deadline = jiffies - 1;
	fake.waits = 0;
	KUNIT_EXPECT_FALSE(test, vhdx_nospace_wait(ns, nospace.bdev));
	KUNIT_EXPECT_EQ(test, fake.waits, 0);
	ns->on_wait = NULL;
	vhdx_nospace_reset(ns);
}

static struct kunit_case nospace_cases[] = {
	KUNIT_CASE(nospace_waits),
	KUNIT_CASE(nospace_again),
	KUNIT_CASE(nospace_fails),
	KUNIT_CASE(nospace_sleeps),
	{}
};

static struct kunit_suite nospace_suite = {
	.name = "vhdx-nospace",
	.init = nospace_test_init,
	.exit = nospace_test_exit,
	.test_cases = nospace_cases,
};

kunit_test_suite(nospace_suite);
