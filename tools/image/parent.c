// SPDX-License-Identifier: GPL-2.0
/*
 * A child says where its parent is in the words of Windows: relative to itself,
 * on a volume, on a drive.  What is found under a name is the parent if its GUID
 * is the one that the child was made with, so it does no harm to look in many
 * places: the files and directories that the user names, then the relative
 * path, then the same path without its drive, and last the same name beside the
 * child.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guid.h"
#include "message.h"
#include "parent.h"
#include "pathname.h"

/**
 * parent_hint() - look there, too
 * @search: takes it
 * @dir: it is a directory
 * @path: its name, which has to stay
 *
 * Return: 0 or -E2BIG.
 */
int parent_hint(struct parent_search *search, bool dir, const char *path)
{
	unsigned int *count = dir ? &search->dirs : &search->files;

	if (*count == PARENT_MAX_HINTS)
		return -E2BIG;
	(dir ? search->dir : search->file)[(*count)++] = path;
	return 0;
}

/**
 * parent_load_locator() - read and judge what an image says of its parent
 * @image: the image; image_load() has passed, and it has a parent
 * @item: result, to be freed; also after a fault
 *
 * Return: 0, a fault or a negative errno.
 */
int parent_load_locator(struct image *image, void **item)
{
	const struct vhdx_layout *layout = &image->layout;
	int r;

	/* A metadata item has up to 1 MiB. */
	*item = malloc(layout->locator.length);
	if (!*item)
		return -ENOMEM;
	r = image->reader.read(&image->reader, layout->regions.metadata.off +
			       layout->locator.off, *item,
			       layout->locator.length);
	return r ? r : vhdx_locator_check(*item, layout->locator.length);
}

/**
 * parent_value() - what a locator says under a key
 * @locator: passed by vhdx_locator_check()
 * @key: the key
 *
 * Return: UTF-8, to be freed; NULL if there is none.
 */
char *parent_value(const void *locator, const char *key)
{
	struct vhdx_locator_text value;
	char *text;

	if (!vhdx_locator_find(locator, key, &value))
		return NULL;
	text = malloc(2 * (size_t)value.bytes);
	if (text)
		vhdx_locator_utf8(&value, text, 2 * value.bytes);
	return text;
}

/* @name in @dir in whatever case, as Windows looks it up. */
static bool parent_spelling(const char *dir, char *name)
{
	struct dirent *entry;
	DIR *stream = opendir(*dir ? dir : "/");
	bool found = false;

	if (!stream)
		return false;
	while (!found && (entry = readdir(stream))) {
		found = !strcasecmp(entry->d_name, name);
		if (found)
			memcpy(name, entry->d_name, strlen(name));
	}
	closedir(stream);
	return found;
}

/* Spell each part of @path as it is on disk, behind its first @fixed bytes. */
static void parent_spell(char *path, size_t fixed)
{
	char *part = path + fixed, *end, *slash, saved;
	struct stat st;

	while (*part) {
		while (*part == '/')
			part++;
		end = strchrnul(part, '/');
		saved = *end;
		*end = '\0';
		slash = part - 1;
		if (*part && stat(path, &st)) {
			*slash = '\0';
			parent_spelling(path, part);
			*slash = '/';
		}
		*end = saved;
		part = end;
	}
}

/* The part of a path of Windows behind its volume: "\\?\D:\x", "D:\x", "\x". */
static const char *parent_behind_volume(const char *path)
{
	const char *at = path;

	if (!strncmp(at, "\\\\?\\", 4) || !strncmp(at, "\\\\.\\", 4))
		at += 4;
	if (!strncasecmp(at, "UNC\\", 4))	/* then server and share */
		at += 4;
	else if (!strncmp(at, "\\\\", 2))
		at += 2;
	else if (!strncasecmp(at, "Volume{", 7))
		return strchrnul(at, '\\');
	else if (*at && at[1] == ':')
		return at + 2;
	else
		return at;
	at = strchrnul(at, '\\');
	return *at ? strchrnul(at + 1, '\\') : at;
}

/* "/a/b/../c" is "/a/c": Windows does not ask what b is, and here it is no link. */
static void parent_collapse(char *path)
{
	char *up, *before;

	while ((up = strstr(path, "/../"))) {
		for (before = up; before > path && before[-1] != '/';)
			before--;
		if (before > path)
			before--;
		memmove(before, up + 3, strlen(up + 3) + 1);
	}
}

/*
 * Take @dir/@tail, where @tail has backslashes, for a place to look.  @real:
 * there are no links in @dir.
 */
static int parent_add(struct parent *parent, const char *dir, const char *tail,
		      bool real)
{
	unsigned int i;
	char **sought;
	char *path;
	size_t at;

	while (*tail == '\\' || *tail == '/')
		tail++;
	if (asprintf(&path, "%s/%s", strcmp(dir, "/") ? dir : "", tail) < 0)
		return -ENOMEM;
	at = strlen(path) - strlen(tail) - 1;
	for (i = at; path[i]; i++)
		if (path[i] == '\\')
			path[i] = '/';
	while (!strncmp(path + at, "/./", 3))
		memmove(path + at, path + at + 2, strlen(path + at + 2) + 1);
	if (real) {
		parent_collapse(path);
		at = 0;
	}
	parent_spell(path, at);
	for (i = 0; i < parent->count; i++)
		if (!strcmp(parent->sought[i], path))
			break;
	sought = i < parent->count ? NULL :
		 realloc(parent->sought, (i + 1) * sizeof(*sought));
	if (!sought) {
		free(path);
		return i < parent->count ? 0 : -ENOMEM;
	}
	parent->sought = sought;
	parent->sought[parent->count++] = path;
	return 0;
}

/* Below @dir: as much of the path's end as there is, longest first. */
static int parent_add_below(struct parent *parent, const char *dir,
			    const char *tail)
{
	int r = 0;

	while (!r) {
		while (*tail == '\\' || !strncmp(tail, ".\\", 2) ||
		       !strncmp(tail, "..\\", 3))
			tail = strchr(tail, '\\') + 1;
		if (!*tail)
			return 0;
		r = parent_add(parent, dir, tail, false);
		tail = strchrnul(tail, '\\');
	}
	return r;
}

/* All places, best first. */
static int parent_list(struct parent *parent, const struct image *child,
		       const struct parent_names *names,
		       const struct parent_search *search)
{
	/* As the one who wrote the relative path went by (pathname.c). */
	char *here = pathname_directory(child->path) ?: strdup(".");
	unsigned int i, n;
	const char *tail;
	int r = here ? 0 : -ENOMEM;

	if (!r && names->relative)
		r = parent_add(parent, here, names->relative, true);
	for (i = 0; !r && i < search->dirs; i++) {
		for (n = 0; !r && n < 2; n++)
			if (names->absolute[n])
				r = parent_add_below(parent, search->dir[i],
					parent_behind_volume(names->absolute[n]));
		if (!r && names->relative)
			r = parent_add_below(parent, search->dir[i],
					     names->relative);
	}
	for (n = 0; !r && n < 2; n++) {
		if (!names->absolute[n])
			continue;
		tail = parent_behind_volume(names->absolute[n]);
		if (strpbrk(tail, "\\/"))
			r = parent_add(parent, "", tail, true);
		while (strpbrk(tail, "\\/"))
			tail = strpbrk(tail, "\\/") + 1;
		if (!r && *tail)
			r = parent_add(parent, here, tail, true);
	}
	free(here);
	return r;
}

/**
 * parent_note_refused() - remember a file that cannot be opened or read
 * @parent: takes it, if it is the first one
 * @path: the file
 * @error: why: a negative errno; that there is no such file is no such reason
 */
void parent_note_refused(struct parent *parent, const char *path, int error)
{
	static const int reasons[] = {
		EACCES, EPERM, EIO, ELOOP, ESTALE, EMFILE, ENFILE, 0
	};
	unsigned int i;

	if (parent->refused)
		return;
	for (i = 0; reasons[i]; i++)
		if (error == -reasons[i]) {
			parent->refused = strdup(path);
			parent->error = error;
		}
}

/**
 * parent_look() - look for the parent of an image
 * @parent: result; parent_free() it
 * @child: the image, open
 * @names: what it calls its parent
 * @try: tells whether a file is it
 * @arg: for @try
 * @search: where else to look
 *
 * Return: 0, whether it was found or not; or a negative errno.
 */
int parent_look(struct parent *parent, const struct image *child,
		const struct parent_names *names, parent_try_fn try,
		const void *arg, const struct parent_search *search)
{
	unsigned int i;
	int r;

	memset(parent, 0, sizeof(*parent));
	r = parent_list(parent, child, names, search);
	for (i = 0; !r && !parent->path && i < search->files; i++)
		r = try(parent, child, arg, search->file[i]);
	for (i = 0; !r && !parent->path && i < parent->count; i++)
		if (!access(parent->sought[i], F_OK))
			r = try(parent, child, arg, parent->sought[i]);
		else
			parent_note_refused(parent, parent->sought[i], -errno);
	if (!r && !parent->path && parent->other && search->any_id) {
		parent->path = strdup(parent->other);
		parent->is_other = true;
	}
	/* If it is all there is, let whoever opens it say what is wrong. */
	if (!parent->path && !parent->other) {
		parent->path = parent->broken;
		parent->broken = NULL;
	}
	return r;
}

/**
 * parent_free_names() - free memory
 * @names: of it
 */
void parent_free_names(struct parent_names *names)
{
	free(names->relative);
	free(names->absolute[0]);
	free(names->absolute[1]);
	memset(names, 0, sizeof(*names));
}

/* Is it the one?  If not, but it is an image, remember it. */
static int parent_try(struct parent *parent, const struct image *child,
		      const void *locator, const char *path)
{
	struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	r = image_peek(image, path);
	if (!r && vhdx_locator_accepts(locator,
				       &image->layout.header.data_write_guid)) {
		parent->path = strdup(path);
	} else if (!r && !parent->other &&
		   (image->st.st_ino != child->st.st_ino ||
		    image->st.st_dev != child->st.st_dev)) {
		/* What was named for the child's own child is no answer. */
		parent->other = strdup(path);
		parent->other_guid = image->layout.header.data_write_guid;
		parent->other_is_same =
			guid_equal(&image->layout.meta.disk_id,
				   &child->layout.meta.disk_id);
		parent->other_written = image->st.st_mtime;
	} else if (r > 0 && !parent->broken) {
		parent->broken = strdup(path);
	}
	parent_note_refused(parent, path, r);
	image_close(image);
	free(image);
	return 0;
}

/**
 * parent_find() - find the parent of an image
 * @parent: result; parent_free() it
 * @child: the image, loaded
 * @locator: of it, passed by vhdx_locator_check()
 * @search: where else to look
 *
 * Return: 0, whether it was found or not; or a negative errno.
 */
int parent_find(struct parent *parent, const struct image *child,
		const void *locator, const struct parent_search *search)
{
	struct parent_names names = {
		.relative = parent_value(locator, VHDX_LOCATOR_RELATIVE),
		.absolute[0] = parent_value(locator, VHDX_LOCATOR_VOLUME),
		.absolute[1] = parent_value(locator, VHDX_LOCATOR_ABSOLUTE),
	};
	int r = parent_look(parent, child, &names, parent_try, locator, search);

	parent_free_names(&names);
	return r;
}

/**
 * parent_complain_refused() - say of a parent that it may be there
 * @parent: from parent_look(), without a path
 * @child: the image's file
 *
 * Return: false if no file was refused.
 */
bool parent_complain_refused(const struct parent *parent, const char *child)
{
	if (!parent->refused)
		return false;
	complain_errno(child, parent->error, "its parent may be '%s', which cannot be read",
		       parent->refused);
	return true;
}

/**
 * parent_complain() - say that the parent was not found
 * @parent: from parent_find()
 * @child: the image
 * @locator: of it
 */
void parent_complain(const struct parent *parent, const struct image *child,
		     const void *locator)
{
	char wants[GUID_TEXT], has[GUID_TEXT];
	guid_t linkage[2];

	if (parent_complain_refused(parent, child->path))
		return;
	vhdx_locator_linkage(locator, linkage);
	guid_text(wants, &linkage[0]);
	if (parent->other)
		complain(child->path, "name the right one with --parent; 'vhdx chain' tells more",
			 "its parent should have the data write GUID %s, but '%s' has %s",
			 wants, parent->other, guid_text(has, &parent->other_guid));
	else if (parent->count)
		complain(child->path, "name it with --parent, or its directory with --parent-dir",
			 "its parent with the data write GUID %s is not found: looked for '%s'%s",
			 wants, parent->sought[0], parent->count > 1 ?
			 " and other places" : "");
	else
		complain(child->path, "name it with --parent",
			 "it does not say where its parent with the data write GUID %s is",
			 wants);
}

/**
 * parent_free() - free memory
 * @parent: from parent_find()
 */
void parent_free(struct parent *parent)
{
	unsigned int i;

	for (i = 0; i < parent->count; i++)
		free(parent->sought[i]);
	free(parent->sought);
	free(parent->path);
	free(parent->other);
	free(parent->broken);
	free(parent->refused);
	memset(parent, 0, sizeof(*parent));
}
