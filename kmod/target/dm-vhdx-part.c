// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: writes to blocks in parts
 *
 * A block of a differencing image that parents have something of is written like
 * this:
 *
 *   1. it gets space, whatever that may hold, and its entry says "in parts": with
 *      all of its bits clear it reads as before;
 *   2. the data is written to its place there;
 *   3. when it has landed the bits of its sectors are set, and the write is done.
 *      Once all bits of the block are set it is present as any other.
 *
 * All of it is published into the running transaction.  Bits are only set when
 * their data has landed, and the commit flushes before it logs them, so none can
 * become durable without its data.  What is lost before that is the write: parents'
 * data shows again.
 *
 * Entry and bits depend on each other: those of one transaction are in one entry of
 * the log (vhdx_txn_has_room()).
 */
#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"
#include "vhdx-bitmap.h"

/* The most pages of bits that a block can have, each of 2^15 of them. */
#define VHDX_PART_PAGES		17

/**
 * struct vhdx_spares - memory for what is about to be changed
 * @nr: so many are left
 * @change: these
 */
struct vhdx_spares {
	u32 nr;
	struct vhdx_change *change[VHDX_PART_PAGES + 1];
};

static bool vhdx_spares_get(struct vhdx_target *vt, struct vhdx_spares *spares,
			    u32 nr)
{
	while (spares->nr < nr) {
		struct vhdx_change *change;

		change = mempool_alloc(&vt->change_pool,
				       GFP_NOWAIT | __GFP_NOWARN);
		if (!change)
			return false;
		spares->change[spares->nr++] = change;
	}
	return true;
}

static struct vhdx_change *vhdx_spares_take(struct vhdx_spares *spares)
{
	return spares->nr ? spares->change[--spares->nr] : NULL;
}

/* Memory for a change of a sector, if that takes any. */
static struct vhdx_change *vhdx_part_spare(struct vhdx_target *vt,
					   struct vhdx_spares *spares, u64 sector)
{
	return vhdx_txn_has_sector(vt, sector) ? NULL : vhdx_spares_take(spares);
}

static void vhdx_part_note_bits(struct vhdx_target *vt,
				struct vhdx_spares *spares,
				struct vhdx_bits *bits)
{
	u64 sector = vhdx_txn_bits_sector(vt, bits);

	vhdx_txn_set_bits(vt, vhdx_part_spare(vt, spares, sector), bits);
}

static void vhdx_spares_put(struct vhdx_target *vt, struct vhdx_spares *spares)
{
	while (spares->nr)
		mempool_free(vhdx_spares_take(spares), &vt->change_pool);
}

/* ------------------------------------------------------------------------
 * Where bits are
 */

/**
 * struct vhdx_span - bits of sectors of a block, in one page
 * @off: of the page in the image
 * @first: first bit in it
 * @end: bit behind the last one
 */
struct vhdx_span {
	u64 off;
	u32 first;
	u32 end;
};

/*
 * Bits of the sectors of a block from @sector on, as far as they are in one page.
 * Returns so many 512-byte sectors; 0 if the chunk has no sector bitmap.
 */
static unsigned int vhdx_part_span(const struct vhdx_target *vt, sector_t sector,
				   unsigned int sectors, struct vhdx_span *span)
{
	u32 shift = vt->image.layout.geo.sector_shift - SECTOR_SHIFT;
	u64 bit = sector >> shift, in_chunk = bit % VHDX_CHUNK_SECTORS;
	u32 bits = VHDX_SECTOR * 8, mib;

	if (vt->image.is_vhd) {
		sectors = vhd_part_span(vt, sector, sectors, &span->off,
					&span->first);
		span->end = span->first + sectors;
		return sectors;
	}
	mib = vt->image.bitmap[bit / VHDX_CHUNK_SECTORS];
	if (!mib)
		return 0;
	span->off = ((u64)mib << 20) +
		    in_chunk / bits * VHDX_SECTOR;
	span->first = in_chunk % bits;
	span->end = min(bits, span->first + (sectors >> shift));
	return (span->end - span->first) << shift;
}

static sector_t vhdx_part_block_start(const struct vhdx_target *vt, u32 block)
{
	return (sector_t)block << vt->block_shift;
}

/* Sectors of a block that the disk has. */
static unsigned int vhdx_part_block_sectors(const struct vhdx_target *vt,
					    u32 block)
{
	return min_t(sector_t, vhdx_block_mask(vt) + 1,
		     vt->ti->len - vhdx_part_block_start(vt, block));
}

/* ------------------------------------------------------------------------
 * Beginning
 */

/*
 * Are the bits of a block in core, and which of them are not clear?  Nobody has
 * asked for them while the block was not in parts, and whoever wrote the image may
 * have left anything there.  Returns how many, or -ENODATA and in *@missing what
 * to load.
 */
static int vhdx_part_stale(struct vhdx_target *vt, u32 block,
			   struct vhdx_bits **stale, u64 *missing)
{
	sector_t sector = vhdx_part_block_start(vt, block);
	unsigned int left = vhdx_part_block_sectors(vt, block), step;
	struct vhdx_span span;
	int nr = 0;
	bool set;

	for (; left; left -= step, sector += step) {
		struct vhdx_bits *bits;

		step = vhdx_part_span(vt, sector, left, &span);
		bits = vhdx_bits_find(vt->chain, span.off);
		if (!bits) {
			*missing = span.off;
			return -ENODATA;
		}
		if (vhdx_bitmap_run(bits->data, span.first, span.end, &set) !=
		    span.end || set)
			stale[nr++] = bits;
	}
	return nr;
}

static void vhdx_part_clear(struct vhdx_target *vt, u32 block)
{
	sector_t sector = vhdx_part_block_start(vt, block);
	unsigned int left = vhdx_part_block_sectors(vt, block), step;
	struct vhdx_span span;

	for (; left; left -= step, sector += step) {
		step = vhdx_part_span(vt, sector, left, &span);
		vhdx_bitmap_clear(vhdx_bits_find(vt->chain, span.off)->data,
				  span.first, span.end);
	}
}

/* The sectors that are no part of the running transaction yet. */
static u32 vhdx_part_fresh(struct vhdx_target *vt, u32 block,
			   struct vhdx_bits **bits, int nr)
{
	u32 fresh = !vhdx_txn_has(vt, block);

	while (nr--)
		fresh += !vhdx_txn_has_sector(vt, vhdx_txn_bits_sector(vt, bits[nr]));
	return fresh;
}

/*
 * Step 1, if nothing has to be waited for.  @simply: in map.  Returns 0, or
 * -ENXIO: the chunk needs a bitmap; -ENODATA: *@missing is to be loaded;
 * -EAGAIN: no memory, no room in the transaction, or its bits are held; -EFBIG: no
 * space.
 */
static int vhdx_part_try_begin(struct vhdx_target *vt, u32 block, bool simply,
			       u64 *missing)
{
	struct vhdx_bits *stale[VHDX_PART_PAGES];
	unsigned int before = vt->nr_dirty;
	u64 sector = vhdx_txn_block_sector(vt, block);
	struct vhdx_spares spares = {};
	u32 fresh, mib;
	int nr;

	lockdep_assert_held(&vt->publish);
	if (vt->image.is_vhd)
		return vhd_part_begin(vt, block, simply);
	if (!vt->image.bitmap[vhdx_block_chunk(vt, block)])
		return -ENXIO;
	if (vhdx_bits_are_held(vt, block))
		return -EAGAIN;
	nr = vhdx_part_stale(vt, block, stale, missing);
	if (nr < 0)
		return nr;
	fresh = vhdx_part_fresh(vt, block, stale, nr);
	if (!vhdx_txn_has_room(vt, fresh) || !vhdx_spares_get(vt, &spares, fresh)) {
		vhdx_spares_put(vt, &spares);
		return -EAGAIN;
	}
	mib = simply ? vhdx_take_simply(vt, false) : vhdx_take_space(vt);
	if (mib) {
		if (nr)
			vhdx_part_clear(vt, block);
		vhdx_txn_begin_part(vt, vhdx_part_spare(vt, &spares, sector),
				    block, mib);
		while (nr--)
			vhdx_part_note_bits(vt, &spares, stale[nr]);
		vhdx_commit_soon(vt, before);
	}
	vhdx_spares_put(vt, &spares);
	return mib ? 0 : -EFBIG;
}

/**
 * vhdx_part_begin() - give a block that parents have space of its own
 * @vt: the target
 * @block: the block, which the image has nothing of
 *
 * Context: may sleep; worker; the publish mutex is held, and is released meanwhile.
 * Return: 0; -EAGAIN if it has to wait for memory, a commit or a move; -ESTALE if it is to
 * be looked at again; -EFBIG if there is no space on the device, -ENOSPC if there is
 * none below it; or another negative errno.
 */
int vhdx_part_begin(struct vhdx_target *vt, u32 block)
{
	u64 missing = 0;
	int r;

	lockdep_assert_held(&vt->publish);
	for (;;) {
		r = vhdx_part_try_begin(vt, block, false, &missing);
		if (r != -ENXIO && r != -ENODATA)
			return r;
		mutex_unlock(&vt->publish);
		if (r == -ENXIO)
			r = vhdx_bits_add_bitmap(vt, vhdx_block_chunk(vt, block));
		else
			r = vhdx_bits_load(vt, block, missing);
		mutex_lock(&vt->publish);
		if (r)
			return r;
		/* It may have been closed, or discarded. */
		if (!vhdx_session_may_write(vt) ||
		    !vhdx_e_inherits(vt->bat[block]))
			return -ESTALE;
	}
}

/* ------------------------------------------------------------------------
 * Writing
 */

static void vhdx_part_end_io(struct bio *bio)
{
	struct vhdx_hook *hook = vhdx_hook(bio);
	struct vhdx_target *vt = hook->arg;

	vhdx_unhook_bio(bio);
	if (unlikely(bio->bi_status == BLK_STS_NOSPC)) {
		vhdx_rewind_bio(bio);
		vhdx_return_write(vt, bio);
		return;
	}
	if (bio->bi_status) {
		bio_endio(bio);
		return;
	}
	if (unlikely(READ_ONCE(vt->no_space.lacking)))
		vhdx_tell_space(vt, hook->waited);
	vhdx_part_landed(vt, bio);
}

/**
 * vhdx_part_remember() - note where a command began, for vhdx_part_landed()
 * @bio: zeroes, within its block, which the target writes itself
 * @e: the block's entry; if it is not in parts, none is to come
 *
 * Context: any.
 */
void vhdx_part_remember(struct bio *bio, u32 e)
{
	struct vhdx_hook *hook = vhdx_hook(bio);

	hook->iter = bio->bi_iter;
	hook->opf = bio->bi_opf;
	hook->flags = bio->bi_flags;
	hook->mib = (e & VHDX_E_STATE) == VHDX_BLOCK_PARTIAL ?
		    vhdx_e_mib(e) : 0;
}

/**
 * vhdx_part_remap() - make a write ready to be sent to its block, which is in parts
 * @vt: the target
 * @bio: the write, within its block
 * @e: the block's entry
 *
 * Context: any.
 */
void vhdx_part_remap(struct vhdx_target *vt, struct bio *bio, u32 e)
{
	vhdx_hook_bio(bio, vhdx_part_end_io, vt);
	vhdx_hook(bio)->mib = vhdx_e_mib(e);
	/* A commit follows, whose flush covers the data as well. */
	bio->bi_opf &= ~REQ_FUA;
	vhdx_remap_any(vt, bio, vhdx_bio_sector(vt, bio), e);
}

/**
 * vhdx_part_landed() - the data of a write is there, its bits are to be set
 * @vt: the target
 * @bio: the write; its hook says where it began
 *
 * Context: any.
 */
void vhdx_part_landed(struct vhdx_target *vt, struct bio *bio)
{
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	bio_list_add(&vt->landed, bio);
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

/* In map: a write to a block that has its space.  As vhdx_part_map(). */
static int vhdx_part_send(struct vhdx_target *vt, struct bio *bio,
			  sector_t sector, u32 e)
{
	if (!vhdx_may_write_to(vt, vhdx_sector_block(vt, sector), e))
		return -EAGAIN;
	vhdx_hook(bio)->waited = false;
	if (!(e & VHDX_E_PENDING) && !(bio->bi_opf & REQ_FUA) &&
	    vhdx_tile_is_leaf(vt, sector, bio_sectors(bio)))
		vhdx_remap_any(vt, bio, sector, e);
	else
		vhdx_part_remap(vt, bio, e);
	return DM_MAPIO_REMAPPED;
}

/**
 * vhdx_part_map() - map's try at a write to a block that parents have something of
 * @vt: the target
 * @bio: the write, within its block
 * @sector: of the disk
 * @e: the block's entry
 *
 * Context: process context, does not sleep.
 * Return: DM_MAPIO_*; a negative errno: leave it to the worker.
 */
int vhdx_part_map(struct vhdx_target *vt, struct bio *bio, sector_t sector,
		  u32 e)
{
	u32 block = vhdx_sector_block(vt, sector);
	u64 missing;
	int r = 0;

	if (!vhdx_session_may_write(vt))
		return -EAGAIN;
	if (vhdx_e_has_space(e))
		return vhdx_part_send(vt, bio, sector, e);
	if (!vhdx_gate_try())
		return -EAGAIN;
	if (!mutex_trylock(&vt->publish)) {
		vhdx_gate_leave();
		return -EAGAIN;
	}
	e = vt->bat[block];
	if (!vhdx_session_may_write(vt))
		r = -EAGAIN;
	else if (vhdx_e_inherits(e))
		r = vhdx_part_try_begin(vt, block, true, &missing);
	e = vt->bat[block];
	if ((e & VHDX_E_STATE) != VHDX_BLOCK_PARTIAL)
		r = -EAGAIN;
	mutex_unlock(&vt->publish);
	vhdx_gate_leave();
	return r ?: vhdx_part_send(vt, bio, sector, e);
}

/* ------------------------------------------------------------------------
 * Landed
 */

/* Is all of the block here?  -ENODATA as vhdx_part_stale(). */
static int vhdx_part_is_full(struct vhdx_target *vt, u32 block, u64 *missing)
{
	sector_t sector = vhdx_part_block_start(vt, block);
	unsigned int left = vhdx_part_block_sectors(vt, block), step;
	struct vhdx_span span;

	for (; left; left -= step, sector += step) {
		struct vhdx_bits *bits;

		step = vhdx_part_span(vt, sector, left, &span);
		bits = vhdx_bits_find(vt->chain, span.off);
		if (!bits) {
			*missing = span.off;
			return -ENODATA;
		}
		if (!vhdx_bits_all_set(vt, bits, span.first, span.end))
			return 0;
	}
	return 1;
}

/* Set the bits of some sectors; all that it takes is there. */
static void vhdx_part_set(struct vhdx_target *vt, sector_t sector,
			  unsigned int sectors, struct vhdx_spares *spares)
{
	struct vhdx_span span;
	unsigned int step;

	for (; sectors; sectors -= step, sector += step) {
		struct vhdx_bits *bits;

		step = vhdx_part_span(vt, sector, sectors, &span);
		bits = vhdx_bits_find(vt->chain, span.off);
		vhdx_bits_set(vt, bits, span.first, span.end);
		vhdx_part_note_bits(vt, spares, bits);
		vhdx_tile_set(vt, sector, step);
	}
}

/* What does it take to set them?  Returns how many changes, 0: they are set. */
static int vhdx_part_need(struct vhdx_target *vt, sector_t sector,
			  unsigned int sectors, u64 *missing)
{
	struct vhdx_bits *touched[VHDX_PART_PAGES];
	u32 block = vhdx_sector_block(vt, sector);
	struct vhdx_span span;
	unsigned int step;
	bool all = true;
	int nr = 0;

	for (; sectors; sectors -= step, sector += step) {
		step = vhdx_part_span(vt, sector, sectors, &span);
		touched[nr] = vhdx_bits_find(vt->chain, span.off);
		if (!touched[nr]) {
			*missing = span.off;
			return -ENODATA;
		}
		all &= vhdx_bits_all_set(vt, touched[nr], span.first, span.end);
		nr++;
	}
	return all ? -EALREADY : (int)vhdx_part_fresh(vt, block, touched, nr);
}

/* Of a VHD image it may be that nobody has looked at all of its bits so far. */
static void vhdx_part_learn(struct vhdx_target *vt, u32 block)
{
	u32 e = vt->bat[block];
	u64 missing;

	if (!vt->image.is_vhd || vhdx_part_is_full(vt, block, &missing) <= 0)
		return;
	set_bit(block, vt->image.vhd->full);
	WRITE_ONCE(vt->bat[block], vhdx_e_make(VHDX_BLOCK_FULL, vhdx_e_mib(e)) |
				   (e & VHDX_E_PENDING));
}

/* Step 3.  Returns 0, -ENODATA as above, or -EAGAIN as vhdx_part_begin(). */
static int vhdx_part_try_publish(struct vhdx_target *vt, struct bio *bio,
				 u64 *missing)
{
	struct vhdx_hook *hook = vhdx_hook(bio);
	sector_t sector = hook->iter.bi_sector - vt->begin;
	unsigned int sectors = hook->iter.bi_size >> SECTOR_SHIFT;
	u32 block = vhdx_sector_block(vt, sector), e = vt->bat[block];
	unsigned int before = vt->nr_dirty;
	struct vhdx_spares spares = {};
	int need, full;

	lockdep_assert_held(&vt->publish);
	/* All of it was written, or it was discarded, meanwhile. */
	if ((e & VHDX_E_STATE) != VHDX_BLOCK_PARTIAL ||
	    vhdx_e_mib(e) != hook->mib)
		return 0;
	if (!vhdx_session_may_write(vt))
		return READ_ONCE(vt->mode) == VHDX_MODE_RW ? -ESTALE : -EIO;
	if (vhdx_bits_are_held(vt, block))
		return -EAGAIN;
	need = vhdx_part_need(vt, sector, sectors, missing);
	if (need == -EALREADY) {
		vhdx_part_learn(vt, block);
		return 0;
	}
	if (need < 0)
		return need;
	if (!vhdx_txn_has_room(vt, need) || !vhdx_spares_get(vt, &spares, need)) {
		vhdx_spares_put(vt, &spares);
		return -EAGAIN;
	}
	vhdx_part_set(vt, sector, sectors, &spares);
	full = vhdx_part_is_full(vt, block, missing);
	vhdx_txn_extend_part(vt, vhdx_part_spare(vt, &spares,
						 vhdx_txn_block_sector(vt, block)),
			     block, full > 0);
	vhdx_spares_put(vt, &spares);
	vhdx_commit_soon(vt, before);
	return 0;
}

/* Returns false if it has to wait. */
static bool vhdx_part_land(struct vhdx_target *vt, struct bio *bio)
{
	sector_t sector = vhdx_hook(bio)->iter.bi_sector - vt->begin;
	u32 block = vhdx_sector_block(vt, sector);
	u64 missing = 0;
	int r;

	for (;;) {
		mutex_lock(&vt->publish);
		r = vhdx_part_try_publish(vt, bio, &missing);
		mutex_unlock(&vt->publish);
		if (r != -ENODATA)
			break;
		/* Which is what it says of a bad sector, too. */
		r = vhdx_bits_load(vt, block, missing);
		if (r)
			break;
	}
	if (r == -EAGAIN || r == -ESTALE)
		return false;
	if (r)
		vhdx_end_bio(bio, errno_to_blk_status(r));
	else if (vhdx_hook(bio)->opf & REQ_FUA)
		vhdx_commit_bio(vt, bio);
	else
		bio_endio(bio);
	return true;
}

/**
 * vhdx_part_publish() - set the bits of writes whose data is there
 * @vt: the target
 * @landed: the writes
 *
 * Those that have to wait are among vt->landed afterwards, as starved bios are.
 *
 * Context: may sleep; worker.
 */
void vhdx_part_publish(struct vhdx_target *vt, struct bio_list *landed)
{
	struct bio *bio;

	while ((bio = bio_list_peek(landed))) {
		struct bio *next = bio->bi_next;

		bio->bi_next = NULL;
		if (!vhdx_part_land(vt, bio)) {
			bio->bi_next = next;
			break;
		}
		landed->head = next;
		if (!next)
			landed->tail = NULL;
	}
	if (!bio_list_empty(landed))
		vhdx_starve_landed(vt, landed);
}
