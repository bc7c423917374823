/* SPDX-License-Identifier: GPL-2.0 */
/* A backing device in memory that forgets what was not flushed. */
#ifndef FAKE_IO_H
#define FAKE_IO_H

#include <linux/blkdev.h>
#include <linux/list.h>
#include <linux/prandom.h>
#include <linux/xarray.h>

enum fake_op {
	FAKE_READ,
	FAKE_WRITE,
	FAKE_ZERO,
	FAKE_FLUSH,
	FAKE_DISCARD,
	FAKE_BIO,		/* a bio of a guest is done */
	FAKE_NR_OPS,
};

/**
 * struct fake_event - something that was asked of the device
 * @op: what
 * @off: bytes
 * @bytes: bytes
 * @failed: it was made to fail
 */
struct fake_event {
	enum fake_op op;
	bool failed;
	u64 off;
	u64 bytes;
};

/**
 * struct fake_write - a write that is not durable yet
 * @list: fake_dev.writes, oldest first
 * @off: bytes
 * @bytes: bytes
 * @data: NULL for zeros
 * @in_flight: not completed: no flush is obliged to cover it
 * @discard: nobody cares whether it is durable
 * @forced: it is, as it was FUA
 */
struct fake_write {
	struct list_head list;
	u64 off;
	u64 bytes;
	void *data;
	bool in_flight;
	bool discard;
	bool forced;
};

#define FAKE_MAX_EVENTS		4096

/* What the device has after a discard. */
#define FAKE_DISCARDED		0xdd

/**
 * struct fake_dev - the device
 * @bdev: what the code under test sees
 * @parent: of its image, for the table; or NULL
 * @vhd: its image is VHD
 * @disk: gives it a name for messages
 * @bytes: its size
 * @logical_bytes: smallest unit of I/O
 * @fill: what was there before, from @fill_off to @fill_end, and from
 *        @grown_off on; zeros elsewhere
 * @base: where durable sectors come from that @media has not
 * @media: durable sectors, 4 KiB pages
 * @version: of @media: each change gives it a number that no device had before
 * @cache: what reads see before that
 * @writes: what a flush makes durable
 * @flush_loses: a flush that fails drops what it should have made durable
 * @flush_hides: it does, but reads go on to see that, as with a page cache
 * @losses: how often that was
 * @no_discards: it takes none
 * @uncached: it has no volatile cache, or does not say so
 * @full: the sparse file below has no space for what was never written
 * @fail_errno: with what operations fail; 0: -EIO
 * @bad_off: writes from here on fail ...
 * @bad_end: ... up to here
 * @fail_in: 1: the next operation of this kind fails, and so on; 0: none
 * @misused: operations that were not aligned, or past the end
 * @events: what was asked of the device
 * @nr_events: how often; only the first FAKE_MAX_EVENTS are kept
 * @hook: called after each operation but reads
 * @on_read: called once, before the image is next read
 * @hook_arg: for both
 */
struct fake_dev {
	struct block_device bdev;
	struct fake_dev *parent;
	bool vhd;
	struct gendisk disk;
	u64 bytes;
	u32 logical_bytes;
	u8 fill;
	u64 fill_off;
	u64 fill_end;
	u64 grown_off;
	struct fake_dev *base;
	struct xarray media;
	u64 version;
	struct xarray cache;
	struct list_head writes;
	bool flush_loses;
	bool flush_hides;
	unsigned int losses;
	bool no_discards;
	bool uncached;
	bool full;
	int fail_errno;
	u64 bad_off;
	u64 bad_end;
	unsigned int fail_in[FAKE_NR_OPS];
	unsigned int misused;
	struct fake_event *events;
	unsigned int nr_events;
	void (*hook)(struct fake_dev *dev, const struct fake_event *event);
	void (*on_read)(struct fake_dev *dev);
	void *hook_arg;
};

static inline struct fake_dev *fake_dev_of(struct block_device *bdev)
{
	return container_of(bdev, struct fake_dev, bdev);
}

struct fake_dev *fake_dev_new(u64 bytes);
void fake_dev_free(struct fake_dev *dev);
struct fake_dev *fake_dev_bare(struct fake_dev *dev);
struct fake_dev *fake_dev_crash(struct fake_dev *dev, struct rnd_state *rnd);
void fake_dev_detach(struct fake_dev *crash);

/* Past the cache, traceless: for setting a stage and looking behind it. */
void fake_dev_peek(struct fake_dev *dev, u64 off, void *buf, size_t bytes);
void fake_dev_poke(struct fake_dev *dev, u64 off, const void *buf,
		   size_t bytes);

/* For the bios of fake-kernel.c. */
struct fake_write *fake_dev_begin_write(struct fake_dev *dev, u64 off,
					const void *data, u64 bytes);
int fake_dev_event(struct fake_dev *dev, enum fake_op op, u64 off, u64 bytes);
void fake_dev_after(struct fake_dev *dev, enum fake_op op, u64 off, u64 bytes,
		    int r);
struct fake_write *fake_dev_begin_discard(struct fake_dev *dev, u64 off,
					  u64 bytes);
void fake_dev_flushed(struct fake_dev *dev, int r);
void fake_dev_forced(struct fake_dev *dev, struct fake_write *write);

bool fake_dev_no_space(struct fake_dev *dev, u64 off, u64 bytes);
void fake_dev_forget(struct fake_dev *dev);
unsigned int fake_dev_count(const struct fake_dev *dev, enum fake_op op);

/* One of @n numbers from 0 on. */
static inline u32 vk_rnd(struct rnd_state *rnd, u32 n)
{
	return prandom_u32_state(rnd) % n;
}

#endif /* FAKE_IO_H */
