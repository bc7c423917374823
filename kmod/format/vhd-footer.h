/* SPDX-License-Identifier: GPL-2.0 */
/* Footer: what kind of VHD image it is, and how large its disk (VHD 1.0). */
#ifndef VHD_FOOTER_H
#define VHD_FOOTER_H

#include "vhd-disk.h"
#include "vhdx-fault.h"

/**
 * struct vhd_chs - geometry of a disk
 * @cylinders: cylinders
 * @heads: heads
 * @track_sectors: sectors of a track
 */
struct vhd_chs {
	u16 cylinders;
	u8 heads;
	u8 track_sectors;
};

/**
 * struct vhd_footer - the footer, decoded
 * @features: as it is there
 * @version: likewise
 * @header_off: where the header is, in bytes; VHD_NO_OFFSET in a fixed image
 * @timestamp: when it was made, in seconds since VHD_EPOCH
 * @creator_app: four letters, or bytes
 * @creator_version: its version
 * @creator_os: four letters
 * @original_bytes: size of the disk when it was made
 * @current_bytes: size of the disk, unless the geometry counts
 * @chs: geometry of the disk
 * @type: enum vhd_type, or another number
 * @id: the image's identity, as it is there
 * @saved_state: it belongs to a machine that is suspended
 */
struct vhd_footer {
	u32 features;
	u32 version;
	u64 header_off;
	u32 timestamp;
	u8 creator_app[4];
	u32 creator_version;
	u8 creator_os[4];
	u64 original_bytes;
	u64 current_bytes;
	struct vhd_chs chs;
	u32 type;
	guid_t id;
	bool saved_state;
};

/**
 * enum vhd_size_from - what tells the size of the disk
 * @VHD_SIZE_AUTO: what the creator of the image goes by
 * @VHD_SIZE_CHS: cylinders * heads * sectors
 * @VHD_SIZE_CURRENT: the field for it
 */
enum vhd_size_from {
	VHD_SIZE_AUTO,
	VHD_SIZE_CHS,
	VHD_SIZE_CURRENT,
};

u32 vhd_checksum(const void *buf, u32 bytes, u32 sum_off);
bool vhd_footer_valid(const void *buf);
bool vhd_footer_is_poison(const void *buf);
void vhd_footer_decode(const void *buf, struct vhd_footer *footer);
void vhd_footer_encode(const struct vhd_footer *footer, void *buf);
int vhd_footer_check(const struct vhd_footer *footer);
enum vhd_size_from vhd_footer_size_from(const struct vhd_footer *footer);
int vhd_footer_disk_bytes(const struct vhd_footer *footer,
			  enum vhd_size_from from, u64 *bytes);
u64 vhd_chs_bytes(const struct vhd_chs *chs);
void vhd_chs_of(u64 sectors, struct vhd_chs *chs);

#endif /* VHD_FOOTER_H */
