/* SPDX-License-Identifier: GPL-2.0 */
/* Writing a new VHD image. */
#ifndef VHDX_TOOLS_VHD_FORMAT_H
#define VHDX_TOOLS_VHD_FORMAT_H

#include "image.h"
#include "vhd-parent.h"

/**
 * struct vhd_format - what a new VHD image is to be like
 * @type: enum vhd_type
 * @disk_bytes: size of the disk
 * @block_bytes: size of a block
 * @id: its identity
 * @parent: of a differencing image
 */
struct vhd_format {
	enum vhd_type type;
	u64 disk_bytes;
	u32 block_bytes;
	guid_t id;
	struct vhd_parent parent;
};

int vhd_format_file(const struct vhd_format *format, int fd, const char *path);
int vhd_format_device(const struct vhd_format *format, struct image *image);

#endif /* VHDX_TOOLS_VHD_FORMAT_H */
