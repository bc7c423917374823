/* SPDX-License-Identifier: GPL-2.0 */
/* What is in an initramfs. */
#ifndef VHDX_TOOLS_RAMFS_H
#define VHDX_TOOLS_RAMFS_H

#include <stdbool.h>

/**
 * struct ramfs - what an initramfs has for us
 * @files: how many there are
 * @tool: the program "vhdx"
 * @module: the module "dm-vhdx"
 * @scripts: what runs the program, of initramfs-tools or dracut
 */
struct ramfs {
	unsigned long files;
	bool tool;
	bool module;
	bool scripts;
};

int ramfs_look(struct ramfs *ramfs, const char *path);

#endif /* VHDX_TOOLS_RAMFS_H */
