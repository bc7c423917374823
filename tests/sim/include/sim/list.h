/* SPDX-License-Identifier: GPL-2.0 */
/* Lists, and hash tables of them. */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include "sim/base.h"

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD_INIT(name)	{ &(name), &(name) }
#define LIST_HEAD(name)		struct list_head name = LIST_HEAD_INIT(name)

/* What was taken out must not be used again. */
#define LIST_POISON		((void *)0x100UL)

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void sim_list_link(struct list_head *entry,
				 struct list_head *prev, struct list_head *next)
{
	if (prev->next != next || next->prev != prev || entry == prev ||
	    entry == next)
		sim_die("a list is broken");
	entry->prev = prev;
	entry->next = next;
	prev->next = entry;
	next->prev = entry;
}

static inline void list_add(struct list_head *entry, struct list_head *head)
{
	sim_list_link(entry, head, head->next);
}

static inline void list_add_tail(struct list_head *entry,
				 struct list_head *head)
{
	sim_list_link(entry, head->prev, head);
}

static inline void sim_list_unlink(struct list_head *entry)
{
	if (entry->next == LIST_POISON || entry->next->prev != entry ||
	    entry->prev->next != entry)
		sim_die("not in a list");
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
}

static inline void list_del(struct list_head *entry)
{
	sim_list_unlink(entry);
	entry->next = LIST_POISON;
	entry->prev = LIST_POISON;
}

static inline void list_del_init(struct list_head *entry)
{
	sim_list_unlink(entry);
	INIT_LIST_HEAD(entry);
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_empty_careful	list_empty

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	sim_list_unlink(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *entry,
				  struct list_head *head)
{
	sim_list_unlink(entry);
	list_add_tail(entry, head);
}

static inline void sim_list_splice(struct list_head *from,
				   struct list_head *prev,
				   struct list_head *next)
{
	if (list_empty(from))
		return;
	from->next->prev = prev;
	prev->next = from->next;
	from->prev->next = next;
	next->prev = from->prev;
}

static inline void list_splice(struct list_head *from, struct list_head *head)
{
	sim_list_splice(from, head, head->next);
}

static inline void list_splice_init(struct list_head *from,
				    struct list_head *head)
{
	list_splice(from, head);
	INIT_LIST_HEAD(from);
}

static inline void list_splice_tail_init(struct list_head *from,
					 struct list_head *head)
{
	sim_list_splice(from, head->prev, head);
	INIT_LIST_HEAD(from);
}

#define list_entry(ptr, type, member)	container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_last_entry(head, type, member) \
	list_entry((head)->prev, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_next_entry(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_prev_entry(pos, member) \
	list_entry((pos)->member.prev, __typeof__(*(pos)), member)

#define list_for_each_entry_from(pos, head, member) \
	for (; &(pos)->member != (head); (pos) = list_next_entry(pos, member))
#define list_for_each_entry(pos, head, member) \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); (pos) = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member) \
	for ((pos) = list_last_entry(head, __typeof__(*(pos)), member); \
	     &(pos)->member != (head); (pos) = list_prev_entry(pos, member))
#define list_for_each_entry_safe(pos, n, head, member) \
	for ((pos) = list_first_entry(head, __typeof__(*(pos)), member), \
	     (n) = list_next_entry(pos, member); \
	     &(pos)->member != (head); \
	     (pos) = (n), (n) = list_next_entry(n, member))
#define list_for_each_entry_continue(pos, head, member) \
	for ((pos) = list_next_entry(pos, member); &(pos)->member != (head); \
	     (pos) = list_next_entry(pos, member))

typedef int (*list_cmp_func_t)(void *priv, const struct list_head *a,
			       const struct list_head *b);
void list_sort(void *priv, struct list_head *head, list_cmp_func_t cmp);
void sort(void *base, size_t num, size_t size,
	  int (*cmp)(const void *a, const void *b),
	  void (*swap_func)(void *a, void *b, int size));

/* ------------------------------------------------------------------------
 * Hash tables
 */
struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

static inline void hlist_add_head(struct hlist_node *node,
				  struct hlist_head *head)
{
	node->next = head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}

static inline bool hlist_unhashed(const struct hlist_node *node)
{
	return !node->pprev;
}

static inline void INIT_HLIST_NODE(struct hlist_node *node)
{
	node->next = NULL;
	node->pprev = NULL;
}

static inline void hash_del(struct hlist_node *node)
{
	if (hlist_unhashed(node))
		return;
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
	INIT_HLIST_NODE(node);
}

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define hash_init(table)		memset(table, 0, sizeof(table))
#define sim_hash(table, key) \
	(&(table)[(u64)(key) * 0x61c8864680b583ebULL >> 32 & \
		  (ARRAY_SIZE(table) - 1)])
#define hash_add(table, node, key) \
	hlist_add_head(node, sim_hash(table, key))
#define sim_hlist_entry(ptr, type, member) \
	({ struct hlist_node *hl_p = (ptr); \
	   hl_p ? container_of(hl_p, type, member) : NULL; })
#define hash_for_each_possible(table, obj, member, key) \
	for ((obj) = sim_hlist_entry(sim_hash(table, key)->first, \
				     __typeof__(*(obj)), member); \
	     (obj); \
	     (obj) = sim_hlist_entry((obj)->member.next, __typeof__(*(obj)), \
				     member))

#endif /* SIM_LIST_H */
