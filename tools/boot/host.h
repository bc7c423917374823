/* SPDX-License-Identifier: GPL-2.0 */
/* Mounting the file system that an image is in. */
#ifndef VHDX_TOOLS_HOST_H
#define VHDX_TOOLS_HOST_H

#include <stdbool.h>

int host_mount(const char *node, const char *dir, bool read_only);
int host_make_writable(const char *dir);

#endif /* VHDX_TOOLS_HOST_H */
