/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In-core structures of the vhdx target.
 *
 * Where a bio goes: vhdx_map() (dm-vhdx-map.c) sends reads and overwrites
 * straight to the backing device.  What needs space or a session goes to the
 * worker (dm-vhdx-alloc.c); what needs durable metadata goes from there to the
 * commit work (dm-vhdx-commit.c), which writes the log (dm-vhdx-log.c).
 *
 * Who may touch what:
 *
 *   vhdx_registry_mutex   the list of open images, and what tables leave
 *   vhdx_target.lock      the bio lists, the alloc lists, nr_dirty and what is
 *                         declared below it; taken in interrupts too
 *   vhdx_nospace.lock     that space is lacking, and how long
 *   no lock, one writer   each in-core BAT entry has one owner at a time: the
 *                         worker while the block is absent or being allocated,
 *                         the commit work once it is present and pending,
 *                         nobody afterwards.  Readers take one READ_ONCE().
 *   worker only           the space map (others only look at its numbers), the
 *                         hash of allocations, opening of the session
 *   commit work only      the log, once the session is open
 *   suspended only        loading, replay and closing of the session: the
 *                         worker does not run then, and the commit work finds
 *                         nothing to do
 *
 * The mode changes under vhdx_target.lock, so that may_overwrite is never true
 * in another mode than rw; whoever only looks at either takes one READ_ONCE().
 *
 * Lock order: no two of them are held at once, and no I/O is waited for under
 * any.  Worker and commit work wait for the backing device only (and for space
 * on it), never for each other: a write that finds no memory waits in a list,
 * and whoever frees some starts the worker again.
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
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat/blk-mode.h"
#include "dm-vhdx-image.h"

#if BITS_PER_LONG != 64
#error "dm-vhdx takes a 64-bit kernel"
#endif

#define DM_MSG_PREFIX "vhdx"

/* ------------------------------------------------------------------------
 * In-core BAT entries: 3 bits of state as on disk, 1 bit pending, 28 bits MiB.
 *
 * Pending on an absent block: space is being prepared, reads still see zeros
 * and writes wait.  Pending on a present block: in use, but not yet durable in
 * the log, so a FUA write has to wait for a commit.
 */
#define VHDX_E_STATE		7U
#define VHDX_E_PENDING		8U
#define VHDX_E_SHIFT		4

static inline u32 vhdx_e_make(u32 state, u64 mib)
{
	return (u32)mib << VHDX_E_SHIFT | state;
}

static inline u32 vhdx_e_mib(u32 e)
{
	return e >> VHDX_E_SHIFT;
}

static inline bool vhdx_e_present(u32 e)
{
	return (e & VHDX_E_STATE) == VHDX_BLOCK_FULL;
}

static inline u64 vhdx_e_raw(u32 e)
{
	return VHDX_BAT_RAW(e & VHDX_E_STATE, vhdx_e_mib(e));
}

#define VHDX_MIB_SECTORS_SHIFT	(20 - SECTOR_SHIFT)
/* So much of a backing device an entry can name. */
#define VHDX_MIB_MAX		(1U << (32 - VHDX_E_SHIFT))

/* ------------------------------------------------------------------------
 * dm-vhdx-registry.c: which backing devices are in use, and what tables leave
 */

/**
 * struct vhdx_limits - what of an image becomes queue limits; in bytes
 * @logical: logical sector size, 0 while unknown
 * @physical: physical sector size
 * @block: block size
 */
struct vhdx_limits {
	u32 logical;
	u32 physical;
	u32 block;
};

/**
 * struct vhdx_legacy - what a table leaves to the next one of its device
 * @used_mib: space below this was taken at some time: it is not zero
 * @lost: writes that were acknowledged are gone; the next flush has to say so
 */
struct vhdx_legacy {
	u32 used_mib;
	bool lost;
};

/**
 * enum vhdx_user_state - what a table does with its backing device
 * @VHDX_USER_LOADING: it was loaded, and not resumed yet
 * @VHDX_USER_ACTIVE: it is resumed, or about to be: the image may change
 * @VHDX_USER_QUIESCED: it is suspended, or its resume has failed
 */
enum vhdx_user_state {
	VHDX_USER_LOADING,
	VHDX_USER_ACTIVE,
	VHDX_USER_QUIESCED,
};

/**
 * struct vhdx_user - one table's use of a backing device
 * @list: in the registry
 * @dev: the backing device
 * @table: the table
 * @writable: it means to write
 * @state: what it does
 * @estate: what it shares with other tables of its mapped device
 * @wakes: the estate's, when the table was loaded
 * @edits: likewise, or when it was last resumed
 * @limits: of the image; a table that waits for the live one's end has them
 *          from there, as dm asks for them before it lets it look itself
 */
struct vhdx_user {
	struct list_head list;
	dev_t dev;
	struct dm_table *table;
	bool writable;
	enum vhdx_user_state state;
	struct vhdx_estate *estate;
	unsigned int wakes;
	unsigned int edits;
	struct vhdx_limits limits;
};

int vhdx_registry_add(struct vhdx_user *user);
bool vhdx_registry_is_live(struct vhdx_user *user);
void vhdx_registry_set_limits(struct vhdx_user *user,
			      const struct vhdx_limits *limits);
void vhdx_registry_set_state(struct vhdx_user *user,
			     enum vhdx_user_state state);
void vhdx_registry_leave(struct vhdx_user *user,
			 const struct vhdx_legacy *legacy,
			 const struct vhdx_header *header);
bool vhdx_registry_inherit(struct vhdx_user *user,
			   const struct vhdx_header *header,
			   struct vhdx_legacy *legacy);
void vhdx_registry_inherited(struct vhdx_user *user);
void vhdx_registry_del(struct vhdx_user *user);
void vhdx_registry_exit(void);

/* ------------------------------------------------------------------------
 * dm-vhdx-log.c: writing the log
 */

/**
 * struct vhdx_log_slot - latest contents of a metadata sector that was logged
 * @hash: by @off, while in use
 * @list: free slots, or slots in use
 * @off: bytes from the start of the image
 * @pos: where the newest entry with this sector starts (see struct vhdx_log)
 * @data: 4 KiB
 */
struct vhdx_log_slot {
	struct hlist_node hash;
	struct list_head list;
	u64 off;
	u64 pos;
	void *data;
};

#define VHDX_LOG_SLOTS		512
#define VHDX_LOG_HASH_BITS	8

/**
 * struct vhdx_log - the writing end of the log
 * @image: whose log
 * @entry: the entry being built: a header sector and VHDX_LOG_FIRST_DESCS
 * @entry_sectors: data sectors in it
 * @sequence: number of the next entry
 * @write_pos: where the next entry goes
 * @durable_pos: entries before this are durable
 * @applied_pos: entries before this were written to their final places
 * @tail_pos: ... and these are durable there: the next entry's Tail
 * @logged_tail_pos: Tail of the newest entry written
 * @durable_tail_pos: Tail of the newest durable entry: space from here to
 *                    @write_pos must not be written over
 * @slots: VHDX_LOG_SLOTS of them
 * @free: slots not in use
 * @used: slots in use
 * @nr_free: how many
 * @checkpoints: how often vhdx_log_checkpoint() had to do its work
 * @hash: slots in use by offset
 *
 * Positions count bytes since the session began; modulo the length of the log
 * they are offsets in it.
 */
struct vhdx_log {
	struct vhdx_image *image;
	void *entry;
	u32 entry_sectors;
	u64 sequence;
	u64 write_pos;
	u64 durable_pos;
	u64 applied_pos;
	u64 tail_pos;
	u64 logged_tail_pos;
	u64 durable_tail_pos;
	struct vhdx_log_slot *slots;
	struct list_head free;
	struct list_head used;
	u32 nr_free;
	u64 checkpoints;
	DECLARE_HASHTABLE(hash, VHDX_LOG_HASH_BITS);
};

int vhdx_log_create(struct vhdx_log *log, struct vhdx_image *image);
void vhdx_log_destroy(struct vhdx_log *log);
int vhdx_log_open(struct vhdx_log *log);
int vhdx_log_make_room(struct vhdx_log *log, u32 sectors);
void *vhdx_log_stage(struct vhdx_log *log, u64 off);
int vhdx_log_write(struct vhdx_log *log);
int vhdx_log_flush(struct vhdx_log *log);
int vhdx_log_checkpoint(struct vhdx_log *log);

/* ------------------------------------------------------------------------
 * The target
 */
enum vhdx_mode {
	VHDX_MODE_RW,
	VHDX_MODE_RO,		/* asked for, or a metadata write or a flush failed */
	VHDX_MODE_FAIL,		/* nothing can be trusted any more */
};

/**
 * struct vhdx_alloc - a block on its way from absent to durably present
 * @list: target's done, dirty or a commit's batch
 * @hash: target's allocs, while space is being prepared
 * @vt: the target
 * @block: payload block
 * @mib: its new space
 * @status: what came of preparing
 * @tries: places that were no good
 * @bio: the write that asked for it; the rest of the block is zeroed around it
 * @waiting: more writes to this block
 * @work: prepares space that may hold anything
 */
struct vhdx_alloc {
	struct list_head list;
	struct hlist_node hash;
	struct vhdx_target *vt;
	u32 block;
	u32 mib;
	blk_status_t status;
	u8 tries;
	struct bio *bio;
	struct bio_list waiting;
	struct work_struct work;
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
 */
struct vhdx_hook {
	bio_end_io_t *end_io;
	void *private;
	void *arg;
	struct bvec_iter iter;
	blk_opf_t opf;
	unsigned short flags;
	bool waited;
};

/* Places that failed, to be tried last. */
#define VHDX_ASIDE	32

/* Counters of rare events, for status; vhdx_target.lock. */
struct vhdx_stats {
	u64 allocs;
	u64 zeroed;
	u64 commits;
	u64 entries;
};

#define VHDX_ALLOC_HASH_BITS	7

/**
 * struct vhdx_target - a target of a table
 *
 * The first part is read on the hot path and hardly ever written.
 *
 * @bat: image's
 * @bdev: image's
 * @block_shift: log2 of the block size in 512-byte sectors
 * @begin: first sector of the target in the mapped device
 * @may_overwrite: present blocks may be written right now: mode is rw and the
 *                 session is open
 * @check_reads: reads have to look into the overlay, or out for blocks that are
 *               not committed and may be lost
 */
struct vhdx_target {
	u32 *bat;
	struct block_device *bdev;
	u8 block_shift;
	bool may_overwrite;
	bool check_reads;
	sector_t begin;
	enum vhdx_mode mode;

	struct dm_target *ti;
	struct dm_dev *dev;
	struct vhdx_user user;
	struct vhdx_image image;
	bool read_only;		/* the table asks for it */
	bool option_read_only;	/* by the option of that name */
	bool error_if_no_space;
	bool no_unmap;		/* zero without unmapping */
	bool commit_interval_set;
	bool stale;		/* load again at the next resume */
	bool session_open;
	unsigned int commit_interval_ms;
	u32 zeroed_from_mib;	/* from here on and never used: zeros ... */
	u32 zeroed_to_mib;	/* ... up to here, the size when the table was made */
	u32 used_mib;		/* space below was taken by an image before */
	u32 space_hint;		/* no free space for a block below this MiB */
	bool low_space_told;
	u32 aside[VHDX_ASIDE];	/* taken, as it could not be written */
	unsigned int nr_aside;
	struct vhdx_nospace no_room;	/* on the backing device, for a block */
	struct vhdx_nospace no_space;	/* below it, for what guests write */
	struct vhdx_nospace no_meta_space;	/* below it, for metadata */

	struct workqueue_struct *alloc_wq;	/* the worker, one at a time */
	struct workqueue_struct *prepare_wq;	/* blocks, a few at a time */
	struct workqueue_struct *commit_wq;	/* the commit work, likewise */
	struct work_struct worker;
	struct work_struct commit;
	struct delayed_work commit_timer;
	struct delayed_work space_timer;
	mempool_t alloc_pool;
	struct vhdx_log log;

	/* Protected by lock. */
	spinlock_t lock ____cacheline_aligned_in_smp;
	struct bio_list deferred;	/* writes for the worker */
	struct bio_list returned;	/* that the device had no space for */
	struct bio_list space_waiters;	/* writes waiting for space */
	struct bio_list starved;	/* writes waiting for memory */
	struct bio_list flushes;	/* FLUSH, and FUA whose data is written */
	struct bio_list committing;	/* those that a commit is under way for */
	struct list_head done;		/* allocs with prepared space */
	struct list_head dirty;		/* allocs to be committed */
	unsigned int nr_dirty;		/* those, and those in a commit */
	bool exposed;			/* see vhdx_commit_add() */
	bool lost;			/* the next flush has to fail */
	bool flush_told;		/* a guest knows of image.flush_failed */
	bool space_seen;	/* by a write, when space was lacking */
	bool space_found;	/* by one that had found none */
	bool requeue_no_space;	/* suspending with noflush */
	struct vhdx_stats stats;
	DECLARE_HASHTABLE(allocs, VHDX_ALLOC_HASH_BITS);
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

/* Block of a sector, counted from the start of the virtual disk. */
static inline u32 vhdx_sector_block(const struct vhdx_target *vt, sector_t s)
{
	return s >> vt->block_shift;
}

static inline sector_t vhdx_block_mask(const struct vhdx_target *vt)
{
	return ((sector_t)1 << vt->block_shift) - 1;
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

/* Sector and page numbers of 64 TiB images are kept in longs. */
static_assert(sizeof(long) >= sizeof(u64), "dm-vhdx needs a 64-bit kernel");

/* dm-vhdx-mode.c */
void vhdx_set_mode(struct vhdx_target *vt, enum vhdx_mode mode,
		   const char *reason);
const char *vhdx_mode_name(enum vhdx_mode mode);

/* dm-vhdx-table.c */
int vhdx_parse_options(struct vhdx_target *vt, struct dm_arg_set *as,
		       char **error);
void vhdx_status(struct dm_target *ti, status_type_t type, unsigned int flags,
		 char *result, unsigned int maxlen);
int vhdx_message(struct dm_target *ti, unsigned int argc, char **argv,
		 char *result, unsigned int maxlen);

/* dm-vhdx-map.c */
int vhdx_map(struct dm_target *ti, struct bio *bio);

/* dm-vhdx-hook.c */
void vhdx_hook_bio(struct bio *bio, bio_end_io_t *end_io, void *arg);
void vhdx_unhook_bio(struct bio *bio);
void vhdx_rewind_bio(struct bio *bio);
void vhdx_end_bio(struct bio *bio, blk_status_t status);

/* dm-vhdx-defer.c */
void vhdx_defer(struct vhdx_target *vt, struct bio *bio);
void vhdx_wake_starved(struct vhdx_target *vt);

/* dm-vhdx-space.c */
u32 vhdx_take_space(struct vhdx_target *vt);
void vhdx_give_space_back(struct vhdx_target *vt, u32 mib);
void vhdx_set_space_aside(struct vhdx_target *vt, u32 mib);
bool vhdx_space_is_zero(const struct vhdx_target *vt, u32 mib, u32 end);
void vhdx_space_add_zeroed(struct vhdx_target *vt, u32 from, u32 to);
void vhdx_wait_for_space(struct vhdx_target *vt, struct vhdx_nospace *ns,
			 struct bio *bio);
void vhdx_space_timer(struct work_struct *work);

/* dm-vhdx-alloc.c */
void vhdx_worker(struct work_struct *work);

/* dm-vhdx-commit.c */
void vhdx_commit_work(struct work_struct *work);
void vhdx_commit_timer(struct work_struct *work);
void vhdx_commit_bio(struct vhdx_target *vt, struct bio *bio);
void vhdx_flush_end_io(struct bio *bio);
void vhdx_fua_end_io(struct bio *bio);
void vhdx_commit_add(struct vhdx_target *vt, struct vhdx_alloc *alloc,
		     bool exposed);

/* dm-vhdx-session.c */
int vhdx_session_open(struct vhdx_target *vt);
int vhdx_session_close(struct vhdx_target *vt);
void vhdx_session_end(struct vhdx_target *vt);

#endif /* DM_VHDX_H */
