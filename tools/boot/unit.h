/* SPDX-License-Identifier: GPL-2.0 */
/* What systemd's unit files say and how units are called. */
#ifndef VHDX_TOOLS_UNIT_H
#define VHDX_TOOLS_UNIT_H

#include <stdbool.h>
#include <stdio.h>

#define UNIT_NAME	256	/* with the terminating NUL, as in systemd */

bool unit_name(char unit[UNIT_NAME], const char *prefix, const char *text,
	       const char *suffix);
bool unit_name_path(char unit[UNIT_NAME], const char *path,
		    const char *suffix);
void unit_print_path(FILE *file, const char *path);

#endif /* VHDX_TOOLS_UNIT_H */
