// SPDX-License-Identifier: GPL-2.0
#include "vhd-footer.h"

/* The geometry ends here; what is larger has all of it. */
#define VHD_CHS_CYLINDERS	65535U
#define VHD_CHS_HEADS		16U
#define VHD_CHS_TRACK		255U

/**
 * vhd_checksum() - checksum of a footer or header
 * @buf: the structure
 * @bytes: its size
 * @sum_off: where the checksum is in it, which counts as zero
 *
 * Context: any.
 * Return: the ones' complement of the sum of all bytes.
 */
u32 vhd_checksum(const void *buf, u32 bytes, u32 sum_off)
{
	const u8 *from = buf;
	u32 sum = 0, i;

	for (i = 0; i < bytes; i++)
		if (i < sum_off || i >= sum_off + 4)
			sum += from[i];
	return ~sum;
}

/**
 * vhd_footer_valid() - is this a footer, as it was written?
 * @buf: VHD_FOOTER_BYTES
 *
 * Context: any.
 * Return: true if cookie and checksum are good.
 */
bool vhd_footer_valid(const void *buf)
{
	const struct vhd_footer_disk *disk = buf;

	return !memcmp(disk->cookie, VHD_FOOTER_COOKIE, sizeof(disk->cookie)) &&
	       be32_to_cpu(disk->checksum) ==
	       vhd_checksum(buf, VHD_FOOTER_BYTES, VHD_FOOTER_SUM_OFF);
}

/**
 * vhd_footer_is_poison() - has XenServer disabled this image?
 * @buf: VHD_FOOTER_BYTES
 *
 * Case 119.
 *
 * Context: any.
 * Return: true if so.
 */
bool vhd_footer_is_poison(const void *buf)
{
	const struct vhd_footer_disk *disk = buf;

	return !memcmp(disk->cookie, VHD_FOOTER_POISON, sizeof(disk->cookie));
}

/**
 * vhd_footer_decode() - decode a footer
 * @buf: VHD_FOOTER_BYTES, valid
 * @footer: result
 *
 * Context: any.
 */
void vhd_footer_decode(const void *buf, struct vhd_footer *footer)
{
	const struct vhd_footer_disk *disk = buf;

	footer->features = be32_to_cpu(disk->features);
	footer->version = be32_to_cpu(disk->version);
	footer->header_off = be64_to_cpu(disk->data_offset);
	footer->timestamp = be32_to_cpu(disk->timestamp);
	memcpy(footer->creator_app, disk->creator_app, 4);
	footer->creator_version = be32_to_cpu(disk->creator_version);
	memcpy(footer->creator_os, disk->creator_os, 4);
	footer->original_bytes = be64_to_cpu(disk->original_size);
	footer->current_bytes = be64_to_cpu(disk->current_size);
	footer->chs.cylinders = be16_to_cpu(disk->cylinders);
	footer->chs.heads = disk->heads;
	footer->chs.track_sectors = disk->track_sectors;
	footer->type = be32_to_cpu(disk->type);
	memcpy(&footer->id, disk->unique_id, sizeof(footer->id));
	footer->saved_state = disk->saved_state;
}

/**
 * vhd_footer_encode() - encode a footer
 * @footer: what it is to say
 * @buf: result, VHD_FOOTER_BYTES
 *
 * Context: any.
 */
void vhd_footer_encode(const struct vhd_footer *footer, void *buf)
{
	struct vhd_footer_disk *disk = buf;

	memset(disk, 0, sizeof(*disk));
	memcpy(disk->cookie, VHD_FOOTER_COOKIE, sizeof(disk->cookie));
	disk->features = cpu_to_be32(footer->features);
	disk->version = cpu_to_be32(footer->version);
	disk->data_offset = cpu_to_be64(footer->header_off);
	disk->timestamp = cpu_to_be32(footer->timestamp);
	memcpy(disk->creator_app, footer->creator_app, 4);
	disk->creator_version = cpu_to_be32(footer->creator_version);
	memcpy(disk->creator_os, footer->creator_os, 4);
	disk->original_size = cpu_to_be64(footer->original_bytes);
	disk->current_size = cpu_to_be64(footer->current_bytes);
	disk->cylinders = cpu_to_be16(footer->chs.cylinders);
	disk->heads = footer->chs.heads;
	disk->track_sectors = footer->chs.track_sectors;
	disk->type = cpu_to_be32(footer->type);
	memcpy(disk->unique_id, &footer->id, sizeof(footer->id));
	disk->saved_state = footer->saved_state;
	disk->checksum = cpu_to_be32(vhd_checksum(buf, VHD_FOOTER_BYTES,
						  VHD_FOOTER_SUM_OFF));
}

/**
 * vhd_footer_check() - judge a footer by itself
 * @footer: decoded
 *
 * Case 98.  Features, reserved bytes and a saved state are no faults (116, 117).
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhd_footer_check(const struct vhd_footer *footer)
{
	if (VHD_VERSION_MAJOR(footer->version) != VHD_VERSION_MAJOR(VHD_VERSION))
		return VHDX_FAULT_VHD_VERSION;
	switch (footer->type) {
	case VHD_TYPE_FIXED:
	case VHD_TYPE_DYNAMIC:
	case VHD_TYPE_DIFFERENCING:
		return 0;
	default:
		return VHDX_FAULT_VHD_TYPE;
	}
}

/**
 * vhd_chs_bytes() - size of a disk by its geometry
 * @chs: the geometry
 *
 * Context: any.
 * Return: bytes; 0 if one of the numbers is.
 */
u64 vhd_chs_bytes(const struct vhd_chs *chs)
{
	return (u64)chs->cylinders * chs->heads * chs->track_sectors *
	       VHD_SECTOR;
}

static u64 vhd_div(u64 a, u32 b)
{
	return div64_u64(a, b);
}

/**
 * vhd_chs_of() - the geometry that goes with a size
 * @sectors: of the disk
 * @chs: result
 *
 * As the appendix of the specification has it.  Usually the geometry makes a
 * smaller disk than @sectors.
 *
 * Context: any.
 */
void vhd_chs_of(u64 sectors, struct vhd_chs *chs)
{
	u64 most = (u64)VHD_CHS_CYLINDERS * VHD_CHS_HEADS * VHD_CHS_TRACK;
	u64 total = min_t(u64, sectors, most), tracks;
	u32 heads, track;

	if (total >= (u64)VHD_CHS_CYLINDERS * VHD_CHS_HEADS * 63) {
		track = VHD_CHS_TRACK;
		heads = VHD_CHS_HEADS;
		tracks = vhd_div(total, track);
	} else {
		track = 17;
		tracks = vhd_div(total, track);
		heads = max_t(u32, 4, vhd_div(tracks + 1023, 1024));
		if (tracks >= (u64)heads * 1024 || heads > VHD_CHS_HEADS) {
			track = 31;
			heads = VHD_CHS_HEADS;
			tracks = vhd_div(total, track);
		}
		if (tracks >= (u64)heads * 1024) {
			track = 63;
			heads = VHD_CHS_HEADS;
			tracks = vhd_div(total, track);
		}
	}
	chs->cylinders = vhd_div(tracks, heads);
	chs->heads = heads;
	chs->track_sectors = track;
}

/**
 * vhd_footer_size_from() - what the creator of an image goes by
 * @footer: decoded
 *
 * Virtual PC and QEMU, unless told otherwise, make the disk as large as the
 * geometry says; the largest geometry stands for all that is larger.
 *
 * Context: any.
 * Return: VHD_SIZE_CHS or VHD_SIZE_CURRENT.
 */
enum vhd_size_from vhd_footer_size_from(const struct vhd_footer *footer)
{
	const struct vhd_chs *chs = &footer->chs;

	if (memcmp(footer->creator_app, "vpc ", 4) &&
	    memcmp(footer->creator_app, "qemu", 4))
		return VHD_SIZE_CURRENT;
	if (chs->cylinders == VHD_CHS_CYLINDERS && chs->heads == VHD_CHS_HEADS &&
	    chs->track_sectors == VHD_CHS_TRACK)
		return VHD_SIZE_CURRENT;
	return VHD_SIZE_CHS;
}

/**
 * vhd_footer_disk_bytes() - size of the disk
 * @footer: passed by vhd_footer_check()
 * @from: what tells it
 * @bytes: result, a multiple of VHD_SECTOR
 *
 * Cases 100 to 102: where one of the two numbers is missing the other one
 * counts; and a geometry that makes more than there is counts up to there.
 *
 * Context: any.
 * Return: 0 or a fault.
 */
int vhd_footer_disk_bytes(const struct vhd_footer *footer,
			  enum vhd_size_from from, u64 *bytes)
{
	u64 current_bytes = footer->current_bytes & ~(u64)(VHD_SECTOR - 1);
	u64 chs_bytes = vhd_chs_bytes(&footer->chs);

	if (from == VHD_SIZE_AUTO)
		from = vhd_footer_size_from(footer);
	*bytes = current_bytes;
	if (from == VHD_SIZE_CHS && chs_bytes)
		*bytes = current_bytes ? min_t(u64, chs_bytes, current_bytes) :
					 chs_bytes;
	if (!*bytes)
		return VHDX_FAULT_VHD_SIZE;
	return *bytes >> VHD_SECTOR_SHIFT > VHD_MAX_SECTORS ?
	       VHDX_FAULT_VHD_HUGE : 0;
}
