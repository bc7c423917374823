// SPDX-License-Identifier: GPL-2.0
/* vhd-header.c: fields, limits, and paths of the parent. */
#include "test.h"
#include "vhd-header.h"

#define END	MIB(64)

static struct vhd_header good(void)
{
	return (struct vhd_header){
		.bat_off = 1536, .version = VHD_VERSION, .bat_entries = 32,
		.block_bytes = 2 * SZ_1M,
	};
}

static void what_is_written_is_read(void **state)
{
	struct vhd_header header = good(), again;
	u8 buf[1024];
	int i;

	fill(&header.parent_id, 16, 7);
	fill(header.parent_name, sizeof(header.parent_name), 8);
	header.parent_timestamp = 0x12345678;
	memcpy(header.locator[1].code, "W2ku", 4);
	header.locator[1].space_bytes = 1024;
	header.locator[1].length = 600;
	header.locator[1].off = 0x123456789ab;
	vhd_header_encode(&header, buf);
	assert_true(vhd_header_valid(buf));
	assert_memory_equal(buf, "cxsparse", 8);
	assert_true(get64be(buf + 8) == ~0ULL);
	assert_true(get64be(buf + 16) == 1536);
	assert_int_equal(get32be(buf + 24), 0x10000);
	assert_int_equal(get32be(buf + 28), 32);
	assert_int_equal(get32be(buf + 32), 2 << 20);
	assert_memory_equal(buf + 40, &header.parent_id, 16);
	assert_int_equal(get32be(buf + 56), 0x12345678);
	assert_memory_equal(buf + 64, header.parent_name, 512);
	assert_memory_equal(buf + 600, "W2ku", 4);
	assert_int_equal(get32be(buf + 604), 1024);
	assert_int_equal(get32be(buf + 608), 600);
	assert_true(get64be(buf + 616) == 0x123456789ab);
	memset(&again, 0, sizeof(again));
	vhd_header_decode(buf, &again);
	assert_memory_equal(&header, &again, sizeof(header));
	for (i = 0; i < 1024 * 8; i += 5) {
		buf[i / 8] ^= 1 << i % 8;
		assert_false(vhd_header_valid(buf));
		buf[i / 8] ^= 1 << i % 8;
	}
}

static void blocks_have_limits(void **state)
{
	struct vhd_header header = good();
	u32 shift;

	for (shift = 0; shift < 32; shift++) {
		header.block_bytes = 1U << shift;
		if (shift >= 12 && shift <= 28)
			assert_ok(vhd_header_check(&header, 512, 4096, END));
		else
			assert_fault(vhd_header_check(&header, 512, 4096, END),
				     VHD_BLOCK_SIZE);
		header.block_bytes = 3U << shift;
		assert_fault(vhd_header_check(&header, 512, 4096, END),
			     VHD_BLOCK_SIZE);
	}
	header.block_bytes = SZ_64K;
	header.bat_entries = 33423360;
	assert_ok(vhd_header_check(&header, 512, 0xff000000ULL * 512, 1ULL << 40));
	header.block_bytes = SZ_64K / 2;
	header.bat_entries *= 2;
	assert_fault(vhd_header_check(&header, 512, 0xff000000ULL * 512,
				      1ULL << 40), VHD_BLOCK_COUNT);
	header.block_bytes = 0;
	assert_fault(vhd_header_check(&header, 512, 4096, END), VHD_BLOCK_SIZE);
}

static void the_table_has_to_fit(void **state)
{
	struct vhd_header header = good();

	assert_ok(vhd_header_check(&header, 512, MIB(64), END));
	assert_fault(vhd_header_check(&header, 512, MIB(64) + 512, END),
		     VHD_TABLE_SHORT);
	header.bat_entries = 1000;
	header.bat_off = END - 4096;
	assert_ok(vhd_header_check(&header, 512, MIB(64), END));
	header.bat_entries = 1025;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_TABLE_RANGE);
	header.bat_off = END + 512;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_TABLE_RANGE);
	header = good();
	header.bat_off = 0;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_TABLE_OFFSET);
	header.bat_off = 512;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_TABLE_OFFSET);
	assert_fault(vhd_header_check(&header, 1024 - 512, MIB(64), END),
		     VHD_TABLE_OFFSET);
	assert_ok(vhd_header_check(&header, 1024, MIB(64), END));
	assert_fault(vhd_header_check(&header, 512 + 0, MIB(64), END),
		     VHD_TABLE_OFFSET);
	header.bat_off = 1537;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_TABLE_OFFSET);
	header = good();
	header.version = 0x20000;
	assert_fault(vhd_header_check(&header, 512, MIB(64), END),
		     VHD_HEADER_VERSION);
}

static struct vhd_locator locator(const char *code, u32 space, u32 length,
				  u64 off)
{
	struct vhd_header header = good();
	u8 buf[1024];

	vhd_header_encode(&header, buf);
	memcpy(buf + 576, code, 4);
	put32be(buf + 580, space);
	put32be(buf + 584, length);
	put64be(buf + 592, off);
	vhd_header_decode(buf, &header);
	return header.locator[0];
}

static void locators_in_bytes_or_sectors(void **state)
{
	struct vhd_locator l = locator("W2ku", 2, 1024, 4096);

	assert_int_equal(l.space_bytes, 1024);
	assert_true(vhd_locator_usable(&l, END));
	l = locator("W2ku", 1024, 1024, 4096);
	assert_int_equal(l.space_bytes, 1024);
	assert_true(vhd_locator_usable(&l, END));
	l = locator("W2ku", 511, 1024, 4096);
	assert_int_equal(l.space_bytes, 511 * 512);
	l = locator("W2ku", 513, 20, 4096);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 513, 4096);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 0, 4096);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("\0\0\0\0", 512, 20, 4096);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 20, 511);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 20, END - 20);
	assert_true(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 20, END - 19);
	assert_false(vhd_locator_usable(&l, END));
	l = locator("W2ku", 512, 20, ~0ULL);
	assert_false(vhd_locator_usable(&l, END));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(blocks_have_limits),
		cmocka_unit_test(the_table_has_to_fit),
		cmocka_unit_test(locators_in_bytes_or_sectors),
	};

	return cmocka_run_group_tests_name("vhd_header", tests, NULL, NULL);
}
