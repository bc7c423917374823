// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: rd.vhdx=
 *
 *   rd.vhdx=[NAME=]SOURCE[:OPTION,...]
 *
 * any number of times.  SOURCE and OPTION are those of vhdxtab(5), with its
 * escapes; a colon that divides nothing is always "\072" here, as the line has
 * no blanks to divide by.  rd.vhdx=0 turns all of it off, x-initrd.attach in
 * vhdxtab included.
 *
 * GRUB writes each backslash twice, whatever its quotes.  So "\\072" is the same
 * as "\072" here; a backslash in front of three octal digits is "\134".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parameter.h"

#define PARAMETER_NAME	"rd.vhdx="

/* A word up to '=' that is none of SOURCE's: a name. */
static char *parameter_take_name(char *value, char **name)
{
	static const char *const tags[] = {
		"UUID", "LABEL", "PARTUUID", "PARTLABEL", NULL
	};
	char *equals = strpbrk(value, "=:/");
	unsigned int i;

	*name = NULL;
	if (!equals || *equals != '=')
		return value;
	for (i = 0; tags[i]; i++)
		if (strlen(tags[i]) == (size_t)(equals - value) &&
		    !strncmp(tags[i], value, equals - value))
			return value;
	*equals = '\0';
	*name = value;
	return equals + 1;
}

/**
 * parameter_split() - take a value of rd.vhdx= to pieces
 * @value: the value; will be changed
 * @fields: takes name, source and options, in @value and in @source; without a
 *          name the first is NULL
 * @source: takes the source
 * @size: size of @source
 *
 * Return: NULL, or what is wrong: "has ...".
 */
const char *parameter_split(char *value, char *fields[TAB_FIELDS],
			    char *source, size_t size)
{
	char *device, *inner = NULL, *options;

	device = strsep(&value, ":");
	device = parameter_take_name(device, &fields[0]);
	/* A name may have a colon in it only as "\072", as all else. */
	if (value && *value == '/')
		inner = strsep(&value, ":");
	options = strsep(&value, ":");
	if (value)
		return "has a colon too many (write '\\072' for one that divides nothing)";
	if (!*device)
		return "has no source";
	if (inner && *device == '/' && strncmp(device, "/dev/", 5))
		return "has a path in a device that is none ('/dev/...', 'UUID=...')";
	if ((size_t)snprintf(source, size, "%s%s%s", device, inner ? ":" : "",
			     inner ?: "") >= size)
		return "is too long";
	fields[1] = source;
	fields[2] = options && *options ? options : "-";
	return NULL;
}

/* Of one "rd.vhdx=...". */
static int parameter_take(struct parameters *parameters, const char *word)
{
	char *value = strdup(word + strlen(PARAMETER_NAME));
	struct tab *tab = &parameters->tab;
	char source[PATH_MAX], *fields[TAB_FIELDS];
	const char *wrong;
	int r = 0;

	if (!value)
		return -ENOMEM;
	tab->path = word;
	if (!strcmp(value, "0")) {
		parameters->off = true;
	} else if (*value && strcmp(value, "1")) {
		wrong = parameter_split(value, fields, source, sizeof(source));
		if (wrong)
			tab_wrong(tab, 0, "write rd.vhdx=[NAME=]SOURCE[:OPTION,...], see vhdx-initrd(8)",
				  "it %s", wrong);
		else
			r = tab_add(tab, 0, fields);
	}
	free(value);
	return r;
}

/* An escape the backslash of which has been doubled? */
static bool parameter_is_doubled(const char *text)
{
	return !strncmp(text, "\\\\", 2) && strspn(text + 2, "01234567") >= 3;
}

/* The next word, as the kernel sees them: quotes keep blanks, and vanish. */
static char *parameter_next(char **line)
{
	char *from = *line + strspn(*line, " \t\n"), *to = from, *word = from;
	bool quoted = false;

	if (!*from)
		return NULL;
	for (; *from && (quoted || !strchr(" \t\n", *from)); from++) {
		if (parameter_is_doubled(from))
			from++;
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*line = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

/**
 * parameter_value() - find a parameter on the kernel's command line
 * @path: file with the line
 * @name: of the parameter, with '='
 *
 * Return: the value of the last one; free() it; NULL if there is none.
 */
char *parameter_value(const char *path, const char *name)
{
	char *text = NULL, *rest, *word, *value = NULL;
	FILE *file = fopen(path, "re");
	size_t size = 0;

	/* dracut has lines of its own. */
	while (file && getline(&text, &size, file) >= 0) {
		rest = text;
		while ((word = parameter_next(&rest))) {
			if (strncmp(word, name, strlen(name)))
				continue;
			free(value);
			value = strdup(word + strlen(name));
		}
	}
	free(text);
	if (file)
		fclose(file);
	return value;
}

/**
 * parameter_load() - read the kernel's command line
 * @parameters: result; tab_free() its table
 * @path: file with the line
 *
 * Says what is wrong; what others say holds.
 *
 * Return: 0 or a negative errno.
 */
int parameter_load(struct parameters *parameters, const char *path)
{
	char *text = NULL, *rest, *word;
	size_t size = 0;
	FILE *file;
	int r = 0;

	memset(parameters, 0, sizeof(*parameters));
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!r && getline(&text, &size, file) >= 0) {
		rest = text;
		while (!r && (word = parameter_next(&rest)))
			if (!strncmp(word, PARAMETER_NAME,
				     strlen(PARAMETER_NAME)))
				r = parameter_take(parameters, word);
	}
	if (!r && ferror(file))
		r = -EIO;
	parameters->tab.path = path;
	free(text);
	fclose(file);
	return r;
}
