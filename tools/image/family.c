// SPDX-License-Identifier: GPL-2.0
/*
 * Broken chains are what this is for, so nothing is complained about: whatever
 * can be found out is noted.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "family.h"
#include "identify.h"
#include "vhd-chain.h"

static unsigned int family_find(const struct family *family,
				const struct stat *st)
{
	unsigned int i;

	for (i = 0; i < family->count; i++)
		if (family->member[i].st.st_dev == st->st_dev &&
		    family->member[i].st.st_ino == st->st_ino)
			return i;
	return FAMILY_NOBODY;
}

static int family_look_vhd(struct family_member *member, struct image *image,
			   const struct parent_search *search)
{
	struct vhd_image vhd;
	int r = 0;

	member->is_vhd = true;
	member->result = vhd_image_load(&vhd, image);
	if (!member->result) {
		vhd_image_describe(image, &vhd.layout);
		member->meta = image->layout.meta;
		member->guid = member->meta.disk_id;
	}
	if (!member->result && member->meta.has_parent) {
		member->link = FAMILY_MISSING;
		member->linkage = vhd.layout.header.parent_id;
		r = vhd_chain_find(&member->sought, &vhd, search);
	}
	vhd_image_free(&vhd);
	return r;
}

/* What the image itself says, and who its parent is said to be. */
static int family_look(struct family_member *member, struct image *image,
		       const struct parent_search *search)
{
	void *locator = NULL;
	guid_t linkage[2];
	int r;

	member->result = image_peek(image, member->path);
	if (member->result > 0 && vhd_image_is(image))
		return family_look_vhd(member, image, search);
	member->foreign = image->fd >= 0 &&
			  identify_is_foreign(image, member->result);
	if (member->result)
		return 0;
	member->meta = image->layout.meta;
	member->guid = image->layout.header.data_write_guid;
	member->dirty = image->dirty;
	if (!member->meta.has_parent)
		return 0;
	member->link = FAMILY_MISSING;
	r = parent_load_locator(image, &locator);
	if (!r) {
		vhdx_locator_linkage(locator, linkage);
		member->linkage = linkage[0];
		r = parent_find(&member->sought, image, locator, search);
	} else if (r > 0) {
		member->result = r;
		r = 0;
	}
	free(locator);
	return r;
}

/* Does its chain of parents lead to @member? */
static bool family_descends(const struct family *family, unsigned int from,
			    unsigned int member)
{
	for (; from != FAMILY_NOBODY; from = family->member[from].parent)
		if (from == member)
			return true;
	return false;
}

static void family_join(struct family *family, unsigned int number,
			unsigned int parent)
{
	struct family_member *member = &family->member[number];
	const struct family_member *other = &family->member[parent];

	member->link = member->sought.path ? FAMILY_FOUND : FAMILY_CHANGED;
	if (family_descends(family, parent, number)) {
		member->link = FAMILY_LOOP;
		return;
	}
	member->parent = parent;
	if (member->link != FAMILY_FOUND || other->result)
		return;
	if (other->is_vhd != member->is_vhd)
		member->link = FAMILY_FORMAT;
	else if (other->meta.logical_bytes != member->meta.logical_bytes)
		member->link = FAMILY_SECTORS;
}

/* One image; its number. */
static int family_add_one(struct family *family, const char *path,
			  const struct parent_search *search,
			  unsigned int *number)
{
	struct family_member *member;
	struct image *image;
	struct stat st;
	int r;

	if (stat(path, &st))
		return -errno;
	*number = family_find(family, &st);
	if (*number != FAMILY_NOBODY)
		return -EEXIST;
	image = calloc(1, sizeof(*image));
	member = realloc(family->member, (family->count + 1) * sizeof(*member));
	if (member)
		family->member = member;
	if (!image || !member) {
		free(image);
		return -ENOMEM;
	}
	*number = family->count++;
	member += *number;
	memset(member, 0, sizeof(*member));
	member->st = st;
	member->parent = FAMILY_NOBODY;
	member->path = strdup(path);
	r = member->path ? family_look(member, image, search) : -ENOMEM;
	if (member->link == FAMILY_MISSING && member->sought.refused)
		member->link = FAMILY_REFUSED;
	image_close(image);
	free(image);
	return r;
}

/**
 * family_add() - add an image and its parents, as far as they are found
 * @family: all of them
 * @path: the image
 * @search: where else to look for parents
 *
 * Return: 0 or a negative errno.
 */
int family_add(struct family *family, const char *path,
	       const struct parent_search *search)
{
	unsigned int child = FAMILY_NOBODY, number = FAMILY_NOBODY;
	const struct parent *sought;
	int r;

	while (path) {
		r = family_add_one(family, path, search, &number);
		if (r && r != -EEXIST)
			/* One that was found a moment ago is gone. */
			return child != FAMILY_NOBODY && r != -ENOMEM ? 0 : r;
		if (child != FAMILY_NOBODY)
			family_join(family, child, number);
		if (r == -EEXIST)
			return 0;
		child = number;
		sought = &family->member[number].sought;
		path = sought->path ? sought->path : sought->other;
	}
	return 0;
}

static int family_is_image(const struct dirent *entry)
{
	return entry->d_type == DT_REG || entry->d_type == DT_LNK ||
	       entry->d_type == DT_UNKNOWN;
}

/* What lies in the directory is called by that name, however it was found. */
static void family_rename(struct family *family, const char *path)
{
	unsigned int number;
	struct stat st;
	char *copy;

	if (stat(path, &st))
		return;
	number = family_find(family, &st);
	copy = number == FAMILY_NOBODY ? NULL : strdup(path);
	if (!copy)
		return;
	free(family->member[number].path);
	family->member[number].path = copy;
}

/**
 * family_add_dir() - add all images of a directory, and their parents
 * @family: all of them
 * @dir: the directory
 * @search: where else to look for parents
 *
 * Return: 0 or a negative errno.
 */
int family_add_dir(struct family *family, const char *dir,
		   const struct parent_search *search)
{
	struct dirent **entry;
	int count = scandir(dir, &entry, family_is_image, alphasort), i, r = 0;
	char *path;

	if (count < 0)
		return -errno;
	for (i = 0; i < count; i++) {
		if (!r && asprintf(&path, "%s/%s", dir, entry[i]->d_name) < 0)
			r = -ENOMEM;
		if (!r) {
			if (identify_begins(path) || vhd_image_is_at(path)) {
				r = family_add(family, path, search);
				family_rename(family, path);
			}
			free(path);
		}
		free(entry[i]);
	}
	free(entry);
	return r;
}

/**
 * family_is_broken() - is anything wrong?
 * @family: all of them
 *
 * Return: true if so.
 */
bool family_is_broken(const struct family *family)
{
	unsigned int i;

	for (i = 0; i < family->count; i++)
		if (family->member[i].result ||
		    family->member[i].link > FAMILY_FOUND)
			return true;
	return false;
}

/**
 * family_free() - free memory
 * @family: all of them
 */
void family_free(struct family *family)
{
	while (family->count) {
		struct family_member *member = &family->member[--family->count];

		free(member->path);
		parent_free(&member->sought);
	}
	free(family->member);
	memset(family, 0, sizeof(*family));
}
