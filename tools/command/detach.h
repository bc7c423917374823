/* SPDX-License-Identifier: GPL-2.0 */
/* vhdx detach, for other commands. */
#ifndef VHDX_TOOLS_DETACH_H
#define VHDX_TOOLS_DETACH_H

#include <stdbool.h>

bool detach_name(const char *name, bool verbose);

#endif /* VHDX_TOOLS_DETACH_H */
