// SPDX-License-Identifier: GPL-2.0
/* vhdx-space.c: the map of taken MiB, and the bitmap functions beneath it. */
#include "test.h"
#include "vhdx-space.h"

static struct vhdx_space *space_new(u32 size)
{
	struct vhdx_space *space = calloc(1, sizeof(*space));

	/* Exactly as large as promised, so that the sanitizer sees more. */
	space->map = calloc(BITS_TO_LONGS(size), sizeof(long));
	space->size = size;
	return space;
}

static void space_free(struct vhdx_space *space)
{
	free(space->map);
	free(space);
}

static void claim(void **state)
{
	struct vhdx_space *space = space_new(200);

	assert_true(vhdx_space_claim(space, 0, 1));
	assert_true(vhdx_space_claim(space, 60, 10));
	assert_int_equal(space->taken, 11);
	assert_int_equal(space->end, 70);
	assert_false(vhdx_space_claim(space, 69, 1));
	assert_false(vhdx_space_claim(space, 50, 11));
	assert_false(vhdx_space_claim(space, 69, 100));
	assert_false(vhdx_space_claim(space, 0, 200));
	/* A refusal changes nothing. */
	assert_int_equal(space->taken, 11);
	assert_int_equal(space->end, 70);
	assert_true(vhdx_space_claim(space, 50, 10));
	assert_true(vhdx_space_claim(space, 70, 1));
	assert_int_equal(space->end, 71);
	assert_true(vhdx_space_claim(space, 5, 0));
	assert_int_equal(space->taken, 22);
	space_free(space);
}

/* What lies past the map is left out, without overflow. */
static void claim_past_the_end(void **state)
{
	struct vhdx_space *space = space_new(100);

	assert_true(vhdx_space_claim(space, 98, 256));
	assert_int_equal(space->taken, 2);
	assert_int_equal(space->end, 100);
	assert_false(vhdx_space_claim(space, 99, 1));
	assert_true(vhdx_space_claim(space, 100, 1));
	assert_true(vhdx_space_claim(space, 1ULL << 43, 256));
	assert_true(vhdx_space_claim(space, (1ULL << 44) - 1, 256));
	assert_int_equal(space->taken, 2);
	space_free(space);
}

static void release(void **state)
{
	struct vhdx_space *space = space_new(300);

	assert_true(vhdx_space_claim(space, 10, 250));
	vhdx_space_release(space, 60, 70);
	assert_int_equal(space->taken, 180);
	assert_int_equal(space->end, 260);
	assert_false(vhdx_space_claim(space, 59, 2));
	assert_false(vhdx_space_claim(space, 129, 2));
	assert_true(vhdx_space_claim(space, 60, 70));
	assert_int_equal(space->taken, 250);
	space_free(space);
}

static void find(void **state)
{
	struct vhdx_space *space = space_new(130);

	vhdx_space_claim(space, 0, 4);
	vhdx_space_claim(space, 6, 1);
	vhdx_space_claim(space, 63, 2);
	assert_int_equal(vhdx_space_find(space, 1, 1), 4);
	assert_int_equal(vhdx_space_find(space, 0, 2), 4);
	assert_int_equal(vhdx_space_find(space, 0, 3), 7);
	assert_int_equal(vhdx_space_find(space, 5, 1), 5);
	assert_int_equal(vhdx_space_find(space, 5, 2), 7);
	assert_int_equal(vhdx_space_find(space, 0, 56), 7);
	assert_int_equal(vhdx_space_find(space, 0, 57), 65);
	assert_int_equal(vhdx_space_find(space, 0, 65), 65);
	assert_int_equal(vhdx_space_find(space, 0, 66), 0);
	assert_int_equal(vhdx_space_find(space, 129, 1), 129);
	assert_int_equal(vhdx_space_find(space, 129, 2), 0);
	assert_int_equal(vhdx_space_find(space, 130, 1), 0);
	assert_int_equal(vhdx_space_find(space, 5000, 1), 0);
	assert_int_equal(vhdx_space_find(space, 0, ~0U), 0);
	vhdx_space_claim(space, 0, 0);
	space_free(space);
}

/* Everything against a map of bytes. */
static void random_use(void **state)
{
	u32 size, i, n, at, count;
	u64 seed = seed_of_run();
	u8 bytes[400];

	random_seed(seed);
	for (n = 0; n < 60; n++) {
		u32 taken = 0, end = 0;
		struct vhdx_space *space;

		size = 1 + random_below(320);
		space = space_new(size);
		memset(bytes, 0, sizeof(bytes));
		for (i = 0; i < 400; i++) {
			u32 clip, want;

			at = random_below(size + 5);
			count = 1 + random_below(random_below(4) ? 6 : 80);
			clip = at >= size ? 0 : min_t(u32, count, size - at);
			if (random_below(3) == 0) {	/* find */
				for (want = at; want + count <= size; want++)
					if (!memchr(bytes + want, 1, count))
						break;
				if (want + count > size)
					want = 0;
				assert_int_equal(vhdx_space_find(space, at, count),
						 want);
			} else if (clip && random_below(3) == 0 &&
				   !memchr(bytes + at, 0, clip)) {
				vhdx_space_release(space, at, clip);
				memset(bytes + at, 0, clip);
				taken -= clip;
			} else {
				bool free = !memchr(bytes + at, 1, clip);

				assert_int_equal(vhdx_space_claim(space, at, count),
						 free);
				if (free && clip) {
					memset(bytes + at, 1, clip);
					taken += clip;
					end = max_t(u32, end, at + clip);
				}
			}
			assert_int_equal(space->taken, taken);
			assert_int_equal(space->end, end);
		}
		for (i = 0; i < size; i++)
			assert_int_equal(space->map[i / BITS_PER_LONG] >>
					 i % BITS_PER_LONG & 1, bytes[i]);
		space_free(space);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim),
		cmocka_unit_test(claim_past_the_end),
		cmocka_unit_test(release),
		cmocka_unit_test(find),
		cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
