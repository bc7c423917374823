// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>

#include "guid.h"
#include "message.h"
#include "report.h"
#include "size.h"

/* Who else has the space of this one? */
static void report_owner(struct output *out, const struct audit_place *place)
{
	const guid_t *region = &place->owner_region;
	char text[64] = "";

	switch (place->owner) {
	case AUDIT_OWNER_HEAD:
		output_text(out, "owner", NULL, "header");
		strcpy(text, "header area");
		break;
	case AUDIT_OWNER_LOG:
		output_text(out, "owner", NULL, "log");
		strcpy(text, "log");
		break;
	case AUDIT_OWNER_REGION:
		output_text(out, "owner", NULL, "region");
		output_guid(out, "owner_guid", NULL, region);
		if (guid_equal(region, &vhdx_guid_bat_region))
			strcpy(text, "BAT region");
		else if (guid_equal(region, &vhdx_guid_metadata_region))
			strcpy(text, "metadata region");
		else
			strcpy(text, "unknown region");
		break;
	case AUDIT_OWNER_BLOCK:
		output_text(out, "owner", NULL, "block");
		output_number(out, "owner_number", NULL, place->owner_block);
		snprintf(text, sizeof(text), "block %u", place->owner_block);
		break;
	case AUDIT_OWNER_BITMAP:
		output_text(out, "owner", NULL, "bitmap");
		output_number(out, "owner_number", NULL, place->owner_block);
		snprintf(text, sizeof(text), "bitmap of chunk %u",
			 place->owner_block);
		break;
	case AUDIT_OWNER_TABLES:
		output_text(out, "owner", NULL, "tables");
		strcpy(text, "footer, header, BAT or locators");
		break;
	default:
		break;
	}
	output_text(out, NULL, "", text);
}

static void report_place(struct output *out, int kind,
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
	output_number(out, "file_offset", "", place->off);
	if (audit_is_overlap(kind))
		report_owner(out, place);
}

/* Where the problems are: for JSON all in one list, else a list for each. */
static void report_places(struct output *out, const struct audit *audit)
{
	static const struct output_column columns[] = {
		{ "Where", -28 },
		{ "BAT entry", 10 },
		{ "File offset", 16 },
		{}
	}, overlaps[] = {
		{ "Where", -28 },
		{ "BAT entry", 10 },
		{ "File offset", 16 },
		{ "Owned by", -16 },
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
			output_list(out, "places", audit_is_overlap(kind) ?
				    overlaps : columns);
		}
		for (i = 0; i < problem->places; i++)
			report_place(out, kind, &problem->place[i]);
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

static const char *const report_levels[] = {
	[AUDIT_ERROR] = "error",
	[AUDIT_WARNING] = "warning",
	[AUDIT_NOTE] = "note",
};

static void report_problem(struct check *check, const struct image *image,
			   int kind, const struct audit_problem *problem,
			   bool repaired)
{
	const char *level = repaired ? "repaired" :
			    report_levels[problem->level];
	const char *advice = repaired ? NULL :
			     audit_advice(kind, image, check->fixable,
					  check->mode != CHECK_SALVAGE &&
					  !image->layout.geo.has_parent);
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
	printf("%s: %s: %s", image->shown, level, audit_text(kind));
	if (problem->count > 1)
		printf(" (%" PRIu64 " times)", problem->count);
	printf(advice ? ": %s\n" : "\n", advice);
}

static void report_problems(struct check *check, const struct image *image)
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
			report_problem(check, image, kind, problem, false);
		else if (before->count)
			report_problem(check, image, kind, before, true);
	}
	if (check->out.json)
		output_list_end(&check->out);
	report_places(&check->out, &check->audit);
}

static const char *const report_verdicts[] = {
	[CHECK_CLEAN] = "clean",
	[CHECK_REPAIRED] = "repaired",
	[CHECK_ERRORS] = "errors",
};

/* JSON only: it was told before anything was written, too. */
static void report_losses(struct check *check)
{
	static const struct output_column none[] = { {} };
	const struct rebuild *rebuild = &check->rebuild;
	const struct salvage *salvage = &check->salvage;
	const struct rebuild_view *view;
	struct output *out = &check->out;
	size_t i;

	output_number(out, "lost_bytes", NULL, salvage->lost_bytes);
	output_list(out, "lost", none);
	for (i = 0; i < salvage->count; i++) {
		output_row(out);
		output_number(out, "start", NULL, salvage->lost[i].start);
		output_number(out, "length", NULL, salvage->lost[i].bytes);
		output_bool(out, "was_undefined", NULL,
			    salvage->lost[i].undefined);
		output_bool(out, "was_shared", NULL, salvage->lost[i].shared);
	}
	output_list_end(out);
	output_bool(out, "log_dropped", NULL, salvage->log_dropped ||
		    (check->rebuilt && rebuild->why));
	output_bool(out, "headers_rebuilt", NULL, check->rebuilt);
	if (check->rebuilt && rebuild->why)
		output_text(out, "log_dropped_because", NULL, rebuild->why);
	output_list(out, "views", none);
	for (i = 0; i < rebuild->views; i++) {
		view = &rebuild->view[i];
		output_row(out);
		if (i)
			output_guid(out, "log_guid", NULL,
				    &view->header.log_guid);
		output_bool(out, "chosen", NULL, i == rebuild->chosen);
		output_number(out, "log_entries", NULL, view->entries);
		output_bool(out, "changes", NULL, view->unapplied);
		output_bool(out, "readable", NULL, view->readable);
		output_number(out, "blocks_allocated", NULL, view->allocated);
		output_number(out, "errors", NULL, view->errors);
	}
	output_list_end(out);
}

/* A device's rest behind the image is nobody's loss. */
static void report_unowned(const struct image *image, const struct audit *audit)
{
	u64 behind = image->block_device ? 0 : audit->free_behind;
	char text[SIZE_TEXT];

	if (audit->free_inside)
		printf("%s: info: nothing owns %s between the blocks\n", image->shown,
		       size_text(text, audit->free_inside));
	if (behind)
		printf("%s: info: nothing owns %s behind the blocks\n", image->shown,
		       size_text(text, behind));
}

static void report_verdict(const struct check *check, const struct image *image,
			   int status)
{
	const struct audit *audit = &check->audit;
	char lost[SIZE_TEXT];
	unsigned int kinds;
	u64 errors = audit_errors(audit, &kinds);

	report_unowned(image, audit);
	if (check->salvage.lost_bytes)
		printf("%s: info: %s of the disk are %s, see above\n",
		       image->shown, size_text(lost, check->salvage.lost_bytes),
		       check->salvage.undefined_bytes ? "lost or undefined" :
							"lost");
	if (status != CHECK_ERRORS && !audit->blocks)
		printf("%s: %s\n", image->shown, report_verdicts[status]);
	else if (status != CHECK_ERRORS)
		printf("%s: %s, %" PRIu64 " of %" PRIu64 " blocks allocated\n",
		       image->shown, report_verdicts[status], audit->allocated,
		       audit->blocks);
	else if (kinds == 1 || errors == kinds)
		printf("%s: %" PRIu64 " %s left\n", image->shown, errors,
		       errors == 1 ? "error" : "errors");
	else
		printf("%s: %" PRIu64 " errors of %u kinds left\n", image->shown,
		       errors, kinds);
}

/**
 * report_check() - report all that was found and done
 * @check: the run
 * @image: the image
 * @status: exit status
 */
void report_check(struct check *check, const struct image *image, int status)
{
	const struct audit *audit = &check->audit;
	struct output *out = &check->out;

	output_begin(out, check->json);
	output_text(out, "file", NULL, image->path);
	output_text(out, "result", NULL, report_verdicts[status]);
	output_number(out, "errors", NULL, audit_errors(audit, NULL));
	report_problems(check, image);
	if (out->json && check->mode == CHECK_SALVAGE)
		report_losses(check);
	if (audit->readable) {
		output_number(out, "blocks_allocated", NULL, audit->allocated);
		output_number(out, "blocks_total", NULL, audit->blocks);
		output_size(out, "free_inside", NULL, audit->free_inside);
		output_size(out, "free_behind", NULL, audit->free_behind);
	}
	output_end(out);
	if (!out->json)
		report_verdict(check, image, status);
}

/* JSON comes at the end, and a run may not get there. */
static FILE *report_stream(const struct check *check)
{
	return check->json ? stderr : stdout;
}

/* What nobody has been told must not be given up. */
static int report_told(FILE *to, const struct image *image)
{
	if (!fflush(to) && !ferror(to))
		return 0;
	complain(image->path, NULL,
		 "what is lost cannot be told, so it is not given up");
	return -ECANCELED;
}

/**
 * report_rebuild() - say which logs were found, and which one counts
 * @check: the run; the headers are about to be written
 * @image: the image
 *
 * With --json only what is lost, on standard error; all of it is once more in
 * report_check().
 *
 * Return: 0, or -ECANCELED: nobody can be told, which has been said.
 */
int report_rebuild(const struct check *check, const struct image *image)
{
	const struct rebuild *rebuild = &check->rebuild;
	const struct rebuild_view *view;
	FILE *to = report_stream(check);
	char guid[GUID_TEXT];
	unsigned int i;

	if (check->quiet || (check->json && !rebuild->why))
		return 0;
	fprintf(to, "%s: salvage: writing new headers, %s\n", image->shown,
		rebuild->chosen ? "with a log to replay" : "with an empty log");
	if (rebuild->why)
		fprintf(to, "%s: salvage: the log is not replayed: %s\n",
			image->shown, rebuild->why);
	for (i = 0; i < rebuild->views; i++) {
		view = &rebuild->view[i];
		fprintf(to, "%s: salvage: %s", image->shown,
			i ? "with the log " : "without a log");
		if (i)
			fprintf(to, "%s (%" PRIu64 " %s)",
				guid_text(guid, &view->header.log_guid),
				view->entries,
				view->entries == 1 ? "entry" : "entries");
		if (i && !view->unapplied)
			fprintf(to, ": the same\n");
		else if (view->readable)
			fprintf(to, ": %" PRIu64 " blocks allocated, %" PRIu64 " errors\n",
				view->allocated, view->errors);
		else
			fprintf(to, ": cannot be read\n");
	}
	return report_told(to, image);
}

/**
 * report_salvage() - say what is lost
 * @check: the run; nothing is written yet
 * @image: the image
 *
 * With --json on standard error; it is once more in report_check().
 *
 * Return: 0, or -ECANCELED: nobody can be told, which has been said.
 */
int report_salvage(const struct check *check, const struct image *image)
{
	const struct salvage *salvage = &check->salvage;
	const struct salvage_range *range;
	FILE *to = report_stream(check);
	char text[SIZE_TEXT];
	size_t i;

	if (check->quiet)
		return 0;
	if (salvage->log_dropped)
		fprintf(to, "%s: salvage: the log is lost, and what it would have changed\n",
			image->shown);
	for (i = 0; i < salvage->count; i++) {
		range = &salvage->lost[i];
		fprintf(to, "%s: salvage: %s: bytes %" PRIu64 " to %" PRIu64 " of the disk (%s)\n",
			image->shown,
			range->shared ? "doubtful, shared with another block" :
			range->undefined ? "undefined already" : "lost",
			range->start, range->start + range->bytes - 1,
			size_text(text, range->bytes));
	}
	return report_told(to, image);
}

