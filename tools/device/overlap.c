// SPDX-License-Identifier: GPL-2.0
/*
 * A device's space is that of what it lies on: a partition is on its disk, a mapping
 * on its devices, a loop device on its file.  Two partitions of a disk have nothing in
 * common, and two mappings on a disk are not looked at more closely than that: they
 * may have.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>

#include "loop.h"
#include "overlap.h"
#include "sysfs.h"

#define OVERLAP_DEPTH	16

typedef bool (*overlap_fn)(dev_t dev, const void *arg, unsigned int depth);

/* The disk of a partition. */
static bool overlap_whole(dev_t dev, dev_t *disk)
{
	char path[80], text[32];
	unsigned int number, of;

	snprintf(path, sizeof(path), "dev/block/%u:%u/partition", major(dev),
		 minor(dev));
	if (sysfs_read(path, text, sizeof(text)))
		return false;
	snprintf(path, sizeof(path), "dev/block/%u:%u/../dev", major(dev),
		 minor(dev));
	if (sysfs_read(path, text, sizeof(text)) ||
	    sscanf(text, "%u:%u", &number, &of) != 2)
		return false;
	*disk = makedev(number, of);
	return true;
}

/* Ask for each device that this one is on. */
static bool overlap_below(dev_t dev, overlap_fn ask, const void *arg,
			  unsigned int depth)
{
	char path[80 + NAME_MAX], text[32];
	unsigned int number, of;
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(dev),
		 minor(dev));
	dir = depth ? opendir(path) : NULL;
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "class/block/%s/dev",
			 entry->d_name);
		if (*entry->d_name != '.' &&
		    !sysfs_read(path, text, sizeof(text)) &&
		    sscanf(text, "%u:%u", &number, &of) == 2)
			found = ask(makedev(number, of), arg, depth - 1);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Is @dev, or what it is on, *@arg, its disk, or a partition of it? */
static bool overlap_is_on(dev_t dev, const void *arg, unsigned int depth)
{
	dev_t other = *(const dev_t *)arg, disk;

	return dev == other ||
	       (overlap_whole(dev, &disk) && disk == other) ||
	       (overlap_whole(other, &disk) && disk == dev) ||
	       overlap_below(dev, overlap_is_on, arg, depth);
}

/* Is it on a file? */
static bool overlap_is_on_file(dev_t dev, const void *arg, unsigned int depth)
{
	struct loop_backing *backing = malloc(sizeof(*backing));
	const struct stat *st = arg;
	dev_t disk = dev;
	bool is;

	overlap_whole(dev, &disk);
	is = backing && !loop_backing(disk, backing) &&
	     backing->dev == st->st_dev && backing->inode == st->st_ino;
	free(backing);
	return is || overlap_below(dev, overlap_is_on_file, arg, depth);
}

/**
 * overlap_find() - does a device have space in common with something else?
 * @dev: the device
 * @st: a file or a block device
 *
 * Return: true if so, as far as can be told.
 */
bool overlap_find(dev_t dev, const struct stat *st)
{
	if (!S_ISBLK(st->st_mode))
		return overlap_is_on_file(dev, st, OVERLAP_DEPTH);
	return overlap_is_on(dev, &st->st_rdev, OVERLAP_DEPTH) ||
	       overlap_is_on(st->st_rdev, &dev, OVERLAP_DEPTH);
}
