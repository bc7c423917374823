// SPDX-License-Identifier: GPL-2.0
/* Builder of logs in memory, and the sink that replays into memory. */
#include "test.h"
#include "log-build.h"

static int test_log_sector(struct vhdx_log_source *source, u32 off,
			   const void **data)
{
	struct test_log *log = container_of(source, struct test_log, source);
	long call = log->calls++;

	/* The contract: inside the log, aligned. */
	assert_true(off % VHDX_SECTOR == 0);
	assert_true(off < source->length);
	if (log->on_call)
		log->on_call(log, off);
	/* What was handed out before is gone. */
	memset(log->window, 0xee, sizeof(log->window));
	if (call == log->fail_call || off / VHDX_SECTOR == log->fail_sector)
		return -EIO;
	memcpy(log->window, log->buf + off, VHDX_SECTOR);
	*data = log->window;
	return 0;
}

struct test_log *test_log_new(u32 length, u64 log_off, u64 image_bytes)
{
	struct test_log *log = calloc(1, sizeof(*log));

	log->buf = calloc(1, length);
	log->fail_call = -1;
	log->fail_sector = -1;
	log->source.sector = test_log_sector;
	log->source.guid = guid_of("00112233445566778899aabbccddeeff");
	log->source.log_off = log_off;
	log->source.length = length;
	log->source.image_bytes = image_bytes;
	log->source.scratch = log->scratch;
	return log;
}

void test_log_free(struct test_log *log)
{
	free(log->buf);
	free(log);
}

/* To or from the ring. */
void test_log_copy(struct test_log *log, u32 off, void *buf, u32 bytes,
		   bool to_log)
{
	u8 *p = buf;

	while (bytes) {
		u32 part = min_t(u32, bytes, log->source.length - off);

		if (to_log)
			memcpy(log->buf + off, p, part);
		else
			memcpy(p, log->buf + off, part);
		p += part;
		bytes -= part;
		off = 0;
	}
}

static u32 desc_sectors(u32 nr)
{
	return (64 + nr * 32 + VHDX_SECTOR - 1) / VHDX_SECTOR;
}

u32 test_log_entry_bytes(const struct test_desc *descs, u32 nr)
{
	u32 sectors = desc_sectors(nr), i;

	for (i = 0; i < nr; i++)
		sectors += !descs[i].zero;
	return sectors * VHDX_SECTOR;
}

/* What a data descriptor with this seed writes. */
void test_data_sector(u32 seed, void *buf)
{
	fill(buf, VHDX_SECTOR, seed);
}

/* Write an entry; returns its length. */
u32 test_log_put(struct test_log *log, const struct test_entry *entry)
{
	u32 length = test_log_entry_bytes(entry->descs, entry->nr), i;
	u8 *buf = calloc(1, length), sector[VHDX_SECTOR];
	u8 *data = buf + desc_sectors(entry->nr) * VHDX_SECTOR;

	memcpy(buf, "loge", 4);
	put32(buf + ENTRY_LENGTH, length);
	put32(buf + ENTRY_TAIL, entry->tail);
	put64(buf + ENTRY_SEQUENCE, entry->sequence);
	put32(buf + ENTRY_COUNT, entry->nr);
	memcpy(buf + ENTRY_GUID, &log->source.guid, 16);
	put64(buf + 48, entry->flushed);
	put64(buf + 56, entry->last);
	for (i = 0; i < entry->nr; i++) {
		u8 *desc = buf + ENTRY_DESC(i);

		put64(desc + DESC_OFFSET, entry->descs[i].off);
		put64(desc + DESC_SEQUENCE, entry->sequence);
		if (entry->descs[i].zero) {
			memcpy(desc, "zero", 4);
			put64(desc + DESC_LENGTH, entry->descs[i].bytes);
			continue;
		}
		test_data_sector(entry->descs[i].seed, sector);
		memcpy(desc, "desc", 4);
		memcpy(desc + 4, sector + 4092, 4);
		memcpy(desc + 8, sector, 8);
		memcpy(data, "data", 4);
		put32(data + 4, entry->sequence >> 32);
		memcpy(data + 8, sector + 8, 4084);
		put32(data + 4092, entry->sequence);
		data += VHDX_SECTOR;
	}
	seal(buf, length);
	test_log_copy(log, entry->off, buf, length, true);
	free(buf);
	return length;
}

/* Change a field at byte @at of the entry at @off; the checksum is stale then. */
void test_log_poke32(struct test_log *log, u32 off, u32 at, u32 value)
{
	put32(log->buf + (off + at) % log->source.length, value);
}

void test_log_poke64(struct test_log *log, u32 off, u32 at, u64 value)
{
	put64(log->buf + (off + at) % log->source.length, value);
}

void test_log_reseal(struct test_log *log, u32 off, u32 bytes)
{
	u8 *buf = malloc(bytes);

	test_log_copy(log, off, buf, bytes, false);
	seal(buf, bytes);
	test_log_copy(log, off, buf, bytes, true);
	free(buf);
}

static int sink_data(struct vhdx_log_sink *sink, u64 off, const void *data)
{
	struct test_sink *to = container_of(sink, struct test_sink, sink);

	if (to->calls++ == to->fail_call)
		return -ENOMEM;
	assert_true(off % VHDX_SECTOR == 0 && off + VHDX_SECTOR <= to->bytes);
	memcpy(to->image + off, data, VHDX_SECTOR);
	return 0;
}

static int sink_zero(struct vhdx_log_sink *sink, u64 off, u64 bytes)
{
	struct test_sink *to = container_of(sink, struct test_sink, sink);

	if (to->calls++ == to->fail_call)
		return -ENOMEM;
	assert_true(off % VHDX_SECTOR == 0 && bytes % VHDX_SECTOR == 0 && bytes);
	assert_true(bytes <= to->bytes && off <= to->bytes - bytes);
	memset(to->image + off, 0, bytes);
	return 0;
}

/* @sink->image is to be freed by the caller. */
void test_sink_init(struct test_sink *sink, u64 bytes)
{
	sink->sink.data = sink_data;
	sink->sink.zero = sink_zero;
	sink->image = malloc(bytes);
	memset(sink->image, 0x5a, bytes);
	sink->bytes = bytes;
	sink->calls = 0;
	sink->fail_call = -1;
}
