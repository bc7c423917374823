/* SPDX-License-Identifier: GPL-2.0 */
/* Memory: a page is where its contents are. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "sim/base.h"
#include "sim/lock.h"

#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)

#define __GFP_RECLAIM		0x01U
#define __GFP_IO		0x02U
#define __GFP_ZERO		0x04U
#define __GFP_NOFAIL		0x08U
#define __GFP_NOWARN		0x10U
#define __GFP_NORETRY		0x20U
#define __GFP_RETRY_MAYFAIL	0x40U
#define __GFP_COMP		0x80U
#define __GFP_HIGHMEM		0x100U
#define GFP_NOWAIT		0U
#define GFP_ATOMIC		0U
#define GFP_NOIO		__GFP_RECLAIM
#define GFP_KERNEL		(__GFP_RECLAIM | __GFP_IO)

#define gfpflags_allow_blocking(gfp) (!!((gfp) & __GFP_RECLAIM))

void *sim_alloc(size_t bytes, gfp_t gfp);
void kvfree(const void *p);
#define kfree			kvfree
#define vfree			kvfree
#define kmalloc(n, gfp)		sim_alloc(n, gfp)
#define kzalloc(n, gfp)		sim_alloc(n, (gfp) | __GFP_ZERO)
#define kvmalloc		kmalloc
#define kvzalloc		kzalloc
#define __vmalloc		kmalloc
#define vmalloc(n)		sim_alloc(n, GFP_KERNEL)
#define vzalloc(n)		sim_alloc(n, GFP_KERNEL | __GFP_ZERO)
#define kmalloc_array(n, size, gfp) sim_alloc_array(n, size, gfp)
#define kcalloc(n, size, gfp)	sim_alloc_array(n, size, (gfp) | __GFP_ZERO)
#define kvmalloc_array		kmalloc_array
#define kvcalloc		kcalloc
void *sim_alloc_array(size_t n, size_t size, gfp_t gfp);
void *krealloc(const void *p, size_t bytes, gfp_t gfp);
#define krealloc_array(p, n, size, gfp) krealloc(p, (size_t)(n) * (size), gfp)
void *kmemdup(const void *p, size_t bytes, gfp_t gfp);
#define is_vmalloc_addr(p)	((void)(p), false)
#define vmalloc_to_page		virt_to_page

struct page;

struct page *alloc_pages(gfp_t gfp, unsigned int order);
void __free_pages(struct page *page, unsigned int order);
unsigned int compound_order(struct page *page);
#define __get_free_page(gfp)	((unsigned long)alloc_pages(gfp, 0))
#define free_page(addr)		__free_pages((struct page *)(addr), 0)
#define page_address(page)	((void *)(page))
#define virt_to_page(p)		((struct page *)((unsigned long)(p) & PAGE_MASK))

static inline unsigned int get_order(unsigned long bytes)
{
	return bytes <= PAGE_SIZE ? 0 : ilog2((bytes - 1) >> PAGE_SHIFT) + 1;
}

extern u8 sim_zero_page[PAGE_SIZE];
#define ZERO_PAGE(addr)		((struct page *)sim_zero_page)
#define empty_zero_page		sim_zero_page

#define invalidate_kernel_vmap_range(p, n) ((void)(p), (void)(n))
#define flush_kernel_vmap_range(p, n)	((void)(p), (void)(n))

typedef struct {
	int min_nr;
	size_t bytes;
} mempool_t;

int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t bytes);
int mempool_init_page_pool(mempool_t *pool, int min_nr, int order);
void mempool_exit(mempool_t *pool);
void *mempool_alloc(mempool_t *pool, gfp_t gfp);
void mempool_free(void *element, mempool_t *pool);

struct shrink_control {
	unsigned long nr_to_scan;
};

struct shrinker {
	unsigned long (*count_objects)(struct shrinker *s,
				       struct shrink_control *control);
	unsigned long (*scan_objects)(struct shrinker *s,
				      struct shrink_control *control);
	void *private_data;
};

#define SHRINK_STOP		(~0UL)
#define SHRINK_EMPTY		(~0UL - 1)
struct shrinker *shrinker_alloc(unsigned int flags, const char *name);
#define shrinker_register(s)	((void)(s))
void shrinker_free(struct shrinker *s);

#endif /* SIM_MEMORY_H */
