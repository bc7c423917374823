/* SPDX-License-Identifier: GPL-2.0 */
/* VHD images of any shape, and which of their sectors are there. */
#ifndef VK_LAYERS_H
#define VK_LAYERS_H

#include "vk-image.h"

/**
 * struct vhd_shape - a VHD image to be made
 * @number: of its device and its identity, as 0x10 and so on
 * @parent: likewise; 0: it has none
 * @fixed: it is just a disk
 * @block_bytes: size of a block
 * @sectors: size of the disk
 * @dev_mib: size of its device
 * @tail: it has a footer at the end, too
 * @batmap: it has a map of full blocks
 * @saved: its machine's state is saved
 * @has: a byte for each sector of the disk: it is there
 * @place: where each block is; 0: nowhere
 */
struct vhd_shape {
	u8 number;
	u8 parent;
	bool fixed;
	u32 block_bytes;
	u32 sectors;
	u32 dev_mib;
	bool tail;
	bool batmap;
	bool saved;
	u8 *has;
	u32 *place;
};

#define VHD_SHAPE_BAT_OFF	1536U

/**
 * struct vhd_mark - how each sector of an image's data begins
 * @sector: of the disk
 * @number: of the image
 */
struct vhd_mark {
	u32 sector;
	u32 number;
};

u32 vhd_shape_blocks(const struct vhd_shape *shape);
u32 vhd_shape_block_sectors(const struct vhd_shape *shape);
void vhd_shape_begin(struct kunit *test, struct vhd_shape *shape);
void vhd_shape_add(struct vhd_shape *shape, u32 sector, u32 end);
void vhd_shape_fill(struct vhd_shape *shape, struct rnd_state *rnd);
struct fake_dev *vhd_shape_make(struct vhd_shape *shape);
u64 vhd_shape_batmap_off(const struct vhd_shape *shape);
void vhd_mark(u8 *buf, u32 sector, u32 number);

#endif /* VK_LAYERS_H */
