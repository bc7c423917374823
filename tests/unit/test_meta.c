// SPDX-License-Identifier: GPL-2.0
/* vhdx-meta.c: metadata table and items; cases 26 to 44. */
#include "test.h"
#include "vhdx-meta.h"

#define REGION MIB(4)

/* GUIDs as format.md prints them in the order of their bytes. */
static const char *const known_hex[VHDX_META_NR_KINDS] = {
	"3767A1CA36FA434DB3B633F0AA44E76B",
	"2442A52F1BCD7648B2115DBED83BF4B8",
	"AB12CABEE6B2234593EFC309E000C746",
	"1DBF41816FA90947BA47F233A8FAAB5F",
	"C748A3CD5D4471449CC9E9885251C556",
	"2D5FD3A80BB34D45ABF7D3D84834AB0C",
};

static u8 region[2 * VHDX_META_TABLE_BYTES];
static struct vhdx_meta_item known[VHDX_META_NR_KINDS];

static struct vhdx_meta sample(void)
{
	struct vhdx_meta meta = {
		.block_bytes = MIB(32),
		.disk_bytes = MIB(100),
		.disk_id = guid_of("000102030405060708090a0b0c0d0e0f"),
		.logical_bytes = 512,
		.physical_bytes = 4096,
	};

	return meta;
}

static void build(void)
{
	struct vhdx_meta meta = sample();

	vhdx_meta_region_encode(region, &meta);
}

static u8 *entry(u32 index)
{
	return region + 32 + 32 * index;
}

/* Append an entry of an unknown GUID. */
static void add(u32 id, u32 off, u32 length, u32 flags)
{
	u32 count = get16(region + 10);

	put32(entry(count), id);
	memset(entry(count) + 4, 0xab, 12);
	put32(entry(count) + 16, off);
	put32(entry(count) + 20, length);
	put32(entry(count) + 24, flags);
	put32(entry(count) + 28, 0);
	put16(region + 10, count + 1);
}

static int check(void)
{
	return vhdx_meta_table_check(region, REGION, known);
}

static void encoded_as_specified(void **state)
{
	static const u32 flags[] = { 4, 6, 6, 6, 6 }, lengths[] = { 8, 8, 16, 4, 4 };
	struct vhdx_meta meta = sample(), back = {};
	u32 off = 65536, used, i;
	guid_t guid;

	meta.leave_allocated = true;
	memset(region, 0xcc, sizeof(region));
	used = vhdx_meta_region_encode(region, &meta);
	assert_memory_equal(region, "metadata\0\0\5\0", 12);
	for (i = 0; i < 5; i++) {
		guid = guid_of(known_hex[i]);
		assert_memory_equal(entry(i), &guid, 16);
		assert_int_equal(get32(entry(i) + 16), off);
		assert_int_equal(get32(entry(i) + 20), lengths[i]);
		assert_int_equal(get32(entry(i) + 24), flags[i]);
		off += lengths[i];
	}
	assert_int_equal(used, off);
	assert_int_equal(get32(region + 65536), MIB(32));
	assert_int_equal(get32(region + 65540), 1);
	assert_int_equal(get64(region + 65544), MIB(100));
	assert_int_equal(get32(region + 65568), 512);
	assert_int_equal(get32(region + 65572), 4096);
	for (i = 32 + 32 * 5; i < 65536; i++)
		assert_int_equal(region[i], 0);
	for (i = used; i < sizeof(region); i++)
		assert_int_equal(region[i], 0);
	meta.leave_allocated = false;
	vhdx_meta_region_encode(region, &meta);
	assert_int_equal(get32(region + 65540), 0);
	meta.has_parent = true;
	vhdx_meta_region_encode(region, &meta);
	assert_int_equal(get32(region + 65540), 2);
	meta.has_parent = false;
	meta.leave_allocated = true;
	vhdx_meta_region_encode(region, &meta);

	assert_ok(check());
	assert_int_equal(vhdx_meta_table_count(region), 5);
	assert_int_equal(known[VHDX_META_PARENT_LOCATOR].length, 0);
	for (i = 0; i < VHDX_META_PARENT_LOCATOR; i++) {
		assert_int_equal(known[i].kind, i);
		assert_ok(vhdx_meta_item_decode(i, region + known[i].off, &back));
	}
	assert_ok(vhdx_meta_check(&back));
	assert_int_equal(back.block_bytes, MIB(32));
	assert_true(back.leave_allocated);
	assert_false(back.has_parent);
	assert_int_equal(back.disk_bytes, MIB(100));
	assert_memory_equal(&back.disk_id, &meta.disk_id, 16);
	assert_int_equal(back.logical_bytes, 512);
	assert_int_equal(back.physical_bytes, 4096);
}

/* Case 26. */
static void table_header(void **state)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		build();
		region[i] ^= 1;
		assert_fault(check(), META_SIGNATURE);
	}
	build();
	put16(region + 10, 2048);
	assert_fault(check(), META_COUNT);
	put16(region + 10, 0xffff);
	assert_fault(check(), META_COUNT);
	put16(region + 10, 0);
	assert_fault(check(), META_MISSING);
	/* Reserved bytes do not count. */
	build();
	memset(region + 12, 0xff, 20);
	put16(region + 8, 1);
	assert_ok(check());
}

static void largest_table(void **state)
{
	u32 i;

	build();
	for (i = 0; i < 2047 - 5; i++)
		add(i, 0x20000 + i, 1, i < 1024 ? VHDX_META_IS_USER : 0);
	assert_int_equal(vhdx_meta_table_count(region), 2047);
	assert_ok(check());
}

/* Cases 28, 29, 31. */
static void item_places(void **state)
{
	static const struct {
		u32 off, length;
		int result;
	} items[] = {
		{ 65536 + 4096, 1, 0 },
		{ 65535, 1, VHDX_FAULT_META_LOW },
		{ 0, 1, VHDX_FAULT_META_LOW },
		{ REGION - 1, 1, 0 },
		{ REGION - 1, 2, VHDX_FAULT_META_RANGE },
		{ REGION, 1, VHDX_FAULT_META_RANGE },
		{ REGION + 1, 1, VHDX_FAULT_META_RANGE },
		{ 0xfffffff0, 0x20, VHDX_FAULT_META_RANGE },
		{ 0xfffffff0, 0x10, VHDX_FAULT_META_RANGE },
		{ 0xffffffff, MIB(1), VHDX_FAULT_META_RANGE },
		{ MIB(1), MIB(1), 0 },
		{ MIB(1), MIB(1) + 1, VHDX_FAULT_META_LONG },
		{ MIB(1), 0xffffffff, VHDX_FAULT_META_LONG },
		{ 0, 0, 0 },
		{ 65536 + 4096, 0, VHDX_FAULT_META_EMPTY },
		{ 1, 0, VHDX_FAULT_META_EMPTY },
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		build();
		add(1, items[i].off, items[i].length, 0);
		assert_int_equal(check(), items[i].result);
	}
}

/* Case 30. */
static void item_overlaps(void **state)
{
	build();
	add(1, MIB(1), 100, 0);
	add(2, MIB(1) + 100, 100, 0);
	assert_ok(check());
	add(3, MIB(1) + 199, 1, 0);
	assert_fault(check(), META_OVERLAP);
	build();
	add(1, MIB(1), 100, 0);
	add(2, MIB(1) - 1, 2, 0);
	assert_fault(check(), META_OVERLAP);
	build();
	add(1, MIB(1) + 50, 1, 0);
	add(2, MIB(1), 100, VHDX_META_IS_USER);
	assert_fault(check(), META_OVERLAP);
	/* Two known items share their bytes. */
	build();
	put32(entry(4) + 16, get32(entry(3) + 16));
	assert_fault(check(), META_OVERLAP);
	build();
	put32(entry(1) + 16, get32(entry(0) + 16));
	assert_fault(check(), META_OVERLAP);
	/* One right before another is no overlap, in either order. */
	build();
	add(1, MIB(1) + 100, 100, 0);
	add(2, MIB(1), 100, 0);
	assert_ok(check());
	/* Empty ones share nothing. */
	build();
	add(1, 0, 0, 0);
	add(2, 0, 0, 0);
	assert_ok(check());
}

/* Case 32. */
static void items_twice(void **state)
{
	build();
	add(1, MIB(1), 8, 0);
	add(1, MIB(2), 8, VHDX_META_IS_USER);
	assert_ok(check());
	add(1, MIB(3), 8, VHDX_META_IS_DISK);
	assert_fault(check(), META_TWICE);
	build();
	add(1, 0, 0, VHDX_META_IS_USER);
	add(1, 0, 0, VHDX_META_IS_USER);
	assert_fault(check(), META_TWICE);
	build();
	add(0, MIB(1), 8, 0);
	memcpy(entry(5), entry(1), 16);
	assert_fault(check(), META_TWICE);
	build();
	add(0, MIB(1), 8, 0);
	memcpy(entry(5), entry(0), 16);		/* the very first one counts, too */
	assert_fault(check(), META_TWICE);
}

/* Case 33. */
static void user_items(void **state)
{
	u32 i;

	build();
	for (i = 0; i < 1024; i++)
		add(i, 0, 0, VHDX_META_IS_USER);
	assert_ok(check());
	add(i, 0, 0, VHDX_META_IS_USER);
	assert_fault(check(), META_USER_COUNT);
	build();
	add(1, MIB(1), 8, VHDX_META_IS_USER | VHDX_META_IS_REQUIRED);
	assert_fault(check(), META_USER_REQUIRED);
}

/* Cases 34 to 36, 38; decision 8. */
static void known_items(void **state)
{
	u32 i, length;

	for (i = 0; i < 5; i++) {
		build();
		put32(entry(i) + 24, VHDX_META_IS_USER);	/* 34 */
		assert_fault(check(), META_MISSING);
		build();
		put32(entry(i), 0);				/* 35 */
		put32(entry(i) + 24, 0);
		assert_fault(check(), META_MISSING);
		build();
		length = get32(entry(i) + 20);			/* 36 */
		put32(entry(i) + 16, MIB(1));
		put32(entry(i) + 20, length - 1);
		assert_fault(check(), META_LENGTH);
		put32(entry(i) + 20, length + 1);
		assert_fault(check(), META_LENGTH);
		put32(entry(i) + 20, 0);
		put32(entry(i) + 16, 0);
		assert_fault(check(), META_LENGTH);
		build();
		put32(entry(i) + 24, get32(entry(i) + 24) ^
		      VHDX_META_IS_DISK);			/* 38 */
		assert_ok(check());
		put32(entry(i) + 24, 0);
		assert_ok(check());
		put32(entry(i) + 24, 0xfffffffa);
		put32(entry(i) + 28, 0xffffffff);
		assert_ok(check());
	}
	/* A user item of the same GUID beside the right one. */
	build();
	add(0, MIB(1), 3, VHDX_META_IS_USER);
	memcpy(entry(5), entry(1), 16);
	assert_ok(check());
	assert_int_equal(known[VHDX_META_DISK_SIZE].off, 65544);
}

/* Case 37. */
static void unknown_items(void **state)
{
	guid_t incomplete = guid_of("F085CC71691B284E9558C3BF83AE75D3");

	build();
	add(1, MIB(1), 8, VHDX_META_IS_REQUIRED);
	assert_fault(check(), META_UNKNOWN);
	build();
	add(1, MIB(1), 8, VHDX_META_IS_DISK);
	assert_ok(check());
	build();
	add(1, 0, 0, VHDX_META_IS_REQUIRED);
	memcpy(entry(5), &incomplete, 16);
	assert_fault(check(), INCOMPLETE);
	put32(entry(5) + 24, 0);
	assert_fault(check(), INCOMPLETE);
}

/* Case 37: CHS parameters and the PMEM label area, whatever their flags. */
static void items_nobody_needs(void **state)
{
	guid_t ids[] = {
		guid_of("BCD702DA3A3D3C42AC882A36AB21479B"),
		guid_of("8AAEE1107E4B6941A40FCD70DE928393"),
	};
	u32 i, flags;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		for (flags = 0; flags < 8; flags++) {
			build();
			add(1, MIB(1) - 8, 8, flags);
			memcpy(entry(5), &ids[i], 16);
			if ((flags & 5) == 5)
				assert_fault(check(), META_USER_REQUIRED);
			else
				assert_ok(check());
			/* Only the whole GUID counts. */
			entry(5)[15] ^= 1;
			if ((flags & 5) == 4)
				assert_fault(check(), META_UNKNOWN);
		}
}

/* Case 44: its place is found, what it says is not judged here. */
static void parent_locator(void **state)
{
	guid_t guid = guid_of(known_hex[VHDX_META_PARENT_LOCATOR]);
	struct vhdx_meta meta = sample();

	build();
	add(0, MIB(1), 300, VHDX_META_IS_REQUIRED);
	memcpy(entry(5), &guid, 16);
	assert_ok(check());
	assert_int_equal(known[VHDX_META_PARENT_LOCATOR].off, MIB(1));
	assert_int_equal(known[VHDX_META_PARENT_LOCATOR].length, 300);
	assert_ok(vhdx_meta_item_decode(VHDX_META_PARENT_LOCATOR, region, &meta));
}

/* Cases 42, 44. */
static void file_params(void **state)
{
	struct vhdx_meta meta = {};
	u8 params[8];
	u32 bit;

	put32(params, MIB(1));
	for (bit = 0; bit < 32; bit++) {
		int r;

		put32(params + 4, 1U << bit);
		r = vhdx_meta_item_decode(VHDX_META_FILE_PARAMS, params, &meta);
		if (bit < 2)
			assert_ok(r);
		else
			assert_fault(r, PARAM_RESERVED);
	}
	put32(params + 4, 3);
	assert_ok(vhdx_meta_item_decode(VHDX_META_FILE_PARAMS, params, &meta));
	assert_true(meta.has_parent);
	assert_false(meta.leave_allocated);
	put32(params + 4, 1);
	assert_ok(vhdx_meta_item_decode(VHDX_META_FILE_PARAMS, params, &meta));
	assert_false(meta.has_parent);
	assert_true(meta.leave_allocated);

	meta.has_parent = true;
	vhdx_meta_region_encode(region, &meta);
	assert_int_equal(get32(region + 65540), 3);
}

/* Cases 39 to 41; decision 11. */
static void values(void **state)
{
	static const u32 bad_blocks[] = {
		0, 1, 512, 0x80000, 0xfffff, 0x100001, 0x300000, 0x18000000,
		0x20000000, 0x80000000, 0xffffffff,
	};
	static const u32 bad_sectors[] = { 0, 1, 256, 513, 1024, 2048, 8192, ~0U };
	struct vhdx_meta meta;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(bad_blocks); i++) {
		meta = sample();
		meta.block_bytes = bad_blocks[i];
		assert_fault(vhdx_meta_check(&meta), BLOCK_SIZE);
	}
	for (i = 20; i <= 28; i++) {
		meta = sample();
		meta.block_bytes = 1U << i;
		assert_ok(vhdx_meta_check(&meta));
	}
	for (i = 0; i < ARRAY_SIZE(bad_sectors); i++) {
		meta = sample();
		meta.logical_bytes = bad_sectors[i];
		assert_fault(vhdx_meta_check(&meta), LOGICAL_SIZE);
		meta = sample();
		meta.physical_bytes = bad_sectors[i];
		assert_fault(vhdx_meta_check(&meta), PHYSICAL_SIZE);
	}
	meta = sample();
	meta.logical_bytes = 4096;
	meta.physical_bytes = 512;
	assert_ok(vhdx_meta_check(&meta));
	assert_int_equal(meta.physical_bytes, 4096);
}

static void disk_sizes(void **state)
{
	struct vhdx_meta meta = sample();

	meta.disk_bytes = 0;
	assert_fault(vhdx_meta_check(&meta), DISK_SIZE);
	meta.disk_bytes = 513;
	assert_fault(vhdx_meta_check(&meta), DISK_SIZE);
	meta.disk_bytes = 512;
	assert_ok(vhdx_meta_check(&meta));
	meta.logical_bytes = 4096;
	assert_fault(vhdx_meta_check(&meta), DISK_SIZE);
	meta.disk_bytes = 1ULL << 46;
	assert_ok(vhdx_meta_check(&meta));
	meta.disk_bytes += 4096;
	assert_fault(vhdx_meta_check(&meta), DISK_HUGE);
	meta.disk_bytes = -4096ULL;
	assert_fault(vhdx_meta_check(&meta), DISK_HUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encoded_as_specified),
		cmocka_unit_test(table_header),
		cmocka_unit_test(largest_table),
		cmocka_unit_test(item_places),
		cmocka_unit_test(item_overlaps),
		cmocka_unit_test(items_twice),
		cmocka_unit_test(user_items),
		cmocka_unit_test(known_items),
		cmocka_unit_test(unknown_items),
		cmocka_unit_test(items_nobody_needs),
		cmocka_unit_test(parent_locator),
		cmocka_unit_test(file_params),
		cmocka_unit_test(values),
		cmocka_unit_test(disk_sizes),
	};

	return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
