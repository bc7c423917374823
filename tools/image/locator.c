// SPDX-License-Identifier: GPL-2.0
/* What a child says of its parent, with the paths of pathname.c. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guid.h"
#include "locator.h"
#include "pathname.h"

/* Keys that are written anew. */
static const char *const locator_own[] = {
	VHDX_LOCATOR_LINKAGE, VHDX_LOCATOR_LINKAGE2, VHDX_LOCATOR_RELATIVE,
	VHDX_LOCATOR_VOLUME, VHDX_LOCATOR_ABSOLUTE,
};

/**
 * struct locator - a locator in the making
 * @words: its entries; all strings are to be freed
 * @count: how many
 */
struct locator {
	struct vhdx_locator_words words[VHDX_LOCATOR_MAX_ENTRIES];
	u32 count;
};

/* Takes @value, to be freed; NULL: no memory. */
static int locator_add(struct locator *locator, const char *key, char *value)
{
	char *copy = strdup(key);

	if (!value || !copy || locator->count == VHDX_LOCATOR_MAX_ENTRIES) {
		free(value);
		free(copy);
		return value && copy ? -E2BIG : -ENOMEM;
	}
	locator->words[locator->count].key = copy;
	locator->words[locator->count++].value = value;
	return 0;
}

static char *locator_text(const struct vhdx_locator_text *text)
{
	char *utf8 = malloc(2 * (size_t)text->bytes + 1);

	if (utf8)
		vhdx_locator_utf8(text, utf8, 2 * text->bytes + 1);
	return utf8;
}

static bool locator_is_own(const char *key)
{
	size_t i;

	for (i = 0; i < sizeof(locator_own) / sizeof(*locator_own); i++)
		if (!strcmp(key, locator_own[i]))
			return true;
	return false;
}

/* What an older locator says beside, and its linkages if there is no other. */
static int locator_keep(struct locator *locator, const void *old, bool linkage)
{
	struct vhdx_locator_pair pair;
	char *key;
	u32 i;
	int r = 0;

	for (i = 0; !r && i < vhdx_locator_count(old); i++) {
		vhdx_locator_decode(old, i, &pair);
		key = locator_text(&pair.key);
		if (!key)
			return -ENOMEM;
		if (!locator_is_own(key) ||
		    (linkage && (!strcmp(key, VHDX_LOCATOR_LINKAGE) ||
				 !strcmp(key, VHDX_LOCATOR_LINKAGE2))))
			r = locator_add(locator, key, locator_text(&pair.value));
		free(key);
	}
	return r;
}

static char *locator_guid(const guid_t *guid)
{
	char text[GUID_TEXT], *braced;

	return asprintf(&braced, "{%s}", guid_text(text, guid)) < 0 ? NULL :
								      braced;
}

/* From where the child is, not from a link to it: so the path is read (parent.c). */
static int locator_add_paths(struct locator *locator, const char *child,
			     const char *parent)
{
	char *to = pathname_real(parent);
	char *from = to ? pathname_directory(child) : NULL;
	int r = from ? 0 : -errno;

	if (!r && strchr(to, '\\'))
		r = -EILSEQ;
	if (!r)
		r = locator_add(locator, VHDX_LOCATOR_RELATIVE,
				pathname_backslashes(pathname_relative(from, to)));
	if (!r)
		r = locator_add(locator, VHDX_LOCATOR_ABSOLUTE,
				pathname_backslashes(strdup(to)));
	free(from);
	free(to);
	return r;
}

/**
 * locator_make() - make a parent locator
 * @item: result, to be freed
 * @bytes: its length
 * @child: the child's name; it need not be there yet
 * @parent: the parent's, likewise
 * @guid: the parent's DataWriteGuid; NULL: what @old says
 * @old: the locator it is to replace, passed by vhdx_locator_check(); or NULL
 *
 * Return: 0 or a negative errno: -EILSEQ if the parent's name cannot be said, a
 * backslash is in it, or it is no UTF-8.
 */
int locator_make(void **item, u32 *bytes, const char *child,
		 const char *parent, const guid_t *guid, const void *old)
{
	struct locator locator = {};
	int r = 0;

	*item = malloc(LOCATOR_MAX_BYTES);
	if (!*item)
		return -ENOMEM;
	if (guid)
		r = locator_add(&locator, VHDX_LOCATOR_LINKAGE,
				locator_guid(guid));
	if (!r)
		r = locator_add_paths(&locator, child, parent);
	if (!r && old)
		r = locator_keep(&locator, old, !guid);
	if (!r) {
		*bytes = vhdx_locator_build(*item, LOCATOR_MAX_BYTES,
					    locator.words, locator.count);
		r = *bytes ? 0 : -EILSEQ;
	}
	while (locator.count--) {
		free((char *)locator.words[locator.count].key);
		free((char *)locator.words[locator.count].value);
	}
	return r;
}

/**
 * locator_add_linkage2() - let a child take its parent by another GUID, too
 * @item: result, to be freed
 * @bytes: its length
 * @old: the child's locator, passed by vhdx_locator_check()
 * @guid: the GUID that the parent is going to have
 *
 * Return: 0 or a negative errno.
 */
int locator_add_linkage2(void **item, u32 *bytes, const void *old,
			 const guid_t *guid)
{
	struct locator locator = {};
	struct vhdx_locator_pair pair;
	char *key;
	int r = 0;
	u32 i;

	*item = malloc(LOCATOR_MAX_BYTES);
	if (!*item)
		return -ENOMEM;
	for (i = 0; !r && i < vhdx_locator_count(old); i++) {
		vhdx_locator_decode(old, i, &pair);
		key = locator_text(&pair.key);
		if (!key)
			r = -ENOMEM;
		else if (strcmp(key, VHDX_LOCATOR_LINKAGE2))
			r = locator_add(&locator, key,
					locator_text(&pair.value));
		free(key);
	}
	if (!r)
		r = locator_add(&locator, VHDX_LOCATOR_LINKAGE2,
				locator_guid(guid));
	if (!r) {
		*bytes = vhdx_locator_build(*item, LOCATOR_MAX_BYTES,
					    locator.words, locator.count);
		r = *bytes ? 0 : -EILSEQ;
	}
	while (locator.count--) {
		free((char *)locator.words[locator.count].key);
		free((char *)locator.words[locator.count].value);
	}
	return r;
}
