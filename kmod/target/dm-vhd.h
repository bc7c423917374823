/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VHD images, in core.  What is there once for all formats is in dm-vhdx-image.h;
 * the layout of an image there has what both have in common: sizes of disk, blocks
 * and sectors.
 *
 * A block of a VHD image is at any sector, its bitmap in front of its data.  So its
 * in-core entry says only what is known of it; where it is, the image does.  Which
 * sectors it has is not read before somebody asks: until then it is in parts.
 */
#ifndef DM_VHD_H
#define DM_VHD_H

#include "vhd-load.h"

struct vhdx_chain;
struct vhdx_image;
struct vhdx_route;
struct vhdx_target;

/**
 * struct vhd_image - what a loaded VHD image has besides
 * @layout: footer, header, geometry
 * @place: sector of each block, 0 where there is none; NULL: a fixed image
 * @full: a bit for each block that is known to have all of its sectors; likewise
 */
struct vhd_image {
	struct vhd_layout layout;
	u32 *place;
	unsigned long *full;
};

/* dm-vhd-image.c */
bool vhd_image_is(struct vhdx_image *image);
int vhd_image_load(struct vhdx_image *image, const char **error);
void vhd_image_unload(struct vhdx_image *image);
int vhd_image_changed(struct vhdx_image *image, bool *changed);

/* dm-vhd-chain.c */
int vhd_chain_check_link(struct vhdx_image *child, struct vhdx_image *parent);
int vhd_chain_map(struct vhdx_target *vt);
void vhd_chain_route(const struct vhdx_target *vt, sector_t sector,
		     unsigned int sectors, u32 layer, struct vhdx_route *route);
int vhd_chain_fill(struct vhdx_chain *chain, u32 unit, u16 *layer, u16 nobody);
bool vhd_chain_settle(struct vhdx_target *vt, u32 unit);

/* dm-vhd-map.c */
int vhd_map(struct dm_target *ti, struct bio *bio);

#endif /* DM_VHD_H */
