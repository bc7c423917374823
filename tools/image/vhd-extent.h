/* SPDX-License-Identifier: GPL-2.0 */
/* How far a VHD image reaches in its file, and how far it may come to reach. */
#ifndef VHDX_TOOLS_VHD_EXTENT_H
#define VHDX_TOOLS_VHD_EXTENT_H

#include "extent-grow.h"

int vhd_extent_load(struct extent *extent, struct image *image);
int vhd_extent_grow(const struct extent *extent, struct image *image,
		    const struct hostfs *host, bool *steps);
int vhd_extent_trim(struct image *image);

#endif /* VHDX_TOOLS_VHD_EXTENT_H */
