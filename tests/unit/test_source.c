// SPDX-License-Identifier: GPL-2.0
/* What tables and command lines say of where an image is, and units' names. */
#include <string.h>

#include "field.h"
#include "source.h"
#include "test.h"
#include "unit.h"

static void decode(const char *from, const char *to, size_t size)
{
	char text[64];
	const char *wrong;

	memset(text, 'x', sizeof(text));
	wrong = field_decode(text, size, from, strlen(from));
	if (!to) {
		assert_non_null(wrong);
		return;
	}
	assert_null(wrong);
	assert_string_equal(text, to);
	assert_int_equal(text[strlen(to) + 1], 'x');
}

static void test_field(void **state)
{
	decode("", "", 1);
	decode("abc", "abc", 4);
	decode("abc", NULL, 3);
	decode("a\\040b", "a b", 4);
	decode("\\072\\134\\\\\\042", ":\\\\\"", 8);
	decode("\\303\\274", "\303\274", 8);
	decode("\\377", "\377", 8);
	decode("\\", NULL, 8);
	decode("\\0", NULL, 8);
	decode("\\04", NULL, 8);
	decode("\\048", NULL, 8);
	decode("\\400", NULL, 8);
	decode("\\000", NULL, 8);
	decode("\\012", NULL, 8);
	decode("\\177", NULL, 8);
	decode("a\tb", NULL, 8);
	decode("\\x41", NULL, 8);
}

static void parse(const char *text, const char *tag, const char *value,
		  const char *inner)
{
	struct source source;

	assert_null(source_parse(&source, text));
	assert_string_equal(source.tag, tag);
	assert_string_equal(*tag ? source.value : source.path, value);
	assert_string_equal(source.inner, inner);
}

static void test_source_right(void **state)
{
	parse("/a/b.vhdx", "", "/a/b.vhdx", "");
	parse("/a:/b.vhdx", "", "/a:/b.vhdx", "");
	parse("/dev/sda", "", "/dev/sda", "");
	parse("/dev/disk/by-path/pci-0000:00", "", "/dev/disk/by-path/pci-0000:00", "");
	parse("/dev/sda1:/b:/c", "", "/dev/sda1", "/b:/c");
	parse("UUID=ab", "UUID", "ab", "");
	parse("UUID=ab:/c", "UUID", "ab", "/c");
	parse("UUID=ab:c", "UUID", "ab:c", "");
	parse("LABEL=\"a\\040b\":/c", "LABEL", "a b", "/c");
	parse("LABEL='a'", "LABEL", "a", "");
	parse("LABEL='", "LABEL", "'", "");
	parse("LABEL=a\\072/b", "LABEL", "a:/b", "");
	parse("LABEL=a=b", "LABEL", "a=b", "");
	parse("PARTUUID=ABCD-01", "PARTUUID", "abcd-01", "");
	parse("PARTLABEL=A", "PARTLABEL", "A", "");
}

static void test_source_wrong(void **state)
{
	static const char *const wrong[] = {
		"", "a", "a/b", "=", "=x", "UUID", "UUID=", "UUID=:/c",
		"UUID=\"\"", "uuid=ab", "ID=ab", "UUIDS=ab", "UUID=ab:/",
		"UUID=ab://", "/", "/a/", "/dev/", "/dev/sda1:/", "/a\\",
		"UUID=a\\12", "UUID=ab:/c\\8", ":/c", "a:/b=c",
	};
	char text[SOURCE_VALUE + 8] = "LABEL=";
	struct source source;
	unsigned int i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (!source_parse(&source, wrong[i]))
			fail_msg("'%s' is taken", wrong[i]);
	memset(text + 6, 'x', SOURCE_VALUE - 1);
	assert_null(source_parse(&source, text));
	text[6 + SOURCE_VALUE - 1] = 'x';
	assert_non_null(source_parse(&source, text));
}

static void node(const char *text, const char *wanted, const char *host)
{
	struct source source;
	char path[PATH_MAX];

	assert_null(source_parse(&source, text));
	assert_true(source_on_device(&source));
	source_node(&source, path);
	assert_string_equal(path, wanted);
	source_host(&source, path);
	assert_string_equal(path, host);
}

static void test_source_node(void **state)
{
	struct source source;

	node("UUID=1-A", "/dev/disk/by-uuid/1-A", "/run/vhdx/host/1-A");
	node("LABEL=a/b\\040c", "/dev/disk/by-label/a\\x2fb\\x20c",
	     "/run/vhdx/host/a\\x2fb\\x20c");
	node("LABEL=..", "/dev/disk/by-label/..", "/run/vhdx/host/unnamed");
	node("/dev/vg/lv:/x", "/dev/vg/lv", "/run/vhdx/host/lv");
	assert_null(source_parse(&source, "/devices/x"));
	assert_false(source_on_device(&source));
}

static void test_unit(void **state)
{
	char unit[UNIT_NAME], text[UNIT_NAME];

	assert_true(unit_name(unit, "vhdx@", "a-b.c", ".service"));
	assert_string_equal(unit, "vhdx@a\\x2db.c.service");
	assert_true(unit_name(unit, "", ".a/@", ""));
	assert_string_equal(unit, "\\x2ea-\\x40");
	assert_true(unit_name_path(unit, "/", ".mount"));
	assert_string_equal(unit, "-.mount");
	assert_true(unit_name_path(unit, "//a//b-c/", ".mount"));
	assert_string_equal(unit, "a-b\\x2dc.mount");
	assert_true(unit_name_path(unit, "/.a/.b", ".mount"));
	assert_string_equal(unit, "\\x2ea-.b.mount");
	memset(text, 'a', sizeof(text));
	text[UNIT_NAME - 1 - 9 - 5] = '\0';
	assert_true(unit_name(unit, "vhdx@", text, ".service2"));
	text[UNIT_NAME - 1 - 9 - 5] = 'a';
	text[UNIT_NAME - 9 - 5] = '\0';
	assert_false(unit_name(unit, "vhdx@", text, ".service2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_source_right),
		cmocka_unit_test(test_source_wrong),
		cmocka_unit_test(test_source_node),
		cmocka_unit_test(test_unit),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
