/* SPDX-License-Identifier: GPL-2.0 */
/* Which MiB of the backing device are taken: overlaps and free space. */
#ifndef VHDX_SPACE_H
#define VHDX_SPACE_H

#include "vhdx-shim.h"

/**
 * struct vhdx_space - map of the image's space in units of 1 MiB
 * @map: one bit per MiB, set where it is taken; BITS_TO_LONGS(@size) longs
 * @size: MiB of the backing device that the map covers
 * @taken: bits set
 * @end: all MiB from here on were never taken (high-water mark)
 */
struct vhdx_space {
	unsigned long *map;
	u32 size;
	u32 taken;
	u32 end;
};

bool vhdx_space_claim(struct vhdx_space *space, u64 mib, u64 count);
void vhdx_space_release(struct vhdx_space *space, u32 mib, u32 count);
u32 vhdx_space_find(const struct vhdx_space *space, u32 start, u32 count);

#endif /* VHDX_SPACE_H */
