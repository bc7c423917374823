// SPDX-License-Identifier: GPL-2.0
/* vhdx list: in the manner of lsblk(8). */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "backing.h"
#include "command.h"
#include "health.h"
#include "layers.h"
#include "mapping.h"
#include "message.h"
#include "output.h"
#include "size.h"
#include "visible.h"

enum list_column {
	LIST_NAME, LIST_PATH, LIST_UUID, LIST_SIZE, LIST_MODE, LIST_STATE,
	LIST_BLOCKS, LIST_USE, LIST_BLOCK_SIZE, LIST_USED, LIST_BACKING_SIZE,
	LIST_FULL, LIST_UNCOMMITTED, LIST_LAYERS, LIST_PARENTS, LIST_BACKING,
	LIST_COLUMNS
};

/* Those with a width below 0 are adjusted left. */
static const struct list_definition {
	const char *name;
	int width;
} list_definitions[LIST_COLUMNS] = {
	[LIST_NAME] = { "NAME", -16 },
	[LIST_PATH] = { "PATH", -28 },
	[LIST_UUID] = { "UUID", -58 },
	[LIST_SIZE] = { "SIZE", 9 },
	[LIST_MODE] = { "MODE", -4 },
	[LIST_STATE] = { "STATE", -9 },
	[LIST_BLOCKS] = { "BLOCKS", 11 },
	[LIST_USE] = { "USE%", 4 },
	[LIST_BLOCK_SIZE] = { "BLOCK-SIZE", 10 },
	[LIST_USED] = { "USED", 9 },
	[LIST_BACKING_SIZE] = { "BACKING-SIZE", 12 },
	[LIST_FULL] = { "FULL%", 5 },
	[LIST_UNCOMMITTED] = { "UNCOMMITTED", 11 },
	[LIST_LAYERS] = { "LAYERS", 6 },
	[LIST_PARENTS] = { "PARENTS", -28 },
	[LIST_BACKING] = { "BACKING", -1 },
};

static const enum list_column list_default[] = {
	LIST_NAME, LIST_SIZE, LIST_MODE, LIST_STATE, LIST_BLOCKS, LIST_USE,
	LIST_FULL, LIST_BACKING,
};

/**
 * struct list - a run of the command
 * @out: the report
 * @bytes: sizes are numbers of bytes
 * @count: how many columns
 * @column: those
 */
struct list {
	struct output out;
	bool bytes;
	unsigned int count;
	enum list_column column[2 * LIST_COLUMNS];
};

static void list_size(struct list *list, const char *key, u64 bytes)
{
	if (list->bytes)
		output_number(&list->out, key, "", bytes);
	else
		output_size(&list->out, key, "", bytes);
}

/* What cannot be known of an image that is not loaded. */
static void list_print_number(struct list *list, enum list_column column,
			      const struct health *status)
{
	struct output *out = &list->out;
	char text[64];

	if (!status->loaded) {
		output_text(out, NULL, "", "-");
		return;
	}
	switch (column) {
	case LIST_BLOCKS:
		snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64,
			 status->allocated, status->total);
		output_text(out, NULL, "", text);
		output_number(out, "blocks_allocated", NULL, status->allocated);
		output_number(out, "blocks_total", NULL, status->total);
		break;
	case LIST_USE:
		output_percent(out, "use_percent", "", status->allocated,
			       status->total);
		break;
	case LIST_BLOCK_SIZE:
		list_size(list, "block_size", status->block_bytes);
		break;
	case LIST_USED:
		list_size(list, "used", status->used_bytes);
		break;
	case LIST_BACKING_SIZE:
		list_size(list, "backing_size", status->size_bytes);
		break;
	case LIST_FULL:
		output_percent(out, "full_percent", "", status->used_bytes,
			       status->size_bytes);
		break;
	default:
		output_number(out, "blocks_uncommitted", "",
			      status->uncommitted);
		break;
	}
}

/* The device under a mapping, and the file under that if there is one. */
static void list_print_backing(struct output *out, const struct mapping *disk)
{
	struct backing backing;

	backing_get(&backing, disk);
	output_text(out, "backing_device", NULL, backing.device);
	if (backing.on_file)
		output_text(out, "backing_file", "", backing.file.path);
	else
		output_text(out, NULL, "", backing.device);
}

/* How many images the disk is made of.  Not everybody sees the table. */
static void list_print_layers(struct output *out, const struct mapping *disk)
{
	if (!*disk->status)
		output_text(out, NULL, "", "-");
	else
		output_number(out, "layers", "", 1 + layers_count(disk));
}

/* Their files or devices, closest first. */
static void list_print_parents(struct output *out, const struct mapping *disk)
{
	struct layers *layers = calloc(1, sizeof(*layers));
	const char *names[LAYERS_MAX];
	unsigned int i, count = 0;
	char *text = NULL;

	if (layers && !layers_of(layers, disk))
		count = layers->count;
	for (i = 0; i < count; i++)
		names[i] = layer_name(&layers->layer[i]);
	if (out->json && *disk->status)
		output_strings(out, "parents", names, count);
	else if (!out->json)
		text = layers_text(layers);
	output_text(out, NULL, "", text && *text ? text : "-");
	free(text);
	if (layers)
		layers_close(layers);
	free(layers);
}

static void list_print_cell(struct list *list, enum list_column column,
			    const struct mapping *disk,
			    const struct health *status)
{
	struct output *out = &list->out;
	char path[256];

	switch (column) {
	case LIST_NAME:
		output_text(out, "name", "", disk->name);
		break;
	case LIST_PATH:
		output_text(out, "path", "",
			    mapping_path(path, sizeof(path), disk->name));
		break;
	case LIST_UUID:
		output_text(out, "uuid", "", *disk->uuid ? disk->uuid : "-");
		break;
	case LIST_SIZE:
		list_size(list, "virtual_size", disk->sectors * 512);
		break;
	case LIST_MODE:
		if (*status->mode)
			output_text(out, "mode", "", status->mode);
		else
			output_text(out, NULL, "", "-");
		break;
	case LIST_STATE:
		output_text(out, "state", "",
			    health_state_name(health_state(disk, status)));
		break;
	case LIST_LAYERS:
		list_print_layers(out, disk);
		break;
	case LIST_PARENTS:
		list_print_parents(out, disk);
		break;
	case LIST_BACKING:
		list_print_backing(out, disk);
		break;
	default:
		list_print_number(list, column, status);
	}
}

static void list_print_row(void *arg, const struct mapping *disk)
{
	struct health status;
	struct list *list = arg;
	unsigned int i;

	health_parse(disk, &status);
	output_row(&list->out);
	for (i = 0; i < list->count; i++)
		list_print_cell(list, list->column[i], disk, &status);
}

static int list_visit(void *arg, const char *name, dev_t dev)
{
	struct mapping disk;

	(void)dev;
	if (!mapping_get(name, &disk) && mapping_is_image(&disk))
		list_print_row(arg, &disk);
	return 0;
}

static int list_find_column(const char *name, size_t length)
{
	int i;

	for (i = 0; i < LIST_COLUMNS; i++)
		if (strlen(list_definitions[i].name) == length &&
		    !strncasecmp(list_definitions[i].name, name, length))
			return i;
	return -1;
}

static void list_choose_default(struct list *list)
{
	memcpy(list->column, list_default, sizeof(list_default));
	list->count = sizeof(list_default) / sizeof(*list_default);
}

/* @text: names with commas between; behind a '+' those besides the usual ones. */
static void list_choose(const struct command *self, struct list *list,
			const char *text)
{
	size_t length;
	int column;

	list->count = 0;
	if (*text == '+') {
		list_choose_default(list);
		text++;
	}
	for (;; text += length + 1) {
		length = strcspn(text, ",");
		column = list_find_column(text, length);
		if (column < 0)
			command_usage(self, "--output: there is no column '%.*s'",
				      (int)length, text);
		if (list->count == 2 * LIST_COLUMNS)
			command_usage(self, "--output has too many columns");
		list->column[list->count++] = column;
		if (!text[length])
			return;
	}
}

/* @all: as the superuser sees it */
static int list_print(struct list *list, bool json, bool headings, bool all)
{
	struct output_column columns[2 * LIST_COLUMNS + 1] = {};
	const struct list_definition *definition;
	unsigned int i;
	int r;

	for (i = 0; i < list->count; i++) {
		definition = &list_definitions[list->column[i]];
		columns[i].heading = definition->name;
		columns[i].width = definition->width;
	}
	output_begin(&list->out, json);
	list->out.headless = !headings;
	output_list(&list->out, NULL, columns);
	r = all ? mapping_each(list_visit, list) :
		  visible_each(list_print_row, list);
	output_list_end(&list->out);
	output_end(&list->out);
	return r;
}

static int list_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "noheadings", no_argument, NULL, 'n' },
		{ "bytes", no_argument, NULL, 'b' },
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	bool json = false, headings = true;
	struct list list = {};
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		if (c == 'o')
			list_choose(self, &list, optarg);
		headings &= c != 'n';
		list.bytes |= c == 'b';
		json |= c == 'J';
	}
	command_operands(self, argc, argv, 0, 0, "");
	if (!list.count && json)
		for (c = 0; c < LIST_COLUMNS; c++)
			list.column[list.count++] = c;
	else if (!list.count)
		list_choose_default(&list);

	if (geteuid())
		note(NULL, "only root sees modes and how full they are, and mappings that 'vhdx attach' has not made");
	else if (mapping_start())
		return STATUS_FAILED;
	r = list_print(&list, json, headings, !geteuid());
	if (r < 0)
		complain_errno(self->name, r, "cannot list the mappings");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

const struct command command_list = {
	.name = "list",
	.summary = "List the images that are attached",
	.synopsis = "[OPTION...]",
	.help =
"  -o, --output COLUMN[,...]  these columns; with a '+' in front, these as well\n"
"  -n, --noheadings           no line of headings\n"
"  -b, --bytes                sizes in bytes\n"
"  -J, --json                 print JSON\n"
"\n"
"Columns: NAME, PATH, UUID, SIZE, MODE, STATE, BLOCKS, USE%, BLOCK-SIZE, USED,\n"
"BACKING-SIZE, FULL%, UNCOMMITTED, LAYERS, PARENTS, BACKING.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = list_run,
};
