// SPDX-License-Identifier: GPL-2.0
/* What may be found in each sector of the two blocks: now, and after a power cut. */
#include "small.h"

/**
 * small_book_init() - nobody has written anything
 * @book: the book
 */
void small_book_init(struct small_book *book)
{
	u64 version = book->version;

	memset(book, 0, sizeof(*book));
	book->version = version;
	small_book_set(book, 0, SMALL_SECTORS, 0);
}

/**
 * small_book_set() - this is there, and durable
 * @book: the book
 * @first: sector
 * @count: sectors
 * @content: what
 */
void small_book_set(struct small_book *book, u32 first, u32 count, u32 content)
{
	u32 i;

	for (i = first; i < first + count; i++) {
		book->now[i] = 1U << content;
		book->crash[i] = 1U << content;
	}
	book->version++;
}

/**
 * small_book_begin() - a write begins
 * @book: the book
 * @first: sector
 * @count: sectors
 * @content: what it leaves
 */
void small_book_begin(struct small_book *book, u32 first, u32 count, u32 content)
{
	u32 i, f;

	for (i = first; i < first + count; i++) {
		book->mixed[i] |= book->busy[i]++ != 0;
		book->now[i] |= 1U << content;
		book->crash[i] |= 1U << content;
		for (f = 0; f < SMALL_MAX_FLUSHES; f++)
			book->flushes[f].since[i] |= 1U << content;
	}
	book->version++;
}

/**
 * small_book_end() - a write is done
 * @book: the book
 * @first: as for small_book_begin()
 * @count: likewise
 * @content: likewise
 * @fua: it is durable, too
 */
void small_book_end(struct small_book *book, u32 first, u32 count, u32 content,
		    bool fua)
{
	u32 i;

	for (i = first; i < first + count; i++) {
		bool mixed = book->mixed[i];

		if (--book->busy[i])
			continue;
		book->mixed[i] = false;
		if (mixed)
			continue;
		book->now[i] = 1U << content;
		if (fua)
			book->crash[i] = 1U << content;
	}
	book->version++;
}

/**
 * small_book_flush() - a flush begins
 * @book: the book
 *
 * Return: its number.
 */
u32 small_book_flush(struct small_book *book)
{
	u32 f = 0;

	while (book->flushes[f].used)
		f++;
	book->flushes[f].used = true;
	memcpy(book->flushes[f].then, book->now, sizeof(book->now));
	memset(book->flushes[f].since, 0, sizeof(book->now));
	return f;
}

/**
 * small_book_flushed() - a flush is done
 * @book: the book
 * @flush: its number
 */
void small_book_flushed(struct small_book *book, u32 flush)
{
	struct small_flush *f = &book->flushes[flush];
	u32 i;

	/* Another one may know more already. */
	for (i = 0; i < SMALL_SECTORS; i++)
		book->crash[i] &= f->then[i] | f->since[i];
	f->used = false;
	book->version++;
}

/**
 * small_book_settle() - all that is done is durable
 * @book: the book; nothing is under way
 */
void small_book_settle(struct small_book *book)
{
	memcpy(book->crash, book->now, sizeof(book->now));
	book->version++;
}

/**
 * small_fill() - make the contents of a sector
 * @buf: takes them
 * @sector: of the blocks
 * @content: whose
 */
void small_fill(void *buf, u32 sector, u32 content)
{
	u64 *words = buf;
	u32 w;

	for (w = 0; w < SECTOR_SIZE / sizeof(u64); w++)
		words[w] = content ? (u64)(sector + 1) << 32 | content : 0;
}

/**
 * small_content() - whose contents are these?
 * @buf: a sector
 * @sector: where it belongs
 *
 * Return: the number, or -1 if they belong nowhere near.
 */
int small_content(const void *buf, u32 sector)
{
	const u64 *words = buf;
	u64 first = words[0], differ = 0;
	u32 w;

	for (w = 1; w < SECTOR_SIZE / sizeof(u64); w++)
		differ |= words[w] ^ first;
	if (differ || (first && first >> 32 != sector + 1) || (u32)first > 31)
		return -1;
	return (u32)first;
}
