/* SPDX-License-Identifier: GPL-2.0 */
/* What is where in a VHD image and its parents. */
#ifndef VHDX_TOOLS_VHD_LAYER_H
#define VHDX_TOOLS_VHD_LAYER_H

#include "chain.h"
#include "vhd-image.h"

#define VHD_LAYER_NO_BLOCK	(~0U)

/**
 * struct vhd_layer - a VHD image of a chain
 * @vhd: the image
 * @bat: where each of its blocks is, in sectors; 0: nowhere
 * @block: whose bitmap is in @vhd; VHD_LAYER_NO_BLOCK: none
 */
struct vhd_layer {
	struct vhd_image vhd;
	u32 *bat;
	u32 block;
};

int vhd_layers_load(struct vhd_layer **layers, struct chain *chain);
int vhd_layers_run(struct vhd_layer *layers, unsigned int count, u64 at,
		   u64 *end, struct image **image, u64 *off);
void vhd_layers_free(struct vhd_layer *layers, unsigned int count);

#endif /* VHDX_TOOLS_VHD_LAYER_H */
