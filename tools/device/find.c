// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "backing.h"
#include "find.h"
#include "loop.h"
#include "message.h"
#include "sysfs.h"

/**
 * struct find - mappings of images found so far
 * @dev: the device below, or that it is
 * @disk: takes the first one
 * @count: how many there are
 * @names: those of all, for people
 * @child: one that has it as a parent only; empty: there is none
 */
struct find {
	dev_t dev;
	struct mapping *disk;
	unsigned int count;
	char names[512];
	char child[MAPPING_NAME];
};

/* A device on top of the image: is it a mapping of ours? */
static int find_take_holder(void *arg, const char *holder)
{
	char name[SYSFS_DM_NAME];
	struct find *find = arg;
	struct mapping disk;
	size_t length = strlen(find->names);

	sysfs_holder_name(holder, name);
	if (!*name || mapping_get(name, &disk) || !mapping_is_image(&disk))
		return 0;
	if (backing_dev(&disk) != find->dev) {
		strcpy(find->child, disk.name);
		return 0;
	}
	if (!find->count++)
		*find->disk = disk;
	snprintf(find->names + length, sizeof(find->names) - length,
		 "%s'%s'", length ? ", " : "", name);
	return 0;
}

static int find_take_loop(void *arg, const char *loop)
{
	struct find *find = arg;
	char disk[64];

	if (sysfs_number(loop, &find->dev))
		return 0;
	snprintf(disk, sizeof(disk), "block/%s", loop);
	return sysfs_each_holder(disk, find_take_holder, arg);
}

static int find_is_device(void *arg, const char *name, dev_t dev)
{
	struct find *find = arg;

	if (dev != find->dev || mapping_get(name, find->disk) ||
	    !mapping_is_image(find->disk))
		return 0;
	find->count = 1;
	return 1;
}

/* The mapping that a device is; or those on it, which may be one of others. */
static void find_by_device(struct find *find, dev_t dev)
{
	char disk[64];

	find->dev = dev;
	if (mapping_each(find_is_device, find) > 0)
		return;
	snprintf(disk, sizeof(disk), "dev/block/%u:%u", major(dev), minor(dev));
	sysfs_each_holder(disk, find_take_holder, find);
}

static void find_by_stat(struct find *find, const struct stat *st)
{
	if (S_ISBLK(st->st_mode))
		find_by_device(find, st->st_rdev);
	else
		loop_each(st, find_take_loop, find);
}

/**
 * find_image() - look up the mapping of an image
 * @path: its file or block device, or what 'vhdx attach' made of that
 * @disk: result
 *
 * Says so if there are several.
 *
 * Return: 0 or a negative errno: -ENODEV if there is none, -ENOTUNIQ.
 */
int find_image(const char *path, struct mapping *disk)
{
	struct find find = { .disk = disk };
	struct stat st;

	if (stat(path, &st))
		return -ENODEV;
	find_by_stat(&find, &st);
	if (!find.count && *find.child) {
		complain(path, "name that; 'vhdx list' shows what is attached",
			 "not attached but as a parent of '%s'", find.child);
		return -ENOTUNIQ;
	}
	if (find.count <= 1)
		return find.count ? 0 : -ENODEV;
	complain(path, "name the one you mean", "attached as %s", find.names);
	return -ENOTUNIQ;
}

/**
 * find_leaf() - look up what may be attached
 * @what: as for find_mapping()
 * @disk: result
 *
 * Says what is wrong, but not that it is not attached.
 *
 * Return: 0; -ENODEV if it is not attached, or only as a parent; or another
 * negative errno.
 */
int find_leaf(const char *what, struct mapping *disk)
{
	struct find find = { .disk = disk };
	struct stat st;
	int r = -ENODEV;

	if (!strchr(what, '/'))
		r = mapping_get(what, disk);
	if (!r && mapping_is_image(disk))
		return 0;
	if (stat(what, &st))
		return -ENODEV;
	find_by_stat(&find, &st);
	if (find.count > 1)
		complain(what, "name the one you mean", "attached as %s",
			 find.names);
	return find.count > 1 ? -ENOTUNIQ : find.count ? 0 : -ENODEV;
}

/**
 * find_mapping() - look up what the user means
 * @what: the name of a mapping, its path in /dev/mapper, or the file or block
 *        device of its image
 * @disk: result
 *
 * Says what is wrong.
 *
 * Return: 0 or a negative errno.
 */
int find_mapping(const char *what, struct mapping *disk)
{
	int r = -ENODEV;

	if (!strchr(what, '/'))
		r = mapping_get(what, disk);
	if (r == -ENODEV)
		r = find_image(what, disk);
	if (r == -ENODEV) {
		complain(what, "'vhdx list' shows what is attached",
			 "not attached");
	} else if (!r && !mapping_is_image(disk)) {
		complain(what, "'vhdx list' shows what is attached",
			 "no VHDX mapping");
		r = -EINVAL;
	} else if (r && r != -ENOTUNIQ) {
		complain_errno(what, r, "cannot be looked up");
	}
	return r;
}
