// SPDX-License-Identifier: GPL-2.0
/*
 * The image of a target: loaded and judged with its parents, looked at again at
 * each resume, dropped; and what the tables of a mapped device leave to each other.
 */
#include "dm-vhdx.h"

/* Blocks of a fixed image stay where they are. */
static bool vhdx_can_free(const struct vhdx_target *vt)
{
	return !vt->read_only && !vt->no_discard &&
	       !vt->image.layout.meta.leave_allocated;
}

/* Keep what the hot path needs where it finds it. */
static void vhdx_adopt_image(struct vhdx_target *vt)
{
	const struct vhdx_meta *meta = &vt->image.layout.meta;

	vt->bat = vt->image.bat;
	vhdx_set_block_shift(vt, ilog2(meta->block_bytes) - SECTOR_SHIFT);
	if (vt->image.is_vhd) {
		vt->place = vt->image.vhd->place;
		vt->bitmap_sectors = vt->image.vhd->layout.geo.bitmap_sectors;
	}
	vt->check_reads = vt->image.overlay.payload;
	vt->frees = vhdx_can_free(vt);
	vt->pass_down = vt->frees && !vt->no_discard_passdown &&
			!vt->no_unmap && vhdx_io_discards(&vt->image.backing);
	vt->space_hint = 1;
	vt->nr_aside = 0;
	vt->low_space_told = false;
	vhdx_space_cut_off(vt, vt->image.bytes);
}

static int vhdx_check_length(struct vhdx_target *vt, const char **error)
{
	u64 sectors = vt->image.layout.geo.disk_bytes >> SECTOR_SHIFT;

	if (vt->ti->len == sectors)
		return 0;
	*error = "The table's length is not the size of the disk";
	DMERR("%pg: the table has %llu sectors, the disk %llu: load a table of that length",
	      vt->bdev, (unsigned long long)vt->ti->len, sectors);
	return -EINVAL;
}

/*
 * Will some of what was acknowledged be gone when the image is loaded again?
 * No FLUSH that has failed tells of all: blocks may have become dirty since, and writes
 * have been acknowledged of which a flush had dropped something while they were under way.
 */
static bool vhdx_acks_lost(const struct vhdx_target *vt)
{
	return vt->nr_dirty || vhdx_flush_has_failed(&vt->image);
}

/**
 * vhdx_drop_image() - forget the image, and what was not committed
 * @vt: the target; need not be loaded
 *
 * Context: may sleep; suspended.
 */
void vhdx_drop_image(struct vhdx_target *vt)
{
	spin_lock_irq(&vt->lock);
	/* Somebody has to hear it. */
	vt->lost |= vhdx_acks_lost(vt);
	spin_unlock_irq(&vt->lock);
	vhdx_txn_drop(vt);
	vhdx_chain_unload(vt);
	/* Space once taken is not known to be zero, whatever the BAT says. */
	vt->used_mib = max(vt->used_mib, vhdx_image_end_mib(&vt->image));
	vhdx_image_unload(&vt->image);
	vt->bat = NULL;
	vt->place = NULL;
}

/* dm has asked for the limits by now, unless this is the constructor. */
static int vhdx_check_limits(struct vhdx_target *vt, const char **error)
{
	const struct vhdx_meta *meta = &vt->image.layout.meta;
	struct vhdx_limits limits = {
		.logical = meta->logical_bytes,
		.physical = meta->physical_bytes,
		.block = meta->block_bytes,
		.frees = !meta->leave_allocated,
	};

	if (!vt->user.limits.logical) {
		vhdx_registry_set_limits(&vt->user, &limits);
	} else if (vt->user.limits.logical != limits.logical) {
		*error = "The sector size has changed: remove the mapping and create it again";
		return -EINVAL;
	}
	return 0;
}

/**
 * vhdx_load_image() - read and judge the image, and its parents
 * @vt: the target, not loaded
 * @error: takes a constant sentence on failure
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno; then nothing is loaded.
 */
int vhdx_load_image(struct vhdx_target *vt, const char **error)
{
	int r = vhdx_image_load(&vt->image, error);

	if (!r)
		r = vhdx_check_length(vt, error);
	if (!r)
		r = vhdx_check_limits(vt, error);
	if (!r)
		r = vhdx_chain_load(vt, error);
	if (r) {
		vhdx_drop_image(vt);
		return r;
	}
	vhdx_adopt_image(vt);
	return 0;
}

/* It is about to be loaded anew, perhaps only as a parent has changed. */
static void vhdx_note_leaf(struct vhdx_target *vt)
{
	if (vt->chain && vt->image.loaded && !vt->stale)
		vt->chain->leaf_was = vt->image.layout.header;
}

/* Has nobody written to the image since then? */
static bool vhdx_leaf_is_same(const struct vhdx_target *vt)
{
	const struct vhdx_header *is = &vt->image.layout.header, *was;

	if (!vt->chain)
		return false;
	was = &vt->chain->leaf_was;
	return is->sequence == was->sequence &&
	       guid_equal(&is->file_write_guid, &was->file_write_guid);
}

/**
 * vhdx_peek_image() - judge only what can be said of the leaf alone
 * @vt: the target, not loaded
 * @error: takes a constant sentence on failure
 *
 * Context: may sleep; suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_peek_image(struct vhdx_target *vt, const char **error)
{
	int r = vhdx_image_load(&vt->image, error);

	if (!r)
		r = vhdx_check_length(vt, error);
	if (!r)
		r = vhdx_check_limits(vt, error);
	vhdx_note_leaf(vt);
	vhdx_drop_image(vt);
	return r;
}

/**
 * vhdx_leave() - another table may be the next to use the image
 * @vt: the target
 *
 * Context: may sleep; suspended.
 */
void vhdx_leave(struct vhdx_target *vt)
{
	struct vhdx_legacy legacy = {
		.used_mib = vt->read_only ? 0 :
			    max3(vt->used_mib, vt->cut_off_mib,
				 vhdx_image_end_mib(&vt->image)),
		.footer_mib = vt->read_only ? 0 : vhd_footer_mib(&vt->image),
		.lost = vt->lost || vhdx_acks_lost(vt),
	};

	if (vt->image.is_vhd)
		vt->image.layout.header.sequence = vhd_image_sum(&vt->image);
	vhdx_registry_leave(&vt->user, &legacy, &vt->image.layout.header);
}

/* @same: the image is as it was when this table last saw it. */
static void vhdx_inherit(struct vhdx_target *vt, bool same)
{
	struct vhdx_legacy legacy;

	/* Who else changed it may have left anything anywhere. */
	if (!vhdx_registry_inherit(&vt->user, &vt->image.layout.header,
				   &legacy) && !same)
		vt->zeroed_from_mib = U32_MAX;
	vt->used_mib = max(vt->used_mib, legacy.used_mib);
	/*
	 * It is no longer at the end, and this table may take it for zeros; if that was
	 * further off, once, there may be another before this end.
	 */
	if (legacy.footer_mib != vhd_footer_mib(&vt->image))
		vt->used_mib = max(vt->used_mib, legacy.footer_mib);
	spin_lock_irq(&vt->lock);
	vt->lost |= legacy.lost;
	spin_unlock_irq(&vt->lock);
}

/**
 * vhdx_refresh() - load the image if it is not, or no longer the same; replay its log
 * @vt: the target
 * @error: takes a constant sentence on failure
 *
 * After a failure the caller has to see to it that the next one loads the image again.
 * If a flush has failed, it may have taken what tables before have written: then that is
 * left to the next one.
 *
 * Context: may sleep; about to resume.
 * Return: 0 or a negative errno.
 */
int vhdx_refresh(struct vhdx_target *vt, const char **error)
{
	bool changed = true;
	int r;

	/* A VHD image does not tell who has written to it. */
	if (vt->image.loaded && !vt->stale && !vt->image.is_vhd) {
		r = vhdx_image_changed(&vt->image, &changed);
		if (!r && !changed)
			r = vhdx_chain_changed(vt, &changed);
		if (r) {
			*error = vhdx_fault_text(r);
			return r;
		}
	}
	if (changed) {
		vhdx_note_leaf(vt);
		vhdx_drop_image(vt);
		r = vhdx_load_image(vt, error);
		if (r)
			return r;
		changed = !vhdx_leaf_is_same(vt);
	}
	vhdx_inherit(vt, !changed);
	if (vt->read_only)
		return 0;
	vhdx_nospace_reset(&vt->no_room);
	vhdx_nospace_reset(&vt->no_place);
	vhdx_nospace_reset(&vt->no_space);
	vhdx_nospace_reset(&vt->no_meta_space);
	r = vhdx_image_replay(&vt->image);
	if (r && vhdx_acks_lost(vt))
		vhdx_leave(vt);
	if (r)
		*error = r == -ENOSPC ?
			 "there is no space for the log's changes: free some below the device" :
			 "the log cannot be replayed";
	vt->check_reads = false;
	return r;
}
