/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image and what it lies on: the backing device, lack of space there, the
 * overlay of a dirty log.  Nothing in here knows of a target.
 */
#ifndef DM_VHDX_IMAGE_H
#define DM_VHDX_IMAGE_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "dm-vhd.h"
#include "vhdx-load.h"

struct dm_target;

/* ------------------------------------------------------------------------
 * dm-vhdx-io.c: metadata I/O on the backing device
 */

/**
 * struct vhdx_backing - a backing device, as far as metadata I/O needs it
 * @bdev: the device
 * @is_dm: it is a mapped device
 * @no_unmap: zero without unmapping: its space was given to it for good
 * @bios: what our own I/O is made of
 */
struct vhdx_backing {
	struct block_device *bdev;
	bool is_dm;
	bool no_unmap;
	struct bio_set bios;
};

/**
 * struct vhdx_io_batch - writes that are under way at once
 * @left: not completed, and one for who waits
 * @status: of one that has failed
 * @done: all are completed
 */
struct vhdx_io_batch {
	atomic_t left;
	blk_status_t status;
	struct completion done;
};

int vhdx_io_init(struct vhdx_backing *backing, struct block_device *bdev);
void vhdx_io_exit(struct vhdx_backing *backing);
u64 vhdx_io_bytes(const struct vhdx_backing *backing);
u32 vhdx_io_logical_bytes(const struct vhdx_backing *backing);
bool vhdx_io_cached(const struct vhdx_backing *backing);
bool vhdx_io_fua(const struct vhdx_backing *backing);
int vhdx_io_read(struct vhdx_backing *backing, u64 off, void *buf,
		 size_t bytes);
int vhdx_io_write(struct vhdx_backing *backing, u64 off, const void *buf,
		  size_t bytes);
void vhdx_io_batch_init(struct vhdx_io_batch *batch);
void vhdx_io_batch_write(struct vhdx_io_batch *batch,
			 struct vhdx_backing *backing, u64 off,
			 const void *buf, u32 bytes);
int vhdx_io_batch_wait(struct vhdx_io_batch *batch);
int vhdx_io_zero(struct vhdx_backing *backing, u64 off, u64 bytes, bool unmap);
u64 vhdx_io_batch_discard(struct vhdx_io_batch *batch,
			  struct vhdx_backing *backing, u64 off, u64 bytes,
			  u32 most);
bool vhdx_io_discards(const struct vhdx_backing *backing);
int vhdx_io_flush(struct vhdx_backing *backing);

/**
 * vhdx_io_discard_piece() - how much of a range is discarded with one bio
 * @off: bytes from the start of the device
 * @bytes: how many
 * @most: where it may be cut: a multiple of this many bytes, or of a few more, if
 *        the device's granularity does not divide it
 * @granularity: the device's, in bytes; may be 0
 * @alignment: where on the device the first of its units begins
 *
 * Pieces end where one of those units does: what is at either side of any other place
 * the device would leave as it is.
 *
 * Context: any.
 * Return: bytes, not 0 unless @bytes is.
 */
static inline u64 vhdx_io_discard_piece(u64 off, u64 bytes, u32 most, u32 granularity,
					u32 alignment)
{
	u64 unit = max_t(u64, granularity, SECTOR_SIZE);
	u64 step = div64_u64(most + unit - 1, unit) * unit;
	u64 from = off + step - alignment % (u32)unit;

	from -= div64_u64(from, step) * step;
	/* What a bio takes; a unit is not larger. */
	return min3(bytes, step - from, (u64)U32_MAX & ~(u64)(SECTOR_SIZE - 1));
}

/* ------------------------------------------------------------------------
 * dm-vhdx-nospace.c: lack of space, and waiting for it
 */

#define VHDX_NOSPACE_POLL_MS	1000

/**
 * struct vhdx_nospace - one kind of lack of space
 * @lock: protects @lacking, @over, @deadline, @last
 * @lacking: something waits for space, or has failed for lack of it
 * @over: it has waited long enough
 * @deadline: jiffies
 * @last: jiffies, when something last found none
 * @fail_at_once: the table says error_if_no_space
 * @hurry: metadata does not wait: suspended, or about to be
 * @wait: for @hurry
 * @on_wait: called with @ti whenever metadata waits; or NULL
 * @ti: the target
 * @what: clause for the kernel log
 */
struct vhdx_nospace {
	spinlock_t lock;	/* see above */
	bool lacking;
	bool over;
	unsigned long deadline;
	unsigned long last;
	bool fail_at_once;
	bool hurry;
	wait_queue_head_t wait;
	void (*on_wait)(struct dm_target *ti);
	struct dm_target *ti;
	const char *what;
};

void vhdx_nospace_init(struct vhdx_nospace *ns, struct dm_target *ti,
		       const char *what);
void vhdx_nospace_reset(struct vhdx_nospace *ns);
bool vhdx_nospace_lack(struct vhdx_nospace *ns, struct block_device *bdev);
void vhdx_nospace_found(struct vhdx_nospace *ns, struct block_device *bdev);
void vhdx_nospace_seen(struct vhdx_nospace *ns, struct block_device *bdev);
bool vhdx_nospace_wait(struct vhdx_nospace *ns, struct block_device *bdev);
void vhdx_nospace_hurry(struct vhdx_nospace *ns, bool hurry);

/* ------------------------------------------------------------------------
 * dm-vhdx-overlay.c: the changes of a dirty log, in memory
 */

/**
 * struct vhdx_overlay - changes to an image that are not on its device
 * @data: one 4 KiB buffer for each sector with new contents, by 4 KiB number;
 *        goes before @zero
 * @zero: disjoint ranges that read as zeros
 * @payload: something lies outside of the metadata, so payload reads have to
 *           look here too
 */
struct vhdx_overlay {
	struct xarray data;
	struct rb_root zero;
	bool payload;
};

void vhdx_overlay_init(struct vhdx_overlay *overlay);
void vhdx_overlay_clear(struct vhdx_overlay *overlay);
int vhdx_overlay_add_data(struct vhdx_overlay *overlay, u64 off,
			  const void *data);
int vhdx_overlay_add_zero(struct vhdx_overlay *overlay, u64 off, u64 bytes);
bool vhdx_overlay_sector(struct vhdx_overlay *overlay, u64 off,
			 const void **data);
void vhdx_overlay_patch(struct vhdx_overlay *overlay, u64 off, void *buf,
			u32 bytes);
int vhdx_overlay_write(struct vhdx_overlay *overlay,
		       struct vhdx_backing *backing);

/* ------------------------------------------------------------------------
 * dm-vhdx-image.c: an image as loaded from its backing device
 */

/* An image may ask for more memory than there is: nobody is killed for that. */
#define VHDX_LOAD_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct vhdx_image - a loaded image
 * @bat: in-core entry of each payload block
 * @backing: backing device
 * @writable: loaded as one that may be written
 * @parents: it may have a parent: its parents are known, or it is one itself
 * @is_vhd: it is to be a VHD image, not VHDX
 * @size_from: what tells the size of a VHD image's disk
 * @no_space: metadata that the device has no space for waits here; NULL: it
 *            fails
 * @header_buf: two header slots, so that writing them needs no memory
 * @flush_failed: a flush of the device has failed, so whatever had been written
 *                before may be lost; set once per loading, read without lock
 * @loaded: the fields below and @bat are valid
 * @settled: its header was written, and made durable, since it was loaded; of a VHD
 *           image: what was read then has been made durable
 * @flushes: of the device by vhdx_image_flush(), since it was loaded
 * @bytes: size of the backing device when last looked at
 * @max_mib: so many MiB of it @space can cover
 * @layout: headers, regions, metadata, geometry; of a VHD image what they have in
 *          common
 * @vhd: of a VHD image: the rest
 * @space: what is taken on the backing device
 * @overlay: the log's changes, until they are durable
 * @log_first: of a dirty log: where the entries begin that they are from, in bytes
 * @log_bytes: their length
 * @allocated_blocks: blocks that are present, wholly or in part
 * @bitmap: of a differencing image: MiB of each chunk's sector bitmap, or 0
 * @linkage: of a differencing image: what its parent's DataWriteGuid may be
 * @linkages: how many of them
 */
struct vhdx_image {
	u32 *bat;
	struct vhdx_backing backing;
	bool writable;
	bool parents;
	bool is_vhd;
	enum vhd_size_from size_from;
	struct vhdx_nospace *no_space;
	void *header_buf;
	bool flush_failed;
	bool loaded;
	bool settled;
	atomic64_t flushes;
	u64 bytes;
	u32 max_mib;
	struct vhdx_layout layout;
	struct vhd_image *vhd;
	struct vhdx_space space;
	struct vhdx_overlay overlay;
	u32 log_first;
	u32 log_bytes;
	u32 allocated_blocks;
	u32 *bitmap;
	guid_t linkage[2];
	u32 linkages;
};

int vhdx_image_init(struct vhdx_image *image, struct block_device *bdev,
		    bool writable);
void vhdx_image_exit(struct vhdx_image *image);
int vhdx_image_load(struct vhdx_image *image, const char **error);
void *vhdx_image_alloc(size_t n, size_t bytes);
void vhdx_image_unload(struct vhdx_image *image);
int vhdx_image_read(struct vhdx_image *image, u64 off, void *buf, u32 bytes);
int vhdx_image_changed(struct vhdx_image *image, bool *changed);
bool vhdx_image_grow(struct vhdx_image *image);
int vhdx_image_flush(struct vhdx_image *image);
bool vhdx_image_lacks_space(struct vhdx_image *image, int r, bool *lacked);
int vhdx_image_write(struct vhdx_image *image, u64 off, const void *buf,
		     size_t bytes);
int vhdx_image_write_header(struct vhdx_image *image, bool both);
int vhdx_image_replay(struct vhdx_image *image);

/* Has a flush failed since the image was loaded?  Then all of them do. */
static inline bool vhdx_flush_has_failed(const struct vhdx_image *image)
{
	return READ_ONCE(image->flush_failed);
}

#endif /* DM_VHDX_IMAGE_H */
