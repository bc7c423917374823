// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: freeing
 *
 * A block that is freed reads as zeros at once, and a write to it takes other
 * space at once.  What was its space is in *limbo* from then on, until, in this
 * order,
 *
 *   1. the BAT entry without it is durable.  Passed down before that, a crash
 *      would bring back a block whose contents are gone; used before that, a
 *      crash would show it to two blocks;
 *   2. all bios that may still go there have landed (*flights*): they have read
 *      the entry as it was before;
 *   3. it was passed down as a discard, if that is wanted, and this has completed:
 *      else it might hit the next owner's data;
 *   4. it is free in the map of space.
 *
 * The first is the commit's, with the transaction that the change is part of;
 * the rest is done here, in a work of its own, as devices may take long over a
 * discard.
 *
 * Flights are counted by SRCU: a bio takes it when map, or the worker, looks at
 * the entry, and gives it back when the bio is done, or is put into a list from
 * which the entry will be looked at again.
 */
#include <linux/sort.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/*
 * So many discards, and so many bytes of them, are under way at once.  A loop device
 * does one thing after the other, so whatever else it is to do waits for these.
 */
#define VHDX_FREE_BATCH		16
#define VHDX_FREE_AT_ONCE	SZ_8M
/* In a hurry each is of so many.  A file system may hold a lock over it. */
#define VHDX_FREE_HURRY		SZ_256M

/* ------------------------------------------------------------------------
 * Limbo
 */

static struct vhdx_limbo *vhdx_limbo_last(struct list_head *limbo)
{
	return list_empty(limbo) ? NULL :
	       list_last_entry(limbo, struct vhdx_limbo, list);
}

/* Is there room for one more extent? */
static bool vhdx_limbo_ready(struct vhdx_target *vt)
{
	struct vhdx_limbo *page = vhdx_limbo_last(&vt->running->limbo);
	struct page *p;

	if (page && page->nr < VHDX_LIMBO_EXTENTS)
		return true;
	p = mempool_alloc(&vt->limbo_pool, GFP_NOWAIT | __GFP_NOWARN);
	if (!p)
		return false;
	page = page_address(p);
	page->nr = 0;
	list_add_tail(&page->list, &vt->running->limbo);
	return true;
}

static void vhdx_limbo_add(struct vhdx_target *vt, u32 mib, u32 count)
{
	struct vhdx_limbo *page = vhdx_limbo_last(&vt->running->limbo);
	struct vhdx_extent *last = page->nr ? &page->extents[page->nr - 1] : NULL;

	WRITE_ONCE(vt->limbo_mib, vt->limbo_mib + count);
	if (last && last->mib + last->count == mib)
		last->count += count;
	else
		page->extents[page->nr++] = (struct vhdx_extent){ mib, count };
}

static void vhdx_limbo_free_page(struct vhdx_target *vt, struct vhdx_limbo *page)
{
	list_del(&page->list);
	mempool_free(virt_to_page(page), &vt->limbo_pool);
}

/**
 * vhdx_limbo_drop() - forget a list of extents: the image is not loaded any more
 * @vt: the target
 * @limbo: list of struct vhdx_limbo
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_limbo_drop(struct vhdx_target *vt, struct list_head *limbo)
{
	struct vhdx_limbo *page, *next;

	lockdep_assert_held(&vt->publish);
	list_for_each_entry_safe(page, next, limbo, list)
		vhdx_limbo_free_page(vt, page);
}

/*
 * Is there what it takes to change an entry in a sector of the BAT, and to free the
 * space that it has, if it has any?
 */
static bool vhdx_free_ready(struct vhdx_target *vt, u64 sector, bool has_space,
			    struct vhdx_change **spare)
{
	lockdep_assert_held(&vt->publish);
	*spare = NULL;
	if (has_space && !vhdx_limbo_ready(vt))
		return false;
	if (vhdx_txn_has_sector(vt, sector))
		return true;
	if (vhdx_txn_has_room(vt, 1))
		*spare = mempool_alloc(&vt->change_pool,
				       GFP_NOWAIT | __GFP_NOWARN);
	return *spare;
}

/**
 * vhdx_free_block() - free a block, in the running transaction
 * @vt: the target
 * @block: the block; nothing is done if it reads as zeros
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: false if there is no memory, or no room in the transaction; nothing has
 * changed then.
 */
bool vhdx_free_block(struct vhdx_target *vt, u32 block)
{
	u32 e = vt->bat[block], unit = vhdx_block_mib(&vt->image.layout.geo);
	struct vhdx_change *spare;

	lockdep_assert_held(&vt->publish);
	if (vhdx_e_zeros(e))
		return true;
	if (!vhdx_free_ready(vt, vhdx_txn_block_sector(vt, block),
			     vhdx_e_has_space(e), &spare))
		return false;
	vhdx_txn_unpublish(vt, spare, block);
	if (vhdx_e_has_space(e))
		vhdx_limbo_add(vt, vhdx_e_mib(e), unit);
	return true;
}

/**
 * vhdx_replace_block() - a block that is moving has its new space, in the running
 * transaction; the old one is freed
 * @vt: the target
 * @block: the block
 * @mib: as for vhdx_txn_move()
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: as vhdx_free_block().
 */
bool vhdx_replace_block(struct vhdx_target *vt, u32 block, u32 mib)
{
	u32 old = vhdx_e_mib(vt->bat[block]);
	struct vhdx_change *spare;

	lockdep_assert_held(&vt->publish);
	if (!vhdx_free_ready(vt, vhdx_txn_block_sector(vt, block), true, &spare))
		return false;
	vhdx_txn_move(vt, spare, block, mib);
	vhdx_limbo_add(vt, old, vhdx_block_mib(&vt->image.layout.geo));
	return true;
}

/**
 * vhdx_replace_bitmap() - likewise a sector bitmap that is moving
 * @vt: the target
 * @chunk: its chunk
 * @mib: as for vhdx_txn_move_bitmap()
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: as vhdx_free_block().
 */
bool vhdx_replace_bitmap(struct vhdx_target *vt, u32 chunk, u32 mib)
{
	u32 old = vt->image.bitmap[chunk];
	struct vhdx_change *spare;

	lockdep_assert_held(&vt->publish);
	if (!vhdx_free_ready(vt, vhdx_txn_bitmap_sector(vt, chunk), true, &spare))
		return false;
	vhdx_txn_move_bitmap(vt, spare, chunk, mib);
	vhdx_limbo_add(vt, old, 1);
	return true;
}

/* ------------------------------------------------------------------------
 * The work
 */

static int vhdx_extent_cmp(const void *a, const void *b)
{
	u32 mib_a = ((const struct vhdx_extent *)a)->mib;
	u32 mib_b = ((const struct vhdx_extent *)b)->mib;

	return mib_a < mib_b ? -1 : mib_a > mib_b;
}

/* In order, and neighbours as one: the fewer, larger discards. */
static void vhdx_limbo_sort(struct vhdx_limbo *page)
{
	struct vhdx_extent *e = page->extents;
	u32 from, to = 0;

	if (!page->nr)
		return;
	sort(e, page->nr, sizeof(*e), vhdx_extent_cmp, NULL);
	for (from = 1; from < page->nr; from++) {
		if (e[to].mib + e[to].count == e[from].mib)
			e[to].count += e[from].count;
		else
			e[++to] = e[from];
	}
	page->nr = to + 1;
}

/**
 * vhdx_pass_down_failed() - the backing device has failed a discard
 * @vt: the target
 * @r: how
 *
 * Told once: there will be no other.
 *
 * Context: any.
 */
void vhdx_pass_down_failed(struct vhdx_target *vt, int r)
{
	unsigned long flags;
	bool was;

	spin_lock_irqsave(&vt->lock, flags);
	was = vt->pass_down;
	WRITE_ONCE(vt->pass_down, false);
	spin_unlock_irqrestore(&vt->lock, flags);
	if (was)
		DMWARN("%pg: the backing device has failed a discard (%d): no more are passed down",
		       vt->bdev, r);
}

/* Where passing down has come to in a page. */
struct vhdx_pass_down {
	const struct vhdx_limbo *page;
	u32 i;		/* extent */
	u64 done;	/* bytes of it */
};

/* One discard; returns its bytes. */
static u64 vhdx_pass_down_one(struct vhdx_target *vt, struct vhdx_pass_down *at,
			      struct vhdx_io_batch *batch, u32 most)
{
	const struct vhdx_extent *e = &at->page->extents[at->i];
	u64 bytes = (u64)e->count << 20, sent;

	if (!at->done)
		trace_vhdx_pass_down(vt->bdev, e->mib, e->count);
	sent = vhdx_io_batch_discard(batch, &vt->image.backing,
				     ((u64)e->mib << 20) + at->done,
				     bytes - at->done, most);
	at->done += sent;
	if (at->done == bytes) {
		vhdx_stat_add(&vt->stats, VHDX_STAT_PASSED_DOWN, e->count);
		at->i++;
		at->done = 0;
	}
	return sent;
}

/* Whoever waits for it, here or for space below, is not to wait for others' reads in between. */
static bool vhdx_free_is_urgent(struct vhdx_target *vt)
{
	return READ_ONCE(vt->starved.head) || READ_ONCE(vt->space_waiters.head) ||
	       atomic_read(&vt->free_waiters);
}

static int vhdx_pass_down_batch(struct vhdx_target *vt, struct vhdx_pass_down *at)
{
	bool hurry = vhdx_free_is_urgent(vt);
	u32 nr, most = hurry ? VHDX_FREE_HURRY : VHDX_FREE_AT_ONCE;
	struct vhdx_io_batch batch;
	u64 sent = 0;

	vhdx_io_batch_init(&batch);
	for (nr = 0; nr < VHDX_FREE_BATCH && at->i < at->page->nr; nr++) {
		sent += vhdx_pass_down_one(vt, at, &batch, most);
		if (!hurry && sent >= VHDX_FREE_AT_ONCE)
			break;
	}
	return vhdx_io_batch_wait(&batch);
}

static void vhdx_limbo_pass_down(struct vhdx_target *vt, const struct vhdx_limbo *page)
{
	struct vhdx_pass_down at = { .page = page };
	int r = 0;

	while (at.i < page->nr && !r)
		r = vhdx_pass_down_batch(vt, &at);
	/* Freed it is all the same. */
	if (r)
		vhdx_pass_down_failed(vt, r);
}

static void vhdx_limbo_release(struct vhdx_target *vt, struct vhdx_limbo *page)
{
	u32 i, count = 0;

	mutex_lock(&vt->publish);
	for (i = 0; i < page->nr; i++) {
		const struct vhdx_extent *e = &page->extents[i];

		trace_vhdx_reusable(vt->bdev, e->mib, e->count);
		vhdx_space_release(&vt->image.space, e->mib, e->count);
		vt->space_hint = min(vt->space_hint, e->mib);
		count += e->count;
	}
	WRITE_ONCE(vt->limbo_mib, vt->limbo_mib - count);
	vhdx_stat_add(&vt->stats, VHDX_STAT_REUSABLE, count);
	mutex_unlock(&vt->publish);
}

/**
 * vhdx_free_work() - what is durably freed becomes free
 * @work: the target's free work
 *
 * Context: free workqueue; never runs twice at once.
 */
void vhdx_free_work(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(work, struct vhdx_target, free);
	struct vhdx_limbo *page, *next;
	LIST_HEAD(limbo);

	mutex_lock(&vt->publish);
	list_splice_init(&vt->limbo, &limbo);
	mutex_unlock(&vt->publish);
	if (list_empty(&limbo))
		return;

	synchronize_srcu(&vt->flights);
	list_for_each_entry_safe(page, next, &limbo, list) {
		vhdx_limbo_sort(page);
		if (READ_ONCE(vt->pass_down))
			vhdx_limbo_pass_down(vt, page);
		vhdx_limbo_release(vt, page);
		vhdx_limbo_free_page(vt, page);
		/* For memory, or for this very space. */
		spin_lock_irq(&vt->lock);
		vhdx_wake_starved(vt);
		spin_unlock_irq(&vt->lock);
	}
}

/**
 * vhdx_free_wait() - wait until what is durably freed is free, soon
 * @vt: the target
 *
 * Context: may sleep.
 */
void vhdx_free_wait(struct vhdx_target *vt)
{
	atomic_inc(&vt->free_waiters);
	flush_work(&vt->free);
	atomic_dec(&vt->free_waiters);
}
