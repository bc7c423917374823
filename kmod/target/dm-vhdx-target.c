// SPDX-License-Identifier: GPL-2.0
/*
 * The vhdx target: its life cycle and its limits.
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "dm-vhdx.h"
#include "dm-vhdx-gate.h"
#include "dm-vhdx-trace.h"

static struct target_type vhd_target;

#define VHDX_COMMIT_INTERVAL_MS		1000
#define VHDX_IDLE_CLOSE_MS		5000
#define VHDX_MIN_CHANGES		256
#define VHDX_MIN_LIMBO			2	/* pages */
/* So many blocks are zeroed at once: a FLUSH waits for no more than those. */
#define VHDX_MAX_PREPARING		16

static int vhdx_use_device(struct vhdx_target *vt, struct block_device *bdev)
{
	int r;

	vt->bdev = bdev;
	r = vhdx_image_init(&vt->image, bdev, !vt->read_only);
	if (r)
		return r;
	vt->image.backing.no_unmap = vt->no_unmap;
	vt->image.backing.is_dm = bdev->bd_disk->major ==
		dm_disk(dm_table_get_md(vt->ti->table))->major;
	/* zeroed_from speaks of the device as it is now, not as it will be. */
	vt->zeroed_to_mib = vhdx_image_mib(&vt->image,
					   vhdx_io_bytes(&vt->image.backing));
	return 0;
}

static int vhdx_open_device(struct vhdx_target *vt, const char *path,
			    char **error)
{
	blk_mode_t mode = dm_table_get_mode(vt->ti->table);
	int r;

	if (vt->read_only)
		mode &= ~BLK_OPEN_WRITE;
	r = dm_get_device(vt->ti, path, mode, &vt->dev);
	if (r == -EACCES || r == -EROFS)
		*error = "The backing device is read-only: map it with --readonly";
	else if (r == -EBUSY)
		*error = "The backing device is in use";
	else if (r)
		*error = "The backing device cannot be opened";
	if (r)
		return r;
	r = vhdx_use_device(vt, vt->dev->bdev);
	if (r)
		*error = "Out of memory";
	return r;
}

/* ------------------------------------------------------------------------
 * Life cycle
 */

static void vhdx_dtr(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;

	if (vt->bdev)
		trace_vhdx_dtr(vt->bdev, 0);
	/* A timer of a workqueue that is gone would still go off. */
	cancel_delayed_work_sync(&vt->space_timer);
	cancel_delayed_work_sync(&vt->commit_timer);
	cancel_delayed_work_sync(&vt->idle_timer);
	if (vt->alloc_wq)
		destroy_workqueue(vt->alloc_wq);
	if (vt->prepare_wq)
		destroy_workqueue(vt->prepare_wq);
	if (vt->commit_wq)
		destroy_workqueue(vt->commit_wq);
	if (vt->free_wq)
		destroy_workqueue(vt->free_wq);
	vhdx_drop_image(vt);
	vhdx_image_exit(&vt->image);
	vhdx_log_destroy(&vt->log);
	vhd_store_destroy(vt);
	if (vt->has_flights)
		cleanup_srcu_struct(&vt->flights);
	mempool_exit(&vt->change_pool);
	mempool_exit(&vt->limbo_pool);
	vhdx_chain_free(vt);
	mutex_destroy(&vt->publish);
	if (vt->user.dev)
		vhdx_registry_del(&vt->user);
	if (vt->dev)
		dm_put_device(ti, vt->dev);
	kfree(vt);
}

/*
 * Metadata waits for space: with noflush, a suspend that waits for what waits
 * behind it has it back, also what has come since the suspend began.
 */
static void vhdx_hand_back(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;
	struct bio_list bios = BIO_EMPTY_LIST;
	struct vhdx_change *change, *next;
	LIST_HEAD(done);
	struct bio *bio;

	spin_lock_irq(&vt->lock);
	/* Once dm is done with noflush it would make an error of it. */
	if (vt->requeue_no_space && dm_noflush_suspending(ti)) {
		bio_list_merge(&bios, &vt->deferred);
		bio_list_init(&vt->deferred);
		bio_list_merge(&bios, &vt->starved);
		bio_list_init(&vt->starved);
		bio_list_merge(&bios, &vt->returned);
		bio_list_init(&vt->returned);
		bio_list_merge(&bios, &vt->flushes);
		bio_list_init(&vt->flushes);
		bio_list_merge(&bios, &vt->committing);
		bio_list_init(&vt->committing);
		/* Whoever gets those writes them once more. */
		bio_list_for_each(bio, &vt->landed)
			vhdx_rewind_bio(bio);
		bio_list_merge(&bios, &vt->landed);
		bio_list_init(&vt->landed);
		/* Only there may it be that they wait for a transaction. */
		if (vt->chain)
			list_splice_init(&vt->done, &done);
	}
	spin_unlock_irq(&vt->lock);
	list_for_each_entry_safe(change, next, &done, list)
		vhdx_prepare_hand_back(vt, change, &bios);
	while ((bio = bio_list_pop(&bios)))
		vhdx_end_bio(bio, BLK_STS_DM_REQUEUE);
}

static struct vhdx_target *vhdx_new_target(struct dm_target *ti)
{
	static const char no_space[] =
		"the backing device has no space for what is written: free some below it";
	struct vhdx_target *vt = kzalloc(sizeof(*vt), GFP_KERNEL);

	if (!vt)
		return NULL;
	vt->ti = ti;
	vt->begin = ti->begin;
	vt->read_only = !(dm_table_get_mode(ti->table) & BLK_OPEN_WRITE);
	vt->mode = vt->read_only ? VHDX_MODE_RO : VHDX_MODE_RW;
	vt->commit_interval_ms = VHDX_COMMIT_INTERVAL_MS;
	vt->idle_close_ms = VHDX_IDLE_CLOSE_MS;
	vt->image.is_vhd = ti->type == &vhd_target;
	vhdx_overlay_init(&vt->image.overlay);
	vt->zeroed_from_mib = U32_MAX;
	vhdx_nospace_init(&vt->no_room, ti,
			  "no space left: extend the backing device");
	vhdx_nospace_init(&vt->no_place, ti, "no place left in the image, which ends at 2 TiB: "
			  VHD_NO_PLACE_ADVICE);
	vt->no_place.fail_at_once = true;
	vhdx_nospace_init(&vt->no_space, ti, no_space);
	vhdx_nospace_init(&vt->no_meta_space, ti, no_space);
	vt->no_meta_space.on_wait = vhdx_hand_back;
	vhdx_nospace_hurry(&vt->no_meta_space, true);	/* not resumed yet */
	init_waitqueue_head(&vt->move_wait);
	vt->moves_held = true;				/* likewise */
	spin_lock_init(&vt->lock);
	bio_list_init(&vt->deferred);
	bio_list_init(&vt->returned);
	bio_list_init(&vt->space_waiters);
	bio_list_init(&vt->starved);
	bio_list_init(&vt->landed);
	bio_list_init(&vt->move_waiting);
	bio_list_init(&vt->reads);
	bio_list_init(&vt->flushes);
	bio_list_init(&vt->committing);
	INIT_LIST_HEAD(&vt->done);
	mutex_init(&vt->publish);
	vhdx_txn_init(vt);
	hash_init(vt->preparing);
	INIT_WORK(&vt->worker, vhdx_worker);
	INIT_WORK(&vt->commit, vhdx_commit_work);
	INIT_WORK(&vt->free, vhdx_free_work);
	INIT_DELAYED_WORK(&vt->commit_timer, vhdx_commit_timer);
	INIT_DELAYED_WORK(&vt->space_timer, vhdx_space_timer);
	INIT_DELAYED_WORK(&vt->idle_timer, vhdx_idle_timer);
	ti->private = vt;
	return vt;
}

static int vhdx_register(struct vhdx_target *vt, char **error)
{
	int r;

	vt->user.dev = vt->bdev->bd_dev;
	vt->user.table = vt->ti->table;
	vt->user.writable = !vt->read_only;
	r = vhdx_registry_add(&vt->user);
	if (!r)
		return 0;
	vt->user.dev = 0;
	*error = r == -EBUSY ?
		 "The image is mapped already: remove that mapping, or map both read-only" :
		 "Out of memory";
	return r;
}

/* What a target that writes needs. */
static int vhdx_init_writer(struct vhdx_target *vt, char **error)
{
	int r;

	vt->image.no_space = &vt->no_meta_space;
	vt->no_room.fail_at_once = vt->error_if_no_space;
	vt->no_space.fail_at_once = vt->error_if_no_space;
	vt->no_meta_space.fail_at_once = vt->error_if_no_space;
	/* One after another, but for blocks: and those never before a commit. */
	vt->alloc_wq = alloc_ordered_workqueue("dm-vhdx-alloc", WQ_MEM_RECLAIM);
	vt->prepare_wq = alloc_workqueue("dm-vhdx-prepare",
					 WQ_MEM_RECLAIM | WQ_UNBOUND,
					 VHDX_MAX_PREPARING);
	vt->commit_wq = alloc_ordered_workqueue("dm-vhdx-commit",
						WQ_MEM_RECLAIM);
	/* A device may take long over a discard. */
	vt->free_wq = alloc_ordered_workqueue("dm-vhdx-free", WQ_MEM_RECLAIM);
	r = vt->alloc_wq && vt->prepare_wq && vt->commit_wq && vt->free_wq ?
	    0 : -ENOMEM;
	if (!r)
		r = init_srcu_struct(&vt->flights);
	vt->has_flights = !r;
	if (!r)
		r = mempool_init_page_pool(&vt->limbo_pool, VHDX_MIN_LIMBO, 0);
	if (!r)
		r = mempool_init_kmalloc_pool(&vt->change_pool, VHDX_MIN_CHANGES,
					      sizeof(struct vhdx_change));
	if (!r)
		r = vt->image.is_vhd ? vhd_store_create(vt) :
				       vhdx_log_create(&vt->log, &vt->image);
	if (r)
		*error = "Out of memory";
	return r;
}

/*
 * Read and judge the image, unless the live table may be writing it: then its
 * turn ends at the resume, and this waits until then.  If it was resumed meanwhile,
 * what was read may be anything, and no header need tell: that had changed first.
 */
static int vhdx_judge(struct vhdx_target *vt, char **error)
{
	const char *sentence = NULL;
	bool live;
	int r = 0;

	if (vhdx_registry_is_live(&vt->user))
		return 0;
	live = vhdx_chain_is_live(vt);
	if (!live) {
		r = vhdx_load_image(vt, &sentence);
		live = vhdx_chain_is_live(vt);
	}
	/* As much as it is to become its child: dm asks for the limits. */
	if (live) {
		vhdx_drop_image(vt);
		r = vhdx_peek_image(vt, &sentence);
	}
	/* Nothing if it is the image itself that it writes. */
	if (vhdx_registry_is_live(&vt->user)) {
		vhdx_drop_image(vt);
		r = fatal_signal_pending(current) ? r : 0;
	}
	if (r)
		*error = (char *)sentence;
	return r;
}

/* The table is read, the device open: get ready, reading only. */
static int vhdx_prepare(struct vhdx_target *vt, char **error)
{
	int r;

	r = vhdx_register(vt, error);
	if (!r)
		r = vhdx_chain_register(vt, error);
	if (!r && !vt->read_only)
		r = vhdx_init_writer(vt, error);
	if (!r)
		r = vhdx_judge(vt, error);
	return r;
}

static int vhdx_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_arg_set as = { .argc = argc, .argv = argv };
	struct vhdx_target *vt;
	const char *path;
	int r;

	if (!argc) {
		ti->error = "Which backing device?  <device> [<#optional args> ...]";
		return -EINVAL;
	}
	vt = vhdx_new_target(ti);
	if (!vt) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	path = dm_shift_arg(&as);
	r = vhdx_parse_options(vt, &as, &ti->error);
	if (!r)
		r = vhdx_open_device(vt, path, &ti->error);
	if (!r)
		r = vhdx_chain_open(vt, &ti->error);
	if (!r)
		r = vhdx_prepare(vt, &ti->error);
	if (vt->bdev)
		trace_vhdx_ctr(vt->bdev, r);
	if (r) {
		vhdx_dtr(ti);
		return r;
	}
	ti->num_flush_bios = 1;
	/* Nothing in a VHD image says that a block is free, or zeros. */
	if (!vt->read_only && !vt->image.is_vhd) {
		/* Whether the image's blocks can be freed may be known later. */
		ti->num_discard_bios = 1;
		ti->discards_supported = true;
		/* Only if the device does it, too, is it offered. */
		ti->num_write_zeroes_bios = 1;
	}
	ti->flush_supported = true;
	ti->limit_swap_bios = true;
	ti->accounts_remapped_io = true;
	ti->per_io_data_size = sizeof(struct vhdx_hook);
	return 0;
}

/*
 * A block that is being moved stays where it is: dm waits for who moves it, and for
 * the writes that wait for that.
 *
 * Suspending with noflush hands back what waits for space; dm queues it for the
 * next table.  That is, with whatever waits behind metadata that waits for
 * space: writes for a session, or for what a commit frees, flushes for a commit.
 * Later ones are handed back when they find none.
 */
static void vhdx_presuspend(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;
	struct bio_list bios = BIO_EMPTY_LIST;
	struct bio *bio;

	vhdx_move_hold(vt, true);
	if (vt->read_only || !dm_noflush_suspending(ti))
		return;
	cancel_delayed_work_sync(&vt->space_timer);
	spin_lock_irq(&vt->lock);
	vt->requeue_no_space = true;
	bio_list_merge(&bios, &vt->space_waiters);
	bio_list_init(&vt->space_waiters);
	spin_unlock_irq(&vt->lock);
	while ((bio = bio_list_pop(&bios)))
		vhdx_end_bio(bio, BLK_STS_DM_REQUEUE);
	if (READ_ONCE(vt->no_meta_space.lacking))
		vhdx_hand_back(ti);
}

static void vhdx_presuspend_undo(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;

	spin_lock_irq(&vt->lock);
	vt->requeue_no_space = false;
	spin_unlock_irq(&vt->lock);
	vhdx_move_hold(vt, false);
}

/* No guest I/O is left.  Leave a clean image. */
static void vhdx_postsuspend(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;

	if (!vt->read_only) {
		/* Nobody waits any more who could be told but who suspends. */
		vhdx_nospace_hurry(&vt->no_meta_space, true);
		vhdx_move_wait(vt);
		cancel_delayed_work_sync(&vt->space_timer);
		flush_work(&vt->worker);
		cancel_delayed_work_sync(&vt->idle_timer);
		cancel_delayed_work_sync(&vt->commit_timer);
		vhdx_session_end(vt);
		cancel_delayed_work_sync(&vt->commit_timer);
		vhdx_free_wait(vt);
		vt->requeue_no_space = false;
	}
	vhdx_leave(vt);
	trace_vhdx_suspend(vt->bdev, 0);
}

static int vhdx_preresume(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;
	const char *error = NULL;
	/* Somebody may be waiting for this very device to clean pages. */
	unsigned int noio = memalloc_noio_save();
	int r;

	/* The replay writes. */
	vhdx_registry_set_state(&vt->user, VHDX_USER_ACTIVE);
	r = vhdx_refresh(vt, &error);
	/* Until vhdx_resume(), which the table's other targets may prevent. */
	vhdx_registry_set_state(&vt->user, VHDX_USER_QUIESCED);
	memalloc_noio_restore(noio);
	if (r)
		DMERR("%pg: cannot resume: %s", vt->bdev, error);
	vhdx_set_mode(vt, r ? VHDX_MODE_FAIL :
		      vt->read_only ? VHDX_MODE_RO : VHDX_MODE_RW, NULL);
	vt->stale = r;
	trace_vhdx_resume(vt->bdev, r);
	/* A fixed VHD image has no session: its blocks are all there. */
	if (!r && !vt->read_only && vt->image.is_vhd && !vt->place)
		WRITE_ONCE(vt->may_overwrite, true);
	if (!r)
		vhdx_nospace_hurry(&vt->no_meta_space, false);
	return r;
}

/* All is well, with the table's other targets as well: it begins. */
static void vhdx_resume(struct dm_target *ti)
{
	struct vhdx_target *vt = ti->private;

	vhdx_registry_set_state(&vt->user, VHDX_USER_ACTIVE);
	vhdx_registry_inherited(&vt->user);
	vhdx_move_hold(vt, false);
}

/* The end of whatever has gone to where an entry said. */
static int vhdx_end_io(struct dm_target *ti, struct bio *bio,
		       blk_status_t *error)
{
	vhdx_flight_done(ti->private, bio);
	return DM_ENDIO_DONE;
}

static struct target_type vhdx_target = {
	.name = "vhdx",
	.version = { 1, 8, 0 },
	.features = DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = vhdx_ctr,
	.dtr = vhdx_dtr,
	.map = vhdx_map,
	.end_io = vhdx_end_io,
	.presuspend = vhdx_presuspend,
	.presuspend_undo = vhdx_presuspend_undo,
	.postsuspend = vhdx_postsuspend,
	.preresume = vhdx_preresume,
	.resume = vhdx_resume,
	.status = vhdx_status,
	.message = vhdx_message,
	.iterate_devices = vhdx_iterate_devices,
	.io_hints = vhdx_io_hints,
};

static struct target_type vhd_target = {
	.name = "vhd",
	.version = { 1, 1, 0 },
	.features = DM_TARGET_NOWAIT,
	.module = THIS_MODULE,
	.ctr = vhdx_ctr,
	.dtr = vhdx_dtr,
	.map = vhd_map,
	.presuspend = vhdx_presuspend,
	.presuspend_undo = vhdx_presuspend_undo,
	.postsuspend = vhdx_postsuspend,
	.preresume = vhdx_preresume,
	.resume = vhdx_resume,
	.status = vhdx_status,
	.message = vhdx_message,
	.iterate_devices = vhdx_iterate_devices,
	.io_hints = vhdx_io_hints,
};

static int __init vhdx_init(void)
{
	int r = vhdx_hibernate_init();

	if (r)
		return r;
	r = dm_register_target(&vhdx_target);
	if (!r) {
		r = dm_register_target(&vhd_target);
		if (!r)
			return 0;
		dm_unregister_target(&vhdx_target);
	}
	vhdx_hibernate_exit();
	return r;
}

static void __exit vhdx_exit(void)
{
	dm_unregister_target(&vhd_target);
	dm_unregister_target(&vhdx_target);
	vhdx_hibernate_exit();
	vhdx_registry_exit();
}

module_init(vhdx_init);
module_exit(vhdx_exit);

MODULE_AUTHOR("dm-vhdx developers");
MODULE_DESCRIPTION(DM_NAME " targets for Hyper-V VHDX and VHD images");
MODULE_LICENSE("GPL");
/* A module that is loaded for a target is asked for by the target's name. */
MODULE_ALIAS("dm-vhd");
