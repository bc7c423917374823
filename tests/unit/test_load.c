// SPDX-License-Identifier: GPL-2.0
/*
 * vhdx-load.c: the order of reading, read errors, and what only the whole image
 * can tell.  The images of tests/images go through test_images.c.
 */
#include "test.h"
#include "memory.h"

#define IMAGE		MIB(12)
#define LOG_OFF		MIB(1)
#define META_OFF	MIB(2)
#define BAT_OFF		MIB(3)
#define DATA_MIB	4

static struct memory image;
static struct vhdx_layout layout;
static struct vhdx_space space;
static u8 scratch[VHDX_LOAD_SCRATCH];

static int setup(void **state)
{
	memory_init(&image, IMAGE);
	memset(&layout, 0xee, sizeof(layout));
	space.size = IMAGE >> 20;
	space.map = calloc(BITS_TO_LONGS(space.size), sizeof(long));
	space.taken = 0;
	space.end = 0;
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

static void put_params(u32 block_bytes, u32 flags)
{
	put32(image.bytes + META_OFF + 65536, block_bytes);
	put32(image.bytes + META_OFF + 65540, flags);
}

/* A good image: 6 MiB in blocks of 1 MiB, three of them present. */
static void build(void)
{
	struct vhdx_header header = { .sequence = 5, .version = 1,
				      .log_off = LOG_OFF, .log_length = MIB(1) };
	struct vhdx_region regions[3] = {
		{ vhdx_guid_metadata_region, META_OFF, MIB(1), true },
		{ vhdx_guid_bat_region, BAT_OFF, MIB(1), true },
		{ { { 1 } }, MIB(10), MIB(1), false },
	};
	struct vhdx_meta meta = { .block_bytes = MIB(1), .disk_bytes = MIB(6),
				  .logical_bytes = 512, .physical_bytes = 4096 };

	vhdx_ident_encode(image.bytes, "test");
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(0));
	header.sequence = 6;
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(1));
	vhdx_region_table_encode(image.bytes + VHDX_REGION_OFF(0), regions, 3);
	vhdx_region_table_encode(image.bytes + VHDX_REGION_OFF(1), regions, 3);
	vhdx_meta_region_encode(image.bytes + META_OFF, &meta);
	put_bat(0, VHDX_BAT_RAW(6, DATA_MIB));
	put_bat(2, VHDX_BAT_RAW(6, DATA_MIB + 2));
	put_bat(5, VHDX_BAT_RAW(6, DATA_MIB + 1));
}

static int load(void)
{
	int r = vhdx_load_header(&image.reader, &layout, scratch);

	return r ? r : vhdx_load_layout(&image.reader, &layout, scratch);
}

/**
 * struct visits - what vhdx_load_bat() reported
 * @entries: payload entries that are not zero
 * @bitmaps: sector bitmap entries that are not zero
 * @next: entries before this one are reported already
 * @anchors: of the anchors, that is
 * @states: of the first payload entries
 * @mibs: likewise
 * @result: the first fault
 * @index: where it was
 * @stop: end the scan there
 */
struct visits {
	u32 entries;
	u32 bitmaps;
	u64 next;
	bool anchors;
	u8 states[8];
	u64 mibs[8];
	int result;
	u64 index;
	bool stop;
};

static int visit(void *arg, u64 index, u32 block, bool bitmap,
		 const struct vhdx_bat_entry *entry, int result)
{
	struct visits *v = arg;

	assert_int_equal(vhdx_bat_is_bitmap(&layout.geo, index), bitmap);
	/* In order; but anchors come last. */
	if (!v->anchors && v->next > index) {
		v->anchors = true;
		v->next = 0;
	}
	assert_true(v->next <= index);
	assert_true(!v->anchors ||
		    (entry->mib && (bitmap || entry->state != VHDX_BLOCK_FULL)));
	v->next = index + 1;
	if (bitmap) {
		v->bitmaps++;
		assert_int_equal(index, vhdx_bat_index(&layout.geo,
			(block + 1) << layout.geo.chunk_shift) - 1);
	} else {
		assert_int_equal(index, vhdx_bat_index(&layout.geo, block));
		if (block < 8) {
			v->states[block] = entry->state;
			v->mibs[block] = entry->mib;
		}
		v->entries++;
	}
	if (result && !v->result) {
		v->result = result;
		v->index = index;
	}
	return v->stop ? result : 0;
}

static int load_bat(struct visits *v, u32 buf_bytes)
{
	u8 *buf = malloc(buf_bytes);
	int r;

	memset(v, 0, sizeof(*v));
	memset(space.map, 0, BITS_TO_LONGS(space.size) * sizeof(long));
	r = load();
	if (!r)
		r = vhdx_load_space(&image.reader, &layout, &space, scratch);
	if (!r)
		r = vhdx_load_bat(&image.reader, &layout, &space, buf, buf_bytes,
				  visit, v);
	free(buf);
	return r;
}

static void good_image(void **state)
{
	struct visits v;
	u32 i, taken = 0;

	build();
	assert_ok(load_bat(&v, 4096));
	assert_int_equal(v.result, 0);
	assert_int_equal(layout.header.sequence, 6);
	assert_int_equal(layout.header_slot, 1);
	assert_false(layout.header_damaged);
	assert_int_equal(layout.region_slot, 0);
	assert_false(layout.region_differ);
	assert_int_equal(layout.meta.disk_bytes, MIB(6));
	assert_int_equal(layout.geo.blocks, 6);
	assert_int_equal(v.entries, 3);
	assert_int_equal(v.bitmaps, 0);
	assert_int_equal(v.states[2], VHDX_BLOCK_FULL);
	assert_int_equal(v.mibs[2], DATA_MIB + 2);
	assert_int_equal(v.states[1], VHDX_BLOCK_NOT_PRESENT);
	/* Head, log, two regions, three blocks, and the unknown region. */
	for (i = 0; i < 12; i++) {
		bool used = i < 7 || i == 10;

		assert_int_equal(space.map[0] >> i & 1, used);
		taken += used;
	}
	assert_int_equal(space.taken, taken);
}

/* Whatever piece the BAT is read in. */
static void pieces_of_the_bat(void **state)
{
	static const u32 sizes[] = { 8, 16, 24, 40, 48, 56, 65536 };
	struct visits v;
	u32 i;

	build();
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_ok(load_bat(&v, sizes[i]));
		assert_int_equal(v.result, 0);
		assert_int_equal(v.entries, 3);
		assert_int_equal(v.mibs[5], DATA_MIB + 1);
	}
}

/* A chunk of 16 blocks: where its sector bitmap's entry is. */
static void bitmap_slots(void **state)
{
	static const u32 sizes[] = { 8, 128, 136, 144, 65536 };
	struct visits v;
	u32 i;

	build();
	for (i = 0; i < 8; i++)
		put_bat(i, 0);
	put_params(MIB(256), 0);
	put64(image.bytes + META_OFF + 65544, MIB(256) * 33);
	put_bat(15, VHDX_BAT_RAW(2, 0));
	put_bat(16, 0);
	put_bat(17, VHDX_BAT_RAW(2, 0));
	put_bat(33, VHDX_BAT_RAW(0, 5));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_ok(load_bat(&v, sizes[i]));
		assert_int_equal(v.result, 0);
		assert_int_equal(v.entries, 2);
		assert_int_equal(v.bitmaps, 1);
	}
	put_bat(33, VHDX_BAT_RAW(6, 5));
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BITMAP_PRESENT);
	assert_int_equal(v.index, 33);
	/* Case 64: a reader goes on, and that space is not free. */
	image.reader.writable = false;
	put_bat(33, VHDX_BAT_RAW(6, 7));
	assert_ok(load_bat(&v, 64));
	assert_int_equal(v.result, 0);
	assert_int_equal(v.bitmaps, 1);
	assert_false(vhdx_space_claim(&space, 7, 1));
	assert_false(vhdx_space_claim(&space, 11, 1));	/* behind a region */
	put_bat(33, VHDX_BAT_RAW(6, 0));
	assert_ok(load_bat(&v, 64));
	assert_true(vhdx_space_claim(&space, 7, 1));
	image.reader.writable = true;
	put_bat(33, VHDX_BAT_RAW(2, 5));
	assert_ok(load_bat(&v, 64));
	assert_int_equal(v.result, 0);
	assert_int_equal(v.bitmaps, 1);
	assert_false(v.anchors);
	assert_true(vhdx_space_claim(&space, 5, 1));
	/* Case 67: the slot behind the last block is padding. */
	put_bat(33, 0);
	put_bat(35, ~0ULL);
	assert_ok(load_bat(&v, 64));
	assert_int_equal(v.result, 0);
}

/* Case 64: the slot keeps a block's space, to the MiB. */
static void bitmap_slot_keeps_a_block(void **state)
{
	struct visits v;

	build();
	put64(image.bytes + META_OFF + 65544, MIB(5000));
	put_bat(4096, VHDX_BAT_RAW(6, 8));
	image.reader.writable = false;
	assert_ok(load_bat(&v, 65536));
	assert_int_equal(v.result, 0);
	assert_int_equal(v.bitmaps, 1);
	assert_true(vhdx_space_claim(&space, 7, 1));
	assert_false(vhdx_space_claim(&space, 8, 1));
	assert_true(vhdx_space_claim(&space, 9, 1));
}

/* Nothing but headers, and the log, before the replay (MS-VHDX 2.3.3). */
static void header_reads_the_header_only(void **state)
{
	build();
	assert_ok(vhdx_load_header(&image.reader, &layout, scratch));
	assert_true(image.farthest <= VHDX_HEADER_OFF(1) + VHDX_HEADER_BYTES);
}

/* Case 1. */
static void too_short(void **state)
{
	build();
	image.reader.image_bytes = MIB(1) - 1;
	assert_fault(load(), TOO_SHORT);
	image.reader.image_bytes = 0;
	assert_fault(load(), TOO_SHORT);
	assert_int_equal(image.reads, 0);
	image.reader.image_bytes = MIB(1);
	assert_fault(load(), LOG_RANGE);
}

/* Every read may fail, and then that is what is said (case 92). */
static void read_errors(void **state)
{
	struct visits v;
	long reads, i;

	build();
	assert_ok(load_bat(&v, 16));
	reads = image.reads;
	for (i = 0; i < reads; i++) {
		image.reads = 0;
		image.fail_read = i;
		assert_int_equal(load_bat(&v, 16), -EIO);
		assert_int_equal(image.reads, i + 1);
	}
	image.reads = 0;
	image.fail_read = reads;
	assert_ok(load_bat(&v, 16));
}

/* Cases 6 and 13: only a writer minds. */
static void read_only_header(void **state)
{
	struct vhdx_header header;

	build();
	assert_true(vhdx_header_decode(image.bytes + VHDX_HEADER_OFF(1), &header));
	header.sequence = ~0ULL;
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(1));
	assert_fault(load(), HEADER_SEQ_MAX);
	image.reader.writable = false;
	assert_ok(load());
	header.sequence = 9;
	header.log_length = 0;
	header.log_off = 0;
	vhdx_header_encode(&header, image.bytes + VHDX_HEADER_OFF(1));
	assert_ok(load());
	image.reader.writable = true;
	assert_fault(load(), LOG_NONE);
}

static void second_region_table(void **state)
{
	struct visits v;

	build();
	image.bytes[VHDX_REGION_OFF(0)] = 0;
	assert_ok(load_bat(&v, 64));
	assert_int_equal(layout.region_slot, 1);
	assert_true(layout.region_differ);
	assert_int_equal(layout.regions.count, 3);
}

/* Case 52. */
static void bat_too_short(void **state)
{
	build();
	/* 131072 entries fit: 4096 blocks to a chunk, 31 bitmap slots. */
	put64(image.bytes + META_OFF + 65544, MIB(131072 - 31));
	assert_ok(load());
	put64(image.bytes + META_OFF + 65544, MIB(131072 - 31) + 512);
	assert_fault(load(), BAT_SHORT);
	put64(image.bytes + META_OFF + 65544, 1ULL << 46);
	assert_fault(load(), BAT_SHORT);
}

/* Case 43. */
static void backing_sectors(void **state)
{
	build();
	image.reader.logical_bytes = 4096;
	assert_fault(load(), SECTOR_SMALL);
	put32(image.bytes + META_OFF + 65544 + 24, 4096);
	assert_ok(load());
	assert_int_equal(layout.meta.logical_bytes, 4096);
	/* Not even a header could be read. */
	image.reader.logical_bytes = 8192;
	image.reads = 0;
	assert_fault(load(), SECTOR_SMALL);
	assert_int_equal(image.reads, 0);
}

/* Case 44. */
static void no_locator(void **state)
{
	build();
	put_params(MIB(1), VHDX_PARAM_HAS_PARENT);
	assert_fault(load(), NO_LOCATOR);
	image.reader.parents = true;
	assert_fault(load(), NO_LOCATOR);
}

static void metadata_faults(void **state)
{
	build();
	put_params(MIB(1), 4);
	assert_fault(load(), PARAM_RESERVED);
	put_params(MIB(3), 0);
	assert_fault(load(), BLOCK_SIZE);
	image.bytes[META_OFF] = 0;
	assert_fault(load(), META_SIGNATURE);
}

static int overlap(u64 index, u64 raw)
{
	struct visits v;

	build();
	put_bat(index, raw);
	assert_ok(load_bat(&v, 64));
	if (v.result)
		assert_int_equal(v.index, index);
	return v.result;
}

/* Cases 60, 61. */
static void overlaps(void **state)
{
	u32 mib;

	for (mib = 1; mib < 12; mib++) {
		bool used = mib < 7 || mib == 10;
		int r = overlap(5, VHDX_BAT_RAW(6, mib));

		/* Its own place. */
		if (!used || mib == DATA_MIB + 1)
			assert_ok(r);
		else
			assert_fault(r, BAT_OVERLAP);
	}
}

/* What lies behind the last entry of the region table is padding. */
static void no_more_regions_than_counted(void **state)
{
	u32 slot;

	build();
	for (slot = 0; slot < 2; slot++) {
		u8 *table = image.bytes + VHDX_REGION_OFF(slot);

		memset(table + 16 + 3 * 32, 1, 16);
		put64(table + 16 + 3 * 32 + 16, MIB(8));
		put32(table + 16 + 3 * 32 + 24, MIB(2));
		seal(table, VHDX_REGION_BYTES);
	}
	assert_ok(load());
	assert_ok(vhdx_load_space(&image.reader, &layout, &space, scratch));
	assert_int_equal(space.taken, 5);
	assert_true(vhdx_space_claim(&space, 8, 2));
	assert_int_equal(space.end, 11);
}

static void partial_overlaps(void **state)
{
	struct visits v;

	build();
	put_params(MIB(2), 0);
	put_bat(0, VHDX_BAT_RAW(6, 7));
	put_bat(1, VHDX_BAT_RAW(6, 4));
	put_bat(2, 0);
	assert_ok(load_bat(&v, 64));
	assert_int_equal(v.result, 0);
	put_bat(1, VHDX_BAT_RAW(6, 6));
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_OVERLAP);
	put_bat(1, VHDX_BAT_RAW(6, 8));
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_OVERLAP);
	put_bat(1, VHDX_BAT_RAW(6, 3));
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_OVERLAP);
	put_bat(1, VHDX_BAT_RAW(6, 9));		/* into the unknown region */
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_OVERLAP);
}

/* Cases 59 and 61: what is there of a block that is cut is its own. */
static void overlap_with_a_cut_block(void **state)
{
	struct visits v;

	build();
	put_params(MIB(4), 0);
	put_bat(2, 0);
	put_bat(5, 0);
	put_bat(1, VHDX_BAT_RAW(6, 11));
	put64(image.bytes + META_OFF + 65544, MIB(5));
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_CUT);
	assert_int_equal(v.index, 1);
	put_bat(1, VHDX_BAT_RAW(6, 9));		/* over the unknown region */
	assert_ok(load_bat(&v, 64));
	assert_fault(v.result, BAT_OVERLAP);
	assert_int_equal(v.index, 1);
}

/* Case 66: behind the block that it collides with. */
static void colliding_anchor(void **state)
{
	struct visits v;
	u32 kind;

	for (kind = 1; kind <= 3; kind += 2) {
		image.reader.writable = true;
		assert_ok(overlap(3, VHDX_BAT_RAW(kind, 7)));
		assert_fault(overlap(3, VHDX_BAT_RAW(kind, DATA_MIB)), BAT_ANCHOR);
		assert_fault(overlap(3, VHDX_BAT_RAW(kind, 1)), BAT_ANCHOR);
		assert_fault(overlap(3, VHDX_BAT_RAW(kind, 500)), BAT_ANCHOR);
		image.reader.writable = false;
		build();
		put_bat(3, VHDX_BAT_RAW(kind, DATA_MIB));
		assert_ok(load_bat(&v, 64));
		assert_int_equal(v.result, 0);
		assert_int_equal(v.mibs[3], 0);
		assert_int_equal(v.states[3], kind);
	}
}

/* Case 66: a reader's answer must not depend on which of the two comes first. */
static void colliding_anchor_comes_first(void **state)
{
	struct visits v;
	u32 kind;

	for (kind = 1; kind <= 3; kind += 2) {
		build();
		put_bat(1, VHDX_BAT_RAW(kind, DATA_MIB + 2));
		assert_ok(load_bat(&v, 64));
		/* The block is good, the anchor is not. */
		assert_fault(v.result, BAT_ANCHOR);
		assert_int_equal(v.index, 1);
		image.reader.writable = false;
		assert_ok(load_bat(&v, 64));
		assert_int_equal(v.result, 0);
		assert_int_equal(v.mibs[2], DATA_MIB + 2);
		image.reader.writable = true;
	}
}

/* The scan ends where the visitor wants it to. */
static void visitor_ends_the_scan(void **state)
{
	struct visits v = { .stop = true };
	u8 buf[64];

	build();
	put_bat(1, VHDX_BAT_RAW(4, 0));
	assert_ok(load());
	assert_ok(vhdx_load_space(&image.reader, &layout, &space, scratch));
	assert_fault(vhdx_load_bat(&image.reader, &layout, &space, buf, 64, visit,
				   &v), BAT_STATE);
	assert_int_equal(v.entries, 2);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(good_image),
		test(pieces_of_the_bat),
		test(bitmap_slots),
		test(bitmap_slot_keeps_a_block),
		test(header_reads_the_header_only),
		test(too_short),
		test(read_errors),
		test(read_only_header),
		test(second_region_table),
		test(bat_too_short),
		test(backing_sectors),
		test(no_locator),
		test(metadata_faults),
		test(overlaps),
		test(no_more_regions_than_counted),
		test(partial_overlaps),
		test(overlap_with_a_cut_block),
		test(colliding_anchor),
		test(colliding_anchor_comes_first),
		test(visitor_ends_the_scan),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
