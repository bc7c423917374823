// SPDX-License-Identifier: GPL-2.0
#include "vhd-header.h"

/**
 * vhd_header_valid() - is this a header, as it was written?
 * @buf: VHD_HEADER_BYTES
 *
 * Context: any.
 * Return: true if cookie and checksum are good.
 */
bool vhd_header_valid(const void *buf)
{
	const struct vhd_header_disk *disk = buf;

	return !memcmp(disk->cookie, VHD_HEADER_COOKIE, sizeof(disk->cookie)) &&
	       be32_to_cpu(disk->checksum) ==
	       vhd_checksum(buf, VHD_HEADER_BYTES, VHD_HEADER_SUM_OFF);
}

/*
 * The specification wants sectors, Windows writes bytes.  No path takes 512
 * sectors, and none less than one, so the number tells which it is.
 */
static u32 vhd_locator_space(u32 data_space)
{
	if (data_space < VHD_SECTOR)
		return data_space * VHD_SECTOR;
	return data_space % VHD_SECTOR ? 0 : data_space;
}

static void vhd_locator_decode(const struct vhd_locator_disk *disk,
			       struct vhd_locator *locator)
{
	memcpy(locator->code, disk->code, 4);
	locator->space_bytes = vhd_locator_space(be32_to_cpu(disk->data_space));
	locator->length = be32_to_cpu(disk->data_length);
	locator->off = be64_to_cpu(disk->data_offset);
}

static void vhd_locator_encode(const struct vhd_locator *locator,
			       struct vhd_locator_disk *disk)
{
	memcpy(disk->code, locator->code, 4);
	disk->data_space = cpu_to_be32(locator->space_bytes);
	disk->data_length = cpu_to_be32(locator->length);
	disk->data_offset = cpu_to_be64(locator->off);
}

/**
 * vhd_locator_usable() - can a path be read?
 * @locator: decoded
 * @end: end of the image but for its footer
 *
 * Case 114.
 *
 * Context: any.
 * Return: true if it has one, inside its space, and that inside the image.
 */
bool vhd_locator_usable(const struct vhd_locator *locator, u64 end)
{
	static const u8 none[4];

	return memcmp(locator->code, none, 4) && locator->length &&
	       locator->length <= locator->space_bytes &&
	       locator->off >= VHD_FOOTER_BYTES && locator->off <= end &&
	       locator->length <= end - locator->off;
}

/**
 * vhd_header_decode() - decode a header
 * @buf: VHD_HEADER_BYTES, valid
 * @header: result
 *
 * Context: any.
 */
void vhd_header_decode(const void *buf, struct vhd_header *header)
{
	const struct vhd_header_disk *disk = buf;
	int i;

	header->bat_off = be64_to_cpu(disk->table_offset);
	header->version = be32_to_cpu(disk->version);
	header->bat_entries = be32_to_cpu(disk->max_table_entries);
	header->block_bytes = be32_to_cpu(disk->block_size);
	memcpy(&header->parent_id, disk->parent_unique_id,
	       sizeof(header->parent_id));
	header->parent_timestamp = be32_to_cpu(disk->parent_timestamp);
	memcpy(header->parent_name, disk->parent_name,
	       sizeof(header->parent_name));
	for (i = 0; i < VHD_LOCATORS; i++)
		vhd_locator_decode(&disk->locator[i], &header->locator[i]);
}

/**
 * vhd_header_encode() - encode a header
 * @header: what it is to say
 * @buf: result, VHD_HEADER_BYTES
 *
 * Context: any.
 */
void vhd_header_encode(const struct vhd_header *header, void *buf)
{
	struct vhd_header_disk *disk = buf;
	int i;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->cookie, VHD_HEADER_COOKIE, sizeof(disk->cookie));
	disk->data_offset = cpu_to_be64(VHD_NO_OFFSET);
	disk->table_offset = cpu_to_be64(header->bat_off);
	disk->version = cpu_to_be32(header->version);
	disk->max_table_entries = cpu_to_be32(header->bat_entries);
	disk->block_size = cpu_to_be32(header->block_bytes);
	memcpy(disk->parent_unique_id, &header->parent_id,
	       sizeof(header->parent_id));
	disk->parent_timestamp = cpu_to_be32(header->parent_timestamp);
	memcpy(disk->parent_name, header->parent_name,
	       sizeof(header->parent_name));
	for (i = 0; i < VHD_LOCATORS; i++)
		vhd_locator_encode(&header->locator[i], &disk->locator[i]);
	disk->checksum = cpu_to_be32(vhd_checksum(buf, VHD_HEADER_BYTES,
						  VHD_HEADER_SUM_OFF));
}

static bool vhd_overlap(u64 off, u64 bytes, u64 other_off, u64 other_bytes)
{
	return off < other_off + other_bytes && other_off < off + bytes;
}

/* Cases 106 and 107. */
static int vhd_header_check_table(const struct vhd_header *header,
				  u64 header_off, u64 end)
{
	u64 bytes = (u64)header->bat_entries * sizeof(__be32);

	if (header->bat_off % VHD_SECTOR || header->bat_off < VHD_FOOTER_BYTES)
		return VHDX_FAULT_VHD_TABLE_OFFSET;
	if (header->bat_off > end || bytes > end - header->bat_off)
		return VHDX_FAULT_VHD_TABLE_RANGE;
	if (vhd_overlap(header->bat_off, bytes, header_off, VHD_HEADER_BYTES))
		return VHDX_FAULT_VHD_TABLE_OFFSET;
	return 0;
}

/**
 * vhd_header_check() - judge a header
 * @header: decoded
 * @header_off: where it was, in bytes
 * @disk_bytes: size of the disk
 * @end: end of the image but for its footer
 *
 * Cases 104 to 107.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhd_header_check(const struct vhd_header *header, u64 header_off,
		     u64 disk_bytes, u64 end)
{
	u64 blocks;

	if (VHD_VERSION_MAJOR(header->version) != VHD_VERSION_MAJOR(VHD_VERSION))
		return VHDX_FAULT_VHD_HEADER_VERSION;	/* case 104 */
	if (!is_power_of_2(header->block_bytes) ||
	    header->block_bytes < VHD_MIN_BLOCK ||
	    header->block_bytes > VHD_MAX_BLOCK)
		return VHDX_FAULT_VHD_BLOCK_SIZE;	/* case 105 */
	blocks = (disk_bytes + header->block_bytes - 1) >>
		 ilog2(header->block_bytes);
	if (blocks > VHD_MAX_BLOCKS)
		return VHDX_FAULT_VHD_BLOCK_COUNT;
	if (header->bat_entries < blocks)
		return VHDX_FAULT_VHD_TABLE_SHORT;	/* case 106 */
	return vhd_header_check_table(header, header_off, end);
}
