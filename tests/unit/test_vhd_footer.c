// SPDX-License-Identifier: GPL-2.0
/* vhd-footer.c: checksum, fields, and what tells the size of the disk. */
#include "test.h"
#include "vhd-footer.h"

static void seal_be(u8 *buf, u32 bytes, u32 at)
{
	u32 sum = 0, i;

	put32be(buf + at, 0);
	for (i = 0; i < bytes; i++)
		sum += buf[i];
	put32be(buf + at, ~sum);
}

static void a_footer_as_windows_writes_it(void **state)
{
	/* The start of one by Hyper-V 2012 R2, 127 GiB; all else is zero. */
	static const u8 head[85] =
		"conectix\0\0\0\2\0\1\0\0\0\0\0\0\0\0\2\0\x1e\x59\x8e\xf7win "
		"\0\6\0\3Wi2k\0\0\0\x1f\xc0\0\0\0\0\0\0\x1f\xc0\0\0\0\xfe\xfe\x10\xff"
		"\0\0\0\3\xff\xff\xe9\xdb\x6d\x2d\x5f\xc8\xee\xba\xde\x4c\x8c\xee\xde\x3a\x12\xdb\x7c\x98";
	struct vhd_footer footer;
	u8 buf[512] = {}, again[512];

	memcpy(buf, head, sizeof(head));
	assert_true(vhd_footer_valid(buf));
	vhd_footer_decode(buf, &footer);
	assert_int_equal(footer.features, 2);
	assert_int_equal(footer.version, 0x10000);
	assert_int_equal(footer.header_off, 512);
	assert_int_equal(footer.timestamp, 0x1e598ef7);
	assert_memory_equal(footer.creator_app, "win ", 4);
	assert_int_equal(footer.creator_version, 0x60003);
	assert_memory_equal(footer.creator_os, "Wi2k", 4);
	assert_true(footer.original_bytes == 127ULL << 30);
	assert_true(footer.current_bytes == 127ULL << 30);
	assert_int_equal(footer.chs.cylinders, 0xfefe);
	assert_int_equal(footer.chs.heads, 16);
	assert_int_equal(footer.chs.track_sectors, 255);
	assert_int_equal(footer.type, VHD_TYPE_DYNAMIC);
	assert_memory_equal(&footer.id, buf + 68, 16);
	assert_false(footer.saved_state);
	assert_ok(vhd_footer_check(&footer));
	vhd_footer_encode(&footer, again);
	assert_memory_equal(buf, again, 512);
	buf[84] = 1;
	vhd_footer_decode(buf, &footer);
	assert_true(footer.saved_state);
	assert_false(vhd_footer_valid(buf));
	vhd_footer_encode(&footer, again);
	assert_int_equal(again[84], 1);
}

static void every_bit_counts(void **state)
{
	struct vhd_footer footer = { .version = VHD_VERSION, .type = 2 };
	u8 buf[512];
	int i;

	fill(&footer.id, 16, 1);
	vhd_footer_encode(&footer, buf);
	assert_true(vhd_footer_valid(buf));
	for (i = 0; i < 512 * 8; i++) {
		buf[i / 8] ^= 1 << i % 8;
		assert_false(vhd_footer_valid(buf));
		buf[i / 8] ^= 1 << i % 8;
	}
	/* Large bytes: the sum is of 32 bits. */
	memset(buf + 85, 0xff, 427);
	seal_be(buf, 512, 64);
	assert_true(vhd_footer_valid(buf));
	assert_false(vhd_footer_is_poison(buf));
	memcpy(buf, "v_poison", 8);
	assert_true(vhd_footer_is_poison(buf));
}

static void versions_and_types(void **state)
{
	struct vhd_footer footer = { .version = VHD_VERSION };
	u32 type;

	for (type = 0; type < 8; type++) {
		footer.type = type;
		if (type >= 2 && type <= 4)
			assert_ok(vhd_footer_check(&footer));
		else
			assert_fault(vhd_footer_check(&footer), VHD_TYPE);
	}
	footer.type = VHD_TYPE_FIXED;
	footer.version = 0x1ffff;
	assert_ok(vhd_footer_check(&footer));
	footer.version = 0xffff;
	assert_fault(vhd_footer_check(&footer), VHD_VERSION);
	footer.version = 0x20000;
	assert_fault(vhd_footer_check(&footer), VHD_VERSION);
}

static void geometry_of(u64 sectors, u32 cylinders, u32 heads, u32 track)
{
	struct vhd_chs chs;

	vhd_chs_of(sectors, &chs);
	if (chs.cylinders != cylinders || chs.heads != heads ||
	    chs.track_sectors != track)
		fail_msg("%llu sectors: %u/%u/%u", (unsigned long long)sectors,
			 chs.cylinders, chs.heads, chs.track_sectors);
	assert_true(vhd_chs_bytes(&chs) <= sectors * 512);
}

static void geometry_by_the_specification(void **state)
{
	u64 most = 65535ULL * 16 * 255;

	geometry_of(8192, 120, 4, 17);
	geometry_of(17 * 4 * 1024 - 1, 1023, 4, 17);
	geometry_of(17 * 4 * 1024, 140, 16, 31);	/* no fifth for 1024 */
	geometry_of(17 * 4097, 819, 5, 17);
	geometry_of(17 * 16 * 1024 - 1, 1023, 16, 17);
	geometry_of(17 * 16 * 1024, 561, 16, 31);	/* no seventeenth */
	geometry_of(31 * 16 * 1024 - 1, 1023, 16, 31);
	geometry_of(31 * 16 * 1024, 503, 16, 63);
	geometry_of(65535ULL * 16 * 63 - 1, 65534, 16, 63);
	geometry_of(65535ULL * 16 * 63, 16191, 16, 255);
	geometry_of(266338304, 65278, 16, 255);		/* 127 GiB: fefe */
	geometry_of(most - 1, 65534, 16, 255);
	geometry_of(most, 65535, 16, 255);
	geometry_of(0xff000000, 65535, 16, 255);
}

static void size_is(const char *app, u64 current_bytes, u32 cylinders,
		    enum vhd_size_from from, u64 expected)
{
	struct vhd_footer footer = {
		.current_bytes = current_bytes,
		.chs = { cylinders, 16, cylinders == 65535 ? 255 : 63 },
	};
	u64 bytes = 1;

	memcpy(footer.creator_app, app, 4);
	assert_ok(vhd_footer_disk_bytes(&footer, from, &bytes));
	if (bytes != expected)
		fail_msg("'%s': %llu", app, (unsigned long long)bytes);
}

static void size_by_creator(void **state)
{
	u64 chs = 1000 * 16 * 63 * 512ULL, more = chs + MIB(1);

	size_is("vpc ", more, 1000, VHD_SIZE_AUTO, chs);
	size_is("qemu", more, 1000, VHD_SIZE_AUTO, chs);
	size_is("win ", more, 1000, VHD_SIZE_AUTO, more);
	size_is("qem2", more, 1000, VHD_SIZE_AUTO, more);
	size_is("vpc ", more, 1000, VHD_SIZE_CURRENT, more);
	size_is("win ", more, 1000, VHD_SIZE_CHS, chs);
	/* Not more than there is, and the other one where one is missing. */
	size_is("vpc ", MIB(1), 1000, VHD_SIZE_AUTO, MIB(1));
	size_is("vpc ", MIB(1), 0, VHD_SIZE_AUTO, MIB(1));
	size_is("vpc ", 0, 1000, VHD_SIZE_AUTO, chs);
	size_is("vpc ", MIB(200000), 65535, VHD_SIZE_AUTO, MIB(200000));
	size_is("win ", MIB(1) + 511, 0, VHD_SIZE_AUTO, MIB(1));
}

static void size_has_limits(void **state)
{
	struct vhd_footer footer = { .creator_app = "win " };
	u64 bytes;

	assert_fault(vhd_footer_disk_bytes(&footer, VHD_SIZE_AUTO, &bytes),
		     VHD_SIZE);
	footer.current_bytes = 511;
	assert_fault(vhd_footer_disk_bytes(&footer, VHD_SIZE_AUTO, &bytes),
		     VHD_SIZE);
	footer.current_bytes = 0xff000000ULL * 512 + 511;
	assert_ok(vhd_footer_disk_bytes(&footer, VHD_SIZE_AUTO, &bytes));
	footer.current_bytes++;
	assert_fault(vhd_footer_disk_bytes(&footer, VHD_SIZE_AUTO, &bytes),
		     VHD_HUGE);
	footer.current_bytes = ~0ULL;
	assert_fault(vhd_footer_disk_bytes(&footer, VHD_SIZE_AUTO, &bytes),
		     VHD_HUGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_footer_as_windows_writes_it),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(versions_and_types),
		cmocka_unit_test(geometry_by_the_specification),
		cmocka_unit_test(size_by_creator),
		cmocka_unit_test(size_has_limits),
	};

	return cmocka_run_group_tests_name("vhd_footer", tests, NULL, NULL);
}
