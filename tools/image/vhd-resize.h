/* SPDX-License-Identifier: GPL-2.0 */
/* Another size for the disk of a VHD image. */
#ifndef VHDX_TOOLS_VHD_RESIZE_H
#define VHDX_TOOLS_VHD_RESIZE_H

#include "vhd-layer.h"

/**
 * struct vhd_resize - what is to be done to an image
 * @layer: the image, loaded, open for writing
 * @bytes: new size of the disk
 * @end: end of all but the footer, in bytes
 */
struct vhd_resize {
	struct vhd_layer *layer;
	u64 bytes;
	u64 end;
};

bool vhd_resize_fits(const struct vhd_resize *resize);
int vhd_resize_write(struct vhd_resize *resize);
int vhd_resize_put(struct vhd_resize *resize, u64 at, const void *buf,
		   u32 bytes);

#endif /* VHDX_TOOLS_VHD_RESIZE_H */
