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
 *   5. flush: log entries and all data written before are durable;
 *   6. the blocks are no longer pending.
 *
 * Step 2 finds changes of the transaction that is running by then as well, and
 * makes them its own: they are in the sector.  That their space is exposed is told
 * under the same mutex as the entry that names it, so step 3 knows.
 */
#include <linux/list_sort.h>

#include "dm-vhdx.h"

/* Where the entry of a block is. */
static u64 vhdx_txn_sector(const struct vhdx_target *vt, u32 block)
{
	return vhdx_bat_index(&vt->image.layout.geo, block) /
	       VHDX_BAT_PER_SECTOR;
}

/*
 * Build a sector of the BAT.  Padding and bitmap slots become zero.  Blocks that
 * are pending are noted: with the sector they become durable.
 */
static void vhdx_txn_build(const struct vhdx_target *vt,
			   struct vhdx_change *change, __le64 *raw)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	u64 index = change->sector * VHDX_BAT_PER_SECTOR;
	u32 block = vhdx_bat_blocks_before(geo, index);
	u32 chunk = 1U << geo->chunk_shift;
	u64 in_chunk;
	int i;

	lockdep_assert_held(&vt->publish);
	bitmap_zero(change->pending, VHDX_BAT_PER_SECTOR);
	div64_u64_rem(index, chunk + 1ULL, &in_chunk);
	for (i = 0; i < VHDX_BAT_PER_SECTOR; i++) {
		raw[i] = 0;
		if (in_chunk == chunk) {
			in_chunk = 0;
			continue;
		}
		if (block < geo->blocks) {
			u32 e = vt->bat[block];

			raw[i] = cpu_to_le64(vhdx_e_raw(e));
			if (vhdx_e_present(e) && (e & VHDX_E_PENDING))
				__set_bit(i, change->pending);
		}
		block++;
		in_chunk++;
	}
}

static struct vhdx_change *vhdx_txn_find(struct vhdx_txn *txn, u64 sector)
{
	struct vhdx_change *change;

	hash_for_each_possible(txn->hash, change, hash, sector)
		if (change->sector == sector)
			return change;
	return NULL;
}

static void vhdx_txn_add(struct vhdx_txn *txn, struct vhdx_change *change)
{
	list_add_tail(&change->list, &txn->changes);
	hash_add(txn->hash, &change->hash, change->sector);
}

static void vhdx_txn_remove(struct vhdx_target *vt, struct vhdx_change *change)
{
	list_del(&change->list);
	hash_del(&change->hash);
	mempool_free(change, &vt->change_pool);
}

/* What the running transaction has of a sector goes to the one that is logged. */
static void vhdx_txn_merge(struct vhdx_target *vt, struct vhdx_change *change)
{
	struct vhdx_change *newer = vhdx_txn_find(vt->running, change->sector);

	if (!newer)
		return;
	change->nr += newer->nr;
	vhdx_txn_remove(vt, newer);
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

/*
 * Step 2 for @count sectors from @change on.  Returns whether a flush has to come
 * before the entry; *@next is the first change that is not in it, NULL if all are.
 */
static bool vhdx_txn_stage(struct vhdx_target *vt, struct vhdx_change *change,
			   u32 count, struct vhdx_change **next)
{
	u64 bat_off = vt->image.layout.regions.bat.off;
	struct vhdx_txn *txn = vt->logging;
	bool preflush;
	__le64 *raw;

	*next = NULL;
	mutex_lock(&vt->publish);
	list_for_each_entry_from(change, &txn->changes, list) {
		if (!count--) {
			*next = change;
			break;
		}
		raw = vhdx_log_stage(&vt->log,
				     bat_off + change->sector * VHDX_SECTOR);
		vhdx_txn_build(vt, change, raw);
		vhdx_txn_merge(vt, change);
	}
	/* Of what was merged, or will be logged by a later entry. */
	preflush = txn->exposed || vt->running->exposed;
	txn->exposed = false;
	vt->running->exposed = false;
	mutex_unlock(&vt->publish);
	return preflush;
}

/*
 * Steps 2 to 4 for the changes from *@next on, as many as fit one entry.
 * Advances *@next; NULL when all are done.
 */
static int vhdx_txn_entry(struct vhdx_target *vt, struct vhdx_change **next)
{
	u32 count = vhdx_txn_count(vt->logging, *next);
	int r;

	r = vhdx_log_make_room(&vt->log, count);
	if (r)
		return r;
	/* Exposed space: zeroes and data before the entry that names it. */
	if (vhdx_txn_stage(vt, *next, count, next)) {
		r = vhdx_log_flush(&vt->log);
		if (r)
			return r;
	}
	spin_lock_irq(&vt->lock);
	vt->stats.entries++;
	spin_unlock_irq(&vt->lock);
	return vhdx_log_write(&vt->log);
}

/* Steps 2 to 5. */
static int vhdx_txn_log(struct vhdx_target *vt)
{
	struct vhdx_txn *txn = vt->logging;
	struct vhdx_change *next;
	int r;

	if (list_empty(&txn->changes))
		return 0;
	/* Nobody else goes through the list. */
	list_sort(NULL, &txn->changes, vhdx_change_cmp);
	next = list_first_entry(&txn->changes, struct vhdx_change, list);
	while (next) {
		r = vhdx_txn_entry(vt, &next);
		if (r)
			return r;
	}
	return vhdx_log_flush(&vt->log);
}

/* The blocks of a sector that were pending when it was built are not any more. */
static void vhdx_txn_settle(struct vhdx_target *vt, struct vhdx_change *change)
{
	const struct vhdx_geometry *geo = &vt->image.layout.geo;
	u64 index = change->sector * VHDX_BAT_PER_SECTOR;
	unsigned int i;

	for_each_set_bit(i, change->pending, VHDX_BAT_PER_SECTOR) {
		u32 *e = &vt->bat[vhdx_bat_blocks_before(geo, index + i)];

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
		vhdx_txn_remove(vt, change);
	}
	WRITE_ONCE(vt->nr_dirty, vt->nr_dirty - count);
	if (!list_empty(&vt->logging->limbo)) {
		list_splice_tail_init(&vt->logging->limbo, &vt->limbo);
		queue_work(vt->free_wq, &vt->free);
	}
	vt->logging = NULL;
	mutex_unlock(&vt->publish);

	spin_lock_irq(&vt->lock);
	vt->stats.commits++;
	vhdx_wake_starved(vt);
	spin_unlock_irq(&vt->lock);
}

/* It has failed: what it should have made durable is part of the running one. */
static void vhdx_txn_undo(struct vhdx_target *vt)
{
	struct vhdx_change *change, *next;

	mutex_lock(&vt->publish);
	list_for_each_entry_safe(change, next, &vt->logging->changes, list) {
		vhdx_txn_merge(vt, change);
		hash_del(&change->hash);
		list_del(&change->list);
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

	mutex_lock(&vt->publish);
	/* What is in limbo may have been logged, with a change of another. */
	some = !list_empty(&vt->running->changes) ||
	       !list_empty(&vt->running->limbo);
	if (some) {
		vt->logging = vt->running;
		vt->running = &vt->txns[vt->running == &vt->txns[0]];
	}
	mutex_unlock(&vt->publish);
	return some;
}

/**
 * vhdx_txn_init() - begin without any changes
 * @vt: the target
 *
 * Context: any.
 */
void vhdx_txn_init(struct vhdx_target *vt)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vt->txns); i++) {
		INIT_LIST_HEAD(&vt->txns[i].changes);
		hash_init(vt->txns[i].hash);
		INIT_LIST_HEAD(&vt->txns[i].limbo);
		vt->txns[i].exposed = false;
	}
	vt->running = &vt->txns[0];
	vt->logging = NULL;
	vt->nr_dirty = 0;
	INIT_LIST_HEAD(&vt->limbo);
	vt->limbo_mib = 0;
}

/**
 * vhdx_txn_has() - does the running transaction change a block's BAT sector?
 * @vt: the target
 * @block: the block
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so; then publishing needs no memory.
 */
bool vhdx_txn_has(struct vhdx_target *vt, u32 block)
{
	lockdep_assert_held(&vt->publish);
	return vhdx_txn_find(vt->running, vhdx_txn_sector(vt, block));
}

/* Part of the running transaction from now on; @spare is used up. */
static void vhdx_txn_note(struct vhdx_target *vt, struct vhdx_change *spare,
			  u32 block)
{
	u64 sector = vhdx_txn_sector(vt, block);
	struct vhdx_change *change = vhdx_txn_find(vt->running, sector);

	if (!change) {
		change = spare;
		change->sector = sector;
		change->nr = 0;
		vhdx_txn_add(vt->running, change);
	} else if (spare) {
		mempool_free(spare, &vt->change_pool);
	}
	change->nr++;
	/* Before a write is sent: who sees it done sees this, too. */
	WRITE_ONCE(vt->nr_dirty, vt->nr_dirty + 1);
}

/**
 * vhdx_txn_publish() - make a new block usable, in the running transaction
 * @vt: the target
 * @spare: memory for it, which is used up; may be NULL if vhdx_txn_has() it
 * @block: the block
 * @mib: its space
 * @exposed: its space held foreign data until what was written to it is
 *           durable
 *
 * The block can be read and written as soon as this returns.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_publish(struct vhdx_target *vt, struct vhdx_change *spare,
		      u32 block, u32 mib, bool exposed)
{
	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, block);
	vt->running->exposed |= exposed;
	vt->image.allocated_blocks++;
	vt->nr_allocs++;
	WRITE_ONCE(vt->bat[block],
		   vhdx_e_make(VHDX_BLOCK_FULL, mib) | VHDX_E_PENDING);
}

/**
 * vhdx_txn_unpublish() - make a block absent, in the running transaction
 * @vt: the target
 * @spare: as for vhdx_txn_publish()
 * @block: the block; present
 *
 * It reads as zeros as soon as this returns.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_txn_unpublish(struct vhdx_target *vt, struct vhdx_change *spare,
			u32 block)
{
	struct vhdx_change *logged = NULL;

	lockdep_assert_held(&vt->publish);
	vhdx_txn_note(vt, spare, block);
	/* What becomes durable there is no longer what this block is. */
	if (vt->logging)
		logged = vhdx_txn_find(vt->logging, vhdx_txn_sector(vt, block));
	if (logged)
		__clear_bit(vhdx_bat_index(&vt->image.layout.geo, block) %
			    VHDX_BAT_PER_SECTOR, logged->pending);
	vt->image.allocated_blocks--;
	WRITE_ONCE(vt->bat[block], vhdx_e_make(VHDX_BLOCK_ZERO, 0));
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
	bool some;
	int r;

	if (!vhdx_txn_cut(vt))
		return 0;
	some = !list_empty(&vt->logging->changes);
	r = vhdx_txn_log(vt);
	if (r) {
		vhdx_txn_undo(vt);
		return r;
	}
	vhdx_txn_done(vt);
	return some;
}

/**
 * vhdx_txn_drop() - forget what has been published and not committed
 * @vt: the target
 *
 * Context: process context; suspended.
 */
void vhdx_txn_drop(struct vhdx_target *vt)
{
	struct vhdx_change *change, *next;

	mutex_lock(&vt->publish);
	list_for_each_entry_safe(change, next, &vt->running->changes, list)
		vhdx_txn_remove(vt, change);
	vhdx_limbo_drop(vt, &vt->running->limbo);
	vhdx_limbo_drop(vt, &vt->limbo);
	vhdx_txn_init(vt);
	mutex_unlock(&vt->publish);
}
