// SPDX-License-Identifier: GPL-2.0
/* vhdx-header.c: identifier, the pair of headers, its judgement. */
#include "fuzz.h"

const mutate_focus fuzz_focus = {
	[MUTATE_HEADER] = 6, [MUTATE_SIZE] = 1, [MUTATE_RAW] = 1,
};

/* CRC-32C with nothing clever about it. */
static u32 slow_checksum(const u8 *buf, u32 bytes)
{
	static u32 table[256];
	u32 crc, i, bit;

	for (i = 0; !table[255] && i < 256; i++) {
		for (crc = i, bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		table[i] = crc;
	}
	for (crc = ~0U, i = 0; i < bytes; i++)
		crc = crc >> 8 ^ table[(crc ^ (i / 4 == 1 ? 0 : buf[i])) & 255];
	return ~crc;
}

static void same_header(const struct vhdx_header *a, const struct vhdx_header *b)
{
	MUST(a->sequence == b->sequence && a->version == b->version &&
	     a->log_version == b->log_version && a->log_off == b->log_off &&
	     a->log_length == b->log_length &&
	     guid_equal(&a->file_write_guid, &b->file_write_guid) &&
	     guid_equal(&a->data_write_guid, &b->data_write_guid) &&
	     guid_equal(&a->log_guid, &b->log_guid));
}

static bool decode(const u8 *buf, struct vhdx_header *header)
{
	u8 again[VHDX_HEADER_BYTES];
	struct vhdx_header copy;
	__le32 stored;
	bool valid;
	u32 i;

	memcpy(&stored, buf + 4, 4);
	valid = !memcmp(buf, "head", 4) &&
		le32_to_cpu(stored) == slow_checksum(buf, VHDX_HEADER_BYTES);
	MUST(vhdx_header_decode(buf, header) == valid);
	if (!valid)
		return false;

	vhdx_header_encode(header, again);
	MUST(vhdx_header_decode(again, &copy));
	same_header(header, &copy);
	/* All but the reserved bytes, and the checksum of those. */
	MUST(!memcmp(buf + 8, again + 8, 72));
	for (i = 80; i < VHDX_HEADER_BYTES; i++)
		MUST(!again[i]);
	return true;
}

static void check_judgement(const struct vhdx_header *header, u64 bytes)
{
	int r = vhdx_header_check(header, bytes), w;
	bool dirty = !guid_is_null(&header->log_guid);

	must_be_result(r);
	MUST(r >= 0);
	if (r)
		return;
	MUST(header->version == 1 && !(dirty && header->log_version));
	MUST(!dirty || header->log_length);
	if (header->log_length) {
		MUST(header->log_off >= SZ_1M && header->log_off % SZ_1M == 0);
		MUST(header->log_length % SZ_1M == 0);
		MUST(header->log_length <= 1U << 30);
		MUST(header->log_off <= bytes &&
		     header->log_length <= bytes - header->log_off);
	}
	/* What fits stays good on a larger device. */
	MUST(!vhdx_header_check(header, ~0ULL));
	w = vhdx_header_check_writable(header);
	MUST(w == 0 || w == VHDX_FAULT_HEADER_SEQ_MAX ||
	     w == VHDX_FAULT_LOG_NONE);
	if (!w)
		MUST(header->sequence + 64 > header->sequence &&
		     header->log_length);
}

static void check_pair(const u8 *first, const u8 *second, u64 bytes)
{
	struct vhdx_header h[2], current, swapped;
	int slot = -1, swapped_slot = -1, r, s;
	bool damaged, swapped_damaged;
	bool valid[2] = { decode(first, &h[0]), decode(second, &h[1]) };

	r = vhdx_header_select(first, second, &current, &slot, &damaged);
	s = vhdx_header_select(second, first, &swapped, &swapped_slot,
			       &swapped_damaged);
	/* It does not matter which comes first. */
	MUST(r == s);
	if (!valid[0] && !valid[1]) {
		MUST(r == VHDX_FAULT_NO_HEADER);
		return;
	}
	if (r) {
		MUST(r == VHDX_FAULT_HEADER_TIE && valid[0] && valid[1]);
		MUST(h[0].sequence == h[1].sequence);
		MUST(memcmp(first, second, VHDX_HEADER_BYTES));
		return;
	}
	MUST(slot == 0 || slot == 1);
	MUST(valid[slot] && damaged == !valid[!slot] &&
	     damaged == swapped_damaged);
	same_header(&current, &h[slot]);
	same_header(&current, &swapped);
	if (!damaged)
		MUST(h[slot].sequence > h[!slot].sequence ||
		     !memcmp(first, second, VHDX_HEADER_BYTES));
	check_judgement(&current, bytes);
}

void fuzz_one(const struct sparse *image)
{
	u8 ident[VHDX_SECTOR], pair[2][VHDX_HEADER_BYTES];
	struct model model;
	int r;

	sparse_read(image, 0, ident, sizeof(ident));
	r = vhdx_ident_check(ident);
	MUST(r == (memcmp(ident, "vhdxfile", 8) ? VHDX_FAULT_NOT_VHDX : 0));
	sparse_read(image, VHDX_HEADER_OFF(0), pair[0], VHDX_HEADER_BYTES);
	sparse_read(image, VHDX_HEADER_OFF(1), pair[1], VHDX_HEADER_BYTES);
	check_pair(pair[0], pair[1], image->bytes);

	/* What is in a header may be anything to a writer of identifiers. */
	pair[0][VHDX_HEADER_BYTES - 1] = 0;
	vhdx_ident_encode(ident, (const char *)pair[0] + 8);
	MUST(!vhdx_ident_check(ident));

	model_init(&model, image, image->flags & SPARSE_WRITABLE);
	r = vhdx_load_header(&model.reader, &model.layout, model.scratch);
	must_be_result(r);
	if (!r)
		MUST(!vhdx_header_check(&model.layout.header, image->bytes));
	model_exit(&model);
}
