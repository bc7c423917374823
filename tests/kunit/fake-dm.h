/* SPDX-License-Identifier: GPL-2.0 */
/* What tests decide about bios, work items and device mapper. */
#ifndef FAKE_DM_H
#define FAKE_DM_H

#include "dm-vhdx.h"
#include "fake-io.h"

/**
 * struct fake_bio - a bio of a guest, as device mapper hands it to a target
 * @hook: the target's part
 * @bio: the bio
 * @bvec: its only one
 * @page: its data, contiguous
 * @status: 0 or a negative errno, once @done
 * @done: it has been completed
 * @end: called then; may free it
 * @arg: for @end
 * @sectors: so many the target has accepted
 * @list: fake.bios
 * @write: while under way to the device
 * @no_space: it was a write, and the device is full
 */
struct fake_bio {
	struct vhdx_hook hook;
	struct bio bio;
	struct bio_vec bvec;
	struct page *page;
	int status;
	bool done;
	void (*end)(struct fake_bio *fbio);
	void *arg;
	u32 sectors;
	struct list_head list;
	struct fake_write *write;
	bool no_space;
};

/* Costly orders of pages may fail. */
#define FAKE_BIO_SECTORS	64U

struct fake_bio *fake_bio_new(blk_opf_t opf, sector_t sector, u32 sectors);
void fake_bio_free(struct fake_bio *fbio);

static inline void *fake_bio_data(struct fake_bio *fbio)
{
	return page_address(fbio->page);
}

/* Of what is left of it, if the target has dealt with some. */
static inline void *fake_bio_rest(struct fake_bio *fbio)
{
	return fake_bio_data(fbio) + fbio->bio.bi_iter.bi_bvec_done;
}

#define FAKE_PHASES	8

/* As tables are opened, beside BLK_OPEN_WRITE. */
#ifdef VHDX_HAVE_BLK_MODE
#define FAKE_OPEN_READ	BLK_OPEN_READ
#else
#define FAKE_OPEN_READ	FMODE_READ
#endif

/**
 * struct fake_path - a device that tables can open
 * @path: its name
 * @dev: the device
 * @read_only: not for writing
 * @r: a negative errno: not at all
 * @mode: how it was opened last
 * @opened: so many have it open
 */
struct fake_path {
	const char *path;
	struct fake_dev *dev;
	bool read_only;
	int r;
	blk_mode_t mode;
	unsigned int opened;
};

/**
 * struct fake_kernel - all that is going on
 * @rnd: decides what goes on next
 * @works: queued work
 * @timers: queued delayed work
 * @bios: on their way to the device
 * @running: works that wait for the device further up the stack
 * @nr_running: how many
 * @waits_for_works: a kind of work that waits for what others do
 * @table_events: dm_table_event()
 * @read_only: tables are
 * @paths: what tables can open
 * @nr_paths: how many
 * @fua: the devices can be trusted with it
 * @waits: how often something has waited for space
 * @on_wait: called then; has to see to it that there is an end
 * @wait_arg: for @on_wait
 * @on_unlock: called once, when the target next releases a lock it took with interrupts on
 * @unlock_arg: for @on_unlock
 * @on_mutex: called once, before the target next takes a mutex that it waits for
 * @mutex_arg: for @on_mutex
 * @on_free: called whenever the target has freed something
 * @free_arg: for @on_free
 * @noflush: dm_noflush_suspending()
 * @starve: so many allocations that must not wait find no memory
 * @no_memory: all of them do but for what the pools have
 * @lack_in: 1: there is none for what is next asked for, and so on; 0: there is
 * @lack_once: only for that
 * @lacked: so often there was none
 * @kill_in: 1: whoever next asks whether it is killed is, and so on; 0: nobody
 * @killed: so often that was said
 * @pools: what of their reserves is taken, since
 * @allocated: what mempool_alloc() has given and has not back
 * @flights: bios that may go to where an entry said, by phase
 * @phase: the present one
 * @messages: how many for the kernel log
 * @message: the last one
 */
struct fake_kernel {
	struct rnd_state rnd;
	struct list_head works;
	struct list_head timers;
	struct list_head bios;
	struct work_struct *running[8];
	unsigned int nr_running;
	void (*waits_for_works)(struct work_struct *work);
	unsigned int table_events;
	bool read_only;
	struct fake_path paths[4];
	unsigned int nr_paths;
	bool fua;
	unsigned int waits;
	bool noio;		/* memory is asked for without I/O ... */
	u32 io_allocs;		/* so often it was not, by kvmalloc() */
	void (*on_wait)(void *arg);
	void *wait_arg;
	void (*on_unlock)(void *arg);
	void *unlock_arg;
	void (*on_mutex)(void *arg);
	void *mutex_arg;
	void (*on_free)(void *arg);
	void *free_arg;
	bool noflush;
	unsigned int starve;
	bool no_memory;
	unsigned int lack_in;
	bool lack_once;
	unsigned int lacked;
	unsigned int kill_in;
	unsigned int killed;
	struct {
		mempool_t *pool;
		u32 taken;
	} pools[8];
	unsigned int allocated;
	u32 flights[FAKE_PHASES];
	u32 phase;
	unsigned int messages;
	char message[256];
};

extern struct fake_kernel fake;

void fake_kernel_init(u32 seed);
bool fake_kernel_step(bool timers);
void fake_kernel_run(void);
void fake_kernel_fire(void);
void fake_lack_begin(unsigned int n, bool once);
bool fake_lack_end(void);
bool fake_kernel_idle(void);

/* So many numbers of tables a mapped device has. */
#define FAKE_TABLES	(1UL << 20)

struct fake_path *fake_path_add(const char *path, struct fake_dev *dev);
unsigned long fake_md_new(void);
void fake_md_remove(unsigned long table);
unsigned int fake_md_count(void);

#endif /* FAKE_DM_H */
