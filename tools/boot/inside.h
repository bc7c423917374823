/* SPDX-License-Identifier: GPL-2.0 */
/* The system in an image, looked at without starting it. */
#ifndef VHDX_TOOLS_INSIDE_H
#define VHDX_TOOLS_INSIDE_H

#include "attachment.h"
#include "grub.h"

#define INSIDE_MOUNTS	16

/**
 * struct inside - a system in an image
 * @image: attached read-only
 * @dir: what it is mounted below
 * @mounts: file systems that are mounted there, as 0, 1...
 * @uuid: of each
 * @btrfs: is it btrfs?
 * @root: which one is the root; -1: none
 * @subvolume: of that one; "": none
 * @boot: its /boot
 * @title: how it calls itself
 */
struct inside {
	struct attachment *image;
	char dir[64];
	unsigned int mounts;
	char uuid[INSIDE_MOUNTS][GRUB_UUID];
	bool btrfs[INSIDE_MOUNTS];
	int root;
	const char *subvolume;
	char boot[PATH_MAX];
	char title[GRUB_TITLE];
};

int inside_open(struct inside *inside, const char *path);
void inside_close(struct inside *inside);

#endif /* VHDX_TOOLS_INSIDE_H */
