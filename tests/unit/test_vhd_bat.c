// SPDX-License-Identifier: GPL-2.0
/* vhd-bat.c, vhd-bitmap.c: entries, overlaps, bits. */
#include "test.h"
#include "vhd-bitmap.h"

static void geometry(void **state)
{
	struct vhd_geometry geo;

	vhd_geometry_init(&geo, MIB(5), 2 * SZ_1M);
	assert_int_equal(geo.blocks, 3);
	assert_int_equal(geo.bitmap_sectors, 1);
	assert_int_equal(vhd_block_sectors(&geo), 4097);
	assert_int_equal(vhd_block_used(&geo, 0), 4096);
	assert_int_equal(vhd_block_used(&geo, 2), 2048);
	assert_true(vhd_block_data(&geo, 0xfffffffe) == 0xffffffffULL * 512);
	vhd_geometry_init(&geo, MIB(5), SZ_4K);
	assert_int_equal(geo.bitmap_sectors, 1);
	vhd_geometry_init(&geo, MIB(5), 4 * SZ_1M);
	assert_int_equal(geo.bitmap_sectors, 2);
	vhd_geometry_init(&geo, MIB(5), 256U * SZ_1M);
	assert_int_equal(geo.bitmap_sectors, 128);
	assert_int_equal(geo.blocks, 1);
	vhd_geometry_init(&geo, MIB(5), 0);
	assert_int_equal(geo.blocks, 0);
}

static void entries_have_a_place(void **state)
{
	struct vhd_tables tables = {};
	struct vhd_geometry geo;
	u64 end = 512 * (100 + 3 * 9);

	vhd_geometry_init(&geo, SZ_64K, SZ_4K);		/* 9 sectors each */
	vhd_tables_add(&tables, 0, 512);
	vhd_tables_add(&tables, 512 * 50, 512);
	/* What is behind the last one is none. */
	tables.range[2].bytes = end;
	assert_true(vhd_tables_end(&tables) == 512 * 51);
	tables.range[1].bytes = 14;
	assert_true(vhd_tables_end(&tables) == 512 * 51);
	tables.range[1].bytes = 512;
	assert_fault(vhd_bat_check(&geo, &tables, 0, end), VHD_BAT_TABLES);
	assert_ok(vhd_bat_check(&geo, &tables, 1, end));
	assert_ok(vhd_bat_check(&geo, &tables, 41, end));
	assert_fault(vhd_bat_check(&geo, &tables, 42, end), VHD_BAT_TABLES);
	assert_fault(vhd_bat_check(&geo, &tables, 50, end), VHD_BAT_TABLES);
	assert_ok(vhd_bat_check(&geo, &tables, 51, end));
	assert_ok(vhd_bat_check(&geo, &tables, 118, end));
	assert_fault(vhd_bat_check(&geo, &tables, 119, end), VHD_BAT_RANGE);
	assert_fault(vhd_bat_check(&geo, &tables, 0xfffffffe, end),
		     VHD_BAT_RANGE);
}

static void new_data_is_aligned(void **state)
{
	struct vhd_geometry geo;
	u64 end, sector;
	u32 shift;

	for (shift = 12; shift <= 28; shift++) {
		vhd_geometry_init(&geo, MIB(1), 1U << shift);
		for (end = 512; end < 40000; end += 512) {
			sector = vhd_bat_place(&geo, end);
			assert_true(sector * 512 >= end);
			assert_true(sector * 512 < end + 4096);
			assert_int_equal(vhd_block_data(&geo, sector) % 4096, 0);
		}
	}
}

/* Against a map of single sectors. */
static void overlaps_are_found(void **state)
{
	enum { SECTORS = 600 };
	struct vhd_geometry geo;
	struct vhd_space space = {};
	u8 taken[SECTORS];
	u32 round, i, k, sector;
	bool is_free;

	vhd_geometry_init(&geo, MIB(1), SZ_4K);
	space.block_sectors = vhd_block_sectors(&geo);
	space.pieces = vhd_space_pieces(&geo, SECTORS * 512);
	space.start = calloc(space.pieces, sizeof(u32));
	random_seed(seed_of_run());
	for (round = 0; round < 2000; round++) {
		memset(space.start, 0, space.pieces * sizeof(u32));
		memset(taken, 0, sizeof(taken));
		for (i = 0; i < 60; i++) {
			sector = 1 + random_below(SECTORS - 9);
			for (is_free = true, k = 0; k < 9; k++)
				is_free &= !taken[sector + k];
			assert_int_equal(vhd_space_claim(&space, sector),
					 is_free);
			for (k = 0; is_free && k < 9; k++)
				taken[sector + k] = 1;
		}
	}
	free(space.start);
	assert_int_equal(vhd_space_pieces(&geo, ~0ULL), 0xffffffffU / 9 + 1);
}

static void the_highest_bit_is_first(void **state)
{
	u8 bitmap[2] = { 0x80, 0x01 };
	bool set;

	assert_true(vhd_bitmap_test(bitmap, 0));
	assert_false(vhd_bitmap_test(bitmap, 7));
	assert_true(vhd_bitmap_test(bitmap, 15));
	assert_int_equal(vhd_bitmap_run(bitmap, 0, 16, &set), 1);
	assert_true(set);
	assert_int_equal(vhd_bitmap_run(bitmap, 1, 16, &set), 15);
	assert_false(set);
	assert_int_equal(vhd_bitmap_count(bitmap, 16), 2);
	vhd_bitmap_set(bitmap, 2, 10);
	assert_int_equal(bitmap[0], 0xbf);
	assert_int_equal(bitmap[1], 0xc1);
}

/* Bit by bit. */
static void runs_of_bits(void **state)
{
	u32 round, i, from, end, expected;
	u8 bitmap[64];
	bool set;

	random_seed(seed_of_run());
	for (round = 0; round < 3000; round++) {
		u32 count = 0;

		memset(bitmap, random_below(2) ? 0xff : 0, sizeof(bitmap));
		for (i = random_below(4); i; i--)
			bitmap[random_below(64)] ^= 1 << random_below(8);
		from = random_below(511);
		end = from + 1 + random_below(512 - from);
		for (expected = from + 1; expected < end &&
		     vhd_bitmap_test(bitmap, expected) ==
		     vhd_bitmap_test(bitmap, from); expected++)
			;
		assert_int_equal(vhd_bitmap_run(bitmap, from, end, &set),
				 expected);
		assert_int_equal(set, vhd_bitmap_test(bitmap, from));
		for (i = 0; i < end; i++)
			count += vhd_bitmap_test(bitmap, i);
		assert_int_equal(vhd_bitmap_count(bitmap, end), count);
	}
}

static void batmaps(void **state)
{
	static const u8 map[4] = { 1, 0x80, 0xff, 0 };
	struct vhd_batmap batmap;
	u8 buf[512] = "tdbatmap";

	put64be(buf + 8, 4096);
	put32be(buf + 16, 1);
	put32be(buf + 20, 0x10002);
	put32be(buf + 24, 77);
	assert_true(vhd_batmap_decode(buf, 2048, 4096, MIB(1), &batmap));
	assert_true(batmap.off == 4096 && batmap.bytes == 512);
	assert_int_equal(batmap.checksum, 77);
	assert_int_equal(vhd_batmap_sum(&batmap, 1, map, 4), 1 + 1 + 0x80 + 0xff);
	batmap.version = 0x10001;
	assert_int_equal(vhd_batmap_sum(&batmap, 0, map, 4), 1u - 0x80 - 1);
	vhd_batmap_seal(buf, 5);
	assert_int_equal(get32be(buf + 24), ~5u);
	/* Too small, past the end, not aligned, in its own header, another. */
	assert_false(vhd_batmap_decode(buf, 2048, 4097, MIB(1), &batmap));
	assert_false(batmap.bytes);
	assert_false(vhd_batmap_decode(buf, 2048, 1, 4607, &batmap));
	assert_true(vhd_batmap_decode(buf, 2048, 1, 4608, &batmap));
	assert_false(vhd_batmap_decode(buf, 4096, 1, MIB(1), &batmap));
	put64be(buf + 8, 4097);
	assert_false(vhd_batmap_decode(buf, 2048, 1, MIB(1), &batmap));
	put64be(buf + 8, ~511ULL);
	assert_false(vhd_batmap_decode(buf, 2048, 1, MIB(1), &batmap));
	put64be(buf + 8, 4096);
	/* All of it is read each time. */
	put32be(buf + 16, 8192);
	assert_true(vhd_batmap_decode(buf, 2048, 4096, 1ULL << 40, &batmap));
	put32be(buf + 16, 8193);
	assert_false(vhd_batmap_decode(buf, 2048, 4096, 1ULL << 40, &batmap));
	put32be(buf + 16, ~0U);
	assert_false(vhd_batmap_decode(buf, 2048, 4096, 1ULL << 50, &batmap));
	put32be(buf + 16, 1);
	buf[0] = 'T';
	assert_false(vhd_batmap_decode(buf, 2048, 1, MIB(1), &batmap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry),
		cmocka_unit_test(entries_have_a_place),
		cmocka_unit_test(new_data_is_aligned),
		cmocka_unit_test(overlaps_are_found),
		cmocka_unit_test(the_highest_bit_is_first),
		cmocka_unit_test(runs_of_bits),
		cmocka_unit_test(batmaps),
	};

	return cmocka_run_group_tests_name("vhd_bat", tests, NULL, NULL);
}
