/* SPDX-License-Identifier: GPL-2.0 */
/* Which file is the parent of an image. */
#ifndef VHDX_TOOLS_PARENT_H
#define VHDX_TOOLS_PARENT_H

#include "image.h"
#include "vhdx-locator.h"

/* Some of what users name is kept on one line. */
#define PARENT_MAX_HINTS	256

/**
 * struct parent_search - where else to look
 * @file: files that may be one
 * @files: how many
 * @dir: directories that stand for those of Windows
 * @dirs: how many
 * @any_id: the first image that is there will do, whatever its GUID
 */
struct parent_search {
	const char *file[PARENT_MAX_HINTS];
	unsigned int files;
	const char *dir[PARENT_MAX_HINTS];
	unsigned int dirs;
	bool any_id;
};

/**
 * struct parent - what was found
 * @path: the file; NULL: there is none
 * @is_other: @path is the parent only because any will do: it is @other
 * @other: one that is there but is not it; NULL: there is none
 * @other_guid: its DataWriteGuid
 * @other_is_same: it is the same virtual disk, by its ID
 * @other_written: when it was last written to
 * @broken: one that is no good image
 * @refused: one that may be it, but cannot be opened or read
 * @error: why: a negative errno
 * @sought: files that were looked for
 * @count: how many
 */
struct parent {
	char *path;
	bool is_other;
	char *other;
	guid_t other_guid;
	bool other_is_same;
	time_t other_written;
	char *broken;
	char *refused;
	int error;
	char **sought;
	unsigned int count;
};

/**
 * struct parent_names - what a child calls its parent, in UTF-8; NULL: not
 * @relative: from the child's directory
 * @absolute: with a volume or a drive, best first
 */
struct parent_names {
	char *relative;
	char *absolute[2];
};

/*
 * Is the file @path what @arg asks for?  Then it becomes @parent's path; one that is
 * not may be remembered there.  Returns 0 in either case, or a negative errno.
 */
typedef int (*parent_try_fn)(struct parent *parent, const struct image *child,
			     const void *arg, const char *path);

int parent_hint(struct parent_search *search, bool dir, const char *path);
int parent_load_locator(struct image *image, void **item);
int parent_find(struct parent *parent, const struct image *child,
		const void *locator, const struct parent_search *search);
int parent_look(struct parent *parent, const struct image *child,
		const struct parent_names *names, parent_try_fn try,
		const void *arg, const struct parent_search *search);
void parent_free_names(struct parent_names *names);
void parent_note_refused(struct parent *parent, const char *path, int error);
bool parent_complain_refused(const struct parent *parent, const char *child);
void parent_complain(const struct parent *parent, const struct image *child,
		     const void *locator);
void parent_free(struct parent *parent);
char *parent_value(const void *locator, const char *key);

#endif /* VHDX_TOOLS_PARENT_H */
