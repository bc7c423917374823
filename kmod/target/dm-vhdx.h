/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-core structures of the vhdx target.
 *
 * Where a bio goes: vhdx_map() (dm-vhdx-map.c) sends reads and overwrites
 * straight to the backing device.  A write that needs space or a session goes on
 * to dm-vhdx-write.c, most by way of the worker; what changes a block is part of
 * a transaction (dm-vhdx-txn.c), which the commit work (dm-vhdx-commit.c) has
 * written to the log (dm-vhdx-log.c).
 *
 * Who may touch what:
 *
 *   vhdx_registry_mutex   the list of open images, and what tables leave
 *   vhdx_target.publish   the in-core BAT and the running transaction, which
 *                         change together; the map of space, what is known of
 *                         it, and blocks that are being prepared.  Readers of
 *                         an entry, nr_dirty or the map's numbers take one
 *                         READ_ONCE() without it
 *   vhdx_target.lock      the bio lists and what is declared below it, mode,
 *                         session, may_overwrite; taken in interrupts too
 *   vhdx_nospace.lock     that space is lacking, and how long
 *   worker only           opening of the session
 *   commit work only      the log while the session is open, and its closing
 *   suspended only        loading and replay: the worker does not run then, and
 *                         the commit work finds nothing to do
 *
 * The mode changes under vhdx_target.lock, so that may_overwrite is never true
 * in another mode than rw; whoever only looks at either takes one READ_ONCE().
 *
 * Lock order: publish, then one of the spinlocks.  No I/O is waited for under
 * any of them.  Worker and commit work wait for the backing device only (and for
 * space on it), never for each other: a write that finds no memory waits in a
 * list, and whoever frees some starts the worker again.
 */
#ifndef DM_VHDX_H
#define DM_VHDX_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/blk-mode.h"
#include "compat/srcu-down.h"
#include "dm-vhdx-chain.h"
#include "dm-vhdx-entry.h"
#include "dm-vhdx-image.h"
#include "dm-vhdx-log.h"
#include "dm-vhdx-registry.h"
#include "dm-vhdx-stats.h"
#include "dm-vhdx-txn.h"

#if BITS_PER_LONG != 64
#error "dm-vhdx takes a 64-bit kernel"
#endif

#define DM_MSG_PREFIX "vhdx"

/* ------------------------------------------------------------------------
 * The target
 */
enum vhdx_mode {
	VHDX_MODE_RW,
	VHDX_MODE_RO,		/* asked for, or a metadata write or a flush failed */
	VHDX_MODE_FAIL,		/* nothing can be trusted any more */
};

/**
 * enum vhdx_session - may the image be written?
 * @VHDX_SESSION_CLOSED: not before a session has been opened
 * @VHDX_SESSION_OPEN: yes, if the mode is rw
 * @VHDX_SESSION_CLOSING: the commit work is closing it: not before there is
 *                        another one
 */
enum vhdx_session {
	VHDX_SESSION_CLOSED,
	VHDX_SESSION_OPEN,
	VHDX_SESSION_CLOSING,
};

/**
 * struct vhdx_hook - what dm keeps for us beside a bio, used off the hot path
 * @end_io: the bio's own
 * @private: the bio's own
 * @arg: for whoever put the hook in
 * @iter: the bio's when it was hooked, as are @opf and @flags
 * @opf: likewise
 * @flags: likewise
 * @waited: it has found no space at the device; set by vhdx_defer()
 * @mib: of a write to a block in parts: where the block was
 * @flight: where blocks can be freed: what srcu_up_read() needs, or -1
 */
struct vhdx_hook {
	bio_end_io_t *end_io;
	void *private;
	void *arg;
	struct bvec_iter iter;
	blk_opf_t opf;
	unsigned short flags;
	bool waited;
	int flight;
	u32 mib;
};

/* Places that failed, to be tried last. */
#define VHDX_ASIDE	32

#define VHDX_PREPARING_HASH_BITS	7

/* A number that no block has. */
#define VHDX_NO_BLOCK	U32_MAX

/**
 * struct vhdx_target - a target of a table
 *
 * The first part is read on the hot path and hardly ever written.
 *
 * @bat: image's
 * @bdev: image's
 * @place: of a VHD image: its vhd->place
 * @bitmap_sectors: of a VHD image: sectors of a block in front of its data
 * @block_mask: block size in 512-byte sectors, less one
 * @block_shift: log2 of the block size in 512-byte sectors
 * @begin: first sector of the target in the mapped device
 * @may_overwrite: present blocks may be written right now: mode is rw and the
 *                 session is open, and does not doze
 * @frees: blocks can be freed, so bios have to be counted
 * @check_reads: reads have to look into the overlay, or out for blocks that are
 *               not committed and may be lost
 */
struct vhdx_target {
	u32 *bat;
	struct block_device *bdev;
	const u32 *place;
	sector_t block_mask;
	u8 block_shift;
	u8 bitmap_sectors;
	bool may_overwrite;
	bool check_reads;
	bool frees;
	sector_t begin;
	enum vhdx_mode mode;

	struct dm_target *ti;
	struct dm_dev *dev;
	struct vhdx_user user;
	struct vhdx_image image;
	struct vhdx_chain *chain;	/* NULL: the image has no parent */
	bool read_only;		/* the table asks for it */
	bool option_read_only;	/* by the option of that name */
	bool error_if_no_space;
	bool no_unmap;		/* zero without unmapping */
	bool commit_interval_set;
	bool no_discard;
	bool no_discard_passdown;
	bool ignore_parent_id;
	bool idle_close_set;
	bool stale;		/* load again at the next resume */
	unsigned int commit_interval_ms;
	unsigned int idle_close_ms;	/* 0: never */
	struct vhdx_nospace no_room;	/* on the backing device, for a block */
	struct vhdx_nospace no_place;	/* in the image, on whatever device */
	struct vhdx_nospace no_space;	/* below it, for what guests write */
	struct vhdx_nospace no_meta_space;	/* below it, for metadata */

	/* Protected by publish, as are the BAT and the map of space. */
	struct mutex publish;
	struct vhdx_txn txns[2];
	struct vhdx_txn *running;
	struct vhdx_txn *logging;	/* or NULL */
	unsigned int nr_dirty;	/* changes of blocks in both */
	unsigned int nr_preparing;	/* and being zeroed in place */
	DECLARE_HASHTABLE(preparing, VHDX_PREPARING_HASH_BITS);
	u32 moving;		/* a block, or VHDX_NO_BLOCK; see vhdx_is_moving() */
	u32 moving_chunk;	/* whose bits nobody changes: its sector bitmap moves; likewise */
	bool move_committed;	/* what its pending bit would say */
	u32 move_mib;		/* space that is taken for it, until the move ends; or 0 */
	bool move_busy;		/* somebody moves blocks */
	wait_queue_head_t move_wait;	/* for him to end */
	bool moves_held;	/* suspended, or about to be: nobody begins */
	struct list_head limbo;	/* freed, and durably so */
	atomic_t free_waiters;	/* for all of it to be free */
	u32 limbo_mib;		/* that, and transactions' */
	u32 zeroed_from_mib;	/* from here on and never used: zeros ... */
	u32 zeroed_to_mib;	/* ... up to here, the size when the table was made */
	u32 used_mib;		/* space below was taken by an image before */
	u32 cut_off_mib;	/* zeros were known up to here, but it was cut off */
	u32 space_hint;		/* no free space for a block below this MiB */
	bool low_space_told;
	u32 aside[VHDX_ASIDE];	/* taken, as it could not be written */
	unsigned int nr_aside;

	struct workqueue_struct *alloc_wq;	/* the worker, one at a time */
	struct workqueue_struct *prepare_wq;	/* blocks, a few at a time */
	struct workqueue_struct *commit_wq;	/* the commit work, likewise */
	struct workqueue_struct *free_wq;	/* the free work, likewise */
	struct work_struct worker;
	struct work_struct commit;
	struct work_struct free;
	struct srcu_struct flights;
	bool has_flights;
	bool pass_down;		/* discards */
	struct delayed_work commit_timer;
	struct delayed_work space_timer;
	struct delayed_work idle_timer;
	struct vhdx_stats stats;
	mempool_t change_pool;
	mempool_t limbo_pool;
	struct vhdx_log log;
	struct vhd_store *store;	/* what a VHD image has instead */

	/* Protected by lock. */
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct bio_list deferred;	/* writes for the worker */
	struct bio_list returned;	/* that the device had no space for */
	struct bio_list space_waiters;	/* writes waiting for space */
	struct bio_list starved;	/* writes waiting for memory */
	struct bio_list landed;		/* writes whose bits are to be set */
	struct bio_list move_waiting;	/* writes to the block that is moving */
	struct bio_list reads;		/* for the read work */
	struct bio_list flushes;	/* FLUSH, and FUA whose data is written */
	struct bio_list committing;	/* those that a commit is under way for */
	struct list_head done;		/* changes with prepared space */
	enum vhdx_session session;
	bool dozing;			/* see dm-vhdx-idle.c */
	bool idle_close_due;
	bool close_asked;		/* by message */
	bool open_asked;		/* likewise */
	bool checkpoint_asked;		/* likewise: of the log */
	unsigned int nr_closed;		/* sessions */
	bool idle_closed;		/* the last one was, at ... */
	unsigned long idle_closed_at;	/* ... jiffies */
	unsigned int idle_count;	/* intervals without a write */
	unsigned int idle_need;		/* ... until the session is closed */
	bool lost;			/* the next flush has to fail */
	bool space_seen;	/* by a write, when space was lacking */
	bool space_found;	/* by one that had found none */
	bool requeue_no_space;	/* suspending with noflush */
};

/* Is it the turn of this flush to say that writes are lost? */
static inline bool vhdx_take_lost(struct vhdx_target *vt)
{
	unsigned long flags;
	bool lost;

	if (likely(!READ_ONCE(vt->lost)))
		return false;
	spin_lock_irqsave(&vt->lock, flags);
	lost = vt->lost;
	vt->lost = false;
	spin_unlock_irqrestore(&vt->lock, flags);
	return lost;
}

static inline struct vhdx_hook *vhdx_hook(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct vhdx_hook));
}

/*
 * A bio may go to where a block's entry says from here on.  Before the entry is
 * looked at, where blocks can be freed.
 */
static inline void vhdx_flight_begin(struct vhdx_target *vt, struct bio *bio)
{
	vhdx_hook(bio)->flight = srcu_down_read(&vt->flights);
	__release(&vt->flights);	/* it is the bio's from now on */
}

/* It is done: nobody will look at its hook again. */
static inline void vhdx_flight_done(struct vhdx_target *vt, struct bio *bio)
{
	int flight;

	if (!vt->frees)
		return;
	flight = vhdx_hook(bio)->flight;
	if (flight >= 0) {
		__acquire(&vt->flights);
		srcu_up_read(&vt->flights, flight);
	}
}

/* It does not, or no longer. */
static inline void vhdx_flight_end(struct vhdx_target *vt, struct bio *bio)
{
	vhdx_flight_done(vt, bio);
	if (vt->frees)
		vhdx_hook(bio)->flight = -1;
}

/*
 * Is this block being moved?  Its pending bit is set then, and nobody may write to
 * it.  If it is not, an entry that is read after this is one to go by.
 */
static inline bool vhdx_is_moving(const struct vhdx_target *vt, u32 block)
{
	/* Pairs with whoever ends a move: the entry comes first. */
	return smp_load_acquire(&vt->moving) == block;
}

/*
 * May a write go by this entry, which it has read while it had its flight?  If that
 * was not pending its flight is waited for.
 */
static inline bool vhdx_may_write_to(const struct vhdx_target *vt, u32 block, u32 e)
{
	return !(e & VHDX_E_PENDING) ||
	       (!vhdx_is_moving(vt, block) && READ_ONCE(vt->bat[block]) == e);
}

/*
 * Is what a block has not all committed, as far as a read by this entry is concerned?
 * That of one that is being moved may be, and then a failed flush takes nothing away.
 */
static inline bool vhdx_is_uncommitted(const struct vhdx_target *vt, u32 block, u32 e)
{
	return (e & VHDX_E_PENDING) &&
	       !(vhdx_is_moving(vt, block) && READ_ONCE(vt->move_committed));
}

/* Whose sector bitmap has a block's bits. */
static inline u32 vhdx_block_chunk(const struct vhdx_target *vt, u32 block)
{
	return block >> vt->image.layout.geo.chunk_shift;
}

static inline void vhdx_set_block_shift(struct vhdx_target *vt, u8 shift)
{
	vt->block_shift = shift;
	vt->block_mask = ((sector_t)1 << shift) - 1;
}

/* Block of a sector, counted from the start of the virtual disk. */
static inline u32 vhdx_sector_block(const struct vhdx_target *vt, sector_t s)
{
	return s >> vt->block_shift;
}

static inline sector_t vhdx_block_mask(const struct vhdx_target *vt)
{
	return vt->block_mask;
}

/* Sector of a bio, counted from the start of the virtual disk. */
static inline sector_t vhdx_bio_sector(const struct vhdx_target *vt,
				       const struct bio *bio)
{
	return bio->bi_iter.bi_sector - vt->begin;
}

/* Point a bio at the backing device; its block is at @e. */
static inline void vhdx_remap(const struct vhdx_target *vt, struct bio *bio,
			      sector_t sector, u32 e)
{
	/* First, as the other one calls a function. */
	bio->bi_iter.bi_sector =
		((sector_t)vhdx_e_mib(e) << VHDX_MIB_SECTORS_SHIFT) +
		(sector & vhdx_block_mask(vt));
	bio_set_dev(bio, vt->bdev);
}

/* The same where it may be a VHD image; off the hot path. */
static inline void vhdx_remap_any(const struct vhdx_target *vt, struct bio *bio,
				  sector_t sector, u32 e)
{
	if (unlikely(vt->image.is_vhd))
		vhd_remap(vt, bio, sector);
	else
		vhdx_remap(vt, bio, sector, e);
}

/* First block with an entry in a sector of a VHD image's BAT. */
static inline u32 vhd_store_block(const struct vhdx_target *vt, u64 sector)
{
	u64 bat_off = vt->image.vhd->layout.header.bat_off;

	return (sector - (bat_off >> SECTOR_SHIFT)) * VHD_BAT_PER_SECTOR;
}

/* Sector and page numbers of 64 TiB images are kept in longs. */
static_assert(sizeof(long) >= sizeof(u64), "dm-vhdx needs a 64-bit kernel");

/* dm-vhdx-refresh.c */
void vhdx_drop_image(struct vhdx_target *vt);
int vhdx_load_image(struct vhdx_target *vt, const char **error);
int vhdx_peek_image(struct vhdx_target *vt, const char **error);
void vhdx_leave(struct vhdx_target *vt);
int vhdx_refresh(struct vhdx_target *vt, const char **error);

/* dm-vhdx-mode.c */
void vhdx_set_mode(struct vhdx_target *vt, enum vhdx_mode mode,
		   const char *reason);
const char *vhdx_mode_name(enum vhdx_mode mode);

/* dm-vhdx-stats.c */
void vhdx_stats_show(const struct vhdx_target *vt, char *result,
		     unsigned int maxlen);

/* dm-vhdx-limits.c */
int vhdx_iterate_devices(struct dm_target *ti, iterate_devices_callout_fn fn,
			 void *data);
void vhdx_io_hints(struct dm_target *ti, struct queue_limits *limits);

/* dm-vhdx-table.c */
int vhdx_parse_options(struct vhdx_target *vt, struct dm_arg_set *as,
		       char **error);
void vhdx_status(struct dm_target *ti, status_type_t type, unsigned int flags,
		 char *result, unsigned int maxlen);
int vhdx_message(struct dm_target *ti, unsigned int argc, char **argv,
		 char *result, unsigned int maxlen);

/* dm-vhdx-map.c */
int vhdx_map(struct dm_target *ti, struct bio *bio);
int vhdx_map_flush(struct vhdx_target *vt, struct bio *bio);
int vhdx_map_careful(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		     u32 e);
int vhdx_map_absent(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		    u32 e);

/* dm-vhdx-run.c */
unsigned int vhdx_run_present(const struct vhdx_target *vt, sector_t sector,
			      unsigned int sectors, u32 e);
unsigned int vhdx_run_settled(const struct vhdx_target *vt, sector_t sector,
			      unsigned int sectors, u32 e);
unsigned int vhdx_run_committed(const struct vhdx_target *vt, sector_t sector,
				unsigned int sectors);
unsigned int vhdx_run_zeros(const struct vhdx_target *vt, sector_t sector,
			    unsigned int sectors);

/* dm-vhdx-read.c */
int vhdx_read_absent(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		     u32 e);
int vhdx_read_checked(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		      u32 e);
void vhdx_read_work(struct work_struct *work);

/* dm-vhdx-hook.c */
int vhdx_kill(struct vhdx_target *vt, struct bio *bio);
void vhdx_hook_bio(struct bio *bio, bio_end_io_t *end_io, void *arg);
void vhdx_unhook_bio(struct bio *bio);
void vhdx_rewind_bio(struct bio *bio);
void vhdx_end_bio(struct bio *bio, blk_status_t status);

/* dm-vhdx-defer.c */
void vhdx_defer(struct vhdx_target *vt, struct bio *bio);
void vhdx_no_session(struct vhdx_target *vt, struct bio *bio);
void vhdx_starve(struct vhdx_target *vt, struct bio *bio);
void vhdx_wait_for_move(struct vhdx_target *vt, struct bio *bio);
void vhdx_starve_landed(struct vhdx_target *vt, struct bio_list *landed);
void vhdx_wake_starved(struct vhdx_target *vt);
struct vhdx_change *vhdx_new_change(struct vhdx_target *vt, u32 block,
				    struct bio *bio);
void vhdx_free_change(struct vhdx_target *vt, struct vhdx_change *change);

/* dm-vhdx-space.c */
u32 vhdx_space_to_mib(const struct vhdx_image *image, u32 count);
u32 vhdx_take_space(struct vhdx_target *vt);
u32 vhdx_take_simply(struct vhdx_target *vt, bool zeroes);
u32 vhdx_take_below(struct vhdx_target *vt, u32 mib);
u32 vhdx_take_bitmap_below(struct vhdx_target *vt, u32 mib);
u32 vhdx_take_bitmap(struct vhdx_target *vt);
void vhdx_give_bitmap_back(struct vhdx_target *vt, u32 mib);
void vhdx_give_space_back(struct vhdx_target *vt, u32 mib);
void vhdx_set_space_aside(struct vhdx_target *vt, u32 mib);
bool vhdx_space_is_zero(const struct vhdx_target *vt, u32 mib, u32 end);
void vhdx_space_cut_off(struct vhdx_target *vt, u64 bytes);
void vhdx_space_add_zeroed(struct vhdx_target *vt, u32 from, u32 to);
void vhdx_wait_for_space(struct vhdx_target *vt, struct vhdx_nospace *ns,
			 struct bio *bio);
void vhdx_wait_for_place(struct vhdx_target *vt, struct bio *bio);
void vhdx_space_timer(struct work_struct *work);

/* dm-vhdx-write.c */
void vhdx_return_write(struct vhdx_target *vt, struct bio *bio);
void vhdx_tell_space(struct vhdx_target *vt, bool waited);
void vhdx_remap_new(struct vhdx_target *vt, struct bio *bio, u32 e);
bool vhdx_map_new_block(struct vhdx_target *vt, struct bio *bio, u32 block);
void vhdx_worker(struct work_struct *work);

/* dm-vhdx-prepare.c */
void vhdx_prepare_block(struct vhdx_target *vt, struct vhdx_change *change,
			struct bio *bio);
struct vhdx_change *vhdx_prepare_find(struct vhdx_target *vt, u32 block);
bool vhdx_prepare_again(struct vhdx_target *vt, struct vhdx_change *change);
void vhdx_prepare_end(struct vhdx_target *vt, struct vhdx_change *change);
void vhdx_prepare_hand_back(struct vhdx_target *vt, struct vhdx_change *change,
			    struct bio_list *bios);

/* dm-vhdx-publish.c */
void vhdx_txn_init(struct vhdx_target *vt);
u64 vhdx_txn_sector(const struct vhdx_target *vt, u64 index);
u64 vhdx_txn_bits_sector(const struct vhdx_target *vt,
			 const struct vhdx_bits *bits);
u64 vhdx_txn_block_sector(const struct vhdx_target *vt, u32 block);
u64 vhdx_txn_bitmap_sector(const struct vhdx_target *vt, u32 chunk);
struct vhdx_change *vhdx_txn_find(struct vhdx_txn *txn, u64 sector);
void vhdx_txn_add(struct vhdx_txn *txn, struct vhdx_change *change);
void vhdx_txn_del(struct vhdx_txn *txn, struct vhdx_change *change);
void vhdx_txn_remove(struct vhdx_target *vt, struct vhdx_txn *txn,
		     struct vhdx_change *change);
bool vhdx_txn_has_sector(struct vhdx_target *vt, u64 sector);
bool vhdx_txn_has_room(struct vhdx_target *vt, u32 sectors);
bool vhdx_txn_has(struct vhdx_target *vt, u32 block);
void vhdx_txn_begin_part(struct vhdx_target *vt, struct vhdx_change *spare,
			 u32 block, u32 mib);
void vhdx_txn_set_bits(struct vhdx_target *vt, struct vhdx_change *spare,
		       struct vhdx_bits *bits);
void vhdx_txn_extend_part(struct vhdx_target *vt, struct vhdx_change *spare,
			  u32 block, bool full);
void vhdx_txn_add_bitmap(struct vhdx_target *vt, struct vhdx_change *spare,
			 u32 chunk, u32 mib);
void vhdx_txn_move_bitmap(struct vhdx_target *vt, struct vhdx_change *spare,
			  u32 chunk, u32 mib);
void vhdx_txn_publish(struct vhdx_target *vt, struct vhdx_change *spare,
		      u32 block, u32 mib, bool exposed);
void vhdx_txn_unpublish(struct vhdx_target *vt, struct vhdx_change *spare,
			u32 block);
void vhdx_txn_begin_move(struct vhdx_target *vt, u32 block);
void vhdx_txn_give_up_move(struct vhdx_target *vt, u32 block);
void vhdx_txn_move(struct vhdx_target *vt, struct vhdx_change *spare, u32 block,
		   u32 mib);
void vhdx_txn_drop(struct vhdx_target *vt);

/* dm-vhdx-txn.c */
int vhdx_txn_commit(struct vhdx_target *vt);

/* dm-vhdx-commit.c */
void vhdx_commit_work(struct work_struct *work);
void vhdx_commit_timer(struct work_struct *work);
void vhdx_commit_bio(struct vhdx_target *vt, struct bio *bio);
void vhdx_flush_end_io(struct bio *bio);
void vhdx_fua_end_io(struct bio *bio);
void vhdx_commit_soon(struct vhdx_target *vt, unsigned int before);

/* dm-vhdx-free.c */
bool vhdx_free_block(struct vhdx_target *vt, u32 block);
bool vhdx_replace_block(struct vhdx_target *vt, u32 block, u32 mib);
bool vhdx_replace_bitmap(struct vhdx_target *vt, u32 chunk, u32 mib);
void vhdx_limbo_drop(struct vhdx_target *vt, struct list_head *limbo);
void vhdx_free_work(struct work_struct *work);
void vhdx_free_wait(struct vhdx_target *vt);
void vhdx_pass_down_failed(struct vhdx_target *vt, int r);

/* dm-vhdx-discard.c */
int vhdx_map_discard(struct vhdx_target *vt, struct bio *bio, sector_t sector);
bool vhdx_discard_is_whole(const struct vhdx_target *vt, const struct bio *bio);
void vhdx_discard_blocks(struct vhdx_target *vt, struct bio *bio);
void vhdx_discard_part(struct vhdx_target *vt, struct bio *bio, u32 e);
void vhdx_discard_done(struct vhdx_target *vt, struct bio *bio);

/* dm-vhdx-move.c */
int vhdx_move_block(struct vhdx_target *vt, u32 block, bool zeros, char *result,
		    unsigned int maxlen);
int vhdx_move_bitmap(struct vhdx_target *vt, u32 chunk, char *result,
		     unsigned int maxlen);
void vhdx_move_hold(struct vhdx_target *vt, bool held);
void vhdx_move_wait(struct vhdx_target *vt);

/* dm-vhdx-session.c */
int vhdx_session_open(struct vhdx_target *vt);
bool vhdx_session_may_write(struct vhdx_target *vt);
void vhdx_session_end(struct vhdx_target *vt);
bool vhdx_session_begin_close(struct vhdx_target *vt);
void vhdx_session_finish_close(struct vhdx_target *vt);

/* dm-vhdx-idle.c */
void vhdx_idle_arm(struct vhdx_target *vt);
void vhdx_idle_choose(struct vhdx_target *vt);
void vhdx_idle_closed(struct vhdx_target *vt);
void vhdx_idle_timer(struct work_struct *work);
int vhdx_idle_close(struct vhdx_target *vt);

#endif /* DM_VHDX_H */
