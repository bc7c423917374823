/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VHDX image looks like on its backing device.  All integers are
 * little-endian and unsigned; each field carries its byte offset.
 */
#ifndef VHDX_DISK_H
#define VHDX_DISK_H

#include "vhdx-shim.h"

/* Fixed places, in bytes from the start of the image (MS-VHDX 2.1). */
#define VHDX_IDENT_OFF		0
#define VHDX_HEADER_OFF(slot)	(((slot) + 1) * (u64)SZ_64K)	/* slot 0, 1 */
#define VHDX_HEADER_BYTES	SZ_4K
#define VHDX_REGION_OFF(slot)	(((slot) + 3) * (u64)SZ_64K)	/* slot 0, 1 */
#define VHDX_REGION_BYTES	SZ_64K
#define VHDX_HEAD_BYTES		((u64)SZ_1M)	/* reserved for the above */

#define VHDX_SECTOR		SZ_4K		/* unit of log and metadata */
#define VHDX_MAX_LOG_BYTES	(1024U * SZ_1M)
#define VHDX_MAX_META_BYTES	(128U * SZ_1M)
#define VHDX_MAX_DISK_BYTES	(1ULL << 46)	/* 64 TiB */
#define VHDX_MIN_BLOCK		SZ_1M
#define VHDX_MAX_BLOCK		(256U * SZ_1M)
#define VHDX_CHUNK_SECTORS	(1U << 23)	/* what one sector bitmap covers */

/* File type identifier, at 0 (MS-VHDX 2.2.1). */
#define VHDX_IDENT_SIGNATURE	"vhdxfile"

struct vhdx_ident_disk {
	u8	signature[8];		/*   0 */
	__le16	creator[256];		/*   8 UTF-16, diagnostic only */
} __packed;
static_assert(sizeof(struct vhdx_ident_disk) == 520);

/* Header, at 64 KiB and 128 KiB (MS-VHDX 2.2.2). */
#define VHDX_HEADER_SIGNATURE	"head"

struct vhdx_header_disk {
	u8	signature[4];		/*   0 */
	__le32	checksum;		/*   4 CRC-32C over all 4096 bytes */
	__le64	sequence;		/*   8 */
	guid_t	file_write_guid;	/*  16 */
	guid_t	data_write_guid;	/*  32 */
	guid_t	log_guid;		/*  48 */
	__le16	log_version;		/*  64 */
	__le16	version;		/*  66 */
	__le32	log_length;		/*  68 */
	__le64	log_offset;		/*  72 */
	u8	reserved[4016];		/*  80 */
} __packed;
static_assert(sizeof(struct vhdx_header_disk) == VHDX_HEADER_BYTES);

/* Region table, at 192 KiB and 256 KiB (MS-VHDX 2.2.3). */
#define VHDX_REGION_SIGNATURE	"regi"
#define VHDX_REGION_MAX_ENTRIES	2047
#define VHDX_REGION_REQUIRED	1U

struct vhdx_region_entry_disk {
	guid_t	guid;			/*   0 */
	__le64	offset;			/*  16 */
	__le32	length;			/*  24 */
	__le32	flags;			/*  28 */
} __packed;
static_assert(sizeof(struct vhdx_region_entry_disk) == 32);

struct vhdx_region_table_disk {
	u8	signature[4];		/*   0 */
	__le32	checksum;		/*   4 CRC-32C over all 65536 bytes */
	__le32	entry_count;		/*   8 */
	__le32	reserved;		/*  12 */
	struct vhdx_region_entry_disk entry[VHDX_REGION_MAX_ENTRIES]; /* 16 */
	u8	pad[16];
} __packed;
static_assert(sizeof(struct vhdx_region_table_disk) == VHDX_REGION_BYTES);

/* Metadata table, the first 64 KiB of its region (MS-VHDX 2.6.1). */
#define VHDX_META_SIGNATURE	"metadata"
#define VHDX_META_TABLE_BYTES	SZ_64K
#define VHDX_META_MAX_ENTRIES	2047
#define VHDX_META_MAX_USER	1024
#define VHDX_META_MAX_ITEM	SZ_1M
#define VHDX_META_IS_USER	1U
#define VHDX_META_IS_DISK	2U
#define VHDX_META_IS_REQUIRED	4U

struct vhdx_meta_entry_disk {
	guid_t	item_id;		/*   0 */
	__le32	offset;			/*  16 from the start of the region */
	__le32	length;			/*  20 */
	__le32	flags;			/*  24 */
	__le32	reserved;		/*  28 */
} __packed;
static_assert(sizeof(struct vhdx_meta_entry_disk) == 32);

struct vhdx_meta_table_disk {
	u8	signature[8];		/*   0 */
	__le16	reserved;		/*   8 */
	__le16	entry_count;		/*  10 */
	u8	reserved2[20];		/*  12 */
	struct vhdx_meta_entry_disk entry[VHDX_META_MAX_ENTRIES];	/* 32 */
} __packed;
static_assert(sizeof(struct vhdx_meta_table_disk) == VHDX_META_TABLE_BYTES);

/* The File Parameters item (MS-VHDX 2.6.2.1). */
#define VHDX_PARAM_LEAVE_ALLOCATED	1U
#define VHDX_PARAM_HAS_PARENT		2U

struct vhdx_file_params_disk {
	__le32	block_size;		/*   0 */
	__le32	flags;			/*   4 */
} __packed;
static_assert(sizeof(struct vhdx_file_params_disk) == 8);

/* The Parent Locator item (MS-VHDX 2.6.2.6); strings are behind the entries. */
#define VHDX_LOCATOR_MAX_ENTRIES	256

struct vhdx_locator_entry_disk {
	__le32	key_offset;		/*   0 from the start of the item */
	__le32	value_offset;		/*   4 */
	__le16	key_length;		/*   8 bytes */
	__le16	value_length;		/*  10 */
} __packed;
static_assert(sizeof(struct vhdx_locator_entry_disk) == 12);

struct vhdx_locator_disk {
	guid_t	type;			/*   0 */
	__le16	reserved;		/*  16 */
	__le16	entry_count;		/*  18 */
	struct vhdx_locator_entry_disk entry[];	/* 20 */
} __packed;
static_assert(sizeof(struct vhdx_locator_disk) == 20);

/* BAT entry (MS-VHDX 2.5.1): state, 17 reserved bits, offset in MiB. */
#define VHDX_BAT_STATE(raw)	((u32)((raw) & 7))
#define VHDX_BAT_RESERVED(raw)	((raw) & 0xffff8ULL)
#define VHDX_BAT_MIB(raw)	((raw) >> 20)
#define VHDX_BAT_RAW(state, mib) ((u64)(mib) << 20 | (state))
#define VHDX_BAT_PER_SECTOR	(VHDX_SECTOR / sizeof(__le64))

enum vhdx_block_state {
	VHDX_BLOCK_NOT_PRESENT = 0,
	VHDX_BLOCK_UNDEFINED = 1,
	VHDX_BLOCK_ZERO = 2,
	VHDX_BLOCK_UNMAPPED = 3,
	VHDX_BLOCK_FULL = 6,
	VHDX_BLOCK_PARTIAL = 7,		/* differencing images only */
};

/* A sector bitmap entry of a differencing image is either 0 or: */
#define VHDX_BITMAP_PRESENT	6

/* Log entry (MS-VHDX 2.3.1). */
#define VHDX_LOG_SIGNATURE	"loge"
#define VHDX_LOG_DESC_DATA	"desc"
#define VHDX_LOG_DESC_ZERO	"zero"
#define VHDX_LOG_DATA		"data"

struct vhdx_log_header_disk {
	u8	signature[4];		/*   0 */
	__le32	checksum;		/*   4 CRC-32C over the whole entry */
	__le32	entry_length;		/*   8 */
	__le32	tail;			/*  12 from the start of the log */
	__le64	sequence;		/*  16 */
	__le32	descriptor_count;	/*  24 */
	__le32	reserved;		/*  28 */
	guid_t	log_guid;		/*  32 */
	__le64	flushed_file_offset;	/*  48 */
	__le64	last_file_offset;	/*  56 */
} __packed;
static_assert(sizeof(struct vhdx_log_header_disk) == 64);

struct vhdx_log_desc_disk {
	u8	signature[4];		/*   0 */
	union {
		__le32	trailing;	/*   4 data: original bytes 4092..4095 */
		__le32	zero_reserved;	/*   4 zero */
	};
	union {
		u8	leading[8];	/*   8 data: original bytes 0..7 */
		__le64	zero_length;	/*   8 zero: bytes */
	};
	__le64	file_offset;		/*  16 */
	__le64	sequence;		/*  24 */
} __packed;
static_assert(sizeof(struct vhdx_log_desc_disk) == 32);

#define VHDX_LOG_FIRST_DESCS	126	/* beside the entry header */
#define VHDX_LOG_NEXT_DESCS	128	/* in each further descriptor sector */

struct vhdx_log_data_disk {
	u8	signature[4];		/*   0 */
	__le32	sequence_high;		/*   4 */
	u8	data[4084];		/*   8 original bytes 8..4091 */
	__le32	sequence_low;		/* 4092 */
} __packed;
static_assert(sizeof(struct vhdx_log_data_disk) == VHDX_SECTOR);

#endif /* VHDX_DISK_H */
