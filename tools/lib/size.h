/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes as people write and read them. */
#ifndef VHDX_TOOLS_SIZE_H
#define VHDX_TOOLS_SIZE_H

#include "vhdx-shim.h"

/* Long enough for every size_text(). */
#define SIZE_TEXT	32

int size_parse(const char *text, u64 *bytes);
const char *size_text(char buf[SIZE_TEXT], u64 bytes);
void size_text_two(char a_buf[SIZE_TEXT], u64 a, char b_buf[SIZE_TEXT], u64 b);
const char *size_argument(char buf[SIZE_TEXT], u64 bytes);

static inline u64 round_up_u64(u64 value, u64 unit)
{
	return (value + unit - 1) / unit * unit;
}

#endif /* VHDX_TOOLS_SIZE_H */
