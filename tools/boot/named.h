/* SPDX-License-Identifier: GPL-2.0 */
/* Images that are attached at boot. */
#ifndef VHDX_TOOLS_NAMED_H
#define VHDX_TOOLS_NAMED_H

#include <stdbool.h>

bool named_at_boot(const char *path);

#endif /* VHDX_TOOLS_NAMED_H */
