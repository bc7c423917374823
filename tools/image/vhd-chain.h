/* SPDX-License-Identifier: GPL-2.0 */
/* A VHD image and all its parents. */
#ifndef VHDX_TOOLS_VHD_CHAIN_H
#define VHDX_TOOLS_VHD_CHAIN_H

#include "chain.h"
#include "vhd-image.h"

int vhd_chain_find(struct parent *parent, const struct vhd_image *vhd,
		   const struct parent_search *search);
int vhd_chain_open_known(struct chain *chain, char *const *path,
			 unsigned int count);
int vhd_chain_take(struct chain *chain, const char *path, int fd);
int vhd_chain_open(struct chain *chain, const char *path,
		   enum image_mode mode, const struct parent_search *search);
int vhd_chain_open_alone(struct chain *chain, const char *path,
			 enum image_mode mode);

#endif /* VHDX_TOOLS_VHD_CHAIN_H */
