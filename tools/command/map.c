// SPDX-License-Identifier: GPL-2.0
/* vhdx map */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain.h"
#include "command.h"
#include "identify.h"
#include "map.h"
#include "message.h"
#include "runs.h"
#include "search.h"
#include "vhd-image.h"

static const char *const map_states[8] = {
	[VHDX_BLOCK_NOT_PRESENT] = "unallocated",
	[VHDX_BLOCK_UNDEFINED] = "undefined",
	[VHDX_BLOCK_ZERO] = "zero",
	[VHDX_BLOCK_UNMAPPED] = "unmapped",
	[VHDX_BLOCK_FULL] = "data",
};

/**
 * struct map - an image, listed
 * @runs: the list
 * @image: the image
 */
struct map {
	struct runs runs;
	const struct image *image;
};

/* The next @length bytes, as far as there is a disk. */
static void map_add(struct map *map, u8 state, u64 length, u64 off)
{
	u64 rest = map->image->layout.geo.disk_bytes - runs_end_of(&map->runs);

	runs_add(&map->runs, map_states[state], min_t(u64, length, rest), off);
}

/* Blocks up to @block that were not visited are absent. */
static void map_skip(struct map *map, u64 block)
{
	u64 start = block << map->image->layout.geo.block_shift;
	u64 end = runs_end_of(&map->runs);

	if (end < start)
		map_add(map, VHDX_BLOCK_NOT_PRESENT, start - end, RUNS_NOWHERE);
}

static int map_visit(void *arg, u64 index, u32 block, bool bitmap,
		     const struct vhdx_bat_entry *entry, int result)
{
	struct map *map = arg;

	if (result) {
		runs_flush(&map->runs);
		complain(map->image->path, vhdx_fault_advice(result),
			 "BAT entry %" PRIu64 ": %s", index,
			 vhdx_fault_text(result));
		return result;
	}
	if (bitmap)
		return 0;
	map_skip(map, block);
	map_add(map, entry->state, 1ULL << map->image->layout.geo.block_shift,
		entry->state == VHDX_BLOCK_FULL ? entry->mib * SZ_1M :
						  RUNS_NOWHERE);
	return 0;
}

static int map_print(struct image *image, bool json)
{
	struct map map = { .image = image };
	int r;

	runs_begin(&map.runs, json);
	r = image_load_bat(image, map_visit, &map);
	if (r < 0)
		complain_fault(image->path, r);
	if (!r) {
		map_skip(&map, image->layout.geo.blocks);
		runs_flush(&map.runs);
	}
	runs_end(&map.runs);
	return r;
}

/**
 * map_rows_begin() - begin the list of a disk with parents
 * @out: takes it
 * @json: print JSON
 */
void map_rows_begin(struct output *out, bool json)
{
	static const struct output_column columns[] = {
		{ "Start", 14 },
		{ "Length", 14 },
		{ "State", -11 },
		{ "File offset", 14 },
		{ "Layer", 5 },
		{ "File", -1 },
		{}
	};

	output_begin(out, json);
	output_list(out, NULL, columns);
}

/**
 * map_rows_add() - the next part
 * @out: from map_rows_begin()
 * @row: the part
 */
void map_rows_add(struct output *out, const struct map_row *row)
{
	char text[24];

	output_row(out);
	output_number(out, "start", "", row->start);
	output_number(out, "length", "", row->length);
	output_text(out, "state", "", row->state);
	snprintf(text, sizeof(text), "%" PRIu64, row->off);
	if (row->has_off)
		output_number(out, "file_offset", NULL, row->off);
	output_text(out, NULL, "", row->has_off ? text : "-");
	if (row->file) {
		output_number(out, "layer", NULL, row->layer);
		output_text(out, "file", NULL, row->file);
	}
	snprintf(text, sizeof(text), "%u", row->layer);
	output_text(out, NULL, "", row->file ? text : "-");
	output_text(out, NULL, "", row->file ? row->file : "-");
}

/**
 * map_rows_end() - that was all
 * @out: from map_rows_begin()
 */
void map_rows_end(struct output *out)
{
	output_list_end(out);
	output_end(out);
}

/* What chain_walk() reports goes to. */
struct map_chain {
	struct output out;
	const struct chain *chain;
};

static int map_chain_run(void *arg, const struct chain_run *run)
{
	struct map_chain *map = arg;
	const struct map_row row = {
		.start = run->start,
		.length = run->end - run->start,
		.state = map_states[run->state],
		.off = run->off,
		.has_off = run->off,
		.layer = run->layer,
		.file = run->state == VHDX_BLOCK_NOT_PRESENT ? NULL :
			map->chain->layer[run->layer]->path,
	};

	map_rows_add(&map->out, &row);
	return 0;
}

/* A child: with what its parents have. */
static int map_print_chain(const char *path, const struct parent_search *search,
			   bool json)
{
	struct chain *chain = calloc(1, sizeof(*chain));
	struct map_chain map = { .chain = chain };
	int r;

	if (!chain) {
		complain_errno(path, ENOMEM, "cannot read");
		return -ENOMEM;
	}
	r = chain_open(chain, path, IMAGE_PEEK, search);
	if (!r) {
		map_rows_begin(&map.out, json);
		r = chain_walk(chain, 0, chain_bytes(chain), map_chain_run,
			       &map);
		map_rows_end(&map.out);
	}
	chain_close(chain);
	free(chain);
	return r;
}

/* An image without a parent: its blocks. */
static int map_print_image(const char *path, bool json)
{
	struct image image;
	int r;

	r = image_open(&image, path, IMAGE_PEEK);
	if (!r && vhd_image_is(&image)) {
		r = map_vhd(&image, json);
	} else if (!r) {
		r = image_load(&image);
		if (r)
			identify_complain(&image, r);
		else
			r = map_print(&image, json);
	}
	image_close(&image);
	return r;
}

/* Of which format's chain is this the leaf?  Whoever opens what cannot be read says so. */
static bool map_has_parent(const char *path, bool *is_vhd)
{
	struct image image;
	struct vhd_image vhd = {};
	int r = image_peek(&image, path);
	bool has = !r && image.layout.meta.has_parent;

	*is_vhd = r > 0 && vhd_image_is(&image);
	if (*is_vhd && !vhd_image_load(&vhd, &image))
		has = vhd.layout.footer.type == VHD_TYPE_DIFFERENCING;
	vhd_image_free(&vhd);
	image_close(&image);
	return has;
}

static int map_print_any(const char *path, const struct parent_search *search,
			 bool json)
{
	bool is_vhd;

	if (!map_has_parent(path, &is_vhd))
		return map_print_image(path, json);
	return is_vhd ? map_vhd_chain(path, search, json) :
			map_print_chain(path, search, json);
}

static int map_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		SEARCH_OPTIONS,
		OPTION_JSON,
		OPTION_HELP,
		{}
	};
	static struct parent_search search;
	bool json = false;
	int c, r;

	while ((c = command_option(self, argc, argv, options)) >= 0)
		if (!search_option(self, &search, c))
			json = true;
	command_operands(self, argc, argv, 1, 1, "FILE");

	r = map_print_any(argv[optind], &search, json);
	return r ? STATUS_FAILED : STATUS_OK;
}

const struct command command_map = {
	.name = "map",
	.summary = "List the extents of the virtual disk",
	.synopsis = "[OPTION...] FILE",
	.help =
SEARCH_HELP
"  -J, --json                 print JSON\n"
"\n"
"Only 'data' has a place in the file; everything else reads as zeros. Of a\n"
"differencing image all of the disk is shown, and which layer has it: 0 is the\n"
"image itself, 1 its parent, and so on.\n"
"\n",
	.usage_status = STATUS_USAGE,
	.run = map_run,
};
