// SPDX-License-Identifier: GPL-2.0
#include "vhdx-meta.h"

/* Length 0: any. */
static const struct vhdx_meta_known {
	guid_t id;
	u32 length;
	u32 flags;		/* as written by Windows */
} vhdx_meta_known[VHDX_META_NR_KINDS] = {
	[VHDX_META_FILE_PARAMS] = {
		GUID_INIT(0xcaa16737, 0xfa36, 0x4d43,
			  0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b),
		8, VHDX_META_IS_REQUIRED },
	[VHDX_META_DISK_SIZE] = {
		GUID_INIT(0x2fa54224, 0xcd1b, 0x4876,
			  0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8),
		8, VHDX_META_IS_REQUIRED | VHDX_META_IS_DISK },
	[VHDX_META_DISK_ID] = {
		GUID_INIT(0xbeca12ab, 0xb2e6, 0x4523,
			  0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46),
		16, VHDX_META_IS_REQUIRED | VHDX_META_IS_DISK },
	[VHDX_META_LOGICAL_SIZE] = {
		GUID_INIT(0x8141bf1d, 0xa96f, 0x4709,
			  0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f),
		4, VHDX_META_IS_REQUIRED | VHDX_META_IS_DISK },
	[VHDX_META_PHYSICAL_SIZE] = {
		GUID_INIT(0xcda348c7, 0x445d, 0x4471,
			  0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56),
		4, VHDX_META_IS_REQUIRED | VHDX_META_IS_DISK },
	[VHDX_META_PARENT_LOCATOR] = {
		GUID_INIT(0xa8d35f2d, 0xb30b, 0x454d,
			  0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c),
		0, VHDX_META_IS_REQUIRED },
};

static const guid_t vhdx_guid_incomplete =
	GUID_INIT(0x71cc85f0, 0x1b69, 0x4e28,
		  0x95, 0x58, 0xc3, 0xbf, 0x83, 0xae, 0x75, 0xd3);

/* Hyper-V's own parser knows these, too; nobody needs them to read the disk. */
static const guid_t vhdx_meta_unused[] = {
	/* CHS parameters */
	GUID_INIT(0xda02d7bc, 0x3d3a, 0x423c,
		  0xac, 0x88, 0x2a, 0x36, 0xab, 0x21, 0x47, 0x9b),
	/* PMEM label area */
	GUID_INIT(0x10e1ae8a, 0x4b7e, 0x4169,
		  0xa4, 0x0f, 0xcd, 0x70, 0xde, 0x92, 0x83, 0x93),
};

/**
 * vhdx_meta_table_count() - entries of a metadata table
 * @table: 64 KiB, passed by vhdx_meta_table_check()
 *
 * Context: any.
 * Return: how many.
 */
u32 vhdx_meta_table_count(const void *table)
{
	const struct vhdx_meta_table_disk *disk = table;

	return le16_to_cpu(disk->entry_count);
}

/**
 * vhdx_meta_entry_decode() - decode one entry of a metadata table
 * @table: 64 KiB
 * @index: below the table's count, which is at most VHDX_META_MAX_ENTRIES
 * @item: result
 *
 * Context: any.
 */
void vhdx_meta_entry_decode(const void *table, u32 index,
			    struct vhdx_meta_item *item)
{
	const struct vhdx_meta_table_disk *disk = table;
	const struct vhdx_meta_entry_disk *entry = &disk->entry[index];
	int kind;

	item->id = entry->item_id;
	item->off = le32_to_cpu(entry->offset);
	item->length = le32_to_cpu(entry->length);
	item->flags = le32_to_cpu(entry->flags);
	item->kind = VHDX_META_OTHER;
	if (item->flags & VHDX_META_IS_USER)
		return;				/* case 34 */
	for (kind = 0; kind < VHDX_META_NR_KINDS; kind++)
		if (guid_equal(&item->id, &vhdx_meta_known[kind].id))
			item->kind = kind;
}

/* Case 37: whoever ignores this item misses nothing of the disk. */
static bool vhdx_meta_is_unused(const struct vhdx_meta_item *item)
{
	size_t i;

	for (i = 0; i < sizeof(vhdx_meta_unused) / sizeof(guid_t); i++)
		if (guid_equal(&item->id, &vhdx_meta_unused[i]))
			return true;
	return false;
}

/* Cases 28, 29, 31, 33, 36, 37: what an entry says by itself. */
static int vhdx_meta_check_item(const struct vhdx_meta_item *item,
				u32 region_bytes)
{
	bool required = item->flags & VHDX_META_IS_REQUIRED;

	if (item->length > VHDX_META_MAX_ITEM)
		return VHDX_FAULT_META_LONG;
	if (!item->length) {
		if (item->off)
			return VHDX_FAULT_META_EMPTY;
	} else if (item->off < VHDX_META_TABLE_BYTES) {
		return VHDX_FAULT_META_LOW;
	} else if (item->off > region_bytes ||
		   item->length > region_bytes - item->off) {
		return VHDX_FAULT_META_RANGE;
	}

	if ((item->flags & VHDX_META_IS_USER) && required)
		return VHDX_FAULT_META_USER_REQUIRED;
	if (!(item->flags & VHDX_META_IS_USER) &&
	    guid_equal(&item->id, &vhdx_guid_incomplete))
		return VHDX_FAULT_INCOMPLETE;
	if (item->kind == VHDX_META_OTHER)
		return required && !vhdx_meta_is_unused(item) ?
		       VHDX_FAULT_META_UNKNOWN : 0;
	if (vhdx_meta_known[item->kind].length &&
	    item->length != vhdx_meta_known[item->kind].length)
		return VHDX_FAULT_META_LENGTH;
	return 0;
}

/* Cases 30 and 32: an entry against those before it. */
static int vhdx_meta_check_pairs(const void *table, u32 index,
				 const struct vhdx_meta_item *item)
{
	struct vhdx_meta_item other;
	u32 i;

	for (i = 0; i < index; i++) {
		vhdx_meta_entry_decode(table, i, &other);
		if (guid_equal(&item->id, &other.id) &&
		    !((item->flags ^ other.flags) & VHDX_META_IS_USER))
			return VHDX_FAULT_META_TWICE;
		if (item->length && other.length &&
		    item->off < other.off + other.length &&
		    other.off < item->off + item->length)
			return VHDX_FAULT_META_OVERLAP;
	}
	return 0;
}

/**
 * vhdx_meta_table_check() - judge a metadata table
 * @table: 64 KiB, the start of the metadata region
 * @region_bytes: size of the region, at most VHDX_MAX_META_BYTES
 * @known: result: where the known items are; length 0 for a missing parent
 *         locator, the only one that may be missing
 *
 * Reserved bits of the entries are ignored, IsVirtualDisk too (case 38).
 *
 * Context: any; takes a while (quadratic in up to 2047 entries).
 * Return: 0 or a fault.
 */
int vhdx_meta_table_check(const void *table, u32 region_bytes,
			  struct vhdx_meta_item known[VHDX_META_NR_KINDS])
{
	const struct vhdx_meta_table_disk *disk = table;
	u32 count = le16_to_cpu(disk->entry_count), users = 0, i;
	struct vhdx_meta_item item;
	int kind, r;

	memset(known, 0, VHDX_META_NR_KINDS * sizeof(*known));
	if (memcmp(disk->signature, VHDX_META_SIGNATURE, 8))
		return VHDX_FAULT_META_SIGNATURE;	/* case 26 */
	if (count > VHDX_META_MAX_ENTRIES)
		return VHDX_FAULT_META_COUNT;

	for (i = 0; i < count; i++) {
		vhdx_meta_entry_decode(table, i, &item);
		r = vhdx_meta_check_item(&item, region_bytes);
		if (!r)
			r = vhdx_meta_check_pairs(table, i, &item);
		if (r)
			return r;
		if (item.flags & VHDX_META_IS_USER)
			users++;
		if (item.kind != VHDX_META_OTHER)
			known[item.kind] = item;
		vhdx_relax();
	}

	if (users > VHDX_META_MAX_USER)
		return VHDX_FAULT_META_USER_COUNT;	/* case 33 */
	for (kind = 0; kind < VHDX_META_PARENT_LOCATOR; kind++)
		if (!known[kind].length)
			return VHDX_FAULT_META_MISSING;	/* case 35 */
	return 0;
}

/**
 * vhdx_meta_item_decode() - decode one known item
 * @kind: which one, below VHDX_META_PARENT_LOCATOR
 * @buf: the item; its length was checked with the table
 * @meta: takes the result; start with all zeros
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_meta_item_decode(enum vhdx_meta_kind kind, const void *buf,
			  struct vhdx_meta *meta)
{
	struct vhdx_file_params_disk params;
	__le32 le32;
	__le64 le64;
	u32 flags;

	switch (kind) {
	case VHDX_META_FILE_PARAMS:
		memcpy(&params, buf, sizeof(params));
		flags = le32_to_cpu(params.flags);
		if (flags & ~(VHDX_PARAM_LEAVE_ALLOCATED | VHDX_PARAM_HAS_PARENT))
			return VHDX_FAULT_PARAM_RESERVED;	/* case 42 */
		meta->block_bytes = le32_to_cpu(params.block_size);
		meta->has_parent = flags & VHDX_PARAM_HAS_PARENT;
		meta->leave_allocated = !meta->has_parent &&	/* case 44 */
					(flags & VHDX_PARAM_LEAVE_ALLOCATED);
		return 0;
	case VHDX_META_DISK_SIZE:
		memcpy(&le64, buf, sizeof(le64));
		meta->disk_bytes = le64_to_cpu(le64);
		return 0;
	case VHDX_META_DISK_ID:
		memcpy(&meta->disk_id, buf, sizeof(meta->disk_id));
		return 0;
	case VHDX_META_LOGICAL_SIZE:
		memcpy(&le32, buf, sizeof(le32));
		meta->logical_bytes = le32_to_cpu(le32);
		return 0;
	case VHDX_META_PHYSICAL_SIZE:
		memcpy(&le32, buf, sizeof(le32));
		meta->physical_bytes = le32_to_cpu(le32);
		return 0;
	default:
		return 0;
	}
}

/**
 * vhdx_meta_check() - judge the decoded metadata as a whole
 * @meta: all items decoded; a physical sector size below the logical one is
 *        accepted and raised to it
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_meta_check(struct vhdx_meta *meta)
{
	if (!is_power_of_2(meta->block_bytes) ||
	    meta->block_bytes < VHDX_MIN_BLOCK ||
	    meta->block_bytes > VHDX_MAX_BLOCK)
		return VHDX_FAULT_BLOCK_SIZE;		/* case 39 */
	if (meta->logical_bytes != 512 && meta->logical_bytes != 4096)
		return VHDX_FAULT_LOGICAL_SIZE;		/* case 40 */
	if (meta->physical_bytes != 512 && meta->physical_bytes != 4096)
		return VHDX_FAULT_PHYSICAL_SIZE;
	if (!meta->disk_bytes || meta->disk_bytes & (meta->logical_bytes - 1))
		return VHDX_FAULT_DISK_SIZE;		/* case 41 */
	if (meta->disk_bytes > VHDX_MAX_DISK_BYTES)
		return VHDX_FAULT_DISK_HUGE;
	meta->physical_bytes = max_t(u32, meta->physical_bytes,
				     meta->logical_bytes);
	return 0;
}

static void vhdx_meta_item_encode(enum vhdx_meta_kind kind,
				  const struct vhdx_meta *meta, void *buf)
{
	struct vhdx_file_params_disk params;
	__le32 le32;
	__le64 le64;
	u32 flags;

	switch (kind) {
	case VHDX_META_FILE_PARAMS:
		params.block_size = cpu_to_le32(meta->block_bytes);
		flags = (meta->leave_allocated ? VHDX_PARAM_LEAVE_ALLOCATED : 0) |
			(meta->has_parent ? VHDX_PARAM_HAS_PARENT : 0);
		params.flags = cpu_to_le32(flags);
		memcpy(buf, &params, sizeof(params));
		break;
	case VHDX_META_DISK_SIZE:
		le64 = cpu_to_le64(meta->disk_bytes);
		memcpy(buf, &le64, sizeof(le64));
		break;
	case VHDX_META_DISK_ID:
		memcpy(buf, &meta->disk_id, sizeof(meta->disk_id));
		break;
	case VHDX_META_LOGICAL_SIZE:
		le32 = cpu_to_le32(meta->logical_bytes);
		memcpy(buf, &le32, sizeof(le32));
		break;
	default: /* VHDX_META_PHYSICAL_SIZE */
		le32 = cpu_to_le32(meta->physical_bytes);
		memcpy(buf, &le32, sizeof(le32));
		break;
	}
}

/**
 * vhdx_meta_region_encode() - build the metadata of a new image
 * @region: two times 64 KiB: the table, then the items
 * @meta: contents
 *
 * A parent locator, if there is to be one, comes behind them:
 * vhdx_meta_locator_encode().
 *
 * Context: any.
 * Return: bytes at the start of @region that are in use.
 */
u32 vhdx_meta_region_encode(void *region, const struct vhdx_meta *meta)
{
	struct vhdx_meta_table_disk *disk = region;
	u32 off = VHDX_META_TABLE_BYTES;
	int kind;

	memset(region, 0, 2 * VHDX_META_TABLE_BYTES);
	memcpy(disk->signature, VHDX_META_SIGNATURE, 8);
	disk->entry_count = cpu_to_le16(VHDX_META_PARENT_LOCATOR);
	for (kind = 0; kind < VHDX_META_PARENT_LOCATOR; kind++) {
		const struct vhdx_meta_known *known = &vhdx_meta_known[kind];

		disk->entry[kind].item_id = known->id;
		disk->entry[kind].offset = cpu_to_le32(off);
		disk->entry[kind].length = cpu_to_le32(known->length);
		disk->entry[kind].flags = cpu_to_le32(known->flags);
		vhdx_meta_item_encode(kind, meta, (u8 *)region + off);
		off += known->length;
	}
	return off;
}

/**
 * vhdx_meta_locator_encode() - say in a metadata table where the locator is
 * @table: 64 KiB; if it has no entry @index yet it gets that as its last one
 * @index: which entry
 * @off: bytes from the start of the region
 * @length: bytes
 *
 * Nothing else changes in the sector that holds the entry.
 *
 * Context: any.
 */
void vhdx_meta_locator_encode(void *table, u32 index, u32 off, u32 length)
{
	const struct vhdx_meta_known *known =
		&vhdx_meta_known[VHDX_META_PARENT_LOCATOR];
	struct vhdx_meta_table_disk *disk = table;
	struct vhdx_meta_entry_disk *entry = &disk->entry[index];

	if (index >= le16_to_cpu(disk->entry_count)) {
		disk->entry_count = cpu_to_le16(index + 1);
		entry->item_id = known->id;
		entry->flags = cpu_to_le32(known->flags);
	}
	entry->offset = cpu_to_le32(off);
	entry->length = cpu_to_le32(length);
}
