// SPDX-License-Identifier: GPL-2.0
/* vhdx chain */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "family.h"
#include "guid.h"
#include "message.h"
#include "output.h"
#include "search.h"
#include "size.h"
#include "text.h"
#include "vhd-image.h"

#define CHAIN_INDENT	3	/* columns of the drawing for each generation */

static const char *const chain_links[] = {
	[FAMILY_ROOT] = "none",
	[FAMILY_FOUND] = "ok",
	[FAMILY_MISSING] = "missing",
	[FAMILY_REFUSED] = "unreadable",
	[FAMILY_CHANGED] = "changed",
	[FAMILY_SECTORS] = "sector-size",
	[FAMILY_FORMAT] = "format",
	[FAMILY_LOOP] = "loop",
};

static const char *chain_type(const struct family_member *member)
{
	if (member->result)
		return member->foreign ? "no VHDX image" : "broken";
	return member->meta.has_parent ? "differencing" :
	       member->meta.leave_allocated ? "fixed" : "dynamic";
}

/* Is the file that has its parent's place at least the same virtual disk? */
static bool chain_same_disk(const struct family_member *member)
{
	return member->sought.other && member->sought.other_is_same;
}

/* What an image is known by. */
static const char *chain_guid(char text[GUID_TEXT],
			      const struct family_member *member,
			      const guid_t *guid)
{
	_Static_assert(GUID_TEXT >= VHD_ID_TEXT, "the longer one");
	return member->is_vhd ? vhd_image_id(text, guid) :
				guid_text(text, guid);
}

/* --- as a drawing ------------------------------------------------------------- */

/**
 * struct chain_drawing - the lines to the left of an image
 * @family: all images
 * @prefix: what stands before the next generation's lines
 * @length: bytes of that
 */
struct chain_drawing {
	const struct family *family;
	char *prefix;
	size_t length;
};

static void chain_draw_prefix(const struct chain_drawing *drawing,
			      const char *more)
{
	fwrite(drawing->prefix, 1, drawing->length, stdout);
	fputs(more, stdout);
}

static void chain_draw_time(time_t when)
{
	char text[64];

	strftime(text, sizeof(text), "%F %T", localtime(&when));
	fputs(text, stdout);
}

/* What its parent's file holds, as far as its GUID tells. */
static const char *chain_what_it_is(const struct family_member *member)
{
	if (member->is_vhd)
		return "another image";
	return member->sought.other_is_same ?
	       "the same disk, written since or another generation of it" :
	       "another disk";
}

/* What is wrong between an image and its parent. */
static void chain_draw_problem(const struct family_member *member)
{
	const struct parent *sought = &member->sought;
	char wants[GUID_TEXT], has[GUID_TEXT];
	unsigned int i;

	chain_guid(wants, member, &member->linkage);
	switch (member->link) {
	case FAMILY_MISSING:
		printf("its parent %s is missing", wants);
		for (i = 0; i < sought->count; i++) {
			fputs(i ? ", " : ": looked for ", stdout);
			text_print(stdout, sought->sought[i]);
		}
		break;
	case FAMILY_REFUSED:
		printf("its parent %s may be ", wants);
		text_print(stdout, sought->refused);
		printf(", which cannot be read: %s", strerror(-sought->error));
		break;
	case FAMILY_CHANGED:
		printf("made from %s, but ", wants);
		text_print(stdout, sought->other);
		printf(" is %s: %s; last written ",
		       chain_guid(has, member, &sought->other_guid),
		       chain_what_it_is(member));
		chain_draw_time(sought->other_written);
		break;
	case FAMILY_SECTORS:
		fputs("its parent has sectors of another size", stdout);
		break;
	case FAMILY_FORMAT:
		fputs(member->is_vhd ? "its parent is no VHD image" :
				       "its parent is a VHD image", stdout);
		break;
	default:
		fputs("its parent is made from it", stdout);
		break;
	}
	putchar('\n');
}

static void chain_draw_disk(const struct family_member *member)
{
	char size[SIZE_TEXT], block[SIZE_TEXT], guid[GUID_TEXT];

	printf(", %s", size_text(size, member->meta.disk_bytes));
	/* A fixed VHD has none. */
	if (member->meta.block_bytes)
		printf(", blocks of %s",
		       size_text(block, member->meta.block_bytes));
	printf(", %s%s", chain_guid(guid, member, &member->guid),
	       member->dirty ? ", dirty" : "");
}

static void chain_draw_member(const struct chain_drawing *drawing,
			      const struct family_member *member,
			      const char *more, const char *below)
{
	chain_draw_prefix(drawing, more);
	text_print(stdout, member->path);
	printf("  %s", chain_type(member));
	if (!member->result)
		chain_draw_disk(member);
	else
		printf(": %s", vhdx_fault_text(member->result));
	putchar('\n');
	if (member->link <= FAMILY_FOUND)
		return;
	chain_draw_prefix(drawing, below);
	fputs("! ", stdout);
	chain_draw_problem(member);
}

static unsigned int chain_next_child(const struct family *family,
				     unsigned int parent, unsigned int from)
{
	while (from < family->count && family->member[from].parent != parent)
		from++;
	return from;
}

/* All descendants of an image, each below its parent. */
static void chain_draw_children(struct chain_drawing *drawing,
				unsigned int parent)
{
	const struct family *family = drawing->family;
	unsigned int child = chain_next_child(family, parent, 0), next;
	const char *bar;

	for (; child < family->count; child = next) {
		next = chain_next_child(family, parent, child + 1);
		bar = next < family->count ? "│  " : "   ";
		chain_draw_member(drawing, &family->member[child],
				  next < family->count ? "├─ " : "└─ ", bar);
		memcpy(drawing->prefix + drawing->length, bar, strlen(bar));
		drawing->length += strlen(bar);
		chain_draw_children(drawing, child);
		drawing->length -= strlen(bar);
	}
}

static int chain_draw(const struct family *family)
{
	/* No generation is deeper than there are images; "│" has three bytes. */
	struct chain_drawing drawing = {
		.family = family,
		.prefix = malloc(family->count * (CHAIN_INDENT + 2) + 1),
	};
	unsigned int i;

	if (!drawing.prefix)
		return -ENOMEM;
	for (i = 0; i < family->count; i++) {
		if (family->member[i].parent != FAMILY_NOBODY)
			continue;
		chain_draw_member(&drawing, &family->member[i], "", "");
		chain_draw_children(&drawing, i);
	}
	free(drawing.prefix);
	return 0;
}

/* --- as JSON -------------------------------------------------------------------- */

static void chain_report_guid(struct output *out, const char *key,
			      const struct family_member *member,
			      const guid_t *guid)
{
	char text[GUID_TEXT];

	output_text(out, key, NULL, chain_guid(text, member, guid));
}

static void chain_report_parent(struct output *out, const struct family *family,
				const struct family_member *member)
{
	const struct parent *sought = &member->sought;
	const struct family_member *parent = NULL;

	output_text(out, "parent_state", NULL, chain_links[member->link]);
	if (member->link == FAMILY_ROOT)
		return;
	chain_report_guid(out, member->is_vhd ? "parent_id" : "parent_guid",
			  member, &member->linkage);
	if (member->parent != FAMILY_NOBODY)
		parent = &family->member[member->parent];
	if (parent)
		output_text(out, "parent", NULL, parent->path);
	else if (sought->count)
		output_text(out, "parent_sought", NULL, sought->sought[0]);
	if (!sought->other || member->link == FAMILY_FOUND)
		return;
	chain_report_guid(out, member->is_vhd ? "parent_has_id" : "parent_has_guid",
			  member, &sought->other_guid);
	if (!member->is_vhd)
		output_bool(out, "parent_is_same_disk", NULL,
			    chain_same_disk(member));
	output_number(out, "parent_written", NULL, sought->other_written);
}

static void chain_report_disk(struct output *out,
			      const struct family_member *member)
{
	output_size(out, "virtual_size", NULL, member->meta.disk_bytes);
	if (member->meta.block_bytes)
		output_size(out, "block_size", NULL, member->meta.block_bytes);
	chain_report_guid(out, "disk_id", member, &member->meta.disk_id);
	if (member->is_vhd)
		return;
	chain_report_guid(out, "data_write_guid", member, &member->guid);
	output_bool(out, "dirty", NULL, member->dirty);
}

static void chain_report(const struct family *family)
{
	static const struct output_column none[] = { {} };
	const struct family_member *member;
	struct output out;
	unsigned int i;

	output_begin(&out, true);
	output_list(&out, NULL, none);
	for (i = 0; i < family->count; i++) {
		member = &family->member[i];
		output_row(&out);
		output_text(&out, "file", NULL, member->path);
		output_text(&out, "type", NULL, chain_type(member));
		if (member->result) {
			output_text(&out, "problem", NULL,
				    vhdx_fault_name(member->result));
			continue;
		}
		chain_report_disk(&out, member);
		chain_report_parent(&out, family, member);
	}
	output_list_end(&out);
	output_end(&out);
}

static int chain_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	static struct parent_search search;
	struct family family = {};
	bool json = false;
	struct stat st;
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0)
		if (!search_option(self, &search, c))
			json = true;
	command_operands(self, argc, argv, 1, 1, "FILE");

	if (!stat(argv[optind], &st) && S_ISDIR(st.st_mode))
		r = family_add_dir(&family, argv[optind], &search);
	else
		r = family_add(&family, argv[optind], &search);
	if (!r && json)
		chain_report(&family);
	else if (!r)
		r = chain_draw(&family);
	if (r)
		complain_errno(argv[optind], r, "cannot open");
	c = r || family_is_broken(&family) ? STATUS_FAILED : STATUS_OK;
	family_free(&family);
	return c;
}

const struct command command_chain = {
	.name = "chain",
	.summary = "Show which images are based on which others",
	.synopsis = "[OPTION...] FILE|DIRECTORY",
	.help =
SEARCH_HELP
"  -J, --json                 print JSON\n"
"\n"
"Draws the chain of parents of FILE, or those of all images in DIRECTORY, and says\n"
"what is broken. Exit status: 0 nothing is, 1 something is, 2 usage error.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = chain_run,
};
