// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: changes by way of the log
 *
 * The log is empty at first.  It gets an entry without changes; only when that is
 * durable does the header name its GUID, so that the image has a log that can be
 * replayed at every moment.  Then each transaction: its entry, which is valid as a
 * whole or not at all; flush; its sectors in their places; flush.  All before has
 * been applied by then, so that an entry is its own tail.  At the end the header
 * lets go of the log.
 *
 * A crash leaves the image as it was before a transaction, or as it is after it.
 */
#include <stdlib.h>

#include "edit.h"
#include "guid.h"
#include "journal.h"

static u8 *journal_data(const struct journal *journal, u32 index)
{
	return journal->data + index * (size_t)VHDX_SECTOR;
}

/* Write an entry, which may go on at the start of the log. */
static int journal_write_entry(struct journal *journal)
{
	struct image *image = journal->image;
	const struct vhdx_header *header = &image->layout.header;
	u32 length, part;
	int r;

	length = vhdx_log_entry_seal(journal->entry, header, journal->sequence,
				     journal->at,
				     image->file_bytes / SZ_1M * SZ_1M);
	part = min_t(u32, length, header->log_length - journal->at);
	r = edit_write(image, header->log_off + journal->at, journal->entry,
		       part);
	if (!r && part < length)
		r = edit_write(image, header->log_off, journal->entry + part,
			       length - part);
	if (!r)
		r = edit_sync(image);
	journal->at = ((u64)journal->at + length) % header->log_length;
	journal->sequence++;
	return r;
}

/**
 * journal_begin() - take the log of an image into use
 * @journal: result; journal_free() it, also after a failure
 * @image: the image, loaded, open for writing, without a log to replay
 *
 * Return: 0, -EOPNOTSUPP if the image has no space for a log, or another negative
 * errno.
 */
int journal_begin(struct journal *journal, struct image *image)
{
	struct vhdx_header *header = &image->layout.header;
	int r;

	memset(journal, 0, sizeof(*journal));
	journal->image = image;
	journal->sequence = 1;
	journal->data = calloc(JOURNAL_SECTORS, VHDX_SECTOR);
	journal->entry = malloc((1 + JOURNAL_SECTORS) * (size_t)VHDX_SECTOR);
	if (!journal->data || !journal->entry)
		return -ENOMEM;
	if (header->log_length < SZ_1M)
		return -EOPNOTSUPP;
	r = edit_header(image);
	if (r)
		return r;
	guid_random(&header->log_guid);
	vhdx_log_entry_init(journal->entry);
	r = journal_write_entry(journal);
	return r ? r : edit_header(image);
}

/* The sector at @off of the transaction; NULL: it has none. */
static u8 *journal_find(const struct journal *journal, u64 off)
{
	u32 i;

	for (i = 0; i < journal->count; i++)
		if (journal->off[i] == off)
			return journal_data(journal, i);
	return NULL;
}

/**
 * journal_has_room() - can a change still be part of the transaction?
 * @journal: the journal
 * @off: of the change, in bytes from the start of the image
 *
 * Return: true if so.
 */
bool journal_has_room(const struct journal *journal, u64 off)
{
	return journal->count < JOURNAL_SECTORS ||
	       journal_find(journal, off / VHDX_SECTOR * VHDX_SECTOR);
}

/**
 * journal_sector() - a sector of the image, to be changed
 * @journal: the journal
 * @off: where it is, a multiple of 4096
 *
 * Return: the 4 KiB, which become part of the transaction; NULL if there is no
 * room, or it cannot be read.
 */
u8 *journal_sector(struct journal *journal, u64 off)
{
	u8 *data = journal_find(journal, off);

	if (data)
		return data;
	if (journal->count == JOURNAL_SECTORS)
		return NULL;
	data = journal_data(journal, journal->count);
	if (image_pread(journal->image, off, data, VHDX_SECTOR))
		return NULL;
	journal->off[journal->count++] = off;
	return data;
}

/**
 * journal_set() - change some bytes of the image
 * @journal: the journal
 * @off: where they are, in bytes from the start of the image
 * @data: what they become
 * @bytes: how many, within one sector
 *
 * Return: 0, or -EIO.
 */
int journal_set(struct journal *journal, u64 off, const void *data, u32 bytes)
{
	u8 *sector = journal_sector(journal, off / VHDX_SECTOR * VHDX_SECTOR);

	if (!sector)
		return -EIO;
	memcpy(sector + off % VHDX_SECTOR, data, bytes);
	return 0;
}

/**
 * journal_commit() - make the transaction durable, and apply it
 * @journal: the journal
 *
 * All that it refers to is made durable before.
 *
 * Return: 0 or a negative errno.
 */
int journal_commit(struct journal *journal)
{
	u32 i;
	int r;

	if (!journal->count)
		return 0;
	r = edit_sync(journal->image);
	vhdx_log_entry_init(journal->entry);
	for (i = 0; i < journal->count; i++)
		vhdx_log_entry_add(journal->entry, journal->off[i],
				   journal_data(journal, i));
	if (!r)
		r = journal_write_entry(journal);
	for (i = 0; !r && i < journal->count; i++)
		r = edit_write(journal->image, journal->off[i],
			       journal_data(journal, i), VHDX_SECTOR);
	journal->count = 0;
	return r ? r : edit_sync(journal->image);
}

/**
 * journal_end() - leave the log empty
 * @journal: the journal, without a transaction
 *
 * Return: 0 or a negative errno.
 */
int journal_end(struct journal *journal)
{
	memset(&journal->image->layout.header.log_guid, 0, sizeof(guid_t));
	return edit_header(journal->image);
}

/**
 * journal_free() - free memory
 * @journal: the journal, or all zeros
 */
void journal_free(struct journal *journal)
{
	free(journal->data);
	free(journal->entry);
	journal->data = NULL;
	journal->entry = NULL;
}
