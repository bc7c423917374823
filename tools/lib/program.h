/* SPDX-License-Identifier: GPL-2.0 */
/* Other programs, and what they say. */
#ifndef VHDX_TOOLS_PROGRAM_H
#define VHDX_TOOLS_PROGRAM_H

#include <stddef.h>

int program_run(const char *const argv[], char *said, size_t size);

#endif /* VHDX_TOOLS_PROGRAM_H */
