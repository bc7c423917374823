// SPDX-License-Identifier: GPL-2.0
/* vhdx map, of a VHD image: by the bits of the sectors, not by blocks only. */
#include <inttypes.h>

#include "message.h"
#include "runs.h"
#include "vhd-image.h"
#include "vhd.h"

static const char map_vhd_data[] = "data";
static const char map_vhd_zero[] = "zero";
static const char map_vhd_parent[] = "parent";
static const char map_vhd_absent[] = "unallocated";

/**
 * struct map_vhd - an image, listed
 * @runs: the list
 * @vhd: the image
 * @absent: what a block is that has no space
 * @clear: what a sector is whose bit is not set
 */
struct map_vhd {
	struct runs runs;
	struct vhd_image vhd;
	const char *absent;
	const char *clear;
};

/* Up to block @block, or to the end of the disk, nothing has space. */
static void map_vhd_skip(struct map_vhd *map, u64 block)
{
	const struct vhd_geometry *geo = &map->vhd.layout.geo;
	u64 end = min_t(u64, block << geo->block_shift, geo->disk_bytes);

	runs_add(&map->runs, map->absent, end - runs_end_of(&map->runs),
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
		runs_add(&map->runs, set ? map_vhd_data : map->clear,
			 (u64)(next - from) * VHD_SECTOR,
			 set ? data + (u64)from * VHD_SECTOR : RUNS_NOWHERE);
	}
	return 0;
}

static int map_vhd_list(struct map_vhd *map, bool json)
{
	const struct vhd_layout *layout = &map->vhd.layout;
	bool child = layout->footer.type == VHD_TYPE_DIFFERENCING;
	int r;

	map->absent = child ? map_vhd_parent : map_vhd_absent;
	map->clear = child ? map_vhd_parent : map_vhd_zero;
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

/**
 * map_vhd() - list the extents of a VHD image's disk
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
