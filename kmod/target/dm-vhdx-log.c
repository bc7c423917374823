// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: writing the log
 *
 * A metadata sector takes three steps: it is *staged* (copied into a slot and
 * into the entry being built), *logged* (the entry is written, then made
 * durable by a flush) and *applied* (written to its final place, then made
 * durable there by another flush).  Only then may the space of its entry be
 * used again.  What must be durable before what:
 *
 * - Applying a sector waits for the flush that made its entry durable: else a
 *   crash could leave it in place without the entry's other sectors.
 * - An entry's Tail passes an older entry only after the flush that followed
 *   the older one's application: else replay would skip changes that were lost.
 * - Log space is written over only when an entry whose Tail lies behind it is
 *   durable: else the newest durable entry's Tail points to what is destroyed,
 *   and the image has no valid sequence.
 *
 * So that this costs no flush of its own, application rides on the flush of
 * the next entry: once half of the log or of the slots is in use,
 * vhdx_log_write() first writes the older (durable) sectors to their places,
 * then the new entry, and one flush makes both durable.  The entry after that
 * carries the new Tail, and its flush frees the space.  Only when the log is
 * too full for this to work, vhdx_log_checkpoint() does it all at once; one
 * sector of the log is kept back for the empty entry which it needs to
 * advance the Tail, and one stays free always (MS-VHDX 2.3.1).
 *
 * A slot holds the newest contents that were *logged*, never newer in-core
 * state: what is applied must be in a durable entry.
 */
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "dm-vhdx.h"
#include "dm-vhdx-trace.h"

#define VHDX_LOG_ENTRY_BYTES	((1 + VHDX_LOG_FIRST_DESCS) * VHDX_SECTOR)

/* Space that an entry must leave: for an empty entry, and never used. */
#define VHDX_LOG_RESERVE	(2 * VHDX_SECTOR)

static u32 vhdx_log_length(const struct vhdx_log *log)
{
	return log->image->layout.header.log_length;
}

/**
 * vhdx_log_create() - allocate what the log will need
 * @log: the log, all zeros
 * @image: whose log; need not be loaded yet
 *
 * Nothing is allocated later on, so that commits need no memory.
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM; call vhdx_log_destroy() in both cases.
 */
int vhdx_log_create(struct vhdx_log *log, struct vhdx_image *image)
{
	u32 i;

	log->image = image;
	INIT_LIST_HEAD(&log->free);
	INIT_LIST_HEAD(&log->used);
	hash_init(log->hash);
	log->entry = vmalloc(VHDX_LOG_ENTRY_BYTES);
	log->slots = kvcalloc(VHDX_LOG_SLOTS, sizeof(*log->slots), GFP_KERNEL);
	if (!log->entry || !log->slots)
		return -ENOMEM;
	for (i = 0; i < VHDX_LOG_SLOTS; i++) {
		struct vhdx_log_slot *slot = &log->slots[i];

		slot->data = kmalloc(VHDX_SECTOR, GFP_KERNEL);
		if (!slot->data)
			return -ENOMEM;
		list_add(&slot->list, &log->free);
	}
	log->nr_free = VHDX_LOG_SLOTS;
	return 0;
}

/**
 * vhdx_log_destroy() - undo vhdx_log_create()
 * @log: the log; creating it may have failed
 *
 * Context: may sleep.
 */
void vhdx_log_destroy(struct vhdx_log *log)
{
	u32 i;

	for (i = 0; log->slots && i < VHDX_LOG_SLOTS; i++)
		kfree(log->slots[i].data);
	kvfree(log->slots);
	vfree(log->entry);
}

static void vhdx_log_free_slot(struct vhdx_log *log, struct vhdx_log_slot *slot)
{
	hash_del(&slot->hash);
	list_move(&slot->list, &log->free);
	log->nr_free++;
}

/* Write the entry being built at write_pos.  There must be room. */
static int vhdx_log_write_entry(struct vhdx_log *log)
{
	struct vhdx_image *image = log->image;
	u32 log_length = vhdx_log_length(log), off, tail, length, first;
	u64 log_off = image->layout.header.log_off;
	int r;

	div_u64_rem(log->write_pos, log_length, &off);
	div_u64_rem(log->tail_pos, log_length, &tail);
	length = vhdx_log_entry_seal(log->entry, &image->layout.header,
				     log->sequence, tail,
				     (u64)READ_ONCE(image->space.end) << 20);
	first = min(length, log_length - off);
	r = vhdx_image_write(image, log_off + off, log->entry, first);
	if (!r && first < length)
		r = vhdx_image_write(image, log_off, log->entry + first,
				     length - first);
	if (r)
		return r;
	log->sequence++;
	log->write_pos += length;
	log->logged_tail_pos = log->tail_pos;
	log->entry_sectors = 0;
	vhdx_log_entry_init(log->entry);
	return 0;
}

/**
 * vhdx_log_open() - begin a new log
 * @log: the log; the image's header has the new LogGuid, but only in core
 *
 * Writes an empty entry and makes it durable: with it, the header that names
 * the new GUID can be written, and a crash right after that finds a valid
 * sequence (MS-VHDX 2.3.2).
 *
 * Context: may sleep; opening the session.
 * Return: 0 or a negative errno.
 */
int vhdx_log_open(struct vhdx_log *log)
{
	struct vhdx_log_slot *slot, *next;

	list_for_each_entry_safe(slot, next, &log->used, list)
		vhdx_log_free_slot(log, slot);
	WRITE_ONCE(log->opened, log->opened + 1);
	log->sequence = 1;
	log->write_pos = 0;
	log->durable_pos = 0;
	log->applied_pos = 0;
	log->tail_pos = 0;
	log->logged_tail_pos = 0;
	log->durable_tail_pos = 0;
	log->entry_sectors = 0;
	vhdx_log_entry_init(log->entry);
	return vhdx_log_write_entry(log) ?: vhdx_log_flush(log);
}

static int vhdx_log_write_slots(struct vhdx_log *log)
{
	struct vhdx_log_slot *slot;
	struct vhdx_io_batch batch;
	struct blk_plug plug;

	vhdx_io_batch_init(&batch);
	blk_start_plug(&plug);
	list_for_each_entry(slot, &log->used, list)
		if (slot->pos >= log->applied_pos && slot->pos < log->durable_pos)
			vhdx_io_batch_write(&batch, &log->image->backing,
					    slot->off, slot->data,
					    VHDX_SECTOR);
	blk_finish_plug(&plug);
	return vhdx_io_batch_wait(&batch);
}

/* Write all logged sectors to their places.  All entries must be durable. */
static int vhdx_log_apply(struct vhdx_log *log)
{
	bool lacked = false;
	int r;

	do {
		r = vhdx_log_write_slots(log);
	} while (vhdx_image_lacks_space(log->image, r, &lacked));
	if (!r)
		log->applied_pos = log->durable_pos;
	return r;
}

/**
 * vhdx_log_flush() - make durable all that was written
 * @log: the log
 *
 * Entries written become durable, and what was applied; also the data that
 * guests have written before.
 *
 * Context: may sleep; commit work, or suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_log_flush(struct vhdx_log *log)
{
	struct vhdx_log_slot *slot, *next;
	int r = vhdx_image_flush(log->image);

	if (r)
		return r;
	log->durable_pos = log->write_pos;
	log->durable_tail_pos = log->logged_tail_pos;
	if (log->tail_pos == log->applied_pos)
		return 0;
	WRITE_ONCE(log->tail_pos, log->applied_pos);
	list_for_each_entry_safe(slot, next, &log->used, list)
		if (slot->pos < log->tail_pos)
			vhdx_log_free_slot(log, slot);
	return 0;
}

static u64 vhdx_log_room(const struct vhdx_log *log)
{
	return vhdx_log_length(log) - (log->write_pos - log->durable_tail_pos);
}

/**
 * vhdx_log_checkpoint() - apply all that was logged, and empty the log
 * @log: the log; no entry is being built
 *
 * Context: may sleep; commit work, or suspended.
 * Return: 0 or a negative errno.
 */
int vhdx_log_checkpoint(struct vhdx_log *log)
{
	int r = 0;

	log->checkpoints++;
	if (log->durable_pos != log->write_pos)
		r = vhdx_log_flush(log);
	if (!r && log->applied_pos != log->durable_pos)
		r = vhdx_log_apply(log);
	if (!r && log->tail_pos != log->applied_pos)
		r = vhdx_log_flush(log);
	/* An empty entry whose Tail is itself frees everything before it. */
	if (!r)
		r = vhdx_log_write_entry(log);
	if (!r)
		r = vhdx_log_flush(log);
	trace_vhdx_checkpoint(log->image->backing.bdev, r);
	return r;
}

/**
 * vhdx_log_make_room() - be ready for one more entry
 * @log: the log; no entry is being built
 * @sectors: data sectors the entry may have, at most VHDX_LOG_FIRST_DESCS
 *
 * Afterwards vhdx_log_stage() and vhdx_log_write() find what they need.
 *
 * Context: may sleep; commit work.
 * Return: 0 or a negative errno.
 */
int vhdx_log_make_room(struct vhdx_log *log, u32 sectors)
{
	u64 bytes = (1 + (u64)sectors) * VHDX_SECTOR + VHDX_LOG_RESERVE;
	int r;

	if ((vhdx_log_room(log) < vhdx_log_length(log) / 2 ||
	     log->nr_free < VHDX_LOG_SLOTS / 2) &&
	    log->durable_pos == log->write_pos &&
	    log->applied_pos != log->durable_pos) {
		r = vhdx_log_apply(log);
		if (r)
			return r;
	}
	if (vhdx_log_room(log) < bytes || log->nr_free < sectors)
		return vhdx_log_checkpoint(log);
	return 0;
}

/**
 * vhdx_log_stage() - add a metadata sector to the entry being built
 * @log: the log; vhdx_log_make_room() came before the entry's first sector
 * @off: bytes from the start of the image, a multiple of 4 KiB; not staged in
 *       this entry yet
 *
 * Context: commit work.
 * Return: 4 KiB for the caller to fill before vhdx_log_write().
 */
void *vhdx_log_stage(struct vhdx_log *log, u64 off)
{
	struct vhdx_log_slot *slot;

	log->entry_sectors++;
	hash_for_each_possible(log->hash, slot, hash, off / VHDX_SECTOR)
		if (slot->off == off)
			goto found;
	slot = list_first_entry(&log->free, struct vhdx_log_slot, list);
	log->nr_free--;
	slot->off = off;
	hash_add(log->hash, &slot->hash, off / VHDX_SECTOR);
found:
	/* The entry's sectors stand together at the end of the list. */
	list_move_tail(&slot->list, &log->used);
	slot->pos = log->write_pos;
	return slot->data;
}

/**
 * vhdx_log_write() - write the entry being built
 * @log: the log, with at least one sector staged
 *
 * Durable only after vhdx_log_flush().
 *
 * Context: may sleep; commit work.
 * Return: 0 or a negative errno.
 */
int vhdx_log_write(struct vhdx_log *log)
{
	struct vhdx_log_slot *slot;
	u32 left = log->entry_sectors;

	list_for_each_entry_reverse(slot, &log->used, list) {
		if (!left--)
			break;
		vhdx_log_entry_add(log->entry, slot->off, slot->data);
	}
	return vhdx_log_write_entry(log);
}
