// SPDX-License-Identifier: GPL-2.0
/*
 * Crash consistency of the vhdx target.
 *
 *   crash [OPTION]... WORKLOAD DIRECTORY
 *
 * Runs a workload over dm-log-writes, makes states from what that has logged
 * that a crash might have left, and looks whether each is as it must be.  Runs
 * as root in a VM that nobody else uses; DIRECTORY is in a tmpfs.
 *
 * Exit status: 0 all states are good, 1 one is not, 2 something else went wrong.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mapping.h"
#include "module.h"
#include "states.h"

/**
 * struct options - of the command line
 * @seed: of all random choices
 * @tool: the tool vhdx
 * @plan: which states
 */
struct options {
	u64 seed;
	const char *tool;
	struct plan plan;
};

/**
 * struct report - what a worker leaves to its parent, in shared memory
 * @tally: what it did
 * @qemu_agreed: see struct verdict
 * @qemu_excluded: likewise
 * @stop: of the first worker: see struct plan
 */
struct report {
	struct tally tally;
	bool stop;
	u32 qemu_agreed;
	u32 qemu_excluded;
};

static void crash_worker(const struct workload *workload,
			 const struct options *options, u32 worker,
			 struct report *report)
{
	struct plan plan = options->plan;
	struct verdict verdict;
	struct medium medium;
	char name[32];
	u32 i;

	plan.worker = worker;
	plan.stop = &report[-(int)worker].stop;
	snprintf(name, sizeof(name), "crash-state%u", worker);
	medium_init(&medium, workload->dir, name, &workload->initial,
		    workload->meta_bytes);
	for (i = 0; i < workload->parents.nr_bitmaps; i++)
		medium_bitmap(&medium, workload->parents.bitmap[i]);
	verdict_init(&verdict, workload, &medium, name, options->tool);
	state_explore(&verdict, &plan, &report->tally);
	report->qemu_agreed = verdict.qemu_agreed;
	report->qemu_excluded = verdict.qemu_excluded;
	verdict_exit(&verdict);
	medium_exit(&medium);
}

/* Returns the exit status. */
static int crash_workers(const struct workload *workload,
			 const struct options *options, struct report *reports)
{
	u32 i, workers = options->plan.workers;
	int status, worst = 0;
	pid_t pid;

	fflush(stdout);
	for (i = 0; i < workers; i++) {
		pid = fork();
		if (pid < 0)
			die("cannot fork");
		if (!pid) {
			setvbuf(stdout, NULL, _IOFBF, 1 << 16);
			crash_worker(workload, options, i, &reports[i]);
			fflush(stdout);
			_exit(reports[i].tally.failed);
		}
	}
	for (i = 0; i < workers; i++) {
		if (wait(&status) < 0)
			die("cannot wait");
		status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_TROUBLE;
		if (status > worst)
			worst = status;
	}
	return worst;
}

static void crash_summary(const struct workload *workload,
			  const struct options *options,
			  const struct report *reports, double seconds)
{
	struct report sum = {};
	u32 i;

	for (i = 0; i < options->plan.workers; i++) {
		sum.tally.states += reports[i].tally.states;
		sum.tally.cut += reports[i].tally.cut;
		sum.tally.failed |= reports[i].tally.failed;
		sum.qemu_agreed += reports[i].qemu_agreed;
		sum.qemu_excluded += reports[i].qemu_excluded;
	}
	printf("crash: %s: %u states (%u of them replays that were cut)",
	       workload->kind->name, sum.tally.states, sum.tally.cut);
	if (sum.qemu_agreed + sum.qemu_excluded)
		printf(", qemu-img replayed %u and did not finish %u",
		       sum.qemu_agreed, sum.qemu_excluded);
	printf(", %.0f s, seed %" PRIu64 ": %s\n", seconds, options->seed,
	       sum.tally.failed ? "FAILED" : "good");
}

static int crash_run(const struct kind *kind, const struct options *options,
		     const char *dir)
{
	static struct workload workload;
	struct report *reports;
	double start = now();
	int status;

	reports = mmap(NULL, options->plan.workers * sizeof(*reports),
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	workload_run(&workload, kind, options->seed, dir, options->tool);
	printf("crash: %s: %u writes acknowledged, %u log entries, %u marks, %.0f s\n",
	       kind->name, workload.ledger.nr_events, workload.trace.nr,
	       workload.ledger.nr_marks, now() - start);
	start = now();
	status = crash_workers(&workload, options, reports);
	crash_summary(&workload, options, reports, now() - start);
	workload_exit(&workload);
	return status;
}

static u64 crash_number(const char *text)
{
	char *end;
	u64 number = strtoull(text, &end, 10);

	if (*end || end == text)
		die("%s is not a number", text);
	return number;
}

static void crash_list(void)
{
	const struct kind *kind;
	u32 i;

	for (i = 0; (kind = kind_get(i)); i++)
		printf("%-10s %s\n", kind->name, kind->about);
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "states", required_argument, NULL, 'n' },
		{ "random", required_argument, NULL, 'R' },
		{ "workers", required_argument, NULL, 'w' },
		{ "tool", required_argument, NULL, 't' },
		{ "every-replay", required_argument, NULL, 'r' },
		{ "every-tool", required_argument, NULL, 'T' },
		{ "every-qemu", required_argument, NULL, 'q' },
		{ "every-write", required_argument, NULL, 'W' },
		{ "list", no_argument, NULL, 'l' },
		{}
	};
	struct options options = {
		.seed = 1, .tool = "vhdx",
		.plan = { .states = 100, .random = 50, .workers = 1 },
	};
	const struct kind *kind;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 's': options.seed = crash_number(optarg); break;
		case 'n': options.plan.states = crash_number(optarg); break;
		case 'R': options.plan.random = crash_number(optarg); break;
		case 'w': options.plan.workers = crash_number(optarg); break;
		case 't': options.tool = optarg; break;
		case 'r': options.plan.every_replay = crash_number(optarg); break;
		case 'T': options.plan.every_tool = crash_number(optarg); break;
		case 'q': options.plan.every_qemu = crash_number(optarg); break;
		case 'W': options.plan.every_write = crash_number(optarg); break;
		case 'l': crash_list(); return 0;
		default: return EXIT_TROUBLE;
		}
	}
	if (argc - optind != 2)
		die("which workload, and where?");
	kind = kind_find(argv[optind]);
	if (!kind)
		die("there is no workload %s", argv[optind]);
	if (!options.plan.workers || options.plan.random > 100)
		die("at least one worker, at most 100 %%");
	if (!kind->qemu)
		options.plan.every_qemu = 0;
	/* There is no log to replay. */
	if (kind->vhd) {
		options.plan.every_tool = 0;
		options.plan.every_replay = 0;
	}
	if (kind->files)
		options.plan.every_write = 0;
	if (mapping_start() || module_need())
		return EXIT_TROUBLE;
	return crash_run(kind, &options, argv[optind + 1]);
}
