// SPDX-License-Identifier: GPL-2.0
/* vhdx info */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command.h"
#include "identify.h"
#include "image.h"
#include "message.h"
#include "output.h"
#include "parent.h"
#include "size.h"
#include "vhd-image.h"
#include "vhd.h"

/**
 * struct info - what BAT and parent locator tell
 * @allocated: blocks that have their data in the image
 * @partial: those of them that have only a part of theirs
 * @faults: entries that are wrong
 * @doubtful: sector bitmap entries that hold what may be a block's
 * @locator: the parent locator of a differencing image; NULL: there is none
 * @locator_fault: what is wrong with it
 */
struct info {
	u64 allocated;
	u64 partial;
	u64 faults;
	u64 doubtful;
	void *locator;
	int locator_fault;
};

static int info_visit(void *arg, u64 index, u32 block, bool bitmap,
		      const struct vhdx_bat_entry *entry, int result)
{
	struct info *info = arg;

	(void)index;
	(void)block;
	if (result)
		info->faults++;
	else if (bitmap)
		info->doubtful += !info->locator &&
				  entry->state == VHDX_BITMAP_PRESENT;
	else
		info->allocated += vhdx_block_present(entry->state);
	if (!result && !bitmap)
		info->partial += entry->state == VHDX_BLOCK_PARTIAL;
	return 0;
}

/* An orphan can say, too, what it has and which parent it needs. */
static int info_load(struct image *image, struct info *info)
{
	int r;

	image->reader.parents = true;
	r = image_load(image);
	if (!r && image->layout.meta.has_parent)
		info->locator_fault = parent_load_locator(image,
							  &info->locator);
	if (info->locator_fault < 0)
		return info->locator_fault;
	return r ? r : image_load_bat(image, info_visit, info);
}

static void info_print_text(struct output *out, const char *key,
			    const struct vhdx_locator_text *value)
{
	char *text = malloc(2 * value->bytes);

	if (!text)
		return;
	vhdx_locator_utf8(value, text, 2 * value->bytes);
	output_text(out, key, "", text);
	free(text);
}

/* All that the image says of its parent. */
static void info_print_locator(struct output *out, const struct info *info)
{
	static const struct output_column columns[] = {
		{ "Parent", -24 },
		{ "", -1 },
		{}
	};
	struct vhdx_locator_pair pair;
	u32 i;

	if (!out->json)
		putchar('\n');
	output_list(out, "parent_locator", columns);
	for (i = 0; i < vhdx_locator_count(info->locator); i++) {
		vhdx_locator_decode(info->locator, i, &pair);
		output_row(out);
		info_print_text(out, "key", &pair.key);
		info_print_text(out, "value", &pair.value);
	}
	output_list_end(out);
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

static void info_print_blocks(struct output *out, const struct image *image,
			      const struct info *info)
{
	u32 blocks = image->layout.geo.blocks;
	char text[64];

	snprintf(text, sizeof(text), "%" PRIu64 " of %u", info->allocated,
		 blocks);
	output_text(out, NULL, "Blocks allocated", text);
	output_number(out, "blocks_allocated", NULL, info->allocated);
	output_number(out, "blocks_total", NULL, blocks);
	if (info->locator)
		output_number(out, "blocks_partial", "Blocks partially present",
			      info->partial);
	output_number(out, "bat_faults", NULL, info->faults);
	output_size(out, "used", "Used by the image",
		    (u64)image->space.taken * SZ_1M);
}

static void info_print(struct output *out, struct image *image,
		       const struct info *info)
{
	const struct vhdx_layout *layout = &image->layout;
	const struct vhdx_meta *meta = &layout->meta;

	output_text(out, "file", "File", image->path);
	output_text(out, "format", NULL, "vhdx");
	output_text(out, "type", "Type", meta->has_parent ? "differencing" :
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

	info_print_blocks(out, image, info);
	output_size(out, "file_size",
		    image->block_device ? "Device size" : "File size",
		    image->file_bytes);
	if (!image->block_device)
		output_size(out, "disk_usage", "File takes on disk",
			    (u64)image->st.st_blocks * 512);
	info_print_regions(out, image);
	if (info->locator && !info->locator_fault)
		info_print_locator(out, info);
}

/* What is wrong, behind what could be shown. */
static int info_judge(const struct image *image, const struct info *info)
{
	if (info->locator_fault)
		complain_fault(image->path, info->locator_fault);
	if (info->faults)
		complain(image->path, VHDX_ADVICE_CHECK, info->faults == 1 ?
			 "%" PRIu64 " BAT entry is wrong" :
			 "%" PRIu64 " BAT entries are wrong", info->faults);
	if (info->doubtful)
		note(image->path, "%s: %s",
		     vhdx_fault_text(VHDX_FAULT_BITMAP_PRESENT),
		     VHDX_ADVICE_CHECK);
	return info->faults || info->locator_fault ? STATUS_FAILED : STATUS_OK;
}

static int info_image(struct image *image, bool json)
{
	int status = STATUS_FAILED, r;
	struct info info = {};
	struct output out;

	r = info_load(image, &info);
	if (r) {
		identify_complain(image, r);
	} else {
		output_begin(&out, json);
		info_print(&out, image, &info);
		output_end(&out);
		status = info_judge(image, &info);
	}
	free(info.locator);
	return status;
}

static int info_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	int status = STATUS_FAILED;
	struct image image;
	bool json = false;

	while (command_option(self, argc, argv, options) >= 0)
		json = true;
	command_operands(self, argc, argv, 1, 1, "FILE");

	if (!image_open(&image, argv[optind], IMAGE_PEEK))
		status = vhd_image_is(&image) ? info_vhd(&image, json) :
						info_image(&image, json);
	image_close(&image);
	return status;
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
