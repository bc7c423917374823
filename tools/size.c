// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "size.h"

static const char size_units[] = "KMGT";

/**
 * size_parse() - read a size
 * @text: digits, then nothing (bytes) or K, M, G, T, KiB, MiB, GiB, TiB in
 *        any case, all powers of 1024
 * @bytes: result
 *
 * Return: 0, -EINVAL for anything else, -ERANGE from 2^64 bytes on.
 */
int size_parse(const char *text, u64 *bytes)
{
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	*bytes = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;

	if (*end) {
		unit = strchr(size_units, toupper((unsigned char)*end));
		if (!unit)
			return -EINVAL;
		shift = 10 * (unit - size_units + 1);
		end++;
		if (tolower((unsigned char)end[0]) == 'i' &&
		    tolower((unsigned char)end[1]) == 'b')
			end += 2;
		if (*end)
			return -EINVAL;
	}
	if (*bytes > ~0ULL >> shift)
		return -ERANGE;
	*bytes <<= shift;
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
