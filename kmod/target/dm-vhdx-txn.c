// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: transactions
 *
 * A write to a new block completes when its data is written.  Its BAT entry
 * becomes durable with the transaction that its change is part of.  Whatever
 * changes the in-core BAT does so under the publish mutex and notes the BAT's
 * sector in the running transaction.  A commit takes that, another one is running
 * from then on, and logs it:
 *
 *   1. cut: the running transaction becomes the one being logged;
 *   2. under the publish mutex, build its BAT sectors from the in-core BAT;
 *   3. if space that might hold foreign data was published: flush, so that its
 *      zeroes and data are durable before an entry can name them;
 *   4. write the log entry;  (2 to 4 once more if it takes several entries)
 *      of a VHD image, which has no log: write the sectors to their places;
 *   5. flush: log entries and all data written before are durable;
 *   6. the blocks are no longer pending.
 *
 * Step 2 finds changes of the transaction that is running by then as well, and
 * makes them its own: they are in the sector.  That their space is exposed is told
 * under the same mutex as the entry that names it, so step 3 knows.
 */
#include <linux/list_sort.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/* So many sectors may be changed while there is made room for the others. */
#define VHDX_TXN_SLACK	16

/* The first entry of a sector of the BAT. */
static u64 vhdx_txn_index(const struct vhdx_target *vt,
			  const struct vhdx_change *change)
{
	return (change->sector - vhdx_txn_sector(vt, 0)) * VHDX_BAT_PER_SECTOR;
}

/* What the slot of a chunk's sector bitmap has. */
static u64 vhdx_txn_raw_bitmap(const struct vhdx_target *vt, u32 chunk)
{
	u32 mib = 0;

	if (vt->image.bitmap && chunk < vt->image.layout.geo.chunks)
		mib = vt->image.bitmap[chunk];
	return mib ? VHDX_BAT_RAW(VHDX_BITMAP_PRESENT, mib) : 0;
}

/*
 * Build a sector of the BAT.  Padding becomes zero, as do slots without a sector
 * bitmap.  Blocks that are pending are noted: with the sector they become durable.
 */
static void vhdx_txn_build(const struct vhdx_target *vt,
			   struct vhdx_change *change, __le64 *raw)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	u64 index = vhdx_txn_index(vt, change), in_chunk;
	u32 block = vhdx_bat_blocks_before(geo, index);
	u32 chunk = 1U << geo->chunk_shift;
	int i;

	lockdep_assert_held(&vt->publish);
	bitmap_zero(change->pending, VHDX_BAT_PER_SECTOR);
	div64_u64_rem(index, chunk + 1ULL, &in_chunk);
	for (i = 0; i < VHDX_BAT_PER_SECTOR; i++) {
		raw[i] = 0;
		if (in_chunk == chunk) {
			raw[i] = cpu_to_le64(vhdx_txn_raw_bitmap(vt, index + i - block));
			in_chunk = 0;
			continue;
		}
		if (block < geo->blocks) {
			u32 e = vt->bat[block];

			raw[i] = cpu_to_le64(vhdx_e_raw(e));
			if (vhdx_e_has_space(e) && (e & VHDX_E_PENDING))
				__set_bit(i, change->pending);
		}
		block++;
		in_chunk++;
	}
}

/* What the running transaction has of a sector goes to the one that is logged. */
static void vhdx_txn_merge(struct vhdx_target *vt, struct vhdx_change *change)
{
	struct vhdx_change *newer = vhdx_txn_find(vt->running, change->sector);

	if (!newer)
		return;
	change->nr += newer->nr;
	change->moved |= newer->moved;
	vhdx_txn_remove(vt, vt->running, newer);
}

static int vhdx_change_cmp(void *priv, const struct list_head *a,
			   const struct list_head *b)
{
	u64 sector_a = list_entry(a, struct vhdx_change, list)->sector;
	u64 sector_b = list_entry(b, struct vhdx_change, list)->sector;

	return sector_a < sector_b ? -1 : sector_a > sector_b;
}

/* How many from @change on, up to one entry? */
static u32 vhdx_txn_count(struct vhdx_txn *txn, struct vhdx_change *change)
{
	u32 count = 0;

	list_for_each_entry_from(change, &txn->changes, list)
		if (++count == VHDX_LOG_FIRST_DESCS)
			break;
	return count;
}

static void vhdx_txn_stage_bits(struct vhdx_target *vt, struct vhdx_bits *bits,
				void *raw)
{
	memcpy(raw, bits->data, VHDX_SECTOR);
	bits->opened = vt->log.opened;
	bits->pos = vt->log.write_pos;
}

/* Of a VHD image.  What has not changed is not written. */
static void vhdx_txn_stage_vhd(struct vhdx_target *vt, struct vhdx_change *change)
{
	void *raw = NULL;

	if (change->bits || change->moved)
		raw = vhd_store_stage(vt->store, change->sector);
	if (change->bits) {
		memcpy(raw, change->bits->data, VHD_SECTOR);
		return;
	}
	bitmap_zero(change->pending, VHDX_BAT_PER_SECTOR);
	vhd_store_build(vt, change->sector, raw, change->pending);
}

static void vhdx_txn_stage_change(struct vhdx_target *vt,
				  struct vhdx_change *change)
{
	void *raw;

	if (vt->image.is_vhd) {
		vhdx_txn_stage_vhd(vt, change);
		return;
	}
	raw = vhdx_log_stage(&vt->log, change->sector * VHDX_SECTOR);
	if (change->bits)
		vhdx_txn_stage_bits(vt, change->bits, raw);
	else
		vhdx_txn_build(vt, change, raw);
}

/*
 * Step 2 for @count sectors from @change on.  Returns whether a flush has to come
 * before the entry; *@next is the first change that is not in it, NULL if all are.
 */
static bool vhdx_txn_stage(struct vhdx_target *vt, struct vhdx_change *change,
			   u32 count, struct vhdx_change **next)
{
	struct vhdx_txn *txn = vt->logging;
	bool preflush;

	lockdep_assert_held(&vt->publish);
	*next = NULL;
	list_for_each_entry_from(change, &txn->changes, list) {
		if (!count--) {
			*next = change;
			break;
		}
		vhdx_txn_merge(vt, change);
		vhdx_txn_stage_change(vt, change);
	}
	/* Of what was merged, or will be logged by a later entry. */
	preflush = txn->exposed || vt->running->exposed;
	txn->exposed = false;
	vt->running->exposed = false;
	return preflush;
}

static int vhdx_txn_flush(struct vhdx_target *vt)
{
	return vt->image.is_vhd ? vhdx_image_flush(&vt->image) :
				  vhdx_log_flush(&vt->log);
}

/* Steps 3 and 4 for what was staged. */
static int vhdx_txn_write(struct vhdx_target *vt, bool preflush)
{
	int r = preflush ? vhdx_txn_flush(vt) : 0;

	if (r)
		return r;
	vhdx_stat_add(&vt->stats, VHDX_STAT_ENTRIES, 1);
	trace_vhdx_log_entry(vt->bdev, vt->image.is_vhd ? vt->store->nr :
				       vt->log.entry_sectors);
	return vt->image.is_vhd ? vhd_store_write(vt) : vhdx_log_write(&vt->log);
}

/*
 * Steps 2 to 4 for the changes from *@next on, as many as fit one entry.
 * Advances *@next; NULL when all are done.
 */
static int vhdx_txn_entry(struct vhdx_target *vt, struct vhdx_change **next)
{
	u32 count = vhdx_txn_count(vt->logging, *next);
	bool preflush;
	int r;

	r = vhdx_log_make_room(&vt->log, count);
	if (r)
		return r;
	mutex_lock(&vt->publish);
	preflush = vhdx_txn_stage(vt, *next, count, next);
	mutex_unlock(&vt->publish);
	/* Zeroes and data before the entry, or the bits, that name them. */
	return vhdx_txn_write(vt, preflush);
}

/* The blocks of a sector that were pending when it was built are not any more. */
static void vhdx_txn_settle(struct vhdx_target *vt, struct vhdx_change *change)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	unsigned int i;

	if (change->bits)
		return;
	for_each_set_bit(i, change->pending, VHDX_BAT_PER_SECTOR) {
		u32 block = vt->image.is_vhd ?
			vhd_store_block(vt, change->sector) + i :
			vhdx_bat_blocks_before(geo, vhdx_txn_index(vt, change) + i);
		u32 *e = &vt->bat[block];

		if (vhdx_is_moving(vt, block))
			WRITE_ONCE(vt->move_committed, true);
		else
			WRITE_ONCE(*e, *e & ~VHDX_E_PENDING);
	}
}

/* Step 6. */
static void vhdx_txn_done(struct vhdx_target *vt)
{
	struct vhdx_change *change, *next;
	unsigned int count = 0;

	mutex_lock(&vt->publish);
	list_for_each_entry_safe(change, next, &vt->logging->changes, list) {
		vhdx_txn_settle(vt, change);
		count += change->nr;
		vhdx_txn_remove(vt, vt->logging, change);
	}
	WRITE_ONCE(vt->nr_dirty, vt->nr_dirty - count);
	if (!list_empty(&vt->logging->limbo)) {
		list_splice_tail_init(&vt->logging->limbo, &vt->limbo);
		queue_work(vt->free_wq, &vt->free);
	}
	vt->logging = NULL;
	mutex_unlock(&vt->publish);

	vhdx_stat_add(&vt->stats, VHDX_STAT_COMMITS, 1);
	spin_lock_irq(&vt->lock);
	vhdx_wake_starved(vt);
	/* There is room in the running one for blocks that were prepared. */
	if (vt->chain && !list_empty(&vt->done))
		queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
}

/* It has failed: what it should have made durable is part of the running one. */
static void vhdx_txn_undo(struct vhdx_target *vt)
{
	struct vhdx_change *change, *next;

	mutex_lock(&vt->publish);
	list_for_each_entry_safe(change, next, &vt->logging->changes, list) {
		vhdx_txn_merge(vt, change);
		vhdx_txn_del(vt->logging, change);
		vhdx_txn_add(vt->running, change);
	}
	list_splice_init(&vt->logging->limbo, &vt->running->limbo);
	vt->logging = NULL;
	mutex_unlock(&vt->publish);
}

/* The running transaction becomes the one being logged.  False: it is empty. */
static bool vhdx_txn_cut(struct vhdx_target *vt)
{
	bool some;

	lockdep_assert_held(&vt->publish);
	/* What is in limbo may have been logged, with a change of another. */
	some = !list_empty(&vt->running->changes) ||
	       !list_empty(&vt->running->limbo);
	if (some) {
		trace_vhdx_commit(vt->bdev, vt->running->sectors);
		vt->logging = vt->running;
		vt->running = &vt->txns[vt->running == &vt->txns[0]];
	}
	return some;
}

/* Room for the running transaction; returns 0 with the publish mutex held. */
static int vhdx_txn_make_room(struct vhdx_target *vt, u32 sectors)
{
	int r;

	if (vt->image.is_vhd) {
		vt->store->nr = 0;
		mutex_lock(&vt->publish);
		return 0;
	}
	/* Some may come meanwhile; the more room, the sooner a checkpoint. */
	sectors = min_t(u32, sectors + VHDX_TXN_SLACK, VHDX_LOG_FIRST_DESCS);
	r = vhdx_log_make_room(&vt->log, sectors);
	if (r)
		return r;
	mutex_lock(&vt->publish);
	if (vt->running->sectors > sectors) {
		mutex_unlock(&vt->publish);
		r = vhdx_log_make_room(&vt->log, VHDX_LOG_FIRST_DESCS);
		if (r)
			return r;
		mutex_lock(&vt->publish);
	}
	return 0;
}

/*
 * Steps 1 to 5 where sectors depend on each other: it is cut and built in one go,
 * and logged in one entry, for which vhdx_txn_has_room() has seen to it that it is
 * large enough.  Returns 1 if there is something in it.
 */
static int vhdx_txn_log_whole(struct vhdx_target *vt)
{
	u32 sectors = READ_ONCE(vt->running->sectors);
	struct vhdx_change *next;
	bool preflush;
	int r;

	if (!sectors)
		return 0;
	r = vhdx_txn_make_room(vt, sectors);
	if (r)
		return r;
	vhdx_txn_cut(vt);
	list_sort(NULL, &vt->logging->changes, vhdx_change_cmp);
	next = list_first_entry(&vt->logging->changes, struct vhdx_change, list);
	preflush = vhdx_txn_stage(vt, next, vt->logging->sectors, &next);
	mutex_unlock(&vt->publish);
	r = vhdx_txn_write(vt, preflush) ?: vhdx_txn_flush(vt);
	return r ?: 1;
}

/* Steps 1 to 5, in as many entries as it takes.  As vhdx_txn_log_whole(). */
static int vhdx_txn_log_many(struct vhdx_target *vt)
{
	struct vhdx_change *next;
	struct vhdx_txn *txn;
	bool some;
	int r;

	mutex_lock(&vt->publish);
	some = vhdx_txn_cut(vt);
	mutex_unlock(&vt->publish);
	if (!some || list_empty(&vt->logging->changes))
		return 0;
	txn = vt->logging;
	/* Nobody else goes through the list. */
	list_sort(NULL, &txn->changes, vhdx_change_cmp);
	next = list_first_entry(&txn->changes, struct vhdx_change, list);
	while (next) {
		r = vhdx_txn_entry(vt, &next);
		if (r)
			return r;
	}
	return vhdx_log_flush(&vt->log) ?: 1;
}

/**
 * vhdx_txn_commit() - make durable what has been published
 * @vt: the target
 *
 * If it fails the changes go back, where they make each later FLUSH fail.
 *
 * Context: may sleep; commit work.
 * Return: 1; 0 if there was nothing to do, and nothing flushed; or a negative
 * errno.
 */
int vhdx_txn_commit(struct vhdx_target *vt)
{
	int r;

	if (vt->chain)
		r = vhdx_txn_log_whole(vt);
	else
		r = vhdx_txn_log_many(vt);
	if (vt->logging && r < 0)
		vhdx_txn_undo(vt);
	else if (vt->logging)
		vhdx_txn_done(vt);
	trace_vhdx_commit_done(vt->bdev, r);
	return r;
}
