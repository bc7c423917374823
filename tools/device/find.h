/* SPDX-License-Identifier: GPL-2.0 */
/* The mapping that a user means. */
#ifndef VHDX_TOOLS_FIND_H
#define VHDX_TOOLS_FIND_H

#include "mapping.h"

int find_image(const char *path, struct mapping *disk);
int find_leaf(const char *what, struct mapping *disk);
int find_mapping(const char *what, struct mapping *disk);

#endif /* VHDX_TOOLS_FIND_H */
