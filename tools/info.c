// SPDX-License-Identifier: GPL-2.0
/* vhdx info */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "image.h"
#include "message.h"
#include "output.h"
#include "size.h"

/**
 * struct info - what the BAT tells
 * @allocated: blocks that have their data in the image
 * @faults: entries that are wrong
 */
struct info {
	u64 allocated;
	u64 faults;
};

static int info_visit(void *arg, u64 index, u32 block, bool bitmap,
		      const struct vhdx_bat_entry *entry, int result)
{
	struct info *info = arg;

	(void)index;
	(void)block;
	if (result)
		info->faults++;
	else if (!bitmap && entry->state == VHDX_BLOCK_FULL)
		info->allocated++;
	return 0;
}

static void info_print_log(struct output *out, const struct image *image)
{
	u64 entries = image_log_entries(image);
	char text[64];

	if (image->dirty)
		snprintf(text, sizeof(text), "dirty: %" PRIu64 " %s to replay",
			 entries, entries == 1 ? "entry" : "entries");
	else
		strcpy(text, image->layout.header.log_length ? "clean" : "none");
	output_text(out, NULL, "Log", text);
	output_text(out, "log_state", NULL, image->dirty ? "dirty" : text);
	output_number(out, "log_entries", NULL, entries);
	output_size(out, "log_offset", NULL, image->layout.header.log_off);
	output_size(out, "log_size", "Log size",
		    image->layout.header.log_length);
}

static void info_print_copies(struct output *out,
			      const struct vhdx_layout *layout)
{
	char text[64] = "good";

	if (layout->header_damaged)
		snprintf(text, sizeof(text), "the %s one is damaged",
			 layout->header_slot ? "first" : "second");
	output_text(out, "headers", "Headers", text);
	strcpy(text, "good");
	if (layout->region_differ)
		strcpy(text, layout->region_slot ? "the first one is damaged" :
		       "the second one is damaged or differs");
	output_text(out, "region_tables", "Region tables", text);
}

static void info_print_regions(struct output *out, struct image *image)
{
	static const struct output_column columns[] = {
		{ "Offset", 10 },
		{ "Length", 10 },
		{ "Required", 8 },
		{ "Region", -36 },
		{}
	};
	struct vhdx_region region;
	u32 i;

	if (image->reader.read(&image->reader,
			       VHDX_REGION_OFF(image->layout.region_slot),
			       image->scratch, VHDX_REGION_BYTES))
		return;
	if (!out->json)
		putchar('\n');
	output_list(out, "regions", columns);
	for (i = 0; i < image->layout.regions.count; i++) {
		vhdx_region_decode(image->scratch, i, &region);
		output_row(out);
		output_size(out, "offset", "", region.off);
		output_size(out, "length", "", region.length);
		output_bool(out, "required", "", region.required);
		output_guid(out, "guid", NULL, &region.guid);
		if (guid_equal(&region.guid, &vhdx_guid_bat_region))
			output_text(out, "name", "", "BAT");
		else if (guid_equal(&region.guid, &vhdx_guid_metadata_region))
			output_text(out, "name", "", "metadata");
		else
			output_guid(out, NULL, "", &region.guid);
	}
	output_list_end(out);
}

static void info_print(struct output *out, struct image *image,
		       const struct info *info)
{
	const struct vhdx_layout *layout = &image->layout;
	const struct vhdx_meta *meta = &layout->meta;
	char text[64];

	output_text(out, "file", "File", image->path);
	output_text(out, "format", NULL, "vhdx");
	output_text(out, "type", "Type",
		    meta->leave_allocated ? "fixed" : "dynamic");
	output_size(out, "virtual_size", "Virtual size", meta->disk_bytes);
	output_size(out, "block_size", "Block size", meta->block_bytes);
	output_number(out, "logical_sector_size", "Logical sector size",
		      meta->logical_bytes);
	output_number(out, "physical_sector_size", "Physical sector size",
		      meta->physical_bytes);
	output_guid(out, "disk_id", "Virtual disk ID", &meta->disk_id);
	output_guid(out, "data_write_guid", "Data write GUID",
		    &layout->header.data_write_guid);
	output_guid(out, "file_write_guid", "File write GUID",
		    &layout->header.file_write_guid);
	info_print_log(out, image);
	info_print_copies(out, layout);

	snprintf(text, sizeof(text), "%" PRIu64 " of %u", info->allocated,
		 layout->geo.blocks);
	output_text(out, NULL, "Blocks allocated", text);
	output_number(out, "blocks_allocated", NULL, info->allocated);
	output_number(out, "blocks_total", NULL, layout->geo.blocks);
	output_number(out, "bat_faults", NULL, info->faults);
	output_size(out, "used", "Used by the image",
		    (u64)image->space.taken * SZ_1M);
	output_size(out, "file_size",
		    image->block_device ? "Device size" : "File size",
		    image->file_bytes);
	if (!image->block_device)
		output_size(out, "disk_usage", "File takes on disk",
			    (u64)image->st.st_blocks * 512);
	info_print_regions(out, image);
}

static int info_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	struct info info = {};
	struct output out;
	struct image image;
	bool json = false;
	int r;

	while (command_option(self, argc, argv, options) >= 0)
		json = true;
	command_operands(self, argc, argv, 1, 1, "FILE");

	r = image_open(&image, argv[optind], IMAGE_PEEK);
	if (!r) {
		r = image_load(&image);
		if (!r)
			r = image_load_bat(&image, info_visit, &info);
		if (r)
			complain_fault(image.path, r);
	}
	if (!r) {
		output_begin(&out, json);
		info_print(&out, &image, &info);
		output_end(&out);
		if (info.faults)
			complain(image.path, "run 'vhdx check' on it",
				 info.faults == 1 ? "%" PRIu64 " BAT entry is wrong" :
				 "%" PRIu64 " BAT entries are wrong", info.faults);
	}
	image_close(&image);
	return r || info.faults ? STATUS_FAILED : STATUS_OK;
}

const struct command command_info = {
	.name = "info",
	.summary = "Show what an image is",
	.synopsis = "[--json] FILE",
	.help =
"  -J, --json                 print JSON\n",
	.usage_status = STATUS_USAGE,
	.run = info_run,
};
