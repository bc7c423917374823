// SPDX-License-Identifier: GPL-2.0
/*
 * Small cases, all of them: what may a power cut leave of an image after up to
 * three operations?
 *
 *   small [-n OPS] [-p PART/PARTS] [-o SEEDS] [-s START] [-fqvx] [SEQUENCE...]
 *
 * From each START (see small-ops.c), each sequence of up to OPS operations, or
 * those SEQUENCEs:
 *
 *   W w   write block 0, block 1      b   flush
 *   P p   write a part of it          c   the message "commit"
 *   F f   write a part, with FUA      s   suspend and resume
 *   D d   discard it
 *   Z z   write zeroes to it
 *   M m   move it; M: or free it, if it is zeros.  From "high" and both "child"
 *   B     move the sector bitmap.  From "high-child"
 *
 * Of VHD images nothing is discarded, and nothing zeroed by command.
 *
 * SEQUENCEs may also have i, the message "close", and a dot, which waits.
 *
 * One operation ends before the next one begins.  With -o they begin at once, and
 * go on in each other's midst, in as many ways as there are SEEDS; moves, and what
 * comes after them, at any time.  -f: the device is trusted with FUA.  -q leaves most
 * of what takes longest out: one in eight of the sequences where the log ends.  -x
 * ends with the first failure, not with the first of each START.
 *
 * Power is cut after whatever the device does during the last operation; shorter
 * sequences have the cuts before that.  Each state is loaded as it is, some are
 * replayed, which is cut in turn.
 */
#include <time.h>
#include <unistd.h>

#include "small.h"

#define SMALL_QUICK_PART	8

static bool small_verbose;
static bool small_forced;

void small_fail(struct small_test *t, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!t->failures++)
		printf("FAIL %s: %s\n", t->name, text);
}

static bool small_is_move(u32 op)
{
	return op >= SMALL_OPS && op < SMALL_BITMAP_OPS;
}

/* One sequence; with overlaps of the kind @overlap. */
static void small_run(struct small_test *t, enum small_start start,
		      const u32 *ops, u32 count, u32 overlap)
{
	bool later = false;
	u32 i, fill = 0;

	t->overlap = overlap;
	scnprintf(t->name, sizeof(t->name), "%s ", small_starts[start]);
	for (i = 0; i < count; i++) {
		t->name[strlen(t->name) + 1] = '\0';
		t->name[strlen(t->name)] = small_ops[ops[i]];
		fill = fill * SMALL_OPS + ops[i];
	}
	if (overlap)
		scnprintf(t->name + strlen(t->name), 16, " -o %u", overlap);
	t->stats.scripts++;
	t->judging = false;
	small_begin(t, start, fill);
	fake.fua = small_forced;
	for (i = 0; i < count && !t->failures; i++) {
		t->judging = overlap || i == count - 1;
		later |= overlap && small_is_move(ops[i]);
		if (later)
			small_op_later(t, ops[i]);
		else
			small_op(t, ops[i]);
		if (!overlap)
			small_settle(t);
	}
	small_settle(t);
	small_end(t);
}

/* All sequences of @count operations: number @number. */
static void small_numbered(u32 number, u32 count, u32 kinds, u32 *ops)
{
	while (count--) {
		ops[count] = number % kinds;
		number /= kinds;
	}
}

static bool small_are_offered(enum small_start start, const u32 *ops, u32 count)
{
	while (count--)
		if (!small_op_offered(start, ops[count]))
			return false;
	return true;
}

struct small_options {
	u32 ops;
	u32 part;
	u32 parts;
	u32 seeds;
	int start;
	bool quick;
	bool stop;
};

/* How many of small_ops? */
static u32 small_kinds(enum small_start start)
{
	if (start == SMALL_HIGH_CHILD)
		return SMALL_BITMAP_OPS;
	return start == SMALL_HIGH || start == SMALL_CHILD ? SMALL_HIGH_OPS : SMALL_OPS;
}

static void small_all(struct small_test *t, const struct small_options *options,
		      enum small_start start, u32 count)
{
	u32 kinds = small_kinds(start);
	u32 ops[SMALL_MAX_OPS], numbers = 1, number, i, seed;

	if (options->seeds && count == 1)
		return;

	for (i = 0; i < count; i++)
		numbers *= kinds;
	for (number = 0; number < numbers && !t->failures; number++) {
		if (number % options->parts != options->part)
			continue;
		if (options->quick && start == SMALL_LOG_END && count > 1 &&
		    number / options->parts % SMALL_QUICK_PART)
			continue;
		small_numbered(number, count, kinds, ops);
		if (!small_are_offered(start, ops, count))
			continue;
		if (!options->seeds)
			small_run(t, start, ops, count, 0);
		for (seed = 1; seed <= options->seeds && !t->failures; seed++)
			small_run(t, start, ops, count, seed);
	}
}

/* One sequence that is named. */
static bool small_named(struct small_test *t, const struct small_options *options,
			enum small_start start, const char *name)
{
	u32 ops[SMALL_MAX_NAMED], count = strlen(name), i, seed;

	if (count > SMALL_MAX_NAMED)
		return false;
	for (i = 0; i < count; i++) {
		const char *op = strchr(small_ops, name[i]);

		if (!op)
			return false;
		ops[i] = op - small_ops;
	}
	if (!options->seeds)
		small_run(t, start, ops, count, 0);
	for (seed = 1; seed <= options->seeds && !t->failures; seed++)
		small_run(t, start, ops, count, seed);
	return true;
}

static bool small_options(struct small_options *options, int argc, char **argv)
{
	int option, i;

	while ((option = getopt(argc, argv, "n:p:o:s:fqvx")) != -1) {
		if (option == 'n')
			options->ops = atoi(optarg);
		else if (option == 'o')
			options->seeds = atoi(optarg);
		else if (option == 'f')
			small_forced = true;
		else if (option == 'q')
			options->quick = true;
		else if (option == 'x')
			options->stop = true;
		else if (option == 'v')
			small_verbose = true;
		else if (option == 'p' && sscanf(optarg, "%u/%u", &options->part,
						 &options->parts) != 2)
			return false;
		for (i = 0; option == 's' && i < SMALL_STARTS; i++)
			if (!strcmp(optarg, small_starts[i]))
				options->start = i;
		if (option == '?' || (option == 's' && options->start < 0))
			return false;
	}
	return options->ops <= SMALL_MAX_OPS && options->part < options->parts;
}

static void small_report(const struct small_test *t, const char *what,
			 double seconds)
{
	printf("%s: %llu sequences, %llu cuts, %llu states, %llu of them differ, %llu replayed (%.1f s)\n",
	       what, t->stats.scripts, t->stats.cuts, t->stats.built,
	       t->stats.states, t->stats.replays, seconds);
}

static double small_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	struct small_options options = { .ops = 2, .parts = 1, .start = -1 };
	struct small_test *t = calloc(1, sizeof(*t));
	double begun = small_now();
	u32 failures = 0, count;
	int start, i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!small_options(&options, argc, argv)) {
		fprintf(stderr, "small: see the head of small.c\n");
		return 2;
	}
	t->buf = vmalloc(SZ_1M);
	prandom_seed_state(&t->rnd, 1);
	for (start = 0; start < SMALL_STARTS; start++) {
		double at = small_now();

		if (options.start >= 0 && options.start != start)
			continue;
		t->failures = 0;
		for (i = optind; i < argc; i++)
			if (!small_named(t, &options, start, argv[i]))
				return 2;
		for (count = 1; optind == argc && count <= options.ops; count++)
			small_all(t, &options, start, count);
		failures += t->failures;
		if (failures && options.stop)
			break;
		if (small_verbose)
			small_report(t, small_starts[start], small_now() - at);
	}
	small_report(t, "all", small_now() - begun);
	small_cut_exit();
	kvfree(t->buf);
	free(t);
	return !!failures;
}
