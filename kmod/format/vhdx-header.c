// SPDX-License-Identifier: GPL-2.0
#include "vhdx-header.h"

/**
 * vhdx_checksum() - CRC-32C of a structure whose checksum is at byte 4
 * @buf: the structure
 * @bytes: its size, at least 8
 *
 * The four checksum bytes count as zero (MS-VHDX 2.1).
 *
 * Context: any.
 * Return: the checksum.
 */
u32 vhdx_checksum(const void *buf, size_t bytes)
{
	static const u8 zero[4];
	u32 crc;

	crc = crc32c(~0U, buf, 4);
	crc = crc32c(crc, zero, 4);
	crc = crc32c(crc, (const u8 *)buf + 8, bytes - 8);
	return ~crc;
}

/**
 * vhdx_ident_check() - is this a VHDX image at all?
 * @buf: the first 8 bytes of the image or more
 *
 * Context: any.
 * Return: 0 or VHDX_FAULT_NOT_VHDX.
 */
int vhdx_ident_check(const void *buf)
{
	/* Case 2.  The creator is diagnostic and may be anything (case 15). */
	return memcmp(buf, VHDX_IDENT_SIGNATURE, 8) ? VHDX_FAULT_NOT_VHDX : 0;
}

/**
 * vhdx_ident_encode() - build a file identifier
 * @buf: 4096 bytes
 * @creator: ASCII, at most 255 characters are used
 *
 * Context: any.
 */
void vhdx_ident_encode(void *buf, const char *creator)
{
	struct vhdx_ident_disk *disk = buf;
	int i;

	memset(buf, 0, VHDX_SECTOR);
	memcpy(disk->signature, VHDX_IDENT_SIGNATURE, 8);
	for (i = 0; i < 255 && creator[i]; i++)
		disk->creator[i] = cpu_to_le16((u8)creator[i]);
}

/**
 * vhdx_header_fields() - what one of the two headers says, true or not
 * @buf: 4096 bytes
 * @header: result
 *
 * For whoever has lost both: nothing but vhdx_header_decode() is to be trusted.
 *
 * Context: any.
 * Return: true if the signature is good.
 */
bool vhdx_header_fields(const void *buf, struct vhdx_header *header)
{
	const struct vhdx_header_disk *disk = buf;

	if (memcmp(disk->signature, VHDX_HEADER_SIGNATURE, 4))
		return false;

	header->sequence = le64_to_cpu(disk->sequence);
	header->file_write_guid = disk->file_write_guid;
	header->data_write_guid = disk->data_write_guid;
	header->log_guid = disk->log_guid;
	header->log_version = le16_to_cpu(disk->log_version);
	header->version = le16_to_cpu(disk->version);
	header->log_length = le32_to_cpu(disk->log_length);
	header->log_off = le64_to_cpu(disk->log_offset);
	return true;
}

/**
 * vhdx_header_decode() - decode one of the two headers
 * @buf: 4096 bytes
 * @header: result
 *
 * Context: any.
 * Return: true if signature and checksum are good; nothing else is judged.
 */
bool vhdx_header_decode(const void *buf, struct vhdx_header *header)
{
	const struct vhdx_header_disk *disk = buf;

	return vhdx_header_fields(buf, header) &&
	       le32_to_cpu(disk->checksum) == vhdx_checksum(buf, VHDX_HEADER_BYTES);
}

/**
 * vhdx_header_encode() - build a header with its checksum
 * @header: contents
 * @buf: 4096 bytes
 *
 * Context: any.
 */
void vhdx_header_encode(const struct vhdx_header *header, void *buf)
{
	struct vhdx_header_disk *disk = buf;

	memset(buf, 0, VHDX_HEADER_BYTES);
	memcpy(disk->signature, VHDX_HEADER_SIGNATURE, 4);
	disk->sequence = cpu_to_le64(header->sequence);
	disk->file_write_guid = header->file_write_guid;
	disk->data_write_guid = header->data_write_guid;
	disk->log_guid = header->log_guid;
	disk->log_version = cpu_to_le16(header->log_version);
	disk->version = cpu_to_le16(header->version);
	disk->log_length = cpu_to_le32(header->log_length);
	disk->log_offset = cpu_to_le64(header->log_off);
	disk->checksum = cpu_to_le32(vhdx_checksum(buf, VHDX_HEADER_BYTES));
}

/**
 * vhdx_header_select() - find the current header of a pair
 * @first: 4096 bytes, the header at 64 KiB
 * @second: 4096 bytes, the header at 128 KiB
 * @header: result
 * @slot: 0 or 1, which one it was
 * @damaged: the other one has a bad signature or checksum
 *
 * MS-VHDX 2.2.2: the valid one with the higher number.  Equal numbers are
 * accepted only on identical headers, which some writers leave (case 5).
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_header_select(const void *first, const void *second,
		       struct vhdx_header *header, int *slot, bool *damaged)
{
	struct vhdx_header h[2];
	bool valid[2] = {
		vhdx_header_decode(first, &h[0]),
		vhdx_header_decode(second, &h[1]),
	};

	if (!valid[0] && !valid[1])
		return VHDX_FAULT_NO_HEADER;	/* case 4 */

	*damaged = !valid[0] || !valid[1];
	if (*damaged) {				/* case 3 */
		*slot = valid[1];
	} else if (h[0].sequence == h[1].sequence) {
		if (memcmp(first, second, VHDX_HEADER_BYTES))
			return VHDX_FAULT_HEADER_TIE;
		*slot = 0;
	} else {
		*slot = h[1].sequence > h[0].sequence;
	}
	*header = h[*slot];
	return 0;
}

/**
 * vhdx_header_check() - judge the current header
 * @header: from vhdx_header_select()
 * @image_bytes: size of the backing device
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_header_check(const struct vhdx_header *header, u64 image_bytes)
{
	bool dirty = !guid_is_null(&header->log_guid);

	if (header->version != 1)
		return VHDX_FAULT_VERSION;		/* case 7 */
	if (header->log_version && dirty)
		return VHDX_FAULT_LOG_VERSION;		/* case 8 */
	if (!header->log_length)
		return dirty ? VHDX_FAULT_LOG_NONE_DIRTY : 0;	/* 11, 13 */
	if (header->log_off < VHDX_HEAD_BYTES ||
	    header->log_off % SZ_1M || header->log_length % SZ_1M)
		return VHDX_FAULT_LOG_ALIGN;		/* case 9 */
	if (header->log_off > image_bytes ||
	    header->log_length > image_bytes - header->log_off)
		return VHDX_FAULT_LOG_RANGE;		/* case 10 */
	if (header->log_length > VHDX_MAX_LOG_BYTES)
		return VHDX_FAULT_LOG_HUGE;		/* case 12 */
	return 0;
}

/**
 * vhdx_header_check_writable() - can a session be opened with this header?
 * @header: passed by vhdx_header_check()
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhdx_header_check_writable(const struct vhdx_header *header)
{
	/*
	 * Case 6.  A session takes a handful of updates; the margin keeps it
	 * from running out in the middle.
	 */
	if (header->sequence >= ~0ULL - 64)
		return VHDX_FAULT_HEADER_SEQ_MAX;
	if (!header->log_length)
		return VHDX_FAULT_LOG_NONE;		/* case 13 */
	return 0;
}
