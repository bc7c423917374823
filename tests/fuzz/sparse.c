// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "sparse.h"

#define SPARSE_HEAD	12	/* bytes before the first extent */
#define SPARSE_GAP	16	/* a shorter run of zeros costs less than an extent */

static const u8 sparse_zeros[VHDX_SECTOR];

struct sparse *sparse_new(void)
{
	return calloc(1, sizeof(struct sparse));
}

void sparse_free(struct sparse *image)
{
	struct sparse_page *page, *next;
	int i;

	if (!image)
		return;
	for (i = 0; i < SPARSE_BUCKETS; i++)
		for (page = image->bucket[i]; page; page = next) {
			next = page->next;
			free(page);
		}
	free(image);
}

static struct sparse_page *sparse_find(const struct sparse *image, u64 index)
{
	struct sparse_page *page = image->bucket[index % SPARSE_BUCKETS];

	while (page && page->index != index)
		page = page->next;
	return page;
}

static struct sparse_page *sparse_make(struct sparse *image, u64 index)
{
	struct sparse_page *page = sparse_find(image, index), **bucket;

	if (page)
		return page;
	bucket = &image->bucket[index % SPARSE_BUCKETS];
	page = calloc(1, sizeof(*page));
	page->index = index;
	page->next = *bucket;
	*bucket = page;
	image->pages++;
	return page;
}

/**
 * sparse_page() - look at 4 KiB in place
 * @image: the image
 * @index: offset in units of 4 KiB
 *
 * Return: the page, zeros where there is none.
 */
const void *sparse_page(const struct sparse *image, u64 index)
{
	const struct sparse_page *page = sparse_find(image, index);

	return page ? page->data : sparse_zeros;
}

/* Offsets wrap at 2^64, which is for the caller to avoid where it matters. */
void sparse_read(const struct sparse *image, u64 off, void *buf, u32 bytes)
{
	u8 *to = buf;

	while (bytes) {
		u32 skip = off % VHDX_SECTOR;
		u32 part = min_t(u32, VHDX_SECTOR - skip, bytes);

		memcpy(to, (const u8 *)sparse_page(image, off / VHDX_SECTOR) +
		       skip, part);
		to += part;
		off += part;
		bytes -= part;
	}
}

void sparse_write(struct sparse *image, u64 off, const void *buf, u32 bytes)
{
	const u8 *from = buf;

	while (bytes) {
		u32 skip = off % VHDX_SECTOR;
		u32 part = min_t(u32, VHDX_SECTOR - skip, bytes);

		/* No page for zeros where there is none yet. */
		if (sparse_find(image, off / VHDX_SECTOR) ||
		    memcmp(from, sparse_zeros, part))
			memcpy(sparse_make(image, off / VHDX_SECTOR)->data +
			       skip, from, part);
		from += part;
		off += part;
		bytes -= part;
	}
}

/* A range of any size; @off and @bytes are multiples of 4 KiB. */
void sparse_zero(struct sparse *image, u64 off, u64 bytes)
{
	u64 first = off / VHDX_SECTOR, count = bytes / VHDX_SECTOR, i;
	struct sparse_page *page;

	if (count <= image->pages) {
		for (i = 0; i < count; i++) {
			page = sparse_find(image, first + i);
			if (page)
				memset(page->data, 0, VHDX_SECTOR);
		}
		return;
	}
	for (i = 0; i < SPARSE_BUCKETS; i++)
		for (page = image->bucket[i]; page; page = page->next)
			if (page->index - first < count)
				memset(page->data, 0, VHDX_SECTOR);
}

struct sparse *sparse_copy(const struct sparse *from)
{
	struct sparse *image = sparse_new();
	const struct sparse_page *page;
	int i;

	image->bytes = from->bytes;
	image->flags = from->flags;
	image->trouble = from->trouble;
	image->trouble_at = from->trouble_at;
	for (i = 0; i < SPARSE_BUCKETS; i++)
		for (page = from->bucket[i]; page; page = page->next)
			memcpy(sparse_make(image, page->index)->data,
			       page->data, VHDX_SECTOR);
	return image;
}

static int sparse_compare(const void *a, const void *b)
{
	const struct sparse_page * const *left = a, * const *right = b;

	return (*left)->index < (*right)->index ? -1 : 1;
}

/**
 * sparse_sorted() - all pages by their offsets
 * @image: the image
 *
 * Return: an array of @image->pages, to be freed.
 */
struct sparse_page **sparse_sorted(const struct sparse *image)
{
	struct sparse_page **list = calloc(image->pages + 1, sizeof(*list));
	struct sparse_page *page;
	u32 n = 0;
	int i;

	for (i = 0; i < SPARSE_BUCKETS; i++)
		for (page = image->bucket[i]; page; page = page->next)
			list[n++] = page;
	qsort(list, n, sizeof(*list), sparse_compare);
	return list;
}

struct sparse *sparse_unpack(const void *packed, size_t size)
{
	struct sparse *image = sparse_new();
	u8 head[SPARSE_HEAD] = {};
	const u8 *at = packed;
	__le64 le64;
	__le16 le16;

	memcpy(head, at, min_t(size_t, size, SPARSE_HEAD));
	image->flags = head[0] & SPARSE_FLAGS;
	image->trouble = head[1] % SPARSE_TROUBLES;
	memcpy(&le16, head + 2, 2);
	image->trouble_at = le16_to_cpu(le16);
	memcpy(&le64, head + 4, 8);
	/* Not even a loop device is larger. */
	image->bytes = le64_to_cpu(le64) & ~(1ULL << 63);
	if (size <= SPARSE_HEAD)
		return image;

	at += SPARSE_HEAD;
	size -= SPARSE_HEAD;
	while (size > SPARSE_EXTENT && image->pages < SPARSE_MAX_PAGES) {
		size_t part;

		memcpy(&le64, at, 8);
		memcpy(&le16, at + 8, 2);
		at += SPARSE_EXTENT;
		size -= SPARSE_EXTENT;
		part = min_t(size_t, le16_to_cpu(le16), size);
		sparse_write(image, le64_to_cpu(le64), at, part);
		at += part;
		size -= part;
	}
	return image;
}

/* The next run in @page from @from on that is worth an extent; 0: none. */
static u32 sparse_run(const struct sparse_page *page, u32 *from)
{
	u32 end, i;

	while (*from < VHDX_SECTOR && !page->data[*from])
		(*from)++;
	for (end = i = *from; i < VHDX_SECTOR && i < end + SPARSE_GAP; i++)
		if (page->data[i])
			end = i + 1;
	return end - *from;
}

/**
 * sparse_pack() - the packed form of an image
 * @image: the image
 * @packed: result
 * @max: size of @packed, at least SPARSE_HEAD
 *
 * Return: bytes of the result; 0 if it does not fit.
 */
size_t sparse_pack(const struct sparse *image, void *packed, size_t max)
{
	struct sparse_page **list;
	__le64 le64 = cpu_to_le64(image->bytes);
	__le16 le16 = cpu_to_le16(image->trouble_at);
	u8 *to = packed, *end = to + max;
	u32 i, from, run;

	if (max < SPARSE_HEAD)
		return 0;
	to[0] = image->flags;
	to[1] = image->trouble;
	memcpy(to + 2, &le16, 2);
	memcpy(to + 4, &le64, 8);
	to += SPARSE_HEAD;

	list = sparse_sorted(image);
	for (i = 0; i < image->pages && to; i++)
		for (from = 0; (run = sparse_run(list[i], &from)); from += run) {
			if (run + SPARSE_EXTENT > (size_t)(end - to)) {
				to = NULL;
				break;
			}
			le64 = cpu_to_le64(list[i]->index * VHDX_SECTOR + from);
			le16 = cpu_to_le16(run);
			memcpy(to, &le64, 8);
			memcpy(to + 8, &le16, 2);
			memcpy(to + SPARSE_EXTENT, list[i]->data + from, run);
			to += SPARSE_EXTENT + run;
		}
	free(list);
	return to ? (size_t)(to - (u8 *)packed) : 0;
}

/**
 * sparse_from_fd() - read a file, its holes left out
 * @image: takes size and contents
 * @fd: the file
 *
 * Return: 0 or a negative errno.
 */
int sparse_from_fd(struct sparse *image, int fd)
{
	u8 buf[VHDX_SECTOR];
	off_t off = 0;
	ssize_t n;

	image->bytes = lseek(fd, 0, SEEK_END);
	while ((off = lseek(fd, off, SEEK_DATA)) >= 0) {
		off -= off % VHDX_SECTOR;
		n = pread(fd, buf, sizeof(buf), off);
		if (n < 0)
			return -errno;
		sparse_write(image, off, buf, n);
		off += VHDX_SECTOR;
	}
	return errno == ENXIO ? 0 : -errno;
}

/**
 * sparse_to_fd() - make a file what the image is
 * @image: the image
 * @fd: the file; all that it held is gone
 *
 * Return: 0 or a negative errno.
 */
int sparse_to_fd(const struct sparse *image, int fd)
{
	struct sparse_page *page;
	int i;

	if (ftruncate(fd, 0) || ftruncate(fd, image->bytes))
		return -errno;
	for (i = 0; i < SPARSE_BUCKETS; i++)
		for (page = image->bucket[i]; page; page = page->next) {
			u64 off = page->index * VHDX_SECTOR;

			if (off < image->bytes &&
			    pwrite(fd, page->data,
				   min_t(u64, VHDX_SECTOR, image->bytes - off),
				   off) < 0)
				return -errno;
		}
	return 0;
}

/* Does the file hold just what the image says, as far as that reaches? */
bool sparse_equals_fd(const struct sparse *image, int fd)
{
	struct sparse *is = sparse_new();
	bool equal = !sparse_from_fd(is, fd) && is->bytes == image->bytes;
	const struct sparse *both[2] = { image, is };
	const struct sparse_page *page;
	int side, i;

	for (side = 0; equal && side < 2; side++)
		for (i = 0; i < SPARSE_BUCKETS; i++)
			for (page = both[side]->bucket[i]; page; page = page->next) {
				u64 off = page->index * VHDX_SECTOR;

				if (off < image->bytes &&
				    memcmp(page->data,
					   sparse_page(both[!side], page->index),
					   min_t(u64, VHDX_SECTOR,
						 image->bytes - off)))
					equal = false;
			}
	sparse_free(is);
	return equal;
}

void sparse_dump(const void *packed, size_t size, FILE *to)
{
	const u8 *at = packed;
	size_t i;

	for (i = 0; i < size; i++)
		fprintf(to, "%02x%s", at[i],
			i % 48 == 47 || i == size - 1 ? "\n" : "");
}
