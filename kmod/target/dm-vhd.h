/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VHD images, in core.  What is there once for all formats is in dm-vhdx-image.h;
 * the layout of an image there has what both have in common: sizes of disk, blocks
 * and sectors.
 *
 * A block of a VHD image is at any sector, its bitmap in front of its data.  So its
 * in-core entry says only what is known of it; where it is, the image does.  Which
 * sectors it has is not read before somebody asks: until then it is in parts.
 */
#ifndef DM_VHD_H
#define DM_VHD_H

#include <linux/rcupdate.h>

#include "vhd-load.h"

/* Entries of the BAT in one of its sectors. */
#define VHD_BAT_PER_SECTOR	(VHD_SECTOR / (u32)sizeof(__be32))
/* One bitmap sector is about so many sectors of a block. */
#define VHD_BITS_PER_SECTOR	(8U * VHD_SECTOR)
/* What can be done about an image that has all the space it can have. */
#define VHD_NO_PLACE_ADVICE	"convert it to VHDX"

struct vhdx_chain;
struct vhdx_image;
struct vhdx_route;
struct vhdx_target;

/**
 * struct vhd_image - what a loaded VHD image has besides
 * @rcu: to free it: status lines look at it any time
 * @layout: footer, header, geometry
 * @place: sector of each block, 0 where there is none; NULL: a fixed image
 * @full: a bit for each block that is known to have all of its sectors; likewise
 * @footer: of an image that is written, as is what follows: the footer as it is on
 *	    the device, and a sector of set bits
 * @bat_tail: the last sector of the BAT that the disk needs, as it was loaded
 * @first: where the first slot is, in sectors
 * @stride: sectors from one to the next
 */
struct vhd_image {
	struct rcu_head rcu;
	struct vhd_layout layout;
	u32 *place;
	unsigned long *full;
	u8 *footer;
	__be32 *bat_tail;
	u64 first;
	u32 stride;
};

/* dm-vhd-image.c */
bool vhd_image_is(struct vhdx_image *image);
int vhd_image_load(struct vhdx_image *image, const char **error);
void vhd_image_unload(struct vhdx_image *image);
int vhd_image_changed(struct vhdx_image *image, bool *changed);

/* dm-vhd-space.c */
u64 vhd_slot_sector(const struct vhd_image *vhd, u32 slot);
u64 vhd_slot_end(const struct vhd_image *vhd, u32 slot);
bool vhd_space_ends(const struct vhdx_image *image);
int vhd_space_init(struct vhdx_image *image, u64 end);
u32 vhdx_image_end_mib(const struct vhdx_image *image);
u32 vhdx_image_mib(const struct vhdx_image *image, u64 bytes);
u32 vhd_footer_mib(const struct vhdx_image *image);
u64 vhd_image_sum(const struct vhdx_image *image);
int vhd_session_open(struct vhdx_target *vt);
void vhd_session_grow(struct vhdx_target *vt);
int vhd_write_bitmap(struct vhdx_target *vt, u32 slot);

/* dm-vhd-chain.c */
int vhd_chain_check_link(struct vhdx_image *child, struct vhdx_image *parent);
int vhd_chain_map(struct vhdx_target *vt);
void vhd_chain_route(const struct vhdx_target *vt, sector_t sector,
		     unsigned int sectors, u32 layer, struct vhdx_route *route);
int vhd_chain_fill(struct vhdx_chain *chain, u32 unit, u16 *layer);
bool vhd_chain_add_core(struct vhdx_target *vt, u32 unit, u16 *layer);
bool vhd_chain_settle(struct vhdx_target *vt, u32 unit);

/* dm-vhd-part.c */
unsigned int vhd_part_span(const struct vhdx_target *vt, sector_t sector,
			   unsigned int sectors, u64 *off, u32 *first);
unsigned int vhd_part_left(const struct vhdx_target *vt, sector_t sector);
int vhd_part_begin(struct vhdx_target *vt, u32 block, bool simply);

/* The most that a transaction changes. */
#define VHD_STORE_SECTORS	512U

/**
 * struct vhd_store - sectors of a transaction that is being written; the commit
 * work's
 * @nr: how many
 * @sector: where they are to go
 * @page: what they are
 */
struct vhd_store {
	u32 nr;
	u64 sector[VHD_STORE_SECTORS];
	void *page[DIV_ROUND_UP(VHD_STORE_SECTORS * VHD_SECTOR, PAGE_SIZE)];
};

/* dm-vhd-store.c */
int vhd_store_create(struct vhdx_target *vt);
void vhd_store_destroy(struct vhdx_target *vt);
void *vhd_store_stage(struct vhd_store *store, u64 sector);
void vhd_store_build(const struct vhdx_target *vt, u64 sector, __be32 *raw,
		     unsigned long *pending);
int vhd_store_write(struct vhdx_target *vt);
int vhd_store_rewrite(struct vhdx_target *vt);
void vhd_store_again(struct vhdx_target *vt);

/* dm-vhd-map.c */
void vhd_remap(const struct vhdx_target *vt, struct bio *bio, sector_t sector);
int vhd_map(struct dm_target *ti, struct bio *bio);

#endif /* DM_VHD_H */
