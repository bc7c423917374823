/* SPDX-License-Identifier: GPL-2.0 */
/* What mappings of images are called. */
#ifndef VHDX_TOOLS_NAME_H
#define VHDX_TOOLS_NAME_H

#include <stdbool.h>

#define NAME_MAX_CHARS	64	/* so that partitions and DM UUID fit, too */
#define NAME_ADVICE	"name it with up to 64 letters, digits or '#+-.:=@_'"

void name_from_path(const char *path, char name[NAME_MAX_CHARS + 1]);
bool name_is_good(const char *name);
int name_check(const char *name);

#endif /* VHDX_TOOLS_NAME_H */
