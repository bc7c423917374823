// SPDX-License-Identifier: GPL-2.0
/* vhd-*.c: a VHD image by the shared code, and what has to hold of the result. */
#include <stdlib.h>

#include "fuzz.h"
#include "vhd-load.h"

/* Larger ones take too long for a fuzzer, and are no other case. */
#define FUZZ_MAX_BLOCKS	(1U << 16)
#define FUZZ_MAX_PIECES	(1U << 20)
#define FUZZ_NAIVE	256	/* blocks that are compared with each other */

const mutate_focus fuzz_focus = {
	[MUTATE_VHD] = 10, [MUTATE_SIZE] = 1, [MUTATE_RAW] = 2,
};

/**
 * struct fuzz_vhd - an image, loaded
 * @reader: for the shared code
 * @image: where it is from
 * @reads: how many there were
 * @layout: result
 * @good: where blocks are that were accepted, the first of them
 * @count: how many
 */
struct fuzz_vhd {
	struct vhdx_reader reader;
	const struct sparse *image;
	u32 reads;
	struct vhd_layout layout;
	u32 good[FUZZ_NAIVE];
	u32 count;
};

static int fuzz_read(struct vhdx_reader *reader, u64 off, void *buf, u32 bytes)
{
	struct fuzz_vhd *vhd = (struct fuzz_vhd *)reader;

	/* Nothing outside of the image is ever asked for. */
	MUST(bytes && off <= reader->image_bytes &&
	     bytes <= reader->image_bytes - off);
	sparse_read(vhd->image, off, buf, bytes);
	return vhd->image->trouble == SPARSE_EIO &&
	       ++vhd->reads == vhd->image->trouble_at ? -EIO : 0;
}

static void check_footer(const struct vhd_layout *layout)
{
	const struct vhd_footer *footer = &layout->footer;
	struct vhd_footer again;
	u8 buf[VHD_FOOTER_BYTES];

	MUST(footer->type >= 2 && footer->type <= 4);
	MUST(footer->version >> 16 == 1);
	memset(&again, 0, sizeof(again));
	vhd_footer_encode(footer, buf);
	MUST(vhd_footer_valid(buf) && !vhd_footer_is_poison(buf));
	vhd_footer_decode(buf, &again);
	MUST(again.header_off == footer->header_off &&
	     again.current_bytes == footer->current_bytes &&
	     again.original_bytes == footer->original_bytes &&
	     again.type == footer->type && again.version == footer->version &&
	     again.timestamp == footer->timestamp &&
	     again.saved_state == footer->saved_state &&
	     again.chs.cylinders == footer->chs.cylinders &&
	     guid_equal(&again.id, &footer->id));
}

/* A geometry of its own never makes more than there is. */
static void check_size(const struct vhd_layout *layout)
{
	u64 disk_bytes = layout->geo.disk_bytes;
	struct vhd_chs chs;

	MUST(disk_bytes && disk_bytes % 512 == 0);
	MUST(disk_bytes <= 2040ULL << 30);
	vhd_chs_of(disk_bytes / 512, &chs);
	MUST(vhd_chs_bytes(&chs) <= disk_bytes);
	MUST(chs.heads && chs.heads <= 16 && chs.track_sectors);
}

static void check_tables(const struct vhd_layout *layout, u64 bytes)
{
	const struct vhd_header *header = &layout->header;
	u64 bat_end = header->bat_off + 4ULL * header->bat_entries;
	u32 i;

	MUST(layout->end <= bytes);
	MUST(header->bat_off % 512 == 0 && header->bat_off >= 512 &&
	     bat_end <= layout->end);
	MUST(layout->geo.blocks && layout->geo.blocks <= header->bat_entries &&
	     layout->geo.blocks <= VHD_MAX_BLOCKS);
	MUST((u64)layout->geo.blocks << layout->geo.block_shift >=
	     layout->geo.disk_bytes);
	MUST(layout->geo.bitmap_sectors * 512ULL * 8 >=
	     1ULL << (layout->geo.block_shift - 9));
	MUST(layout->tables.count >= 3 &&
	     layout->tables.count <= VHD_MAX_TABLES);
	for (i = 0; i < layout->tables.count; i++)
		MUST(layout->tables.range[i].off <= layout->end);
}

static bool overlap(const struct vhd_layout *layout, u32 a, u32 b)
{
	u32 sectors = vhd_block_sectors(&layout->geo);

	return (u64)a + sectors > b && (u64)b + sectors > a;
}

static int check_entry(void *arg, u32 block, u32 sector, int result)
{
	struct fuzz_vhd *vhd = arg;
	const struct vhd_layout *layout = &vhd->layout;
	u64 off = (u64)sector * 512;
	u64 end = off + vhd_block_sectors(&layout->geo) * 512ULL;
	bool shares = false;
	u32 i;

	must_be_result(result);
	MUST(block < layout->geo.blocks);
	for (i = 0; i < vhd->count; i++)
		shares |= overlap(layout, vhd->good[i], sector);
	if (result == VHDX_FAULT_VHD_BAT_OVERLAP) {
		MUST(shares || vhd->count == FUZZ_NAIVE);
		return 0;
	}
	if (result)
		return 0;
	MUST(!shares && end <= layout->end);
	MUST(!vhd_tables_overlap(&layout->tables, off, end - off));
	MUST(vhd_block_data(&layout->geo, sector) < end);
	MUST(vhd_block_used(&layout->geo, block));
	if (vhd->count < FUZZ_NAIVE)
		vhd->good[vhd->count++] = sector;
	return 0;
}

static void check_bat(struct fuzz_vhd *vhd)
{
	const struct vhd_geometry *geo = &vhd->layout.geo;
	struct vhd_space space = {
		.pieces = vhd_space_pieces(geo, vhd->layout.end),
		.block_sectors = vhd_block_sectors(geo),
	};
	u8 buf[4096];

	if (geo->blocks > FUZZ_MAX_BLOCKS || space.pieces > FUZZ_MAX_PIECES)
		return;
	space.start = calloc(space.pieces, sizeof(u32));
	must_be_result(vhd_load_bat(&vhd->reader, &vhd->layout, &space, buf,
				    sizeof(buf), check_entry, vhd));
	free(space.start);
}

void fuzz_one(const struct sparse *image)
{
	struct fuzz_vhd *vhd = calloc(1, sizeof(*vhd));
	u8 scratch[VHD_LOAD_SCRATCH];
	int r;

	vhd->image = image;
	vhd->reader.read = fuzz_read;
	vhd->reader.image_bytes = image->bytes;
	vhd->reader.logical_bytes = image->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
	vhd->reader.writable = image->flags & SPARSE_WRITABLE;
	r = vhd_load_footer(&vhd->reader, &vhd->layout, scratch);
	must_be_result(r);
	if (!r) {
		check_footer(&vhd->layout);
		r = vhd_load_layout(&vhd->reader, &vhd->layout, image->flags % 3,
				    scratch);
		must_be_result(r);
	}
	if (!r) {
		check_size(&vhd->layout);
		if (vhd->layout.footer.type == VHD_TYPE_FIXED)
			MUST(vhd->layout.geo.disk_bytes <= vhd->layout.end &&
			     !vhd->layout.geo.blocks);
		else
			check_tables(&vhd->layout, image->bytes);
	}
	if (!r && vhd->layout.geo.blocks)
		check_bat(vhd);
	free(vhd);
}
