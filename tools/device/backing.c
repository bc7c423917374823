// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backing.h"

/**
 * backing_is_log() - is this no image but the changes of its log?
 * @device: the kernel's name of a block device
 *
 * Return: true if 'vhdx attach --stock' has made it for that.
 */
bool backing_is_log(const char *device)
{
	static const char log[] = "/memfd:" BACKING_LOG_NAME " ";
	char path[NAME_MAX + 64], file[PATH_MAX];

	snprintf(path, sizeof(path), "block/%s/loop/backing_file", device);
	return !sysfs_read(path, file, sizeof(file)) &&
	       !strncmp(file, log, strlen(log));
}

/* There are two devices at most: the image, and the changes of its log. */
static dev_t backing_dev_stock(const struct mapping *disk)
{
	char path[128 + NAME_MAX], number[32];
	unsigned int first, second;
	struct dirent *entry;
	dev_t dev = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves",
		 major(disk->dev), minor(disk->dev));
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "class/block/%s/dev",
			 entry->d_name);
		if (*entry->d_name != '.' && !backing_is_log(entry->d_name) &&
		    !sysfs_read(path, number, sizeof(number)) &&
		    sscanf(number, "%u:%u", &first, &second) == 2)
			dev = makedev(first, second);
	}
	if (dir)
		closedir(dir);
	return dev;
}

/**
 * backing_dev() - the device under a mapping
 * @disk: the mapping
 *
 * Return: its number; 0 if that cannot be told.
 */
dev_t backing_dev(const struct mapping *disk)
{
	unsigned int number, of;

	if (mapping_is_stock(disk))
		return backing_dev_stock(disk);
	if (sscanf(disk->table, "%u:%u", &number, &of) != 2)
		return 0;
	return makedev(number, of);
}

/**
 * backing_get() - find out what is under a mapping
 * @backing: result
 * @disk: the mapping
 */
void backing_get(struct backing *backing, const struct mapping *disk)
{
	dev_t dev = backing_dev(disk);
	int r;

	memset(backing, 0, sizeof(*backing));
	if (!mapping_is_stock(disk))
		snprintf(backing->device, sizeof(backing->device), "%.*s",
			 (int)strcspn(disk->table, " "), disk->table);
	if (!dev)
		return;
	sysfs_device_path(dev, backing->device);
	r = loop_backing(dev, &backing->file);
	/* Its name is for everybody to see. */
	backing->on_file = !r || r == -EACCES;
}
