// SPDX-License-Identifier: GPL-2.0
/*
 * Power is cut: what is durable is there, and any of the writes since then.
 *
 * If there are at most six of those, each set of them is tried; of more, some are
 * chosen at random.  Two states that are alike, of which the same may be expected,
 * are looked at once.
 */
#include "small.h"

#define SMALL_ALL_SETS		6
#define SMALL_SOME_SETS		8
/* One in so many, if there are many writes; and of replays, which are alike. */
#define SMALL_SOME_CUTS		8
#define SMALL_SOME_REPLAYS	64
#define SMALL_TORN		2
#define SMALL_WRITES		1024

/* ------------------------------------------------------------------------
 * What was seen before
 */
static u64 *small_seen;
static u64 small_seen_size, small_seen_used;

static bool small_seen_add(u64 *table, u64 size, u64 key)
{
	u64 at = key & (size - 1);

	for (; table[at]; at = (at + 1) & (size - 1))
		if (table[at] == key)
			return false;
	table[at] = key;
	return true;
}

static void small_seen_grow(void)
{
	u64 size = small_seen_size ? small_seen_size * 2 : 1 << 16, i;
	u64 *table = calloc(size, sizeof(*table));

	for (i = 0; i < small_seen_size; i++)
		if (small_seen[i])
			small_seen_add(table, size, small_seen[i]);
	free(small_seen);
	small_seen = table;
	small_seen_size = size;
}

static bool small_is_new(u64 key)
{
	key = key ?: 1;
	if (small_seen_used * 2 >= small_seen_size)
		small_seen_grow();
	if (!small_seen_add(small_seen, small_seen_size, key))
		return false;
	small_seen_used++;
	return true;
}

/**
 * small_cut_exit() - forget what was seen
 */
void small_cut_exit(void)
{
	free(small_seen);
	small_seen = NULL;
	small_seen_size = 0;
	small_seen_used = 0;
}

static u64 small_mix(u64 h)
{
	h = (h ^ h >> 31) * 0x9e3779b97f4a7c15ULL;
	return h ^ h >> 29;
}

static u64 small_hash(const void *data, size_t bytes)
{
	u64 lane[4] = { 1, 2, 3, 4 };
	const u64 *words = data;
	size_t i, w;

	for (i = 0; i < bytes / sizeof(u64); i += 4)
		for (w = 0; w < 4; w++)
			lane[w] = (lane[w] ^ words[i + w]) *
				  0xbf58476d1ce4e5b9ULL + (lane[w] >> 32);
	return small_mix(lane[0] + small_mix(lane[1] + small_mix(lane[2] +
			 small_mix(lane[3]))));
}

/* Of a page and where it is. */
static u64 small_hash_page(unsigned long index, const void *page)
{
	static u64 zeros;

	if (!zeros)
		zeros = small_hash(sim_zero_page, PAGE_SIZE);
	return small_mix((page == sim_zero_page ? zeros :
			  small_hash(page, PAGE_SIZE)) + index);
}

/**
 * struct small_base - what a state's hash is reckoned from
 * @dev: what is durable there ...
 * @cached: ... in this version of it ...
 * @hash: ... has this one
 * @version: of the book
 * @book: hash of what may be expected
 */
struct small_base {
	struct fake_dev *dev;
	u64 cached;
	u64 hash;
	u64 version;
	u64 book;
};

static u64 small_hash_media(struct fake_dev *dev)
{
	unsigned long index;
	u64 hash = 0;
	void *page;

	xa_for_each(&dev->media, index, page)
		hash += small_hash_page(index, page);
	return hash;
}

/* What has not changed since the last cut is not reckoned again. */
static const struct small_base *small_base(struct small_test *t,
					   struct fake_dev *dev)
{
	static struct small_base bases[2];
	struct small_base *base = &bases[t->replaying];

	if (base->dev != dev || base->cached != dev->version) {
		base->dev = dev;
		base->cached = dev->version;
		base->hash = small_hash_media(dev);
	}
	if (base->version != t->book.version) {
		base->version = t->book.version;
		base->book = small_hash(t->book.crash, sizeof(t->book.crash));
	}
	return base;
}

static u64 small_hash_state(const struct small_base *base,
			    struct fake_dev *crash)
{
	u64 hash = base->hash;
	unsigned long index;
	void *page, *old;

	xa_for_each(&crash->media, index, page) {
		old = xa_load(&base->dev->media, index);
		if (old)
			hash -= small_hash_page(index, old);
		hash += small_hash_page(index, page);
	}
	return small_mix(hash) + base->book;
}

/* ------------------------------------------------------------------------
 * States
 */
static void small_keep(struct fake_dev *crash, const struct fake_write *write,
		       u64 from, u64 to)
{
	fake_dev_poke(crash, write->off + from,
		      write->data ? write->data + from : NULL, to - from);
}

/* Judges @crash and frees it. */
static void small_state(struct small_test *t, const struct small_base *base,
			struct fake_dev *crash)
{
	t->stats.built++;
	if (small_is_new(small_hash_state(base, crash))) {
		t->stats.states++;
		small_judge(t, crash);
	}
	fake_dev_free(crash);
}

/* The writes of a set survive. */
static void small_set(struct small_test *t, const struct small_base *base,
		      struct fake_write **writes, u32 count, const bool *kept)
{
	struct fake_dev *crash = fake_dev_bare(base->dev);
	u32 i;

	for (i = 0; i < count; i++)
		if (kept[i] || writes[i]->forced)
			small_keep(crash, writes[i], 0, writes[i]->bytes);
	small_state(t, base, crash);
}

static void small_all_sets(struct small_test *t, const struct small_base *base,
			   struct fake_write **writes, u32 count)
{
	bool kept[SMALL_ALL_SETS] = { };
	u32 set, i;

	for (set = 0; set < 1U << count; set++) {
		for (i = 0; i < count; i++)
			kept[i] = set >> i & 1;
		small_set(t, base, writes, count, kept);
	}
}

/* None, all, all up to one, one alone, all but one, any. */
static void small_some_sets(struct small_test *t, const struct small_base *base,
			    struct fake_write **writes, u32 count)
{
	static bool kept[SMALL_WRITES];
	u32 set, i, chosen;

	for (set = 0; set < SMALL_SOME_SETS; set++) {
		chosen = vk_rnd(&t->rnd, count);
		for (i = 0; i < count; i++)
			switch (set < 2 ? set : 2 + set % 4) {
			case 0:
				kept[i] = false;
				break;
			case 1:
				kept[i] = true;
				break;
			case 2:
				kept[i] = i <= chosen;
				break;
			case 3:
				kept[i] = i == chosen;
				break;
			case 4:
				kept[i] = i != chosen;
				break;
			default:
				kept[i] = vk_rnd(&t->rnd, 2);
			}
		small_set(t, base, writes, count, kept);
	}
}

/* Of one write some sectors survive, of the others each or none. */
static void small_torn(struct small_test *t, const struct small_base *base,
		       struct fake_write **writes, u32 count)
{
	struct fake_dev *crash = fake_dev_bare(base->dev);
	u32 chosen = vk_rnd(&t->rnd, count), i;
	bool prefix = vk_rnd(&t->rnd, 2);
	u64 at, end;

	for (i = 0; i < count; i++) {
		end = writes[i]->bytes;
		if (i != chosen || writes[i]->forced) {
			if (writes[i]->forced || vk_rnd(&t->rnd, 2))
				small_keep(crash, writes[i], 0, end);
			continue;
		}
		if (prefix) {
			at = vk_rnd(&t->rnd, end >> SECTOR_SHIFT);
			small_keep(crash, writes[i], 0, at << SECTOR_SHIFT);
			continue;
		}
		for (at = 0; at < end; at += SECTOR_SIZE)
			if (vk_rnd(&t->rnd, 2))
				small_keep(crash, writes[i], at,
					   at + SECTOR_SIZE);
	}
	small_state(t, base, crash);
}

/**
 * small_cut() - look at what a cut right now may leave
 * @t: the test
 * @dev: the device
 */
void small_cut(struct small_test *t, struct fake_dev *dev)
{
	static struct fake_write *all[2][SMALL_WRITES];
	struct fake_write **writes = all[t->replaying];
	const struct small_base *base;
	struct fake_write *write;
	u32 count = 0, i;

	if (!t->judging || t->failures)
		return;
	list_for_each_entry(write, &dev->writes, list) {
		if (count == SMALL_WRITES)
			sim_die("too many writes");
		writes[count++] = write;
	}
	if (count > SMALL_ALL_SETS &&
	    vk_rnd(&t->rnd, t->replaying ? SMALL_SOME_REPLAYS : SMALL_SOME_CUTS))
		return;
	t->stats.cuts++;
	base = small_base(t, dev);
	if (count <= SMALL_ALL_SETS)
		small_all_sets(t, base, writes, count);
	else
		small_some_sets(t, base, writes, count);
	for (i = 0; count && i < SMALL_TORN; i++)
		small_torn(t, base, writes, count);
}
