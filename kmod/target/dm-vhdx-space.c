// SPDX-License-Identifier: GPL-2.0
/*
 * Space for new blocks: where it is found, what is known of it, and the writes
 * that wait for some.  The map itself is vhdx-space.c's.
 */
#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

/* Tell that space is low when less than this part of the device is free. */
#define VHDX_LOW_SPACE_PART	32

/* What a block takes of the map. */
static u32 vhdx_space_unit(const struct vhdx_target *vt)
{
	return vt->image.is_vhd ? 1 : vhdx_block_mib(&vt->image.layout.geo);
}

/**
 * vhdx_space_to_mib() - how much is what the map counts?
 * @image: loaded
 * @count: MiB, or slots of a VHD image
 *
 * Context: any; under RCU if the image may be unloaded meanwhile.
 * Return: MiB.
 */
u32 vhdx_space_to_mib(const struct vhdx_image *image, u32 count)
{
	const struct vhd_image *vhd = READ_ONCE(image->vhd);

	return vhd ? (u64)count * vhd->stride >> VHDX_MIB_SECTORS_SHIFT : count;
}

/**
 * vhdx_space_cut_off() - the backing device may have become smaller
 * @vt: the target
 * @bytes: its size now
 *
 * If it grows again, what it has lost does not come back as zeros; not for a table
 * either that was made before.
 *
 * Context: process context; the publish mutex is held, or suspended.
 */
void vhdx_space_cut_off(struct vhdx_target *vt, u64 bytes)
{
	u32 size = vhdx_image_mib(&vt->image, bytes);

	if (likely(vt->zeroed_to_mib <= size))
		return;
	vt->cut_off_mib = max(vt->cut_off_mib, vt->zeroed_to_mib);
	WRITE_ONCE(vt->zeroed_to_mib, size);
}

/* Is it within the device?  Devices shrink, too, and what lies behind is lost. */
static bool vhdx_space_fits(struct vhdx_target *vt, u32 mib, u32 count)
{
	u64 end = (u64)mib + count, bytes = vhdx_io_bytes(&vt->image.backing);

	lockdep_assert_held(&vt->publish);
	vhdx_space_cut_off(vt, bytes);
	if (vt->image.is_vhd)
		end = (vhd_slot_end(vt->image.vhd, mib) << SECTOR_SHIFT) +
		      VHD_FOOTER_BYTES;
	else
		end <<= 20;
	return end <= bytes;
}

/* Is it, once @count more MiB are taken? */
static bool vhdx_space_is_low(const struct vhdx_target *vt, u32 count)
{
	const struct vhdx_space *space = &vt->image.space;
	u32 enough = max(space->size / VHDX_LOW_SPACE_PART,
			 4 * vhdx_space_unit(vt));

	/* There is a slot for each block that is missing, and more. */
	if (vt->image.is_vhd && space->size == vt->image.max_mib)
		return false;
	return space->size - space->taken <= enough + count;
}

static void vhdx_check_low_space(struct vhdx_target *vt)
{
	struct vhdx_space *space = &vt->image.space;

	if (!vhdx_space_is_low(vt, 0)) {
		vt->low_space_told = false;
	} else if (!vt->low_space_told) {
		vt->low_space_told = true;
		DMWARN("%pg: space is low, %u MiB left: %s", vt->bdev,
		       vhdx_space_to_mib(&vt->image, space->size -
					 space->taken),
		       vhd_space_ends(&vt->image) ? VHD_NO_PLACE_ADVICE :
		       "extend the backing device");
		dm_table_event(vt->ti->table);
	}
}

/* The places that failed may be tried again.  Returns false if there are none. */
static bool vhdx_release_aside(struct vhdx_target *vt)
{
	bool some = vt->nr_aside;

	while (vt->nr_aside)
		vhdx_give_space_back(vt, vt->aside[--vt->nr_aside]);
	return some;
}

/**
 * vhdx_take_space() - take space for a block
 * @vt: the target
 *
 * Near the last one, then what the device has grown by, then what has been set
 * aside.
 *
 * Context: worker; the publish mutex is held.
 * Return: where, in MiB; 0: there is none.
 */
u32 vhdx_take_space(struct vhdx_target *vt)
{
	struct vhdx_space *space = &vt->image.space;
	u32 count = vhdx_space_unit(vt), mib;

	lockdep_assert_held(&vt->publish);
	mib = vhdx_space_find(space, vt->space_hint, count);
	if (!mib && vhdx_image_grow(&vt->image)) {
		DMINFO("%pg: the backing device has grown to %u MiB", vt->bdev,
		       space->size);
		mib = vhdx_space_find(space, vt->space_hint, count);
	}
	if (!mib && vhdx_release_aside(vt))
		mib = vhdx_space_find(space, vt->space_hint, count);
	if (!mib || !vhdx_space_fits(vt, mib, count))
		return 0;
	vt->space_hint = mib + count;
	vhdx_space_claim(space, mib, count);
	vhdx_check_low_space(vt);
	return mib;
}

/**
 * vhdx_take_simply() - take space for a block, if that is simple
 * @vt: the target
 * @zeroes: it has to read as zeros
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: where, in MiB; 0: see vhdx_take_space().
 */
u32 vhdx_take_simply(struct vhdx_target *vt, bool zeroes)
{
	struct vhdx_space *space = &vt->image.space;
	u32 count = vhdx_space_unit(vt), mib;

	lockdep_assert_held(&vt->publish);
	if (READ_ONCE(vt->no_room.lacking) || vt->low_space_told ||
	    vhdx_space_is_low(vt, count))
		return 0;
	mib = vhdx_space_find(space, vt->space_hint, count);
	if (!mib || (zeroes && !vhdx_space_is_zero(vt, mib, space->end)) ||
	    !vhdx_space_fits(vt, mib, count))
		return 0;
	vt->space_hint = mib + count;
	vhdx_space_claim(space, mib, count);
	return mib;
}

/* The lowest from @from on, if that is below @mib. */
static u32 vhdx_claim_below(struct vhdx_target *vt, u32 mib, u32 from, u32 count)
{
	u32 found = vhdx_space_find(&vt->image.space, from, count);

	lockdep_assert_held(&vt->publish);
	if (!found || found > mib || !vhdx_space_fits(vt, found, count))
		return 0;
	vhdx_space_claim(&vt->image.space, found, count);
	return found;
}

/**
 * vhdx_take_below() - take the lowest space for a block that is below another's
 * @vt: the target
 * @mib: where the other one is
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: where, in MiB; 0: there is none.
 */
u32 vhdx_take_below(struct vhdx_target *vt, u32 mib)
{
	u32 count = vhdx_space_unit(vt);
	u32 found = vhdx_claim_below(vt, mib, vt->space_hint, count);

	if (found)
		vt->space_hint = found + count;
	return found;
}

/**
 * vhdx_take_bitmap_below() - likewise for a sector bitmap
 * @vt: the target
 * @mib: where the other one is
 *
 * What is too small for a block will do.
 *
 * Context: process context, does not sleep; the publish mutex is held.
 * Return: where, in MiB; 0: there is none.
 */
u32 vhdx_take_bitmap_below(struct vhdx_target *vt, u32 mib)
{
	return vhdx_claim_below(vt, mib, 1, 1);
}

/**
 * vhdx_take_bitmap() - take space for a sector bitmap
 * @vt: the target
 *
 * Context: worker; the publish mutex is held.
 * Return: where, in MiB; 0: there is none.
 */
u32 vhdx_take_bitmap(struct vhdx_target *vt)
{
	struct vhdx_space *space = &vt->image.space;
	u32 mib;

	lockdep_assert_held(&vt->publish);
	mib = vhdx_space_find(space, 1, 1);
	if (!mib && vhdx_image_grow(&vt->image))
		mib = vhdx_space_find(space, 1, 1);
	if (!mib && vhdx_release_aside(vt))
		mib = vhdx_space_find(space, 1, 1);
	if (!mib || !vhdx_space_fits(vt, mib, 1))
		return 0;
	vhdx_space_claim(space, mib, 1);
	vhdx_check_low_space(vt);
	return mib;
}

/**
 * vhdx_give_bitmap_back() - undo vhdx_take_bitmap()
 * @vt: the target
 * @mib: the space
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_give_bitmap_back(struct vhdx_target *vt, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	vhdx_space_release(&vt->image.space, mib, 1);
	vt->space_hint = min(vt->space_hint, mib);
}

/**
 * vhdx_give_space_back() - undo vhdx_take_space()
 * @vt: the target
 * @mib: the space; nothing refers to it, nothing is being written to it
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_give_space_back(struct vhdx_target *vt, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	vhdx_space_release(&vt->image.space, mib, vhdx_space_unit(vt));
	/* Nothing below the hint is large enough, but for this. */
	vt->space_hint = min(vt->space_hint, mib);
}

/**
 * vhdx_set_space_aside() - space that could not be written is not used for now
 * @vt: the target
 * @mib: the space, taken; nothing refers to it
 *
 * It stays taken until there is no other, or until so many places are bad that
 * this one, the oldest, has to be forgotten.
 *
 * Context: process context; the publish mutex is held.
 */
void vhdx_set_space_aside(struct vhdx_target *vt, u32 mib)
{
	lockdep_assert_held(&vt->publish);
	if (vt->nr_aside == VHDX_ASIDE) {
		vhdx_give_space_back(vt, vt->aside[0]);
		memmove(vt->aside, vt->aside + 1,
			(VHDX_ASIDE - 1) * sizeof(vt->aside[0]));
		vt->nr_aside--;
	}
	vt->aside[vt->nr_aside++] = mib;
	vhdx_stat_add(&vt->stats, VHDX_STAT_ASIDE, vhdx_space_unit(vt));
	trace_vhdx_set_aside(vt->bdev, mib, vhdx_space_unit(vt));
}

/**
 * vhdx_space_is_zero() - is space known to read as zeros?
 * @vt: the target
 * @mib: the space; of a VHD image the slot
 * @end: high-water mark before it was claimed
 *
 * Context: any; the publish mutex is held.
 * Return: true if so.
 */
bool vhdx_space_is_zero(const struct vhdx_target *vt, u32 mib, u32 end)
{
	u32 from = mib, to = mib + vhdx_space_unit(vt);

	lockdep_assert_held(&vt->publish);
	if (vt->image.is_vhd) {
		from = vhd_slot_sector(vt->image.vhd, mib) >> VHDX_MIB_SECTORS_SHIFT;
		to = DIV_ROUND_UP_ULL(vhd_slot_end(vt->image.vhd, mib),
				      1 << VHDX_MIB_SECTORS_SHIFT);
	}
	return from >= vt->zeroed_from_mib && from >= vt->used_mib &&
	       mib >= end && to <= vt->zeroed_to_mib;
}

/**
 * vhdx_space_add_zeroed() - what the device has grown by reads as zeros
 * @vt: the target
 * @from: MiB, where that begins
 * @to: MiB, where it ends; not past the end of the device
 *
 * Space of which this was known before stays so if it reaches up to @from, and
 * is forgotten otherwise: what is further on is used later.
 *
 * Context: process context.
 */
void vhdx_space_add_zeroed(struct vhdx_target *vt, u32 from, u32 to)
{
	u32 old;

	mutex_lock(&vt->publish);
	old = vt->zeroed_to_mib;
	if (to > old) {
		if (from > old || vt->zeroed_from_mib >= old)
			vt->zeroed_from_mib = max(from, old);
		vt->zeroed_to_mib = to;
	}
	mutex_unlock(&vt->publish);
}

/**
 * vhdx_wait_for_space() - a write has found no space: queue it or fail it
 * @vt: the target
 * @ns: which kind of space
 * @bio: the write, ready to be sent
 *
 * Context: worker.
 */
void vhdx_wait_for_space(struct vhdx_target *vt, struct vhdx_nospace *ns,
			 struct bio *bio)
{
	bool wait = vhdx_nospace_lack(ns, vt->bdev), requeue;

	vhdx_stat_add(&vt->stats, VHDX_STAT_NO_ROOM, 1);
	spin_lock_irq(&vt->lock);
	/* Once dm is done with noflush it would make an error of it. */
	requeue = vt->requeue_no_space && dm_noflush_suspending(vt->ti);
	if (wait && !requeue)
		bio_list_add(&vt->space_waiters, bio);
	spin_unlock_irq(&vt->lock);

	if (requeue)
		vhdx_end_bio(bio, BLK_STS_DM_REQUEUE);
	else if (!wait)
		vhdx_end_bio(bio, BLK_STS_NOSPC);
	else
		queue_delayed_work(vt->alloc_wq, &vt->space_timer,
				   msecs_to_jiffies(VHDX_NOSPACE_POLL_MS));
}

/**
 * vhdx_wait_for_place() - a write has found no place for its block: queue it or fail it
 * @vt: the target
 * @bio: the write, ready to be sent
 *
 * If there is none for it however large the device becomes, nothing is to be waited for.
 *
 * Context: worker; the publish mutex is held.
 */
void vhdx_wait_for_place(struct vhdx_target *vt, struct bio *bio)
{
	bool ends = vhd_space_ends(&vt->image);

	lockdep_assert_held(&vt->publish);
	vhdx_wait_for_space(vt, ends ? &vt->no_place : &vt->no_room, bio);
}

/**
 * vhdx_space_timer() - let the writes that wait for space try again
 * @work: the target's space timer
 *
 * Context: workqueue.
 */
void vhdx_space_timer(struct work_struct *work)
{
	struct vhdx_target *vt = container_of(to_delayed_work(work),
					      struct vhdx_target, space_timer);

	/* In vain, the worker sends them back, or fails them in the end. */
	spin_lock_irq(&vt->lock);
	bio_list_merge(&vt->deferred, &vt->space_waiters);
	bio_list_init(&vt->space_waiters);
	queue_work(vt->alloc_wq, &vt->worker);
	spin_unlock_irq(&vt->lock);
}
