// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

/* The formats of drivers/md/dm-log-writes.c. */
#define TRACE_MAGIC	0x6a736677736872ULL
#define TRACE_VERSION	1

struct trace_super_disk {
	__le64 magic;
	__le64 version;
	__le64 nr_entries;
	__le32 sector_bytes;
};

struct trace_entry_disk {
	__le64 sector;
	__le64 nr_sectors;
	__le64 flags;
	__le64 data_len;
};

static void trace_read(struct trace_entry *entry, const u8 *raw, u32 unit)
{
	const struct trace_entry_disk *disk = (const void *)raw;
	unsigned int mark;
	char text[32] = "";

	entry->off = le64_to_cpu(disk->sector) * unit;
	entry->bytes = le64_to_cpu(disk->nr_sectors) * unit;
	entry->flags = le64_to_cpu(disk->flags);
	entry->data = raw + unit;
	entry->mark = TRACE_NO_MARK;
	if (entry->flags & TRACE_MARK) {
		memcpy(text, disk + 1, min_t(u64, sizeof(text) - 1,
					     le64_to_cpu(disk->data_len)));
		if (sscanf(text, "m%u", &mark) == 1)
			entry->mark = mark;
	}
}

/**
 * trace_init() - read a log
 * @trace: result; refers to @log
 * @log: what dm-log-writes has written; its device is gone
 * @bytes: size of the log device
 */
void trace_init(struct trace *trace, const u8 *log, u64 bytes)
{
	const struct trace_super_disk *super = (const void *)log;
	u32 unit = le32_to_cpu(super->sector_bytes), i;
	u64 pos;

	if (le64_to_cpu(super->magic) != TRACE_MAGIC ||
	    le64_to_cpu(super->version) != TRACE_VERSION ||
	    unit < SECTOR || unit > PAGE)
		die("this is no log of dm-log-writes");
	trace->nr = le64_to_cpu(super->nr_entries);
	trace->entries = calloc(trace->nr + 1, sizeof(*trace->entries));
	for (i = 0, pos = unit; i < trace->nr; i++) {
		struct trace_entry *entry = &trace->entries[i];

		if (pos + unit > bytes)
			die("the log of dm-log-writes is cut off");
		trace_read(entry, log + pos, unit);
		pos += unit;
		if (!(entry->flags & TRACE_DISCARD))
			pos += entry->bytes;
	}
	if (!trace->nr ||
	    !(trace->entries[trace->nr - 1].flags & TRACE_MARK))
		die("dm-log-writes has not logged everything");
}

/**
 * trace_exit() - free it
 * @trace: the trace
 */
void trace_exit(struct trace *trace)
{
	free(trace->entries);
}

/**
 * trace_writes() - does an entry change the device?
 * @entry: the entry
 *
 * Return: true if so.
 */
bool trace_writes(const struct trace_entry *entry)
{
	return entry->bytes && !(entry->flags & TRACE_MARK);
}

/**
 * trace_segment_end() - find the next flush
 * @trace: the trace
 * @start: where to begin
 *
 * Return: number of the entry after the flush, or of all entries.
 */
u32 trace_segment_end(const struct trace *trace, u32 start)
{
	while (start < trace->nr &&
	       !(trace->entries[start].flags & TRACE_FLUSH))
		start++;
	return start < trace->nr ? start + 1 : start;
}

/**
 * trace_text() - describe an entry
 * @entry: the entry
 * @buf: takes the text
 * @size: of @buf
 *
 * Return: @buf.
 */
const char *trace_text(const struct trace_entry *entry, char *buf, u64 size)
{
	if (entry->flags & TRACE_MARK)
		snprintf(buf, size, "mark %d", (int)entry->mark);
	else
		snprintf(buf, size, "%s%s%s%s%" PRIu64 "+%" PRIu64,
			 entry->flags & TRACE_FLUSH ? "flush " : "",
			 entry->flags & TRACE_FUA ? "FUA " : "",
			 entry->flags & TRACE_DISCARD ? "discard " : "",
			 entry->flags & TRACE_META ? "meta " : "", entry->off,
			 entry->bytes);
	return buf;
}
