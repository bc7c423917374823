// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "text.h"

/* What to do with a character: @n bytes at @at, 0 if they are none. */
typedef void (*text_fn)(FILE *to, const char *at, size_t n, wint_t c);

static locale_t text_locale(void)
{
	static locale_t utf8;

	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	return utf8;
}

static bool text_is_ascii(const char *value)
{
	for (; *value; value++)
		if (*value < ' ' || *value > '~' || *value == '\\')
			return false;
	return true;
}

/* Take a string apart into characters of UTF-8 and bytes that are none. */
static char *text_convert(const char *value, text_fn convert)
{
	locale_t utf8 = text_locale(), old;
	size_t left = strlen(value), size, n;
	mbstate_t state = {};
	char *text = NULL;
	wchar_t c;
	FILE *to;

	if (text_is_ascii(value) || !utf8)
		return strdup(value);
	to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	old = uselocale(utf8);
	for (; left; value += n, left -= n) {
		n = mbrtowc(&c, value, left, &state);
		if (n > left) {
			memset(&state, 0, sizeof(state));
			convert(to, value, 0, 0);
			n = 1;
		} else {
			convert(to, value, n, c);
		}
	}
	uselocale(old);
	fclose(to);
	return text;
}

static void text_put_utf8(FILE *to, const char *at, size_t n, wint_t c)
{
	(void)c;
	if (n)
		fwrite(at, 1, n, to);
	else
		fputs("\xef\xbf\xbd", to);
}

/**
 * text_utf8() - make UTF-8 of a string
 * @value: the string
 *
 * Return: a copy in which bytes that are no UTF-8 are U+FFFD, to be freed;
 * NULL without memory.
 */
char *text_utf8(const char *value)
{
	return text_convert(value, text_put_utf8);
}

/* Does a character change the direction or order of those around it? */
static bool text_is_bidi(wint_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* As lsblk and findmnt do it; a backslash that looks like one of these, too. */
static void text_put_printable(FILE *to, const char *at, size_t n, wint_t c)
{
	size_t i;

	if (n && !iswcntrl(c) && !text_is_bidi(c) && (c != '\\' || at[1] != 'x')) {
		fwrite(at, 1, n, to);
		return;
	}
	for (i = 0; i < (n ? n : 1); i++)
		fprintf(to, "\\x%02x", (unsigned char)at[i]);
}

/**
 * text_printable() - make a string safe for a terminal
 * @value: the string
 *
 * Return: a copy in one line, in which control characters, those that turn the
 * direction of text, and bytes that are no UTF-8 are written as \xNN, to be
 * freed; NULL without memory.
 */
char *text_printable(const char *value)
{
	return text_convert(value, text_put_printable);
}

/**
 * text_print() - print a string as text_printable() makes it
 * @to: where to
 * @value: the string
 */
void text_print(FILE *to, const char *value)
{
	char *text = text_printable(value);

	fputs(text ? text : "?", to);
	free(text);
}
