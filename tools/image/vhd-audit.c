// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "message.h"
#include "size.h"
#include "vhd-audit.h"

#define VHD_AUDIT_BYTES	SZ_64K		/* of data are looked at at a time */

/**
 * struct vhd_audit - what vhd_audit() is at
 * @audit: result
 * @vhd: the image
 * @overlaps: there are some
 */
struct vhd_audit {
	struct audit *audit;
	struct vhd_image *vhd;
	bool overlaps;
};

static bool vhd_audit_is_zero(const u8 *data, u32 bytes)
{
	return !bytes || (!data[0] && !memcmp(data, data + 1, bytes - 1));
}

/* Data in sectors @from to @end of a block, whose bits are clear. */
static int vhd_audit_look(const struct vhd_image *vhd, u64 data, u32 from,
			  u32 end, vhd_denied_fn found, void *arg)
{
	u8 buf[VHD_AUDIT_BYTES];
	u32 count, i;
	int r = 0;

	for (; !r && from < end; from += count) {
		count = min_t(u32, end - from, VHD_AUDIT_BYTES / VHD_SECTOR);
		r = image_pread(vhd->image, data + (u64)from * VHD_SECTOR, buf,
				count * VHD_SECTOR);
		if (r || vhd_audit_is_zero(buf, count * VHD_SECTOR))
			continue;
		for (i = 0; !r && i < count; i++)
			if (!vhd_audit_is_zero(buf + i * VHD_SECTOR,
					       VHD_SECTOR))
				r = found(arg, from + i, from + i + 1);
	}
	return r;
}

/**
 * vhd_audit_denied() - look for data in sectors that were never written
 * @vhd: the image, whose @bitmap is the block's
 * @block: its number
 * @sector: where it is
 * @found: called for each sector of the block that holds data though its bit is
 *         clear; its result ends the search unless it is 0
 * @arg: for @found
 *
 * In a dynamic image such sectors are to be zeros, and readers who do not look
 * at the bits show what is there (case 113).
 *
 * Return: 0, a negative errno, or what @found returned.
 */
int vhd_audit_denied(const struct vhd_image *vhd, u32 block, u32 sector,
		     vhd_denied_fn found, void *arg)
{
	const struct vhd_geometry *geo = &vhd->layout.geo;
	u32 used = vhd_block_used(geo, block), from, next;
	u64 data = vhd_block_data(geo, sector);
	bool set;
	int r = 0;

	for (from = 0; !r && from < used; from = next) {
		next = vhd_bitmap_run(vhd->bitmap, from, used, &set);
		if (!set)
			r = vhd_audit_look(vhd, data, from, next, found, arg);
	}
	return r;
}

static int vhd_audit_found(void *arg, u32 from, u32 end)
{
	(void)from;
	(void)end;
	(void)arg;
	return 1;
}

static void vhd_audit_place(struct vhd_audit *scan, int kind, u32 block,
			    u32 sector)
{
	struct audit_problem *problem = audit_add(scan->audit, kind);

	if (kind == AUDIT_VHD_DENIED)
		problem->level = AUDIT_WARNING;
	audit_add_place(problem, &(struct audit_place){
		.index = block, .block = block,
		.off = (u64)sector << VHD_SECTOR_SHIFT,
		.owner = kind == VHDX_FAULT_VHD_BAT_TABLES ?
			 AUDIT_OWNER_TABLES : AUDIT_OWNER_NONE });
	scan->overlaps |= kind == VHDX_FAULT_VHD_BAT_OVERLAP;
}

static int vhd_audit_visit(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_audit *scan = arg;
	struct audit *audit = scan->audit;
	const struct vhd_layout *layout = &scan->vhd->layout;
	u64 end = (u64)sector + vhd_block_sectors(&layout->geo);
	int r;

	progress("Checking the blocks", block, layout->geo.blocks);
	if (result) {
		vhd_audit_place(scan, result, block, sector);
		return 0;
	}
	audit->allocated++;
	audit->end = max_t(u64, audit->end, end << VHD_SECTOR_SHIFT);
	if (layout->footer.type == VHD_TYPE_DIFFERENCING)
		return 0;
	r = vhd_image_bitmap(scan->vhd, sector);
	if (!r)
		r = vhd_audit_denied(scan->vhd, block, sector, vhd_audit_found,
				     NULL);
	if (r > 0)
		vhd_audit_place(scan, AUDIT_VHD_DENIED, block, sector);
	return r < 0 ? r : 0;
}

static int vhd_audit_own(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_audit *scan = arg;
	struct audit_problem *problem =
		&scan->audit->problem[VHDX_FAULT_VHD_BAT_OVERLAP];
	u64 off = (u64)sector << VHD_SECTOR_SHIFT;
	u64 bytes = (u64)vhd_block_sectors(&scan->vhd->layout.geo) <<
		    VHD_SECTOR_SHIFT;
	struct audit_place *place;
	unsigned int i;

	if (result && result != VHDX_FAULT_VHD_BAT_OVERLAP)
		return 0;
	for (i = 0; i < problem->places; i++) {
		place = &problem->place[i];
		if (place->owner || place->block == block ||
		    place->off >= off + bytes || off >= place->off + bytes)
			continue;
		place->owner = AUDIT_OWNER_BLOCK;
		place->owner_block = block;
	}
	return 0;
}

/* What vhd_audit_batmap() is at. */
struct vhd_audit_map {
	struct vhd_image *vhd;
	u8 *map;
};

static int vhd_audit_map(void *arg, u32 block, u32 sector, int result)
{
	struct vhd_audit_map *scan = arg;
	u32 used = vhd_block_used(&scan->vhd->layout.geo, block);

	if (!result)
		result = vhd_image_bitmap(scan->vhd, sector);
	if (!result && vhd_bitmap_count(scan->vhd->bitmap, used) == used)
		vhd_bitmap_set(scan->map, block, block + 1);
	return result < 0 ? result : 0;
}

/**
 * vhd_audit_batmap() - work out what a batmap may say
 * @vhd: the image, which has one
 * @map: result, of the size of the batmap: a bit for each block that is full
 *
 * Return: 0 or a negative errno.
 */
int vhd_audit_batmap(struct vhd_image *vhd, u8 *map)
{
	struct vhd_audit_map scan = { .vhd = vhd, .map = map };

	memset(map, 0, vhd->layout.batmap.bytes);
	return vhd_image_load_bat(vhd, vhd_audit_map, &scan);
}

/* It may leave blocks out that are full, but not name others. */
static int vhd_audit_check_batmap(struct vhd_audit *scan)
{
	const struct vhd_batmap *batmap = &scan->vhd->layout.batmap;
	u8 *have, *may;
	u64 i, wrong;
	int r;

	if (!batmap->bytes)
		return 0;
	have = malloc(batmap->bytes);
	may = malloc(batmap->bytes);
	r = have && may ? image_pread(scan->vhd->image, batmap->off, have,
				      batmap->bytes) : -ENOMEM;
	if (!r)
		r = vhd_audit_batmap(scan->vhd, may);
	if (!r) {
		wrong = ~vhd_batmap_sum(batmap, 0, have, batmap->bytes) !=
			batmap->checksum;
		for (i = 0; i < scan->vhd->layout.geo.blocks; i++)
			wrong |= vhd_bitmap_test(have, i) &&
				 !vhd_bitmap_test(may, i);
		if (wrong)
			audit_add(scan->audit, AUDIT_VHD_BATMAP);
	}
	free(may);
	free(have);
	return r;
}

static void vhd_audit_footers(struct audit *audit,
			      const struct vhd_layout *layout)
{
	if (layout->tail == VHD_COPY_DAMAGED)
		audit_add(audit, AUDIT_VHD_TAIL);
	if (layout->tail == VHD_COPY_SHORT)
		audit_add(audit, VHDX_FAULT_VHD_SHORT)->level = AUDIT_WARNING;
	if (layout->copy == VHD_COPY_DAMAGED)
		audit_add(audit, AUDIT_VHD_COPY);
	if (layout->copy == VHD_COPY_DIFFERS)
		audit_add(audit, AUDIT_VHD_DIFFER)->level = AUDIT_WARNING;
}

/* Who has how much, in sectors; gaps of less than a page are what aligns data. */
static void vhd_audit_space(struct audit *audit, const struct vhd_image *vhd)
{
	const struct vhd_layout *layout = &vhd->layout;
	u64 used = 0, block_bytes = 0;
	u32 i;

	audit->readable = true;
	audit->blocks = layout->geo.blocks;
	audit->end = max_t(u64, audit->end, vhd_tables_end(&layout->tables));
	if (!layout->geo.blocks)
		return;
	for (i = 0; i < layout->tables.count; i++)
		used += round_up_u64(layout->tables.range[i].bytes, VHD_SECTOR);
	block_bytes = (u64)vhd_block_sectors(&layout->geo) << VHD_SECTOR_SHIFT;
	used += audit->allocated * (block_bytes + VHD_DATA_ALIGN);
	if (audit->end > used)
		audit->free_inside = audit->end - used;
	if (layout->end > audit->end)
		audit->free_behind = layout->end - audit->end;
	if (!vhd->image->block_device && audit->free_behind >= block_bytes &&
	    !audit_errors(audit, NULL))
		audit_add(audit, AUDIT_VHD_BEHIND)->level = AUDIT_NOTE;
}

/**
 * vhd_audit() - find all that is wrong with a VHD image
 * @audit: result
 * @vhd: takes the image, and has to be freed
 * @image: the file, open
 *
 * Judges as a reader does: what only keeps an image from being written is for
 * the user to know, but nothing is broken.
 *
 * Return: 0, whatever was found; or a negative errno.
 */
int vhd_audit(struct audit *audit, struct vhd_image *vhd, struct image *image)
{
	struct vhd_audit scan = { .audit = audit, .vhd = vhd };
	bool writable = image->reader.writable;
	int r;

	memset(audit, 0, sizeof(*audit));
	image->reader.writable = false;
	r = vhd_image_load(vhd, image);
	image->reader.writable = writable;
	if (r > 0) {
		audit_add(audit, r);
		return 0;
	}
	if (!r) {
		vhd_audit_footers(audit, &vhd->layout);
		r = vhd_image_load_bat(vhd, vhd_audit_visit, &scan);
	}
	if (!r && scan.overlaps)
		r = vhd_image_load_bat(vhd, vhd_audit_own, &scan);
	if (!r)
		r = vhd_audit_check_batmap(&scan);
	progress_end();
	if (!r)
		vhd_audit_space(audit, vhd);
	return r;
}
