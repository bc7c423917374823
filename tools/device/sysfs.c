// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sysfs.h"

#define SYSFS_DEPTH	16	/* of devices on devices */

/**
 * sysfs_name() - the kernel's name of a block device
 * @dev: the device
 * @name: takes its name, such as "loop0"
 *
 * Return: 0 or a negative errno.
 */
int sysfs_name(dev_t dev, char name[64])
{
	char path[64], target[PATH_MAX], *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev),
		 minor(dev));
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, 64, "%.63s", slash ? slash + 1 : target);
	return 0;
}

/**
 * sysfs_read() - read an attribute
 * @path: below /sys
 * @text: takes its value without the newline
 * @size: size of @text
 *
 * Return: 0 or a negative errno.
 */
int sysfs_read(const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(full, sizeof(full), "/sys/%s", path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	/* The last one only: a file's name may hold others. */
	if (n && text[n - 1] == '\n')
		n--;
	text[n] = '\0';
	return 0;
}

/**
 * sysfs_number() - the number of a block device
 * @name: its kernel name, such as "loop0"
 * @dev: takes the number
 *
 * Return: 0 or a negative errno.
 */
int sysfs_number(const char *name, dev_t *dev)
{
	unsigned int number, of;
	char path[80], text[32];
	int r;

	snprintf(path, sizeof(path), "block/%.64s/dev", name);
	r = sysfs_read(path, text, sizeof(text));
	if (!r && sscanf(text, "%u:%u", &number, &of) != 2)
		r = -EINVAL;
	if (!r)
		*dev = makedev(number, of);
	return r;
}

/**
 * sysfs_each_holder() - visit the devices on top of a block device
 * @disk: its directory below /sys
 * @visit: called with @arg and the kernel name of each; non-zero ends it
 * @arg: for @visit
 *
 * Return: what @visit returned last, or 0.
 */
int sysfs_each_holder(const char *disk, int (*visit)(void *arg,
		      const char *holder), void *arg)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	snprintf(path, sizeof(path), "/sys/%s/holders", disk);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!r && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = visit(arg, entry->d_name);
	closedir(dir);
	return r;
}

/**
 * sysfs_holder_name() - the device-mapper name of a holder
 * @holder: its kernel name, such as "dm-0"
 * @name: takes the name; empty if it is no device-mapper device
 */
void sysfs_holder_name(const char *holder, char name[SYSFS_DM_NAME])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "block/%s/dm/name", holder);
	if (sysfs_read(path, name, SYSFS_DM_NAME))
		*name = '\0';
}

static int sysfs_take_holder(void *arg, const char *holder)
{
	snprintf(arg, 64, "%s", holder);
	return 1;
}

/**
 * sysfs_first_holder() - a device on top of a block device
 * @disk: its directory below /sys
 * @holder: takes the kernel name, such as "dm-0"
 * @name: takes the device-mapper name; empty if it is no such device
 *
 * Return: true if there is one.
 */
bool sysfs_first_holder(const char *disk, char holder[64],
			char name[SYSFS_DM_NAME])
{
	*name = '\0';
	if (!sysfs_each_holder(disk, sysfs_take_holder, holder))
		return false;
	sysfs_holder_name(holder, name);
	return true;
}

static int sysfs_walk_below(const char *name, int (*visit)(void *arg,
			    const char *name, const char *uuid), void *arg,
			    unsigned int depth)
{
	char path[PATH_MAX], uuid[160];
	struct dirent *entry;
	DIR *dir = NULL;
	int r;

	snprintf(path, sizeof(path), "class/block/%s/dm/uuid", name);
	if (sysfs_read(path, uuid, sizeof(uuid)))
		*uuid = '\0';
	r = visit(arg, name, uuid);
	snprintf(path, sizeof(path), "/sys/class/block/%s/slaves", name);
	if (!r && depth)
		dir = opendir(path);
	while (dir && !r && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = sysfs_walk_below(entry->d_name, visit, arg,
					     depth - 1);
	if (dir)
		closedir(dir);
	return r;
}

/**
 * sysfs_each_below() - visit a block device and all that it is on
 * @name: its kernel name, such as "dm-0"
 * @visit: called with @arg, the kernel name of each, and its device-mapper UUID,
 *         which is empty if it has none; non-zero ends it
 * @arg: for @visit
 *
 * Return: what @visit returned last, or 0.
 */
int sysfs_each_below(const char *name, int (*visit)(void *arg,
		     const char *name, const char *uuid), void *arg)
{
	return sysfs_walk_below(name, visit, arg, SYSFS_DEPTH);
}

/**
 * sysfs_device_path() - the node of a block device, by a name that lasts
 * @dev: the device
 * @path: takes it: /dev/mapper/NAME of a device-mapper device, whose kernel
 *        name another one may have after the next start
 *
 * Return: 0 or a negative errno.
 */
int sysfs_device_path(dev_t dev, char path[SYSFS_PATH])
{
	char kernel_name[64], name[SYSFS_DM_NAME];
	int r = sysfs_name(dev, kernel_name);

	if (r)
		return r;
	sysfs_holder_name(kernel_name, name);
	if (*name)
		snprintf(path, SYSFS_PATH, "/dev/mapper/%s", name);
	else
		snprintf(path, SYSFS_PATH, "/dev/%s", kernel_name);
	return 0;
}
