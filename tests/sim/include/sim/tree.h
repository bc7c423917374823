/* SPDX-License-Identifier: GPL-2.0 */
/* XArrays and trees of ranges. */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "sim/lock.h"
#include "sim/memory.h"

struct sim_xa_node;

struct xarray {
	spinlock_t xa_lock;
	struct sim_xa_node *root;
	unsigned int levels;
};

#define XA_PRESENT		8U
typedef unsigned int xa_mark_t;

void xa_init(struct xarray *xa);
void *xa_load(struct xarray *xa, unsigned long index);
void *__xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp);
void *__xa_erase(struct xarray *xa, unsigned long index);
void *xa_erase(struct xarray *xa, unsigned long index);
void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t mark);
void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t mark);
void xa_destroy(struct xarray *xa);
bool xa_empty(struct xarray *xa);
#define xa_is_err(p)		IS_ERR(p)
#define xa_err(p)		(IS_ERR(p) ? (int)PTR_ERR(p) : 0)
#define xa_lock(xa)		spin_lock(&(xa)->xa_lock)
#define xa_unlock(xa)		spin_unlock(&(xa)->xa_lock)

#define xa_for_each_range(xa, index, entry, start, last) \
	for ((index) = (start), (entry) = xa_find(xa, &(index), last, XA_PRESENT); \
	     (entry); (entry) = xa_find_after(xa, &(index), last, XA_PRESENT))
#define xa_for_each(xa, index, entry) \
	xa_for_each_range(xa, index, entry, 0, ULONG_MAX)

struct rb_node {
	struct rb_node *rb_parent, *rb_left, *rb_right;
};

struct rb_root {
	struct rb_node *rb_node;
};

#define RB_ROOT			(struct rb_root){ NULL }
#define RB_EMPTY_ROOT(root)	(!(root)->rb_node)
#define rb_entry(ptr, type, member) container_of(ptr, type, member)
#define rb_entry_safe(ptr, type, member) \
	({ struct rb_node *rb_p = (ptr); \
	   rb_p ? container_of(rb_p, type, member) : NULL; })

static inline void rb_link_node(struct rb_node *node, struct rb_node *parent,
				struct rb_node **link)
{
	*node = (struct rb_node){ .rb_parent = parent };
	*link = node;
}

/* It stays as it grows: the order is what counts. */
#define rb_insert_color(node, root) ((void)(node), (void)(root))
void rb_erase(struct rb_node *node, struct rb_root *root);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
struct rb_node *rb_first_postorder(const struct rb_root *root);
struct rb_node *rb_next_postorder(const struct rb_node *node);
#define rbtree_postorder_for_each_entry_safe(pos, n, root, member) \
	for ((pos) = rb_entry_safe(rb_first_postorder(root), \
				   __typeof__(*(pos)), member); \
	     (pos) && ({ (n) = rb_entry_safe(rb_next_postorder(&(pos)->member), \
					     __typeof__(*(pos)), member); 1; }); \
	     (pos) = (n))

#endif /* SIM_TREE_H */
