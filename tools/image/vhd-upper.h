/* SPDX-License-Identifier: GPL-2.0 */
/* A new VHD image that has what some layers of a chain have, and the next one as its parent. */
#ifndef VHDX_TOOLS_VHD_UPPER_H
#define VHDX_TOOLS_VHD_UPPER_H

#include "copy.h"
#include "newchild.h"

/**
 * struct vhd_upper - what is to be one image
 * @job: its @chain, from vhd_chain_open(), @layers, fewer than all, @path and @force; takes
 *       what was copied
 * @child: what the new image is like
 */
struct vhd_upper {
	struct copy_job job;
	struct newchild child;
};

int vhd_upper_create(struct vhd_upper *upper);
void vhd_upper_free(struct vhd_upper *upper);

#endif /* VHDX_TOOLS_VHD_UPPER_H */
