// SPDX-License-Identifier: GPL-2.0
/* vhdx status: one mapping, in words. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing.h"
#include "command.h"
#include "find.h"
#include "health.h"
#include "layers.h"
#include "mapping.h"
#include "message.h"
#include "module.h"
#include "output.h"
#include "partition.h"
#include "size.h"
#include "target.h"

/* How it is, and what to do if it is not well. */
static const char *status_words(const struct mapping *disk,
				const struct health *status)
{
	switch (health_state(disk, status)) {
	case HEALTH_FAILED:
		if (strcmp(status->mode, "fail"))
			return "failed: writing the image has failed. Writes fail, reads go on. 'dmesg' tells the cause: remove it, then suspend and resume it (dmsetup), or detach it";
		if (!disk->suspended)
			return "failed: no image is loaded yet";
		return "failed: the last resume has failed, and its I/O waits. 'dmesg' tells the cause: remove it, then resume it (dmsetup), or detach it";
	case HEALTH_SUSPENDED:
		return disk->inactive ?
			"suspended: its table was loaded, but never resumed" :
			"suspended: its I/O waits until it is resumed (dmsetup)";
	default:
		break;
	}
	if (health_read_only(disk))
		return "active: all is well, and the image is never written";
	if (status->size_bytes - status->used_bytes < status->block_bytes &&
	    status->allocated < status->total)
		return "active: no space for another block: extend the backing device";
	return "active: all is well";
}

static void status_print_of(struct output *out, const char *label, u64 part,
			    u64 all, bool sizes)
{
	char text[4 * SIZE_TEXT], a[SIZE_TEXT], b[SIZE_TEXT], percent[8];

	output_percent_text(percent, part, all);
	if (sizes)
		snprintf(text, sizeof(text), "%s of %s (%s)",
			 size_text(a, part), size_text(b, all), percent);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64 " (%s)",
			 part, all, percent);
	output_text(out, NULL, label, text);
}

static void status_print_numbers(struct output *out,
				 const struct health *status)
{
	output_size(out, "block_size", "Block size", status->block_bytes);
	status_print_of(out, "Blocks allocated", status->allocated,
			status->total, false);
	output_number(out, "blocks_allocated", NULL, status->allocated);
	output_number(out, "blocks_total", NULL, status->total);
	output_number(out, "blocks_uncommitted", "Blocks not durable yet",
		      status->uncommitted);
	status_print_of(out, "Backing space used", status->used_bytes,
			status->size_bytes, true);
	output_size(out, "used", NULL, status->used_bytes);
	output_size(out, "backing_size", NULL, status->size_bytes);
	/* VHD images have none. */
	if (status->log_bytes)
		status_print_of(out, "Log in use", status->log_used,
				status->log_bytes, true);
	output_size(out, "log_used", NULL, status->log_used);
	output_size(out, "log_size", NULL, status->log_bytes);
	output_number(out, "allocations", "Blocks allocated since",
		      status->allocations);
	output_number(out, "zeroed", "  of them zeroed", status->zeroed);
	output_number(out, "commits", "Commits since", status->commits);
	output_number(out, "log_entries", "Log entries since", status->entries);
	output_number(out, "checkpoints", "Log emptied since",
		      status->checkpoints);
}

static void status_print_partitions(struct output *out,
				    const struct mapping *disk)
{
	static const struct output_column none[] = { {} };
	struct partitions partitions;
	char name[MAPPING_NAME] = "", path[256];
	unsigned int i;

	partitions_find(&partitions, disk, name);
	if (out->json)
		output_list(out, "partitions", none);
	for (i = 0; i < partitions.count; i++) {
		mapping_path(path, sizeof(path), partitions.name[i]);
		if (out->json)
			output_row(out);
		output_text(out, "path", i ? "" : "Partitions", path);
	}
	if (out->json)
		output_list_end(out);
	if (*name)
		output_text(out, "used_by", "Used by", name);
}

/* What it is made of where that is not the module's target. */
static void status_print_target(struct output *out, const struct mapping *disk)
{
	char text[96];

	if (!mapping_is_stock(disk))
		return;
	snprintf(text, sizeof(text), "dm-linear and dm-zero, in %u %s: attached with --stock",
		 disk->targets, disk->targets == 1 ? "piece" : "pieces");
	output_text(out, NULL, "Target", text);
	output_number(out, "pieces", NULL, disk->targets);
}

/* Its chain: those are never written to. */
static void status_print_parents(struct output *out,
				 const struct mapping *disk)
{
	static const struct output_column none[] = { {} };
	struct layers *layers = calloc(1, sizeof(*layers));
	const struct layer *layer;
	unsigned int i, count = 0;

	if (layers && !layers_of(layers, disk))
		count = layers->count;
	output_number(out, "layers", count ? "Layers" : NULL, 1 + count);
	if (out->json)
		output_list(out, "parents", none);
	for (i = 0; i < count; i++) {
		layer = &layers->layer[i];
		if (out->json)
			output_row(out);
		output_text(out, layer->file ? "file" : NULL, i ? "" : "Parents",
			    layer_name(layer));
		output_text(out, "device", NULL, layer->device);
	}
	if (out->json)
		output_list_end(out);
	if (layers)
		layers_close(layers);
	free(layers);
}

/* What it has done: in the target's own words. */
static int status_print_stats(struct output *out, const struct mapping *disk)
{
	static const struct output_column columns[] = {
		{ "STATISTIC", -22 }, { "COUNT", 12 }, {}
	};
	char answer[4096], name[64], lack[256];
	const char *line;
	u64 count;
	int r;

	if (module_lacks("stats", lack, sizeof(lack))) {
		complain(disk->name, MODULE_ADVICE, "%s", lack);
		return -1;
	}
	if (mapping_is_stock(disk)) {
		complain(disk->name, NULL, "it was attached with --stock: nothing is counted");
		return -1;
	}
	r = target_ask(disk->dev, "stats", answer, sizeof(answer));
	if (r) {
		complain_errno(disk->name, -r, "the target does not tell its statistics");
		return -1;
	}
	output_list(out, "statistics", columns);
	for (line = answer; sscanf(line, "%63s %" SCNu64, name, &count) == 2;
	     line = strchrnul(line, '\n'), line += *line == '\n') {
		output_row(out);
		output_text(out, "name", "", name);
		output_number(out, "count", "", count);
	}
	output_list_end(out);
	return 0;
}

static void status_print(struct output *out, const struct mapping *disk,
			 const struct health *status)
{
	struct backing backing;
	char path[256];

	output_text(out, "name", "Name", disk->name);
	output_text(out, "path", "Device",
		    mapping_path(path, sizeof(path), disk->name));
	output_text(out, NULL, "State", status_words(disk, status));
	output_text(out, "state", NULL,
		    health_state_name(health_state(disk, status)));
	output_text(out, "advice", NULL, status_words(disk, status));
	output_bool(out, "suspended", NULL, disk->suspended);
	output_text(out, "mode", "Mode", status->mode);
	output_bool(out, "read_only", "Read-only", health_read_only(disk));
	status_print_target(out, disk);
	output_number(out, "open_count", "Open", disk->open_count);
	output_size(out, "virtual_size", "Virtual size", disk->sectors * 512);
	backing_get(&backing, disk);
	if (backing.on_file)
		output_text(out, "backing_file", "Image",
			    backing.file.path);
	output_text(out, "backing_device",
		    backing.on_file ? "  through" : "Image", backing.device);
	status_print_parents(out, disk);
	if (status->loaded)
		status_print_numbers(out, status);
	status_print_partitions(out, disk);
}

static int status_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		OPTION_JSON,
		{ "stats", no_argument, NULL, 's' },
		OPTION_HELP,
		{}
	};
	struct health status;
	struct mapping disk;
	struct output out;
	bool json = false, stats = false;
	int c;

	while ((c = command_option(self, argc, argv, options)) >= 0) {
		if (c == 's')
			stats = true;
		else
			json = true;
	}
	command_operands(self, argc, argv, 1, 1, "NAME");

	if (mapping_start() || find_mapping(argv[optind], &disk))
		return STATUS_FAILED;
	health_parse(&disk, &status);
	output_begin(&out, json);
	status_print(&out, &disk, &status);
	if (stats && status_print_stats(&out, &disk))
		return STATUS_FAILED;
	output_end(&out);
	return health_state(&disk, &status) == HEALTH_FAILED ? STATUS_FAILED :
							       STATUS_OK;
}

const struct command command_status = {
	.name = "status",
	.summary = "Show how an attached image is",
	.synopsis = "[--stats] [--json] NAME|FILE|DEVICE",
	.help =
"  -s, --stats                what the target has done since its table was loaded\n"
"  -J, --json                 print JSON\n"
"\n"
"Exit status: 0 all is well, 1 writing or loading the image has failed, or there\n"
"is no such mapping, 2 usage error.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = status_run,
};
