/* SPDX-License-Identifier: GPL-2.0 */
/* The directory that kernels of an image are copied to, for GRUB. */
#ifndef VHDX_TOOLS_BOOTDIR_H
#define VHDX_TOOLS_BOOTDIR_H

#include "grub.h"

#define BOOTDIR_SUFFIX	".boot"

/**
 * struct bootdir - the directory
 * @path: where it is
 * @title: what the image is called in GRUB's menu
 * @parameters: of its kernels
 */
struct bootdir {
	char path[PATH_MAX];
	char title[GRUB_TITLE];
	char parameters[GRUB_PARAMETERS];
};

int bootdir_load(struct bootdir *bootdir);
int bootdir_update(const struct bootdir *bootdir, const char *boot);
int bootdir_remove(const struct bootdir *bootdir);

#endif /* VHDX_TOOLS_BOOTDIR_H */
