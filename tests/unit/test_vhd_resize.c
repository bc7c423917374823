// SPDX-License-Identifier: GPL-2.0
/* May the disk of a VHD image have another size?  The rest is tests/tool/222. */
#include "test.h"
#include "vhd-resize.h"

/* Has a disk of @bytes with such blocks, 0: a fixed image, room for more? */
static bool fits(u64 bytes, u32 block_bytes, u64 more)
{
	static struct image image;
	static u32 bat[4];
	struct vhd_layer layer = { .vhd.image = &image, .bat = bat };
	struct vhd_resize resize = { .layer = &layer, .bytes = more, .end = SZ_4K };
	struct vhd_layout *layout = &layer.vhd.layout;

	vhd_geometry_init(&layout->geo, bytes, block_bytes);
	layout->header.bat_off = VHD_FOOTER_BYTES + VHD_HEADER_BYTES;
	layout->header.bat_entries = layout->geo.blocks;
	return vhd_resize_fits(&resize);
}

static void test_fits(void **state)
{
	assert_true(fits(SZ_64K, SZ_64K, 4 * SZ_1M));
	assert_true(fits(SZ_64K, SZ_64K, SZ_4K));
	assert_false(fits(SZ_64K, SZ_4K, VHD_MAX_SECTORS * (u64)VHD_SECTOR));
}

/* It has no blocks that could be too many. */
static void test_fixed_fits(void **state)
{
	assert_true(fits(SZ_64K, 0, SZ_1M));
	assert_true(fits(SZ_64K, 0, VHD_MAX_SECTORS * (u64)VHD_SECTOR));
	assert_true(fits(SZ_64K, 0, SZ_4K));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_fixed_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
