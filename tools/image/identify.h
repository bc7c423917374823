/* SPDX-License-Identifier: GPL-2.0 */
/* What a file is that is no VHDX image. */
#ifndef VHDX_TOOLS_IDENTIFY_H
#define VHDX_TOOLS_IDENTIFY_H

#include "image.h"

bool identify_is_lost(const struct image *image);
bool identify_refuse_vhd(const struct image *image);
bool identify_is_foreign(const struct image *image, int result);
bool identify_begins(const char *path);
void identify_complain(const struct image *image, int result);

#endif /* VHDX_TOOLS_IDENTIFY_H */
