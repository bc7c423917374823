/* SPDX-License-Identifier: GPL-2.0 */
/* What GRUB reads. */
#ifndef VHDX_TOOLS_GRUB_H
#define VHDX_TOOLS_GRUB_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "kernels.h"

#define GRUB_UUID	64
#define GRUB_TITLE	256
#define GRUB_PARAMETERS	2048

/**
 * struct grub_place - a directory as GRUB finds it
 * @uuid: of the file system
 * @type: of it, as blkid has it
 * @dir: the directory, from the root of the file system on
 * @lvm: it is on LVM
 * @raid: it is on a RAID of Linux
 * @hidden: why GRUB cannot read it: "in ..."; NULL: it can
 */
struct grub_place {
	char uuid[GRUB_UUID];
	char type[32];
	char dir[PATH_MAX];
	bool lvm;
	bool raid;
	const char *hidden;
};

int grub_place(struct grub_place *place, const char *dir);
void grub_print_kernel(FILE *file, const struct grub_place *place,
		       const struct kernel *kernel, const char *title,
		       const char *parameters);
void grub_print_menu(FILE *file, const struct grub_place *place,
		     const char *title);
int grub_replace(const char *path, const struct grub_place *place,
		 const char *title);
bool grub_has(const char *path, const struct grub_place *place);

#endif /* VHDX_TOOLS_GRUB_H */
