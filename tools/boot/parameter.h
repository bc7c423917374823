/* SPDX-License-Identifier: GPL-2.0 */
/* rd.vhdx= on the kernel's command line. */
#ifndef VHDX_TOOLS_PARAMETER_H
#define VHDX_TOOLS_PARAMETER_H

#include "tab.h"

#define PARAMETER_FILE	"/proc/cmdline"

/**
 * struct parameters - what the kernel's command line says of images
 * @tab: those of rd.vhdx=, without line numbers
 * @off: there is rd.vhdx=0: the initramfs is to attach nothing
 */
struct parameters {
	struct tab tab;
	bool off;
};

const char *parameter_split(char *value, char *fields[TAB_FIELDS],
			    char *source, size_t size);
char *parameter_value(const char *path, const char *name);
int parameter_load(struct parameters *parameters, const char *path);

#endif /* VHDX_TOOLS_PARAMETER_H */
