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
#define dm_get_device			fake_dm_get_device
#define dm_put_device			fake_dm_put_device
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
#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

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
#undef wait_event_idle
#define wait_event_idle(wq, condition) \
	do { (void)(wq); while (!(condition)) fake_wait(); } while (0)

/* Is memory asked for while reclaim may wait for I/O? */
unsigned int fake_noio_save(void);
void fake_noio_restore(unsigned int flags);
#undef memalloc_noio_save
#undef memalloc_noio_restore
#define memalloc_noio_save		fake_noio_save
#define memalloc_noio_restore		fake_noio_restore

/* There may be none: when the test says so. */
bool fake_lacks(gfp_t gfp);
void fake_note_alloc(void);

static inline void *fake_kmalloc(size_t bytes, gfp_t gfp)
{
	return fake_lacks(gfp) ? NULL : kmalloc(bytes, gfp);
}

static inline void *fake_kmemdup(const void *from, size_t bytes, gfp_t gfp)
{
	return fake_lacks(gfp) ? NULL : kmemdup(from, bytes, gfp);
}

static inline void *fake_krealloc(const void *from, size_t bytes, gfp_t gfp)
{
	return fake_lacks(gfp) ? NULL : krealloc(from, bytes, gfp);
}

static inline void *fake_kvmalloc(size_t bytes, gfp_t gfp)
{
	fake_note_alloc();
	return fake_lacks(gfp) ? NULL : kvmalloc(bytes, gfp);
}

static inline void *fake_kvmalloc_array(size_t n, size_t bytes, gfp_t gfp)
{
	return fake_lacks(gfp) ? NULL : kvmalloc_array(n, bytes, gfp);
}

static inline void *fake_vmalloc(size_t bytes, gfp_t gfp)
{
	return fake_lacks(gfp) ? NULL : __vmalloc(bytes, gfp);
}

static inline struct workqueue_struct *
fake_alloc_workqueue(const char *name, unsigned int flags, int max_active)
{
	return fake_lacks(GFP_KERNEL) ? NULL :
	       alloc_workqueue("%s", flags, max_active, name);
}

static inline int fake_kmalloc_pool(mempool_t *pool, int min_nr, size_t bytes)
{
	return fake_lacks(GFP_KERNEL) ? -ENOMEM :
	       mempool_init_kmalloc_pool(pool, min_nr, bytes);
}

static inline int fake_page_pool(mempool_t *pool, int min_nr, int order)
{
	return fake_lacks(GFP_KERNEL) ? -ENOMEM :
	       mempool_init_page_pool(pool, min_nr, order);
}

#undef kmalloc
#undef kzalloc
#undef kmemdup
#undef krealloc
#undef kvmalloc
#undef kvzalloc
#undef kvmalloc_array
#undef kvcalloc
#undef vmalloc
#undef __vmalloc
#undef alloc_workqueue
#undef mempool_init_kmalloc_pool
#undef mempool_init_page_pool
#define kmalloc				fake_kmalloc
#define kzalloc(bytes, gfp)		fake_kmalloc(bytes, (gfp) | __GFP_ZERO)
#define kmemdup				fake_kmemdup
#define krealloc			fake_krealloc
#define kvmalloc			fake_kvmalloc
#define kvzalloc(bytes, gfp)		fake_kvmalloc_array(1, bytes, (gfp) | __GFP_ZERO)
#define kvmalloc_array			fake_kvmalloc_array
#define kvcalloc(n, bytes, gfp)		fake_kvmalloc_array(n, bytes, (gfp) | __GFP_ZERO)
#define vmalloc(bytes)			fake_vmalloc(bytes, GFP_KERNEL)
#define __vmalloc			fake_vmalloc
#define alloc_workqueue(name, flags, max_active, ...) \
	fake_alloc_workqueue(name, flags, max_active)
#define mempool_init_kmalloc_pool	fake_kmalloc_pool
#define mempool_init_page_pool		fake_page_pool

/* Others may look when something is just gone. */
void fake_kvfree(const void *p);
#undef kfree
#undef kvfree
#define kfree				fake_kvfree
#define kvfree				fake_kvfree

/* Whoever loads an image may be killed meanwhile. */
bool fake_killed(void);

static inline bool fake_fatal_signal(struct task_struct *task)
{
	return fake_killed() || fatal_signal_pending(task);
}

#undef fatal_signal_pending
#define fatal_signal_pending		fake_fatal_signal

/* Whoever waits for a lock may have it before the next line. */
void fake_unlock_irq(spinlock_t *lock);
#undef spin_unlock_irq
#define spin_unlock_irq			fake_unlock_irq
/* Whoever has a mutex that is waited for does all that needs it. */
void fake_mutex_lock(struct mutex *lock);
#undef mutex_lock
#define mutex_lock			fake_mutex_lock
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
