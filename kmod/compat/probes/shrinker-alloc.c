// SPDX-License-Identifier: GPL-2.0
/*
 * Linux 6.7, c42d50aefd17 ("mm: shrinker: add infrastructure for dynamically
 * allocating shrinker")
 */
#include <linux/shrinker.h>

struct shrinker *probe(void);
struct shrinker *probe(void)
{
	return shrinker_alloc(0, "probe");
}
