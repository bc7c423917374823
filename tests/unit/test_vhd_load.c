// SPDX-License-Identifier: GPL-2.0
/* vhd-load.c: the order of reads, which footer counts, and errors of reads. */
#include "test.h"
#include "vhd-load.h"

#define BYTES	(512 * 300)

static u8 disk[BYTES];
static u8 scratch[VHD_LOAD_SCRATCH];
static u64 lowest;		/* of all reads */
static int reads, fail_at;

static int disk_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	assert_true(off <= reader->image_bytes &&
		    bytes <= reader->image_bytes - off);
	lowest = off < lowest ? off : lowest;
	if (++reads == fail_at)
		return -EIO;
	/* There may be far more, of zeros. */
	memset(buf, 0, bytes);
	if (off < BYTES)
		memcpy(buf, disk + off, bytes);
	return 0;
}

static struct vhdx_reader reader;
static struct vhd_layout layout;

/* A dynamic image with two blocks of 64 KiB, the first of them at sector 10. */
static void make(void)
{
	struct vhd_footer footer = {
		.version = VHD_VERSION, .header_off = 512,
		.creator_app = "win ", .current_bytes = 2 * SZ_64K,
		.type = VHD_TYPE_DYNAMIC,
	};
	struct vhd_header header = {
		.bat_off = 1536, .version = VHD_VERSION, .bat_entries = 2,
		.block_bytes = SZ_64K,
	};

	fill(&footer.id, 16, 3);
	memset(disk, 0, sizeof(disk));
	vhd_footer_encode(&footer, disk);
	vhd_footer_encode(&footer, disk + BYTES - 512);
	vhd_header_encode(&header, disk + 512);
	put32be(disk + 1536, 10);
	put32be(disk + 1540, ~0u);
	reader = (struct vhdx_reader){ .read = disk_read, .image_bytes = BYTES,
				       .logical_bytes = 512, .writable = true };
	reads = fail_at = 0;
	lowest = ~0ULL;
}

static int visit(void *arg, u32 block, u32 sector, int result)
{
	u32 *seen = arg;

	seen[block] = sector;
	return result;
}

static int load(u32 seen[2])
{
	u32 start[8] = {}, buf[1];
	struct vhd_space space = { .start = start };
	int r;

	memset(seen, 0, 2 * sizeof(*seen));
	r = vhd_load_footer(&reader, &layout, scratch);
	if (!r)
		r = vhd_load_layout(&reader, &layout, VHD_SIZE_AUTO, scratch);
	if (r || !layout.geo.blocks)
		return r;
	space.pieces = vhd_space_pieces(&layout.geo, layout.end);
	space.block_sectors = vhd_block_sectors(&layout.geo);
	assert_true(space.pieces <= 8);
	return vhd_load_bat(&reader, &layout, &space, buf, sizeof(buf), visit,
			    seen);
}

static void all_is_well(void **state)
{
	u32 seen[2];

	make();
	assert_ok(load(seen));
	assert_int_equal(seen[0], 10);
	assert_int_equal(seen[1], 0);
	assert_int_equal(layout.tail, VHD_COPY_GOOD);
	assert_int_equal(layout.copy, VHD_COPY_GOOD);
	assert_true(layout.end == BYTES - 512);
}

static void every_read_may_fail(void **state)
{
	u32 seen[2];
	int at, all;

	make();
	assert_ok(load(seen));
	all = reads;
	assert_int_equal(all, 5);
	for (at = 1; at <= all; at++) {
		make();
		fail_at = at;
		assert_int_equal(load(seen), -EIO);
	}
}

/* A block may be anywhere, and each place where one may be takes memory. */
static void places_have_a_limit(void **state)
{
	static const struct {
		u32 block_bytes;
		u64 most;
	} limits[] = {
		{ SZ_4K, (u64)VHD_MAX_PIECES * 9 * 512 },
		{ 4 * SZ_4K, (u64)VHD_MAX_PIECES * 33 * 512 },
		{ 8 * SZ_4K, 0 },
	};
	struct vhd_header header;
	int i;

	for (i = 0; i < 3; i++) {
		make();
		vhd_header_decode(disk + 512, &header);
		header.block_bytes = limits[i].block_bytes;
		header.bat_entries = 32;
		vhd_header_encode(&header, disk + 512);
		reader.image_bytes = (limits[i].most ?: 1ULL << 50) - 512;
		assert_ok(vhd_load_footer(&reader, &layout, scratch));
		assert_ok(vhd_load_layout(&reader, &layout, VHD_SIZE_AUTO,
					  scratch));
		reader.image_bytes += 512;
		assert_ok(vhd_load_footer(&reader, &layout, scratch));
		if (limits[i].most)
			assert_fault(vhd_load_layout(&reader, &layout,
						     VHD_SIZE_AUTO, scratch),
				     VHD_BLOCK_COUNT);
	}
}

static void which_footer_counts(void **state)
{
	u32 seen[2];

	make();
	disk[BYTES - 512] = 0;
	assert_ok(load(seen));
	assert_int_equal(layout.tail, VHD_COPY_DAMAGED);
	assert_int_equal(layout.copy, VHD_COPY_GOOD);
	assert_true(layout.end == BYTES);
	make();
	disk[20] = 0x55;
	assert_ok(load(seen));
	assert_int_equal(layout.copy, VHD_COPY_DAMAGED);
	assert_true(layout.end == BYTES - 512);
	make();
	disk[84] = 1;
	put32be(disk + 64, get32be(disk + 64) - 1);
	assert_ok(load(seen));
	assert_int_equal(layout.copy, VHD_COPY_DIFFERS);
	assert_false(layout.footer.saved_state);
	disk[BYTES - 1] = 1;
	assert_ok(load(seen));
	assert_true(layout.footer.saved_state);
}

static void the_start_of_a_fixed_image_is_the_guests(void **state)
{
	struct vhd_footer footer = {
		.version = VHD_VERSION, .header_off = VHD_NO_OFFSET,
		.creator_app = "win ", .current_bytes = BYTES - 512,
		.type = VHD_TYPE_FIXED,
	};
	u32 seen[2];

	make();
	vhd_footer_encode(&footer, disk + BYTES - 512);
	assert_ok(load(seen));
	assert_true(lowest == BYTES - 512);
	assert_int_equal(layout.copy, VHD_COPY_NONE);
	assert_int_equal(layout.geo.blocks, 0);
	assert_true(layout.geo.disk_bytes == BYTES - 512);
}

static void short_footers_are_for_reading(void **state)
{
	u32 seen[2];

	make();
	reader.image_bytes--;
	assert_fault(load(seen), VHD_SHORT);
	reader.writable = false;
	assert_ok(load(seen));
	assert_int_equal(layout.tail, VHD_COPY_SHORT);
	assert_int_equal(layout.copy, VHD_COPY_GOOD);
	assert_true(layout.end == BYTES - 512);
	reader.image_bytes--;
	assert_ok(load(seen));
	assert_int_equal(layout.tail, VHD_COPY_DAMAGED);
	/* Nothing at all. */
	reader.image_bytes = 511;
	assert_fault(load(seen), VHD_NO_FOOTER);
	reader.image_bytes = 0;
	assert_fault(load(seen), VHD_NO_FOOTER);
}

static void sectors_may_be_too_large(void **state)
{
	u32 seen[2];

	make();
	reader.logical_bytes = 4096;
	assert_fault(load(seen), VHD_SECTOR_LARGE);
	assert_int_equal(reads, 0);
}

static void parents_are_known_by_their_id(void **state)
{
	struct vhd_layout parent;
	u32 seen[2];

	make();
	assert_ok(load(seen));
	parent = layout;
	layout.header.parent_id = parent.footer.id;
	layout.header.parent_timestamp = 99;
	assert_ok(vhd_load_check_parent(&layout, &parent));
	parent.geo.disk_bytes = 512;
	assert_ok(vhd_load_check_parent(&layout, &parent));
	layout.header.parent_id.b[15] ^= 1;
	assert_fault(vhd_load_check_parent(&layout, &parent), VHD_PARENT_ID);
}

/* A merge has changed what the child says, and not yet what the parent is. */
static void a_merge_may_be_between_child_and_parent(void **state)
{
	struct vhd_layout parent;
	guid_t first, next;
	u32 seen[2], i, j;

	make();
	assert_ok(load(seen));
	parent = layout;
	fill(&layout.footer.id, 16, 77);
	first = parent.footer.id;
	/* As often as anybody wants, it is another one each time. */
	for (i = 0; i < 2000; i++) {
		vhd_load_next_id(&next, &parent.footer.id, &layout.footer.id);
		assert_memory_not_equal(&next, &first, 16);
		layout.header.parent_id = next;
		assert_ok(vhd_load_check_parent(&layout, &parent));
		for (j = 0; j < 16; j++) {
			layout.footer.id.b[j] ^= 1;
			assert_fault(vhd_load_check_parent(&layout, &parent), VHD_PARENT_ID);
			layout.footer.id.b[j] ^= 1;
		}
		parent.footer.id = next;
		assert_ok(vhd_load_check_parent(&layout, &parent));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_is_well),
		cmocka_unit_test(every_read_may_fail),
		cmocka_unit_test(places_have_a_limit),
		cmocka_unit_test(which_footer_counts),
		cmocka_unit_test(the_start_of_a_fixed_image_is_the_guests),
		cmocka_unit_test(short_footers_are_for_reading),
		cmocka_unit_test(sectors_may_be_too_large),
		cmocka_unit_test(parents_are_known_by_their_id),
		cmocka_unit_test(a_merge_may_be_between_child_and_parent),
	};

	return cmocka_run_group_tests_name("vhd_load", tests, NULL, NULL);
}
