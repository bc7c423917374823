/* SPDX-License-Identifier: GPL-2.0 */
/* Metadata region: its table and the items every image has (MS-VHDX 2.6). */
#ifndef VHDX_META_H
#define VHDX_META_H

#include "vhdx-disk.h"
#include "vhdx-fault.h"

/* The items with a meaning to us. */
enum vhdx_meta_kind {
	VHDX_META_FILE_PARAMS,
	VHDX_META_DISK_SIZE,
	VHDX_META_DISK_ID,
	VHDX_META_LOGICAL_SIZE,
	VHDX_META_PHYSICAL_SIZE,
	VHDX_META_PARENT_LOCATOR,
	VHDX_META_NR_KINDS,
	VHDX_META_OTHER = VHDX_META_NR_KINDS,
};

/* The longest of the items that vhdx_meta_item_decode() takes. */
#define VHDX_META_ITEM_BYTES	16

/**
 * struct vhdx_meta_item - one entry of the metadata table
 * @id: its GUID
 * @off: bytes from the start of the region
 * @length: bytes
 * @flags: VHDX_META_IS_*
 * @kind: what it is to us; a user item is always VHDX_META_OTHER
 */
struct vhdx_meta_item {
	guid_t id;
	u32 off;
	u32 length;
	u32 flags;
	enum vhdx_meta_kind kind;
};

/**
 * struct vhdx_meta - the decoded metadata
 * @block_bytes: payload block size
 * @leave_allocated: a fixed image: blocks stay allocated
 * @has_parent: a differencing image
 * @disk_bytes: virtual disk size
 * @disk_id: virtual disk ID (SCSI page 83)
 * @logical_bytes: logical sector size
 * @physical_bytes: physical sector size, at least @logical_bytes
 */
struct vhdx_meta {
	u32 block_bytes;
	bool leave_allocated;
	bool has_parent;
	u64 disk_bytes;
	guid_t disk_id;
	u32 logical_bytes;
	u32 physical_bytes;
};

int vhdx_meta_table_check(const void *table, u32 region_bytes,
			  struct vhdx_meta_item known[VHDX_META_NR_KINDS]);
u32 vhdx_meta_table_count(const void *table);
void vhdx_meta_entry_decode(const void *table, u32 index,
			    struct vhdx_meta_item *item);
int vhdx_meta_item_decode(enum vhdx_meta_kind kind, const void *buf,
			  struct vhdx_meta *meta);
int vhdx_meta_check(struct vhdx_meta *meta);
u32 vhdx_meta_region_encode(void *region, const struct vhdx_meta *meta);
void vhdx_meta_locator_encode(void *table, u32 index, u32 off, u32 length);

#endif /* VHDX_META_H */
