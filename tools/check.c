// SPDX-License-Identifier: GPL-2.0
/* vhdx check */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "command.h"
#include "edit.h"
#include "message.h"
#include "output.h"
#include "size.h"

/* Exit status, as of fsck. */
enum {
	CHECK_CLEAN = 0,
	CHECK_REPAIRED = 1,
	CHECK_ERRORS = 4,
	CHECK_FAILED = 8,
	CHECK_USAGE = 16,
};

/**
 * struct check - a run of the command
 * @out: the report
 * @quiet: only the exit status counts
 * @json: the report is for programs
 * @fixable: 'check --repair' would do something
 * @audit: what is wrong
 * @before: what was wrong before the repair
 */
struct check {
	struct output out;
	bool quiet;
	bool json;
	bool fixable;
	struct audit audit;
	struct audit before;
};

/* Write the region table that is not in use again. */
static int check_repair_regions(struct image *image)
{
	int slot = image->layout.region_slot, r;
	u8 *table = image->scratch;

	/*
	 * The log is empty by now, and this does not go through it: the table
	 * that is in use is not touched, so one good copy exists at every
	 * moment, which is all that the log could achieve.
	 */
	r = image->reader.read(&image->reader, VHDX_REGION_OFF(slot), table,
			       VHDX_REGION_BYTES);
	if (!r)
		r = edit_write(image, VHDX_REGION_OFF(!slot), table,
			       VHDX_REGION_BYTES);
	return r ? r : edit_sync(image);
}

/*
 * Repair what can be repaired, and find out what is left.  Each step leaves
 * the image no worse than it was, wherever a crash comes in between.
 */
static int check_repair(struct check *check, struct image *image)
{
	const struct audit_problem *problem = check->audit.problem;
	int r;

	/* The headers first: nothing may change before they have. */
	r = image->dirty ? edit_replay(image) : edit_header(image);
	if (r)
		return r;
	if (image->dirty) {
		image_forget(image);
		r = audit_image(&check->audit, image);
		if (r || !check->audit.readable)
			return r;
	}
	if (problem[AUDIT_REGION_TABLE].count)
		r = check_repair_regions(image);
	if (!r && problem[VHDX_FAULT_BAT_CUT].count) {
		r = edit_resize(image, check->audit.end);
		if (!r)
			r = edit_sync(image);
	}
	if (r)
		return r;
	image_forget(image);
	return audit_image(&check->audit, image);
}

static bool check_can_repair(const struct check *check,
			     const struct image *image)
{
	int kind;

	/* Whoever would have to guess does not write. */
	if (!check->audit.readable ||
	    check->audit.problem[VHDX_FAULT_HEADER_SEQ_MAX].count)
		return false;
	for (kind = 0; kind < AUDIT_NR; kind++)
		if (check->audit.problem[kind].count &&
		    audit_fixable(kind, image))
			return true;
	return false;
}

static void check_print_place(struct output *out, int kind,
			      const struct audit_place *place)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %u",
		 place->bitmap ? "sector bitmap of chunk" : "block",
		 place->block);
	output_row(out);
	output_text(out, "problem", NULL, audit_name(kind));
	output_text(out, "what", NULL, place->bitmap ? "bitmap" : "block");
	output_number(out, "number", NULL, place->block);
	output_text(out, NULL, "", text);
	output_number(out, "bat_index", "", place->index);
	output_number(out, "file_offset", "", place->mib * SZ_1M);
}

/* Where the problems are: for JSON all in one list, else a list for each. */
static void check_print_places(struct output *out, const struct audit *audit)
{
	static const struct output_column columns[] = {
		{ "Where", -28 },
		{ "BAT entry", 10 },
		{ "File offset", 16 },
		{}
	};
	const struct audit_problem *problem;
	unsigned int i;
	int kind;

	if (out->json)
		output_list(out, "places", columns);
	for (kind = 0; kind < AUDIT_NR; kind++) {
		problem = &audit->problem[kind];
		if (!problem->places)
			continue;
		if (!out->json) {
			printf("\n%s:\n", audit_text(kind));
			output_list(out, "places", columns);
		}
		for (i = 0; i < problem->places; i++)
			check_print_place(out, kind, &problem->place[i]);
		if (out->json)
			continue;
		output_list_end(out);
		printf(problem->count > problem->places ?
		       "... and %" PRIu64 " more\n\n" : "\n",
		       problem->count - problem->places);
	}
	if (out->json)
		output_list_end(out);
}

static void check_print_problem(struct check *check, const struct image *image,
				int kind, const struct audit_problem *problem,
				bool repaired)
{
	const char *level = repaired ? "repaired" :
			    problem->warning ? "warning" : "error";
	const char *advice = repaired ? NULL :
			     audit_advice(kind, image, check->fixable);
	struct output *out = &check->out;

	if (out->json) {
		output_row(out);
		output_text(out, "name", NULL, audit_name(kind));
		output_text(out, "level", NULL, level);
		output_number(out, "count", NULL, problem->count);
		output_text(out, "text", NULL, audit_text(kind));
		if (advice)
			output_text(out, "advice", NULL, advice);
		return;
	}
	printf("%s: %s: %s", image->path, level, audit_text(kind));
	if (problem->count > 1)
		printf(" (%" PRIu64 " times)", problem->count);
	printf(advice ? ": %s\n" : "\n", advice);
}

static void check_print_problems(struct check *check, const struct image *image)
{
	static const struct output_column none[] = { {} };
	const struct audit_problem *problem, *before;
	int kind;

	if (check->out.json)
		output_list(&check->out, "problems", none);
	for (kind = 0; kind < AUDIT_NR; kind++) {
		problem = &check->audit.problem[kind];
		before = &check->before.problem[kind];
		if (problem->count)
			check_print_problem(check, image, kind, problem, false);
		else if (before->count)
			check_print_problem(check, image, kind, before, true);
	}
	if (check->out.json)
		output_list_end(&check->out);
	check_print_places(&check->out, &check->audit);
}

static const char *const check_verdicts[] = {
	[CHECK_CLEAN] = "clean",
	[CHECK_REPAIRED] = "repaired",
	[CHECK_ERRORS] = "errors",
};

static void check_print(struct check *check, const struct image *image,
			int status)
{
	const struct audit *audit = &check->audit;
	struct output *out = &check->out;
	char inside[SIZE_TEXT], behind[SIZE_TEXT];
	unsigned int errors = audit_errors(audit);

	output_begin(out, check->json);
	output_text(out, "file", NULL, image->path);
	output_text(out, "result", NULL, check_verdicts[status]);
	check_print_problems(check, image);
	if (audit->readable) {
		output_number(out, "blocks_allocated", NULL, audit->allocated);
		output_number(out, "blocks_total", NULL,
			      image->layout.geo.blocks);
		output_size(out, "free_inside", NULL, audit->free_inside);
		output_size(out, "free_behind", NULL, audit->free_behind);
	}
	output_end(out);
	if (out->json)
		return;
	if (audit->free_inside || (audit->free_behind && !image->block_device))
		printf("%s: info: nothing owns %s between the blocks and %s behind them\n",
		       image->path, size_text(inside, audit->free_inside),
		       size_text(behind, audit->free_behind));
	if (status == CHECK_ERRORS)
		printf("%s: %u %s left\n", image->path, errors,
		       errors == 1 ? "error" : "errors");
	else
		printf("%s: %s, %" PRIu64 " of %u blocks allocated\n",
		       image->path, check_verdicts[status], audit->allocated,
		       image->layout.geo.blocks);
}

static int check_image(struct check *check, struct image *image, bool repair)
{
	int r, status = CHECK_CLEAN;

	r = audit_image(&check->audit, image);
	if (!r && repair && check_can_repair(check, image)) {
		check->before = check->audit;
		status = CHECK_REPAIRED;
		r = check_repair(check, image);
		if (r) {
			progress_end();
			complain_errno(image->path, vhdx_fault_errno(r),
				       "cannot repair");
			return CHECK_FAILED;
		}
	}
	if (r) {
		complain_fault(image->path, r);
		return CHECK_FAILED;
	}
	if (audit_errors(&check->audit))
		status = CHECK_ERRORS;
	/* What is left after a repair another one will leave, too. */
	check->fixable = !repair && check_can_repair(check, image);
	if (!check->quiet)
		check_print(check, image, status);
	return status;
}

static int check_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "repair", no_argument, NULL, 'r' },
		{ "force", no_argument, NULL, 'f' },
		{ "quiet", no_argument, NULL, 'q' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	bool repair = false, force = false, quiet = false, json = false;
	struct check *check;
	struct image image;
	int c, status = CHECK_FAILED;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		repair |= c == 'r';
		force |= c == 'f';
		quiet |= c == 'q';
		json |= c == 'J';
	}
	command_operands(self, argc, argv, 1, 1, "FILE");
	if (repair && force)
		command_usage(self, "--repair does not go with --force");

	check = calloc(1, sizeof(*check));
	if (!check) {
		complain_errno(self->name, ENOMEM, "cannot start");
		return CHECK_FAILED;
	}
	check->quiet = quiet;
	check->json = json;
	if (!image_open(&image, argv[optind], repair ? IMAGE_WRITE :
			force ? IMAGE_PEEK : IMAGE_READ))
		status = check_image(check, &image, repair);
	image_close(&image);
	free(check);
	return status;
}

const struct command command_check = {
	.name = "check",
	.summary = "Check an image for errors, and repair some of them",
	.synopsis = "[--repair] [--force] [--quiet] [--json] FILE",
	.help =
"  -r, --repair               replay the log, write a damaged header or region\n"
"                             table again, extend a file whose last block is cut\n"
"  -f, --force                check an image that is in use; what is found need\n"
"                             not be true\n"
"  -q, --quiet                print errors of the operation only\n"
"  -J, --json                 print JSON\n"
"\n"
"Exit status: 0 clean, 1 errors repaired, 4 errors left, 8 the operation failed,\n"
"16 usage error.\n"
"\n",
	.usage_status = CHECK_USAGE,
	.failed_status = CHECK_FAILED,
	.run = check_run,
};
