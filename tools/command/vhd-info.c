// SPDX-License-Identifier: GPL-2.0
/* vhdx info, of a VHD image. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "command.h"
#include "message.h"
#include "output.h"
#include "size.h"
#include "vhd-image.h"
#include "vhd.h"

/**
 * struct info_vhd - what a VHD image tells
 * @vhd: the image
 * @allocated: blocks that have space in it
 * @faults: entries that are wrong
 * @places: all places of data, or-ed
 */
struct info_vhd {
	struct vhd_image vhd;
	u64 allocated;
	u64 faults;
	u64 places;
};

static int info_vhd_visit(void *arg, u32 block, u32 sector, int result)
{
	struct info_vhd *info = arg;

	(void)block;
	if (result) {
		info->faults++;
		return 0;
	}
	info->allocated++;
	info->places |= vhd_block_data(&info->vhd.layout.geo, sector);
	return 0;
}

static void info_vhd_print_size(struct output *out,
				const struct vhd_layout *layout)
{
	const struct vhd_chs *chs = &layout->footer.chs;
	bool by_chs = vhd_footer_size_from(&layout->footer) == VHD_SIZE_CHS;
	char text[48];

	output_size(out, "virtual_size", "Virtual size",
		    layout->geo.disk_bytes);
	output_text(out, "size_from", NULL, by_chs ? "chs" : "current");
	output_text(out, NULL, "Size by", by_chs ? "cylinders * heads * sectors" :
		    "the current size");
	output_size(out, "current_size", "Current size",
		    layout->footer.current_bytes);
	output_size(out, "original_size", NULL, layout->footer.original_bytes);
	snprintf(text, sizeof(text), "%u / %u / %u", chs->cylinders, chs->heads,
		 chs->track_sectors);
	output_text(out, NULL, "Geometry", text);
	output_number(out, "cylinders", NULL, chs->cylinders);
	output_number(out, "heads", NULL, chs->heads);
	output_number(out, "track_sectors", NULL, chs->track_sectors);
	if (layout->geo.blocks)
		output_size(out, "block_size", "Block size",
			    layout->header.block_bytes);
	output_number(out, "logical_sector_size", "Logical sector size",
		      VHD_SECTOR);
	output_number(out, "physical_sector_size", "Physical sector size",
		      VHD_SECTOR);
}

/* When it was made; in universal time, as it is the same everywhere. */
static void info_vhd_print_time(struct output *out, const char *key,
				const char *label, u32 timestamp)
{
	time_t when = timestamp + VHD_EPOCH;
	struct tm tm;
	char text[32];

	if (!gmtime_r(&when, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return;
	output_text(out, key, label, text);
}

static void info_vhd_print_creator(struct output *out,
				   const struct vhd_footer *footer)
{
	char app[5] = "", os[5] = "", text[64];

	memcpy(app, footer->creator_app, 4);
	memcpy(os, footer->creator_os, 4);
	snprintf(text, sizeof(text), "'%s' %u.%u on '%s'", app,
		 footer->creator_version >> 16,
		 footer->creator_version & 0xffff, os);
	output_text(out, NULL, "Creator", text);
	output_text(out, "creator_app", NULL, app);
	output_number(out, "creator_version", NULL, footer->creator_version);
	output_text(out, "creator_os", NULL, os);
	info_vhd_print_time(out, "created", "Created", footer->timestamp);
	output_bool(out, "saved_state",
		    footer->saved_state ? "Of a suspended machine" : NULL,
		    footer->saved_state);
}

static const char *info_vhd_footers(const struct vhd_layout *layout)
{
	if (layout->tail == VHD_COPY_DAMAGED)
		return "the one at the end is damaged or missing";
	if (layout->copy == VHD_COPY_DAMAGED)
		return "the one at the start is damaged";
	if (layout->copy == VHD_COPY_DIFFERS)
		return "the two differ, the one at the end counts";
	return layout->tail == VHD_COPY_SHORT ? "good, of 511 bytes" : "good";
}

static void info_vhd_print_blocks(struct output *out,
				  const struct info_vhd *info)
{
	const struct vhd_layout *layout = &info->vhd.layout;
	u64 used = VHD_FOOTER_BYTES;
	char text[64];
	u32 i;

	for (i = 0; i < layout->tables.count; i++)
		used += layout->tables.range[i].bytes;
	if (!layout->geo.blocks) {
		output_size(out, "used", "Used by the image", used);
		return;
	}
	used += info->allocated * vhd_block_sectors(&layout->geo) * VHD_SECTOR;
	snprintf(text, sizeof(text), "%" PRIu64 " of %u", info->allocated,
		 layout->geo.blocks);
	output_text(out, NULL, "Blocks allocated", text);
	output_number(out, "blocks_allocated", NULL, info->allocated);
	output_number(out, "blocks_total", NULL, layout->geo.blocks);
	output_number(out, "bat_faults", NULL, info->faults);
	/* Sectors of disks have 4 KiB; more than a MiB matters to nobody. */
	if (info->allocated)
		output_size(out, "data_alignment", "Data aligned to",
			    min_t(u64, info->places & -info->places, SZ_1M));
	output_bool(out, "batmap", layout->batmap.bytes ? "Batmap" : NULL,
		    layout->batmap.bytes);
	output_size(out, "used", "Used by the image", used);
}

static void info_vhd_print_path(struct output *out,
				const struct vhd_locator *locator,
				const char *path)
{
	char code[5] = "";

	memcpy(code, locator->code, 4);
	output_row(out);
	output_text(out, "key", "", code);
	output_text(out, "value", "", path);
}

/* All that the image says of its parent. */
static void info_vhd_print_parent(struct output *out,
				  const struct vhd_image *vhd)
{
	static const struct output_column columns[] = {
		{ "Path of the parent", -24 },
		{ "", -1 },
		{}
	};
	const struct vhd_header *header = &vhd->layout.header;
	char text[VHD_ID_TEXT], *path = vhd_image_parent_name(vhd);
	unsigned int i;

	output_text(out, "parent_id", "Parent ID",
		    vhd_image_id(text, &header->parent_id));
	if (path)
		output_text(out, "parent_name", "Parent name", path);
	free(path);
	if (header->parent_timestamp)
		info_vhd_print_time(out, "parent_changed", "Parent changed",
				    header->parent_timestamp);
	if (!out->json)
		putchar('\n');
	output_list(out, "parent_locator", columns);
	for (i = 0; i < VHD_LOCATORS; i++) {
		if (vhd_image_locator(vhd, i, &path) || !path)
			continue;
		info_vhd_print_path(out, &header->locator[i], path);
		free(path);
	}
	output_list_end(out);
}

static void info_vhd_print(struct output *out, const struct info_vhd *info)
{
	const struct vhd_layout *layout = &info->vhd.layout;
	const struct image *image = info->vhd.image;
	char text[VHD_ID_TEXT];

	output_text(out, "file", "File", image->path);
	output_text(out, "format", NULL, "vhd");
	output_text(out, NULL, "Format", "VHD");
	output_text(out, "type", "Type", vhd_image_type(&info->vhd));
	info_vhd_print_size(out, layout);
	output_text(out, "disk_id", "Disk ID",
		    vhd_image_id(text, &layout->footer.id));
	info_vhd_print_creator(out, &layout->footer);
	output_text(out, "footers", "Footers", info_vhd_footers(layout));
	info_vhd_print_blocks(out, info);
	output_size(out, "file_size",
		    image->block_device ? "Device size" : "File size",
		    image->file_bytes);
	if (!image->block_device)
		output_size(out, "disk_usage", "File takes on disk",
			    (u64)image->st.st_blocks * 512);
	if (layout->footer.type == VHD_TYPE_DIFFERENCING)
		info_vhd_print_parent(out, &info->vhd);
}

/**
 * info_vhd() - show what a VHD image is
 * @image: the file, open
 * @json: print JSON
 *
 * Says what is wrong.
 *
 * Return: exit status.
 */
int info_vhd(struct image *image, bool json)
{
	struct info_vhd info = {};
	struct output out;
	int r;

	r = vhd_image_load(&info.vhd, image);
	if (!r)
		r = vhd_image_load_bat(&info.vhd, info_vhd_visit, &info);
	if (r) {
		complain_fault(image->path, r);
	} else {
		output_begin(&out, json);
		info_vhd_print(&out, &info);
		output_end(&out);
	}
	if (!r && info.faults)
		complain(image->path, VHDX_ADVICE_CHECK, info.faults == 1 ?
			 "%" PRIu64 " BAT entry is wrong" :
			 "%" PRIu64 " BAT entries are wrong", info.faults);
	vhd_image_free(&info.vhd);
	return r || info.faults ? STATUS_FAILED : STATUS_OK;
}
