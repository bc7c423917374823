/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The backing device as a crash leaves it.
 *
 * Three copies: the base, with everything up to a flush; the state, which is
 * the base and some of the writes after it; and a ramdisk with that state for
 * the kernel to work on, which is put back afterwards.
 */
#ifndef CRASH_MEDIUM_H
#define CRASH_MEDIUM_H

#include "stack.h"
#include "trace.h"

/**
 * struct range - part of the device
 * @off: bytes
 * @bytes: how many
 */
struct range {
	u64 off;
	u64 bytes;
};

/**
 * struct medium - the device
 * @bytes: its size
 * @meta_bytes: blocks begin here, and sector bitmaps, if there are any
 * @dense: there is data everywhere
 * @base: as of the last flush
 * @state: as of the crash
 * @disk: for the kernel
 * @meta: 4 KiB pages that a replay may change, one bit each
 * @hot: these, and those that were ever written
 * @touched: where @state differs from @base
 * @nr_touched: how many
 * @max_touched: room for
 * @fua: FUA writes of the current segment, which stand before older writes
 * @nr_fua: how many
 * @max_fua: room for
 */
struct medium {
	u64 bytes;
	u64 meta_bytes;
	bool dense;
	u8 *base;
	u8 *state;
	struct ramdisk disk;
	unsigned long *meta;
	unsigned long *hot;
	struct range *touched;
	u32 nr_touched;
	u32 max_touched;
	struct range *fua;
	u32 nr_fua;
	u32 max_fua;
};

void medium_init(struct medium *medium, const char *dir, const char *name,
		 const struct ramdisk *initial, u64 meta_bytes);
void medium_bitmap(struct medium *medium, u32 mib);
void medium_exit(struct medium *medium);
void medium_advance(struct medium *medium, const struct trace_entry *entry);
void medium_segment(struct medium *medium);
void medium_apply(struct medium *medium, const struct trace_entry *entry,
		  struct dice *torn);
void medium_apply_again(struct medium *medium, const struct trace_entry *entry,
			struct dice *torn);
void medium_reset(struct medium *medium);
void medium_restore(struct medium *medium, bool all);
bool medium_unchanged(const struct medium *medium, bool all, u64 *off);
bool medium_is(const struct medium *medium, const struct ramdisk *disk,
	       u64 *off);

#endif /* CRASH_MEDIUM_H */
