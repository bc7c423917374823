// SPDX-License-Identifier: GPL-2.0
/*
 * A device in memory.
 *
 * What is written is seen by reads at once, but stays in a list until a flush
 * makes it durable.  A crash state is what is durable and any part of the list,
 * sector by sector: torn, reordered, or lost.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dm-vhdx.h"
#include "fake-dm.h"

/* What a device writes at once or not at all. */
#define FAKE_ATOM	512U

/* Of any device. */
static u64 fake_last_version;

static void *fake_alloc(size_t bytes)
{
	return kvmalloc(bytes, GFP_KERNEL | __GFP_NOFAIL);
}

/**
 * fake_dev_new() - make a device
 * @bytes: its size
 *
 * Return: the device, full of zeros.
 */
struct fake_dev *fake_dev_new(u64 bytes)
{
	struct fake_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL | __GFP_NOFAIL);

	dev->bdev.bd_disk = &dev->disk;
	dev->bdev.bd_dev = MKDEV(240, 240);
	strscpy(dev->disk.disk_name, "fake", sizeof(dev->disk.disk_name));
	dev->version = ++fake_last_version;
	dev->bytes = bytes;
	dev->logical_bytes = 512;
	dev->fill_end = U64_MAX;
	dev->grown_off = bytes;
	xa_init(&dev->media);
	xa_init(&dev->cache);
	INIT_LIST_HEAD(&dev->writes);
	return dev;
}

/* One for all whole pages of zeros, of which there are many. */
static void *fake_zero_page(void)
{
	return page_address(ZERO_PAGE(0));
}

static void fake_page_free(void *page)
{
	if (page != fake_zero_page())
		free_page((unsigned long)page);
}

static void fake_pages_free(struct xarray *pages)
{
	unsigned long index;
	void *page;

	xa_for_each(pages, index, page)
		fake_page_free(page);
	xa_destroy(pages);
}

static void fake_write_free(struct fake_write *write)
{
	list_del(&write->list);
	kvfree(write->data);
	kfree(write);
}

/**
 * fake_dev_free() - undo fake_dev_new() or fake_dev_crash()
 * @dev: the device; may be NULL
 */
void fake_dev_free(struct fake_dev *dev)
{
	struct fake_write *write, *next;

	if (!dev)
		return;
	list_for_each_entry_safe(write, next, &dev->writes, list)
		fake_write_free(write);
	fake_pages_free(&dev->cache);
	fake_pages_free(&dev->media);
	kvfree(dev->events);
	kfree(dev);
}

/* The durable page, or NULL where nothing was ever written. */
static const void *fake_media_page(struct fake_dev *dev, unsigned long index)
{
	const void *page = NULL;

	for (; dev && !page; dev = dev->base)
		page = xa_load(&dev->media, index);
	return page;
}

/* What a page holds where nothing was ever written. */
static u8 fake_page_fill(const struct fake_dev *dev, unsigned long index)
{
	u64 off = (u64)index << PAGE_SHIFT;

	return (off >= dev->fill_off && off < dev->fill_end) ||
	       off >= dev->grown_off ? dev->fill : 0;
}

/* The page to write to in @pages, with what was there. */
static void *fake_page_get(struct fake_dev *dev, struct xarray *pages,
			   unsigned long index)
{
	void *page = xa_load(pages, index);
	const void *old = page ?: fake_media_page(dev, index);

	if (page && page != fake_zero_page())
		return page;
	page = (void *)__get_free_page(GFP_KERNEL | __GFP_NOFAIL);
	if (old)
		memcpy(page, old, PAGE_SIZE);
	else
		memset(page, fake_page_fill(dev, index), PAGE_SIZE);
	xa_store(pages, index, page, GFP_KERNEL | __GFP_NOFAIL);
	return page;
}

static void fake_page_zero(struct xarray *pages, unsigned long index)
{
	void *page = xa_store(pages, index, fake_zero_page(),
			      GFP_KERNEL | __GFP_NOFAIL);

	if (page)
		fake_page_free(page);
}

static void fake_pages_write(struct fake_dev *dev, struct xarray *pages, u64 off,
			     const void *data, u64 bytes)
{
	while (bytes) {
		unsigned long index = off >> PAGE_SHIFT;
		u32 in_page = offset_in_page(off);
		u64 step = min_t(u64, bytes, PAGE_SIZE - in_page);

		if (data) {
			memcpy(fake_page_get(dev, pages, index) + in_page, data,
			       step);
			data += step;
		} else if (step == PAGE_SIZE) {
			fake_page_zero(pages, index);
		} else {
			memset(fake_page_get(dev, pages, index) + in_page, 0,
			       step);
		}
		off += step;
		bytes -= step;
	}
}

/**
 * fake_dev_peek() - what a read would see
 * @dev: the device
 * @off: bytes
 * @buf: result
 * @bytes: how much
 */
void fake_dev_peek(struct fake_dev *dev, u64 off, void *buf, size_t bytes)
{
	while (bytes) {
		unsigned long index = off >> PAGE_SHIFT;
		u32 in_page = offset_in_page(off);
		size_t step = min_t(size_t, bytes, PAGE_SIZE - in_page);
		const void *page = xa_load(&dev->cache, index);

		if (!page)
			page = fake_media_page(dev, index);
		if (page)
			memcpy(buf, page + in_page, step);
		else
			memset(buf, fake_page_fill(dev, index), step);
		off += step;
		buf += step;
		bytes -= step;
	}
}

/**
 * fake_dev_poke() - change what is durable
 * @dev: the device; nothing there waits to be flushed
 * @off: bytes
 * @buf: new contents
 * @bytes: how much
 */
void fake_dev_poke(struct fake_dev *dev, u64 off, const void *buf, size_t bytes)
{
	dev->version = ++fake_last_version;
	fake_pages_write(dev, &dev->media, off, buf, bytes);
}

/**
 * fake_dev_begin_write() - a write that reads see, but no flush yet
 * @dev: the device
 * @off: bytes
 * @data: NULL for zeros
 * @bytes: how much
 *
 * Return: the write, in flight.
 */
struct fake_write *fake_dev_begin_write(struct fake_dev *dev, u64 off,
					const void *data, u64 bytes)
{
	struct fake_write *write = kzalloc(sizeof(*write),
					   GFP_KERNEL | __GFP_NOFAIL);

	write->off = off;
	write->bytes = bytes;
	write->in_flight = true;
	if (data) {
		write->data = fake_alloc(bytes);
		memcpy(write->data, data, bytes);
	}
	list_add_tail(&write->list, &dev->writes);
	fake_pages_write(dev, &dev->cache, off, data, bytes);
	return write;
}

/**
 * fake_dev_begin_discard() - a discard: what is there afterwards nobody knows
 * @dev: the device
 * @off: bytes
 * @bytes: how much
 *
 * Return: the write that it is, in flight.
 */
struct fake_write *fake_dev_begin_discard(struct fake_dev *dev, u64 off, u64 bytes)
{
	struct fake_write *write;
	void *data = vmalloc(bytes);

	memset(data, FAKE_DISCARDED, bytes);
	write = fake_dev_begin_write(dev, off, data, bytes);
	write->discard = true;
	vfree(data);
	return write;
}

/**
 * fake_dev_flushed() - what a flush does
 * @dev: the device
 * @r: its result
 */
void fake_dev_flushed(struct fake_dev *dev, int r)
{
	struct fake_write *write, *next;

	if (r && !dev->flush_loses && !dev->flush_hides)
		return;
	dev->losses += !!r;
	dev->version = ++fake_last_version;
	list_for_each_entry_safe(write, next, &dev->writes, list) {
		if (write->in_flight)
			continue;
		if (!r)
			fake_pages_write(dev, &dev->media, write->off,
					 write->data, write->bytes);
		fake_write_free(write);
	}
	if (dev->flush_hides)
		return;
	fake_pages_free(&dev->cache);
	list_for_each_entry(write, &dev->writes, list)
		fake_pages_write(dev, &dev->cache, write->off, write->data,
				 write->bytes);
}

/**
 * fake_dev_forced() - what FUA does: this write is durable, and no other
 * @dev: the device
 * @write: a write to it, which is done
 */
void fake_dev_forced(struct fake_dev *dev, struct fake_write *write)
{
	dev->version = ++fake_last_version;
	fake_pages_write(dev, &dev->media, write->off, write->data, write->bytes);
	/* An older one may yet become durable, and is not to go before it. */
	write->forced = true;
	if (dev->writes.next == &write->list)
		fake_write_free(write);
}

enum fake_crash_mode {
	FAKE_CRASH_NOTHING,	/* nothing that was not flushed survives */
	FAKE_CRASH_ALL,		/* all of it does */
	FAKE_CRASH_ATOMS,	/* any sector of it */
	FAKE_CRASH_WRITES,	/* whole writes, in any order */
	FAKE_CRASH_PREFIX,	/* writes up to one, and a part of that */
	FAKE_CRASH_BUT_ONE,	/* all but a part of one */
	FAKE_CRASH_ONLY_ONE,	/* one alone */
	FAKE_CRASH_MODES,
};

/* Does a sector of write number @i survive? */
static bool fake_crash_keeps(enum fake_crash_mode mode, u32 i, u32 chosen,
			     bool coin, struct rnd_state *rnd)
{
	switch (mode) {
	case FAKE_CRASH_NOTHING:
		return false;
	case FAKE_CRASH_ALL:
		return true;
	case FAKE_CRASH_ATOMS:
		return vk_rnd(rnd, 2);
	case FAKE_CRASH_WRITES:
		return coin;
	case FAKE_CRASH_PREFIX:
		return i < chosen || (i == chosen && vk_rnd(rnd, 8));
	case FAKE_CRASH_BUT_ONE:
		return i != chosen || (coin && vk_rnd(rnd, 2));
	default: /* FAKE_CRASH_ONLY_ONE */
		return i == chosen;
	}
}

/**
 * fake_dev_bare() - what a power cut right now leaves if no unflushed write survives
 * @dev: the device; must not change while the result is in use
 *
 * Return: a device of its own.
 */
struct fake_dev *fake_dev_bare(struct fake_dev *dev)
{
	struct fake_dev *crash = fake_dev_new(dev->bytes);

	crash->logical_bytes = dev->logical_bytes;
	crash->fill = dev->fill;
	crash->fill_off = dev->fill_off;
	crash->fill_end = dev->fill_end;
	crash->grown_off = dev->grown_off;
	crash->base = dev;
	return crash;
}

/**
 * fake_dev_crash() - what a power cut right now leaves
 * @dev: the device; must not change while the result is in use
 * @rnd: decides
 *
 * Return: a device of its own.
 */
struct fake_dev *fake_dev_crash(struct fake_dev *dev, struct rnd_state *rnd)
{
	enum fake_crash_mode mode = vk_rnd(rnd, FAKE_CRASH_MODES);
	struct fake_dev *crash = fake_dev_bare(dev);
	struct fake_write *write;
	u32 count = 0, chosen, i = 0;

	list_for_each_entry(write, &dev->writes, list)
		count++;
	chosen = count ? vk_rnd(rnd, count) : 0;
	list_for_each_entry(write, &dev->writes, list) {
		u64 atom = write->data ? FAKE_ATOM : SZ_4K, done, step;
		bool coin = vk_rnd(rnd, 2);

		for (done = 0; done < write->bytes; done += step) {
			step = min(atom, write->bytes - done);
			if (fake_crash_keeps(mode, i, chosen, coin, rnd) ||
			    write->forced)
				fake_dev_poke(crash, write->off + done,
					      write->data ? write->data + done :
							    NULL, step);
		}
		i++;
	}
	return crash;
}

/**
 * fake_dev_detach() - make a crash state outlive its origin
 * @crash: from fake_dev_crash()
 */
void fake_dev_detach(struct fake_dev *crash)
{
	struct fake_dev *dev;
	unsigned long index;
	void *page;

	for (dev = crash->base; dev; dev = dev->base)
		xa_for_each(&dev->media, index, page)
			fake_page_get(crash, &crash->media, index);
	crash->base = NULL;
}

/**
 * fake_dev_event() - an operation begins
 * @dev: the device
 * @op: what
 * @off: bytes
 * @bytes: bytes
 *
 * Return: 0, or a negative errno if it is to fail.
 */
int fake_dev_event(struct fake_dev *dev, enum fake_op op, u64 off, u64 bytes)
{
	bool fails = dev->fail_in[op] && !--dev->fail_in[op];

	might_sleep();
	if (off % dev->logical_bytes || bytes % dev->logical_bytes ||
	    off > dev->bytes || bytes > dev->bytes - off) {
		dev->misused++;
		fails = true;
	}
	if (!dev->events)
		dev->events = fake_alloc(FAKE_MAX_EVENTS *
					 sizeof(*dev->events));
	if (dev->nr_events < FAKE_MAX_EVENTS)
		dev->events[dev->nr_events] = (struct fake_event) {
			.op = op, .failed = fails, .off = off, .bytes = bytes,
		};
	dev->nr_events++;
	if (op != FAKE_READ && off < dev->bad_end && off + bytes > dev->bad_off)
		fails = true;
	return fails ? dev->fail_errno ?: -EIO : 0;
}

/**
 * fake_dev_no_space() - does a write ask for space that there is not?
 * @dev: the device
 * @off: bytes
 * @bytes: bytes
 *
 * Return: true if it is full and some of this was never written.
 */
bool fake_dev_no_space(struct fake_dev *dev, u64 off, u64 bytes)
{
	unsigned long index;

	if (!dev->full || !bytes)
		return false;
	for (index = off >> PAGE_SHIFT; index <= (off + bytes - 1) >> PAGE_SHIFT;
	     index++)
		if (!xa_load(&dev->cache, index) && !fake_media_page(dev, index))
			return true;
	return false;
}

/**
 * fake_dev_after() - an operation has ended
 * @dev: the device
 * @op: what
 * @off: bytes
 * @bytes: bytes
 * @r: its result
 */
void fake_dev_after(struct fake_dev *dev, enum fake_op op, u64 off, u64 bytes,
		    int r)
{
	const struct fake_event event = {
		.op = op, .failed = r, .off = off, .bytes = bytes,
	};

	if (dev->hook)
		dev->hook(dev, &event);
}

/**
 * fake_dev_forget() - start a new list of events
 * @dev: the device
 */
void fake_dev_forget(struct fake_dev *dev)
{
	dev->nr_events = 0;
}

/**
 * fake_dev_count() - how often something was asked of the device
 * @dev: the device
 * @op: what
 *
 * Return: how often since fake_dev_forget().
 */
unsigned int fake_dev_count(const struct fake_dev *dev, enum fake_op op)
{
	unsigned int i, count = 0;

	for (i = 0; i < dev->nr_events && i < FAKE_MAX_EVENTS; i++)
		count += dev->events[i].op == op;
	return count;
}
