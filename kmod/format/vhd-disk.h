/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VHD image looks like on its backing device (Virtual Hard Disk Image
 * Format Specification 1.0).  All integers are big-endian and unsigned; each
 * field carries its byte offset.
 */
#ifndef VHD_DISK_H
#define VHD_DISK_H

#include "vhdx-shim.h"

#define VHD_SECTOR		SZ_512		/* unit of everything */
#define VHD_SECTOR_SHIFT	9
#define VHD_MAX_SECTORS		0xff000000ULL	/* of a disk: 2040 GiB */
#define VHD_MIN_BLOCK		SZ_4K
#define VHD_MAX_BLOCK		(256U * SZ_1M)
/* What a table may take in memory: 2040 GiB in blocks of 64 KiB fit. */
#define VHD_MAX_BLOCKS		(1U << 25)
/* Likewise: the map of full ones. */
#define VHD_MAX_BATMAP_BYTES	(VHD_MAX_BLOCKS / 8)
/* Likewise: places of blocks in an image. */
#define VHD_MAX_PIECES		(2 * VHD_MAX_BLOCKS)
#define VHD_DATA_ALIGN		SZ_4K		/* of the data of new blocks */
#define VHD_EPOCH		946684800ULL	/* 2000-01-01, in Unix time */

/* Footer: the last sector, and a copy in the first of all but fixed images. */
#define VHD_FOOTER_COOKIE	"conectix"
#define VHD_FOOTER_POISON	"v_poison"	/* XenServer: do not touch */
#define VHD_FOOTER_BYTES	512U
#define VHD_FOOTER_SHORT_BYTES	511U		/* before 2004 */
#define VHD_FOOTER_SUM_OFF	64
#define VHD_FEATURES		2U		/* always set */
#define VHD_VERSION		0x00010000U
#define VHD_VERSION_MAJOR(version) ((version) >> 16)
#define VHD_NO_OFFSET		(~0ULL)

enum vhd_type {
	VHD_TYPE_FIXED = 2,
	VHD_TYPE_DYNAMIC = 3,
	VHD_TYPE_DIFFERENCING = 4,
};

struct vhd_footer_disk {
	u8	cookie[8];		/*   0 */
	__be32	features;		/*   8 */
	__be32	version;		/*  12 */
	__be64	data_offset;		/*  16 of the header; fixed: all ones */
	__be32	timestamp;		/*  24 seconds since VHD_EPOCH */
	u8	creator_app[4];		/*  28 */
	__be32	creator_version;	/*  32 */
	u8	creator_os[4];		/*  36 */
	__be64	original_size;		/*  40 bytes */
	__be64	current_size;		/*  48 bytes */
	__be16	cylinders;		/*  56 */
	u8	heads;			/*  58 */
	u8	track_sectors;		/*  59 */
	__be32	type;			/*  60 enum vhd_type */
	__be32	checksum;		/*  64 */
	u8	unique_id[16];		/*  68 */
	u8	saved_state;		/*  84 */
	u8	reserved[427];		/*  85 */
} __packed;
static_assert(sizeof(struct vhd_footer_disk) == VHD_FOOTER_BYTES);

/* Parent locator entry of the header. */
#define VHD_LOCATORS		8
#define VHD_LOCATOR_RELATIVE	"W2ru"	/* Windows path, from the child's place */
#define VHD_LOCATOR_ABSOLUTE	"W2ku"	/* Windows path */
#define VHD_LOCATOR_MAC_URL	"MacX"	/* file URL */

struct vhd_locator_disk {
	u8	code[4];		/*   0 */
	__be32	data_space;		/*   4 bytes, or sectors by the letter */
	__be32	data_length;		/*   8 bytes */
	__be32	reserved;		/*  12 */
	__be64	data_offset;		/*  16 bytes */
} __packed;
static_assert(sizeof(struct vhd_locator_disk) == 24);

/* Header of dynamic and differencing images. */
#define VHD_HEADER_COOKIE	"cxsparse"
#define VHD_HEADER_BYTES	1024U
#define VHD_HEADER_SUM_OFF	36
#define VHD_PARENT_NAME_BYTES	512

struct vhd_header_disk {
	u8	cookie[8];		/*   0 */
	__be64	data_offset;		/*   8 all ones */
	__be64	table_offset;		/*  16 of the BAT */
	__be32	version;		/*  24 */
	__be32	max_table_entries;	/*  28 */
	__be32	block_size;		/*  32 bytes */
	__be32	checksum;		/*  36 */
	u8	parent_unique_id[16];	/*  40 */
	__be32	parent_timestamp;	/*  56 seconds since VHD_EPOCH */
	__be32	reserved;		/*  60 */
	u8	parent_name[VHD_PARENT_NAME_BYTES];	/* 64 UTF-16BE */
	struct vhd_locator_disk locator[VHD_LOCATORS];	/* 576 */
	u8	reserved2[256];		/* 768 */
} __packed;
static_assert(sizeof(struct vhd_header_disk) == VHD_HEADER_BYTES);

/* BAT entry: where the bitmap of the block is, in sectors; its data follows. */
#define VHD_BAT_UNALLOCATED	0xffffffffU

/* XenServer's map of the blocks whose bitmaps are full, behind the BAT. */
#define VHD_BATMAP_COOKIE	"tdbatmap"

struct vhd_batmap_disk {
	u8	cookie[8];		/*   0 */
	__be64	offset;			/*   8 of the map, bytes */
	__be32	sectors;		/*  16 of the map */
	__be32	version;		/*  20 */
	__be32	checksum;		/*  24 over the map */
	u8	marker;			/*  28 */
	u8	reserved[483];		/*  29 */
} __packed;
static_assert(sizeof(struct vhd_batmap_disk) == VHD_SECTOR);

#endif /* VHD_DISK_H */
