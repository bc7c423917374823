// SPDX-License-Identifier: GPL-2.0
/* Strings, bits, chance, locks, memory. */
#include <malloc.h>
#include <isa-l/crc.h>

#include "sim/lock.h"
#include "sim/memory.h"
#include "sim/work.h"

const guid_t guid_null;
struct sim_context sim_context;
struct task_struct sim_task;
unsigned long jiffies = 1000 * HZ;
u8 sim_zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

/* The kernel's crc32c(): no inversion before or after. */
u32 crc32c(u32 crc, const void *buf, size_t bytes)
{
	return crc32_iscsi((unsigned char *)buf, (int)bytes, crc);
}

ssize_t strscpy(char *to, const char *from, size_t size)
{
	size_t length = strnlen(from, size);

	if (!size)
		return -E2BIG;
	if (length == size)
		length--;
	memcpy(to, from, length);
	to[length] = '\0';
	return from[length] ? -E2BIG : (ssize_t)length;
}

void *memchr_inv(const void *start, int c, size_t bytes)
{
	const u8 *p = start;

	for (; bytes; p++, bytes--)
		if (*p != (u8)c)
			return (void *)p;
	return NULL;
}

int kstrtoull(const char *s, unsigned int base, unsigned long long *res)
{
	char *end;

	if (!*s || *s == '-' || *s == ' ')
		return -EINVAL;
	errno = 0;
	*res = strtoull(s, &end, base);
	if (errno)
		return -ERANGE;
	return end == s || (*end && (*end != '\n' || end[1])) ? -EINVAL : 0;
}

/* ------------------------------------------------------------------------
 * Bits
 */
static unsigned long sim_next(const unsigned long *map, unsigned long size,
			      unsigned long at, unsigned long invert)
{
	while (at < size) {
		unsigned long word = (map[at / BITS_PER_LONG] ^ invert) >>
				     at % BITS_PER_LONG;

		if (word) {
			at += __builtin_ctzl(word);
			return min(at, size);
		}
		at = round_down(at, BITS_PER_LONG) + BITS_PER_LONG;
	}
	return size;
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size,
			    unsigned long start)
{
	return sim_next(map, size, start, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long start)
{
	return sim_next(map, size, start, ~0UL);
}

void bitmap_set(unsigned long *map, unsigned int start, unsigned int n)
{
	for (; n; n--)
		set_bit(start++, map);
}

void bitmap_clear(unsigned long *map, unsigned int start, unsigned int n)
{
	for (; n; n--)
		clear_bit(start++, map);
}

unsigned long *bitmap_zalloc(unsigned int n, gfp_t gfp)
{
	return kcalloc(BITS_TO_LONGS(n), sizeof(long), gfp);
}

void bitmap_free(const unsigned long *map)
{
	kfree(map);
}

/* ------------------------------------------------------------------------
 * Chance
 */
void prandom_seed_state(struct rnd_state *rnd, u64 seed)
{
	rnd->state = seed;
}

u32 prandom_u32_state(struct rnd_state *rnd)
{
	u64 z = (rnd->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return (z ^ z >> 31) >> 32;
}

void prandom_bytes_state(struct rnd_state *rnd, void *buf, size_t bytes)
{
	u8 *p = buf;

	while (bytes--)
		*p++ = prandom_u32_state(rnd);
}

/* Of what the tests give no seed for; the same in each run. */
static struct rnd_state sim_rnd;

u32 get_random_u32(void)
{
	return prandom_u32_state(&sim_rnd);
}

void get_random_bytes(void *buf, size_t bytes)
{
	prandom_bytes_state(&sim_rnd, buf, bytes);
}

/* ------------------------------------------------------------------------
 * Locks
 */
void sim_might_sleep(const char *file, int line)
{
	if (sim_context.spinlocks || sim_context.rcu || sim_context.irqs_off)
		sim_die("%s:%d: sleeps in atomic context", file, line);
}

void sim_mutex_destroy(struct mutex *lock)
{
	if (lock->held)
		sim_die("a mutex goes while it is held");
}

void mutex_lock(struct mutex *lock)
{
	might_sleep();
	if (lock->held)
		sim_die("a mutex is waited for that nobody will release");
	lock->held = true;
	sim_context.mutexes++;
}

bool mutex_trylock(struct mutex *lock)
{
	if (lock->held)
		return false;
	lock->held = true;
	sim_context.mutexes++;
	return true;
}

void mutex_unlock(struct mutex *lock)
{
	if (!lock->held)
		sim_die("a mutex is released that is not held");
	lock->held = false;
	sim_context.mutexes--;
}

void sim_spin_lock(bool *held, bool irq)
{
	if (*held)
		sim_die("a spinlock is waited for that nobody will release");
	*held = true;
	sim_context.spinlocks++;
	sim_context.irqs_off += irq;
}

/* Interrupts are on, as its end will switch them on. */
void sim_spin_lock_irq(bool *held)
{
	if (sim_context.irqs_off)
		sim_die("spin_lock_irq() with interrupts off");
	sim_spin_lock(held, true);
}

void sim_spin_unlock(bool *held, bool irq)
{
	if (!*held)
		sim_die("a spinlock is released that is not held");
	*held = false;
	sim_context.spinlocks--;
	sim_context.irqs_off -= irq;
}

void rcu_read_lock(void)
{
	sim_context.rcu++;
}

void rcu_read_unlock(void)
{
	if (!sim_context.rcu--)
		sim_die("rcu_read_unlock() without rcu_read_lock()");
}

void wait_for_completion_io(struct completion *c)
{
	might_sleep();
	if (!c->done)
		sim_die("a completion is waited for that does not come");
}

/* ------------------------------------------------------------------------
 * Memory
 */

/* What was freed is used again soon: the system need not have it meanwhile. */
static __attribute__((constructor)) void sim_keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
}

void *sim_alloc(size_t bytes, gfp_t gfp)
{
	void *p = NULL;

	if (gfpflags_allow_blocking(gfp))
		might_sleep();
	/* As the kernel's: whole pages are aligned to one. */
	if (posix_memalign(&p, bytes >= PAGE_SIZE ? PAGE_SIZE : 16, bytes ?: 1))
		sim_die("out of memory");
	memset(p, gfp & __GFP_ZERO ? 0 : 0xa5, bytes);
	return p;
}

void *sim_alloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL :
	       sim_alloc(bytes, gfp);
}

void kvfree(const void *p)
{
	free((void *)p);
}

void *krealloc(const void *p, size_t bytes, gfp_t gfp)
{
	return realloc((void *)p, bytes);
}

void *kmemdup(const void *p, size_t bytes, gfp_t gfp)
{
	return memcpy(sim_alloc(bytes, gfp), p, bytes);
}

struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	return sim_alloc(PAGE_SIZE << order, gfp);
}

void __free_pages(struct page *page, unsigned int order)
{
	free(page);
}

unsigned int compound_order(struct page *page)
{
	return ilog2(malloc_usable_size(page) >> PAGE_SHIFT);
}

int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t bytes)
{
	pool->min_nr = min_nr;
	pool->bytes = bytes;
	return 0;
}

int mempool_init_page_pool(mempool_t *pool, int min_nr, int order)
{
	return mempool_init_kmalloc_pool(pool, min_nr, PAGE_SIZE << order);
}

void mempool_exit(mempool_t *pool)
{
	memset(pool, 0, sizeof(*pool));
}

void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	return sim_alloc(pool->bytes, gfp);
}

void mempool_free(void *element, mempool_t *pool)
{
	kfree(element);
}

struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	return kzalloc(sizeof(struct shrinker), GFP_KERNEL);
}

void shrinker_free(struct shrinker *s)
{
	kfree(s);
}

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags,
					 int max_active, ...)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	wq->name = name;
	return wq;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	kfree(wq);
}
