/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shrinkers are allocated by the kernel since Linux 6.7, c42d50aefd17 ("mm:
 * shrinker: add infrastructure for dynamically allocating shrinker").  Before,
 * they were part of what they belong to.
 */
#ifndef VHDX_COMPAT_SHRINKER_ALLOC_H
#define VHDX_COMPAT_SHRINKER_ALLOC_H

#include <linux/shrinker.h>

#include "compat/have.h"

typedef unsigned long vhdx_shrink_fn(struct shrinker *shrinker,
				     struct shrink_control *control);

#ifdef VHDX_HAVE_SHRINKER_ALLOC
struct vhdx_shrinker {
	struct shrinker *shrinker;
};

static inline int vhdx_shrinker_init(struct vhdx_shrinker *s,
				     vhdx_shrink_fn *count, vhdx_shrink_fn *scan,
				     void *arg)
{
	s->shrinker = shrinker_alloc(0, "dm-vhdx");
	if (!s->shrinker)
		return -ENOMEM;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	s->shrinker->private_data = arg;
	shrinker_register(s->shrinker);
	return 0;
}

static inline void vhdx_shrinker_exit(struct vhdx_shrinker *s)
{
	if (s->shrinker)
		shrinker_free(s->shrinker);
	s->shrinker = NULL;
}

static inline void *vhdx_shrinker_arg(struct shrinker *shrinker)
{
	return shrinker->private_data;
}
#else
struct vhdx_shrinker {
	struct shrinker shrinker;
	void *arg;
};

static inline int vhdx_shrinker_init(struct vhdx_shrinker *s,
				     vhdx_shrink_fn *count, vhdx_shrink_fn *scan,
				     void *arg)
{
	int r;

	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	r = register_shrinker(&s->shrinker, "dm-vhdx");
	if (!r)
		s->arg = arg;
	return r;
}

static inline void vhdx_shrinker_exit(struct vhdx_shrinker *s)
{
	if (s->arg)
		unregister_shrinker(&s->shrinker);
	s->arg = NULL;
}

static inline void *vhdx_shrinker_arg(struct shrinker *shrinker)
{
	return container_of(shrinker, struct vhdx_shrinker, shrinker)->arg;
}
#endif

#endif /* VHDX_COMPAT_SHRINKER_ALLOC_H */
