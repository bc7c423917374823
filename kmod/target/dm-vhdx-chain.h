/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A chain: a leaf and its parents.  The leaf is the target's image, which can be
 * written; parents are only read.
 *
 * At load the in-core BAT of the leaf becomes a map of the chain (vhdx-resolve.h):
 * where the leaf leaves a block to its parents, the entry says what they make of
 * it.  One that is full in a parent is remapped to that parent's device.  One in
 * parts is looked up in a tile (dm-vhdx-tile.c).
 */
#ifndef DM_VHDX_CHAIN_H
#define DM_VHDX_CHAIN_H

#include <linux/bio.h>
#include <linux/hashtable.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/shrinker-alloc.h"
#include "dm-vhdx-image.h"
#include "dm-vhdx-registry.h"
#include "vhdx-resolve.h"

struct vhdx_target;
struct vhdx_tile;

/* ------------------------------------------------------------------------
 * dm-vhdx-layer.c: images that are only read, shared by all tables
 */

/**
 * struct vhdx_layer - a parent's image, loaded once for all that use it
 * @list: all of them, but for those that are out of date
 * @dev: its device
 * @users: how many have it
 * @lock: loading, and use of the image's buffers
 * @image: the image, read-only
 */
struct vhdx_layer {
	struct list_head list;
	dev_t dev;
	unsigned int users;
	struct mutex lock;	/* see above */
	struct vhdx_image image;
};

int vhdx_layer_get(struct block_device *bdev, bool is_vhd,
		   const struct vhdx_user *user, struct vhdx_layer **layer,
		   const char **error);
void vhdx_layer_put(struct vhdx_layer *layer);
int vhdx_layer_changed(struct vhdx_layer *layer, bool *changed);

/* ------------------------------------------------------------------------
 * dm-vhdx-bits.c: sector bitmaps of a leaf that is written
 */

/**
 * struct vhdx_bits - 4 KiB of a sector bitmap of the leaf, in core; of VHD 512 bytes
 * @hash: of the chain, by @off
 * @list: of the chain, oldest first
 * @off: where they are in the image, in bytes
 * @changes: so many transactions change them
 * @opened: the log that has them, by number, ...
 * @pos: ... and where
 * @data: the bits
 */
struct vhdx_bits {
	struct hlist_node hash;
	struct list_head list;
	u64 off;
	u32 changes;
	u32 opened;
	u64 pos;
	void *data;
};

#define VHDX_BITS_HASH_BITS	12

/* So many bytes of a sector bitmap are in core, and are written, at once. */
static inline u32 vhdx_bits_bytes(const struct vhdx_image *image)
{
	return image->is_vhd ? VHD_SECTOR : VHDX_SECTOR;
}

/* ------------------------------------------------------------------------
 * dm-vhdx-chain.c
 */

/**
 * struct vhdx_parent - a parent that the table names
 * @path: as it does, until it is open
 * @dev: dm's
 * @bdev: the device
 * @user: the table's use of it
 * @layer: its image, while the target's is loaded
 */
struct vhdx_parent {
	const char *path;
	struct dm_dev *dev;
	struct block_device *bdev;
	struct vhdx_user user;
	struct vhdx_layer *layer;
};

/**
 * struct vhdx_source - a layer, as whoever reads from it sees it
 * @image: its image
 * @bat: in-core entries of its blocks; the leaf's is the map
 * @base_mib: where it starts in the joint space
 * @block_shift: log2 of its block size in 512-byte sectors
 */
struct vhdx_source {
	struct vhdx_image *image;
	const u32 *bat;
	u32 base_mib;
	u8 block_shift;
};

/**
 * struct vhdx_chain - the parents of a target's image
 * @vt: the target
 * @nr_parents: how many
 * @parents: closest first
 * @wq: for reads that have to wait
 * @work: does them
 * @leaf_was: the leaf's header, when it was looked at before it was loaded anew
 * @source: layers, leaf first; this and what follows is of a loaded one
 * @segment: which of them owns each segment of the joint space
 * @layers: the same for the format code
 * @resolve: the chain, in units of a MiB
 * @part: room for all layers' parts in a unit; this and what follows is the
 *        read work's
 * @bits: for each layer 4 KiB of its sector bitmaps
 * @bits_off: where in its image, 0: nowhere
 * @leaf_gone: @bits_gone when the leaf's were read
 * @bad_layer: a parent whose bits could not be read for the tile that is being made;
 *             0: none
 * @below: of VHD, for each block in the tile that is being made: what parents have
 * @scratch: the tile that is being made, with an entry for each sector
 * @bounce: for reads that it does itself
 * @tiles: by MiB of the disk
 * @shrinker: gives them back
 * @nr_tiles: how many; protected by the lock of @tiles
 * @cursor: where to look for one to be given back; likewise
 * @bits_hash: sector bitmaps of a leaf that is written; this and what follows is
 *             protected by the publish mutex
 * @bits_list: the same, oldest first
 * @nr_bits: how many
 * @bits_gone: how many were given back since the target was made, or have moved
 * @nr_bad: places for a sector bitmap that were no good, and are taken
 * @bits_pool: memory for them
 * @page_pool: likewise
 */
struct vhdx_chain {
	struct vhdx_target *vt;
	u32 nr_parents;
	struct vhdx_parent *parents;
	struct workqueue_struct *wq;
	struct work_struct work;
	struct vhdx_header leaf_was;
	struct vhdx_source *source;
	u8 *segment;
	struct vhdx_resolve_layer *layers;
	struct vhdx_resolve resolve;
	struct vhdx_part *part;
	void *bits;
	u64 *bits_off;
	u64 leaf_gone;
	u32 bad_layer;
	u32 below[(1 << 20) / VHD_MIN_BLOCK];
	struct vhdx_tile *scratch;
	void *bounce;
	struct xarray tiles;
	struct vhdx_shrinker shrinker;
	unsigned long nr_tiles;
	unsigned long cursor;
	DECLARE_HASHTABLE(bits_hash, VHDX_BITS_HASH_BITS);
	struct list_head bits_list;
	unsigned long nr_bits;
	u64 bits_gone;
	u32 nr_bad;
	mempool_t bits_pool;
	mempool_t page_pool;
};

#define VHDX_BOUNCE_BYTES	SZ_64K

int vhdx_chain_add(struct vhdx_target *vt, const char *path, char **error);
int vhdx_chain_open(struct vhdx_target *vt, char **error);
int vhdx_chain_register(struct vhdx_target *vt, char **error);
void vhdx_chain_free(struct vhdx_target *vt);
bool vhdx_chain_is_live(struct vhdx_target *vt);
int vhdx_chain_load(struct vhdx_target *vt, const char **error);
void vhdx_chain_unload(struct vhdx_target *vt);
int vhdx_chain_changed(struct vhdx_target *vt, bool *changed);

int vhdx_bits_init(struct vhdx_chain *chain);
void vhdx_bits_exit(struct vhdx_chain *chain);
void vhdx_bits_drop(struct vhdx_chain *chain);
struct vhdx_bits *vhdx_bits_find(struct vhdx_chain *chain, u64 off);
unsigned long vhdx_bits_shrink(struct vhdx_chain *chain, unsigned long count);
int vhdx_bits_add_bitmap(struct vhdx_target *vt, u32 chunk);
int vhdx_bits_load(struct vhdx_target *vt, u32 block, u64 off);
bool vhdx_bits_evict(struct vhdx_chain *chain, u32 mib);
bool vhdx_bits_are_held(const struct vhdx_target *vt, u32 block);
void vhdx_bits_bad_place(struct vhdx_target *vt, u32 mib);
void vhdx_bits_set(struct vhdx_target *vt, struct vhdx_bits *bits, u32 first,
		   u32 end);
bool vhdx_bits_all_set(struct vhdx_target *vt, struct vhdx_bits *bits, u32 first,
		       u32 end);

/* ------------------------------------------------------------------------
 * dm-vhdx-tile.c: which layer has which sectors
 */

/**
 * struct vhdx_route - where sectors of the disk come from
 * @image: from this one; NULL: they are zeros
 * @sector: from there on, on its device
 * @run: so many
 */
struct vhdx_route {
	struct vhdx_image *image;
	sector_t sector;
	unsigned int run;
};

/* In a tile: no layer has it; who does cannot be told, which is never kept. */
#define VHDX_TILE_ZEROS		0xffff
#define VHDX_TILE_BAD		0xfffe

int vhdx_tiles_init(struct vhdx_chain *chain);
void vhdx_tiles_exit(struct vhdx_chain *chain);
void vhdx_tiles_drop(struct vhdx_chain *chain);
bool vhdx_tile_route(struct vhdx_target *vt, sector_t sector,
		     unsigned int sectors, struct vhdx_route *route);
bool vhdx_tile_is_leaf(struct vhdx_target *vt, sector_t sector,
		       unsigned int sectors);
void vhdx_tile_set(struct vhdx_target *vt, sector_t sector,
		   unsigned int sectors);
int vhdx_tile_make(struct vhdx_target *vt, sector_t sector,
		   unsigned int sectors, struct vhdx_route *route);

/* ------------------------------------------------------------------------
 * dm-vhdx-part.c: writes to blocks in parts
 */

int vhdx_part_map(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		  u32 e);
int vhdx_part_begin(struct vhdx_target *vt, u32 block);
void vhdx_part_remember(struct bio *bio, u32 e);
void vhdx_part_remap(struct vhdx_target *vt, struct bio *bio, u32 e);
void vhdx_part_landed(struct vhdx_target *vt, struct bio *bio);
void vhdx_part_publish(struct vhdx_target *vt, struct bio_list *landed);

#endif /* DM_VHDX_CHAIN_H */
