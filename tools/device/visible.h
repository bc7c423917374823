/* SPDX-License-Identifier: GPL-2.0 */
/* Mappings of images, as far as anybody may see them. */
#ifndef VHDX_TOOLS_VISIBLE_H
#define VHDX_TOOLS_VISIBLE_H

#include "mapping.h"

typedef void (*visible_fn)(void *arg, const struct mapping *disk);

int visible_each(visible_fn visit, void *arg);

#endif /* VHDX_TOOLS_VISIBLE_H */
