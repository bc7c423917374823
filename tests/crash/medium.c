// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "medium.h"
#include "stamp.h"

static u8 *medium_memory(u64 bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("out of memory");
	return p;
}

/**
 * medium_init() - start with a device as it was before the workload
 * @medium: result
 * @dir: where to make the ramdisk
 * @name: its name
 * @initial: what was on the device
 * @meta_bytes: where blocks begin
 */
void medium_init(struct medium *medium, const char *dir, const char *name,
		 const struct ramdisk *initial, u64 meta_bytes)
{
	u64 off, end = 0;

	memset(medium, 0, sizeof(*medium));
	medium->bytes = initial->bytes;
	medium->meta_bytes = meta_bytes;
	medium->base = medium_memory(medium->bytes);
	medium->state = medium_memory(medium->bytes);
	medium->meta = calloc(BITS_TO_LONGS(medium->bytes / PAGE), sizeof(long));
	medium->hot = calloc(BITS_TO_LONGS(medium->bytes / PAGE), sizeof(long));
	ramdisk_init(&medium->disk, dir, name, medium->bytes);
	ramdisk_attach(&medium->disk);
	for (;;) {
		off = ramdisk_next_data(initial, end, &end);
		if (off == initial->bytes)
			break;
		memcpy(medium->base + off, initial->map + off, end - off);
		memcpy(medium->state + off, initial->map + off, end - off);
		memcpy(medium->disk.map + off, initial->map + off, end - off);
		medium->dense = !off && end == initial->bytes;
	}
	bitmap_set(medium->meta, 0, meta_bytes / PAGE);
	bitmap_set(medium->hot, 0, meta_bytes / PAGE);
}

/**
 * medium_bitmap() - there may be a sector bitmap among the blocks
 * @medium: the medium
 * @mib: where
 */
void medium_bitmap(struct medium *medium, u32 mib)
{
	u32 pages = (1 << 20) / PAGE;

	bitmap_set(medium->meta, mib * pages, pages);
	bitmap_set(medium->hot, mib * pages, pages);
}

/**
 * medium_exit() - free it
 * @medium: the medium
 */
void medium_exit(struct medium *medium)
{
	munmap(medium->base, medium->bytes);
	munmap(medium->state, medium->bytes);
	ramdisk_exit(&medium->disk);
	free(medium->meta);
	free(medium->hot);
	free(medium->touched);
	free(medium->fua);
}

#define MEDIUM_DISCARDED	0xdd

static void medium_add(struct range **ranges, u32 *nr, u32 *max,
		       const struct trace_entry *entry)
{
	if (*nr == *max) {
		*max = 2 * *max + 16;
		*ranges = realloc(*ranges, *max * sizeof(**ranges));
		if (!*ranges)
			die("out of memory");
	}
	(*ranges)[(*nr)++] = (struct range){ entry->off, entry->bytes };
}

static bool medium_overlaps_fua(const struct medium *medium,
				const struct trace_entry *entry)
{
	u32 i;

	for (i = 0; i < medium->nr_fua; i++)
		if (medium->fua[i].off < entry->off + entry->bytes &&
		    entry->off < medium->fua[i].off + medium->fua[i].bytes)
			return true;
	return false;
}

/*
 * dm-log-writes logs a FUA write when it completes, and an ordinary one only
 * with the next flush: where both are for the same sector, their order is lost.
 * The stamps know it.
 */
static bool medium_is_older(const u8 *sector, const u8 *there)
{
	struct stamp new, old;

	return stamp_read(sector, &new) == STAMP_GOOD &&
	       stamp_read(there, &old) == STAMP_GOOD && new.lba == old.lba &&
	       new.gen < old.gen;
}

/* What a discard leaves nobody knows; nobody may see it. */
static void medium_discard(u8 *to, u8 *also, const struct trace_entry *entry,
			   struct dice *torn)
{
	u64 i;

	for (i = 0; i < entry->bytes; i += PAGE) {
		u64 at = entry->off + i;

		if (torn && dice_below(torn, 2))
			continue;
		memset(to + at, MEDIUM_DISCARDED, PAGE);
		if (also)
			memset(also + at, MEDIUM_DISCARDED, PAGE);
	}
}

static bool medium_is_discarded(const u8 *sector)
{
	return *sector == MEDIUM_DISCARDED &&
	       !memcmp(sector, sector + 1, SECTOR - 1);
}

/* Single sectors may have been written since a discard. */
static bool medium_page_is(const u8 *page, const u8 *other)
{
	u32 i;

	for (i = 0; i < PAGE; i += SECTOR)
		if (memcmp(page + i, other + i, SECTOR) &&
		    !medium_is_discarded(page + i))
			return false;
	return true;
}

static void medium_copy(struct medium *medium, u8 *to, u8 *also,
			const struct trace_entry *entry, struct dice *torn)
{
	bool check = !(entry->flags & TRACE_FUA) &&
		     medium_overlaps_fua(medium, entry);
	u64 i;

	if (entry->off + entry->bytes > medium->bytes)
		die("a write behind the end of the device");
	if (entry->flags & TRACE_DISCARD) {
		medium_discard(to, also, entry, torn);
		return;
	}
	if (!torn && !check) {
		memcpy(to + entry->off, entry->data, entry->bytes);
		if (also)
			memcpy(also + entry->off, entry->data, entry->bytes);
		return;
	}
	for (i = 0; i < entry->bytes; i += SECTOR) {
		u64 at = entry->off + i;

		if ((torn && dice_below(torn, 2)) ||
		    (check && medium_is_older(entry->data + i, to + at)))
			continue;
		memcpy(to + at, entry->data + i, SECTOR);
		if (also)
			memcpy(also + at, entry->data + i, SECTOR);
	}
}

static void medium_note_fua(struct medium *medium,
			    const struct trace_entry *entry)
{
	if (entry->flags & TRACE_FUA)
		medium_add(&medium->fua, &medium->nr_fua, &medium->max_fua,
			   entry);
}

/**
 * medium_advance() - a write is durable: it belongs to the base
 * @medium: the medium; state and disk are as the base
 * @entry: the write
 */
void medium_advance(struct medium *medium, const struct trace_entry *entry)
{
	medium_copy(medium, medium->base, NULL, entry, NULL);
	memcpy(medium->state + entry->off, medium->base + entry->off,
	       entry->bytes);
	memcpy(medium->disk.map + entry->off, medium->base + entry->off,
	       entry->bytes);
	bitmap_set(medium->hot, entry->off / PAGE,
		   (entry->off + entry->bytes - 1) / PAGE - entry->off / PAGE + 1);
	medium_note_fua(medium, entry);
}

/**
 * medium_segment() - a flush: nothing after it comes before it
 * @medium: the medium
 */
void medium_segment(struct medium *medium)
{
	medium->nr_fua = 0;
}

/**
 * medium_apply() - a write has reached the device, or parts of it
 * @medium: the medium
 * @entry: the write
 * @torn: decides for each sector; NULL: all of it
 */
void medium_apply(struct medium *medium, const struct trace_entry *entry,
		  struct dice *torn)
{
	medium_copy(medium, medium->state, medium->disk.map, entry, torn);
	medium_add(&medium->touched, &medium->nr_touched, &medium->max_touched,
		   entry);
	medium_note_fua(medium, entry);
}

/**
 * medium_apply_again() - ... while the state was being replayed
 * @medium: the medium
 * @entry: the write, to the disk but not to the state
 * @torn: decides for each sector; NULL: all of it
 */
void medium_apply_again(struct medium *medium, const struct trace_entry *entry,
			struct dice *torn)
{
	u64 page = entry->off / PAGE;
	u64 end = (entry->off + entry->bytes + PAGE - 1) / PAGE;

	if (find_next_zero_bit(medium->meta, end, page) < end)
		die("a replay writes to %llu, which is no metadata",
		    (unsigned long long)entry->off);
	medium_copy(medium, medium->disk.map, NULL, entry, torn);
}

/**
 * medium_reset() - back to the base
 * @medium: the medium; the disk is as the state
 */
void medium_reset(struct medium *medium)
{
	while (medium->nr_touched) {
		const struct range *t = &medium->touched[--medium->nr_touched];

		memcpy(medium->state + t->off, medium->base + t->off, t->bytes);
		memcpy(medium->disk.map + t->off, medium->base + t->off,
		       t->bytes);
	}
}

static bool medium_next_hot(const struct medium *medium, u64 *page, bool all)
{
	u64 limit = medium->bytes / PAGE;

	*page = find_next_bit(all ? medium->hot : medium->meta, limit, *page);
	return *page < limit;
}

static void medium_restore_page(struct medium *medium, u64 off)
{
	if (memcmp(medium->disk.map + off, medium->state + off, PAGE))
		memcpy(medium->disk.map + off, medium->state + off, PAGE);
}

/**
 * medium_restore() - make the disk what the state is
 * @medium: the medium
 * @all: payload may have been written as well
 */
void medium_restore(struct medium *medium, bool all)
{
	u64 limit = all ? medium->bytes : medium->meta_bytes;
	u64 off, page = 0, end = 0;

	/* Where there was data there may be a hole now: zeroing makes some. */
	if (all && medium->dense)
		for (off = 0; off < limit; off += PAGE)
			medium_restore_page(medium, off);
	for (; medium_next_hot(medium, &page, all); page++)
		medium_restore_page(medium, page * PAGE);
	/* The other way round; but looking at a hole would fill it. */
	while (!medium->dense) {
		off = ramdisk_next_data(&medium->disk, end, &end);
		if (off >= limit)
			break;
		for (; off < min_t(u64, end, limit); off += PAGE)
			medium_restore_page(medium, off);
	}
}

/**
 * medium_unchanged() - is the disk still as the state?
 * @medium: the medium
 * @all: look at payload as well
 * @off: result: first page that is not
 *
 * Return: true if it is.
 */
bool medium_unchanged(const struct medium *medium, bool all, u64 *off)
{
	u64 page;

	for (page = 0; medium_next_hot(medium, &page, all); page++)
		if (memcmp(medium->disk.map + page * PAGE,
			   medium->state + page * PAGE, PAGE)) {
			*off = page * PAGE;
			return false;
		}
	return true;
}

/**
 * medium_is() - is the base what was on another disk?
 * @medium: the medium
 * @disk: the other
 * @off: result: first page that differs
 *
 * Return: true if it is.
 */
bool medium_is(const struct medium *medium, const struct ramdisk *disk, u64 *off)
{
	u64 page;

	for (page = 0; medium_next_hot(medium, &page, true); page++)
		if (!medium_page_is(medium->base + page * PAGE,
				    disk->map + page * PAGE)) {
			*off = page * PAGE;
			return false;
		}
	return true;
}
