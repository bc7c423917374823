/* SPDX-License-Identifier: GPL-2.0 */
/* The UniqueId of a VHD image, by which children know it. */
#ifndef VHDX_TOOLS_VHD_IDENTITY_H
#define VHDX_TOOLS_VHD_IDENTITY_H

#include "vhd-image.h"

void vhd_identity_change(u8 *footer, const guid_t *id);
int vhd_identity_put_footer(const struct vhd_image *vhd, u64 off);
int vhd_identity_write(struct vhd_image *vhd, const guid_t *id);

#endif /* VHDX_TOOLS_VHD_IDENTITY_H */
