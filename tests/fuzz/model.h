/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An image loaded by the shared code in the order of the module: what the
 * target has to say about it, and what it has to serve.  The log is replayed
 * into a copy of the image, which leaves little room for mistakes.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include "sparse.h"
#include "vhdx-load.h"

/* Larger ones take too long for a fuzzer, and are no other case. */
#define MODEL_MAX_ENTRIES	(1U << 18)	/* of the BAT */
#define MODEL_MAX_LOG		(64U * SZ_1M)

/* What model_load() returns where the image is larger than these. */
#define MODEL_TOO_LARGE		(VHDX_NR_FAULTS + 1)

/**
 * struct model - an image, loaded
 * @reader: for the shared code
 * @source: the log
 * @sink: takes the log's changes
 * @raw: the image as it is on the device
 * @view: the same with the log's changes
 * @reads: how many reads there were
 * @changes: how many changes of the log
 * @zeroed: bytes that the log zeroes
 * @log: the active sequence, if the image is dirty
 * @layout: result
 * @space: result
 * @mibs: where each block is, 0 if nowhere
 * @scratch: memory for the shared code
 * @sector: what source.sector() hands out
 */
struct model {
	struct vhdx_reader reader;
	struct vhdx_log_source source;
	struct vhdx_log_sink sink;
	const struct sparse *raw;
	struct sparse *view;
	u64 reads;
	u64 changes;
	u64 zeroed;
	struct vhdx_log_sequence log;
	struct vhdx_layout layout;
	struct vhdx_space space;
	u64 *mibs;
	u8 *scratch;
	u8 sector[VHDX_SECTOR];
};

void model_init(struct model *model, const struct sparse *raw, bool writable);
void model_exit(struct model *model);
int model_load(struct model *model);
int model_load_log(struct model *model);
int model_load_bat(struct model *model);
void model_disk(const struct model *model, u64 off, void *buf, u32 bytes);
void model_check(const struct model *model);

/* Ends the program, with a message; for what must never be. */
#define MUST(condition) \
	do { \
		if (!(condition)) \
			must_fail(#condition, __FILE__, __LINE__, __func__); \
	} while (0)

void must_fail(const char *condition, const char *file, int line,
	       const char *function) __attribute__((noreturn));
void must_be_result(int result);

#endif /* FUZZ_MODEL_H */
