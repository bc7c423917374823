/* SPDX-License-Identifier: GPL-2.0 */
/* What a new differencing VHD image has to say of its parent. */
#ifndef VHDX_TOOLS_VHD_PARENT_H
#define VHDX_TOOLS_VHD_PARENT_H

#include "vhd-disk.h"

struct image;

#define VHD_PARENT_PATHS	2	/* absolute, relative: in the order of Windows */

/**
 * struct vhd_parent - an image that is to become a parent
 * @image: itself, open, so that it stays what it is; or NULL
 * @disk_bytes: size of its disk
 * @block_bytes: of its blocks; 0 if it is fixed
 * @id: its identity
 * @timestamp: when it was last written, in seconds since VHD_EPOCH
 * @name: its file's name, UTF-16BE, padded with zeros
 * @path: its paths, UTF-16LE
 * @path.code: which kind
 * @path.utf16: the path
 * @path.bytes: its length
 */
struct vhd_parent {
	struct image *image;
	u64 disk_bytes;
	u32 block_bytes;
	guid_t id;
	u32 timestamp;
	u8 name[VHD_PARENT_NAME_BYTES];
	struct {
		const char *code;
		void *utf16;
		u32 bytes;
	} path[VHD_PARENT_PATHS];
};

int vhd_parent_describe(struct vhd_parent *parent, const char *path,
			const char *child);
int vhd_parent_name(struct vhd_parent *parent, const char *path,
		    const char *child);
void vhd_parent_free(struct vhd_parent *parent);

#endif /* VHDX_TOOLS_VHD_PARENT_H */
