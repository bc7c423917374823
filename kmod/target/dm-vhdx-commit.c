// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: commit
 *
 * A write to a new block completes when its data is written.  Its BAT entry
 * becomes durable with the next commit: at a FLUSH or FUA, after the commit
 * interval, or when many blocks wait.  One commit serves all of them:
 *
 *   1. take the dirty blocks and the waiting bios;
 *   2. build each BAT sector that a dirty block is in from the in-core BAT;
 *   3. if space that might hold foreign data was published: flush, so that its
 *      zeroes and data are durable before an entry can name them;
 *   4. write the log entry;  (2 to 4 once more if it takes several entries)
 *   5. flush: log entries and all data written before are durable;
 *   6. the blocks are no longer pending; complete the waiting bios.
 *
 * Step 2 may catch blocks that became present after step 1, whose entries
 * will be logged again by the next commit.  That is safe: in space known to be
 * zero they show zeros or new data, and where space is exposed,
 * vhdx_commit_add() sets vt->exposed before the entry can be seen, so step 3
 * flushes after step 2 saw it.
 */
#include <linux/list_sort.h>

#include "dm-vhdx.h"

/* So many dirty blocks start a commit without anyone asking. */
#define VHDX_COMMIT_BLOCKS	4096

static u64 vhdx_bat_sector(const struct vhdx_target *vt, u32 block)
{
	return vhdx_bat_index(&vt->image.layout.geo, block) /
	       VHDX_BAT_PER_SECTOR;
}

/* Build a sector of the BAT.  Padding and bitmap slots become zero. */
static void vhdx_bat_build_sector(const struct vhdx_target *vt, u64 sector,
				  __le64 *raw)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	u64 index = sector * VHDX_BAT_PER_SECTOR;
	u32 block = vhdx_bat_blocks_before(geo, index);
	u32 chunk = 1U << geo->chunk_shift;
	u64 in_chunk;
	int i;

	div64_u64_rem(index, chunk + 1ULL, &in_chunk);
	for (i = 0; i < VHDX_BAT_PER_SECTOR; i++) {
		raw[i] = 0;
		if (in_chunk == chunk) {
			in_chunk = 0;
			continue;
		}
		if (block < geo->blocks)
			raw[i] = cpu_to_le64(vhdx_e_raw(READ_ONCE(vt->bat[block])));
		block++;
		in_chunk++;
	}
}

static int vhdx_alloc_cmp(void *priv, const struct list_head *a,
			  const struct list_head *b)
{
	u32 block_a = list_entry(a, struct vhdx_alloc, list)->block;
	u32 block_b = list_entry(b, struct vhdx_alloc, list)->block;

	return block_a < block_b ? -1 : block_a > block_b;
}

/* BAT sectors that the sorted blocks from @alloc on are in, up to one entry. */
static u32 vhdx_commit_count(struct vhdx_target *vt, struct list_head *batch,
			     struct vhdx_alloc *alloc)
{
	u64 last = U64_MAX;
	u32 count = 0;

	list_for_each_entry_from(alloc, batch, list) {
		u64 sector = vhdx_bat_sector(vt, alloc->block);

		if (sector != last && ++count == VHDX_LOG_FIRST_DESCS)
			break;
		last = sector;
	}
	return count;
}

static bool vhdx_commit_take_exposed(struct vhdx_target *vt)
{
	bool exposed;

	spin_lock_irq(&vt->lock);
	exposed = vt->exposed;
	vt->exposed = false;
	vt->stats.entries++;
	spin_unlock_irq(&vt->lock);
	return exposed;
}

/*
 * Steps 2 to 4 for the blocks from *@next on, as many as fit one entry.
 * Advances *@next; NULL when all are done.
 */
static int vhdx_commit_entry(struct vhdx_target *vt, struct list_head *batch,
			     struct vhdx_alloc **next)
{
	u32 count = vhdx_commit_count(vt, batch, *next);
	u64 bat_off = vt->image.layout.regions.bat.off, last = U64_MAX;
	struct vhdx_alloc *alloc = *next;
	__le64 *raw;
	int r;

	r = vhdx_log_make_room(&vt->log, count);
	if (r)
		return r;

	*next = NULL;
	list_for_each_entry_from(alloc, batch, list) {
		u64 sector = vhdx_bat_sector(vt, alloc->block);

		if (sector == last)
			continue;
		if (!count--) {
			*next = alloc;
			break;
		}
		raw = vhdx_log_stage(&vt->log, bat_off + sector * VHDX_SECTOR);
		vhdx_bat_build_sector(vt, sector, raw);
		last = sector;
	}

	/* Exposed space: zeroes and data before the entry that names it. */
	if (vhdx_commit_take_exposed(vt)) {
		r = vhdx_log_flush(&vt->log);
		if (r)
			return r;
	}
	return vhdx_log_write(&vt->log);
}

static int vhdx_commit_batch(struct vhdx_target *vt, struct list_head *batch)
{
	struct vhdx_alloc *next;
	int r;

	list_sort(NULL, batch, vhdx_alloc_cmp);
	next = list_first_entry(batch, struct vhdx_alloc, list);
	while (next) {
		r = vhdx_commit_entry(vt, batch, &next);
		if (r)
			return r;
	}
	return vhdx_log_flush(&vt->log);
}

static void vhdx_commit_arm(struct vhdx_target *vt)
{
	queue_delayed_work(vt->commit_wq, &vt->commit_timer,
			   msecs_to_jiffies(vt->commit_interval_ms));
}

/* Step 6 for the blocks. */
static void vhdx_commit_done(struct vhdx_target *vt, struct list_head *batch)
{
	struct vhdx_alloc *alloc, *next;
	unsigned int count = 0;

	list_for_each_entry_safe(alloc, next, batch, list) {
		u32 e = READ_ONCE(vt->bat[alloc->block]);

		WRITE_ONCE(vt->bat[alloc->block], e & ~VHDX_E_PENDING);
		mempool_free(alloc, &vt->alloc_pool);
		count++;
	}
	spin_lock_irq(&vt->lock);
	vt->nr_dirty -= count;
	count = vt->nr_dirty;
	vt->stats.commits++;
	vhdx_wake_starved(vt);
	spin_unlock_irq(&vt->lock);
	if (count)	/* came while this commit was under way */
		vhdx_commit_arm(vt);
}

/* Has a flush failed?  Then what a commit relies on may be gone. */
static void vhdx_commit_check_flush(struct vhdx_target *vt)
{
	if (likely(!READ_ONCE(vt->image.flush_failed)))
		return;
	WRITE_ONCE(vt->check_reads, true);
	if (vt->mode == VHDX_MODE_RW)
		vhdx_set_mode(vt, VHDX_MODE_RO,
			      "the backing device cannot be flushed");
}

static int vhdx_commit_blocks(struct vhdx_target *vt, struct list_head *batch)
{
	int r = vhdx_commit_batch(vt, batch);

	if (!r) {
		vhdx_commit_done(vt, batch);
		return 0;
	}
	vhdx_commit_check_flush(vt);
	vhdx_set_mode(vt, VHDX_MODE_RO,
		      "block allocations cannot be made durable");
	/* They can be read until the end of the session. */
	spin_lock_irq(&vt->lock);
	list_splice(batch, &vt->dirty);
	spin_unlock_irq(&vt->lock);
	return r;
}

/**
 * vhdx_flush_end_io() - a flush that was sent on to the backing device is done
 * @bio: hooked
 *
 * If it has failed, its sender hears of it when the mode has changed.
 *
 * Context: any.
 */
void vhdx_flush_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	/* One that would have had to wait has not been tried. */
	if (bio->bi_status == BLK_STS_AGAIN) {
		bio_endio(bio);
		return;
	}
	/* With what an earlier one has dropped it succeeds, but in vain. */
	if (likely(!bio->bi_status && !READ_ONCE(vt->image.flush_failed))) {
		bio_endio(bio);
		return;
	}
	WRITE_ONCE(vt->image.flush_failed, true);
	WRITE_ONCE(vt->check_reads, true);
	vhdx_commit_bio(vt, bio);
}

/**
 * vhdx_fua_end_io() - the data of a FUA write is written, but not durable
 * @bio: hooked; FUA was taken off
 *
 * What has failed is the write, and that is its sender's business alone.  What
 * may fail from now on is a flush of ours.
 *
 * Context: any.
 */
void vhdx_fua_end_io(struct bio *bio)
{
	struct vhdx_target *vt = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	if (bio->bi_status)
		bio_endio(bio);
	else
		vhdx_commit_bio(vt, bio);
}

/**
 * vhdx_commit_work() - commit what is dirty, complete who waits for it
 * @work: the target's commit work
 *
 * Context: commit workqueue; never runs twice at once.
 */
void vhdx_commit_work(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(work, struct vhdx_target, commit);
	struct bio_list bios = BIO_EMPTY_LIST;
	bool failed, asked, lost = false;
	LIST_HEAD(batch);
	struct bio *bio;
	int r = 0;

	spin_lock_irq(&vt->lock);
	bio_list_merge(&vt->committing, &vt->flushes);
	bio_list_init(&vt->flushes);
	asked = !bio_list_empty(&vt->committing);
	/* Then some of what was acknowledged will never be durable. */
	failed = READ_ONCE(vt->image.flush_failed) ||
		 (vt->mode != VHDX_MODE_RW && vt->nr_dirty);
	if (!failed)
		list_splice_init(&vt->dirty, &batch);
	if (asked) {
		lost = vt->lost;
		failed |= lost;
		vt->lost = false;
	}
	spin_unlock_irq(&vt->lock);

	if (!list_empty(&batch))
		r = vhdx_commit_blocks(vt, &batch);
	else if (!failed && asked)
		r = vhdx_image_flush(&vt->image);
	vhdx_commit_check_flush(vt);

	spin_lock_irq(&vt->lock);
	/* Some may have been handed back while this waited for space. */
	bio_list_merge(&bios, &vt->committing);
	bio_list_init(&vt->committing);
	vt->flush_told |= READ_ONCE(vt->image.flush_failed) &&
			  !bio_list_empty(&bios);
	vt->lost |= lost && bio_list_empty(&bios);
	/* There is no commit to wait for any more: let them fail. */
	if (vt->mode != VHDX_MODE_RW)
		vhdx_wake_starved(vt);
	spin_unlock_irq(&vt->lock);

	while ((bio = bio_list_pop(&bios))) {
		/* One that the device has failed has its own already. */
		if (!bio->bi_status)
			bio->bi_status = failed ? BLK_STS_IOERR :
						  errno_to_blk_status(r);
		bio_endio(bio);
	}
}

/**
 * vhdx_commit_timer() - the commit interval is over
 * @work: the target's commit timer
 *
 * Context: workqueue.
 */
void vhdx_commit_timer(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(to_delayed_work(work),
					      struct vhdx_target, commit_timer);

	queue_work(vt->commit_wq, &vt->commit);
}

/**
 * vhdx_commit_bio() - complete a bio after the next commit
 * @vt: the target
 * @bio: an empty flush, or a FUA write whose data is written
 *
 * Context: any.
 */
void vhdx_commit_bio(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->flushes, bio);
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->commit_wq, &vt->commit);
	spin_unlock_irqrestore(&vt->lock, flags);
}

/**
 * vhdx_commit_add() - publish a new block and leave it to the next commit
 * @vt: the target
 * @alloc: the block; belongs to the commit from now on
 * @exposed: its space held foreign data until what was written to it is
 *           durable
 *
 * The block can be read and written as soon as this returns.
 *
 * Context: worker.
 */
void vhdx_commit_add(struct vhdx_target *vt, struct vhdx_alloc *alloc,
		     bool exposed)
{
	u32 e = vhdx_e_make(VHDX_BLOCK_FULL, alloc->mib) | VHDX_E_PENDING;
	unsigned int nr_dirty;
	bool now;

	spin_lock_irq(&vt->lock);
	vt->exposed |= exposed;
	vt->image.allocated_blocks++;
	list_add_tail(&alloc->list, &vt->dirty);
	nr_dirty = ++vt->nr_dirty;
	vt->stats.allocs++;
	/* Many, or somebody waits for the memory that they take. */
	now = nr_dirty % VHDX_COMMIT_BLOCKS == 0 ||
	      !bio_list_empty(&vt->starved);
	/* Last, and under the lock: see the essay above. */
	WRITE_ONCE(vt->bat[alloc->block], e);
	spin_unlock_irq(&vt->lock);

	if (now)
		queue_work(vt->commit_wq, &vt->commit);
	else if (nr_dirty == 1)
		vhdx_commit_arm(vt);
}
