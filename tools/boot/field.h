/* SPDX-License-Identifier: GPL-2.0 */
/* Fields of tables in /etc, with escapes as in fstab(5). */
#ifndef VHDX_TOOLS_FIELD_H
#define VHDX_TOOLS_FIELD_H

#include <stdbool.h>
#include <stddef.h>

const char *field_decode(char *to, size_t size, const char *from,
			 size_t length);

#endif /* VHDX_TOOLS_FIELD_H */
