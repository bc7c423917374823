// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "mutate.h"

/* splitmix64: any seed will do. */
u64 mutate_random(struct mutator *m)
{
	u64 x = m->random += 0x9e3779b97f4a7c15ULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

u32 mutate_below(struct mutator *m, u32 bound)
{
	return mutate_random(m) % bound;
}

/* Somewhere in the image where something is or ends. */
u64 mutate_place(struct mutator *m)
{
	u64 ends[] = {
		0, VHDX_HEADER_OFF(0), VHDX_REGION_OFF(0), VHDX_HEAD_BYTES,
		m->header.log_off, m->header.log_off + m->header.log_length,
		m->bat_off, m->bat_off + SZ_1M, m->meta_off,
		m->meta_off + m->meta_bytes, m->image->bytes,
		m->image->bytes - SZ_1M, m->image->bytes & ~(SZ_1M - 1ULL),
		(u64)mutate_below(m, (m->image->bytes >> 20 & 0xffff) + 2) << 20,
	};

	return ends[mutate_below(m, sizeof(ends) / sizeof(*ends))];
}

/* A number with a chance to be on some limit. */
u64 mutate_number(struct mutator *m)
{
	static const u64 limits[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 20, 32, 64, 126, 128, 254, 256,
		511, 512, 1023, 1024, 1025, 2046, 2047, 2048, 4095, 4096, 8192,
		SZ_64K, SZ_64K - 1, 192U << 10, 256U << 10, SZ_1M, 2 * SZ_1M,
		3 * SZ_1M, 128ULL << 20, 129ULL << 20, 256ULL << 20, 1ULL << 28,
		1ULL << 30, (1ULL << 30) + SZ_1M, (1ULL << 32) - SZ_1M,
		(1ULL << 32) - 4096, (1ULL << 32) - 1, 1ULL << 32, 1ULL << 44,
		1ULL << 46, 1ULL << 47, 1ULL << 48, 1ULL << 62, 1ULL << 63,
		~0ULL - SZ_1M + 1, ~0ULL - 4095, ~0ULL - 64, ~0ULL - 1, ~0ULL,
	};
	u64 value;

	switch (mutate_below(m, 8)) {
	case 0:
		return mutate_random(m) >> mutate_below(m, 64);
	case 1:
		return 1ULL << mutate_below(m, 64);
	case 2:
	case 3:
		value = mutate_place(m);
		break;
	default:
		value = limits[mutate_below(m, sizeof(limits) / sizeof(*limits))];
		break;
	}
	switch (mutate_below(m, 12)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value + VHDX_SECTOR;
	case 3:
		return value - SZ_1M;
	case 4:
		return value + SZ_1M;
	default:
		return value;
	}
}

u32 mutate_get32(const struct mutator *m, u64 off)
{
	__le32 le32;

	sparse_read(m->image, off, &le32, 4);
	return le32_to_cpu(le32);
}

void mutate_put(struct mutator *m, u64 off, u64 value, u32 bytes)
{
	__le64 le64 = cpu_to_le64(value);

	sparse_write(m->image, off, &le64, bytes);
}

/* Mend the checksum at byte 4, nearly always. */
void mutate_seal(struct mutator *m, u64 off, u32 bytes)
{
	u8 *buf = malloc(bytes);

	sparse_read(m->image, off, buf, bytes);
	mutate_put(m, off + 4, vhdx_checksum(buf, bytes) +
		   !mutate_below(m, 24), 4);
	free(buf);
}

/* Where are things?  Good guesses will do; the shared code is asked first. */
static void mutate_survey(struct mutator *m)
{
	u8 buf[2 * VHDX_HEADER_BYTES], *table;
	struct vhdx_region region;
	bool damaged;
	u32 count, i;
	int slot;

	memset(&m->header, 0, sizeof(m->header));
	sparse_read(m->image, VHDX_HEADER_OFF(0), buf, VHDX_HEADER_BYTES);
	sparse_read(m->image, VHDX_HEADER_OFF(1), buf + VHDX_HEADER_BYTES,
		    VHDX_HEADER_BYTES);
	if (vhdx_header_select(buf, buf + VHDX_HEADER_BYTES, &m->header, &slot,
			       &damaged) ||
	    !m->header.log_length || m->header.log_length % SZ_1M ||
	    m->header.log_length > 64 * SZ_1M || m->header.log_off >> 48) {
		m->header.log_off = SZ_1M;
		m->header.log_length = SZ_1M;
	}
	m->meta_off = 2 * SZ_1M;
	m->meta_bytes = SZ_1M;
	m->bat_off = 3 * SZ_1M;

	table = malloc(VHDX_REGION_BYTES);
	sparse_read(m->image, VHDX_REGION_OFF(0), table, VHDX_REGION_BYTES);
	if (!vhdx_region_table_valid(table))
		sparse_read(m->image, VHDX_REGION_OFF(1), table,
			    VHDX_REGION_BYTES);
	memcpy(&count, table + 8, 4);
	for (i = 0; i < count && i < VHDX_REGION_MAX_ENTRIES; i++) {
		vhdx_region_decode(table, i, &region);
		if (guid_equal(&region.guid, &vhdx_guid_bat_region))
			m->bat_off = region.off;
		if (guid_equal(&region.guid, &vhdx_guid_metadata_region)) {
			m->meta_off = region.off;
			m->meta_bytes = region.length;
		}
	}
	free(table);
}

/* Set or clear the LogGuid of both headers.  Returns whether it changed. */
bool mutate_dirty(struct mutator *m, bool dirty)
{
	static const guid_t log_guid = GUID_INIT(0x4f1bcd2e, 0x9a06, 0x4b2c,
			0x8d, 0x35, 0x3c, 0x1a, 0x6e, 0x7f, 0x9b, 0x50);
	static const guid_t zero;
	int slot;

	if (dirty == !guid_is_null(&m->header.log_guid))
		return false;
	m->header.log_guid = dirty ? log_guid : zero;
	for (slot = 0; slot < 2; slot++) {
		sparse_write(m->image, VHDX_HEADER_OFF(slot) + 48,
			     &m->header.log_guid, 16);
		mutate_seal(m, VHDX_HEADER_OFF(slot), VHDX_HEADER_BYTES);
	}
	return true;
}

static void mutate_header(struct mutator *m)
{
	static const struct {
		u16 off;
		u16 bytes;
	} fields[] = {
		{ 0, 4 }, { 4, 4 }, { 8, 8 }, { 8, 8 }, { 16, 8 }, { 32, 8 },
		{ 48, 8 }, { 64, 2 }, { 66, 2 }, { 68, 4 }, { 68, 4 }, { 72, 8 },
		{ 72, 8 }, { 80, 8 }, { 4088, 8 },
	};
	int slot = mutate_below(m, 2);
	u64 off = VHDX_HEADER_OFF(slot);
	u8 buf[VHDX_HEADER_BYTES];
	u32 field;

	switch (mutate_below(m, 8)) {
	case 0:		/* both alike */
		sparse_read(m->image, off, buf, sizeof(buf));
		sparse_write(m->image, VHDX_HEADER_OFF(!slot), buf, sizeof(buf));
		return;
	case 1:
		mutate_dirty(m, guid_is_null(&m->header.log_guid));
		return;
	case 2:		/* the numbers of both close together */
		sparse_read(m->image, VHDX_HEADER_OFF(!slot) + 8, buf, 8);
		sparse_write(m->image, off + 8, buf, 8);
		if (mutate_below(m, 4))
			mutate_put(m, off + 8, mutate_get32(m, off + 8) +
				   mutate_below(m, 3) - 1, 8);
		break;
	case 3:
		mutate_put(m, mutate_below(m, 8), mutate_random(m), 1);
		return;
	default:
		field = mutate_below(m, sizeof(fields) / sizeof(*fields));
		mutate_put(m, off + fields[field].off, mutate_number(m),
			   fields[field].bytes);
		if (fields[field].off == 4)
			return;
		break;
	}
	mutate_seal(m, off, VHDX_HEADER_BYTES);
}

/* A BAT entry that may well be good. */
u64 mutate_bat_raw(struct mutator *m)
{
	static const u8 states[] = { 0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 7 };
	u64 state = states[mutate_below(m, sizeof(states))];
	u64 mib;

	switch (mutate_below(m, 8)) {
	case 0:
		mib = mutate_number(m) >> 20;
		break;
	case 1:
		mib = mutate_number(m);
		break;
	case 2:
		mib = 0;
		break;
	default:
		mib = mutate_below(m, (m->image->bytes >> 20 & 0xffff) + 2);
		break;
	}
	if (!mutate_below(m, 32))
		state |= mutate_random(m) & 0xffff8;
	return mib << 20 | state;
}

static void mutate_bat(struct mutator *m)
{
	static const u32 near[] = { 0, 4096, 8193, 32768, 512, 128, 16, 255 };
	u32 times = 1 + mutate_below(m, 4) * mutate_below(m, 4), index;
	u8 raw[8];

	while (times--) {
		index = near[mutate_below(m, mutate_below(m, 2) ? 1 : 8)] +
			mutate_below(m, 10);
		if (mutate_below(m, 6)) {
			mutate_put(m, m->bat_off + index * 8ULL,
				   mutate_bat_raw(m), 8);
			continue;
		}
		/* The space of another. */
		sparse_read(m->image, m->bat_off + 8 * mutate_below(m, 9), raw, 8);
		sparse_write(m->image, m->bat_off + index * 8ULL, raw, 8);
	}
}

static void mutate_size(struct mutator *m)
{
	struct sparse *image = m->image;

	switch (mutate_below(m, 8)) {
	case 0:
		image->flags ^= 1 << mutate_below(m, 2);
		break;
	case 1:
		image->trouble = mutate_below(m, SPARSE_TROUBLES);
		image->trouble_at = 1 + mutate_below(m, 1 << mutate_below(m, 12));
		break;
	case 2:
		image->bytes = mutate_number(m);
		break;
	case 3:
		image->bytes = (u64)mutate_below(m, 64) << 20;
		break;
	case 4:
		image->bytes += (mutate_random(m) & 1) ? 512 : -512ULL;
		break;
	case 5:
		image->bytes = mutate_place(m);
		break;
	default:
		image->bytes += (u64)mutate_below(m, 9) * SZ_1M;
		image->trouble = SPARSE_FINE;
		break;
	}
	image->bytes &= ~(1ULL << 63);
}

/* Any field at all, with no idea what it means. */
static void mutate_raw(struct mutator *m)
{
	struct sparse_page **list;
	u32 width = 1 << mutate_below(m, 4), at;
	u64 off, log;

	if (!m->image->pages)
		return;
	list = sparse_sorted(m->image);
	off = list[mutate_below(m, m->image->pages)]->index * VHDX_SECTOR;
	free(list);
	/* Most that matters is at the start. */
	at = mutate_below(m, 1 << (5 + mutate_below(m, 8)));
	mutate_put(m, off + (at & ~(width - 1)), mutate_below(m, 2) ?
		   mutate_number(m) : mutate_random(m), width);

	log = off - m->header.log_off;
	if (off == VHDX_HEADER_OFF(0) || off == VHDX_HEADER_OFF(1))
		mutate_seal(m, off, VHDX_HEADER_BYTES);
	else if (off >= VHDX_REGION_OFF(0) && off < VHDX_REGION_OFF(2))
		mutate_seal(m, off & ~(SZ_64K - 1ULL), VHDX_REGION_BYTES);
	else if (log < m->header.log_length)
		mutate_log_seal(m, log);
}

static void mutate_once(struct mutator *m, enum mutate_part part)
{
	switch (part) {
	case MUTATE_HEADER:
		mutate_header(m);
		break;
	case MUTATE_REGION:
		mutate_tables(m);
		break;
	case MUTATE_META:
		mutate_meta(m);
		break;
	case MUTATE_BAT:
		mutate_bat(m);
		break;
	case MUTATE_LOG:
		mutate_log(m);
		break;
	case MUTATE_SIZE:
		mutate_size(m);
		break;
	case MUTATE_VHD:
		mutate_vhd(m);
		break;
	default:
		mutate_raw(m);
		break;
	}
}

/**
 * mutate() - change an image in one to some places
 * @image: the image
 * @seed: decides where and how
 * @focus: which parts how often
 */
void mutate(struct sparse *image, u64 seed, const mutate_focus focus)
{
	struct mutator m = { .image = image, .random = seed };
	u32 times = 1 + mutate_below(&m, 1 << mutate_below(&m, 4));
	u32 sum = 0, choice, part;

	for (part = 0; part < MUTATE_PARTS; part++)
		sum += focus[part];
	while (times--) {
		mutate_survey(&m);
		choice = mutate_below(&m, sum);
		for (part = 0; choice >= focus[part]; part++)
			choice -= focus[part];
		mutate_once(&m, part);
	}
}

/**
 * mutate_cross() - take a part of another image over
 * @image: the image
 * @other: the other one
 * @seed: decides which part
 */
void mutate_cross(struct sparse *image, const struct sparse *other, u64 seed)
{
	struct mutator m = { .image = image, .random = seed };
	u64 from, bytes = SZ_1M;
	u8 page[VHDX_SECTOR];

	mutate_survey(&m);
	switch (mutate_below(&m, 5)) {
	case 0:
		from = VHDX_HEADER_OFF(0);
		bytes = 2 * SZ_64K;
		break;
	case 1:
		from = VHDX_REGION_OFF(0);
		bytes = 2 * SZ_64K;
		break;
	case 2:
		from = m.header.log_off;
		break;
	case 3:
		from = m.meta_off;
		break;
	default:
		from = m.bat_off;
		break;
	}
	for (; bytes; bytes -= VHDX_SECTOR, from += VHDX_SECTOR) {
		sparse_read(other, from, page, sizeof(page));
		sparse_write(image, from, page, sizeof(page));
	}
}
