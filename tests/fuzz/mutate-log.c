// SPDX-License-Identifier: GPL-2.0
/* Mutations of the log: entries built anew, changed, torn. */
#include <stdlib.h>

#include "mutate.h"

#define LOG_MAX_ENTRIES	16	/* looked at or added at a time */
#define LOG_MAX_BYTES	(2U * SZ_1M)	/* of an entry to be sealed */

/* To or from the ring. */
static void log_copy(struct mutator *m, u32 off, void *buf, u32 bytes, bool put)
{
	u8 *at = buf;
	u32 i;

	for (i = 0; i < bytes; i += VHDX_SECTOR) {
		u64 to = m->header.log_off +
			 ((u64)off + i) % m->header.log_length;

		if (put)
			sparse_write(m->image, to, at + i, VHDX_SECTOR);
		else
			sparse_read(m->image, to, at + i, VHDX_SECTOR);
	}
}

/* Mend the checksum of the entry whose header is at @off, if that is one. */
void mutate_log_seal(struct mutator *m, u32 off)
{
	u64 at = m->header.log_off + off;
	u32 bytes = mutate_get32(m, at + 8);
	u8 *buf;

	if (mutate_get32(m, at) != 0x65676f6c || !bytes ||	/* "loge" */
	    bytes % VHDX_SECTOR || bytes > LOG_MAX_BYTES)
		return;
	buf = malloc(bytes);
	log_copy(m, off, buf, bytes, false);
	mutate_put(m, at + 4, vhdx_checksum(buf, bytes) + !mutate_below(m, 24),
		   4);
	free(buf);
}

/**
 * struct log_known - an entry that seems to be there
 * @off: in the log
 * @bytes: its length, as it says
 * @sequence: its number, as it says
 */
struct log_known {
	u32 off;
	u32 bytes;
	u64 sequence;
};

static u32 log_survey(struct mutator *m, struct log_known *known)
{
	struct sparse_page **list = sparse_sorted(m->image);
	u32 found = 0, i;

	for (i = 0; i < m->image->pages && found < LOG_MAX_ENTRIES; i++) {
		u64 off = list[i]->index * VHDX_SECTOR - m->header.log_off;
		__le64 sequence;

		if (off >= m->header.log_length ||
		    memcmp(list[i]->data, VHDX_LOG_SIGNATURE, 4))
			continue;
		memcpy(&sequence, list[i]->data + 16, 8);
		known[found].off = off;
		known[found].bytes = mutate_get32(m, m->header.log_off + off + 8);
		known[found].sequence = le64_to_cpu(sequence);
		found++;
	}
	free(list);
	return found;
}

/* Where a log may want to write: a sector of something that counts. */
static u64 log_target(struct mutator *m)
{
	u64 off;

	switch (mutate_below(m, 12)) {
	case 0:
		return mutate_number(m);
	case 1:
		off = mutate_place(m);
		break;
	case 2:
		off = VHDX_REGION_OFF(mutate_below(m, 2)) +
		      mutate_below(m, 16) * VHDX_SECTOR;
		break;
	case 3:
		off = m->meta_off;
		break;
	case 4:
		off = m->meta_off + SZ_64K;
		break;
	case 5:
	case 6:
		off = mutate_random(m) % (m->image->bytes + 1);
		break;
	default:
		off = m->bat_off + mutate_below(m, 2) * VHDX_SECTOR;
		break;
	}
	return mutate_below(m, 24) ? off & ~(VHDX_SECTOR - 1ULL) : off;
}

/* The sector that is there now, with something changed. */
static void log_content(struct mutator *m, u64 off, u8 *sector)
{
	__le64 le64 = cpu_to_le64(mutate_bat_raw(m));
	u32 at = 8 * mutate_below(m, mutate_below(m, 4) ? 9 : 512);

	sparse_read(m->image, off, sector, VHDX_SECTOR);
	if (mutate_below(m, 3))
		memcpy(sector + at, &le64, 8);
}

/*
 * Build an entry of @descs descriptors at @buf, which is large enough and all
 * zeros.  Returns its length.
 */
static u32 log_build(struct mutator *m, u8 *buf, u32 descs, u64 sequence)
{
	struct vhdx_log_header_disk *header = (void *)buf;
	u32 sectors = (64 + descs * 32 + VHDX_SECTOR - 1) / VHDX_SECTOR, i;
	u8 data[VHDX_SECTOR];

	for (i = 0; i < descs; i++) {
		struct vhdx_log_desc_disk *desc = (void *)(buf + 64 + 32 * i);
		struct vhdx_log_data_disk *sector;
		u64 off = log_target(m);

		desc->file_offset = cpu_to_le64(off);
		desc->sequence = cpu_to_le64(sequence);
		if (!mutate_below(m, 3)) {
			memcpy(desc->signature, VHDX_LOG_DESC_ZERO, 4);
			desc->zero_length = cpu_to_le64(mutate_below(m, 3) ?
				(u64)mutate_below(m, 4) * VHDX_SECTOR :
				mutate_number(m) & ~(VHDX_SECTOR - 1ULL));
			continue;
		}
		log_content(m, off, data);
		sector = (void *)(buf + sectors++ * VHDX_SECTOR);
		memcpy(desc->signature, VHDX_LOG_DESC_DATA, 4);
		memcpy(desc->leading, data, 8);
		memcpy(&desc->trailing, data + 4092, 4);
		memcpy(sector->signature, VHDX_LOG_DATA, 4);
		sector->sequence_high = cpu_to_le32(sequence >> 32);
		sector->sequence_low = cpu_to_le32((u32)sequence);
		memcpy(sector->data, data + 8, 4084);
	}
	memcpy(header->signature, VHDX_LOG_SIGNATURE, 4);
	header->entry_length = cpu_to_le32(sectors * VHDX_SECTOR);
	header->sequence = cpu_to_le64(sequence);
	header->descriptor_count = cpu_to_le32(descs);
	header->log_guid = m->header.log_guid;
	return sectors * VHDX_SECTOR;
}

/* Write one entry; returns its length. */
static u32 log_add(struct mutator *m, u32 off, u32 tail, u64 sequence)
{
	u32 descs = mutate_below(m, 20) ? mutate_below(m, 4) :
		    mutate_below(m, 300);
	u8 *buf = calloc(descs + 4, VHDX_SECTOR);
	struct vhdx_log_header_disk *header = (void *)buf;
	u32 bytes = log_build(m, buf, descs, sequence);
	u64 last = m->image->bytes;

	if (!mutate_below(m, 8))
		last = mutate_number(m);
	header->tail = cpu_to_le32(tail);
	header->last_file_offset = cpu_to_le64(last);
	header->flushed_file_offset =
		cpu_to_le64(mutate_below(m, 12) ? m->image->bytes :
			    mutate_number(m));
	if (bytes <= m->header.log_length)
		log_copy(m, off, buf, bytes, true);
	free(buf);
	mutate_log_seal(m, off);
	return bytes;
}

/* Go on behind what is there, or start anywhere. */
static void log_extend(struct mutator *m, const struct log_known *known,
		       u32 nr)
{
	u32 ring = m->header.log_length, off = 0, many, tail;
	u64 sequence = 1 + mutate_below(m, 4) * mutate_below(m, 100);

	if (nr && mutate_below(m, 4)) {
		known += mutate_below(m, nr);
		off = ((u64)known->off + known->bytes) % ring;
		sequence = known->sequence + 1;
	} else if (mutate_below(m, 2)) {
		off = ring - (1 + mutate_below(m, 6)) * VHDX_SECTOR;
	} else if (mutate_below(m, 2)) {
		off = mutate_below(m, ring / VHDX_SECTOR) * VHDX_SECTOR;
	}
	off &= ~(VHDX_SECTOR - 1);
	tail = nr && mutate_below(m, 2) ? known->off : off;
	if (!mutate_below(m, 16))
		sequence = mutate_number(m);
	for (many = 1 + mutate_below(m, 3); many; many--) {
		off = ((u64)off + log_add(m, off, mutate_below(m, 12) ? tail :
					  (u32)mutate_number(m), sequence)) % ring;
		sequence++;
	}
}

/* A field of an entry, its descriptors or its data sectors. */
static void log_change(struct mutator *m, const struct log_known *entry)
{
	static const u8 field[][2] = {
		{ 0, 4 }, { 4, 4 }, { 8, 4 }, { 8, 4 }, { 12, 4 }, { 12, 4 },
		{ 16, 8 }, { 24, 4 }, { 24, 4 }, { 28, 4 }, { 32, 8 }, { 48, 8 },
		{ 56, 8 }, { 64, 4 }, { 72, 8 }, { 80, 8 }, { 80, 8 }, { 88, 8 },
		{ 104, 8 }, { 112, 8 }, { 120, 8 },
	};
	u32 which = mutate_below(m, sizeof(field) / sizeof(*field));
	u64 at = m->header.log_off + entry->off;

	switch (mutate_below(m, 8)) {
	case 0:		/* torn */
		at += (u64)mutate_below(m, 3) * VHDX_SECTOR;
		sparse_zero(m->image, at, VHDX_SECTOR);
		return;
	case 1:		/* a data sector's head or tail */
		at += (1 + (u64)mutate_below(m, 2)) * VHDX_SECTOR;
		mutate_put(m, at + (mutate_below(m, 2) ? 4092 :
				    4 * mutate_below(m, 3)), mutate_number(m), 4);
		break;
	case 2:
		mutate_put(m, at + 12, mutate_below(m, m->header.log_length /
				VHDX_SECTOR) * (u64)VHDX_SECTOR, 4);
		break;
	default:
		mutate_put(m, at + field[which][0], mutate_number(m),
			   field[which][1]);
		break;
	}
	mutate_log_seal(m, entry->off);
}

/* The same entry once more, somewhere else. */
static void log_move(struct mutator *m, const struct log_known *entry)
{
	u32 ring = m->header.log_length, to;
	u8 *buf;

	if (!entry->bytes || entry->bytes % VHDX_SECTOR ||
	    entry->bytes > LOG_MAX_BYTES)
		return;
	to = mutate_below(m, ring / VHDX_SECTOR) * VHDX_SECTOR;
	buf = malloc(entry->bytes);
	log_copy(m, entry->off, buf, entry->bytes, false);
	log_copy(m, to, buf, entry->bytes, true);
	free(buf);
	if (mutate_below(m, 2)) {
		mutate_put(m, m->header.log_off + to + 12, to, 4);
		mutate_log_seal(m, to);
	}
}

/**
 * mutate_log() - change the log
 * @m: the image
 */
void mutate_log(struct mutator *m)
{
	struct log_known known[LOG_MAX_ENTRIES];
	u32 nr = log_survey(m, known);

	if (mutate_below(m, 32))
		mutate_dirty(m, true);
	if (!nr || !mutate_below(m, 3))
		log_extend(m, known, nr);
	else if (mutate_below(m, 8))
		log_change(m, &known[mutate_below(m, nr)]);
	else
		log_move(m, &known[mutate_below(m, nr)]);
}
