// SPDX-License-Identifier: GPL-2.0
/* vhdx-header.c: checksum, identifier, header pair; cases 2 to 15. */
#include "test.h"
#include "vhdx-header.h"

static struct vhdx_header sample(u64 sequence)
{
	struct vhdx_header header = {
		.sequence = sequence,
		.file_write_guid = guid_of("000102030405060708090a0b0c0d0e0f"),
		.data_write_guid = guid_of("101112131415161718191a1b1c1d1e1f"),
		.version = 1,
		.log_length = MIB(1),
		.log_off = MIB(2),
	};

	return header;
}

static void checksum(void **state)
{
	static const size_t sizes[] = { 8, 9, 64, 4096, 65536 };
	u8 *buf = malloc(65536);
	size_t i;
	u32 sum;

	assert_int_equal(~crc32c(~0U, "123456789", 9), 0xe3069283);
	assert_int_equal(slow_crc32c("123456789", 9), 0xe3069283);
	fill(buf, 65536, 1);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		sum = vhdx_checksum(buf, sizes[i]);
		/* The four bytes do not count. */
		put32(buf + 4, ~get32(buf + 4));
		assert_int_equal(vhdx_checksum(buf, sizes[i]), sum);
		put32(buf + 4, 0);
		assert_int_equal(slow_crc32c(buf, sizes[i]), sum);
	}
	free(buf);
}

static void ident(void **state)
{
	char creator[300];
	u8 buf[4096];
	int i;

	memset(buf, 0xcc, sizeof(buf));
	vhdx_ident_encode(buf, "dm-vhdx 1");
	assert_memory_equal(buf, "vhdxfiled\0m\0-\0v\0h\0d\0x\0 \0" "1\0\0", 28);
	for (i = 28; i < 4096; i++)
		assert_int_equal(buf[i], 0);
	assert_ok(vhdx_ident_check(buf));

	/* An overlong creator is cut and terminated. */
	memset(creator, 'x', sizeof(creator));
	creator[299] = 0;
	vhdx_ident_encode(buf, creator);
	assert_int_equal(get16(buf + 8 + 2 * 254), 'x');
	assert_int_equal(get16(buf + 8 + 2 * 255), 0);

	/* Case 15: the creator may be anything.  Case 2: the signature not. */
	memset(buf + 8, 0xff, 4088);
	assert_ok(vhdx_ident_check(buf));
	for (i = 0; i < 8; i++) {
		buf[i] ^= 0x20;
		assert_fault(vhdx_ident_check(buf), NOT_VHDX);
		buf[i] ^= 0x20;
	}
}

static void encoded_as_specified(void **state)
{
	struct vhdx_header header = sample(0x1122334455667788ULL), back;
	u8 buf[4096], copy[4096];
	int i;

	header.log_guid = guid_of("202122232425262728292a2b2c2d2e2f");
	header.log_version = 0x3231;
	header.version = 0x3433;
	header.log_length = 0x38373635;
	header.log_off = 0x4443424140393837ULL;
	memset(buf, 0xcc, sizeof(buf));
	vhdx_header_encode(&header, buf);

	assert_memory_equal(buf, "head", 4);
	assert_int_equal(get64(buf + 8), 0x1122334455667788ULL);
	for (i = 0; i < 48; i++)
		assert_int_equal(buf[16 + i], i);
	assert_int_equal(get16(buf + 64), 0x3231);
	assert_int_equal(get16(buf + 66), 0x3433);
	assert_int_equal(get32(buf + 68), 0x38373635);
	assert_int_equal(get64(buf + 72), 0x4443424140393837ULL);
	for (i = 80; i < 4096; i++)
		assert_int_equal(buf[i], 0);
	memcpy(copy, buf, 4096);
	put32(copy + 4, 0);
	assert_int_equal(get32(buf + 4), slow_crc32c(copy, 4096));

	assert_true(vhdx_header_decode(buf, &back));
	assert_int_equal(back.sequence, header.sequence);
	assert_true(guid_equal(&back.file_write_guid, &header.file_write_guid));
	assert_true(guid_equal(&back.data_write_guid, &header.data_write_guid));
	assert_true(guid_equal(&back.log_guid, &header.log_guid));
	assert_int_equal(back.log_version, header.log_version);
	assert_int_equal(back.version, header.version);
	assert_int_equal(back.log_length, header.log_length);
	assert_int_equal(back.log_off, header.log_off);
}

static void every_byte_counts(void **state)
{
	struct vhdx_header header = sample(1);
	u8 buf[4096];
	int i;

	vhdx_header_encode(&header, buf);
	for (i = 0; i < 4096; i += i < 100 ? 1 : 37) {
		buf[i] ^= 1;
		assert_false(vhdx_header_decode(buf, &header));
		buf[i] ^= 1;
	}
	/* Case 14: reserved bytes under a good checksum. */
	buf[2000] = 1;
	seal(buf, 4096);
	assert_true(vhdx_header_decode(buf, &header));
	/* A good checksum under a bad signature. */
	buf[0] = 'H';
	seal(buf, 4096);
	assert_false(vhdx_header_decode(buf, &header));
}

static void higher_number_is_current(void **state)
{
	static const u64 pairs[][2] = {
		{ 1, 2 }, { 0, 1 }, { 0x7fffffffffffffffULL, 0x8000000000000000ULL },
		{ 0xffffffffULL, 0x100000000ULL }, { 1, ~0ULL }, { 0, ~0ULL },
	};
	struct vhdx_header a, b, header;
	u8 first[4096], second[4096];
	bool damaged;
	size_t i;
	int slot;

	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		a = sample(pairs[i][0]);
		b = sample(pairs[i][1]);
		vhdx_header_encode(&a, first);
		vhdx_header_encode(&b, second);
		assert_ok(vhdx_header_select(first, second, &header, &slot,
					     &damaged));
		assert_int_equal(slot, 1);
		assert_false(damaged);
		assert_int_equal(header.sequence, pairs[i][1]);
		assert_ok(vhdx_header_select(second, first, &header, &slot,
					     &damaged));
		assert_int_equal(slot, 0);
		assert_int_equal(header.sequence, pairs[i][1]);
	}
}

/* Cases 3 and 4. */
static void damaged_headers(void **state)
{
	struct vhdx_header a = sample(9), b = sample(5), header;
	u8 first[4096], second[4096];
	bool damaged;
	int slot;

	vhdx_header_encode(&a, first);
	vhdx_header_encode(&b, second);
	first[100] ^= 1;
	assert_ok(vhdx_header_select(first, second, &header, &slot, &damaged));
	assert_int_equal(slot, 1);
	assert_int_equal(header.sequence, 5);
	assert_true(damaged);
	assert_ok(vhdx_header_select(second, first, &header, &slot, &damaged));
	assert_int_equal(slot, 0);
	assert_true(damaged);
	second[0] = 0;
	assert_fault(vhdx_header_select(first, second, &header, &slot, &damaged),
		     NO_HEADER);
	memset(first, 0, 4096);
	memset(second, 0xff, 4096);
	assert_fault(vhdx_header_select(first, second, &header, &slot, &damaged),
		     NO_HEADER);
}

/* Case 5. */
static void equal_numbers(void **state)
{
	struct vhdx_header a = sample(7), header;
	u8 first[4096], second[4096];
	bool damaged;
	int slot;

	vhdx_header_encode(&a, first);
	memcpy(second, first, 4096);
	assert_ok(vhdx_header_select(first, second, &header, &slot, &damaged));
	assert_int_equal(slot, 0);
	assert_false(damaged);
	a.data_write_guid.b[0] ^= 1;
	vhdx_header_encode(&a, second);
	assert_fault(vhdx_header_select(first, second, &header, &slot, &damaged),
		     HEADER_TIE);
	/* They differ in reserved bytes only. */
	memcpy(second, first, 4096);
	second[4095] = 1;
	seal(second, 4096);
	assert_fault(vhdx_header_select(first, second, &header, &slot, &damaged),
		     HEADER_TIE);
}

static void check_version(void **state)
{
	struct vhdx_header header = sample(1);

	assert_ok(vhdx_header_check(&header, MIB(3)));
	header.version = 0;					/* case 7 */
	assert_fault(vhdx_header_check(&header, MIB(3)), VERSION);
	header.version = 2;
	assert_fault(vhdx_header_check(&header, MIB(3)), VERSION);
	header.version = 0x101;
	assert_fault(vhdx_header_check(&header, MIB(3)), VERSION);

	header = sample(1);
	header.log_version = 1;					/* case 8 */
	assert_ok(vhdx_header_check(&header, MIB(3)));
	header.log_guid.b[15] = 1;
	assert_fault(vhdx_header_check(&header, MIB(3)), LOG_VERSION);
	header.log_version = 0;
	assert_ok(vhdx_header_check(&header, MIB(3)));
}

static int check_log(u64 off, u32 length, u64 image_bytes)
{
	struct vhdx_header header = sample(1);

	header.log_off = off;
	header.log_length = length;
	return vhdx_header_check(&header, image_bytes);
}

static void check_log_place(void **state)
{
	struct vhdx_header header = sample(1);

	/* Case 9. */
	assert_fault(check_log(MIB(2) + 4096, MIB(1), MIB(8)), LOG_ALIGN);
	assert_fault(check_log(MIB(2), MIB(1) + 4096, MIB(8)), LOG_ALIGN);
	assert_fault(check_log(MIB(2), 4096, MIB(8)), LOG_ALIGN);
	assert_fault(check_log(0, MIB(1), MIB(8)), LOG_ALIGN);
	/* Case 10. */
	assert_ok(check_log(MIB(7), MIB(1), MIB(8)));
	assert_fault(check_log(MIB(7), MIB(1), MIB(8) - 1), LOG_RANGE);
	assert_fault(check_log(MIB(7), MIB(2), MIB(8)), LOG_RANGE);
	assert_fault(check_log(MIB(8), MIB(1), MIB(8)), LOG_RANGE);
	assert_fault(check_log(MIB(9), MIB(1), MIB(8)), LOG_RANGE);
	assert_fault(check_log(-MIB(1), MIB(1), MIB(8)), LOG_RANGE);
	assert_fault(check_log(-MIB(1), MIB(2), MIB(8)), LOG_RANGE);
	assert_fault(check_log(-MIB(1), MIB(1), ~0ULL), LOG_RANGE);
	/* Case 12. */
	assert_ok(check_log(MIB(1), MIB(1024), MIB(8192)));
	assert_fault(check_log(MIB(1), MIB(1025), MIB(8192)), LOG_HUGE);
	assert_fault(check_log(MIB(1), 0xfff00000, MIB(8192)), LOG_HUGE);
	/* Cases 11 and 13: no log, whatever its offset says. */
	assert_ok(check_log(0, 0, MIB(8)));
	assert_ok(check_log(MIB(1) + 5, 0, MIB(8)));
	header.log_length = 0;
	header.log_guid.b[0] = 1;
	assert_fault(vhdx_header_check(&header, MIB(8)), LOG_NONE_DIRTY);
}

/* What a damaged header says is there to be looked at, and nothing more. */
static void fields_of_a_damaged_header(void **state)
{
	struct vhdx_header in = sample(5), out;
	u8 buf[VHDX_HEADER_BYTES];
	int i;

	vhdx_header_encode(&in, buf);
	put32(buf + 4, get32(buf + 4) ^ 1);
	assert_false(vhdx_header_decode(buf, &out));
	memset(&out, 0xee, sizeof(out));
	assert_true(vhdx_header_fields(buf, &out));
	assert_int_equal(out.sequence, in.sequence);
	assert_memory_equal(&out.file_write_guid, &in.file_write_guid, 16);
	assert_memory_equal(&out.data_write_guid, &in.data_write_guid, 16);
	assert_memory_equal(&out.log_guid, &in.log_guid, 16);
	assert_int_equal(out.log_version, in.log_version);
	assert_int_equal(out.version, in.version);
	assert_int_equal(out.log_length, in.log_length);
	assert_int_equal(out.log_off, in.log_off);
	for (i = 0; i < 4; i++) {
		buf[i] ^= 0x20;
		assert_false(vhdx_header_fields(buf, &out));
		buf[i] ^= 0x20;
	}
}

static void check_writable(void **state)
{
	struct vhdx_header header = sample(1);

	assert_ok(vhdx_header_check_writable(&header));
	header.sequence = 1ULL << 63;
	assert_ok(vhdx_header_check_writable(&header));
	header.sequence = ~0ULL;				/* case 6 */
	assert_fault(vhdx_header_check_writable(&header), HEADER_SEQ_MAX);
	header.sequence = ~0ULL - 1;
	assert_fault(vhdx_header_check_writable(&header), HEADER_SEQ_MAX);
	/* A margin of 64, to the number. */
	header.sequence = ~0ULL - 64;
	assert_fault(vhdx_header_check_writable(&header), HEADER_SEQ_MAX);
	header.sequence = ~0ULL - 65;
	assert_ok(vhdx_header_check_writable(&header));
	header = sample(1);
	header.log_length = 0;					/* case 13 */
	assert_fault(vhdx_header_check_writable(&header), LOG_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum),
		cmocka_unit_test(ident),
		cmocka_unit_test(encoded_as_specified),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(higher_number_is_current),
		cmocka_unit_test(damaged_headers),
		cmocka_unit_test(equal_numbers),
		cmocka_unit_test(check_version),
		cmocka_unit_test(check_log_place),
		cmocka_unit_test(fields_of_a_damaged_header),
		cmocka_unit_test(check_writable),
	};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
