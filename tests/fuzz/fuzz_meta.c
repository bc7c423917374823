// SPDX-License-Identifier: GPL-2.0
/* vhdx-meta.c: the metadata table, the items, what they say together. */
#include <stdlib.h>

#include "fuzz.h"
#include "vhdx-locator.h"

const mutate_focus fuzz_focus = {
	[MUTATE_META] = 10, [MUTATE_REGION] = 1, [MUTATE_RAW] = 1,
};

/* Case 37: these may be required. */
static const u8 chs[16] = {
	0xbc, 0xd7, 0x02, 0xda, 0x3a, 0x3d, 0x3c, 0x42,
	0xac, 0x88, 0x2a, 0x36, 0xab, 0x21, 0x47, 0x9b,
}, pmem[16] = {
	0x8a, 0xae, 0xe1, 0x10, 0x7e, 0x4b, 0x69, 0x41,
	0xa4, 0x0f, 0xcd, 0x70, 0xde, 0x92, 0x83, 0x93,
};

static void check_table(const u8 *table, u32 region_bytes,
			const struct vhdx_meta_item *known)
{
	struct vhdx_meta_item item, other;
	u32 count = vhdx_meta_table_count(table), users = 0, i, j;
	int kind;

	MUST(count <= VHDX_META_MAX_ENTRIES);
	for (i = 0; i < count; i++) {
		vhdx_meta_entry_decode(table, i, &item);
		MUST(item.length <= SZ_1M);
		MUST(item.length ? item.off >= SZ_64K &&
		     (u64)item.off + item.length <= region_bytes : !item.off);
		MUST(item.kind <= VHDX_META_OTHER);
		if (item.kind == VHDX_META_OTHER)
			MUST(!(item.flags & VHDX_META_IS_REQUIRED) ||
			     !memcmp(&item.id, chs, 16) ||
			     !memcmp(&item.id, pmem, 16));
		users += item.flags & VHDX_META_IS_USER;
		for (j = 0; j < i && count <= 256; j++) {
			vhdx_meta_entry_decode(table, j, &other);
			MUST(!item.length || !other.length ||
			     item.off >= other.off + other.length ||
			     other.off >= item.off + item.length);
		}
	}
	MUST(users <= VHDX_META_MAX_USER);
	for (kind = 0; kind < VHDX_META_PARENT_LOCATOR; kind++)
		MUST(known[kind].kind == (u32)kind && known[kind].length &&
		     known[kind].length <= VHDX_META_ITEM_BYTES);
}

/* What is accepted can be written, and reads as the same. */
static void check_round_trip(const struct vhdx_meta *meta)
{
	struct vhdx_meta_item known[VHDX_META_NR_KINDS];
	u8 *region = malloc(2 * VHDX_META_TABLE_BYTES);
	struct vhdx_meta again = {};
	int kind;

	MUST(vhdx_meta_region_encode(region, meta) <=
	     2 * VHDX_META_TABLE_BYTES);
	MUST(!vhdx_meta_table_check(region, SZ_1M, known));
	for (kind = 0; kind < VHDX_META_PARENT_LOCATOR; kind++)
		MUST(!vhdx_meta_item_decode(kind, region + known[kind].off,
					    &again));
	MUST(!vhdx_meta_check(&again));
	MUST(again.block_bytes == meta->block_bytes &&
	     again.disk_bytes == meta->disk_bytes &&
	     again.leave_allocated == meta->leave_allocated &&
	     again.has_parent == meta->has_parent &&
	     again.logical_bytes == meta->logical_bytes &&
	     again.physical_bytes == meta->physical_bytes &&
	     guid_equal(&again.disk_id, &meta->disk_id));
	free(region);
}

static void check_whole(struct vhdx_meta *meta)
{
	struct vhdx_geometry geo;
	int r = vhdx_meta_check(meta);

	must_be_result(r);
	MUST(r >= 0);
	if (r)
		return;
	check_round_trip(meta);
	vhdx_geometry_init(&geo, meta);
	MUST(geo.disk_bytes == meta->disk_bytes);
	MUST((u64)geo.blocks << geo.block_shift >= geo.disk_bytes);
	MUST((u64)(geo.blocks - 1) << geo.block_shift < geo.disk_bytes);
	MUST((u64)geo.chunks << geo.chunk_shift >= geo.blocks);
	MUST(geo.bat_entries >= geo.blocks &&
	     geo.bat_entries <= (u64)geo.chunks *
				((1ULL << geo.chunk_shift) + 1));
	MUST(vhdx_bat_index(&geo, geo.blocks - 1) < geo.bat_entries);
	MUST(vhdx_block_mib(&geo) == meta->block_bytes >> 20);
}

/* What a locator says, if it is good: nothing but that is read. */
static void check_locator(const struct sparse *image, u64 off, u32 bytes)
{
	u8 *item = malloc(bytes), *copy = malloc(bytes);
	struct vhdx_locator_pair pair, other;
	struct vhdx_locator_text text;
	guid_t linkage[2];
	char buf[64];
	u32 i, size;
	int r;

	sparse_read(image, off, item, bytes);
	memcpy(copy, item, bytes);
	r = vhdx_locator_check(item, bytes);
	must_be_result(r);
	MUST(r >= 0);
	for (i = 0; !r && i < vhdx_locator_count(item); i++) {
		vhdx_locator_decode(item, i, &pair);
		MUST(pair.key.bytes && pair.value.bytes);
		MUST(pair.value.utf16 >= item &&
		     pair.value.utf16 + pair.value.bytes <= item + bytes);
		for (size = 1; size <= sizeof(buf); size *= 2)
			MUST(vhdx_locator_utf8(&pair.value, buf, size) ==
			     strnlen(buf, size) && strlen(buf) < size);
		if (i) {
			vhdx_locator_decode(item, 0, &other);
			MUST(pair.key.bytes != other.key.bytes ||
			     memcmp(pair.key.utf16, other.key.utf16,
				    pair.key.bytes));
		}
	}
	if (!r) {
		MUST(vhdx_locator_find(item, VHDX_LOCATOR_LINKAGE, &text));
		MUST(vhdx_locator_guid(&text, &linkage[0]));
		i = vhdx_locator_linkage(item, linkage);
		MUST(i == 1 || (i == 2 && !guid_is_null(&linkage[1])));
	}
	MUST(!memcmp(item, copy, bytes));
	free(item);
	free(copy);
}

void fuzz_one(const struct sparse *image)
{
	struct vhdx_meta_item known[VHDX_META_NR_KINDS];
	u8 *table = malloc(VHDX_META_TABLE_BYTES);
	u8 item[VHDX_META_ITEM_BYTES];
	struct vhdx_meta meta = {};
	struct model model;
	__le32 le32;
	u32 region_bytes;
	u64 off = 2 * SZ_1M;
	int kind, r;

	/* Where the regions say, if they are good, else where seeds have it. */
	model_init(&model, image, false);
	r = vhdx_load_header(&model.reader, &model.layout, model.scratch);
	if (!r) {
		r = vhdx_load_layout(&model.reader, &model.layout, model.scratch);
		must_be_result(r);
		if (!r)
			off = model.layout.regions.metadata.off;
	}
	model_exit(&model);

	/* The size of the region is as hostile as the rest. */
	sparse_read(image, VHDX_REGION_OFF(0) + 40, &le32, 4);
	region_bytes = min_t(u32, le32_to_cpu(le32), VHDX_MAX_META_BYTES);
	sparse_read(image, off, table, VHDX_META_TABLE_BYTES);
	r = vhdx_meta_table_check(table, region_bytes, known);
	must_be_result(r);
	MUST(r >= 0);
	/* Before anything is indexed, whatever else is wrong. */
	if (r != VHDX_FAULT_META_SIGNATURE)
		MUST((vhdx_meta_table_count(table) > VHDX_META_MAX_ENTRIES) ==
		     (r == VHDX_FAULT_META_COUNT));
	if (!r)
		check_table(table, region_bytes, known);
	if (!r && known[VHDX_META_PARENT_LOCATOR].length)
		check_locator(image, off + known[VHDX_META_PARENT_LOCATOR].off,
			      known[VHDX_META_PARENT_LOCATOR].length);
	for (kind = 0; !r && kind < VHDX_META_NR_KINDS; kind++) {
		memset(item, 0, sizeof(item));
		if (kind < VHDX_META_PARENT_LOCATOR)
			sparse_read(image, off + known[kind].off, item,
				    known[kind].length);
		r = vhdx_meta_item_decode(kind, item, &meta);
		must_be_result(r);
	}
	if (!r)
		check_whole(&meta);
	free(table);
}
