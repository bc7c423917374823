/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Images as fuzzers see them: sparse, in memory, and packed into few bytes.
 *
 * DOC: the packed form
 *
 *   0  u8   flags, SPARSE_*
 *   1  u8   how a read goes wrong, see enum sparse_trouble
 *   2  u16  which read does
 *   4  u64  size of the backing device in bytes
 *  12  extents up to the end: u64 offset, u16 length, so many bytes
 *
 * Little-endian.  Whatever no extent holds reads as zeros, a later extent wins
 * over an earlier one, and anything at all is valid: what is cut off counts as
 * far as it is there.  An image of 8 MiB packs into 1 to 2 KiB.
 */
#ifndef FUZZ_SPARSE_H
#define FUZZ_SPARSE_H

#include <stdio.h>

#include "vhdx-disk.h"

#define SPARSE_WRITABLE		1	/* judge it as one who means to write */
#define SPARSE_LOGICAL_4K	2	/* the backing device has 4 KiB sectors */
#define SPARSE_FLAGS		3

enum sparse_trouble {
	SPARSE_FINE,
	SPARSE_EIO,		/* the read fails */
	SPARSE_FICKLE,		/* from then on the log reads as zeros */
	SPARSE_TROUBLES
};

/* As much as a fuzzer needs; more is left out. */
#define SPARSE_MAX_PAGES	8192
#define SPARSE_MAX_PACKED	(256U << 10)
#define SPARSE_BUCKETS		1024
#define SPARSE_EXTENT		10	/* bytes before an extent's data */

struct sparse_page {
	struct sparse_page *next;
	u64 index;		/* offset in units of 4 KiB */
	u8 data[VHDX_SECTOR];
};

/**
 * struct sparse - an image on a backing device
 * @bytes: size of the backing device
 * @flags: SPARSE_*
 * @trouble: enum sparse_trouble
 * @trouble_at: number of the read, from 1
 * @pages: how many there are
 * @bucket: the pages
 */
struct sparse {
	u64 bytes;
	u8 flags;
	u8 trouble;
	u16 trouble_at;
	u32 pages;
	struct sparse_page *bucket[SPARSE_BUCKETS];
};

struct sparse *sparse_new(void);
struct sparse *sparse_unpack(const void *packed, size_t size);
struct sparse *sparse_copy(const struct sparse *from);
size_t sparse_pack(const struct sparse *image, void *packed, size_t max);
void sparse_free(struct sparse *image);

void sparse_read(const struct sparse *image, u64 off, void *buf, u32 bytes);
void sparse_write(struct sparse *image, u64 off, const void *buf, u32 bytes);
void sparse_zero(struct sparse *image, u64 off, u64 bytes);
const void *sparse_page(const struct sparse *image, u64 index);
struct sparse_page **sparse_sorted(const struct sparse *image);

int sparse_from_fd(struct sparse *image, int fd);
int sparse_to_fd(const struct sparse *image, int fd);
bool sparse_equals_fd(const struct sparse *image, int fd);
void sparse_dump(const void *packed, size_t size, FILE *to);

#endif /* FUZZ_SPARSE_H */
