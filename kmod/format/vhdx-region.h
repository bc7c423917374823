/* SPDX-License-Identifier: GPL-2.0 */
/* Region tables (MS-VHDX 2.2.3). */
#ifndef VHDX_REGION_H
#define VHDX_REGION_H

#include "vhdx-header.h"

extern const guid_t vhdx_guid_bat_region;
extern const guid_t vhdx_guid_metadata_region;

/**
 * struct vhdx_region - one entry of a region table
 * @guid: what it is
 * @off: bytes from the start of the image
 * @length: bytes
 * @required: refuse the image if @guid is unknown
 */
struct vhdx_region {
	guid_t guid;
	u64 off;
	u32 length;
	bool required;
};

/**
 * struct vhdx_regions - the regions every image has
 * @bat: where the BAT is
 * @metadata: where the metadata is
 * @count: entries in the table, unknown optional ones included
 */
struct vhdx_regions {
	struct vhdx_region bat;
	struct vhdx_region metadata;
	u32 count;
};

bool vhdx_region_table_valid(const void *table);
int vhdx_region_table_select(const void *first, const void *second,
			     int *slot, bool *differ);
int vhdx_region_table_check(const void *table, const struct vhdx_header *header,
			    u64 image_bytes, struct vhdx_regions *regions);
void vhdx_region_decode(const void *table, u32 index,
			struct vhdx_region *region);
void vhdx_region_table_encode(void *table, const struct vhdx_region *regions,
			      u32 count);

#endif /* VHDX_REGION_H */
