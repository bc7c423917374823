// SPDX-License-Identifier: GPL-2.0
/*
 * The changes of a dirty log, in memory.
 *
 * Changes come oldest first.  Sectors with data go before zero ranges: so
 * adding data needs no look at the ranges, and adding a range drops the data
 * beneath it.  Ranges are kept disjoint by merging; a descriptor costs 32 bytes
 * of log and at most one node here, however large its range.
 */
#include <linux/slab.h>

#include "dm-vhdx.h"

struct vhdx_zero_range {
	struct rb_node node;
	u64 start;		/* in units of 4 KiB */
	u64 end;
};

#define vhdx_zero_entry(n) rb_entry(n, struct vhdx_zero_range, node)

/**
 * vhdx_overlay_init() - start with no changes
 * @overlay: the overlay
 *
 * Context: any.
 */
void vhdx_overlay_init(struct vhdx_overlay *overlay)
{
	xa_init(&overlay->data);
	overlay->zero = RB_ROOT;
	overlay->payload = false;
}

/**
 * vhdx_overlay_clear() - forget all changes
 * @overlay: the overlay
 *
 * Context: may sleep; nobody else uses @overlay.
 */
void vhdx_overlay_clear(struct vhdx_overlay *overlay)
{
	struct vhdx_zero_range *range, *next;
	unsigned long index;
	void *data;

	xa_for_each(&overlay->data, index, data) {
		kfree(data);
		cond_resched();
	}
	xa_destroy(&overlay->data);
	rbtree_postorder_for_each_entry_safe(range, next, &overlay->zero, node) {
		kfree(range);
		cond_resched();
	}
	vhdx_overlay_init(overlay);
}

/**
 * vhdx_overlay_add_data() - a sector gets new contents
 * @overlay: the overlay
 * @off: bytes from the start of the image, a multiple of 4 KiB
 * @data: 4 KiB, copied
 *
 * Context: may sleep; nobody else uses @overlay.
 * Return: 0 or -ENOMEM.
 */
int vhdx_overlay_add_data(struct vhdx_overlay *overlay, u64 off,
			  const void *data)
{
	unsigned long index = off / VHDX_SECTOR;
	void *copy = xa_load(&overlay->data, index);

	if (copy) {
		memcpy(copy, data, VHDX_SECTOR);
		return 0;
	}
	copy = kmemdup(data, VHDX_SECTOR, VHDX_LOAD_GFP);
	if (!copy)
		return -ENOMEM;
	if (xa_is_err(xa_store(&overlay->data, index, copy,
			       VHDX_LOAD_GFP))) {
		kfree(copy);
		return -ENOMEM;
	}
	return 0;
}

/* The first range that ends at @start or later, or NULL. */
static struct vhdx_zero_range *vhdx_zero_first(struct vhdx_overlay *overlay,
					       u64 start)
{
	struct rb_node *node = overlay->zero.rb_node;
	struct vhdx_zero_range *found = NULL;

	while (node) {
		struct vhdx_zero_range *range = vhdx_zero_entry(node);

		if (range->end < start) {
			node = node->rb_right;
		} else {
			found = range;
			node = node->rb_left;
		}
	}
	return found;
}

static void vhdx_zero_insert(struct vhdx_overlay *overlay,
			     struct vhdx_zero_range *new)
{
	struct rb_node **link = &overlay->zero.rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		link = new->start < vhdx_zero_entry(parent)->start ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&new->node, parent, link);
	rb_insert_color(&new->node, &overlay->zero);
}

/**
 * vhdx_overlay_add_zero() - a range becomes zeros
 * @overlay: the overlay
 * @off: bytes from the start of the image, a multiple of 4 KiB
 * @bytes: a multiple of 4 KiB, not 0
 *
 * Context: may sleep; nobody else uses @overlay.
 * Return: 0 or -ENOMEM.
 */
int vhdx_overlay_add_zero(struct vhdx_overlay *overlay, u64 off, u64 bytes)
{
	struct vhdx_zero_range *new, *range;
	unsigned long index;
	void *data;

	new = kmalloc(sizeof(*new), VHDX_LOAD_GFP);
	if (!new)
		return -ENOMEM;
	new->start = off / VHDX_SECTOR;
	new->end = (off + bytes) / VHDX_SECTOR;

	xa_for_each_range(&overlay->data, index, data, new->start,
			  new->end - 1) {
		xa_erase(&overlay->data, index);
		kfree(data);
		cond_resched();
	}

	while ((range = vhdx_zero_first(overlay, new->start)) &&
	       range->start <= new->end) {
		new->start = min(new->start, range->start);
		new->end = max(new->end, range->end);
		rb_erase(&range->node, &overlay->zero);
		kfree(range);
	}
	vhdx_zero_insert(overlay, new);
	return 0;
}

/**
 * vhdx_overlay_sector() - look one sector up
 * @overlay: the overlay
 * @off: bytes from the start of the image, a multiple of 4 KiB
 * @data: result: its 4 KiB; NULL for zeros
 *
 * Context: any; @overlay does not change meanwhile.
 * Return: true if the log changed it.
 */
bool vhdx_overlay_sector(struct vhdx_overlay *overlay, u64 off,
			 const void **data)
{
	u64 index = off / VHDX_SECTOR;
	struct vhdx_zero_range *range;

	*data = xa_load(&overlay->data, index);
	if (*data)
		return true;
	range = vhdx_zero_first(overlay, index + 1);
	return range && range->start <= index;
}

/**
 * vhdx_overlay_patch() - apply the changes to what was read from the device
 * @overlay: the overlay
 * @off: bytes from the start of the image, a multiple of 4 KiB
 * @buf: what was read there
 * @bytes: how much, a multiple of 4 KiB
 *
 * Context: may sleep; @overlay does not change meanwhile.
 */
void vhdx_overlay_patch(struct vhdx_overlay *overlay, u64 off, void *buf,
			u32 bytes)
{
	u64 first = off / VHDX_SECTOR, end = first + bytes / VHDX_SECTOR;
	struct vhdx_zero_range *range = vhdx_zero_first(overlay, first + 1);
	unsigned long index;
	void *data;

	while (range && range->start < end) {
		u64 from = max(range->start, first), to = min(range->end, end);
		struct rb_node *next = rb_next(&range->node);

		memset(buf + (from - first) * VHDX_SECTOR, 0,
		       (to - from) * VHDX_SECTOR);
		range = next ? vhdx_zero_entry(next) : NULL;
	}
	xa_for_each_range(&overlay->data, index, data, first, end - 1)
		memcpy(buf + (index - first) * VHDX_SECTOR, data, VHDX_SECTOR);
}

/* So many sectors are written at once; a signal is looked for in between. */
#define VHDX_OVERLAY_BATCH	256

static int vhdx_overlay_write_zero(struct vhdx_overlay *overlay,
				   struct vhdx_backing *backing)
{
	struct rb_node *node;
	int r = 0;

	for (node = rb_first(&overlay->zero); node && !r; node = rb_next(node)) {
		struct vhdx_zero_range *range = vhdx_zero_entry(node);

		r = vhdx_io_zero(backing, range->start * VHDX_SECTOR,
				 (range->end - range->start) * VHDX_SECTOR,
				 true);
	}
	return r;
}

/* The sectors from *@index on, as many as make a batch. */
static int vhdx_overlay_write_batch(struct vhdx_overlay *overlay,
				    struct vhdx_backing *backing,
				    unsigned long *index)
{
	struct vhdx_io_batch batch;
	struct blk_plug plug;
	unsigned int count = 0;
	void *data;

	vhdx_io_batch_init(&batch);
	blk_start_plug(&plug);
	for (data = xa_find(&overlay->data, index, ULONG_MAX, XA_PRESENT); data;
	     data = xa_find_after(&overlay->data, index, ULONG_MAX,
				  XA_PRESENT)) {
		if (count++ == VHDX_OVERLAY_BATCH)
			break;
		vhdx_io_batch_write(&batch, backing, (u64)*index * VHDX_SECTOR,
				    data, VHDX_SECTOR);
	}
	if (!data)
		*index = ULONG_MAX;
	blk_finish_plug(&plug);
	return vhdx_io_batch_wait(&batch);
}

/**
 * vhdx_overlay_write() - put the changes where they belong
 * @overlay: the overlay
 * @backing: backing device
 *
 * Nothing is durable before the next flush, and the order of the writes does
 * not matter: the log is still there, and replays to the same.  Only the zeroes
 * come before the data, which goes before them.
 *
 * Context: may sleep; a fatal signal ends it.
 * Return: 0 or a negative errno.
 */
int vhdx_overlay_write(struct vhdx_overlay *overlay,
		       struct vhdx_backing *backing)
{
	unsigned long index = 0;
	int r = vhdx_overlay_write_zero(overlay, backing);

	while (!r && index != ULONG_MAX) {
		r = vhdx_overlay_write_batch(overlay, backing, &index);
		if (!r && fatal_signal_pending(current))
			r = -EINTR;
		cond_resched();
	}
	return r;
}
