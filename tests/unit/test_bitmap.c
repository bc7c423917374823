// SPDX-License-Identifier: GPL-2.0
/* vhdx-bitmap.c: where sector bits lie, and what they say. */
#include "test.h"
#include "vhdx-bitmap.h"

static struct vhdx_geometry geometry(u64 disk_bytes, u32 block_mib, u32 logical)
{
	struct vhdx_meta meta = {
		.disk_bytes = disk_bytes,
		.block_bytes = MIB(block_mib),
		.logical_bytes = logical,
		.has_parent = true,
	};
	struct vhdx_geometry geo;

	vhdx_geometry_init(&geo, &meta);
	return geo;
}

/* By the formulas of format.md 1.6: a chunk's first block has its first bits. */
static void places(void **state)
{
	u32 block, lss;

	for (lss = 512; lss <= 4096; lss *= 8)
		for (block = 1; block <= 256; block *= 2) {
			struct vhdx_geometry geo = geometry(1ULL << 46, block, lss);
			u64 ratio = (1ULL << 23) * lss / MIB(block);
			u64 bytes = MIB(block) / lss / 8, b;
			static const u64 some[] = { 0, 1, 2, 15, 16, 17, 4095,
						    4096, 32767, 32768, 100000 };
			u32 i;

			for (i = 0; i < ARRAY_SIZE(some); i++) {
				struct vhdx_bitmap_place place;

				b = some[i];
				vhdx_bitmap_find(&geo, b * MIB(block), MIB(block),
						 &place);
				assert_int_equal(place.chunk, b / ratio);
				assert_int_equal(place.byte, b % ratio * bytes);
				assert_int_equal(place.bytes, bytes);
				assert_true(place.byte + place.bytes <=
					    VHDX_BITMAP_BYTES);
				/* The last MiB of the block, alone. */
				vhdx_bitmap_find(&geo, (b + 1) * MIB(block) - MIB(1),
						 MIB(1), &place);
				assert_int_equal(place.bytes, MIB(1) / lss / 8);
				assert_int_equal(place.byte + place.bytes,
						 b % ratio * bytes + bytes);
			}
		}
}

/* LSB first, as MS-VHDX 2.4 has it. */
static void order(void **state)
{
	u8 bits[2] = { 0x05, 0x80 };
	bool set;

	assert_true(vhdx_bitmap_test(bits, 0));
	assert_false(vhdx_bitmap_test(bits, 1));
	assert_true(vhdx_bitmap_test(bits, 2));
	assert_true(vhdx_bitmap_test(bits, 15));
	assert_int_equal(vhdx_bitmap_run(bits, 0, 16, &set), 1);
	assert_true(set);
	assert_int_equal(vhdx_bitmap_run(bits, 3, 16, &set), 15);
	assert_false(set);
	assert_int_equal(vhdx_bitmap_run(bits, 3, 9, &set), 9);
	vhdx_bitmap_set(bits, 8, 9);
	assert_int_equal(bits[1], 0x81);
	vhdx_bitmap_set(bits, 3, 3);
	assert_int_equal(bits[0], 0x05);
}

/* Everything against a byte for each bit, on memory that ends where it should. */
static void random_bits(void **state)
{
	u64 seed = seed_of_run();
	u32 round, i;

	random_seed(seed);
	for (round = 0; round < 300; round++) {
		u32 bytes = 1 + random_below(60), count = bytes * 8, at = 0;
		u8 *bits = calloc(bytes, 1), *naive = calloc(count, 1);

		for (i = random_below(8); i; i--) {
			u32 start = random_below(count + 1);
			u32 end = start + random_below(count + 1 - start);
			bool clear = !random_below(3);

			if (random_below(2)) {
				start &= ~7U;
				end &= ~7U;
			}
			if (clear)
				vhdx_bitmap_clear(bits, start, end);
			else
				vhdx_bitmap_set(bits, start, end);
			if (end > start)
				memset(naive + start, !clear, end - start);
		}
		for (i = 0; i < count; i++)
			assert_int_equal(bits[i / 8] >> i % 8 & 1, naive[i]);
		while (at < count) {
			bool set, coarse = true;
			u32 want, stop = at + 1 + random_below(count - at);
			u32 end = vhdx_bitmap_run(bits, at, stop, &set);

			for (want = at; want < stop && naive[want] == naive[at];)
				want++;
			assert_int_equal(end, want);
			assert_int_equal(set, naive[at]);
			assert_int_equal(vhdx_bitmap_all_set(bits, at, stop),
					 !memchr(naive + at, 0, stop - at));
			for (i = at & ~7U; i < (stop & ~7U); i++)
				coarse &= naive[i] == naive[i & ~7U];
			assert_int_equal(vhdx_bitmap_is_coarse(bits, at & ~7U,
							       stop & ~7U), coarse);
			at = end;
		}
		free(bits);
		free(naive);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(order),
		cmocka_unit_test(random_bits),
	};

	return cmocka_run_group_tests_name("bitmap", tests, NULL, NULL);
}
