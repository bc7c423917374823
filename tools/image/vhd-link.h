/* SPDX-License-Identifier: GPL-2.0 */
/* By what a VHD image names its parent, and that it is being merged into that. */
#ifndef VHDX_TOOLS_VHD_LINK_H
#define VHDX_TOOLS_VHD_LINK_H

#include "vhd-image.h"

void vhd_link_begin_merge(struct vhd_layout *child, const guid_t *id);
bool vhd_link_is_merging(const struct vhd_layout *child);
int vhd_link_write(struct vhd_image *vhd);

#endif /* VHDX_TOOLS_VHD_LINK_H */
