// SPDX-License-Identifier: GPL-2.0
#include "vhdx-region.h"

const guid_t vhdx_guid_bat_region =
	GUID_INIT(0x2dc27766, 0xf623, 0x4200,
		  0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08);
const guid_t vhdx_guid_metadata_region =
	GUID_INIT(0x8b7ca206, 0x4790, 0x4b9a,
		  0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e);

/**
 * vhdx_region_table_valid() - are signature and checksum good?
 * @table: 64 KiB
 *
 * Context: any.
 * Return: true if so; the contents are not judged.
 */
bool vhdx_region_table_valid(const void *table)
{
	const struct vhdx_region_table_disk *disk = table;

	return !memcmp(disk->signature, VHDX_REGION_SIGNATURE, 4) &&
	       le32_to_cpu(disk->checksum) ==
	       vhdx_checksum(table, VHDX_REGION_BYTES);
}

/**
 * vhdx_region_table_select() - find the region table to use
 * @first: 64 KiB, the table at 192 KiB
 * @second: 64 KiB, the table at 256 KiB
 * @slot: 0 or 1, which one to use
 * @differ: the other one is bad or has other contents
 *
 * Cases 16 and 17.  A table is valid by signature and checksum alone; bad
 * contents of the first never make the second one count.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_region_table_select(const void *first, const void *second,
			     int *slot, bool *differ)
{
	if (vhdx_region_table_valid(first))
		*slot = 0;
	else if (vhdx_region_table_valid(second))
		*slot = 1;
	else
		return VHDX_FAULT_NO_REGION_TABLE;

	*differ = memcmp(first, second, VHDX_REGION_BYTES) != 0;
	return 0;
}

/**
 * vhdx_region_decode() - decode one entry of a region table
 * @table: 64 KiB
 * @index: below the table's count, which is at most VHDX_REGION_MAX_ENTRIES
 * @region: result
 *
 * Context: any.
 */
void vhdx_region_decode(const void *table, u32 index, struct vhdx_region *region)
{
	const struct vhdx_region_table_disk *disk = table;
	const struct vhdx_region_entry_disk *entry = &disk->entry[index];

	region->guid = entry->guid;
	region->off = le64_to_cpu(entry->offset);
	region->length = le32_to_cpu(entry->length);
	region->required = le32_to_cpu(entry->flags) & VHDX_REGION_REQUIRED;
}

/* Nothing overlaps what is empty: an image without a log may say anything. */
static bool vhdx_ranges_overlap(u64 a, u64 a_bytes, u64 b, u64 b_bytes)
{
	return a_bytes && b_bytes && a < b + b_bytes && b < a + a_bytes;
}

/* Cases 22 to 24: one region against image, log and the regions before it. */
static int vhdx_region_check_range(const void *table, u32 index,
				   const struct vhdx_region *region,
				   const struct vhdx_header *header,
				   u64 image_bytes)
{
	struct vhdx_region other;
	bool twice = false, overlap;
	u32 i;

	if (region->off < VHDX_HEAD_BYTES || region->off % SZ_1M ||
	    !region->length || region->length % SZ_1M)
		return VHDX_FAULT_REGION_ALIGN;
	if (region->off > image_bytes ||
	    region->length > image_bytes - region->off)
		return VHDX_FAULT_REGION_RANGE;

	overlap = vhdx_ranges_overlap(region->off, region->length,
				      header->log_off, header->log_length);
	for (i = 0; i < index; i++) {
		vhdx_region_decode(table, i, &other);
		twice |= guid_equal(&region->guid, &other.guid);
		overlap |= vhdx_ranges_overlap(region->off, region->length,
					       other.off, other.length);
	}
	if (twice)
		return VHDX_FAULT_REGION_TWICE;		/* case 19 */
	return overlap ? VHDX_FAULT_REGION_OVERLAP : 0;
}

/**
 * vhdx_region_table_check() - judge the contents of a region table
 * @table: 64 KiB, valid
 * @header: the current header, already judged (its log must not overlap)
 * @image_bytes: size of the backing device
 * @regions: result
 *
 * Context: any; takes a while (quadratic in up to 2047 entries).
 * Return: 0 or a fault.
 */
int vhdx_region_table_check(const void *table, const struct vhdx_header *header,
			    u64 image_bytes, struct vhdx_regions *regions)
{
	const struct vhdx_region_table_disk *disk = table;
	struct vhdx_region region;
	u32 i;
	int r;

	memset(regions, 0, sizeof(*regions));
	regions->count = le32_to_cpu(disk->entry_count);
	if (regions->count > VHDX_REGION_MAX_ENTRIES)
		return VHDX_FAULT_REGION_COUNT;		/* case 18 */
	if (disk->reserved)
		return VHDX_FAULT_REGION_RESERVED;	/* case 25 */

	for (i = 0; i < regions->count; i++) {
		if (le32_to_cpu(disk->entry[i].flags) & ~VHDX_REGION_REQUIRED)
			return VHDX_FAULT_REGION_RESERVED;
		vhdx_region_decode(table, i, &region);
		r = vhdx_region_check_range(table, i, &region, header,
					    image_bytes);
		if (r)
			return r;
		if (guid_equal(&region.guid, &vhdx_guid_bat_region))
			regions->bat = region;
		else if (guid_equal(&region.guid, &vhdx_guid_metadata_region))
			regions->metadata = region;
		else if (region.required)
			return VHDX_FAULT_REGION_UNKNOWN;	/* case 21 */
		vhdx_relax();
	}

	if (!regions->bat.length)
		return VHDX_FAULT_NO_BAT;		/* case 20 */
	if (!regions->metadata.length)
		return VHDX_FAULT_NO_METADATA;
	if (regions->metadata.length > VHDX_MAX_META_BYTES)
		return VHDX_FAULT_META_HUGE;		/* case 27 */
	return 0;
}

/**
 * vhdx_region_table_encode() - build a region table with its checksum
 * @table: 64 KiB
 * @regions: contents
 * @count: at most VHDX_REGION_MAX_ENTRIES
 *
 * Context: any.
 */
void vhdx_region_table_encode(void *table, const struct vhdx_region *regions,
			      u32 count)
{
	struct vhdx_region_table_disk *disk = table;
	u32 i;

	memset(table, 0, VHDX_REGION_BYTES);
	memcpy(disk->signature, VHDX_REGION_SIGNATURE, 4);
	disk->entry_count = cpu_to_le32(count);
	for (i = 0; i < count; i++) {
		disk->entry[i].guid = regions[i].guid;
		disk->entry[i].offset = cpu_to_le64(regions[i].off);
		disk->entry[i].length = cpu_to_le32(regions[i].length);
		disk->entry[i].flags = cpu_to_le32(regions[i].required);
	}
	disk->checksum = cpu_to_le32(vhdx_checksum(table, VHDX_REGION_BYTES));
}
