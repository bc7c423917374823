/* SPDX-License-Identifier: GPL-2.0 */
/* Header of dynamic and differencing VHD images, and who the parent is. */
#ifndef VHD_HEADER_H
#define VHD_HEADER_H

#include "vhd-footer.h"

/**
 * struct vhd_locator - where a path of the parent is
 * @code: four letters that say which kind of path; zeros: there is none
 * @space_bytes: room that it has; 0: nobody can tell
 * @length: bytes of the path
 * @off: where it is, in bytes
 */
struct vhd_locator {
	u8 code[4];
	u32 space_bytes;
	u32 length;
	u64 off;
};

/**
 * struct vhd_header - the header, decoded
 * @bat_off: where the BAT is, in bytes
 * @version: as it is there
 * @bat_entries: entries that the BAT has
 * @block_bytes: size of a block
 * @parent_id: the parent's identity, of a differencing image
 * @parent_timestamp: when the parent was last written, in seconds since
 *	VHD_EPOCH; Hyper-V leaves it 0
 * @parent_name: UTF-16BE
 * @locator: paths of the parent
 */
struct vhd_header {
	u64 bat_off;
	u32 version;
	u32 bat_entries;
	u32 block_bytes;
	guid_t parent_id;
	u32 parent_timestamp;
	u8 parent_name[VHD_PARENT_NAME_BYTES];
	struct vhd_locator locator[VHD_LOCATORS];
};

bool vhd_locator_usable(const struct vhd_locator *locator, u64 end);
bool vhd_header_valid(const void *buf);
void vhd_header_decode(const void *buf, struct vhd_header *header);
void vhd_header_encode(const struct vhd_header *header, void *buf);
int vhd_header_check(const struct vhd_header *header, u64 header_off,
		     u64 disk_bytes, u64 end);

#endif /* VHD_HEADER_H */
