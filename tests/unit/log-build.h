/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Logs in memory for the tests: a builder for entries of any shape, the naive
 * search and replay as format.md words them, and a sink into a flat image.
 */
#ifndef LOG_BUILD_H
#define LOG_BUILD_H

#include "vhdx-log.h"

/**
 * struct test_log - a log, and the image it belongs to
 * @source: what the tested code reads
 * @buf: the log
 * @calls: of source.sector() so far
 * @fail_call: number of the call that fails (-1: none)
 * @fail_sector: number of the sector that cannot be read (-1: none)
 * @on_call: called before each read, to change what it will see
 * @window: what source.sector() hands out: nothing stays valid
 */
struct test_log {
	struct vhdx_log_source source;
	u8 *buf;
	long calls;
	long fail_call;
	long fail_sector;
	void (*on_call)(struct test_log *log, u32 off);
	u8 window[VHDX_SECTOR];
	u8 scratch[VHDX_LOG_SCRATCH];
};

/**
 * struct test_desc - one descriptor
 * @zero: a zero descriptor
 * @off: target, bytes from the start of the image
 * @bytes: of a zero descriptor
 * @seed: contents of a data sector
 */
struct test_desc {
	bool zero;
	u64 off;
	u64 bytes;
	u32 seed;
};

/**
 * struct test_entry - one entry
 * @off: where, bytes from the start of the log
 * @sequence: its number
 * @tail: as on disk
 * @descs: descriptors
 * @nr: how many
 * @flushed: FlushedFileOffset
 * @last: LastFileOffset
 */
struct test_entry {
	u32 off;
	u64 sequence;
	u32 tail;
	const struct test_desc *descs;
	u32 nr;
	u64 flushed;
	u64 last;
};

/* Where the parts of an entry are. */
#define ENTRY_LENGTH	8
#define ENTRY_TAIL	12
#define ENTRY_SEQUENCE	16
#define ENTRY_COUNT	24
#define ENTRY_RESERVED	28
#define ENTRY_GUID	32
#define ENTRY_DESC(i)	(64 + 32 * (i))
#define DESC_LENGTH	8
#define DESC_OFFSET	16
#define DESC_SEQUENCE	24

struct test_log *test_log_new(u32 length, u64 log_off, u64 image_bytes);
void test_log_free(struct test_log *log);
u32 test_log_put(struct test_log *log, const struct test_entry *entry);
u32 test_log_entry_bytes(const struct test_desc *descs, u32 nr);
void test_log_copy(struct test_log *log, u32 off, void *buf, u32 bytes,
		   bool to_log);
void test_log_poke32(struct test_log *log, u32 off, u32 at, u32 value);
void test_log_poke64(struct test_log *log, u32 off, u32 at, u64 value);
void test_log_reseal(struct test_log *log, u32 off, u32 bytes);
void test_data_sector(u32 seed, void *buf);

/* The naive counterparts, over the log's memory. */
struct naive_entry {
	bool valid;
	u32 length;
	u32 tail;
	u64 sequence;
	u64 flushed;
	u64 last;
};

bool naive_entry_check(const struct test_log *log, u32 off,
		       struct naive_entry *entry);
int naive_find(const struct test_log *log, struct vhdx_log_sequence *seq);
int naive_replay(const struct test_log *log, const struct vhdx_log_sequence *seq,
		 u8 *image, u64 image_bytes);

/**
 * struct test_sink - replay into a flat image
 * @sink: for the tested code
 * @image: the image
 * @bytes: its size
 * @calls: so far
 * @fail_call: number of the call that fails (-1: none)
 */
struct test_sink {
	struct vhdx_log_sink sink;
	u8 *image;
	u64 bytes;
	long calls;
	long fail_call;
};

void test_sink_init(struct test_sink *sink, u64 bytes);

#endif /* LOG_BUILD_H */
