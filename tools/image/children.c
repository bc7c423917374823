// SPDX-License-Identifier: GPL-2.0
/*
 * A parent knows nothing of its children, and a write to it makes all of them
 * useless.  They are looked for where they nearly always are, in the same
 * directory: of each image there, header and locator are read.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "children.h"
#include "identify.h"
#include "message.h"
#include "newfile.h"
#include "parent.h"
#include "vhd-chain.h"

#define CHILDREN_NAMED	3	/* so many are told by name */

/*
 * A snapshot that was killed before the names were exchanged leaves a file that
 * names itself: nobody will ever miss it.
 */
static bool child_names_itself(const struct image *child,
			       const struct parent *found)
{
	struct stat st;
	unsigned int i;

	for (i = 0; i < found->count; i++)
		if (!stat(found->sought[i], &st) &&
		    st.st_dev == child->st.st_dev &&
		    st.st_ino == child->st.st_ino)
			return true;
	return false;
}

/*
 * Does a locator mean this image?  There may be copies of it with the same
 * GUID: then the path decides, if it leads to one of them.
 */
static bool child_means(const struct image *child, const void *locator,
			const struct image *parent)
{
	static const struct parent_search nowhere;
	struct parent found;
	bool means = true;
	struct stat st;

	if (!vhdx_locator_accepts(locator,
				  &parent->layout.header.data_write_guid))
		return false;
	if (!parent_find(&found, child, locator, &nowhere) && found.path &&
	    !stat(found.path, &st))
		means = st.st_dev == parent->st.st_dev &&
			st.st_ino == parent->st.st_ino;
	else
		means = !child_names_itself(child, &found);
	parent_free(&found);
	return means;
}

/* What cannot be read now may be again, by a repair or by its owner. */
static void child_note(const struct image *parent, const char *path, const char *why)
{
	note(parent->path, "'%s' %s: it may be a child of this image", path, why);
}

static bool child_is_of(const char *path, const struct image *parent,
			const struct children_known *known)
{
	struct image *child = calloc(1, sizeof(*child));
	int r = child ? image_peek(child, path) : -ENOMEM;
	void *locator = NULL;
	bool is = false;

	if (r && r != -ENOENT)
		child_note(parent, path, r > 0 ? "is damaged" : "cannot be read");
	if (!r && child->layout.meta.has_parent &&
	    !(known && chain_has_file(known->chain, &child->st)) &&
	    !(known && guid_equal(&child->layout.header.data_write_guid,
				  &known->merged)) &&
	    !parent_load_locator(child, &locator))
		is = child_means(child, locator, parent);
	free(locator);
	if (child)
		image_close(child);
	free(child);
	return is;
}

/* By the UniqueId, which copies have in common; unless it is known to mean another one. */
static bool child_means_vhd(const struct vhd_image *child,
			    const struct image *parent)
{
	static const struct parent_search nowhere;
	struct parent found;
	bool means;

	if (child->layout.footer.type != VHD_TYPE_DIFFERENCING ||
	    !vhd_load_takes_parent(&child->layout, &parent->layout.meta.disk_id))
		return false;
	means = vhd_chain_find(&found, child, &nowhere) || found.path ||
		!child_names_itself(child->image, &found);
	parent_free(&found);
	return means;
}

static bool child_is_of_vhd(const char *path, const struct image *parent,
			    const struct children_known *known)
{
	struct image *child = calloc(1, sizeof(*child));
	struct vhd_image vhd = {};
	bool is = false;
	int r;

	/* It can be read, but is no VHDX image. */
	if (child && image_peek(child, path) > 0 && vhd_image_is(child) &&
	    !(known && chain_has_file(known->chain, &child->st))) {
		r = vhd_image_load(&vhd, child);
		if (r)
			child_note(parent, path, r > 0 ? "is damaged" : "cannot be read");
		else
			is = child_means_vhd(&vhd, parent);
	}
	vhd_image_free(&vhd);
	if (child)
		image_close(child);
	free(child);
	return is;
}

/* An image, by its name, that only somebody else can read. */
static bool child_is_hidden(const char *path)
{
	static const char *const ends[] = { ".vhdx", ".avhdx", ".vhd", ".avhd" };
	const char *dot = strrchr(path, '.');
	unsigned int i;

	for (i = 0; dot && i < sizeof(ends) / sizeof(*ends); i++)
		if (!strcasecmp(dot, ends[i]))
			return access(path, R_OK) && errno == EACCES;
	return false;
}

static bool child_is(const char *path, const struct image *parent,
		     const struct children_known *known)
{
	if (child_is_hidden(path)) {
		child_note(parent, path, "cannot be read");
		return false;
	}
	if (vhd_image_is(parent))
		return child_is_of_vhd(path, parent, known);
	return identify_begins(path) && child_is_of(path, parent, known);
}

static void children_name(char names[CHILDREN_TEXT], const char *path, int n)
{
	size_t length = strlen(names);

	if (n <= CHILDREN_NAMED)
		snprintf(names + length, CHILDREN_TEXT - length, "%s'%.140s'",
			 length ? ", " : "", path);
}

/* The directory that a file is in, links followed; "/" is "". */
static char *children_directory(const char *path)
{
	char *real = realpath(path, NULL);

	if (real)
		*strrchr(real, '/') = '\0';
	return real;
}

/**
 * children_find() - find the children of an image in its directory
 * @parent: the image, loaded; on a block device none are found
 * @known: children that do not count; NULL: none
 * @names: takes the names of some, for people
 *
 * Says which files may be children, too, but cannot be read, or are damaged.
 *
 * Return: how many there are; 0 also if the directory cannot be read.
 */
int children_find(const struct image *parent,
		  const struct children_known *known, char names[CHILDREN_TEXT])
{
	char *dir = children_directory(parent->path), *path, more[32];
	struct dirent **entry = NULL;
	int count = 0, all = 0, i;
	size_t length;

	*names = '\0';
	if (dir && !parent->block_device)
		all = scandir(*dir ? dir : "/", &entry, NULL, alphasort);
	for (i = 0; i < all; i++) {
		/* What a power cut has left of a child that was being made. */
		if (!newfile_is_temp(entry[i]->d_name) &&
		    asprintf(&path, "%s/%s", dir, entry[i]->d_name) >= 0) {
			if (child_is(path, parent, known))
				children_name(names, path, ++count);
			free(path);
		}
		free(entry[i]);
	}
	free(entry);
	free(dir);
	if (count <= CHILDREN_NAMED)
		return count;
	snprintf(more, sizeof(more), " and %d more", count - CHILDREN_NAMED);
	length = strlen(names);
	snprintf(names + length, CHILDREN_TEXT - length, "%s", more);
	return count;
}
