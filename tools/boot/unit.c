// SPDX-License-Identifier: GPL-2.0
/* The rules are those of "STRING ESCAPING" in systemd.unit(5). */
#include <ctype.h>
#include <string.h>

#include "unit.h"

/* Return: false if it does not fit. */
static bool unit_append(char unit[UNIT_NAME], const char *text)
{
	if (strlen(unit) + strlen(text) >= UNIT_NAME)
		return false;
	strcat(unit, text);
	return true;
}

static bool unit_append_char(char unit[UNIT_NAME], char c, bool first)
{
	char text[8];

	if (c == '/')
		strcpy(text, "-");
	else if (isalnum((unsigned char)c) || c == ':' || c == '_' ||
		 (c == '.' && !first))
		snprintf(text, sizeof(text), "%c", c);
	else
		snprintf(text, sizeof(text), "\\x%02x", (unsigned char)c);
	return unit_append(unit, text);
}

/**
 * unit_name() - the name of a unit for any text
 * @unit: takes the name
 * @prefix: begins it, such as "vhdx@"
 * @text: is escaped
 * @suffix: ends it, such as ".service"
 *
 * Return: false if systemd takes no name of that length.
 */
bool unit_name(char unit[UNIT_NAME], const char *prefix, const char *text,
	       const char *suffix)
{
	const char *c;

	*unit = '\0';
	if (!unit_append(unit, prefix))
		return false;
	for (c = text; *c; c++)
		if (!unit_append_char(unit, *c, c == text))
			return false;
	return unit_append(unit, suffix);
}

/**
 * unit_name_path() - the name of the unit for a path
 * @unit: takes the name
 * @path: of a device or a mount point
 * @suffix: ends it: ".device", ".mount"
 *
 * Return: false if systemd takes no name of that length.
 */
bool unit_name_path(char unit[UNIT_NAME], const char *path, const char *suffix)
{
	bool first = true;
	const char *c;

	*unit = '\0';
	path += strspn(path, "/");
	for (c = path; *c; c++) {
		if (*c == '/' && (!c[1] || c[1] == '/'))
			continue;
		if (!unit_append_char(unit, *c, first))
			return false;
		first = false;
	}
	return (!first || unit_append(unit, "-")) && unit_append(unit, suffix);
}

/**
 * unit_print_path() - write a path into a unit file
 * @file: the unit file
 * @path: one without control characters
 */
void unit_print_path(FILE *file, const char *path)
{
	putc('"', file);
	for (; *path; path++) {
		if (*path == '"' || *path == '\\')
			putc('\\', file);
		if (*path == '%')
			putc('%', file);
		putc(*path, file);
	}
	putc('"', file);
}
