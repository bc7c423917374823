/* SPDX-License-Identifier: GPL-2.0 */
/* Text that may hold any bytes, such as the names of files. */
#ifndef VHDX_TOOLS_TEXT_H
#define VHDX_TOOLS_TEXT_H

#include <stdio.h>

char *text_utf8(const char *value);
char *text_printable(const char *value);
void text_print(FILE *to, const char *value);

#endif /* VHDX_TOOLS_TEXT_H */
