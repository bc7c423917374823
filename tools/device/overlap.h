/* SPDX-License-Identifier: GPL-2.0 */
/* Do two devices, or a device and a file, have space in common? */
#ifndef VHDX_TOOLS_OVERLAP_H
#define VHDX_TOOLS_OVERLAP_H

#include <stdbool.h>
#include <sys/stat.h>

bool overlap_find(dev_t dev, const struct stat *st);

#endif /* VHDX_TOOLS_OVERLAP_H */
