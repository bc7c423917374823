/* SPDX-License-Identifier: GPL-2.0 */
/* What commands do with an image of the older format, VHD. */
#ifndef VHDX_TOOLS_VHD_H
#define VHDX_TOOLS_VHD_H

#include "command.h"
#include "image.h"
#include "output.h"
#include "vhd-format.h"

/**
 * struct create_vhd - options of 'vhdx create --format vhd'
 * @parent: file of the parent, or NULL
 * @exact: the size need not be whole MiB
 * @azure: what Azure takes
 * @fixed: --type
 * @have_type: it was given
 * @disk_bytes: size of the disk; 0 if it was not given
 * @block_bytes: size of a block; 0 if it was not given
 * @format: what comes of them
 */
struct create_vhd {
	const char *parent;
	bool exact;
	bool azure;
	bool fixed;
	bool have_type;
	u64 disk_bytes;
	u64 block_bytes;
	struct vhd_format format;
};

void create_vhd_settle(const struct command *self, const struct create_vhd *vhd);
int create_vhd_prepare(struct create_vhd *vhd, const char *path);
void create_vhd_print(const struct create_vhd *vhd, struct output *out);
int info_vhd(struct image *image, bool json);

#endif /* VHDX_TOOLS_VHD_H */
