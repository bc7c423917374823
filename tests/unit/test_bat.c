// SPDX-License-Identifier: GPL-2.0
/* vhdx-bat.c: geometry and entries; cases 54 to 66. */
#include "test.h"
#include "vhdx-bat.h"

#define RAW(state, mib) ((u64)(mib) << 20 | (state))

static struct vhdx_geometry geometry(u64 disk_bytes, u32 block_mib, u32 logical,
				     bool parent)
{
	struct vhdx_meta meta = {
		.disk_bytes = disk_bytes,
		.block_bytes = MIB(block_mib),
		.logical_bytes = logical,
		.has_parent = parent,
	};
	struct vhdx_geometry geo;

	vhdx_geometry_init(&geo, &meta);
	return geo;
}

/* The formulas of format.md 1.6, with their divisions. */
static void geometry_by_formula(void **state)
{
	static const u64 sizes[] = {
		512, MIB(1), MIB(1) + 512, MIB(4095), MIB(4096), MIB(4096) + 512,
		MIB(4097), MIB(8192), MIB(32768) - 4096, MIB(32768), MIB(32769),
		MIB(1 << 20) + 8192, (1ULL << 46) - 4096, 1ULL << 46,
	};
	u32 block, lss, i;

	for (lss = 512; lss <= 4096; lss *= 8)
		for (block = 1; block <= 256; block *= 2)
			for (i = 0; i < ARRAY_SIZE(sizes); i++) {
				u64 r = (1ULL << 23) * lss / MIB(block);
				u64 n = (sizes[i] + MIB(block) - 1) / MIB(block);
				u64 c = (n + r - 1) / r;
				struct vhdx_geometry geo;

				geo = geometry(sizes[i], block, lss, false);
				assert_int_equal(geo.disk_bytes, sizes[i]);
				assert_int_equal(geo.blocks, n);
				assert_int_equal(geo.chunks, c);
				assert_int_equal(1ULL << geo.chunk_shift, r);
				assert_int_equal(1ULL << geo.block_shift, MIB(block));
				assert_int_equal(vhdx_block_mib(&geo), block);
				assert_int_equal(geo.bat_entries, n + (n - 1) / r);
				geo = geometry(sizes[i], block, lss, true);
				assert_int_equal(geo.bat_entries, c * (r + 1));
			}
}

static void indices(void **state)
{
	struct vhdx_geometry geo = geometry(MIB(1 << 20), 256, 512, false);
	u64 index = 0, before = 0;
	u32 block = 0, r = 1U << geo.chunk_shift;

	assert_int_equal(r, 16);
	for (; index < geo.bat_entries; index++) {
		assert_int_equal(vhdx_bat_blocks_before(&geo, index), before);
		if (index % (r + 1) == r) {
			assert_true(vhdx_bat_is_bitmap(&geo, index));
			continue;
		}
		assert_false(vhdx_bat_is_bitmap(&geo, index));
		assert_int_equal(vhdx_bat_index(&geo, block), index);
		assert_int_equal(vhdx_bat_index(&geo, block), block + block / r);
		block++;
		before++;
	}
	assert_int_equal(block, geo.blocks);

	geo = geometry(1ULL << 46, 1, 512, false);
	assert_int_equal(vhdx_bat_index(&geo, geo.blocks - 1), geo.bat_entries - 1);
	assert_int_equal(vhdx_bat_bitmap_index(&geo, 0), 4096);
	assert_int_equal(vhdx_bat_bitmap_index(&geo, 5), 6 * 4097 - 1);
	assert_int_equal(geo.bat_entries, (1ULL << 26) + (1 << 14) - 1);
}

/* A disk of 10.5 blocks of 2 MiB in an image of 64 MiB. */
static struct vhdx_bat_entry entry;

static int decode_in(u32 block, u64 raw, u64 image_bytes, bool writable)
{
	struct vhdx_geometry geo = geometry(MIB(21), 2, 512, false);

	memset(&entry, 0xee, sizeof(entry));
	return vhdx_bat_decode_payload(&geo, block, raw, image_bytes, writable,
				       &entry);
}

static int decode(u64 raw)
{
	int r = decode_in(3, raw, MIB(64), true);

	assert_int_equal(decode_in(3, raw, MIB(64), false), r);
	return r;
}

static void states(void **state)
{
	assert_ok(decode(RAW(0, 0)));
	assert_int_equal(entry.state, VHDX_BLOCK_NOT_PRESENT);
	assert_int_equal(entry.mib, 0);
	assert_ok(decode(RAW(6, 62)));
	assert_int_equal(entry.state, VHDX_BLOCK_FULL);
	assert_int_equal(entry.mib, 62);
	assert_ok(decode(RAW(1, 0)));
	assert_ok(decode(RAW(3, 0)));
	/* Case 66: an anchor in its place. */
	assert_ok(decode(RAW(1, 62)));
	assert_int_equal(entry.mib, 62);
	assert_ok(decode(RAW(3, 1)));
	assert_int_equal(entry.state, VHDX_BLOCK_UNMAPPED);
	assert_int_equal(entry.mib, 1);
	/* Case 65: ignored, however wrong. */
	assert_ok(decode(RAW(0, 5)));
	assert_int_equal(entry.mib, 0);
	assert_ok(decode(RAW(2, (1ULL << 44) - 1)));
	assert_int_equal(entry.state, VHDX_BLOCK_ZERO);
	assert_int_equal(entry.mib, 0);
	/* Cases 55, 62. */
	assert_fault(decode(RAW(4, 5)), BAT_STATE);
	assert_fault(decode(RAW(5, 5)), BAT_STATE);
	assert_fault(decode(RAW(4, 0)), BAT_STATE);
	assert_fault(decode(RAW(7, 5)), BAT_PARTIAL);
	/* Case 56. */
	assert_fault(decode(RAW(6, 0)), BAT_OFFSET);
}

/* Case 54. */
static void reserved_bits(void **state)
{
	u32 bit, kind;

	for (bit = 3; bit < 20; bit++)
		for (kind = 0; kind < 8; kind++)
			assert_fault(decode(RAW(kind, 5) | 1ULL << bit),
				     BAT_RESERVED);
}

/* Cases 57 to 59; decision 2. */
static void ranges(void **state)
{
	u64 half = MIB(64) - MIB(1), all = MIB(64);
	u32 last = 10;

	assert_fault(decode(RAW(6, 64)), BAT_RANGE);
	assert_fault(decode(RAW(6, 63)), BAT_RANGE);
	assert_fault(decode(RAW(6, (1ULL << 28) - 1)), BAT_RANGE);
	assert_fault(decode(RAW(6, 1ULL << 28)), BAT_RANGE);
	assert_fault(decode(RAW(6, (1ULL << 44) - 1)), BAT_RANGE);

	/* Half of the last block belongs to the disk. */
	assert_ok(decode_in(last, RAW(6, 62), all, true));
	assert_ok(decode_in(last, RAW(6, 62), half, false));
	assert_int_equal(entry.mib, 62);
	assert_fault(decode_in(last, RAW(6, 62), half, true), BAT_CUT);
	assert_fault(decode_in(last, RAW(6, 62), all - 512, true), BAT_CUT);
	assert_fault(decode_in(last, RAW(6, 62), half - 512, false), BAT_RANGE);
	assert_fault(decode_in(last, RAW(6, 62), half - 512, true), BAT_RANGE);
	assert_fault(decode_in(last, RAW(6, 63), half, false), BAT_RANGE);
	assert_fault(decode_in(9, RAW(6, 62), all - 512, false), BAT_RANGE);
}

/* More than the in-core entries can hold, on a device that has it. */
static void far(void **state)
{
	u64 image = MIB(1ULL << 30);

	assert_ok(decode_in(1, RAW(6, (1ULL << 28) - 1), image, true));
	assert_fault(decode_in(1, RAW(6, 1ULL << 28), image, true), BAT_FAR);
	assert_fault(decode_in(1, RAW(6, 1ULL << 28), image, false), BAT_FAR);
	assert_fault(decode_in(1, RAW(3, 1ULL << 28), image, true), BAT_ANCHOR);
	assert_ok(decode_in(1, RAW(3, (1ULL << 28) - 1), image, true));
	assert_int_equal(entry.mib, (1ULL << 28) - 1);
	/* From the device that has just that much on; before, it is the end. */
	image = MIB(1ULL << 28);
	assert_fault(decode_in(1, RAW(6, 1ULL << 28), image, true), BAT_FAR);
	assert_fault(decode_in(1, RAW(6, 1ULL << 28), image - 1, true), BAT_RANGE);
	assert_fault(decode_in(1, RAW(6, (1ULL << 28) - 1), image, true),
		     BAT_RANGE);
	assert_ok(decode_in(1, RAW(6, (1ULL << 28) - 2), image, true));
	image = MIB(1ULL << 30);
	assert_ok(decode_in(1, RAW(3, 1ULL << 28), image, false));
	assert_int_equal(entry.mib, 0);
}

/* Case 66: a reader may do without an anchor that cannot be. */
static void anchors(void **state)
{
	static const u64 mibs[] = { 63, 64, 1000, 1ULL << 28, (1ULL << 44) - 1 };
	u32 i, kind;

	for (kind = 1; kind <= 3; kind += 2) {
		for (i = 0; i < ARRAY_SIZE(mibs); i++) {
			assert_fault(decode_in(3, RAW(kind, mibs[i]), MIB(64), true),
				     BAT_ANCHOR);
			assert_ok(decode_in(3, RAW(kind, mibs[i]), MIB(64), false));
			assert_int_equal(entry.state, kind);
			assert_int_equal(entry.mib, 0);
		}
		/* The last block's anchor is cut as well. */
		assert_fault(decode_in(10, RAW(kind, 62), MIB(63), true),
			     BAT_ANCHOR);
		assert_ok(decode_in(10, RAW(kind, 62), MIB(63), false));
		assert_int_equal(entry.mib, 0);
	}
}

/* Case 64, without a parent. */
static void bitmap_entries(void **state)
{
	struct vhdx_geometry geo = geometry(MIB(21), 2, 512, false);
	u32 kind, writable;

	for (writable = 0; writable < 2; writable++) {
		for (kind = 0; kind < 8; kind++) {
			int r = vhdx_bat_decode_bitmap(&geo, RAW(kind, 77),
						       MIB(64), writable, &entry);

			assert_int_equal(entry.state, kind);
			assert_int_equal(entry.mib, kind == 6 ? 77 : 0);
			if (kind == 6 && writable)
				assert_fault(r, BITMAP_PRESENT);
			else
				assert_ok(r);
		}
		assert_ok(vhdx_bat_decode_bitmap(&geo, 0, MIB(64), writable,
						 &entry));
		assert_fault(vhdx_bat_decode_bitmap(&geo, 8, MIB(64), writable,
						    &entry),
			     BAT_RESERVED);
		assert_fault(vhdx_bat_decode_bitmap(&geo, 1 << 19, MIB(64),
						    writable, &entry),
			     BAT_RESERVED);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 7) | 1 << 19,
						    MIB(64), writable, &entry),
			     BAT_RESERVED);
		assert_int_equal(entry.mib, 0);
	}
}

/* Cases 56 to 58, 62 and 64, with a parent. */
static void with_parent(void **state)
{
	struct vhdx_geometry geo = geometry(MIB(21), 2, 512, true);
	u64 all = MIB(64);
	u32 kind, writable;

	for (writable = 0; writable < 2; writable++) {
		assert_ok(vhdx_bat_decode_payload(&geo, 3, RAW(7, 62), all, writable,
						  &entry));
		assert_int_equal(entry.state, VHDX_BLOCK_PARTIAL);
		assert_int_equal(entry.mib, 62);
		assert_fault(vhdx_bat_decode_payload(&geo, 3, RAW(7, 0), all, writable,
						     &entry), BAT_OFFSET);
		assert_fault(vhdx_bat_decode_payload(&geo, 3, RAW(7, 63), all, writable,
						     &entry), BAT_RANGE);

		for (kind = 1; kind < 8; kind++)
			if (kind != 6)
				assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(kind, 7), all,
								    writable, &entry),
					     BITMAP_STATE);
		/* Case 65 holds for it, too. */
		assert_ok(vhdx_bat_decode_bitmap(&geo, RAW(0, 7), all, writable, &entry));
		assert_int_equal(entry.mib, 0);
		assert_ok(vhdx_bat_decode_bitmap(&geo, RAW(6, 63), all, writable, &entry));
		assert_int_equal(entry.state, VHDX_BITMAP_PRESENT);
		assert_int_equal(entry.mib, 63);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 0), all, writable, &entry),
			     BAT_OFFSET);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 64), all, writable, &entry),
			     BAT_RANGE);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 63), all - 512, writable,
						    &entry), BAT_RANGE);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 1ULL << 28), MIB(1ULL << 30),
						    writable, &entry), BAT_FAR);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, (1ULL << 44) - 1), all,
						    writable, &entry), BAT_RANGE);
		assert_fault(vhdx_bat_decode_bitmap(&geo, RAW(6, 7) | 8, all, writable,
						    &entry), BAT_RESERVED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry_by_formula),
		cmocka_unit_test(indices),
		cmocka_unit_test(states),
		cmocka_unit_test(reserved_bits),
		cmocka_unit_test(ranges),
		cmocka_unit_test(far),
		cmocka_unit_test(anchors),
		cmocka_unit_test(bitmap_entries),
		cmocka_unit_test(with_parent),
	};

	return cmocka_run_group_tests_name("bat", tests, NULL, NULL);
}
