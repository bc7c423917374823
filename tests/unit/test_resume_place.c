// SPDX-License-Identifier: GPL-2.0
/* What systemd leaves in the firmware of where it has hibernated to. */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resume-place.h"
#include "test.h"

#define UUID "0a1b2c3d-1111-2222-3333-444455556666"
#define VARIABLE "HibernateLocation-8cf2644b-4b0b-428f-9387-6d876050dc67"

static char dir[] = "/tmp/vhdx-efivars.XXXXXX", path[PATH_MAX];

static int make_dir(void **state)
{
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/" VARIABLE, dir);
	return 0;
}

static int remove_dir(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static void put_raw(const void *data, size_t bytes)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	assert_int_equal(fclose(file), 0);
}

/* As the kernel shows it: attributes, then UTF-16 with a zero at the end. */
static void put(const char *text)
{
	unsigned char buffer[16384] = { 7 };
	size_t i;

	for (i = 0; text[i]; i++)
		buffer[4 + 2 * i] = text[i];
	put_raw(buffer, 4 + 2 * (i + 1));
}

static void right(const char *text, const char *device, const char *offset)
{
	struct resume_place place;

	memset(&place, 'x', sizeof(place));
	put(text);
	assert_int_equal(resume_place_efi(&place, dir), 0);
	assert_string_equal(place.device, device);
	assert_string_equal(place.offset, offset);
}

static void wrong(const char *text)
{
	struct resume_place place;

	put(text);
	if (resume_place_efi(&place, dir) != -EINVAL)
		fail_msg("'%s' is taken", text);
}

static void test_none(void **state)
{
	struct resume_place place;

	unlink(path);
	assert_int_equal(resume_place_efi(&place, dir), -ENOENT);
	assert_int_equal(resume_place_efi(&place, "/nonexistent"), -ENOENT);
}

static void test_right(void **state)
{
	right("{\"uuid\":\"" UUID "\",\"offset\":0,\"kernelVersion\":\"6.12.0\","
	      "\"osReleaseId\":\"debian\"}", "UUID=" UUID, "");
	right("{ \"offset\" : 38912, \"uuid\" : \"" UUID "\" }", "UUID=" UUID,
	      "38912");
	right("{\"uuid\":\"" UUID "\",\"offset\":9007199254740993}",
	      "UUID=" UUID, "9007199254740993");
	/* Names of systems may be anything. */
	right("{\"osReleaseId\":\"\xe9\",\"uuid\":\"" UUID "\",\"offset\":1}",
	      "UUID=" UUID, "1");
}

static void test_wrong(void **state)
{
	struct resume_place place;
	char large[4096];

	wrong("");
	wrong("{");
	wrong("[]");
	wrong("null");
	wrong("{\"uuid\":\"" UUID "\"}");
	wrong("{\"offset\":0}");
	wrong("{\"uuid\":\"\",\"offset\":0}");
	wrong("{\"uuid\":\"../../sda\",\"offset\":0}");
	wrong("{\"uuid\":\"" UUID "0\",\"offset\":0}");
	wrong("{\"uuid\":7,\"offset\":0}");
	wrong("{\"uuid\":\"" UUID "\",\"offset\":-1}");
	wrong("{\"uuid\":\"" UUID "\",\"offset\":\"0\"}");

	put_raw("\7\0\0", 3);
	assert_int_equal(resume_place_efi(&place, dir), -EINVAL);
	put_raw("\7\0\0\0{\0}", 7);
	assert_int_equal(resume_place_efi(&place, dir), -EINVAL);
	memset(large, ' ', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	wrong(large);
}

static void test_patience(void **state)
{
	assert_int_equal(resume_patience(NULL, NULL), 20);
	assert_int_equal(resume_patience("", ""), 20);
	assert_int_equal(resume_patience("5", NULL), 20);
	assert_int_equal(resume_patience("90", NULL), 60);
	assert_int_equal(resume_patience("90", "12"), 8);
	assert_int_equal(resume_patience(NULL, "0"), UINT_MAX);
	assert_int_equal(resume_patience("99999999999999999999", NULL), UINT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_patience),
	};

	return cmocka_run_group_tests_name("resume_place", tests, make_dir,
					   remove_dir);
}
