// SPDX-License-Identifier: GPL-2.0
/* KUnit: suites, parameters, verdicts. */
#include <kunit/test.h>

struct kunit_suite *sim_suites[SIM_MAX];
unsigned int sim_nr_suites;
bool sim_verbose;
static struct {
	const char *name;
	unsigned int *value;
} sim_params[SIM_MAX];
static unsigned int sim_nr_params;

void sim_kunit_add(struct kunit_suite *suite)
{
	sim_suites[sim_nr_suites++] = suite;
}

void sim_param(const char *name, unsigned int *value)
{
	sim_params[sim_nr_params].name = name;
	sim_params[sim_nr_params++].value = value;
}

void *kunit_kmalloc(struct kunit *test, size_t bytes, gfp_t gfp)
{
	void *p = kmalloc(bytes, gfp);

	test->allocated = realloc(test->allocated, (test->nr_allocated + 1) *
						   sizeof(*test->allocated));
	test->allocated[test->nr_allocated++] = p;
	return p;
}

void sim_kunit_info(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (sim_verbose)
		printf("# %s", text);
}

void sim_kunit_fail(struct kunit *test, bool abort, const char *file, int line,
		    const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	test->failed = true;
	printf("# %s:%d: %s\n", file, line, text);
	if (abort)
		longjmp(test->abort, 1);
}

void sim_set(const char *name, const char *value)
{
	unsigned int i;

	for (i = 0; i < sim_nr_params; i++)
		if (!strcmp(sim_params[i].name, name))
			*sim_params[i].value = atoi(value);
}
