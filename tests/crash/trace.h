/* SPDX-License-Identifier: GPL-2.0 */
/* The log of dm-log-writes. */
#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

#include "crash.h"

enum {
	TRACE_FLUSH = 1,
	TRACE_FUA = 2,
	TRACE_DISCARD = 4,
	TRACE_MARK = 8,
	TRACE_META = 16,
};

#define TRACE_NO_MARK	0xffffffffU

/**
 * struct trace_entry - an entry of the log
 * @off: bytes from the start of the device
 * @bytes: how many; 0 for a flush or a mark
 * @flags: TRACE_*
 * @data: in the log
 * @mark: number of the mark, or TRACE_NO_MARK if it is not one of ours
 */
struct trace_entry {
	u64 off;
	u64 bytes;
	u32 flags;
	u32 mark;
	const u8 *data;
};

/**
 * struct trace - the log
 * @entries: in order: writes stand before the flush that has covered them, FUA
 *           writes and marks where they completed
 * @nr: how many
 */
struct trace {
	struct trace_entry *entries;
	u32 nr;
};

void trace_init(struct trace *trace, const u8 *log, u64 bytes);
void trace_exit(struct trace *trace);
u32 trace_segment_end(const struct trace *trace, u32 start);
bool trace_writes(const struct trace_entry *entry);
const char *trace_text(const struct trace_entry *entry, char *buf, u64 size);

#endif /* CRASH_TRACE_H */
