// SPDX-License-Identifier: GPL-2.0
/*
 * The oracle of the log tests: search and replay written straight from the
 * description of the format (Documentation/on-disk.md, log), rule by rule, with
 * no thought of speed.  Byte offsets are spelled out; no code is shared with
 * kmod/format/vhdx-log.c.
 */
#include "test.h"
#include "log-build.h"

static const u8 *naive_gather(const struct test_log *log, u32 off, u32 bytes,
			      u8 *to)
{
	u32 i;

	for (i = 0; i < bytes; i += 4096)
		memcpy(to + i, log->buf + (off + i) % log->source.length, 4096);
	return to;
}

/* "Entry valid iff", on the whole entry in one piece. */
static bool naive_entry_valid(const struct test_log *log, const u8 *e)
{
	u64 log_start = log->source.log_off;
	u64 log_end = log_start + log->source.length;
	u64 number = get64(e + 16), target, bytes;
	u32 length = get32(e + 8), count = get32(e + 24);
	u32 first_data, data = 0, i;
	u8 *copy;
	u32 crc;

	first_data = (64 + count * 32 + 4095) / 4096;
	for (i = 0; i < count; i++) {
		const u8 *d = e + 64 + 32 * i;

		if (!memcmp(d, "desc", 4)) {
			data++;
			bytes = 4096;
		} else if (!memcmp(d, "zero", 4)) {
			bytes = get64(d + 8);
		} else {
			return false;
		}
		target = get64(d + 16);
		if (get64(d + 24) != number)
			return false;
		if (target % 4096 || bytes % 4096)
			return false;
		if (target < 192 * 1024)
			return false;
		if (target + bytes < target)
			return false;
		if (target < log_end && target + bytes > log_start)
			return false;
	}
	if (length != (first_data + data) * 4096)
		return false;
	for (i = 0; i < data; i++) {
		const u8 *s = e + (first_data + i) * 4096;

		if (memcmp(s, "data", 4) || get32(s + 4) != number >> 32 ||
		    get32(s + 4092) != (u32)number)
			return false;
	}

	copy = malloc(length);
	memcpy(copy, e, length);
	memset(copy + 4, 0, 4);
	crc = ~crc32c(~0U, copy, length);
	free(copy);
	return crc == get32(e + 4);
}

bool naive_entry_check(const struct test_log *log, u32 off,
		       struct naive_entry *entry)
{
	const u8 *h = log->buf + off;
	u32 length = get32(h + 8);
	u8 *whole;

	memset(entry, 0, sizeof(*entry));
	if (memcmp(h, "loge", 4) || memcmp(h + 32, &log->source.guid, 16) ||
	    get32(h + 28) || !get64(h + 16))
		return false;
	if (length < 4096 || length > log->source.length || length % 4096)
		return false;
	if (get32(h + 12) >= log->source.length || get32(h + 12) % 4096)
		return false;
	if (get32(h + 24) > (length - 64) / 32)
		return false;
	whole = malloc(length);
	entry->valid = naive_entry_valid(log, naive_gather(log, off, length,
							   whole));
	free(whole);
	entry->length = length;
	entry->tail = get32(h + 12);
	entry->sequence = get64(h + 16);
	entry->flushed = get64(h + 48);
	entry->last = get64(h + 56);
	return entry->valid;
}

/* Step 2: collect from @cur; returns the number of entries. */
static u32 naive_collect(const struct naive_entry *at, u32 ring, u32 cur,
			 u32 *offs)
{
	u64 total = 0;
	u32 nr = 0, off = cur;

	for (;;) {
		const struct naive_entry *e = &at[off / 4096];

		if (!e->valid || total + e->length > ring)
			return nr;
		if (nr && e->sequence != at[offs[nr - 1] / 4096].sequence + 1)
			return nr;
		offs[nr++] = off;
		total += e->length;
		off = (off + e->length) % ring;
	}
}

int naive_find(const struct test_log *log, struct vhdx_log_sequence *seq)
{
	u32 ring = log->source.length, cur = 0, old = 0, nr, i;
	struct naive_entry *at = calloc(ring / 4096, sizeof(*at)), *head;
	u32 *offs = calloc(ring / 4096 + 1, sizeof(*offs));
	bool have = false, inside;

	for (i = 0; i < ring; i += 4096)
		naive_entry_check(log, i, &at[i / 4096]);

	do {
		old = cur;
		nr = naive_collect(at, ring, cur, offs);
		inside = false;
		head = nr ? &at[offs[nr - 1] / 4096] : NULL;
		for (i = 0; i < nr; i++)
			inside |= offs[i] == head->tail;
		if (!inside) {
			cur = (cur + 4096) % ring;
			continue;
		}
		if (!have || head->sequence > seq->head.sequence) {
			seq->head.off = offs[nr - 1];
			seq->head.length = head->length;
			seq->head.tail = head->tail;
			seq->head.sequence = head->sequence;
			seq->head.flushed_bytes = head->flushed;
			seq->head.last_bytes = head->last;
			seq->head.descriptors = get32(log->buf + offs[nr - 1] + 24);
			seq->first_off = head->tail;
			seq->first_sequence = at[head->tail / 4096].sequence;
			have = true;
		}
		cur = (offs[nr - 1] + head->length) % ring;
	} while (cur > old);

	free(at);
	free(offs);
	if (!have)
		return VHDX_FAULT_LOG_LOST;
	return seq->head.flushed_bytes > log->source.image_bytes ?
	       VHDX_FAULT_FILE_CUT : 0;
}

static int naive_replay_entry(const struct test_log *log, u32 off, u8 *image,
			      u64 image_bytes)
{
	u32 length = get32(log->buf + off + 8), count = get32(log->buf + off + 24);
	u8 *e = malloc(length);
	const u8 *data = e + (64 + count * 32 + 4095) / 4096 * 4096;
	u32 i;

	naive_gather(log, off, length, e);
	for (i = 0; i < count; i++) {
		const u8 *d = e + 64 + 32 * i;
		u64 target = get64(d + 16), bytes = 4096;

		if (!memcmp(d, "zero", 4))
			bytes = get64(d + 8);
		if (bytes && target + bytes > image_bytes) {
			free(e);
			return VHDX_FAULT_LOG_TARGET;
		}
		if (!memcmp(d, "zero", 4)) {
			memset(image + (bytes ? target : 0), 0, bytes);
			continue;
		}
		memcpy(image + target, data, 4096);
		memcpy(image + target, d + 8, 8);
		memcpy(image + target + 4092, d + 4, 4);
		data += 4096;
	}
	free(e);
	return 0;
}

/* From the entry at the head's Tail to the head. */
int naive_replay(const struct test_log *log, const struct vhdx_log_sequence *seq,
		 u8 *image, u64 image_bytes)
{
	u32 off = seq->head.tail;
	int r;

	for (;;) {
		r = naive_replay_entry(log, off, image, image_bytes);
		if (r || off == seq->head.off)
			return r;
		off = (off + get32(log->buf + off + 8)) % log->source.length;
	}
}
