// SPDX-License-Identifier: GPL-2.0
/*
 * The tool's overlay (tools/image/overlay.c): against a naive model, and with changes
 * in an order that somebody has chosen.
 */
#include <pthread.h>

#include "../../tools/image/overlay.h"
#include "test.h"

#define SECTORS		256
#define AT		(3ULL << 40)	/* far out, where 32 bits fail */
#define UNTOUCHED	0xee

static struct overlay overlay;

static int teardown(void **state)
{
	overlay_free(&overlay);
	return 0;
}

static void add_data(u32 sector, u8 stamp)
{
	u8 data[VHDX_SECTOR];

	memset(data, stamp, sizeof(data));
	assert_ok(overlay_data(&overlay, AT + sector * VHDX_SECTOR, data));
}

static void add_zero(u32 sector, u32 count)
{
	assert_ok(overlay_zero(&overlay, AT + sector * VHDX_SECTOR,
			       count * VHDX_SECTOR));
}

/* Any part of what the model holds, as bytes. */
static void compare(const u8 *model)
{
	static u8 buf[SECTORS * VHDX_SECTOR];
	u32 from = random_below(sizeof(buf)), bytes, i;

	bytes = 1 + random_below(sizeof(buf) - from);
	memset(buf, UNTOUCHED, bytes);
	overlay_patch(&overlay, AT + from, buf, bytes);
	for (i = 0; i < bytes; i++)
		if (buf[i] != model[(from + i) / VHDX_SECTOR])
			fail_msg("byte %u is %02x, not %02x", from + i, buf[i],
				 model[(from + i) / VHDX_SECTOR]);
}

static void random_changes(void **state)
{
	u8 model[SECTORS];
	u32 step, at, count, end, i;

	for (step = 0; step < 2000; step++) {
		if (step % 100 == 0) {
			overlay_free(&overlay);
			assert_int_equal(overlay_end(&overlay), 0);
			memset(model, UNTOUCHED, sizeof(model));
		}
		at = random_below(SECTORS);
		if (random_below(2)) {
			model[at] = 1 + random_below(200);
			add_data(at, model[at]);
		} else {
			count = 1 + random_below(random_below(4) ? 4 : 64);
			count = min_t(u32, count, SECTORS - at);
			memset(model + at, 0, count);
			add_zero(at, count);
		}
		compare(model);
		for (i = end = 0; i < SECTORS; i++)
			if (model[i] != UNTOUCHED)
				end = i + 1;
		assert_int_equal(overlay_end(&overlay), AT + end * VHDX_SECTOR);
	}
}

#define CHOSEN		20000

static u32 rank[CHOSEN];

static int by_rank(const void *a, const void *b)
{
	u32 first = rank[*(const u32 *)a], second = rank[*(const u32 *)b];

	return first < second ? -1 : first > second;
}

/* On a small stack: whoever recurses, only as deep as a balanced tree. */
static void *add_in_chosen_order(void *arg)
{
	const u32 *place = arg;
	u32 i;

	for (i = 0; i < CHOSEN; i++)
		add_zero(place[i], 1);
	overlay_free(&overlay);
	return NULL;
}

/*
 * The n-th change goes to where the n-th number of a generator has its place
 * among all of them: were these the priorities, the tree would be a list.
 */
static void chosen_order(void **state)
{
	static u32 sorted[CHOSEN], place[CHOSEN];
	u32 x = 2463534242U, i;
	pthread_attr_t attr;
	pthread_t thread;

	for (i = 0; i < CHOSEN; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		rank[i] = x;
		sorted[i] = i;
	}
	qsort(sorted, CHOSEN, sizeof(*sorted), by_rank);
	for (i = 0; i < CHOSEN; i++)
		place[sorted[i]] = 2 * i;	/* not side by side */

	pthread_attr_init(&attr);
	assert_ok(pthread_attr_setstacksize(&attr, 1 << 18));
	assert_ok(pthread_create(&thread, &attr, add_in_chosen_order, place));
	assert_ok(pthread_join(thread, NULL));
	pthread_attr_destroy(&attr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(chosen_order, teardown),
		cmocka_unit_test_teardown(random_changes, teardown),
	};

	random_seed(seed_of_run());
	return cmocka_run_group_tests_name("overlay", tests, NULL, NULL);
}
