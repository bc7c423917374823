// SPDX-License-Identifier: GPL-2.0
/* vhdx list */
#include <inttypes.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "command.h"
#include "loop.h"
#include "mapping.h"
#include "message.h"
#include "output.h"
#include "size.h"
#include "sysfs.h"

/**
 * struct list_status - what the target's status says
 * @mode: "rw", "ro" or "fail"
 * @allocated: blocks with data
 * @total: blocks of the disk
 * @block_sectors: block size in units of 512 bytes
 * @used_mib: of the backing device, by the image
 * @size_mib: of the backing device
 * @uncommitted: blocks that a crash now would lose
 */
struct list_status {
	char mode[16];
	u64 allocated;
	u64 total;
	u64 block_sectors;
	u64 used_mib;
	u64 size_mib;
	u64 uncommitted;
};

static bool list_parse(const char *text, struct list_status *status)
{
	memset(status, 0, sizeof(*status));
	return sscanf(text, "%15s %" SCNu64 "/%" SCNu64 " %" SCNu64 " %" SCNu64
		      "/%" SCNu64 " %" SCNu64, status->mode, &status->allocated,
		      &status->total, &status->block_sectors, &status->used_mib,
		      &status->size_mib, &status->uncommitted) == 7;
}

/* The device under a mapping, and the file under that if there is one. */
static void list_print_backing(struct output *out, const struct mapping *disk)
{
	struct loop_backing backing;
	char name[64], device[80];
	unsigned int number, of;

	snprintf(device, sizeof(device), "%.*s",
		 (int)strcspn(disk->table, " "), disk->table);
	if (sscanf(disk->table, "%u:%u", &number, &of) != 2) {
		output_text(out, "backing_device", "", device);
		return;
	}
	if (!sysfs_name(makedev(number, of), name))
		snprintf(device, sizeof(device), "/dev/%s", name);
	output_text(out, "backing_device", NULL, device);
	if (loop_backing(makedev(number, of), &backing)) {
		output_text(out, NULL, "", device);
		return;
	}
	output_text(out, "backing_file", "", backing.path);
}

static int list_visit(void *arg, const char *name, dev_t dev)
{
	struct output *out = arg;
	struct list_status status;
	struct mapping disk;
	char text[64] = "?";

	(void)dev;
	if (mapping_get(name, &disk) || strcmp(disk.target, "vhdx"))
		return 0;
	output_row(out);
	output_text(out, "name", "", disk.name);
	output_text(out, "uuid", NULL, disk.uuid);
	output_size(out, "virtual_size", "", disk.sectors * 512);
	if (list_parse(disk.status, &status)) {
		snprintf(text, sizeof(text), "%" PRIu64 "/%" PRIu64,
			 status.allocated, status.total);
		output_text(out, "mode", "", status.mode);
		output_text(out, NULL, "", text);
		output_number(out, "blocks_allocated", NULL, status.allocated);
		output_number(out, "blocks_total", NULL, status.total);
		output_size(out, "block_size", NULL, status.block_sectors * 512);
		output_size(out, "used", NULL, status.used_mib * SZ_1M);
		output_size(out, "backing_size", NULL, status.size_mib * SZ_1M);
		output_number(out, "blocks_uncommitted", NULL,
			      status.uncommitted);
	} else {
		output_text(out, NULL, "", text);
		output_text(out, NULL, "", text);
	}
	list_print_backing(out, &disk);
	return 0;
}

static int list_run(const struct command *self, int argc, char **argv)
{
	static const struct output_column columns[] = {
		{ "Name", -20 },
		{ "Size", 10 },
		{ "Mode", -4 },
		{ "Blocks", 13 },
		{ "Backing", -1 },
		{}
	};
	static const struct option options[] = {
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct output out;
	bool json = false;
	int r;

	while (command_option(self, argc, argv, options) >= 0)
		json = true;
	command_operands(self, argc, argv, 0, 0, "");

	if (mapping_start())
		return STATUS_FAILED;
	output_begin(&out, json);
	output_list(&out, NULL, columns);
	r = mapping_each(list_visit, &out);
	output_list_end(&out);
	output_end(&out);
	if (r < 0)
		complain_errno(self->name, r, "cannot list the mappings");
	return r < 0 ? STATUS_FAILED : STATUS_OK;
}

const struct command command_list = {
	.name = "list",
	.summary = "List the images that are attached",
	.synopsis = "[--json]",
	.help =
"      --json                 print JSON\n",
	.usage_status = STATUS_USAGE,
	.run = list_run,
};
