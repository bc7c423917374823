/* SPDX-License-Identifier: GPL-2.0 */
/* Where the program runs. */
#ifndef VHDX_TOOLS_INITRAMFS_H
#define VHDX_TOOLS_INITRAMFS_H

#include <stdbool.h>

bool initramfs_is_this(void);

#endif /* VHDX_TOOLS_INITRAMFS_H */
