// SPDX-License-Identifier: GPL-2.0
/*
 * Only the superuser may ask device mapper.  But /sys tells everybody which
 * devices there are, and those that 'vhdx attach' has made by their UUID.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backing.h"
#include "visible.h"

static bool visible_read(const char *device, const char *attribute, char *text,
			 size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "block/%s/%s", device, attribute);
	return !sysfs_read(path, text, size);
}

/*
 * The image's device, as a table begins with it.  Those of its parents are
 * never written to; where nothing is, nobody can tell which one it is.
 */
static void visible_find_backing(const char *device, struct mapping *disk)
{
	char path[PATH_MAX], number[32], ro[8];
	unsigned int count = 0, writable = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/block/%s/slaves", device);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "block/%s/slaves/%s/dev", device,
			 entry->d_name);
		if (*entry->d_name == '.' || backing_is_log(entry->d_name) ||
		    sysfs_read(path, number, sizeof(number)))
			continue;
		snprintf(path, sizeof(path), "block/%s/slaves/%s/ro", device,
			 entry->d_name);
		if (!sysfs_read(path, ro, sizeof(ro)) && *ro == '0')
			writable++;
		else if (writable)
			continue;
		count++;
		snprintf(disk->table, sizeof(disk->table), "%s", number);
	}
	if (dir)
		closedir(dir);
	if (writable > 1 || (!writable && count > 1))
		strcpy(disk->table, "-");
}

static bool visible_get(const char *device, struct mapping *disk)
{
	unsigned int number, of;
	char text[32];

	memset(disk, 0, sizeof(*disk));
	if (!visible_read(device, "dm/uuid", disk->uuid, sizeof(disk->uuid)) ||
	    strncmp(disk->uuid, "VHDX-", 5) ||
	    !visible_read(device, "dm/name", disk->name, sizeof(disk->name)))
		return false;
	strcpy(disk->target, "vhdx");
	if (visible_read(device, "size", text, sizeof(text)))
		disk->sectors = strtoull(text, NULL, 10);
	if (visible_read(device, "ro", text, sizeof(text)))
		disk->read_only = *text == '1';
	if (visible_read(device, "dm/suspended", text, sizeof(text)))
		disk->suspended = *text == '1';
	if (visible_read(device, "dev", text, sizeof(text)) &&
	    sscanf(text, "%u:%u", &number, &of) == 2)
		disk->dev = makedev(number, of);
	visible_find_backing(device, disk);
	return true;
}

/**
 * visible_each() - visit the mappings of images that /sys shows
 * @visit: called with @arg and each; without its status, and of its table only
 *         the device below
 * @arg: for @visit
 *
 * Return: 0 or a negative errno.
 */
int visible_each(visible_fn visit, void *arg)
{
	struct mapping disk;
	struct dirent *entry;
	DIR *dir;

	dir = opendir("/sys/block");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "dm-", 3) &&
		    visible_get(entry->d_name, &disk))
			visit(arg, &disk);
	closedir(dir);
	return 0;
}
