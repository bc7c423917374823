// SPDX-License-Identifier: GPL-2.0
/* The kernel's bitmap functions that the format code calls, for user space. */
#include "vhdx-shim.h"

static unsigned long bitmap_find(const unsigned long *map, unsigned long size,
				 unsigned long start, unsigned long invert)
{
	unsigned long index, word;

	if (start >= size)
		return size;

	index = start / BITS_PER_LONG;
	word = (map[index] ^ invert) & (~0UL << start % BITS_PER_LONG);
	while (!word) {
		if (++index >= BITS_TO_LONGS(size))
			return size;
		word = map[index] ^ invert;
	}
	return min_t(unsigned long, size,
		     index * BITS_PER_LONG + __builtin_ctzl(word));
}

/**
 * find_next_bit() - first set bit
 * @map: bitmap
 * @size: bits in @map
 * @start: bit to start from
 *
 * Return: its number, or @size if there is none.
 */
unsigned long find_next_bit(const unsigned long *map, unsigned long size,
			    unsigned long start)
{
	return bitmap_find(map, size, start, 0);
}

/**
 * find_next_zero_bit() - first clear bit
 * @map: bitmap
 * @size: bits in @map
 * @start: bit to start from
 *
 * Return: its number, or @size if there is none.
 */
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size,
				 unsigned long start)
{
	return bitmap_find(map, size, start, ~0UL);
}

/* The bits of word @index that lie in [@start, @end); they do meet. */
static unsigned long bitmap_mask(unsigned long index, unsigned long start,
				 unsigned long end)
{
	unsigned long first = index * BITS_PER_LONG, mask = ~0UL;

	if (start > first)
		mask &= ~0UL << (start - first);
	if (end < first + BITS_PER_LONG)
		mask &= ~0UL >> (first + BITS_PER_LONG - end);
	return mask;
}

/**
 * bitmap_set() - set bits
 * @map: bitmap
 * @start: first bit
 * @nbits: how many
 */
void bitmap_set(unsigned long *map, unsigned int start, unsigned int nbits)
{
	unsigned long end = (unsigned long)start + nbits, i;

	for (i = start / BITS_PER_LONG; nbits && i * BITS_PER_LONG < end; i++)
		map[i] |= bitmap_mask(i, start, end);
}

/**
 * bitmap_clear() - clear bits
 * @map: bitmap
 * @start: first bit
 * @nbits: how many
 */
void bitmap_clear(unsigned long *map, unsigned int start, unsigned int nbits)
{
	unsigned long end = (unsigned long)start + nbits, i;

	for (i = start / BITS_PER_LONG; nbits && i * BITS_PER_LONG < end; i++)
		map[i] &= ~bitmap_mask(i, start, end);
}
