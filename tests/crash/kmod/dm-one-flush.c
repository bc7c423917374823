// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-one-flush - one flush at a time reaches the device below
 *
 *   <start> <sectors> one-flush <device>
 *
 * To be put on dm-log-writes.  That gives the writes that have completed to the
 * flush that is sent next, and logs them when this one completes.  Of two
 * flushes at once, the second one finds nothing to take, although it makes the
 * same writes durable; if it completes first, it is logged before them, and so
 * is everything that was sent because of it: the log then tells of an order
 * that never was, and of crashes that never could be.  Here, the second flush
 * is sent when the first one has completed.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

/**
 * struct one_flush - a table
 * @dev: device below
 * @queue: runs @work
 * @work: sends flushes, one after the other
 * @lock: protects @waiting; taken wherever a bio is mapped
 * @waiting: flushes that have not been sent
 */
struct one_flush {
	struct dm_dev *dev;
	struct workqueue_struct *queue;
	struct work_struct work;
	spinlock_t lock;
	struct bio_list waiting;
};

static struct bio *one_flush_next(struct one_flush *of)
{
	struct bio *bio;

	spin_lock_irq(&of->lock);
	bio = bio_list_pop(&of->waiting);
	spin_unlock_irq(&of->lock);
	return bio;
}

static void one_flush_work(struct work_struct *work)
{
	struct one_flush *of = container_of(work, struct one_flush, work);
	struct bio *bio;

	while ((bio = one_flush_next(of))) {
		bio->bi_status =
			errno_to_blk_status(blkdev_issue_flush(of->dev->bdev));
		bio_endio(bio);
	}
}

static int one_flush_map(struct dm_target *ti, struct bio *bio)
{
	struct one_flush *of = ti->private;

	/* It has no data: device mapper sends that after it. */
	if (bio->bi_opf & REQ_PREFLUSH) {
		spin_lock_irq(&of->lock);
		bio_list_add(&of->waiting, bio);
		spin_unlock_irq(&of->lock);
		queue_work(of->queue, &of->work);
		return DM_MAPIO_SUBMITTED;
	}
	bio_set_dev(bio, of->dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static void one_flush_dtr(struct dm_target *ti)
{
	struct one_flush *of = ti->private;

	if (of->queue)
		destroy_workqueue(of->queue);
	if (of->dev)
		dm_put_device(ti, of->dev);
	kfree(of);
}

static int one_flush_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct one_flush *of;
	int r;

	if (argc != 1) {
		ti->error = "one argument is needed: the device";
		return -EINVAL;
	}
	of = kzalloc(sizeof(*of), GFP_KERNEL);
	if (!of) {
		ti->error = "no memory";
		return -ENOMEM;
	}
	spin_lock_init(&of->lock);
	INIT_WORK(&of->work, one_flush_work);
	ti->private = of;
	of->queue = alloc_ordered_workqueue("dm-one-flush", WQ_MEM_RECLAIM);
	r = of->queue ? dm_get_device(ti, argv[0], dm_table_get_mode(ti->table),
				      &of->dev) :
			-ENOMEM;
	if (r) {
		ti->error = "the device cannot be opened";
		one_flush_dtr(ti);
		return r;
	}
	ti->num_flush_bios = 1;
	ti->flush_supported = true;
	ti->num_discard_bios = 1;
	return 0;
}

static int one_flush_iterate_devices(struct dm_target *ti,
				     iterate_devices_callout_fn fn, void *data)
{
	struct one_flush *of = ti->private;

	return fn(ti, of->dev, 0, ti->len, data);
}

static struct target_type one_flush_target = {
	.name = "one-flush",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.ctr = one_flush_ctr,
	.dtr = one_flush_dtr,
	.map = one_flush_map,
	.iterate_devices = one_flush_iterate_devices,
};

static int __init one_flush_init(void)
{
	return dm_register_target(&one_flush_target);
}

static void __exit one_flush_exit(void)
{
	dm_unregister_target(&one_flush_target);
}

module_init(one_flush_init);
module_exit(one_flush_exit);

MODULE_DESCRIPTION("one flush at a time, for what dm-log-writes has to log");
MODULE_LICENSE("GPL");
