// SPDX-License-Identifier: GPL-2.0
#include "cases.h"
#include "sha256.h"

static cases_check_fn cases_check;

/* Checksum of a disk; most are like the one before, which saves time. */
static const char *disk_sha256(const u8 *disk, u64 length)
{
	static u64 last_length;
	static char hex[65];
	static u8 *last;
	struct sha256 sha;

	if (last && last_length == length && !memcmp(last, disk, length))
		return hex;
	sha256_init(&sha);
	sha256_update(&sha, disk, length);
	sha256_hex(&sha, hex);
	last = realloc(last, length);
	last_length = length;
	memcpy(last, disk, length);
	return hex;
}

static int errno_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{ "ok", 0 }, { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
		{ "EFBIG", EFBIG }, { "ENOSPC", ENOSPC }, { "EIO", EIO }, { "EBUSY", EBUSY },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i].name, name))
			return -names[i].number;
	fail_msg("unknown errno %s", name);
	return 1;
}

/* Is a result the one that was expected? */
void cases_check_result(const struct expectation *e, int r)
{
	const char *mode = e->writable ? "rw" : "ro";

	if (strcmp(r ? vhdx_fault_name(r) : "-", e->fault))
		fail_msg("%s %s: %s, not %s", e->file, mode,
			 r ? vhdx_fault_name(r) : "ok", e->fault);
	if (vhdx_fault_errno(r) != errno_of(e->result))
		fail_msg("%s %s: errno %d, not %s", e->file, mode,
			 vhdx_fault_errno(r), e->result);
}

/* Are the first bytes of a disk what was expected? */
void cases_check_disk(const struct expectation *e, const u8 *disk)
{
	if (strcmp(disk_sha256(disk, e->length), e->sha256))
		fail_msg("%s %s: reads differently", e->file,
			 e->writable ? "rw" : "ro");
}

/* The rw line holds for ro, too, unless there is one for that. */
static void case_test(void **state)
{
	struct expectation *e = *state;

	cases_check(e);
	if (e->writable && (!e[1].file[0] || strcmp(e[1].file, e->file))) {
		struct expectation ro = *e;

		ro.writable = false;
		cases_check(&ro);
	}
}

static bool parse(char *line, struct expectation *e)
{
	char name[16], mode[8], length[32];

	if (sscanf(line, "%15[^\t]\t%255[^\t]\t%llu\t%7[^\t]\t%31[^\t]\t%63[^\t]\t%31[^\t]\t%64s",
		   name, e->file, (unsigned long long *)&e->device_bytes, mode,
		   e->result, e->fault, length, e->sha256) != 8)
		return false;
	e->writable = !strcmp(mode, "rw");
	e->length = strtoull(length, NULL, 10);
	return true;
}

/*
 * All lines of cases.tsv in the directory that the environment variable names;
 * returns the exit status.
 */
int cases_run(const char *group, const char *variable, cases_check_fn check)
{
	struct expectation *list = NULL;
	struct CMUnitTest *tests = NULL;
	char path[4096], line[1024];
	const char *directory = getenv(variable);
	size_t nr = 0, i;
	FILE *tsv;
	int failed;

	cases_check = check;
	if (!directory) {
		printf("1..0 # SKIP %s names no directory\n", variable);
		return 0;
	}
	snprintf(path, sizeof(path), "%s/cases.tsv", directory);
	tsv = fopen(path, "r");
	if (!tsv) {
		perror(path);
		return 1;
	}
	while (fgets(line, sizeof(line), tsv)) {
		/* One more, empty: a line looks at the next. */
		list = realloc(list, (nr + 2) * sizeof(*list));
		memset(&list[nr], 0, 2 * sizeof(*list));
		list[nr].directory = directory;
		if (!parse(line, &list[nr++])) {
			fprintf(stderr, "%s: line %zu\n", path, nr);
			return 1;
		}
	}
	fclose(tsv);

	tests = calloc(nr, sizeof(*tests));
	for (i = 0; i < nr; i++) {
		char *name = malloc(300);

		snprintf(name, 300, "image %s %s", list[i].file,
			 list[i].writable ? "rw" : "ro");
		tests[i] = (struct CMUnitTest){ name, case_test, NULL, NULL, &list[i] };
	}
	failed = _cmocka_run_group_tests(group, tests, nr, NULL, NULL);
	for (i = 0; i < nr; i++)
		free((char *)tests[i].name);
	free(tests);
	free(list);
	return failed;
}
