// SPDX-License-Identifier: GPL-2.0
/* vhdx-load.c: what only images with a parent have. */
#include "test.h"
#include "memory.h"

#define META_OFF	MIB(2)
#define BAT_OFF		MIB(3)
#define IMAGE		MIB(1024)	/* as if; nothing behind the BAT is read */

static struct memory image;
static struct vhdx_layout layout;
static struct vhdx_space space;
static u8 scratch[VHDX_LOAD_SCRATCH];

static int setup(void **state)
{
	memory_init(&image, MIB(4));
	image.reader.image_bytes = IMAGE;
	space.size = IMAGE >> 20;
	space.map = calloc(BITS_TO_LONGS(space.size), sizeof(long));
	return 0;
}

static int teardown(void **state)
{
	memory_free(&image);
	free(space.map);
	return 0;
}

static void put_bat(u64 index, u64 raw)
{
	put64(image.bytes + BAT_OFF + index * 8, raw);
}

/*
 * 40 blocks of 256 MiB, and not all of the last one: three chunks, of 16 blocks
 * and their sector bitmap each.
 */
static void build(void)
{
	struct vhdx_header header = { .sequence = 5, .version = 1,
				      .log_off = MIB(1), .log_length = MIB(1) };
	struct vhdx_region regions[3] = {
		{ vhdx_guid_metadata_region, META_OFF, MIB(1), true },
		{ vhdx_guid_bat_region, BAT_OFF, MIB(1), true },
		{ { { 1 } }, MIB(10), MIB(1), false },
	};
	struct vhdx_meta meta = { .block_bytes = MIB(256), .has_parent = true,
				  .disk_bytes = 256 * MIB(40) - 512,
				  .logical_bytes = 512, .physical_bytes = 4096 };

	vhdx_ident_encode(image.bytes, "test");
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(0));
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(1));
	vhdx_region_table_encode(image.bytes + VHDX_REGION_OFF(0), regions, 3);
	vhdx_region_table_encode(image.bytes + VHDX_REGION_OFF(1), regions, 3);
	vhdx_meta_region_encode(image.bytes + META_OFF, &meta);
	vhdx_meta_locator_encode(image.bytes + META_OFF, 5, 80 * 1024, 100);
	memset(image.bytes + BAT_OFF, 0, 4096);
	image.reader.parents = true;
}

static int load(void)
{
	int r = vhdx_load_header(&image.reader, &layout, scratch);

	return r ? r : vhdx_load_layout(&image.reader, &layout, scratch);
}

/* What vhdx_load_bat() reported first of what is wrong. */
struct finding {
	u64 next;
	u64 index;
	int result;
};

static int visit(void *arg, u64 index, u32 block, bool bitmap,
		 const struct vhdx_bat_entry *entry, int result)
{
	struct finding *finding = arg;

	assert_true(finding->next <= index);
	finding->next = index + 1;
	assert_int_equal(vhdx_bat_is_bitmap(&layout.geo, index), bitmap);
	assert_int_equal(index, bitmap ? vhdx_bat_bitmap_index(&layout.geo, block) :
					 vhdx_bat_index(&layout.geo, block));
	assert_true(block < (bitmap ? layout.geo.chunks : layout.geo.blocks));
	if (result && !finding->result) {
		finding->result = result;
		finding->index = index;
	}
	return 0;
}

/* The first fault has to be this one, or NULL. */
static void assert_entry(u64 index, const char *name, u32 per_read)
{
	struct finding finding = { .result = 0 };
	u8 *buf = malloc(per_read);

	memset(space.map, 0, BITS_TO_LONGS(space.size) * sizeof(long));
	assert_ok(load());
	assert_ok(vhdx_load_space(&image.reader, &layout, &space, scratch));
	assert_ok(vhdx_load_bat(&image.reader, &layout, &space, buf, per_read, visit,
				&finding));
	free(buf);
	assert_string_equal(vhdx_fault_name(finding.result),
			    name ? name : vhdx_fault_name(0));
	assert_int_equal(finding.index, index);
}

/* Whoever does not ask for them gets no differencing images. */
static void parents(void **state)
{
	build();
	image.reader.parents = false;
	assert_fault(load(), HAS_PARENT);
	image.reader.parents = true;
	assert_ok(load());
	assert_true(layout.meta.has_parent);
	assert_true(layout.geo.has_parent);
	assert_int_equal(layout.geo.chunks, 3);
	assert_int_equal(layout.locator.off, 80 * 1024);
	assert_int_equal(layout.locator.length, 100);
}

/* Cases 61, 63; decision 1.  Wherever the reads of the BAT are cut. */
static void bitmaps(void **state)
{
	u32 per_read;

	for (per_read = 8; per_read <= 512; per_read += 8) {
		build();
		assert_entry(0, NULL, per_read);
		/* Chunk 1 has entries 17 to 32, its bitmap is 33. */
		put_bat(20, VHDX_BAT_RAW(7, 300));
		assert_entry(33, "BITMAP_MISSING", per_read);
		put_bat(33, VHDX_BAT_RAW(6, 9));
		assert_entry(0, NULL, per_read);
		assert_true(vhdx_space_claim(&space, 8, 1));
		assert_false(vhdx_space_claim(&space, 9, 1));
		/* Not the next chunk's. */
		put_bat(33, 0);
		put_bat(50, VHDX_BAT_RAW(6, 9));
		assert_entry(33, "BITMAP_MISSING", per_read);
		put_bat(33, VHDX_BAT_RAW(5, 9));
		assert_entry(33, "BITMAP_STATE", per_read);
		/* In a block, in another bitmap, in a region. */
		put_bat(33, VHDX_BAT_RAW(6, 301));
		assert_entry(33, "BAT_OVERLAP", per_read);
		put_bat(33, VHDX_BAT_RAW(6, 9));
		assert_entry(50, "BAT_OVERLAP", per_read);
		put_bat(50, VHDX_BAT_RAW(6, 10));
		assert_entry(50, "BAT_OVERLAP", per_read);
		/* The disk has 40 blocks, the last chunk entries for 48. */
		put_bat(50, 0);
		put_bat(41, VHDX_BAT_RAW(6, 600));
		assert_entry(0, NULL, per_read);
		put_bat(42, VHDX_BAT_RAW(4, 77) | 8);
		put_bat(49, VHDX_BAT_RAW(7, 300));
		assert_entry(0, NULL, per_read);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parents, setup, teardown),
		cmocka_unit_test_setup_teardown(bitmaps, setup, teardown),
	};

	return cmocka_run_group_tests_name("load_child", tests, NULL, NULL);
}
