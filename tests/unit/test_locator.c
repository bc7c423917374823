// SPDX-License-Identifier: GPL-2.0
/* vhdx-locator.c: parent locators; cases 45 to 49. */
#include "test.h"
#include "vhdx-locator.h"

#define GUID "{83ed0ec3-24c8-49a6-a959-5e4bd1288791}"
#define GUID_HEX "c30eed83c824a649a9595e4bd1288791"

/* As Hyper-V has it; the item is of exactly this length, so nothing behind it is read. */
static u8 *item;
static u32 bytes;
static u32 used;

static int teardown(void **state)
{
	free(item);
	item = NULL;
	bytes = 0;
	return 0;
}

static u8 *entry(u32 index)
{
	return item + 20 + 12 * index;
}

static void start(u32 count)
{
	guid_t type = guid_of("B7EF4AB09ED1814AB78925B8E9445913");

	free(item);
	bytes = 20 + 12 * count;
	item = calloc(1, bytes);
	memcpy(item, &type, 16);
	put16(item + 18, count);
	used = 0;
}

/* A string at the end of the item: where. */
static u32 add_text(const char *ascii)
{
	u32 at = bytes, i;

	bytes += 2 * strlen(ascii);
	item = realloc(item, bytes);
	for (i = 0; ascii[i]; i++)
		put16(item + at + 2 * i, (u8)ascii[i]);
	return at;
}

static void add(const char *key, const char *value)
{
	u32 key_at = add_text(key), value_at = add_text(value);

	put32(entry(used), key_at);
	put32(entry(used) + 4, value_at);
	put16(entry(used) + 8, 2 * strlen(key));
	put16(entry(used) + 10, 2 * strlen(value));
	used++;
}

static void build(void)
{
	start(3);
	add("relative_path", "..\\p.vhdx");
	add("parent_linkage", GUID);
	add("parent_linkage2", "{00000000-0000-0000-0000-000000000000}");
}

static int check(void)
{
	return vhdx_locator_check(item, bytes);
}

static void good(void **state)
{
	guid_t want = guid_of(GUID_HEX), linkage[2];
	struct vhdx_locator_text text;
	struct vhdx_locator_pair pair;
	char buf[64];

	build();
	assert_ok(check());
	assert_int_equal(vhdx_locator_count(item), 3);
	vhdx_locator_decode(item, 0, &pair);
	assert_int_equal(vhdx_locator_utf8(&pair.key, buf, sizeof(buf)), 13);
	assert_string_equal(buf, "relative_path");
	assert_int_equal(vhdx_locator_utf8(&pair.value, buf, sizeof(buf)), 9);
	assert_string_equal(buf, "..\\p.vhdx");
	vhdx_locator_decode(item, 2, &pair);
	vhdx_locator_utf8(&pair.key, buf, sizeof(buf));
	assert_string_equal(buf, "parent_linkage2");

	/* Keys as a whole, and in their own spelling. */
	assert_true(vhdx_locator_find(item, "relative_path", &text));
	assert_int_equal(text.bytes, 18);
	assert_false(vhdx_locator_find(item, "relative_pat", &text));
	assert_false(vhdx_locator_find(item, "relative_path2", &text));
	assert_false(vhdx_locator_find(item, "Relative_path", &text));
	assert_false(vhdx_locator_find(item, "volume_path", &text));

	/* Case 49. */
	assert_int_equal(vhdx_locator_linkage(item, linkage), 1);
	assert_memory_equal(&linkage[0], &want, 16);
	start(2);
	add("parent_linkage2", GUID);
	add("parent_linkage", "00000000-0000-0000-0000-00000000000A");
	assert_ok(check());
	assert_int_equal(vhdx_locator_linkage(item, linkage), 2);
	assert_memory_equal(&linkage[1], &want, 16);
	assert_int_equal(((u8 *)&linkage[0])[15], 10);
	/* None at all: decision 8. */
	start(1);
	add("parent_linkage", GUID);
	assert_ok(check());
	assert_int_equal(vhdx_locator_linkage(item, linkage), 1);
}

/* Cases 45, 47. */
static void item_header(void **state)
{
	u32 i;

	build();
	for (i = 0; i < 20; i++)
		assert_fault(vhdx_locator_check(item, i), LOCATOR_SHORT);
	for (i = 20; i < 20 + 36; i++)
		assert_fault(vhdx_locator_check(item, i), LOCATOR_SHORT);
	/* Then it is the strings that are missing. */
	assert_fault(vhdx_locator_check(item, 20 + 36), LOCATOR_RANGE);
	assert_fault(vhdx_locator_check(item, bytes - 1), LOCATOR_RANGE);
	for (i = 0; i < 16; i++) {
		build();
		item[i] ^= 0x10;
		assert_fault(check(), LOCATOR_TYPE);
		assert_fault(vhdx_locator_check(item, 20), LOCATOR_TYPE);
	}
	build();
	put16(item + 16, 0xffff);	/* reserved */
	assert_ok(check());
	put16(item + 18, 0);
	assert_fault(check(), LOCATOR_COUNT);
	put16(item + 18, 257);
	assert_fault(check(), LOCATOR_COUNT);
	put16(item + 18, 256);
	assert_fault(check(), LOCATOR_SHORT);
}

static void many_entries(void **state)
{
	char key[16];
	u32 i;

	start(256);
	add("parent_linkage", GUID);
	for (i = 1; i < 256; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		add(key, "v");
	}
	assert_ok(check());
	memcpy(entry(255), entry(3), 12);
	assert_fault(check(), LOCATOR_TWICE);
}

/* Case 46. */
static void places(void **state)
{
	u32 which, length;

	for (which = 0; which < 2; which++) {
		u32 off_at = 4 * which, length_at = 8 + 2 * which;

		build();
		length = get16(entry(2) + length_at);
		put32(entry(2) + off_at, 0);
		assert_fault(check(), LOCATOR_RANGE);
		put32(entry(2) + off_at, bytes - length + 1);
		assert_fault(check(), LOCATOR_RANGE);
		put32(entry(2) + off_at, bytes);
		assert_fault(check(), LOCATOR_RANGE);
		put32(entry(2) + off_at, bytes + 1);
		assert_fault(check(), LOCATOR_RANGE);
		put32(entry(2) + off_at, ~0U);
		assert_fault(check(), LOCATOR_RANGE);
		put32(entry(2) + off_at, -length);
		assert_fault(check(), LOCATOR_RANGE);
		/* Nothing at the very end: that is no text. */
		put32(entry(2) + off_at, bytes);
		put16(entry(2) + length_at, 0);
		assert_fault(check(), LOCATOR_TEXT);
		build();
		put16(entry(0) + length_at, get16(entry(0) + length_at) - 1);
		assert_fault(check(), LOCATOR_TEXT);
	}
	/* To the last byte; unaligned. */
	start(2);
	add("parent_linkage", GUID);
	add("k", "v");
	assert_ok(check());
	bytes++;
	item = realloc(item, bytes);
	memmove(item + bytes - 2, item + bytes - 3, 2);
	put32(entry(1) + 4, bytes - 2);
	assert_ok(check());
}

/* One value of up to three UTF-16 units, as UTF-8; NULL: no text. */
static void text_is(u16 a, u16 b, u16 c, const char *utf8)
{
	struct vhdx_locator_pair pair;
	u16 units[] = { a, b, c };
	char buf[16];
	u32 i, n;

	start(2);
	add("parent_linkage", GUID);
	add("k", "xyz");
	for (n = 0; n < 3 && units[n] != 0x58; n++)	/* X */
		;
	put16(entry(1) + 10, 2 * n);
	for (i = 0; i < n; i++)
		put16(item + get32(entry(1) + 4) + 2 * i, units[i]);
	if (!utf8) {
		assert_fault(check(), LOCATOR_TEXT);
		return;
	}
	assert_ok(check());
	vhdx_locator_decode(item, 1, &pair);
	assert_int_equal(vhdx_locator_utf8(&pair.value, buf, sizeof(buf)),
			 strlen(utf8));
	assert_string_equal(buf, utf8);
}

/* Case 46: UTF-16, and the same as UTF-8. */
static void texts(void **state)
{
	text_is('a', 'X', 0, "a");
	text_is(1, 0x7f, 'X', "\x01\x7f");
	text_is(0x80, 0x7ff, 'X', "\xc2\x80\xdf\xbf");
	text_is(0x800, 0xd7ff, 'X', "\xe0\xa0\x80\xed\x9f\xbf");
	text_is(0xe000, 0xffff, 'X', "\xee\x80\x80\xef\xbf\xbf");
	text_is(0x20ac, 0x5b57, 0xe9, "\xe2\x82\xac\xe5\xad\x97\xc3\xa9");
	text_is(0xd800, 0xdc00, 'X', "\xf0\x90\x80\x80");
	text_is(0xd83d, 0xde00, 'a', "\xf0\x9f\x98\x80" "a");
	text_is(0xdbff, 0xdfff, 'X', "\xf4\x8f\xbf\xbf");
	text_is(0xd7ff, 0xd800, 0xdfff, "\xed\x9f\xbf\xf0\x90\x8f\xbf");
	/* A NUL anywhere, half a pair, pairs the wrong way round. */
	text_is(0, 'X', 0, NULL);
	text_is('a', 0, 'X', NULL);
	text_is('a', 0, 'b', NULL);
	text_is(0xd800, 'X', 0, NULL);
	text_is(0xdbff, 'X', 0, NULL);
	text_is(0xd800, 'a', 'X', NULL);
	text_is(0xd800, 0xdbff, 'X', NULL);
	text_is(0xd800, 0xe000, 'X', NULL);
	text_is(0xdc00, 0xd800, 'X', NULL);
	text_is(0xdc00, 0xdc00, 'X', NULL);
	text_is(0xdfff, 0xdc00, 'X', NULL);
}

/* A buffer that is too small: whole characters only, and always an end. */
static void short_buffers(void **state)
{
	static const char *want[] = {
		"", "a", "a", "a", "a\xe2\x82\xac", "a\xe2\x82\xac",
	};
	struct vhdx_locator_pair pair;
	char buf[16];
	u32 size;

	text_is('a', 0x20ac, 0x20ac, "a\xe2\x82\xac\xe2\x82\xac");
	vhdx_locator_decode(item, 1, &pair);
	for (size = 1; size <= 6; size++) {
		memset(buf, 0x55, sizeof(buf));
		assert_int_equal(vhdx_locator_utf8(&pair.value, buf, size),
				 strlen(want[size - 1]));
		assert_string_equal(buf, want[size - 1]);
		assert_int_equal(buf[size], 0x55);
	}
	/* As long as the longest characters need. */
	text_is(0xffff, 0xffff, 0xffff, "\xef\xbf\xbf\xef\xbf\xbf\xef\xbf\xbf");
	vhdx_locator_decode(item, 1, &pair);
	assert_int_equal(vhdx_locator_utf8(&pair.value, buf, 12), 9);
}

static int with_linkage(const char *key, const char *value)
{
	start(2);
	add(key, value);
	add(strcmp(key, "parent_linkage") ? "parent_linkage" : "other", GUID);
	return check();
}

/* Case 48. */
static void linkages(void **state)
{
	static const char *const good[] = {
		GUID, "83ed0ec3-24c8-49a6-a959-5e4bd1288791",
		"{83ED0EC3-24C8-49A6-A959-5E4BD1288791}",
		"{83ed0ec3-24C8-49a6-A959-5e4bd1288791}",
	};
	static const char *const bad[] = {
		"{83ed0ec3-24c8-49a6-a959-5e4bd128879}",
		"{83ed0ec3-24c8-49a6-a959-5e4bd12887911}",
		"(83ed0ec3-24c8-49a6-a959-5e4bd1288791)",
		"{83ed0ec3-24c8-49a6-a959-5e4bd1288791)",
		"(83ed0ec3-24c8-49a6-a959-5e4bd1288791}",
		"83ed0ec3-24c8-49a6-a959-5e4bd128879",
		"83ed0ec3-24c8-49a6-a959-5e4bd12887911",
		"83ed0ec3024c8-49a6-a959-5e4bd1288791",
		"83ed0ec3-24c8049a6-a959-5e4bd1288791",
		"83ed0ec3-24c8-49a60a959-5e4bd1288791",
		"83ed0ec3-24c8-49a6-a95905e4bd1288791",
		"x",
	};
	static const char around[] = "/:@G`g";
	guid_t want = guid_of(GUID_HEX), linkage[2];
	char text[] = GUID;
	u32 i, at;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		assert_ok(with_linkage("parent_linkage", good[i]));
		assert_int_equal(vhdx_locator_linkage(item, linkage), 1);
		assert_memory_equal(&linkage[0], &want, 16);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_fault(with_linkage("parent_linkage", bad[i]),
			     LOCATOR_LINKAGE);
		assert_fault(with_linkage("parent_linkage2", bad[i]),
			     LOCATOR_LINKAGE);
	}
	/* What lies around the digits is none, in each place. */
	for (at = 1; at < 37; at++)
		for (i = 0; text[at] != '-' && around[i]; i++) {
			strcpy(text, GUID);
			text[at] = around[i];
			assert_fault(with_linkage("parent_linkage", text),
				     LOCATOR_LINKAGE);
			strcpy(text, GUID);
		}
	for (i = 0; i < 10; i++) {
		strcpy(text, "{0f9a9f0A-F099-0909-afAF-09af09AF0000}");
		text[37 - 1 - i % 4] = '0' + i;
		assert_ok(with_linkage("parent_linkage", text));
	}

	start(1);
	add("relative_path", "p");
	assert_fault(check(), LOCATOR_LINKAGE);
	start(1);
	add("Parent_linkage", GUID);
	assert_fault(check(), LOCATOR_LINKAGE);
	start(1);
	add("parent_linkage2", GUID);
	assert_fault(check(), LOCATOR_LINKAGE);
	start(3);
	add("parent_linkage", GUID);
	add("x", "1");
	add("x", "2");
	assert_fault(check(), LOCATOR_TWICE);
	/* A unit above 255 whose low byte fits is another one. */
	build();
	item[get32(entry(1)) + 1] = 1;
	assert_fault(check(), LOCATOR_LINKAGE);
	build();
	item[get32(entry(1) + 4) + 3] = 1;
	assert_fault(check(), LOCATOR_LINKAGE);
}

/* Case 50: either linkage will do, but zeros are none. */
static void accepts(void **state)
{
	guid_t first = guid_of(GUID_HEX), second = guid_of("0123456789abcdef0123456789abcdef");
	guid_t zero = { { 0 } };

	build();
	assert_ok(check());
	assert_true(vhdx_locator_accepts(item, &first));
	assert_false(vhdx_locator_accepts(item, &second));
	assert_false(vhdx_locator_accepts(item, &zero));
	start(2);
	add("parent_linkage2", "{67452301-ab89-efcd-0123-456789abcdef}");
	add("parent_linkage", GUID);
	assert_ok(check());
	assert_true(vhdx_locator_accepts(item, &first));
	assert_true(vhdx_locator_accepts(item, &second));
}

/* What is built reads back, in as much memory as it takes and no more. */
static void built(void **state)
{
	static const struct vhdx_locator_words words[] = {
		{ "parent_linkage", GUID },
		{ "relative_path", ".\\gr\303\274n \342\202\254 \360\237\222\276.vhdx" },
		{ "a", "\177\302\200\337\277\340\240\200\355\237\277\356\200\200\357\277\277\364\217\277\277" },
	};
	struct vhdx_locator_pair pair;
	u32 size, i, length;
	char buf[128];

	item = calloc(1, 1024);
	length = vhdx_locator_build(item, 1024, words, 3);
	assert_int_not_equal(length, 0);
	for (size = 0; size < length; size++) {
		item = realloc(item, size + !size);
		assert_int_equal(vhdx_locator_build(item, size, words, 3), 0);
	}
	/* A pair of surrogates must have room, whether it comes or not. */
	bytes = length + 2;
	item = realloc(item, bytes);
	assert_int_equal(vhdx_locator_build(item, bytes, words, 3), length);
	assert_ok(vhdx_locator_check(item, length));
	assert_int_equal(vhdx_locator_count(item), 3);
	for (i = 0; i < 3; i++) {
		vhdx_locator_decode(item, i, &pair);
		vhdx_locator_utf8(&pair.key, buf, sizeof(buf));
		assert_string_equal(buf, words[i].key);
		vhdx_locator_utf8(&pair.value, buf, sizeof(buf));
		assert_string_equal(buf, words[i].value);
	}
	assert_int_equal(get16(item + get32(entry(1) + 4)), '.');
}

static u32 build_value(const char *value)
{
	struct vhdx_locator_words words = { "k", value };
	u8 small[256];

	return vhdx_locator_build(small, sizeof(small), &words, 1);
}

/* What is no UTF-8, or no text: cut, overlong, surrogates, past the last one. */
static void not_built(void **state)
{
	static const char *const bad[] = {
		"", "\200", "x\302", "\302x", "\300\200", "\301\277", "\340\237\277",
		"\340\240", "\355\240\200", "\355\277\277", "\360\217\277\277",
		"\364\220\200\200", "\370\210\200\200\200", "\377", "\360\237\222",
	};
	struct vhdx_locator_words words = { "long", NULL };
	char *text = calloc(1, 40000);
	u8 *large = malloc(200000);
	u32 i;

	assert_int_not_equal(build_value("x"), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(build_value(bad[i]), 0);
	/* A length has 16 bits. */
	memset(text, 'x', 32766);
	words.value = text;
	assert_int_equal(vhdx_locator_build(large, 200000, &words, 1),
			 20 + 12 + 8 + 2 * 32766);
	memset(text, 'x', 32768);
	assert_int_equal(vhdx_locator_build(large, 200000, &words, 1), 0);
	free(text);
	free(large);
}

#define test(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(good),
		test(item_header),
		test(many_entries),
		test(places),
		test(texts),
		test(short_buffers),
		test(linkages),
		test(accepts),
		test(built),
		test(not_built),
	};

	return cmocka_run_group_tests_name("locator", tests, NULL, NULL);
}
