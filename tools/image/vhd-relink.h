/* SPDX-License-Identifier: GPL-2.0 */
/* A VHD image that names another parent, or its parent in another place. */
#ifndef VHDX_TOOLS_VHD_RELINK_H
#define VHDX_TOOLS_VHD_RELINK_H

#include "vhd-layer.h"
#include "vhd-parent.h"

int vhd_relink_mend(struct vhd_layer *layer);
int vhd_relink(struct vhd_layer *layer, const struct vhd_parent *parent);

#endif /* VHDX_TOOLS_VHD_RELINK_H */
