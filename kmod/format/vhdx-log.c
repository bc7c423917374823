// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: finding the active sequence in linear time
 *
 * The log of a hostile image may be full of things that look like entries.
 * The search stays linear in the size of the log, because
 *
 * - an entry is walked sector by sector, and the walk (with its checksum)
 *   ends at the first sector that does not look the part.  Each sector of an
 *   entry but the first one starts with "desc", "zero" or "data", and only the
 *   first one starts with "loge": so no two walks from different places pass
 *   over the same sector, and no valid entry starts inside another one;
 * - a tail end of an invalid sequence is itself invalid: it has the same head,
 *   whose Tail lies in none of the longer sequence's entries.  So the search
 *   goes on behind an invalid sequence and not 4 KiB further on.
 *
 * A sequence that wraps is met twice, once without its start; the second time
 * it has no higher number than the first and changes nothing unless the first
 * was invalid for want of its start.
 */
#include "vhdx-log.h"

static u32 vhdx_log_wrap(const struct vhdx_log_source *source, u64 off)
{
	return off < source->length ? off : off - source->length;
}

/* Cases 72, 74, 76, 78 to 80: what the entry header says by itself. */
static bool vhdx_log_header_decode(const struct vhdx_log_source *source,
				   const void *sector, u32 off,
				   struct vhdx_log_entry *entry)
{
	const struct vhdx_log_header_disk *disk = sector;

	if (memcmp(disk->signature, VHDX_LOG_SIGNATURE, 4) ||
	    !guid_equal(&disk->log_guid, &source->guid) || disk->reserved)
		return false;

	entry->off = off;
	entry->length = le32_to_cpu(disk->entry_length);
	entry->tail = le32_to_cpu(disk->tail);
	entry->sequence = le64_to_cpu(disk->sequence);
	entry->descriptors = le32_to_cpu(disk->descriptor_count);
	entry->flushed_bytes = le64_to_cpu(disk->flushed_file_offset);
	entry->last_bytes = le64_to_cpu(disk->last_file_offset);

	return entry->sequence && entry->length >= VHDX_SECTOR &&
	       entry->length % VHDX_SECTOR == 0 &&
	       entry->length <= source->length &&
	       entry->tail % VHDX_SECTOR == 0 && entry->tail < source->length &&
	       entry->descriptors <= (entry->length - sizeof(*disk)) /
				     sizeof(struct vhdx_log_desc_disk);
}

/*
 * Cases 81 to 85.  Whether the target lies on the device is asked at replay:
 * that is no torn write but a reason to refuse the image.
 */
static bool vhdx_log_desc_valid(const struct vhdx_log_source *source,
				const struct vhdx_log_desc_disk *desc,
				u64 sequence, bool *is_data)
{
	u64 off = le64_to_cpu(desc->file_offset), bytes = VHDX_SECTOR;

	*is_data = !memcmp(desc->signature, VHDX_LOG_DESC_DATA, 4);
	if (!*is_data) {
		if (memcmp(desc->signature, VHDX_LOG_DESC_ZERO, 4))
			return false;
		bytes = le64_to_cpu(desc->zero_length);
	}
	if (le64_to_cpu(desc->sequence) != sequence ||
	    off % VHDX_SECTOR || bytes % VHDX_SECTOR ||
	    off < VHDX_REGION_OFF(0) || bytes > ~off)
		return false;
	return off >= source->log_off + source->length ||
	       off + bytes <= source->log_off;
}

static u32 vhdx_log_descs_in_sector(u32 sector)
{
	return sector ? VHDX_LOG_NEXT_DESCS : VHDX_LOG_FIRST_DESCS;
}

/* The first descriptor in descriptor sector number @sector of an entry. */
static const struct vhdx_log_desc_disk *
vhdx_log_descs(const void *data, u32 sector)
{
	size_t skip = sector ? 0 : sizeof(struct vhdx_log_header_disk);

	return (const void *)((const u8 *)data + skip);
}

static u32 vhdx_log_desc_sectors(u32 descriptors)
{
	if (descriptors <= VHDX_LOG_FIRST_DESCS)
		return 1;
	return 1 + (descriptors - VHDX_LOG_FIRST_DESCS +
		    VHDX_LOG_NEXT_DESCS - 1) / VHDX_LOG_NEXT_DESCS;
}

static bool vhdx_log_descs_valid(const struct vhdx_log_source *source,
				 const void *data, u32 sector,
				 const struct vhdx_log_entry *entry,
				 u32 *descs_left, u32 *data_sectors)
{
	const struct vhdx_log_desc_disk *desc = vhdx_log_descs(data, sector);
	u32 count = min_t(u32, *descs_left, vhdx_log_descs_in_sector(sector));
	bool is_data;
	u32 i;

	for (i = 0; i < count; i++) {
		if (!vhdx_log_desc_valid(source, &desc[i], entry->sequence,
					 &is_data))
			return false;
		*data_sectors += is_data;
	}
	*descs_left -= count;
	return true;
}

static bool vhdx_log_data_valid(const void *data, u64 sequence)
{
	const struct vhdx_log_data_disk *disk = data;

	return !memcmp(disk->signature, VHDX_LOG_DATA, 4) &&
	       le32_to_cpu(disk->sequence_high) == (u32)(sequence >> 32) &&
	       le32_to_cpu(disk->sequence_low) == (u32)sequence;
}

/**
 * vhdx_log_entry_check() - is there a valid entry at this place?
 * @source: the log
 * @off: bytes from the start of the log, a multiple of 4 KiB
 * @entry: result
 *
 * MS-VHDX 2.3.1; cases 72 to 85.  Anything amiss means that there is none,
 * which is how a torn write looks; only a failed read is an error (case 92).
 *
 * Context: may sleep if @source does.
 * Return: 0, VHDX_LOG_NO_ENTRY, or a negative errno.
 */
int vhdx_log_entry_check(struct vhdx_log_source *source, u32 off,
			 struct vhdx_log_entry *entry)
{
	u32 desc_sectors, data_sectors = 0, descs_left, sectors, checksum, crc, i;
	static const u8 zero[4];
	const void *data;
	int r;

	r = source->sector(source, off, &data);
	if (r)
		return r;
	if (!vhdx_log_header_decode(source, data, off, entry))
		return VHDX_LOG_NO_ENTRY;

	sectors = entry->length / VHDX_SECTOR;
	descs_left = entry->descriptors;
	desc_sectors = vhdx_log_desc_sectors(descs_left);
	if (desc_sectors > sectors)
		return VHDX_LOG_NO_ENTRY;
	checksum = le32_to_cpu(((const struct vhdx_log_header_disk *)data)->checksum);
	crc = crc32c(~0U, data, 4);
	crc = crc32c(crc, zero, 4);
	crc = crc32c(crc, (const u8 *)data + 8, VHDX_SECTOR - 8);

	for (i = 0; i < sectors; i++) {
		if (i) {
			r = source->sector(source,
				vhdx_log_wrap(source, (u64)off + i * VHDX_SECTOR),
				&data);
			if (r)
				return r;
		}
		if (i < desc_sectors ?
		    !vhdx_log_descs_valid(source, data, i, entry, &descs_left,
					  &data_sectors) :
		    !vhdx_log_data_valid(data, entry->sequence))
			return VHDX_LOG_NO_ENTRY;
		if (i)
			crc = crc32c(crc, data, VHDX_SECTOR);
	}

	if (sectors != desc_sectors + data_sectors || ~crc != checksum)
		return VHDX_LOG_NO_ENTRY;	/* cases 75, 81 */
	return 0;
}

/*
 * Collect the sequence that starts at @off.  Returns the bytes it takes (0:
 * none starts here) in @bytes, and its newest entry in @head.
 */
static int vhdx_log_collect(struct vhdx_log_source *source, u32 off,
			    struct vhdx_log_entry *head, u32 *bytes)
{
	struct vhdx_log_entry entry;
	int r;

	*bytes = 0;
	for (;;) {
		u32 at = vhdx_log_wrap(source, (u64)off + *bytes);

		r = vhdx_log_entry_check(source, at, &entry);
		if (r == VHDX_LOG_NO_ENTRY)
			return 0;
		if (r)
			return r;
		/* Cases 73, 78, 79. */
		if (*bytes && (entry.sequence != head->sequence + 1 ||
			       entry.length > source->length - *bytes))
			return 0;
		*head = entry;
		*bytes += entry.length;
		if (*bytes == source->length)
			return 0;
		vhdx_relax();
	}
}

/*
 * Find the entry at the head's Tail among the @bytes of valid entries from
 * @off on (cases 76, 77).  Sets first_off and first_sequence.
 */
static int vhdx_log_find_tail(struct vhdx_log_source *source, u32 off,
			      u32 bytes, struct vhdx_log_sequence *seq,
			      bool *found)
{
	struct vhdx_log_entry entry;
	const void *data;
	u32 done;
	int r;

	*found = false;
	for (done = 0; done < bytes; done += entry.length) {
		u32 at = vhdx_log_wrap(source, (u64)off + done);

		r = source->sector(source, at, &data);
		if (r)
			return r;
		/* It was valid a moment ago; do not trust it to stay so. */
		if (!vhdx_log_header_decode(source, data, at, &entry))
			return -EIO;
		if (at == seq->head.tail) {
			seq->first_off = at;
			seq->first_sequence = entry.sequence;
			*found = true;
			return 0;
		}
	}
	return 0;
}

/**
 * vhdx_log_find() - find the active sequence
 * @source: the log of an image whose LogGuid is set
 * @seq: result
 *
 * MS-VHDX 2.3.2; see the essay above for why this takes linear time.
 *
 * Context: may sleep if @source does.
 * Return: 0, a fault, or a negative errno.
 */
int vhdx_log_find(struct vhdx_log_source *source, struct vhdx_log_sequence *seq)
{
	struct vhdx_log_sequence found;
	bool have = false, valid;
	u32 bytes;
	u64 off;
	int r;

	for (off = 0; off < source->length; off += bytes) {
		r = vhdx_log_collect(source, off, &found.head, &bytes);
		if (r)
			return r;
		if (!bytes) {
			bytes = VHDX_SECTOR;
			continue;
		}
		r = vhdx_log_find_tail(source, off, bytes, &found, &valid);
		if (r)
			return r;
		if (valid && (!have || found.head.sequence > seq->head.sequence)) {
			*seq = found;
			have = true;
		}
	}

	if (!have)
		return VHDX_FAULT_LOG_LOST;		/* case 70 */
	if (seq->head.flushed_bytes > source->image_bytes)
		return VHDX_FAULT_FILE_CUT;		/* case 87 */
	return 0;
}

/**
 * vhdx_log_check_end() - is there room for what the log wants to be there?
 * @seq: the active sequence
 * @image_bytes: size of the backing device
 * @writable: judge as one who means to write
 *
 * Case 88.  A reader does not mind as long as nothing that is in use lies
 * past the end, which is judged later.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_log_check_end(const struct vhdx_log_sequence *seq, u64 image_bytes,
		       bool writable)
{
	if (seq->head.last_bytes >> 48)
		return VHDX_FAULT_LOG_ABSURD;
	if (seq->head.last_bytes > image_bytes && writable)
		return VHDX_FAULT_LOG_GROWS;
	return 0;
}

static int vhdx_log_replay_desc(struct vhdx_log_source *source,
				const struct vhdx_log_entry *entry,
				const struct vhdx_log_desc_disk *desc,
				u32 data_off, bool *is_data,
				struct vhdx_log_sink *sink)
{
	u64 off = le64_to_cpu(desc->file_offset), bytes = VHDX_SECTOR;
	u8 *sector = (u8 *)source->scratch + VHDX_SECTOR;
	const void *data;
	int r;

	/* It was valid a moment ago; a bad device may have changed its mind. */
	if (!vhdx_log_desc_valid(source, desc, entry->sequence, is_data))
		return -EIO;
	if (!*is_data)
		bytes = le64_to_cpu(desc->zero_length);
	if (!bytes)
		return 0;
	if (off > source->image_bytes || bytes > source->image_bytes - off)
		return VHDX_FAULT_LOG_TARGET;		/* case 84 */
	if (!*is_data)
		return sink->zero(sink, off, bytes);

	r = source->sector(source, data_off, &data);
	if (!r && !vhdx_log_data_valid(data, entry->sequence))
		r = -EIO;
	if (r)
		return r;
	memcpy(sector, desc->leading, 8);
	memcpy(sector + 8, ((const struct vhdx_log_data_disk *)data)->data, 4084);
	memcpy(sector + 4092, &desc->trailing, 4);
	return sink->data(sink, off, sector);
}

static int vhdx_log_replay_entry(struct vhdx_log_source *source,
				 const struct vhdx_log_entry *entry,
				 struct vhdx_log_sink *sink)
{
	u32 desc_sectors = vhdx_log_desc_sectors(entry->descriptors);
	u64 data_off = (u64)entry->off + desc_sectors * VHDX_SECTOR;
	u32 left = entry->descriptors, sector, count, i;
	const struct vhdx_log_desc_disk *desc;
	const void *data;
	bool is_data;
	int r;

	for (sector = 0; sector < desc_sectors; sector++) {
		r = source->sector(source, vhdx_log_wrap(source,
				(u64)entry->off + sector * VHDX_SECTOR), &data);
		if (r)
			return r;
		memcpy(source->scratch, data, VHDX_SECTOR);
		desc = vhdx_log_descs(source->scratch, sector);
		count = min_t(u32, left, vhdx_log_descs_in_sector(sector));
		left -= count;
		for (i = 0; i < count; i++) {
			r = vhdx_log_replay_desc(source, entry, &desc[i],
						 vhdx_log_wrap(source, data_off),
						 &is_data, sink);
			if (r)
				return r;
			if (is_data)
				data_off = vhdx_log_wrap(source, data_off) +
					   VHDX_SECTOR;
		}
		vhdx_relax();
	}
	return 0;
}

/**
 * vhdx_log_replay() - hand out the changes of the active sequence
 * @source: the log
 * @seq: from vhdx_log_find()
 * @sink: takes the changes, oldest first
 *
 * MS-VHDX 2.3.3.  From the entry at the head's Tail on; what was collected
 * before it is applied already.  Replaying twice, or again after a replay that
 * was cut, gives the same result.
 *
 * Context: may sleep if @source or @sink does.
 * Return: 0, a fault, or a negative errno.
 */
int vhdx_log_replay(struct vhdx_log_source *source,
		    const struct vhdx_log_sequence *seq,
		    struct vhdx_log_sink *sink)
{
	struct vhdx_log_entry entry;
	u64 sequence;
	u32 off = seq->first_off;
	int r;

	for (sequence = seq->first_sequence;; sequence++) {
		r = vhdx_log_entry_check(source, off, &entry);
		if (!r && entry.sequence != sequence)
			r = VHDX_LOG_NO_ENTRY;
		if (r == VHDX_LOG_NO_ENTRY)
			return -EIO;	/* it was valid a moment ago */
		if (!r)
			r = vhdx_log_replay_entry(source, &entry, sink);
		if (r || sequence == seq->head.sequence)
			return r;
		off = vhdx_log_wrap(source, (u64)off + entry.length);
	}
}

/**
 * vhdx_log_entry_init() - start building an entry
 * @buf: (1 + VHDX_LOG_FIRST_DESCS) * 4 KiB
 *
 * Context: any.
 */
void vhdx_log_entry_init(void *buf)
{
	memset(buf, 0, VHDX_SECTOR);
}

/**
 * vhdx_log_entry_add() - add a data sector to an entry
 * @buf: from vhdx_log_entry_init(), with fewer than VHDX_LOG_FIRST_DESCS yet
 * @off: where the sector belongs, bytes from the start of the image
 * @data: its 4 KiB
 *
 * Context: any.
 * Return: data sectors in the entry by now.
 */
u32 vhdx_log_entry_add(void *buf, u64 off, const void *data)
{
	struct vhdx_log_header_disk *header = buf;
	u32 count = le32_to_cpu(header->descriptor_count);
	struct vhdx_log_desc_disk *desc = (void *)((u8 *)buf +
						   (count + 2) * sizeof(*desc));
	struct vhdx_log_data_disk *sector = (void *)((u8 *)buf +
						     (count + 1) * VHDX_SECTOR);

	memcpy(desc->signature, VHDX_LOG_DESC_DATA, 4);
	memcpy(desc->leading, data, 8);
	memcpy(&desc->trailing, (const u8 *)data + 4092, 4);
	desc->file_offset = cpu_to_le64(off);
	memcpy(sector->signature, VHDX_LOG_DATA, 4);
	memcpy(sector->data, (const u8 *)data + 8, 4084);
	header->descriptor_count = cpu_to_le32(count + 1);
	return count + 1;
}

/**
 * vhdx_log_entry_seal() - number and checksum an entry
 * @buf: the entry
 * @header: supplies the GUID
 * @sequence: the entry's number
 * @tail: offset in the log of the oldest entry that may not be applied
 * @end_bytes: end of all structures of the image, stable on the device
 *
 * Context: any.
 * Return: the entry's length in bytes.
 */
u32 vhdx_log_entry_seal(void *buf, const struct vhdx_header *header,
			u64 sequence, u32 tail, u64 end_bytes)
{
	struct vhdx_log_header_disk *disk = buf;
	u32 count = le32_to_cpu(disk->descriptor_count), i;
	u32 length = (count + 1) * VHDX_SECTOR;

	for (i = 0; i < count; i++) {
		struct vhdx_log_desc_disk *desc = (void *)((u8 *)buf +
						(i + 2) * sizeof(*desc));
		struct vhdx_log_data_disk *sector = (void *)((u8 *)buf +
						(i + 1) * VHDX_SECTOR);

		desc->sequence = cpu_to_le64(sequence);
		sector->sequence_high = cpu_to_le32(sequence >> 32);
		sector->sequence_low = cpu_to_le32((u32)sequence);
	}
	memcpy(disk->signature, VHDX_LOG_SIGNATURE, 4);
	disk->entry_length = cpu_to_le32(length);
	disk->tail = cpu_to_le32(tail);
	disk->sequence = cpu_to_le64(sequence);
	disk->log_guid = header->log_guid;
	disk->flushed_file_offset = cpu_to_le64(end_bytes);
	disk->last_file_offset = cpu_to_le64(end_bytes);
	disk->checksum = cpu_to_le32(vhdx_checksum(buf, length));
	return length;
}
