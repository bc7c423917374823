// SPDX-License-Identifier: GPL-2.0
/* vhdx-region.c: region tables; cases 16 to 25 and 27. */
#include "test.h"
#include "vhdx-region.h"

#define IMAGE MIB(300)

static const struct vhdx_header header = { .log_off = MIB(1), .log_length = MIB(1) };
static u8 table[VHDX_REGION_BYTES], other[VHDX_REGION_BYTES];
static struct vhdx_regions regions;

/* BAT at 3 MiB, metadata at 2 MiB, then @extra unknown ones from 16 MiB on. */
static void build(u32 extra)
{
	static struct vhdx_region list[VHDX_REGION_MAX_ENTRIES + 1];
	u32 i;

	list[0] = (struct vhdx_region){ vhdx_guid_bat_region, MIB(3), MIB(1), true };
	list[1] = (struct vhdx_region){ vhdx_guid_metadata_region, MIB(2), MIB(1),
					true };
	for (i = 0; i < extra; i++) {
		list[i + 2] = (struct vhdx_region){ .off = MIB(16 + i),
						    .length = MIB(1) };
		put32(&list[i + 2].guid, i + 1);
	}
	vhdx_region_table_encode(table, list, extra + 2);
}

static u8 *entry(u32 index)
{
	return table + 16 + 32 * index;
}

static int check(void)
{
	return vhdx_region_table_check(table, &header, IMAGE, &regions);
}

static void encoded_as_specified(void **state)
{
	u32 i;

	memset(table, 0xcc, sizeof(table));
	build(1);
	assert_memory_equal(table, "regi", 4);
	assert_int_equal(get32(table + 8), 3);
	assert_int_equal(get32(table + 12), 0);
	assert_memory_equal(entry(0), "\x66\x77\xC2\x2D\x23\xF6\x00\x42"
			    "\x9D\x64\x11\x5E\x9B\xFD\x4A\x08", 16);
	assert_memory_equal(entry(1), "\x06\xA2\x7C\x8B\x90\x47\x9A\x4B"
			    "\xB8\xFE\x57\x5F\x05\x0F\x88\x6E", 16);
	assert_int_equal(get64(entry(0) + 16), MIB(3));
	assert_int_equal(get32(entry(0) + 24), MIB(1));
	assert_int_equal(get32(entry(0) + 28), 1);
	assert_int_equal(get32(entry(2) + 28), 0);
	for (i = 16 + 96; i < VHDX_REGION_BYTES; i++)
		assert_int_equal(table[i], 0);
	memcpy(other, table, sizeof(table));
	put32(other + 4, 0);
	assert_int_equal(get32(table + 4), slow_crc32c(other, sizeof(other)));

	assert_true(vhdx_region_table_valid(table));
	assert_ok(check());
	assert_int_equal(regions.count, 3);
	assert_int_equal(regions.bat.off, MIB(3));
	assert_int_equal(regions.metadata.off, MIB(2));
	assert_true(regions.bat.required);
}

/* Cases 16, 17; decision 9. */
static void which_table(void **state)
{
	bool differ;
	int slot;

	build(0);
	memcpy(other, table, sizeof(table));
	assert_ok(vhdx_region_table_select(table, other, &slot, &differ));
	assert_int_equal(slot, 0);
	assert_false(differ);

	other[60000] = 1;
	assert_ok(vhdx_region_table_select(table, other, &slot, &differ));
	assert_int_equal(slot, 0);
	assert_true(differ);
	assert_ok(vhdx_region_table_select(other, table, &slot, &differ));
	assert_int_equal(slot, 1);
	assert_true(differ);
	seal(other, sizeof(other));
	assert_ok(vhdx_region_table_select(other, table, &slot, &differ));
	assert_int_equal(slot, 0);
	assert_true(differ);

	/* Nonsense under a good checksum still counts. */
	put32(other + 8, 5000);
	seal(other, sizeof(other));
	assert_ok(vhdx_region_table_select(other, table, &slot, &differ));
	assert_int_equal(slot, 0);

	table[0] = 'R';
	seal(table, sizeof(table));
	other[8] ^= 1;
	assert_fault(vhdx_region_table_select(table, other, &slot, &differ),
		     NO_REGION_TABLE);
}

/* Case 18. */
static void count(void **state)
{
	struct vhdx_region last;

	build(0);
	put32(table + 8, 2048);
	assert_fault(check(), REGION_COUNT);
	put32(table + 8, ~0U);
	assert_fault(check(), REGION_COUNT);
	put32(table + 8, 0);
	assert_fault(check(), NO_BAT);

	build(2045);
	assert_ok(vhdx_region_table_check(table, &header, MIB(16 + 2045), &regions));
	assert_int_equal(regions.count, 2047);
	vhdx_region_decode(table, 2046, &last);
	assert_int_equal(last.off, MIB(16 + 2044));
	assert_int_equal(get32(&last.guid), 2045);
	assert_false(last.required);
}

/* Cases 19 to 21, 27. */
static void which_regions(void **state)
{
	build(2);
	memcpy(entry(3), entry(2), 16);
	assert_fault(check(), REGION_TWICE);
	build(2);
	memcpy(entry(3), entry(0), 16);
	assert_fault(check(), REGION_TWICE);

	build(1);
	put32(entry(0), 1234);
	put32(entry(0) + 28, 0);
	assert_fault(check(), NO_BAT);
	build(1);
	put32(entry(1), 1234);
	put32(entry(1) + 28, 0);
	assert_fault(check(), NO_METADATA);

	build(2);
	put32(entry(3) + 28, 1);
	assert_fault(check(), REGION_UNKNOWN);

	/* Decision 8: the known ones need no flag. */
	build(0);
	put32(entry(0) + 28, 0);
	put32(entry(1) + 28, 0);
	assert_ok(check());

	build(0);
	put64(entry(1) + 16, MIB(16));
	put32(entry(1) + 24, MIB(128));
	assert_ok(check());
	put32(entry(1) + 24, MIB(129));
	assert_fault(check(), META_HUGE);
}

static int place(u64 off, u32 length)
{
	build(1);
	put64(entry(2) + 16, off);
	put32(entry(2) + 24, length);
	return check();
}

/* Cases 22 to 24. */
static void places(void **state)
{
	assert_fault(place(MIB(16) + 4096, MIB(1)), REGION_ALIGN);
	assert_fault(place(MIB(16), MIB(1) + 4096), REGION_ALIGN);
	assert_fault(place(MIB(16) + 65536, MIB(1)), REGION_ALIGN);
	assert_fault(place(MIB(16), MIB(1) + 65536), REGION_ALIGN);
	assert_fault(place(MIB(16), MIB(2) - 65536), REGION_ALIGN);
	assert_fault(place(MIB(16), 65536), REGION_ALIGN);
	assert_fault(place(MIB(16), 0), REGION_ALIGN);
	assert_fault(place(0, MIB(1)), REGION_ALIGN);
	assert_fault(place(0x30000, MIB(1)), REGION_ALIGN);

	assert_ok(place(IMAGE - MIB(1), MIB(1)));
	assert_fault(place(IMAGE - MIB(1), MIB(2)), REGION_RANGE);
	assert_fault(place(IMAGE, MIB(1)), REGION_RANGE);
	assert_fault(place(-MIB(1), MIB(1)), REGION_RANGE);
	assert_fault(place(-MIB(1), MIB(2)), REGION_RANGE);
	assert_fault(place(1ULL << 63, MIB(1)), REGION_RANGE);

	assert_ok(place(MIB(4), MIB(4)));
	assert_fault(place(MIB(1), MIB(1)), REGION_OVERLAP);	/* log */
	assert_fault(place(MIB(2), MIB(1)), REGION_OVERLAP);	/* metadata */
	assert_fault(place(MIB(3), MIB(1)), REGION_OVERLAP);	/* BAT */
	assert_fault(place(MIB(3), MIB(4)), REGION_OVERLAP);
	assert_fault(place(MIB(1), MIB(16)), REGION_OVERLAP);
}

static void partial_overlap(void **state)
{
	build(2);
	put32(entry(2) + 24, MIB(4));
	put64(entry(3) + 16, MIB(19));
	put32(entry(3) + 24, MIB(4));
	assert_fault(check(), REGION_OVERLAP);
	put64(entry(3) + 16, MIB(20));
	assert_ok(check());
	put64(entry(3) + 16, MIB(13));
	assert_fault(check(), REGION_OVERLAP);
	put64(entry(3) + 16, MIB(12));
	assert_ok(check());
	put64(entry(3) + 16, MIB(17));
	put32(entry(3) + 24, MIB(1));
	assert_fault(check(), REGION_OVERLAP);
}

/* Case 13: a log of no length is nowhere, also where its offset says so. */
static void no_log_overlaps_nothing(void **state)
{
	struct vhdx_header none = { .log_length = 0 };
	static const u64 offs[] = { 0, MIB(1), MIB(16), MIB(17), MIB(18) + 5, ~0ULL };
	u32 i;

	build(1);
	put32(entry(2) + 24, MIB(4));
	for (i = 0; i < ARRAY_SIZE(offs); i++) {
		none.log_off = offs[i];
		assert_ok(vhdx_region_table_check(table, &none, IMAGE, &regions));
	}
}

/* Case 25. */
static void reserved(void **state)
{
	build(0);
	put32(table + 12, 1);
	assert_fault(check(), REGION_RESERVED);
	build(1);
	put32(entry(2) + 28, 2);
	assert_fault(check(), REGION_RESERVED);
	put32(entry(2) + 28, 0x80000001);
	assert_fault(check(), REGION_RESERVED);
	/* What lies behind the last entry is padding. */
	build(1);
	memset(entry(3), 0xff, 100);
	assert_ok(check());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_as_specified),
		cmocka_unit_test(which_table),
		cmocka_unit_test(count),
		cmocka_unit_test(which_regions),
		cmocka_unit_test(places),
		cmocka_unit_test(partial_overlap),
		cmocka_unit_test(no_log_overlaps_nothing),
		cmocka_unit_test(reserved),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
