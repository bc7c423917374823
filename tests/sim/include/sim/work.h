/* SPDX-License-Identifier: GPL-2.0 */
/* Work and time: fake-kernel.c decides when what is done, and time stands still. */
#ifndef SIM_WORK_H
#define SIM_WORK_H

#include "sim/list.h"
#include "sim/lock.h"

#define HZ			250
extern unsigned long jiffies;
#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / 1000)
#define jiffies_to_msecs(j)	((unsigned int)((j) * 1000 / HZ))
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_before(a, b)	time_after(b, a)
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)
unsigned long msleep_interruptible(unsigned int ms);

struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	unsigned long data;
	struct list_head entry;
	work_func_t func;
};

struct delayed_work {
	struct work_struct work;
};

struct workqueue_struct {
	const char *name;
};

#define WORK_STRUCT_PENDING_BIT	0
#define work_data_bits(work)	(&(work)->data)
#define WORK_CPU_UNBOUND	0
#define WQ_MEM_RECLAIM		1U
#define WQ_UNBOUND		2U
#define WQ_HIGHPRI		4U

#define INIT_WORK(work, fn) \
	do { struct work_struct *iw_w = (work); iw_w->data = 0; \
	     INIT_LIST_HEAD(&iw_w->entry); iw_w->func = (fn); } while (0)
#define INIT_DELAYED_WORK(dwork, fn) INIT_WORK(&(dwork)->work, fn)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active, ...);
#define alloc_ordered_workqueue(name, flags) alloc_workqueue(name, flags, 1)
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work_on(int cpu, struct workqueue_struct *wq,
		   struct work_struct *work);
bool queue_delayed_work_on(int cpu, struct workqueue_struct *wq,
			   struct delayed_work *dwork, unsigned long delay);
bool flush_work(struct work_struct *work);
bool cancel_delayed_work_sync(struct delayed_work *dwork);
#define queue_work(wq, work)	queue_work_on(WORK_CPU_UNBOUND, wq, work)
#define queue_delayed_work(wq, dwork, delay) \
	queue_delayed_work_on(WORK_CPU_UNBOUND, wq, dwork, delay)

#endif /* SIM_WORK_H */
