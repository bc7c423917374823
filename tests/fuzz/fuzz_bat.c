// SPDX-License-Identifier: GPL-2.0
/* vhdx-bat.c and vhdx-space.c: entries, geometry, who owns which MiB. */
#include <stdlib.h>

#include "fuzz.h"

const mutate_focus fuzz_focus = {
	[MUTATE_BAT] = 10, [MUTATE_META] = 2, [MUTATE_SIZE] = 2,
	[MUTATE_RAW] = 1,
};

#define BAT_OFF		(3ULL * SZ_1M)		/* where the seeds have it */
#define META_ITEMS	(2ULL * SZ_1M + SZ_64K)

static u64 field(const struct sparse *image, u64 off)
{
	__le64 le64;

	sparse_read(image, off, &le64, 8);
	return le64_to_cpu(le64);
}

/* Metadata that is good, whatever the items say. */
static void make_meta(const struct sparse *image, struct vhdx_meta *meta)
{
	u64 size = field(image, META_ITEMS + 8) % (1ULL << 38);

	memset(meta, 0, sizeof(*meta));
	meta->block_bytes = SZ_1M << field(image, META_ITEMS) % 9;
	if (is_power_of_2((u32)field(image, META_ITEMS)) &&
	    (u32)field(image, META_ITEMS) >= SZ_1M &&
	    (u32)field(image, META_ITEMS) <= 256 * SZ_1M)
		meta->block_bytes = field(image, META_ITEMS);
	meta->logical_bytes = image->flags & SPARSE_LOGICAL_4K ? 4096 : 512;
	meta->physical_bytes = 4096;
	meta->has_parent = field(image, META_ITEMS + 4) & VHDX_PARAM_HAS_PARENT;
	meta->disk_bytes = max_t(u64, size / meta->logical_bytes, 1) *
			   meta->logical_bytes;
	MUST(!vhdx_meta_check(meta));
}

/* What one entry becomes for a reader and for a writer. */
static void check_entry(const struct vhdx_geometry *geo, u32 block, u64 raw,
			u64 bytes)
{
	struct vhdx_bat_entry reader = {}, writer = {};
	int r = vhdx_bat_decode_payload(geo, block, raw, bytes, false, &reader);
	int w = vhdx_bat_decode_payload(geo, block, raw, bytes, true, &writer);
	u64 block_bytes = 1ULL << geo->block_shift;

	must_be_result(r);
	must_be_result(w);
	MUST(r >= 0 && w >= 0);
	MUST(!r || w);		/* a writer is no less strict */
	if (r)
		return;
	MUST(!(raw & 0xffff8) && reader.state == (raw & 7));
	MUST(reader.state != 4 && reader.state != 5);
	MUST(reader.state != 7 || geo->has_parent);
	MUST(!vhdx_block_present(reader.state) || reader.mib == raw >> 20);
	if (reader.mib)
		MUST(reader.mib < 1ULL << 28 && reader.mib << 20 < bytes);
	if (!w && writer.mib)
		MUST((writer.mib << 20) + block_bytes <= bytes);
	if (raw == VHDX_BAT_RAW(reader.state, reader.mib))
		MUST(VHDX_BAT_STATE(raw) == reader.state &&
		     VHDX_BAT_MIB(raw) == reader.mib);
	r = vhdx_bat_decode_bitmap(geo, raw, bytes, false, &reader);
	w = vhdx_bat_decode_bitmap(geo, raw, bytes, true, &writer);
	if (geo->has_parent) {
		MUST(r == w);
		MUST(r || (raw & 7) == 0 || (raw & 7) == 6);
		MUST(r || !reader.mib == !(raw & 7));
		MUST(r || (reader.mib + 1) << 20 <= bytes || !reader.mib);
	} else {
		MUST(!r == !(raw & 0xffff8));
		MUST(!w == !(r || (raw & 7) == 6));
		MUST(!reader.mib || (!r && reader.mib == raw >> 20));
	}
}

static void check_whole(struct model *model)
{
	struct vhdx_layout *layout = &model->layout;
	struct vhdx_region *bat = &layout->regions.bat;
	int r;

	layout->header.version = 1;
	layout->header.log_off = SZ_1M;
	layout->header.log_length = SZ_1M;
	layout->regions.metadata.off = 2 * SZ_1M;
	layout->regions.metadata.length = SZ_1M;
	bat->off = BAT_OFF;
	bat->length = (layout->geo.bat_entries * 8 + SZ_1M - 1) &
		      ~(SZ_1M - 1);
	if (bat->off + bat->length > model->raw->bytes)
		return;
	layout->meta.logical_bytes = model->reader.logical_bytes;
	r = model_load_bat(model);
	if (r == MODEL_TOO_LARGE)
		return;
	must_be_result(r);
	/* Blocks may lie over what this layout has no table for. */
	if (r || model->space.size > 1U << 16)
		return;
	vhdx_space_release(&model->space, 0, 1);
	MUST(vhdx_space_claim(&model->space, 0, 1));
}

/* The map against one byte per MiB. */
static void check_space(const struct sparse *image)
{
	u32 size = 1 + field(image, BAT_OFF) % 300, i;
	struct vhdx_space space = { .size = size };
	u8 *naive = calloc(size, 1);

	space.map = calloc(BITS_TO_LONGS(size), sizeof(long));
	for (i = 0; i < 64; i++) {
		u64 raw = field(image, BAT_OFF + 8 * i);
		u64 mib = (raw >> 20) % (size + 8);
		u32 count = 1 + (raw >> 3) % 40, taken = 0, found, j;

		for (j = 0; j < count && mib + j < size; j++)
			taken += naive[mib + j];
		if ((raw & 7) == 1 && mib + count <= size && taken == count) {
			vhdx_space_release(&space, mib, count);
			memset(naive + mib, 0, count);
			continue;
		}
		MUST(vhdx_space_claim(&space, mib, count) == !taken);
		for (j = 0; !taken && j < count && mib + j < size; j++)
			naive[mib + j] = 1;
		found = vhdx_space_find(&space, 1, count);
		MUST(found < size);
		for (j = 0; found && j < count; j++)
			MUST(found + j < size && !naive[found + j]);
	}
	for (i = 0; i < size; i++)
		space.taken -= naive[i];
	MUST(!space.taken && space.end <= size);
	free(space.map);
	free(naive);
}

void fuzz_one(const struct sparse *image)
{
	struct vhdx_geometry *geo;
	struct model model;
	u64 index;

	model_init(&model, image, image->flags & SPARSE_WRITABLE);
	make_meta(image, &model.layout.meta);
	geo = &model.layout.geo;
	vhdx_geometry_init(geo, &model.layout.meta);
	for (index = 0; index < 64 && index < geo->bat_entries; index++)
		check_entry(geo, min_t(u64, index, geo->blocks - 1),
			    field(image, BAT_OFF + index * 8), image->bytes);
	check_whole(&model);
	model_exit(&model);
	check_space(image);
}
