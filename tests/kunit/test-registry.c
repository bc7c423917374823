// SPDX-License-Identifier: GPL-2.0
/* The registry: who may use a device, and which of its users is live. */
#include "vk-image.h"

static void registry_rules(struct kunit *test)
{
	/* See fake_table_get_md(): one and next belong to one mapped device. */
	unsigned long first = fake_md_new(), second = fake_md_new();
	struct dm_table *one = (void *)first, *next = (void *)(first + 1);
	struct dm_table *other = (void *)second;
	struct vhdx_user user[4] = {};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(user); i++) {
		user[i].dev = MKDEV(240, 1);
		user[i].table = other;
	}
	user[0].table = one;
	user[0].writable = true;
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[0]));
	/* A writer excludes writers and readers, in the same table as well. */
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	user[1].writable = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	user[1].table = one;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[1]));
	/* But not the next table of the device, nor other backing devices. */
	user[1].table = next;
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
	user[2].dev = MKDEV(240, 2);
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[2]));
	vhdx_registry_del(&user[2]);
	vhdx_registry_del(&user[0]);
	/* The next one is now the live one. */
	user[0].table = other;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[0]));
	vhdx_registry_del(&user[1]);

	/* Readers: any number; they exclude writers. */
	for (i = 0; i < 3; i++) {
		user[i] = (struct vhdx_user) {
			.dev = MKDEV(240, 1), .table = i ? other : one,
		};
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[i]));
	}
	user[3].writable = true;
	KUNIT_EXPECT_EQ(test, -EBUSY, vhdx_registry_add(&user[3]));
	for (i = 0; i < 3; i++)
		vhdx_registry_del(&user[i]);
	KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[3]));
	vhdx_registry_del(&user[3]);
	fake_md_remove(first);
	fake_md_remove(second);
}

/*
 * Live is whose image may have been written since it was added, be it by a
 * table that is at rest again by now.
 */
static void registry_live(struct kunit *test)
{
	const struct vhdx_limits limits = { .logical = 4096, .block = SZ_1M };
	unsigned long first = fake_md_new();
	struct vhdx_user user[3] = {
		{ .dev = MKDEV(240, 1), .table = (void *)first },
		{ .dev = MKDEV(240, 1), .table = (void *)(first + 1) },
		{ .dev = MKDEV(240, 2), .table = (void *)(first + 2) },
	};
	u32 i;

	for (i = 0; i < 2; i++) {
		user[0].writable = i;
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[0]));
		vhdx_registry_set_limits(&user[0], &limits);
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[2]));
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[1]));
		KUNIT_EXPECT_EQ(test, user[1].limits.logical, 0);
		vhdx_registry_set_state(&user[0], VHDX_USER_ACTIVE);
		KUNIT_EXPECT_EQ(test, i, vhdx_registry_is_live(&user[1]));
		vhdx_registry_set_state(&user[0], VHDX_USER_QUIESCED);
		KUNIT_EXPECT_EQ(test, i, vhdx_registry_is_live(&user[1]));
		KUNIT_EXPECT_EQ(test, user[1].limits.logical, i ? 4096 : 0);
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[2]));
		/* For one that comes only now it is over. */
		vhdx_registry_del(&user[1]);
		user[1].limits.logical = 0;
		KUNIT_EXPECT_EQ(test, 0, vhdx_registry_add(&user[1]));
		KUNIT_EXPECT_FALSE(test, vhdx_registry_is_live(&user[1]));
		vhdx_registry_del(&user[2]);
		vhdx_registry_del(&user[1]);
		vhdx_registry_del(&user[0]);
	}
	fake_md_remove(first);
}

static struct kunit_case registry_cases[] = {
	KUNIT_CASE(registry_rules),
	KUNIT_CASE(registry_live),
	{}
};

static struct kunit_suite registry_suite = {
	.name = "vhdx-registry",
	.test_cases = registry_cases,
};

kunit_test_suite(registry_suite);
