// SPDX-License-Identifier: GPL-2.0
/* vhdx-region.c: which table counts, and what it may say. */
#include <stdlib.h>

#include "fuzz.h"

const mutate_focus fuzz_focus = {
	[MUTATE_REGION] = 8, [MUTATE_HEADER] = 1, [MUTATE_SIZE] = 1,
	[MUTATE_RAW] = 1,
};

/* Every region is on the device and apart from all others. */
static void check_places(const struct vhdx_region *regions, u32 count,
			 const struct vhdx_header *header, u64 bytes)
{
	u32 i, j;

	for (i = 0; i < count; i++) {
		u64 off = regions[i].off, end = off + regions[i].length;

		MUST(off >= SZ_1M && off % SZ_1M == 0 && end > off);
		MUST(end % SZ_1M == 0 && end <= bytes);
		MUST(!header->log_length || end <= header->log_off ||
		     off >= header->log_off + header->log_length);
		for (j = 0; j < i; j++) {
			MUST(end <= regions[j].off ||
			     off >= regions[j].off + regions[j].length);
			MUST(!guid_equal(&regions[i].guid, &regions[j].guid));
		}
	}
}

static bool same_region(const struct vhdx_region *a, const struct vhdx_region *b)
{
	return guid_equal(&a->guid, &b->guid) && a->off == b->off &&
	       a->length == b->length && a->required == b->required;
}

static void check_accepted(const u8 *table, const struct vhdx_header *header,
			   u64 bytes, const struct vhdx_regions *found)
{
	struct vhdx_region *all = calloc(found->count + 1, sizeof(*all));
	struct vhdx_regions again;
	u8 *copy = malloc(VHDX_REGION_BYTES);
	bool bat = false, metadata = false;
	u32 i;

	MUST(found->count <= VHDX_REGION_MAX_ENTRIES);
	for (i = 0; i < found->count; i++) {
		vhdx_region_decode(table, i, &all[i]);
		bat |= same_region(&all[i], &found->bat);
		metadata |= same_region(&all[i], &found->metadata);
	}
	MUST(bat && guid_equal(&found->bat.guid, &vhdx_guid_bat_region));
	MUST(metadata && guid_equal(&found->metadata.guid,
				    &vhdx_guid_metadata_region));
	MUST(found->metadata.length <= VHDX_MAX_META_BYTES);
	if (found->count <= 256)
		check_places(all, found->count, header, bytes);

	/* The same once more, from a table of our own. */
	vhdx_region_table_encode(copy, all, found->count);
	MUST(vhdx_region_table_valid(copy));
	MUST(!vhdx_region_table_check(copy, header, bytes, &again));
	MUST(again.count == found->count && same_region(&again.bat, &found->bat));
	for (i = 0; i < found->count; i++) {
		vhdx_region_decode(copy, i, &again.bat);
		MUST(same_region(&again.bat, &all[i]));
	}
	free(copy);
	free(all);
}

void fuzz_one(const struct sparse *image)
{
	u8 *tables = malloc(2 * VHDX_REGION_BYTES), *table;
	struct vhdx_regions regions;
	struct model model;
	int slot = -1, r;
	__le32 count;
	bool differ;

	model_init(&model, image, false);
	/* A log wherever: what is no good stays empty. */
	if (vhdx_load_header(&model.reader, &model.layout, model.scratch))
		memset(&model.layout.header, 0, sizeof(model.layout.header));
	sparse_read(image, VHDX_REGION_OFF(0), tables, 2 * VHDX_REGION_BYTES);
	r = vhdx_region_table_select(tables, tables + VHDX_REGION_BYTES, &slot,
				     &differ);
	must_be_result(r);
	if (r) {
		MUST(r == VHDX_FAULT_NO_REGION_TABLE);
		goto out;
	}
	table = tables + slot * VHDX_REGION_BYTES;
	MUST(vhdx_region_table_valid(table));
	MUST(!slot || !vhdx_region_table_valid(tables));
	MUST(differ == !!memcmp(tables, tables + VHDX_REGION_BYTES,
				VHDX_REGION_BYTES));
	r = vhdx_region_table_check(table, &model.layout.header, image->bytes,
				    &regions);
	must_be_result(r);
	MUST(r >= 0);
	/* Before anything is indexed, whatever else is wrong. */
	memcpy(&count, table + 8, 4);
	MUST((le32_to_cpu(count) > VHDX_REGION_MAX_ENTRIES) ==
	     (r == VHDX_FAULT_REGION_COUNT));
	if (!r)
		check_accepted(table, &model.layout.header, image->bytes,
			       &regions);
out:
	model_exit(&model);
	free(tables);
}
