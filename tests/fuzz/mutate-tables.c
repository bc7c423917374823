// SPDX-License-Identifier: GPL-2.0
/* Mutations of region tables and of metadata. */
#include <stdlib.h>

#include "mutate.h"

/* Both tables have entries of 32 bytes behind a head. */
#define TABLE_ENTRY	32
#define REGION_HEAD	16
#define META_HEAD	32
#define META_KNOWN	6

/**
 * struct table - a region table or metadata table at work
 * @off: where it is
 * @head: bytes before the first entry
 * @count_at: where the count is, and how wide
 * @count_bytes: see @count_at
 * @count: entries there seem to be, bounded
 */
struct table {
	u64 off;
	u32 head;
	u32 count_at;
	u32 count_bytes;
	u32 count;
};

static u64 table_entry(const struct table *table, u32 index)
{
	return table->off + table->head + (u64)index * TABLE_ENTRY;
}

static void table_set_count(struct mutator *m, struct table *table, u32 count)
{
	table->count = count;
	mutate_put(m, table->off + table->count_at, count, table->count_bytes);
}

static void table_copy_entry(struct mutator *m, const struct table *table,
			     u32 from, u32 to)
{
	u8 entry[TABLE_ENTRY];

	sparse_read(m->image, table_entry(table, from), entry, sizeof(entry));
	sparse_write(m->image, table_entry(table, to), entry, sizeof(entry));
}

/* Changes that make sense in both kinds of tables.  False: choose another. */
static bool table_mutate(struct mutator *m, struct table *table, u32 choice)
{
	u32 some = mutate_below(m, table->count ? table->count : 1);

	switch (choice) {
	case 0:		/* one less */
		if (!table->count)
			return false;
		table_copy_entry(m, table, table->count - 1, some);
		table_set_count(m, table, table->count - 1);
		return true;
	case 1:		/* one twice */
		if (table->count >= VHDX_REGION_MAX_ENTRIES)
			return false;
		table_copy_entry(m, table, some, table->count);
		table_set_count(m, table, table->count + 1);
		return true;
	case 2:
		mutate_put(m, table->off + table->count_at, mutate_number(m),
			   table->count_bytes);
		return true;
	case 3:		/* signature or reserved fields */
		mutate_put(m, table->off + mutate_below(m, table->head),
			   mutate_random(m), 1);
		return true;
	default:
		return false;
	}
}

/* A region that nobody knows, behind the end, which moves; or anywhere. */
static void region_add(struct mutator *m, struct table *table, u32 many)
{
	u64 off, length = SZ_1M;

	while (many-- && table->count < VHDX_REGION_MAX_ENTRIES) {
		u64 at = table_entry(table, table->count);

		off = (m->image->bytes + SZ_1M - 1) & ~(SZ_1M - 1ULL);
		if (off < 1ULL << 40 && mutate_below(m, 8)) {
			m->image->bytes = off + length;
		} else {
			off = mutate_place(m);
			length = mutate_number(m);
		}
		mutate_put(m, at, mutate_random(m), 8);
		mutate_put(m, at + 8, mutate_random(m), 8);
		mutate_put(m, at + 16, off, 8);
		mutate_put(m, at + 24, length, 4);
		mutate_put(m, at + 28, !mutate_below(m, 16), 4);
		table_set_count(m, table, table->count + 1);
	}
}

static void region_mutate(struct mutator *m, struct table *table)
{
	static const u8 field[][2] = {
		{ 0, 8 }, { 16, 8 }, { 16, 8 }, { 24, 4 }, { 24, 4 }, { 28, 4 },
	};
	u32 choice = mutate_below(m, 14), which;

	if (table_mutate(m, table, choice))
		return;
	if (choice < 6) {
		region_add(m, table, mutate_below(m, 16) ? 1 :
			   1U << mutate_below(m, 9));
		return;
	}
	which = mutate_below(m, sizeof(field) / sizeof(*field));
	mutate_put(m, table_entry(table, mutate_below(m, table->count + 1)) +
		   field[which][0], mutate_number(m), field[which][1]);
}

/**
 * mutate_tables() - change a region table
 * @m: the image
 */
void mutate_tables(struct mutator *m)
{
	int slot = mutate_below(m, 2);
	struct table table = {
		.off = VHDX_REGION_OFF(slot),
		.head = REGION_HEAD,
		.count_at = 8,
		.count_bytes = 4,
	};
	u8 *buf;

	table.count = min_t(u32, mutate_get32(m, table.off + 8),
			    VHDX_REGION_MAX_ENTRIES);
	if (mutate_below(m, 10))
		region_mutate(m, &table);
	if (mutate_below(m, 20))
		mutate_seal(m, table.off, VHDX_REGION_BYTES);
	if (!mutate_below(m, 2))
		return;
	buf = malloc(VHDX_REGION_BYTES);
	sparse_read(m->image, table.off, buf, VHDX_REGION_BYTES);
	sparse_write(m->image, VHDX_REGION_OFF(!slot), buf, VHDX_REGION_BYTES);
	free(buf);
}

/* Items, most often those of a user, behind all others. */
static void meta_add(struct mutator *m, struct table *table, u32 many)
{
	u32 length = 1 + mutate_below(m, 64), off = SZ_64K + SZ_4K;

	while (many-- && table->count < VHDX_META_MAX_ENTRIES) {
		u64 at = table_entry(table, table->count);
		u32 flags = mutate_below(m, 4) ? VHDX_META_IS_USER :
						 mutate_below(m, 8);

		if (mutate_below(m, 8)) {
			/* Where no other of its number is. */
			mutate_put(m, at + 16, off + 128 * table->count, 4);
			mutate_put(m, at + 20, length, 4);
		} else {
			mutate_put(m, at + 16, mutate_number(m), 4);
			mutate_put(m, at + 20, mutate_number(m), 4);
		}
		mutate_put(m, at, mutate_random(m), 8);
		mutate_put(m, at + 24, flags, 4);
		table_set_count(m, table, table->count + 1);
	}
}

/* What one of the known items says. */
static void meta_mutate_item(struct mutator *m, const struct table *table)
{
	static const u64 sizes[] = {
		0, 1, 511, 512, 513, 1024, 4096, 8192, SZ_1M, 2 * SZ_1M,
		256U << 20, 512U << 20, SZ_1M + 1, 3 * SZ_1M, 512U << 10,
		8 * SZ_1M, 8 * SZ_1M + 512, 9ULL << 30, 1ULL << 40, 1ULL << 46,
		(1ULL << 46) + 512, (1ULL << 46) - 512, ~0ULL,
	};
	u64 at = table_entry(table, mutate_below(m, table->count + 1));
	u64 item = m->meta_off + mutate_get32(m, at + 16);
	u64 value = sizes[mutate_below(m, sizeof(sizes) / sizeof(*sizes))];
	u32 length = mutate_get32(m, at + 20);

	/* A parent locator has fields of its own. */
	if (length > 32 && mutate_below(m, 4)) {
		mutate_put(m, item + 16 + mutate_below(m, min_t(u32, length, 512)),
			   mutate_below(m, 2) ?
			   mutate_below(m, 2 * min_t(u32, length, SZ_1M)) :
			   mutate_number(m), 2 << mutate_below(m, 2));
		return;
	}
	switch (mutate_below(m, 4)) {
	case 0:		/* the flags of the file parameters */
		mutate_put(m, item + 4, mutate_below(m, 8) ? mutate_below(m, 4) :
			   mutate_number(m), 4);
		break;
	case 1:
		value = mutate_number(m);
		fallthrough;
	default:
		mutate_put(m, item, value, length == 8 && mutate_below(m, 2) ?
			   8 : 4);
		break;
	}
}

/**
 * mutate_meta() - change the metadata
 * @m: the image
 */
void mutate_meta(struct mutator *m)
{
	static const u8 field[][2] = {
		{ 0, 8 }, { 16, 4 }, { 16, 4 }, { 20, 4 }, { 20, 4 }, { 24, 4 },
		{ 24, 1 }, { 28, 4 },
	};
	static const u8 incomplete[16] = {
		0xf0, 0x85, 0xcc, 0x71, 0x1b, 0x69, 0x28, 0x4e,
		0x95, 0x58, 0xc3, 0xbf, 0x83, 0xae, 0x75, 0xd3,
	};
	static const u8 locator[16] = {
		0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
		0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c,
	};
	struct table table = {
		.off = m->meta_off,
		.head = META_HEAD,
		.count_at = 10,
		.count_bytes = 2,
	};
	u32 choice = mutate_below(m, 20), which;
	u64 at;

	table.count = min_t(u32, mutate_get32(m, table.off + 8) >> 16,
			    VHDX_META_MAX_ENTRIES);
	if (table_mutate(m, &table, choice))
		return;
	if (choice < 6) {
		meta_add(m, &table, mutate_below(m, 12) ? 1 :
			 1U << mutate_below(m, 12));
		return;
	}
	at = table_entry(&table, mutate_below(m, table.count + 1));
	if (choice < 7) {
		sparse_write(m->image, at, mutate_below(m, 3) ? locator :
			     incomplete, 16);
	} else if (choice < 12) {
		which = mutate_below(m, sizeof(field) / sizeof(*field));
		mutate_put(m, at + field[which][0], mutate_number(m),
			   field[which][1]);
	} else {
		meta_mutate_item(m, &table);
	}
}
