// SPDX-License-Identifier: GPL-2.0
/* XArrays, trees, sorting. */
#include "sim/list.h"
#include "sim/tree.h"

#define SIM_XA_SHIFT		6
#define SIM_XA_SLOTS		(1U << SIM_XA_SHIFT)

struct sim_xa_node {
	void *slots[SIM_XA_SLOTS];
};

void xa_init(struct xarray *xa)
{
	memset(xa, 0, sizeof(*xa));
}

/* Does @index lie in what the levels there are can hold? */
static bool sim_xa_covers(const struct xarray *xa, unsigned long index)
{
	unsigned int shift = xa->levels * SIM_XA_SHIFT;

	return xa->root && (shift >= BITS_PER_LONG || !(index >> shift));
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	struct sim_xa_node *node = xa->root;
	unsigned int level;

	if (!sim_xa_covers(xa, index))
		return NULL;
	for (level = xa->levels; node && level > 1; level--)
		node = node->slots[index >> (level - 1) * SIM_XA_SHIFT &
				   (SIM_XA_SLOTS - 1)];
	return node ? node->slots[index & (SIM_XA_SLOTS - 1)] : NULL;
}

static struct sim_xa_node *sim_xa_node_new(void)
{
	return kzalloc(sizeof(struct sim_xa_node), GFP_NOWAIT);
}

/* The slot for @index, made if need be. */
static void **sim_xa_slot(struct xarray *xa, unsigned long index)
{
	struct sim_xa_node *node;
	unsigned int level;
	void **slot;

	while (!sim_xa_covers(xa, index)) {
		node = sim_xa_node_new();
		node->slots[0] = xa->root;
		xa->root = node;
		xa->levels++;
	}
	node = xa->root;
	for (level = xa->levels; level > 1; level--) {
		slot = &node->slots[index >> (level - 1) * SIM_XA_SHIFT &
				    (SIM_XA_SLOTS - 1)];
		if (!*slot)
			*slot = sim_xa_node_new();
		node = *slot;
	}
	return &node->slots[index & (SIM_XA_SLOTS - 1)];
}

void *__xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	void **slot, *old;

	if (!entry && !xa_load(xa, index))
		return NULL;
	slot = sim_xa_slot(xa, index);
	old = *slot;
	*slot = entry;
	return old;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	void *old;

	xa_lock(xa);
	old = __xa_store(xa, index, entry, gfp);
	xa_unlock(xa);
	return old;
}

void *__xa_erase(struct xarray *xa, unsigned long index)
{
	if (!xa->xa_lock.held)
		sim_die("__xa_erase() without the lock");
	return __xa_store(xa, index, NULL, GFP_NOWAIT);
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	return xa_store(xa, index, NULL, GFP_NOWAIT);
}

/* The first entry from *@index on below @node, whose first index is @first. */
static void *sim_xa_first(struct sim_xa_node *node, unsigned int level,
			  unsigned long first, unsigned long *index)
{
	unsigned int shift = (level - 1) * SIM_XA_SHIFT;
	unsigned int i = *index > first ? (*index - first) >> shift : 0;
	void *entry;

	for (; i < SIM_XA_SLOTS; i++) {
		unsigned long at = first + ((unsigned long)i << shift);

		if (!node->slots[i])
			continue;
		if (level == 1) {
			*index = at;
			return node->slots[i];
		}
		entry = sim_xa_first(node->slots[i], level - 1, at, index);
		if (entry)
			return entry;
	}
	return NULL;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t mark)
{
	unsigned long at = *index;
	void *entry;

	if (!sim_xa_covers(xa, at))
		return NULL;
	entry = sim_xa_first(xa->root, xa->levels, 0, &at);
	if (!entry || at > max)
		return NULL;
	*index = at;
	return entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t mark)
{
	unsigned long at = *index + 1;
	void *entry;

	if (!at)
		return NULL;
	entry = xa_find(xa, &at, max, mark);
	if (entry)
		*index = at;
	return entry;
}

static void sim_xa_free(struct sim_xa_node *node, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > 1 && i < SIM_XA_SLOTS; i++)
		if (node->slots[i])
			sim_xa_free(node->slots[i], level - 1);
	kfree(node);
}

void xa_destroy(struct xarray *xa)
{
	if (xa->root)
		sim_xa_free(xa->root, xa->levels);
	xa_init(xa);
}

bool xa_empty(struct xarray *xa)
{
	unsigned long index = 0;

	return !xa_find(xa, &index, ULONG_MAX, XA_PRESENT);
}

/* ------------------------------------------------------------------------
 * Trees
 */
static void sim_rb_replace(struct rb_root *root, struct rb_node *old,
			   struct rb_node *new)
{
	struct rb_node *parent = old->rb_parent;

	if (!parent)
		root->rb_node = new;
	else if (parent->rb_left == old)
		parent->rb_left = new;
	else
		parent->rb_right = new;
	if (new)
		new->rb_parent = parent;
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *next;

	if (!node->rb_left || !node->rb_right) {
		sim_rb_replace(root, node, node->rb_left ?: node->rb_right);
		return;
	}
	next = rb_next(node);
	sim_rb_replace(root, next, next->rb_right);
	next->rb_left = node->rb_left;
	next->rb_right = node->rb_right;
	if (next->rb_left)
		next->rb_left->rb_parent = next;
	if (next->rb_right)
		next->rb_right->rb_parent = next;
	sim_rb_replace(root, node, next);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_left)
		node = node->rb_left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->rb_node;

	while (node && node->rb_right)
		node = node->rb_right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	const struct rb_root right = { node->rb_right };

	if (node->rb_right)
		return rb_first(&right);
	while (node->rb_parent && node->rb_parent->rb_right == node)
		node = node->rb_parent;
	return node->rb_parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	const struct rb_root left = { node->rb_left };

	if (node->rb_left)
		return rb_last(&left);
	while (node->rb_parent && node->rb_parent->rb_left == node)
		node = node->rb_parent;
	return node->rb_parent;
}

static struct rb_node *sim_rb_deepest(struct rb_node *node)
{
	while (node && (node->rb_left || node->rb_right))
		node = node->rb_left ?: node->rb_right;
	return node;
}

struct rb_node *rb_first_postorder(const struct rb_root *root)
{
	return sim_rb_deepest(root->rb_node);
}

struct rb_node *rb_next_postorder(const struct rb_node *node)
{
	struct rb_node *parent = node->rb_parent;

	if (parent && parent->rb_left == node && parent->rb_right)
		return sim_rb_deepest(parent->rb_right);
	return parent;
}

/* ------------------------------------------------------------------------
 * Sorting
 */
void list_sort(void *priv, struct list_head *head, list_cmp_func_t cmp)
{
	struct list_head sorted, *entry, *at;

	INIT_LIST_HEAD(&sorted);
	while (!list_empty(head)) {
		entry = head->next;
		for (at = sorted.prev; at != &sorted; at = at->prev)
			if (cmp(priv, at, entry) <= 0)
				break;
		list_move(entry, at);
	}
	list_splice(&sorted, head);
}

void sort(void *base, size_t num, size_t size,
	  int (*cmp)(const void *a, const void *b),
	  void (*swap_func)(void *a, void *b, int size))
{
	qsort(base, num, size, cmp);
}
