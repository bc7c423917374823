// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the KUnit suites in user space.
 *
 *   kunit [-s SEED] [-e EFFORT] [-v] [-x] [NAME...]
 *
 * NAME is a suite or a case; all of them if there is none.  The result is TAP.
 * With -x the first that fails is the last.
 */
#include <kunit/test.h>
#include <unistd.h>

static bool sim_run_case(struct kunit_suite *suite, struct kunit_case *c)
{
	struct kunit test = { .name = c->name };
	unsigned int i;

	if (!setjmp(test.abort) && suite->init && suite->init(&test))
		test.failed = true;
	else if (!setjmp(test.abort) && !test.failed)
		c->run_case(&test);
	if (suite->exit && !setjmp(test.abort))
		suite->exit(&test);
	for (i = 0; i < test.nr_allocated; i++)
		kfree(test.allocated[i]);
	free(test.allocated);
	return !test.failed;
}

static bool sim_is_wanted(char **names, const char *suite, const char *name)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, suite) || !strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	unsigned int i, number = 0, failed = 0;
	bool stop = false;
	struct kunit_case *c;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((option = getopt(argc, argv, "s:e:vx")) != -1) {
		if (option == 's')
			sim_set("seed", optarg);
		else if (option == 'e')
			sim_set("effort", optarg);
		else if (option == 'v')
			sim_verbose = true;
		else if (option == 'x')
			stop = true;
		else
			return 2;
	}
	for (i = 0; i < sim_nr_suites; i++) {
		for (c = sim_suites[i]->test_cases; c->run_case; c++) {
			bool good;

			if (!sim_is_wanted(argv + optind, sim_suites[i]->name,
					   c->name))
				continue;
			good = sim_run_case(sim_suites[i], c);
			failed += !good;
			printf("%sok %u %s/%s\n", good ? "" : "not ", ++number,
			       sim_suites[i]->name, c->name);
			if (!good && stop)
				return 1;
		}
	}
	printf("1..%u\n", number);
	return !!failed;
}
