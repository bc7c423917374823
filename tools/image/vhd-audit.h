/* SPDX-License-Identifier: GPL-2.0 */
/* All that is wrong with a VHD image. */
#ifndef VHDX_TOOLS_VHD_AUDIT_H
#define VHDX_TOOLS_VHD_AUDIT_H

#include "audit.h"
#include "vhd-image.h"

typedef int (*vhd_denied_fn)(void *arg, u32 from, u32 end);

int vhd_audit(struct audit *audit, struct vhd_image *vhd, struct image *image);
int vhd_audit_denied(const struct vhd_image *vhd, u32 block, u32 sector,
		     vhd_denied_fn found, void *arg);
int vhd_audit_batmap(struct vhd_image *vhd, u8 *map);

#endif /* VHDX_TOOLS_VHD_AUDIT_H */
