/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before everything else into all objects of the module: what the
 * target asks of block layer, device mapper and workqueues goes to
 * fake-kernel.c, where one test thread decides what happens when.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#define dm_submit_bio_remap(clone, own)	fake_submit_bio(clone)
#define bio_associate_blkg		fake_bio_associate_blkg
#define dm_table_event			fake_table_event
#define dm_table_get_mode		fake_table_get_mode
#define dm_table_get_md			fake_table_get_md
#define dm_disk				fake_disk
#define get_device			fake_get_device
#define put_disk			fake_put_disk
#define dm_per_bio_data			fake_per_bio_data
#define dm_accept_partial_bio		fake_accept_partial_bio
#define dm_noflush_suspending		fake_noflush_suspending
#define queue_work_on			fake_queue_work_on
#define queue_delayed_work_on		fake_queue_delayed_work_on
#define flush_work			fake_flush_work
#define cancel_delayed_work_sync	fake_cancel_delayed_work_sync
#define guid_gen			fake_guid_gen
#define mempool_alloc			fake_mempool_alloc
#define mempool_free			fake_mempool_free

#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/wait.h>

#include "compat/srcu-down.h"

struct srcu_struct;
int fake_srcu_init(struct srcu_struct *ssp);
void fake_srcu_exit(struct srcu_struct *ssp);
int fake_srcu_down(struct srcu_struct *ssp);
void fake_srcu_up(struct srcu_struct *ssp, int idx);
void fake_synchronize_srcu(struct srcu_struct *ssp);
#undef init_srcu_struct
#undef srcu_down_read
#undef srcu_up_read
#define init_srcu_struct		fake_srcu_init
#define cleanup_srcu_struct		fake_srcu_exit
#define srcu_down_read			fake_srcu_down
#define srcu_up_read			fake_srcu_up
#define synchronize_srcu		fake_synchronize_srcu

/* Time passes when the test says so. */
void fake_wait(void);
#undef wait_event_timeout
#define wait_event_timeout(wq, condition, timeout) \
	({ (void)(wq); if (!(condition)) fake_wait(); 0; })

/* Whoever waits for a lock may have it before the next line. */
void fake_unlock_irq(spinlock_t *lock);
#undef spin_unlock_irq
#define spin_unlock_irq			fake_unlock_irq
#define msleep_interruptible(ms) ({ (void)(ms); fake_wait(); 0UL; })

/* Hundreds of crashed images are loaded: their messages are kept, not shown. */
__printf(1, 2) void fake_printk(const char *fmt, ...);

#undef DMERR
#undef DMERR_LIMIT
#undef DMWARN
#undef DMINFO
#define DMERR(fmt, ...) fake_printk(DM_FMT(fmt), ##__VA_ARGS__)
#define DMERR_LIMIT(fmt, ...) fake_printk(DM_FMT(fmt), ##__VA_ARGS__)
#define DMWARN(fmt, ...) fake_printk(DM_FMT(fmt), ##__VA_ARGS__)
#define DMINFO(fmt, ...) fake_printk(DM_FMT(fmt), ##__VA_ARGS__)

#endif /* FAKE_KERNEL_H */
