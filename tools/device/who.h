/* SPDX-License-Identifier: GPL-2.0 */
/* Who uses a file or a block device, beside the kernel's own devices. */
#ifndef VHDX_TOOLS_WHO_H
#define VHDX_TOOLS_WHO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

const char *who_find(const struct stat *st, char *by, size_t size);

#endif /* VHDX_TOOLS_WHO_H */
