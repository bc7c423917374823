/* SPDX-License-Identifier: GPL-2.0 */
/* Mending a VHD image: what needs no guess, and what is lost. */
#ifndef VHDX_TOOLS_VHD_REPAIR_H
#define VHDX_TOOLS_VHD_REPAIR_H

#include "salvage.h"
#include "vhd-audit.h"

/**
 * struct vhd_fix - a block that gets another BAT entry, or more space
 * @block: its number
 * @from: its BAT entry
 * @to: the new one
 */
struct vhd_fix {
	u32 block;
	u32 from;
	u32 to;
};

/**
 * struct vhd_salvage - what is to be done about blocks
 * @vhd: the image
 * @end: where the image is going to end, but for its footer
 * @fix: blocks whose entries are wrong
 * @count: how many
 * @room: for how many there is memory
 * @denied: there are sectors whose bits are to be set
 */
struct vhd_salvage {
	struct vhd_image *vhd;
	u64 end;
	struct vhd_fix *fix;
	size_t count;
	size_t room;
	bool denied;
};

int vhd_repair_rename(struct vhd_image *vhd, const guid_t *id);
int vhd_repair_footer(struct vhd_image *vhd, u64 end);
int vhd_repair_mend(struct vhd_image *vhd, u64 end);
int vhd_repair_trim(struct vhd_image *vhd, u64 end);
int vhd_repair_batmap(struct vhd_image *vhd);
int vhd_repair(const struct audit *audit, struct vhd_image *vhd);
int vhd_salvage_look(struct vhd_salvage *plan, struct salvage *salvage,
		     const struct audit *audit, struct vhd_image *vhd);
int vhd_salvage_write(struct vhd_salvage *plan);
void vhd_salvage_free(struct vhd_salvage *plan);

#endif /* VHDX_TOOLS_VHD_REPAIR_H */
