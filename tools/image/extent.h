/* SPDX-License-Identifier: GPL-2.0 */
/* How far an image reaches in its file, and how far it may come to reach. */
#ifndef VHDX_TOOLS_EXTENT_H
#define VHDX_TOOLS_EXTENT_H

#include "extent-grow.h"

int extent_load(struct extent *extent, struct image *image);
u64 extent_data_end(const struct image *image, u64 from);
int extent_reserve(const struct image *image, const struct hostfs *host);
int extent_trim(struct image *image);
int extent_settle(struct image *image, bool solid);

#endif /* VHDX_TOOLS_EXTENT_H */
