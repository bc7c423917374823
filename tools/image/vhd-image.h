/* SPDX-License-Identifier: GPL-2.0 */
/* A VHD image, read by the format code. */
#ifndef VHDX_TOOLS_VHD_IMAGE_H
#define VHDX_TOOLS_VHD_IMAGE_H

#include "image.h"
#include "vhd-load.h"

/**
 * struct vhd_image - a VHD image, loaded
 * @image: the file or device that holds it
 * @layout: the image but for its BAT
 * @space: who has which space
 * @bitmap: memory for the bitmap of a block
 */
struct vhd_image {
	struct image *image;
	struct vhd_layout layout;
	struct vhd_space space;
	u8 *bitmap;
};

bool vhd_image_is(const struct image *image);
bool vhd_image_is_at(const char *path);
int vhd_image_load(struct vhd_image *vhd, struct image *image);
void vhd_image_describe(struct image *image, const struct vhd_layout *vhd);
int vhd_image_load_bat(struct vhd_image *vhd, vhd_bat_visit_fn visit,
		       void *arg);
int vhd_image_bitmap(const struct vhd_image *vhd, u32 sector);
int vhd_image_locator(const struct vhd_image *vhd, unsigned int index,
		      char **path);
char *vhd_image_parent_name(const struct vhd_image *vhd);
const char *vhd_image_type(const struct vhd_image *vhd);
void vhd_image_free(struct vhd_image *vhd);

/* The image's identity, as people see it: the bytes in their order. */
#define VHD_ID_TEXT	37
const char *vhd_image_id(char text[VHD_ID_TEXT], const guid_t *id);

#endif /* VHDX_TOOLS_VHD_IMAGE_H */
