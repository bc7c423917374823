// SPDX-License-Identifier: GPL-2.0
/*
 * Preparing exposed space: what a write leaves of its new block is zeroed, then
 * the write sent.  Until both are done nothing refers to that space.
 */
#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/* So many places are tried for a block. */
#define VHDX_PREPARE_TRIES	4

/* The write that asked for the block is done: the worker goes on. */
static void vhdx_prepared(struct vhdx_change *change)
{
	struct vhdx_target *vt = change->vt;
	unsigned long flags;

	spin_lock_irqsave(&vt->lock, flags);
	list_add_tail(&change->list, &vt->done);
	/* Under the lock: once the bio is done, the target may go. */
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irqrestore(&vt->lock, flags);
}

static void vhdx_prepare_end_io(struct bio *bio)
{
	struct vhdx_change *change = vhdx_hook(bio)->arg;

	vhdx_unhook_bio(bio);
	change->status = bio->bi_status;
	if (change->status)
		vhdx_rewind_bio(bio);
	vhdx_prepared(change);
}

/* Where the data of the block is going to be; of the device. */
static sector_t vhdx_prepare_sector(const struct vhdx_change *change)
{
	const struct vhdx_image *image = &change->vt->image;

	if (image->is_vhd)
		return vhd_slot_sector(image->vhd, change->mib) +
		       image->vhd->layout.geo.bitmap_sectors;
	return (sector_t)change->mib << VHDX_MIB_SECTORS_SHIFT;
}

static int vhdx_prepare_zero(struct vhdx_change *change)
{
	struct vhdx_target *vt = change->vt;
	struct bio *bio = change->bio;
	sector_t sector = vhdx_bio_sector(vt, bio) & vhdx_block_mask(vt);
	u64 start = (u64)vhdx_prepare_sector(change) << SECTOR_SHIFT, from, to;
	int r;

	from = (u64)sector << SECTOR_SHIFT;
	to = from + bio->bi_iter.bi_size;
	r = vhdx_io_zero(&vt->image.backing, start, from, true);
	if (!r)
		r = vhdx_io_zero(&vt->image.backing, start + to,
				 ((vhdx_block_mask(vt) + 1) << SECTOR_SHIFT) - to,
				 true);
	return r;
}

/* Zero what the write leaves of the block, then write. */
static void vhdx_prepare_work(struct work_struct *work)
{
	struct vhdx_change *change = container_of(work, struct vhdx_change, work);
	struct vhdx_target *vt = change->vt;
	struct bio *bio = change->bio;
	int r = change->is_zero ? 0 : vhdx_prepare_zero(change);

	if (!r && vt->image.is_vhd)
		r = vhd_write_bitmap(vt, change->mib);
	if (r) {
		change->status = errno_to_blk_status(r);
		vhdx_prepared(change);
		return;
	}
	vhdx_hook_bio(bio, vhdx_prepare_end_io, change);
	bio->bi_iter.bi_sector = vhdx_prepare_sector(change) +
				 (vhdx_bio_sector(vt, bio) & vhdx_block_mask(vt));
	bio_set_dev(bio, vt->bdev);
	/* The commit will see to a FUA write's being durable. */
	bio->bi_opf &= ~REQ_FUA;
	dm_submit_bio_remap(bio, NULL);
}

/**
 * vhdx_prepare_block() - begin to prepare space that may hold anything
 * @vt: the target
 * @change: an absent block, and space for it
 * @bio: the write that asked for it; with its data
 *
 * Further writes to the block wait.  The worker finds @change among what is
 * done.
 *
 * Context: worker; the publish mutex is held.
 */
void vhdx_prepare_block(struct vhdx_target *vt, struct vhdx_change *change,
			struct bio *bio)
{
	u32 *e = &vt->bat[change->block];

	lockdep_assert_held(&vt->publish);
	change->bio = bio;
	bio_list_init(&change->waiting);
	hash_add(vt->preparing, &change->hash, change->block);
	WRITE_ONCE(vt->nr_preparing, vt->nr_preparing + 1);
	WRITE_ONCE(*e, *e | VHDX_E_PENDING);
	if (!change->is_zero)
		vhdx_stat_add(&vt->stats, VHDX_STAT_ZEROED, 1);
	trace_vhdx_prepare(vt->bdev, change->block, change->mib);
	INIT_WORK(&change->work, vhdx_prepare_work);
	queue_work(vt->prepare_wq, &change->work);
}

/**
 * vhdx_prepare_find() - the block is being prepared: by what?
 * @vt: the target
 * @block: an absent block, pending
 *
 * Context: worker; the publish mutex is held.
 * Return: the change.
 */
struct vhdx_change *vhdx_prepare_find(struct vhdx_target *vt, u32 block)
{
	struct vhdx_change *change;

	lockdep_assert_held(&vt->publish);
	hash_for_each_possible(vt->preparing, change, hash, block)
		if (change->block == block)
			return change;
	return NULL;
}

/* Does the block keep its space, whatever becomes of the write? */
static bool vhdx_prepare_anchored(const struct vhdx_target *vt,
				  const struct vhdx_change *change)
{
	return change->mib == vhdx_e_mib(vt->bat[change->block]);
}

/**
 * vhdx_prepare_again() - space could not be prepared: is there another?
 * @vt: the target
 * @change: has failed; not for lack of space below the device
 *
 * Context: worker; the publish mutex is held.
 * Return: true if another place is being prepared; false: the write has to fail.
 * The old place is set aside in both cases.
 */
bool vhdx_prepare_again(struct vhdx_target *vt, struct vhdx_change *change)
{
	u32 mib;

	lockdep_assert_held(&vt->publish);
	if (!vhdx_prepare_anchored(vt, change))
		vhdx_set_space_aside(vt, change->mib);
	if (++change->tries == VHDX_PREPARE_TRIES ||
	    READ_ONCE(vt->mode) != VHDX_MODE_RW)
		return false;
	mib = vhdx_take_space(vt);
	if (!mib)
		return false;
	change->mib = mib;
	change->is_zero = false;
	change->status = BLK_STS_OK;
	trace_vhdx_prepare(vt->bdev, change->block, mib);
	queue_work(vt->prepare_wq, &change->work);
	return true;
}

/**
 * vhdx_prepare_end() - the block is no longer being prepared
 * @vt: the target
 * @change: done; about to be published, unless it has failed
 *
 * Context: worker; the publish mutex is held.
 */
void vhdx_prepare_end(struct vhdx_target *vt, struct vhdx_change *change)
{
	u32 *e = &vt->bat[change->block];

	lockdep_assert_held(&vt->publish);
	if (change->status == BLK_STS_NOSPC && !vhdx_prepare_anchored(vt, change))
		vhdx_give_space_back(vt, change->mib);
	hash_del(&change->hash);
	WRITE_ONCE(vt->nr_preparing, vt->nr_preparing - 1);
	WRITE_ONCE(*e, *e & ~VHDX_E_PENDING);
}

/**
 * vhdx_prepare_hand_back() - a block that is prepared is not to wait for room any more
 * @vt: the target
 * @change: from the target's done, off the list; freed
 * @bios: takes the writes that wait for it, ready to be written once more
 *
 * Context: process context, may sleep.
 */
void vhdx_prepare_hand_back(struct vhdx_target *vt, struct vhdx_change *change,
			    struct bio_list *bios)
{
	/* If it has failed it is ready. */
	if (!change->status)
		vhdx_rewind_bio(change->bio);
	bio_list_add(bios, change->bio);
	mutex_lock(&vt->publish);
	/* Whatever is there: nothing refers to its space. */
	change->status = BLK_STS_NOSPC;
	vhdx_prepare_end(vt, change);
	mutex_unlock(&vt->publish);
	/* Until then the worker could find it, and have another one wait. */
	bio_list_merge(bios, &change->waiting);
	vhdx_free_change(vt, change);
}
