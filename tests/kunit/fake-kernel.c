// SPDX-License-Identifier: GPL-2.0
/*
 * Block layer and workqueues as far as the target needs them; device mapper is in
 * fake-md.c.
 *
 * Nothing happens by itself: work and bios queue up until the test lets one of
 * them, chosen at random, go on.  It may do so from the hook of the device, too:
 * that is the case where a work item waits for I/O while another one runs.  So
 * one thread and one seed give a repeatable interleaving.
 */
#include <linux/slab.h>

#include "fake-dm.h"

struct fake_kernel fake;

/**
 * fake_kernel_init() - forget everything, start with a seed
 * @seed: decides all that follows
 */
void fake_kernel_init(u32 seed)
{
	memset(&fake, 0, sizeof(fake));
	INIT_LIST_HEAD(&fake.works);
	INIT_LIST_HEAD(&fake.timers);
	INIT_LIST_HEAD(&fake.bios);
	prandom_seed_state(&fake.rnd, seed);
}

void fake_printk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(fake.message, sizeof(fake.message), fmt, args);
	va_end(args);
	fake.messages++;
}

#undef mempool_alloc
#undef mempool_free
void *mempool_alloc(mempool_t *pool, gfp_t gfp);
void mempool_free(void *element, mempool_t *pool);

/* What is taken of a pool's reserve while there is no memory. */
static u32 *fake_mempool_taken(mempool_t *pool)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(fake.pools); i++) {
		if (fake.pools[i].pool == pool)
			break;
		if (!fake.pools[i].pool) {
			fake.pools[i].pool = pool;
			break;
		}
	}
	return &fake.pools[i].taken;
}

/* There is no memory: what the pool has is all there is. */
static void *fake_mempool_reserve(mempool_t *pool, gfp_t gfp)
{
	u32 *taken = fake_mempool_taken(pool);

	if (*taken == pool->min_nr)
		return NULL;
	++*taken;
	return mempool_alloc(pool, gfp);
}

/* There is a reserve: as long as nothing of it is in use, there is some. */
void *fake_mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	void *element;

	if (!gfpflags_allow_blocking(gfp) && fake.starve && fake.allocated) {
		fake.starve--;
		return NULL;
	}
	element = fake.no_memory ? fake_mempool_reserve(pool, gfp) :
				   mempool_alloc(pool, gfp);
	fake.allocated += element != NULL;
	return element;
}

void fake_mempool_free(void *element, mempool_t *pool)
{
	fake.allocated--;
	if (fake.no_memory && *fake_mempool_taken(pool))
		--*fake_mempool_taken(pool);
	mempool_free(element, pool);
}

/**
 * fake_wait() - something waits for space
 */
void fake_wait(void)
{
	fake.waits++;
	if (fake.on_wait)
		fake.on_wait(fake.wait_arg);
}

/**
 * fake_noio_save() - memalloc_noio_save()
 *
 * Return: for fake_noio_restore().
 */
unsigned int fake_noio_save(void)
{
	bool was = fake.noio;

	fake.noio = true;
	return was;
}

void fake_noio_restore(unsigned int flags)
{
	fake.noio = flags;
}

void fake_note_alloc(void)
{
	fake.io_allocs += !fake.noio;
}

/**
 * fake_lacks() - is there no memory for something that is asked for now?
 * @gfp: how it is asked for
 *
 * Return: true if so.
 */
bool fake_lacks(gfp_t gfp)
{
	if ((gfp & __GFP_NOFAIL) || !fake.lack_in)
		return false;
	if (fake.lack_in > 1) {
		fake.lack_in--;
		return false;
	}
	fake.lacked++;
	if (fake.lack_once)
		fake.lack_in = 0;
	return true;
}

/* Once it is so it stays so. */
bool fake_killed(void)
{
	if (fake.kill_in > 1)
		fake.kill_in--;
	else if (fake.kill_in)
		fake.killed++;
	return fake.killed;
}

/**
 * fake_lack_begin() - there will be no memory
 * @n: 1: for what is next asked for, 2: for the second, and so on
 * @once: there is some again for what is asked for after that
 */
void fake_lack_begin(unsigned int n, bool once)
{
	fake.lack_in = n;
	fake.lack_once = once;
	fake.lacked = 0;
}

/**
 * fake_lack_end() - there is memory again
 *
 * Return: true if some was asked for when there was none.
 */
bool fake_lack_end(void)
{
	fake.lack_in = 0;
	return fake.lacked;
}

#undef kvfree

/**
 * fake_kvfree() - kfree() and kvfree(), and somebody looks
 * @p: what is not needed any more
 */
void fake_kvfree(const void *p)
{
	kvfree(p);
	if (fake.on_free)
		fake.on_free(fake.free_arg);
}

#define kvfree fake_kvfree
#undef spin_unlock_irq

/**
 * fake_unlock_irq() - spin_unlock_irq(), and whoever has waited for the lock goes on
 * @lock: the lock
 */
void fake_unlock_irq(spinlock_t *lock)
{
	void (*next)(void *arg) = fake.on_unlock;

	raw_spin_unlock_irq(&lock->rlock);
	fake.on_unlock = NULL;
	if (next)
		next(fake.unlock_arg);
}

#undef mutex_lock

/**
 * fake_mutex_lock() - mutex_lock(), but somebody else was faster
 * @lock: the mutex
 */
void fake_mutex_lock(struct mutex *lock)
{
	void (*first)(void *arg) = fake.on_mutex;

	fake.on_mutex = NULL;
	if (first)
		first(fake.mutex_arg);
	/* Not a macro if lockdep looks on. */
	mutex_lock_nested(lock, 0);
}

void fake_guid_gen(guid_t *guid)
{
	prandom_bytes_state(&fake.rnd, guid, sizeof(*guid));
}

/* ------------------------------------------------------------------------
 * Work
 */

bool fake_queue_work_on(int cpu, struct workqueue_struct *wq,
			struct work_struct *work)
{
	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work)))
		return false;
	list_add_tail(&work->entry, &fake.works);
	return true;
}

bool fake_queue_delayed_work_on(int cpu, struct workqueue_struct *wq,
				struct delayed_work *dwork, unsigned long delay)
{
	struct work_struct *work = &dwork->work;

	if (test_and_set_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work)))
		return false;
	list_add_tail(&work->entry, &fake.timers);
	return true;
}

static void fake_work_run(struct work_struct *work)
{
	list_del_init(&work->entry);
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
	fake.running[fake.nr_running++] = work;
	/* May free the work. */
	work->func(work);
	fake.nr_running--;
}

static bool fake_work_pending(struct work_struct *work)
{
	return test_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(work));
}

bool fake_flush_work(struct work_struct *work)
{
	if (!fake_work_pending(work))
		return false;
	fake_work_run(work);
	return true;
}

bool fake_cancel_delayed_work_sync(struct delayed_work *dwork)
{
	if (!fake_work_pending(&dwork->work))
		return false;
	list_del_init(&dwork->work.entry);
	clear_bit(WORK_STRUCT_PENDING_BIT, work_data_bits(&dwork->work));
	return true;
}

/*
 * A work item never runs twice at once.  One that waits for what others do can not
 * run on top of them.
 */
static bool fake_work_running(struct work_struct *work)
{
	unsigned int i;

	if ((work->func == vhdx_free_work ||
	     work->func == fake.waits_for_works) && fake.nr_running)
		return true;
	for (i = 0; i < fake.nr_running; i++)
		if (fake.running[i] == work)
			return true;
	return false;
}

/* ------------------------------------------------------------------------
 * Flights
 */

int fake_srcu_init(struct srcu_struct *ssp)
{
	return 0;
}

void fake_srcu_exit(struct srcu_struct *ssp)
{
}

int fake_srcu_down(struct srcu_struct *ssp)
{
	u32 idx = fake.phase % FAKE_PHASES;

	fake.flights[idx]++;
	return idx;
}

void fake_srcu_up(struct srcu_struct *ssp, int idx)
{
	fake.flights[idx]--;
}

/* One that began before @phase, of those whose end somebody may be waiting for. */
static u32 *fake_flights_before(u32 phase)
{
	u32 i;

	for (i = 1; i <= FAKE_PHASES / 2; i++)
		if (fake.flights[(phase - i) % FAKE_PHASES])
			return &fake.flights[(phase - i) % FAKE_PHASES];
	return NULL;
}

/* Meanwhile everything else goes on, others who wait for flights too. */
void fake_synchronize_srcu(struct srcu_struct *ssp)
{
	u32 phase = ++fake.phase, *flights;

	while ((flights = fake_flights_before(phase))) {
		if (!fake_kernel_step(false)) {
			WARN(1, "%u bios never land", *flights);
			*flights = 0;
		}
	}
}

/* ------------------------------------------------------------------------
 * Bios
 */

static void fake_bio_end_io(struct bio *bio)
{
	struct fake_bio *fbio = container_of(bio, struct fake_bio, bio);

	/* As the target's end_io does. */
	if (fbio->hook.flight >= 0 && fbio->hook.flight < FAKE_PHASES)
		fake_srcu_up(NULL, fbio->hook.flight);
	fbio->hook.flight = -1;
	fbio->status = blk_status_to_errno(bio->bi_status);
	fbio->done = true;
	if (fbio->end)
		fbio->end(fbio);
}

/**
 * fake_bio_new() - make a bio
 * @opf: operation and flags
 * @sector: where in the mapped device
 * @sectors: 0 for an empty flush
 *
 * Return: the bio.
 */
struct fake_bio *fake_bio_new(blk_opf_t opf, sector_t sector, u32 sectors)
{
	struct fake_bio *fbio = kzalloc(sizeof(*fbio), GFP_KERNEL | __GFP_NOFAIL);

	/* Device mapper leaves there what was there. */
	memset(&fbio->hook, 0x5a, sizeof(fbio->hook));
	bio_init(&fbio->bio, NULL, &fbio->bvec, 1, opf);
	fbio->bio.bi_iter.bi_sector = sector;
	fbio->bio.bi_end_io = fake_bio_end_io;
	fbio->sectors = sectors;
	INIT_LIST_HEAD(&fbio->list);
	if (sectors) {
		fbio->page = alloc_pages(GFP_KERNEL | __GFP_COMP,
					 get_order(sectors << SECTOR_SHIFT));
		__bio_add_page(&fbio->bio, fbio->page, sectors << SECTOR_SHIFT,
			       0);
	}
	return fbio;
}

/**
 * fake_bio_free() - undo fake_bio_new()
 * @fbio: a bio that is done, or was never given away
 */
void fake_bio_free(struct fake_bio *fbio)
{
	if (fbio->page)
		__free_pages(fbio->page, compound_order(fbio->page));
	kfree(fbio);
}

#ifdef CONFIG_BLK_CGROUP	/* else it is inline, and empty */
void fake_bio_associate_blkg(struct bio *bio)
{
}
#endif

void *fake_per_bio_data(struct bio *bio, size_t bytes)
{
	return &container_of(bio, struct fake_bio, bio)->hook;
}

void fake_accept_partial_bio(struct bio *bio, unsigned int sectors)
{
	bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	container_of(bio, struct fake_bio, bio)->sectors = sectors;
}

void fake_submit_bio(struct bio *bio)
{
	struct fake_bio *fbio = container_of(bio, struct fake_bio, bio);
	struct fake_dev *dev = fake_dev_of(bio->bi_bdev);
	u64 off = bio->bi_iter.bi_sector << SECTOR_SHIFT;

	fbio->no_space = op_is_write(bio_op(bio)) &&
			 fake_dev_no_space(dev, off, bio->bi_iter.bi_size);
	if (bio_op(bio) == REQ_OP_DISCARD)
		fbio->write = fake_dev_begin_discard(dev, off,
						     bio->bi_iter.bi_size);
	else if (op_is_write(bio_op(bio)) && bio_sectors(bio) && !fbio->no_space)
		fbio->write = fake_dev_begin_write(dev, off,
						   fake_bio_rest(fbio),
						   bio->bi_iter.bi_size);
	list_add_tail(&fbio->list, &fake.bios);
}

/* The device is done with a bio. */
static void fake_bio_complete(struct fake_bio *fbio)
{
	struct bio *bio = &fbio->bio;
	struct fake_dev *dev = fake_dev_of(bio->bi_bdev);
	u64 off = bio->bi_iter.bi_sector << SECTOR_SHIFT;
	struct fake_write *write = fbio->write;
	u32 bytes = bio->bi_iter.bi_size;
	int r;

	list_del_init(&fbio->list);
	r = fake_dev_event(dev, FAKE_BIO, off, bytes);
	if (fbio->no_space)
		r = -ENOSPC;
	if (write) {
		write->in_flight = false;
		fbio->write = NULL;
	} else if (bytes && !r && !op_is_write(bio_op(bio))) {
		fake_dev_peek(dev, off, fake_bio_rest(fbio), bytes);
	}
	if (bio->bi_opf & REQ_PREFLUSH)
		fake_dev_flushed(dev, r);
	else if ((bio->bi_opf & REQ_FUA) && write && !r)
		fake_dev_forced(dev, write);
	bio->bi_status = errno_to_blk_status(r);
	bio_endio(bio);
	fake_dev_after(dev, FAKE_BIO, off, bytes, r);
}

/* ------------------------------------------------------------------------
 * What happens next
 */

static struct work_struct *fake_pick(struct list_head *works, u32 left)
{
	struct work_struct *work;

	list_for_each_entry(work, works, entry)
		if (!fake_work_running(work) && !left--)
			return work;
	return NULL;
}

static u32 fake_count(struct list_head *works)
{
	struct work_struct *work;
	u32 count = 0;

	list_for_each_entry(work, works, entry)
		count += !fake_work_running(work);
	return count;
}

/**
 * fake_kernel_step() - let one thing happen
 * @timers: one whose time has not come may be it
 *
 * Return: false if there is nothing to do.
 */
bool fake_kernel_step(bool timers)
{
	u32 works = 0, delayed = 0, bios = 0, left;
	struct work_struct *work;
	struct fake_bio *fbio;

	if (fake.nr_running < ARRAY_SIZE(fake.running)) {
		works = fake_count(&fake.works);
		delayed = timers ? fake_count(&fake.timers) : 0;
	}
	list_for_each_entry(fbio, &fake.bios, list)
		bios++;
	if (!(works + delayed + bios))
		return false;
	left = vk_rnd(&fake.rnd, works + delayed + bios);

	if (left < bios) {
		list_for_each_entry(fbio, &fake.bios, list)
			if (!left--)
				break;
		fake_bio_complete(fbio);
		return true;
	}
	left -= bios;
	work = left < works ? fake_pick(&fake.works, left) :
			      fake_pick(&fake.timers, left - works);
	fake_work_run(work);
	return true;
}

/**
 * fake_kernel_run() - let everything happen but what takes a timer
 */
void fake_kernel_run(void)
{
	while (fake_kernel_step(false))
		;
}

/**
 * fake_kernel_fire() - the time of all timers has come
 */
void fake_kernel_fire(void)
{
	LIST_HEAD(timers);

	list_splice_init(&fake.timers, &timers);
	while (!list_empty(&timers))
		fake_work_run(list_first_entry(&timers, struct work_struct,
					       entry));
}

/**
 * fake_kernel_idle() - is nothing going on?
 *
 * Return: true if so; a timer may be set.
 */
bool fake_kernel_idle(void)
{
	return list_empty(&fake.works) && list_empty(&fake.bios);
}
