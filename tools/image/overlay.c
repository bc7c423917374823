// SPDX-License-Identifier: GPL-2.0
/*
 * A treap of disjoint ranges: one node per changed sector, one per range of
 * zeros however long.  A hostile log cannot make it use more memory than a
 * small multiple of its own size, nor make it slow.
 */
#include <stdlib.h>

#include "overlay.h"

/**
 * struct overlay_node - a changed range
 * @child: left (before) and right (behind)
 * @priority: that of a parent is not below that of its children
 * @zero: it reads zeros; otherwise it is one sector long
 * @off: start, in bytes from the start of the image
 * @end: end
 * @data: the sector's new contents
 */
struct overlay_node {
	struct overlay_node *child[2];
	u32 priority;
	bool zero;
	u64 off;
	u64 end;
	u8 data[];
};

/* Split @node into what starts before @off and what does not. */
static void overlay_split(struct overlay_node *node, u64 off,
			  struct overlay_node **left,
			  struct overlay_node **right)
{
	if (!node) {
		*left = *right = NULL;
	} else if (node->off < off) {
		*left = node;
		overlay_split(node->child[1], off, &node->child[1], right);
	} else {
		*right = node;
		overlay_split(node->child[0], off, left, &node->child[0]);
	}
}

/* Join two trees; all of @left lies before all of @right. */
static struct overlay_node *overlay_join(struct overlay_node *left,
					 struct overlay_node *right)
{
	if (!left)
		return right;
	if (!right)
		return left;
	if (left->priority >= right->priority) {
		left->child[1] = overlay_join(left->child[1], right);
		return left;
	}
	right->child[0] = overlay_join(left, right->child[0]);
	return right;
}

/* The first range that ends behind @off. */
static struct overlay_node *overlay_find(const struct overlay *overlay, u64 off)
{
	struct overlay_node *node = overlay->root, *found = NULL;

	while (node) {
		if (node->end > off) {
			found = node;
			node = node->child[0];
		} else {
			node = node->child[1];
		}
	}
	return found;
}

static int overlay_insert(struct overlay *overlay, u64 off, u64 end,
			  const void *data)
{
	struct overlay_node *node, *left, *right;

	node = malloc(sizeof(*node) + (data ? end - off : 0));
	if (!node)
		return -ENOMEM;
	node->child[0] = node->child[1] = NULL;
	node->priority = arc4random();	/* nothing that an image can foresee */
	node->zero = !data;
	node->off = off;
	node->end = end;
	if (data)
		memcpy(node->data, data, end - off);

	overlay_split(overlay->root, off, &left, &right);
	overlay->root = overlay_join(overlay_join(left, node), right);
	return 0;
}

static void overlay_remove(struct overlay *overlay, struct overlay_node *gone)
{
	struct overlay_node **link = &overlay->root;

	while (*link != gone)
		link = &(*link)->child[(*link)->off < gone->off];
	*link = overlay_join(gone->child[0], gone->child[1]);
	free(gone);
}

/*
 * Forget what is known of [@off, @end).  Everything is aligned to sectors, so
 * only ranges of zeros are ever cut.
 */
static int overlay_punch(struct overlay *overlay, u64 off, u64 end)
{
	struct overlay_node *node;
	u64 rest;

	for (;;) {
		node = overlay_find(overlay, off);
		if (!node || node->off >= end)
			return 0;
		if (node->off < off) {
			rest = node->end;
			node->end = off;
			if (rest > end)
				return overlay_insert(overlay, end, rest, NULL);
		} else if (node->end > end) {
			node->off = end;
		} else {
			overlay_remove(overlay, node);
		}
	}
}

/**
 * overlay_data() - a sector changes
 * @overlay: the overlay
 * @off: where, a multiple of 4096
 * @data: 4096 bytes
 *
 * Return: 0 or -ENOMEM.
 */
int overlay_data(struct overlay *overlay, u64 off, const void *data)
{
	int r = overlay_punch(overlay, off, off + VHDX_SECTOR);

	return r ? r : overlay_insert(overlay, off, off + VHDX_SECTOR, data);
}

/**
 * overlay_zero() - a range becomes zeros
 * @overlay: the overlay
 * @off: where, a multiple of 4096
 * @bytes: how much, a multiple of 4096
 *
 * Return: 0 or -ENOMEM.
 */
int overlay_zero(struct overlay *overlay, u64 off, u64 bytes)
{
	struct overlay_node *node;
	u64 end = off + bytes;
	int r;

	if (!bytes)
		return 0;
	r = overlay_punch(overlay, off, end);
	if (r)
		return r;
	/* Grow the range that ends here: many small ones take one node. */
	node = off ? overlay_find(overlay, off - 1) : NULL;
	if (node && node->zero && node->end == off) {
		node->end = end;
		return 0;
	}
	return overlay_insert(overlay, off, end, NULL);
}

/**
 * overlay_patch() - lay the changes over what was read
 * @overlay: the overlay
 * @off: where @buf was read from, any alignment
 * @buf: contents
 * @bytes: size of @buf
 */
void overlay_patch(const struct overlay *overlay, u64 off, void *buf, u32 bytes)
{
	u64 end = off + bytes, from = off, start, stop;
	struct overlay_node *node;

	while ((node = overlay_find(overlay, from)) && node->off < end) {
		start = max_t(u64, node->off, off);
		stop = min_t(u64, node->end, end);
		if (node->zero)
			memset((u8 *)buf + (start - off), 0, stop - start);
		else
			memcpy((u8 *)buf + (start - off),
			       node->data + (start - node->off), stop - start);
		from = stop;
		if (from >= end)
			return;
	}
}

/**
 * overlay_next() - the first change that ends behind some place
 * @overlay: the overlay
 * @off: the place, in bytes from the start of the image
 * @change: result
 *
 * Return: false if there is none.
 */
bool overlay_next(const struct overlay *overlay, u64 off,
		  struct overlay_change *change)
{
	const struct overlay_node *node = overlay_find(overlay, off);

	if (!node)
		return false;
	change->off = node->off;
	change->end = node->end;
	change->data = node->zero ? NULL : node->data;
	return true;
}

/**
 * overlay_end() - end of the last change
 * @overlay: the overlay
 *
 * Return: bytes from the start of the image; 0 without changes.
 */
u64 overlay_end(const struct overlay *overlay)
{
	const struct overlay_node *node = overlay->root;

	while (node && node->child[1])
		node = node->child[1];
	return node ? node->end : 0;
}

static void overlay_free_nodes(struct overlay_node *node)
{
	if (!node)
		return;
	overlay_free_nodes(node->child[0]);
	overlay_free_nodes(node->child[1]);
	free(node);
}

/**
 * overlay_free() - forget all changes
 * @overlay: the overlay
 */
void overlay_free(struct overlay *overlay)
{
	overlay_free_nodes(overlay->root);
	overlay->root = NULL;
}
