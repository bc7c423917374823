// SPDX-License-Identifier: GPL-2.0
/*
 * Sector bitmaps of a leaf that is written: those that are in use, in core, 4 KiB at
 * a time.
 *
 * What is here is newer than what is on the device: transactions copy it into the
 * log, and the log writes it to its place later.  Until that is durable it stays.
 * What is not here is on the device as it was last.
 */
#include <linux/slab.h>

#include "dm-vhdx.h"
#include "vhdx-bitmap.h"

/*
 * Those that the log may keep without a further transaction (vhdx_log_make_room()),
 * two transactions of them, and those that a block needs to begin with.
 */
#define VHDX_MIN_BITS	(VHDX_LOG_SLOTS / 2 + 2 * VHDX_LOG_FIRST_DESCS + 20)

/* So many places are tried for a sector bitmap. */
#define VHDX_BITMAP_TRIES	4

/**
 * vhdx_bits_init() - get memory for what cannot wait
 * @chain: the chain, of a target that writes
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; call vhdx_bits_exit() in both cases.
 */
int vhdx_bits_init(struct vhdx_chain *chain)
{
	int r;

	r = mempool_init_kmalloc_pool(&chain->bits_pool, VHDX_MIN_BITS,
				      sizeof(struct vhdx_bits));
	if (!r)
		r = mempool_init_page_pool(&chain->page_pool, VHDX_MIN_BITS, 0);
	return r;
}

static void vhdx_bits_free(struct vhdx_chain *chain, struct vhdx_bits *bits)
{
	mempool_free(virt_to_page(bits->data), &chain->page_pool);
	mempool_free(bits, &chain->bits_pool);
}

static void vhdx_bits_remove(struct vhdx_chain *chain, struct vhdx_bits *bits)
{
	hash_del(&bits->hash);
	list_del(&bits->list);
	chain->nr_bits--;
	/* Whoever is reading the same from the device may have it too old. */
	chain->bits_gone++;
	vhdx_bits_free(chain, bits);
}

/**
 * vhdx_bits_drop() - forget all: the image is not loaded any more
 * @chain: the chain; need not have been set up
 *
 * Context: process context; suspended, no transaction has any; the publish mutex is
 * held.
 */
void vhdx_bits_drop(struct vhdx_chain *chain)
{
	struct vhdx_bits *bits, *next;

	list_for_each_entry_safe(bits, next, &chain->bits_list, list)
		vhdx_bits_remove(chain, bits);
	chain->nr_bad = 0;
}

/**
 * vhdx_bits_exit() - undo vhdx_bits_init()
 * @chain: the chain, with none in core; need not have been set up
 *
 * Context: may sleep.
 */
void vhdx_bits_exit(struct vhdx_chain *chain)
{
	mempool_exit(&chain->bits_pool);
	mempool_exit(&chain->page_pool);
}

/**
 * vhdx_bits_find() - are they in core?
 * @chain: the chain
 * @off: where they are in the image, bytes, a multiple of 4 KiB
 *
 * Context: process context; the publish mutex is held.
 * Return: the bits, or NULL.
 */
struct vhdx_bits *vhdx_bits_find(struct vhdx_chain *chain, u64 off)
{
	struct vhdx_bits *bits;

	lockdep_assert_held(&chain->vt->publish);
	hash_for_each_possible(chain->bits_hash, bits, hash, off)
		if (bits->off == off)
			return bits;
	return NULL;
}

/* Is what is in core on the device as well, and durable there? */
static bool vhdx_bits_clean(struct vhdx_chain *chain, struct vhdx_bits *bits)
{
	struct vhdx_log *log = &chain->vt->log;

	/* A transaction of a VHD image ends when they are in their place. */
	if (chain->vt->image.is_vhd)
		return !bits->changes;
	return !bits->changes && (bits->opened != READ_ONCE(log->opened) ||
				  bits->pos < READ_ONCE(log->tail_pos));
}

/**
 * vhdx_bits_shrink() - give some back that are not needed
 * @chain: the chain
 * @count: so many
 *
 * The oldest first; those that are not clean come up again later.
 *
 * Context: process context; the publish mutex is held.
 * Return: how many.
 */
unsigned long vhdx_bits_shrink(struct vhdx_chain *chain, unsigned long count)
{
	struct vhdx_bits *bits, *next;
	unsigned long freed = 0;

	lockdep_assert_held(&chain->vt->publish);
	list_for_each_entry_safe(bits, next, &chain->bits_list, list) {
		if (freed == count)
			break;
		if (!vhdx_bits_clean(chain, bits))
			continue;
		vhdx_bits_remove(chain, bits);
		freed++;
	}
	return freed;
}

/**
 * vhdx_bits_evict() - give those of one sector bitmap back
 * @chain: the chain
 * @mib: where the bitmap is
 *
 * Context: process context; the publish mutex is held.
 * Return: true if none is in core any more: the device has them all, durably, and the
 * log none that is still to be written there, or would be by a replay from the next
 * entry on; false: some are not clean.
 */
bool vhdx_bits_evict(struct vhdx_chain *chain, u32 mib)
{
	struct vhdx_bits *bits, *next;
	bool all = true;

	lockdep_assert_held(&chain->vt->publish);
	list_for_each_entry_safe(bits, next, &chain->bits_list, list) {
		if (bits->off >> 20 != mib)
			continue;
		if (vhdx_bits_clean(chain, bits))
			vhdx_bits_remove(chain, bits);
		else
			all = false;
	}
	return all;
}

/**
 * vhdx_bits_are_held() - are a block's bits to stay as they are?
 * @vt: the target
 * @block: the block
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so: the sector bitmap of its chunk is being moved.
 */
bool vhdx_bits_are_held(const struct vhdx_target *vt, u32 block)
{
	lockdep_assert_held(&vt->publish);
	return vt->moving_chunk == vhdx_block_chunk(vt, block);
}

static struct vhdx_bits *vhdx_bits_try(struct vhdx_chain *chain)
{
	const gfp_t gfp = GFP_NOWAIT | __GFP_NOWARN;
	struct vhdx_bits *bits = mempool_alloc(&chain->bits_pool, gfp);
	struct page *page = bits ? mempool_alloc(&chain->page_pool, gfp) : NULL;

	if (bits && !page) {
		mempool_free(bits, &chain->bits_pool);
		bits = NULL;
	}
	if (bits)
		bits->data = page_address(page);
	return bits;
}

static struct vhdx_bits *vhdx_bits_new(struct vhdx_chain *chain)
{
	struct vhdx_bits *bits = vhdx_bits_try(chain);

	if (!bits) {
		mutex_lock(&chain->vt->publish);
		vhdx_bits_shrink(chain, 1);
		mutex_unlock(&chain->vt->publish);
		bits = vhdx_bits_try(chain);
	}
	return bits;
}

/*
 * What a device calls its errors is its own affair: to the worker some of them mean
 * that it has to wait.
 */
static int vhdx_bits_error(int r)
{
	return r == -EAGAIN || r == -ENOSPC ? -EIO : r;
}

/* Is it still there where a block's bits are, and may they be in core? */
static bool vhdx_bits_are_there(const struct vhdx_target *vt, u32 block, u64 off)
{
	if (vt->image.is_vhd)
		return true;
	return vt->image.bitmap[vhdx_block_chunk(vt, block)] == off >> 20 &&
	       !vhdx_bits_are_held(vt, block);
}

/**
 * vhdx_bits_load() - have bits in core
 * @vt: the target
 * @block: some of this block's
 * @off: where they are in the image, bytes, a multiple of vhdx_bits_bytes()
 *
 * They may be gone when the caller has the publish mutex, or be somewhere else.
 *
 * Context: may sleep; worker.
 * Return: 0, -EAGAIN if there is no memory before something is committed, or
 * another negative errno.
 */
int vhdx_bits_load(struct vhdx_target *vt, u32 block, u64 off)
{
	struct vhdx_chain *chain = vt->chain;
	struct vhdx_bits *bits = vhdx_bits_new(chain);
	bool there = false;
	u64 gone;
	int r;

	if (!bits)
		return -EAGAIN;
	mutex_lock(&vt->publish);
	do {
		gone = chain->bits_gone;
		mutex_unlock(&vt->publish);
		r = vhdx_bits_error(vhdx_image_read(&vt->image, off, bits->data,
						    vhdx_bits_bytes(&vt->image)));
		mutex_lock(&vt->publish);
		there = vhdx_bits_find(chain, off);
	} while (!r && !there && gone != chain->bits_gone);
	if (!vhdx_bits_are_there(vt, block, off)) {
		/* Whatever is there now, or is not, is another's business. */
		vhdx_bits_free(chain, bits);
		r = 0;
	} else if (r || there) {
		vhdx_bits_free(chain, bits);
	} else {
		bits->off = off;
		bits->changes = 0;
		bits->pos = 0;
		bits->opened = 0;
		hash_add(chain->bits_hash, &bits->hash, off);
		list_add_tail(&bits->list, &chain->bits_list);
		chain->nr_bits++;
	}
	mutex_unlock(&vt->publish);
	return r;
}

/**
 * vhdx_bits_set() - set some, but do not note it
 * @vt: the target
 * @bits: in core
 * @first: first bit
 * @end: first one not to set
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_bits_set(struct vhdx_target *vt, struct vhdx_bits *bits, u32 first,
		   u32 end)
{
	lockdep_assert_held(&vt->publish);
	if (vt->image.is_vhd)
		vhd_bitmap_set(bits->data, first, end);
	else
		vhdx_bitmap_set(bits->data, first, end);
}

/**
 * vhdx_bits_all_set() - are they all set?
 * @vt: the target
 * @bits: in core
 * @first: first bit
 * @end: behind the last one
 *
 * Context: process context; the publish mutex is held.
 * Return: true if so.
 */
bool vhdx_bits_all_set(struct vhdx_target *vt, struct vhdx_bits *bits, u32 first,
		       u32 end)
{
	bool set;

	lockdep_assert_held(&vt->publish);
	if (vt->image.is_vhd)
		return vhd_bitmap_run(bits->data, first, end, &set) == end && set;
	return vhdx_bitmap_all_set(bits->data, first, end);
}

/**
 * vhdx_bits_bad_place() - space for a sector bitmap could not be written
 * @vt: the target
 * @mib: the space, taken; nothing refers to it
 *
 * It stays taken, so that nobody else runs into it; unless there are too many of them:
 * then it is the device that fails.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_bits_bad_place(struct vhdx_target *vt, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	if (vt->chain->nr_bad < VHDX_ASIDE)
		vt->chain->nr_bad++;
	else
		vhdx_give_bitmap_back(vt, mib);
}

/* Zeroed space for a sector bitmap: some of it may be bad. */
static int vhdx_bits_zero_bitmap(struct vhdx_target *vt, u32 *mib)
{
	int tries, r = -EFBIG;

	for (tries = 0; tries < VHDX_BITMAP_TRIES; tries++) {
		mutex_lock(&vt->publish);
		*mib = vhdx_take_bitmap(vt);
		mutex_unlock(&vt->publish);
		if (!*mib)
			return -EFBIG;
		r = vhdx_io_zero(&vt->image.backing, (u64)*mib << 20, SZ_1M,
				 true);
		if (!r || r == -ENOSPC)
			return r;
		mutex_lock(&vt->publish);
		vhdx_bits_bad_place(vt, *mib);
		mutex_unlock(&vt->publish);
	}
	return vhdx_bits_error(r);
}

/* Publish a sector bitmap; @spare is used up if this succeeds. */
static int vhdx_bits_publish_bitmap(struct vhdx_target *vt, u32 chunk, u32 mib,
				    struct vhdx_change *spare)
{
	unsigned int before = vt->nr_dirty;

	/* A write in map may have taken the room meanwhile. */
	if (!vhdx_txn_has_room(vt, 1) || !vhdx_session_may_write(vt))
		return -EAGAIN;
	vhdx_txn_add_bitmap(vt, spare, chunk, mib);
	vhdx_commit_soon(vt, before);
	return 0;
}

/**
 * vhdx_bits_add_bitmap() - give a chunk a sector bitmap
 * @vt: the target
 * @chunk: has none
 *
 * Its zeroes are durable before an entry names it, as the commit flushes first.
 *
 * Context: may sleep; worker.
 * Return: as vhdx_part_begin().
 */
int vhdx_bits_add_bitmap(struct vhdx_target *vt, u32 chunk)
{
	struct vhdx_change *spare = mempool_alloc(&vt->change_pool,
						  GFP_NOWAIT | __GFP_NOWARN);
	u32 mib = 0;
	int r;

	if (!spare)
		return -EAGAIN;
	r = vhdx_bits_zero_bitmap(vt, &mib);
	mutex_lock(&vt->publish);
	if (!r)
		r = vhdx_bits_publish_bitmap(vt, chunk, mib, spare);
	if (r == -EAGAIN || (r == -ENOSPC && mib))
		vhdx_give_bitmap_back(vt, mib);
	mutex_unlock(&vt->publish);
	if (r)
		mempool_free(spare, &vt->change_pool);
	return r;
}
