// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "backing.h"

/**
 * backing_dev() - the device under a mapping
 * @disk: the mapping
 *
 * Return: its number; 0 if the table does not begin with one.
 */
dev_t backing_dev(const struct mapping *disk)
{
	unsigned int number, of;

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
	snprintf(backing->device, sizeof(backing->device), "%.*s",
		 (int)strcspn(disk->table, " "), disk->table);
	if (!dev)
		return;
	sysfs_device_path(dev, backing->device);
	r = loop_backing(dev, &backing->file);
	/* Its name is for everybody to see. */
	backing->on_file = !r || r == -EACCES;
}
