/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Locks, and what else threads need of each other.  There is one thread: who
 * takes a lock that is held would wait for ever, and is told so.
 */
#ifndef SIM_LOCK_H
#define SIM_LOCK_H

#include "sim/base.h"
#include "sim/list.h"

/**
 * struct sim_context - in what context the code runs
 * @spinlocks: held
 * @rcu: read sides
 * @irqs_off: so many have interrupts off
 * @mutexes: held
 */
struct sim_context {
	int spinlocks;
	int rcu;
	int irqs_off;
	int mutexes;
};

extern struct sim_context sim_context;

#define might_sleep()	sim_might_sleep(__FILE__, __LINE__)
#define cond_resched()	might_sleep()
void sim_might_sleep(const char *file, int line);

struct mutex {
	bool held;
};

#define DEFINE_MUTEX(name)	struct mutex name
#define mutex_init(lock)	((lock)->held = false)
#define mutex_destroy(lock)	sim_mutex_destroy(lock)
void sim_mutex_destroy(struct mutex *lock);
void mutex_lock(struct mutex *lock);
#define mutex_lock_nested(lock, subclass) mutex_lock(lock)
bool mutex_trylock(struct mutex *lock);
void mutex_unlock(struct mutex *lock);
#define mutex_is_locked(lock)	((lock)->held)

typedef struct {
	bool held;
} raw_spinlock_t;

typedef struct {
	union {
		raw_spinlock_t rlock;
		bool held;
	};
} spinlock_t;

#define DEFINE_SPINLOCK(name)	spinlock_t name
#define spin_lock_init(lock)	((lock)->held = false)
void sim_spin_lock(bool *held, bool irq);
void sim_spin_unlock(bool *held, bool irq);
void sim_spin_lock_irq(bool *held);
#define spin_lock(lock)		sim_spin_lock(&(lock)->held, false)
#define spin_unlock(lock)	sim_spin_unlock(&(lock)->held, false)
#define spin_lock_irq(lock)	sim_spin_lock_irq(&(lock)->held)
#define spin_unlock_irq(lock)	sim_spin_unlock(&(lock)->held, true)
#define raw_spin_unlock_irq(lock) sim_spin_unlock(&(lock)->held, true)
#define spin_lock_irqsave(lock, flags) \
	do { (flags) = 0; sim_spin_lock(&(lock)->held, true); } while (0)
#define spin_unlock_irqrestore(lock, flags) \
	do { (void)(flags); sim_spin_unlock(&(lock)->held, true); } while (0)

#define lockdep_assert_held(lock) \
	do { if (!(lock)->held) sim_die("%s:%d: %s is not held", __FILE__, \
					__LINE__, #lock); } while (0)

struct rcu_head {
	void *next;
};

void rcu_read_lock(void);
void rcu_read_unlock(void);
#define rcu_dereference(p)	READ_ONCE(p)
#define rcu_assign_pointer(p, v) WRITE_ONCE(p, v)
#define kfree_rcu(p, member)	kvfree(p)
#define synchronize_rcu()	might_sleep()

/* The tests have flights of their own. */
struct srcu_struct {
	int unused;
};

int init_srcu_struct(struct srcu_struct *ssp);
void cleanup_srcu_struct(struct srcu_struct *ssp);
int srcu_down_read(struct srcu_struct *ssp);
void srcu_up_read(struct srcu_struct *ssp, int idx);
void synchronize_srcu(struct srcu_struct *ssp);

typedef struct {
	int counter;
} atomic_t;

#define ATOMIC_INIT(i)		{ (i) }
#define atomic_set(v, i)	((void)((v)->counter = (i)))
#define atomic_read(v)		((v)->counter)
#define atomic_inc(v)		((void)(v)->counter++)
#define atomic_dec(v)		((void)(v)->counter--)
#define atomic_dec_and_test(v)	(!--(v)->counter)
#define atomic_dec_return(v)	(--(v)->counter)
#define atomic_add(i, v)	((void)((v)->counter += (i)))
#define atomic_sub(i, v)	((void)((v)->counter -= (i)))
#define atomic_inc_unless_negative(v) ((v)->counter >= 0 && ((v)->counter++, true))

typedef struct {
	s64 counter;
} atomic64_t;

#define atomic64_set		atomic_set
#define atomic64_read		atomic_read
#define atomic64_inc		atomic_inc
#define atomic64_add(i, v)	((void)((v)->counter += (i)))

struct completion {
	bool done;
};

#define init_completion(c)	((c)->done = false)
#define complete(c)		((void)((c)->done = true))
void wait_for_completion_io(struct completion *c);

typedef struct {
	int unused;
} wait_queue_head_t;

#define init_waitqueue_head(wq)	((void)(wq))
#define wake_up(wq)		((void)(wq))
#define DECLARE_WAIT_QUEUE_HEAD(name) wait_queue_head_t name
#define wake_up_all(wq)		((void)(wq))
/* Nobody else would make it true: the tests have one of their own. */
#define wait_event_timeout(wq, condition, timeout) \
	({ if (!(condition)) sim_die("waits for ever"); 1L; })

/* The one there is. */
struct task_struct {
	struct {
		unsigned long signal;
	} pending;
	bool signalled;
};

extern struct task_struct sim_task;
#define current			(&sim_task)
#define SIGKILL			9
#define TIF_SIGPENDING		0
#define sigaddset(set, sig)	(*(set) |= BIT(sig))
#define sigdelset(set, sig)	(*(set) &= ~BIT(sig))
#define set_thread_flag(flag)	(sim_task.signalled = true)
#define clear_thread_flag(flag)	(sim_task.signalled = false)
#define fatal_signal_pending(task) \
	((task)->signalled && ((task)->pending.signal & BIT(SIGKILL)))
#define signal_pending(task)	((task)->signalled)
#define memalloc_noio_save()	0U
#define memalloc_noio_restore(flags) ((void)(flags))

#endif /* SIM_LOCK_H */
