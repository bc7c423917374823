// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

static const char size_units[] = "KMGT";

#define SIZE_FRACTION_BYTES	4096	/* what a fraction is rounded up to */
#define SIZE_FRACTION_DIGITS	9

/* The digits behind a point, in units of 10^-SIZE_FRACTION_DIGITS. */
static int size_fraction(const char **text, u64 *parts)
{
	int digits;

	*parts = 0;
	for (digits = 0; isdigit((unsigned char)**text); digits++, ++*text) {
		if (digits == SIZE_FRACTION_DIGITS)
			return -EINVAL;
		*parts = *parts * 10 + (**text - '0');
	}
	if (!digits)
		return -EINVAL;
	for (; digits < SIZE_FRACTION_DIGITS; digits++)
		*parts *= 10;
	return 0;
}

/* K, M, G, T, KiB, MiB, GiB, TiB in any case, and nothing behind. */
static int size_unit(const char *text, unsigned int *shift)
{
	const char *unit = *text ? strchr(size_units,
					  toupper((unsigned char)*text)) : NULL;

	if (!unit)
		return -EINVAL;
	*shift = 10 * (unit - size_units + 1);
	text++;
	if (tolower((unsigned char)text[0]) == 'i' &&
	    tolower((unsigned char)text[1]) == 'b')
		text += 2;
	return *text ? -EINVAL : 0;
}

/**
 * size_parse() - read a size
 * @text: digits, then nothing (bytes) or K, M, G, T, KiB, MiB, GiB, TiB in
 *        any case, all powers of 1024; with such a unit there may be a
 *        fraction, as in 1.5G, which is rounded up to whole bytes, and from
 *        1 MiB on to a multiple of 4096
 * @bytes: result
 *
 * Return: 0, -EINVAL for anything else, -ERANGE from 2^64 bytes on.
 */
int size_parse(const char *text, u64 *bytes)
{
	unsigned int shift = 0;
	unsigned __int128 all;
	u64 parts = 0, scale = 1, whole;
	bool fraction;
	char *end;
	int i;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	text = end;
	fraction = *text == '.';
	if (fraction) {
		text++;
		if (size_fraction(&text, &parts))
			return -EINVAL;
	}
	if ((*text || fraction) && size_unit(text, &shift))
		return -EINVAL;

	for (i = 0; i < SIZE_FRACTION_DIGITS; i++)
		scale *= 10;
	all = ((unsigned __int128)parts << shift) + scale - 1;
	all = ((unsigned __int128)whole << shift) + all / scale;
	if (parts && all >= SZ_1M)
		all = (all + SIZE_FRACTION_BYTES - 1) / SIZE_FRACTION_BYTES *
		      SIZE_FRACTION_BYTES;
	if (all > ~0ULL)
		return -ERANGE;
	*bytes = all;
	return 0;
}

/**
 * size_text() - a size for people
 * @buf: takes the text
 * @bytes: the size
 *
 * Return: @buf, such as "32 MiB" or "1.5 GiB"; rounded to one decimal.
 */
const char *size_text(char buf[SIZE_TEXT], u64 bytes)
{
	unsigned int i = 0;
	u64 unit = 1, tenths;

	while (i < 4 && bytes / unit >= 1024) {
		unit <<= 10;
		i++;
	}
	if (!i) {
		snprintf(buf, SIZE_TEXT, "%" PRIu64 " B", bytes);
		return buf;
	}
	tenths = (u64)(((unsigned __int128)bytes * 10 + unit / 2) / unit);
	if (tenths % 10)
		snprintf(buf, SIZE_TEXT, "%" PRIu64 ".%u %ciB", tenths / 10,
			 (unsigned int)(tenths % 10), size_units[i - 1]);
	else
		snprintf(buf, SIZE_TEXT, "%" PRIu64 " %ciB", tenths / 10,
			 size_units[i - 1]);
	return buf;
}

/**
 * size_text_two() - two sizes for people, which are not the same
 * @a_buf: takes the text of one
 * @a: this
 * @b_buf: takes the text of the other one
 * @b: that
 *
 * As size_text() has them, or in bytes where the difference could not be seen.
 */
void size_text_two(char a_buf[SIZE_TEXT], u64 a, char b_buf[SIZE_TEXT], u64 b)
{
	size_text(a_buf, a);
	size_text(b_buf, b);
	if (a == b || strcmp(a_buf, b_buf))
		return;
	snprintf(a_buf, SIZE_TEXT, "%" PRIu64 " bytes", a);
	snprintf(b_buf, SIZE_TEXT, "%" PRIu64 " bytes", b);
}

/**
 * size_argument() - a size in the form that size_parse() takes, exactly
 * @buf: takes the text
 * @bytes: the size
 *
 * Return: @buf, such as "32M" or "1536".
 */
const char *size_argument(char buf[SIZE_TEXT], u64 bytes)
{
	unsigned int i = 0;

	while (i < 4 && bytes && bytes % 1024 == 0) {
		bytes >>= 10;
		i++;
	}
	if (i)
		snprintf(buf, SIZE_TEXT, "%" PRIu64 "%c", bytes,
			 size_units[i - 1]);
	else
		snprintf(buf, SIZE_TEXT, "%" PRIu64, bytes);
	return buf;
}
