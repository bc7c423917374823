// SPDX-License-Identifier: GPL-2.0
/* vhdx map, of a VHD image: by the bits of the sectors, not by blocks only. */
#include <inttypes.h>
#include <stdlib.h>

#include "map.h"
#include "message.h"
#include "runs.h"
#include "vhd-chain.h"
#include "vhd-layer.h"

static const char map_vhd_data[] = "data";
static const char map_vhd_zero[] = "zero";
static const char map_vhd_absent[] = "unallocated";

/**
 * struct map_vhd - an image without a parent, listed
 * @runs: the list
 * @vhd: the image
 */
struct map_vhd {
	struct runs runs;
	struct vhd_image vhd;
};

/* Up to block @block, or to the end of the disk, nothing has space. */
static void map_vhd_skip(struct map_vhd *map, u64 block)
{
	const struct vhd_geometry *geo = &map->vhd.layout.geo;
	u64 end = min_t(u64, block << geo->block_shift, geo->disk_bytes);

	runs_add(&map->runs, map_vhd_absent, end - runs_end_of(&map->runs),
		 RUNS_NOWHERE);
}

static int map_vhd_visit(void *arg, u32 block, u32 sector, int result)
{
	struct map_vhd *map = arg;
	const struct vhd_geometry *geo = &map->vhd.layout.geo;
	u32 used = vhd_block_used(geo, block), from, next;
	u64 data = vhd_block_data(geo, sector);
	bool set;

	map_vhd_skip(map, block);
	if (!result)
		result = vhd_image_bitmap(&map->vhd, sector);
	if (result) {
		runs_flush(&map->runs);
		complain(map->vhd.image->path, vhdx_fault_advice(result),
			 "BAT entry %" PRIu32 ": %s", block,
			 vhdx_fault_text(result));
		return result;
	}
	for (from = 0; from < used; from = next) {
		next = vhd_bitmap_run(map->vhd.bitmap, from, used, &set);
		runs_add(&map->runs, set ? map_vhd_data : map_vhd_zero,
			 (u64)(next - from) * VHD_SECTOR,
			 set ? data + (u64)from * VHD_SECTOR : RUNS_NOWHERE);
	}
	return 0;
}

static int map_vhd_list(struct map_vhd *map, bool json)
{
	const struct vhd_layout *layout = &map->vhd.layout;
	int r;

	runs_begin(&map->runs, json);
	r = vhd_image_load_bat(&map->vhd, map_vhd_visit, map);
	if (!r && layout->footer.type == VHD_TYPE_FIXED)
		runs_add(&map->runs, map_vhd_data, layout->geo.disk_bytes, 0);
	else if (!r)
		map_vhd_skip(map, layout->geo.blocks);
	if (!r)
		runs_flush(&map->runs);
	runs_end(&map->runs);
	return r;
}

/* From @row->start on; what no layer has has @row->file NULL. */
static int map_vhd_row(struct vhd_layer *layers, const struct chain *chain,
		       struct map_row *row)
{
	u64 end = layers[0].vhd.layout.geo.disk_bytes;
	struct image *image;
	int r = vhd_layers_run(layers, chain->count, row->start, &end, &image,
			       &row->off);

	row->length = end - row->start;
	row->state = image ? map_vhd_data : map_vhd_absent;
	row->has_off = image;
	row->file = NULL;
	for (row->layer = 0; image; row->layer++)
		if (&chain->layer[row->layer]->image == image)
			break;
	if (image)
		row->file = chain->layer[row->layer]->path;
	return r;
}

static bool map_vhd_goes_on(const struct map_row *row, const struct map_row *next)
{
	return row->file == next->file &&
	       (!row->file || row->off + row->length == next->off);
}

static int map_vhd_rows(struct output *out, struct vhd_layer *layers,
			const struct chain *chain)
{
	u64 bytes = layers[0].vhd.layout.geo.disk_bytes;
	struct map_row row = {}, next = {};
	int r = 0;

	for (; !r && next.start < bytes; next.start += next.length) {
		r = map_vhd_row(layers, chain, &next);
		if (r)
			break;
		if (row.length && map_vhd_goes_on(&row, &next)) {
			row.length += next.length;
			continue;
		}
		if (row.length)
			map_rows_add(out, &row);
		row = next;
	}
	if (row.length)
		map_rows_add(out, &row);
	return r;
}

/**
 * map_vhd_chain() - list the extents of a differencing VHD image's disk
 * @path: the file
 * @search: where its parents are
 * @json: print JSON
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int map_vhd_chain(const char *path, const struct parent_search *search, bool json)
{
	struct chain *chain = calloc(1, sizeof(*chain));
	struct vhd_layer *layers = NULL;
	struct output out;
	int r;

	if (!chain) {
		complain_errno(path, ENOMEM, "cannot read");
		return -ENOMEM;
	}
	r = vhd_chain_open(chain, path, IMAGE_PEEK, search);
	if (!r)
		r = vhd_layers_load(&layers, chain);
	if (!r) {
		map_rows_begin(&out, json);
		r = map_vhd_rows(&out, layers, chain);
		map_rows_end(&out);
	}
	vhd_layers_free(layers, chain->count);
	chain_close(chain);
	free(chain);
	return r;
}

/**
 * map_vhd() - list the extents of the disk of a VHD image without a parent
 * @image: the file, open
 * @json: print JSON
 *
 * Says what is wrong.
 *
 * Return: 0, a fault or a negative errno.
 */
int map_vhd(struct image *image, bool json)
{
	struct map_vhd map = {};
	int r = vhd_image_load(&map.vhd, image);

	if (r)
		complain_fault(image->path, r);
	else
		r = map_vhd_list(&map, json);
	vhd_image_free(&map.vhd);
	return r;
}
