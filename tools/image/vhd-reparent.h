/* SPDX-License-Identifier: GPL-2.0 */
/* What a VHD image has to get so that its disk stays as it is with another parent. */
#ifndef VHDX_TOOLS_VHD_REPARENT_H
#define VHDX_TOOLS_VHD_REPARENT_H

#include "disk.h"
#include "merge.h"

/**
 * struct vhd_reparent - what another parent takes
 * @old: the image with its parents as they are, the leaf open for writing
 * @new: its parent to be, with its own parents
 * @merge: what is going to be written
 * @zeros: where zeros come from
 * @window: start of the block that @differs is about, in bytes; ~0: none
 * @differs: a bit for each sector of that: it has to be copied
 * @buf: for comparing
 */
struct vhd_reparent {
	struct disk *old;
	struct disk *new;
	struct merge merge;
	struct image zeros;
	u64 window;
	u8 *differs;
	u8 *buf;
};

int vhd_reparent_look(struct vhd_reparent *reparent);
int vhd_reparent_copy(struct vhd_reparent *reparent);
void vhd_reparent_free(struct vhd_reparent *reparent);

#endif /* VHDX_TOOLS_VHD_REPARENT_H */
