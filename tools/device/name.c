// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "message.h"
#include "name.h"

#define NAME_HASH_CHARS	8	/* behind the head of a name that is cut */

static bool name_takes(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("#+-.:=@_", c));
}

/* The same for the same name always, so that scripts can rely on it. */
static void name_hash(const char *base, char text[NAME_HASH_CHARS + 1])
{
	const uuid_t space = {};
	uuid_t uuid;
	char full[UUID_STR_LEN];

	uuid_generate_sha1(uuid, space, base, strlen(base));
	uuid_unparse_lower(uuid, full);
	full[NAME_HASH_CHARS] = '\0';
	strcpy(text, full);
}

/**
 * name_from_path() - what a mapping is called if nobody says
 * @path: of the image
 * @name: takes the name of the file without directory and .vhdx or .vhd; one
 *        that is too long is cut, with a hash of all of it at the end: names of
 *        checkpoints differ late
 */
void name_from_path(const char *path, char name[NAME_MAX_CHARS + 1])
{
	const char *base = strrchr(path, '/');
	size_t length, head, i;

	base = base ? base + 1 : path;
	length = strlen(base);
	if (length > 5 && !strcasecmp(base + length - 5, ".vhdx"))
		length -= 5;
	else if (length > 4 && !strcasecmp(base + length - 4, ".vhd"))
		length -= 4;
	head = length;
	if (length > NAME_MAX_CHARS)
		head = NAME_MAX_CHARS - NAME_HASH_CHARS - 1;
	for (i = 0; i < head; i++)
		name[i] = name_takes(base[i]) ? base[i] : '_';
	if (head < length) {
		name[head++] = '-';
		name_hash(base, name + head);
		head += NAME_HASH_CHARS;
	}
	name[head] = '\0';
}

/**
 * name_is_good() - can a mapping be called that?
 * @name: its name
 *
 * Return: true if so.
 */
bool name_is_good(const char *name)
{
	const char *c = name;

	while (name_takes(*c))
		c++;
	return !*c && *name && c - name <= NAME_MAX_CHARS &&
	       strcmp(name, ".") && strcmp(name, "..") &&
	       strcmp(name, "control");
}

/**
 * name_check() - see that a mapping can be called that
 * @name: its name
 *
 * Says what is wrong.
 *
 * Return: 0 or -EINVAL.
 */
int name_check(const char *name)
{
	if (name_is_good(name))
		return 0;
	complain(name, NAME_ADVICE, "a mapping cannot be called that");
	return -EINVAL;
}
