// SPDX-License-Identifier: GPL-2.0
/*
 * The table of an MBR has an extended partition, which begins with a table of one logical
 * partition and with the place of the next table, as seen from the first.  What is in
 * them is for libblkid; here is where they are, and whether there is one where libblkid
 * takes no notice of it.
 */
#include "ebr.h"

#define EBR_MAX		256	/* tables of one extended partition: libblkid takes fewer */
#define EBR_ENTRIES	446
#define EBR_ENTRY_BYTES	16
#define EBR_SIGNATURE	510

static bool ebr_is_signed(const u8 table[VHD_SECTOR])
{
	return table[EBR_SIGNATURE] == 0x55 && table[EBR_SIGNATURE + 1] == 0xaa;
}

/* Where an extended partition begins, or the next table is; 0: there is none. */
static u32 ebr_find(const u8 table[VHD_SECTOR], unsigned int entry)
{
	static const u8 none[4];
	const u8 *at = table + EBR_ENTRIES + entry * EBR_ENTRY_BYTES;
	__le32 start;

	if (!ebr_is_signed(table) ||
	    (at[4] != 0x05 && at[4] != 0x0f && at[4] != 0x85) ||
	    !memcmp(at + 12, none, sizeof(none)))
		return 0;
	memcpy(&start, at + 8, sizeof(start));
	return le32_to_cpu(start);
}

/**
 * ebr_has_partitions() - is a sector the table of an MBR?
 * @table: the sector
 *
 * The kernel's question: libblkid sees none in the first sector of an NTFS or a FAT, be
 * it one that is left over.  Code for booting, which such a sector has there, would have
 * other flags.
 *
 * Return: true if it is one, and not empty.
 */
bool ebr_has_partitions(const u8 table[VHD_SECTOR])
{
	static const u8 none[4];
	const u8 *at = table + EBR_ENTRIES;
	bool some = false;
	unsigned int i;

	for (i = 0; i < 4; i++, at += EBR_ENTRY_BYTES) {
		if (at[0] & 0x7f)
			return false;
		some |= at[4] && memcmp(at + 8, none, sizeof(none)) &&
			memcmp(at + 12, none, sizeof(none));
	}
	return some && ebr_is_signed(table);
}

/* The first one counts. */
static u32 ebr_next(const u8 table[VHD_SECTOR])
{
	unsigned int entry;
	u32 next = 0;

	for (entry = 0; !next && entry < 4; entry++)
		next = ebr_find(table, entry);
	return next;
}

static int ebr_follow(struct disk *disk, u64 first, ebr_visit_fn visit, void *arg)
{
	unsigned int tables = 0;
	u8 table[VHD_SECTOR];
	u64 at = first;
	u32 next;
	int r;

	do {
		if (at > disk->bytes - disk->logical_bytes)
			return 0;
		r = disk_read(disk, at, table, sizeof(table));
		if (!r)
			r = visit(arg, at);
		next = ebr_next(table);
		at = first + (u64)next * disk->logical_bytes;
	} while (!r && next && ++tables < EBR_MAX);
	return r;
}

/**
 * ebr_each() - find the tables of logical partitions
 * @disk: the disk
 * @visit: called for each
 * @arg: for that
 *
 * Return: 0, what @visit returned, or a negative errno.
 */
int ebr_each(struct disk *disk, ebr_visit_fn visit, void *arg)
{
	u8 table[VHD_SECTOR];
	unsigned int entry;
	u32 start;
	int r;

	if (disk->bytes < disk->logical_bytes)
		return 0;
	r = disk_read(disk, 0, table, sizeof(table));
	for (entry = 0; !r && entry < 4; entry++) {
		start = ebr_find(table, entry);
		if (start)
			r = ebr_follow(disk, (u64)start * disk->logical_bytes,
				       visit, arg);
	}
	return r;
}
