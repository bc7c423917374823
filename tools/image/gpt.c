// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: the order in which the copy at the end moves
 *
 * Entries and header of the copy are written to their new place, durably; then how
 * large the disk is, for those who know no such table; then the first header, which
 * is one sector, says where they are.  Until then the old copy is named by it, which
 * is still there.
 */
#include <isa-l/crc.h>
#include <stddef.h>
#include <stdlib.h>

#include "gpt.h"

#define GPT_SIGNATURE	"EFI PART"
#define GPT_MAX_ENTRIES_BYTES	(4 * SZ_1M)
#define GPT_MIN_HEADER	92
#define GPT_MBR_TYPE	(446 + 4)
#define GPT_MBR_SECTORS	(446 + 12)
#define GPT_MBR_PROTECTIVE	0xee

struct gpt_header {
	u8 signature[8];
	__le32 revision;
	__le32 header_bytes;
	__le32 header_crc;
	__le32 reserved;
	__le64 own;
	__le64 other;
	__le64 first_usable;
	__le64 last_usable;
	u8 disk_id[16];
	__le64 entries;
	__le32 entry_count;
	__le32 entry_bytes;
	__le32 entries_crc;
} __packed;

static u32 gpt_crc(const void *buf, u64 bytes)
{
	return crc32_gzip_refl(0, buf, bytes);
}

static bool gpt_check(const u8 *sector, u32 sector_bytes)
{
	u8 copy[GPT_SECTOR_BYTES];
	struct gpt_header *header = (void *)copy;
	u32 bytes, crc;

	memcpy(copy, sector, sector_bytes);
	bytes = le32_to_cpu(header->header_bytes);
	crc = le32_to_cpu(header->header_crc);
	if (memcmp(header->signature, GPT_SIGNATURE, 8) ||
	    bytes < GPT_MIN_HEADER || bytes > sector_bytes)
		return false;
	header->header_crc = 0;
	return gpt_crc(copy, bytes) == crc;
}

/* Is what is in front of the partitions where it belongs? */
static bool gpt_check_places(const struct gpt *gpt)
{
	const struct gpt_header *header = (void *)gpt->header;
	u64 entries = le64_to_cpu(header->entries);
	u64 first_usable = le64_to_cpu(header->first_usable);
	u32 sectors = gpt->entries_bytes / gpt->sector_bytes;

	return le64_to_cpu(header->own) == 1 && entries > 1 &&
	       entries <= first_usable && sectors <= first_usable - entries &&
	       first_usable <= UINT64_MAX / GPT_SECTOR_BYTES;
}

static void gpt_seal(u8 *sector)
{
	struct gpt_header *header = (void *)sector;

	header->header_crc = 0;
	header->header_crc = cpu_to_le32(gpt_crc(sector,
				le32_to_cpu(header->header_bytes)));
}

/**
 * gpt_load() - read the partition table of a disk
 * @gpt: result; gpt_free() it, also after a failure
 * @sector_bytes: of the disk
 * @read: reads from it
 * @arg: for @read
 *
 * Return: 0; 1 if there is none, or none that is good; or what @read returned.
 */
int gpt_load(struct gpt *gpt, u32 sector_bytes, gpt_read_fn read, void *arg)
{
	const struct gpt_header *header = (void *)gpt->header;
	u64 bytes;
	int r;

	memset(gpt, 0, sizeof(*gpt));
	gpt->sector_bytes = sector_bytes;
	r = read(arg, 0, gpt->mbr, sector_bytes);
	if (!r)
		r = read(arg, sector_bytes, gpt->header, sector_bytes);
	if (r)
		return r;
	if (!gpt_check(gpt->header, sector_bytes))
		return 1;
	bytes = (u64)le32_to_cpu(header->entry_count) *
		le32_to_cpu(header->entry_bytes);
	if (!bytes || bytes > GPT_MAX_ENTRIES_BYTES)
		return 1;
	gpt->entries_bytes = (bytes + sector_bytes - 1) / sector_bytes *
			     sector_bytes;
	if (!gpt_check_places(gpt))
		return 1;
	gpt->entries = malloc(gpt->entries_bytes);
	if (!gpt->entries)
		return -ENOMEM;
	r = read(arg, le64_to_cpu(header->entries) * sector_bytes,
		 gpt->entries, gpt->entries_bytes);
	if (!r && gpt_crc(gpt->entries, bytes) !=
		  le32_to_cpu(header->entries_crc))
		r = 1;
	return r;
}

/* Space that the copy takes at the end of the disk. */
static u64 gpt_tail_bytes(const struct gpt *gpt)
{
	return gpt->entries_bytes + gpt->sector_bytes;
}

/**
 * gpt_disk_bytes() - size of a disk that ends with the copy
 * @gpt: from gpt_load()
 * @end: where the last partition ends, in bytes; 0: there is none
 *
 * Return: bytes; there is a sector at least that a partition can have.
 */
u64 gpt_disk_bytes(const struct gpt *gpt, u64 end)
{
	const struct gpt_header *header = (void *)gpt->header;
	u64 least = (le64_to_cpu(header->first_usable) + 1) * gpt->sector_bytes;

	return max_t(u64, end, least) + gpt_tail_bytes(gpt);
}

/**
 * gpt_fits() - is the copy where a disk of this size has its end?
 * @gpt: from gpt_load()
 * @disk_bytes: the size
 *
 * Return: true if so.
 */
bool gpt_fits(const struct gpt *gpt, u64 disk_bytes)
{
	const struct gpt_header *header = (void *)gpt->header;

	return le64_to_cpu(header->other) == disk_bytes / gpt->sector_bytes - 1;
}

/* The disk as one partition, if it is the first one that says so. */
static bool gpt_protect(struct gpt *gpt, u64 last)
{
	__le32 sectors = cpu_to_le32(min_t(u64, last, UINT32_MAX));

	if (gpt->mbr[GPT_MBR_TYPE] != GPT_MBR_PROTECTIVE)
		return false;
	memcpy(gpt->mbr + GPT_MBR_SECTORS, &sectors, sizeof(sectors));
	return true;
}

/**
 * gpt_move() - put the copy at the end of the disk
 * @gpt: from gpt_load()
 * @disk_bytes: where that is, or is going to be: gpt_disk_bytes() of 0, or more
 * @write: writes to the disk, durably
 * @arg: for @write
 *
 * Return: 0 or what @write returned.
 */
int gpt_move(struct gpt *gpt, u64 disk_bytes, gpt_write_fn write, void *arg)
{
	struct gpt_header *header = (void *)gpt->header;
	u64 last = disk_bytes / gpt->sector_bytes - 1;
	u64 entries = last - gpt->entries_bytes / gpt->sector_bytes;
	u8 copy[GPT_SECTOR_BYTES];
	struct gpt_header *second = (void *)copy;
	int r;

	header->other = cpu_to_le64(last);
	header->last_usable = cpu_to_le64(entries - 1);
	gpt_seal(gpt->header);
	memcpy(copy, gpt->header, gpt->sector_bytes);
	second->own = cpu_to_le64(last);
	second->other = header->own;
	second->entries = cpu_to_le64(entries);
	gpt_seal(copy);
	r = write(arg, entries * gpt->sector_bytes, gpt->entries,
		  gpt->entries_bytes);
	if (!r)
		r = write(arg, last * gpt->sector_bytes, copy,
			  gpt->sector_bytes);
	if (!r && gpt_protect(gpt, last))
		r = write(arg, 0, gpt->mbr, gpt->sector_bytes);
	return r ? r : write(arg, le64_to_cpu(header->own) * gpt->sector_bytes,
			     gpt->header, gpt->sector_bytes);
}

/**
 * gpt_free() - free memory
 * @gpt: from gpt_load(), or all zeros
 */
void gpt_free(struct gpt *gpt)
{
	free(gpt->entries);
	gpt->entries = NULL;
}
