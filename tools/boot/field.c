// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "field.h"

/* The value of three octal digits; negative if they are none. */
static int field_octal(const char *from, size_t length)
{
	int i, value = 0;

	if (length < 3)
		return -1;
	for (i = 0; i < 3; i++) {
		if (from[i] < '0' || from[i] > '7')
			return -1;
		value = value * 8 + from[i] - '0';
	}
	return value <= 0377 ? value : -1;
}

/**
 * field_decode() - replace the escapes in a part of a field
 * @to: takes the text
 * @size: size of @to
 * @from: the part
 * @length: of @from
 *
 * A backslash and three octal digits stand for a character, two backslashes
 * for one.
 *
 * Return: NULL, or what is wrong: "has ...", "is ...".
 */
const char *field_decode(char *to, size_t size, const char *from,
			 size_t length)
{
	size_t n = 0, i;
	int c;

	for (i = 0; i < length; i++) {
		c = (unsigned char)from[i];
		if (c == '\\' && i + 1 < length && from[i + 1] == '\\') {
			i++;
		} else if (c == '\\') {
			c = field_octal(from + i + 1, length - i - 1);
			i += 3;
		}
		if (c < 0)
			return "has a backslash that is no escape (write '\\134' for it, and '\\040' for a blank)";
		if (c < ' ' || c == 0177)
			return "has a control character";
		if (n + 1 >= size)
			return "is too long";
		to[n++] = c;
	}
	to[n] = '\0';
	return NULL;
}
