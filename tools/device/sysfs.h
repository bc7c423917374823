/* SPDX-License-Identifier: GPL-2.0 */
/* What /sys tells about block devices. */
#ifndef VHDX_TOOLS_SYSFS_H
#define VHDX_TOOLS_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SYSFS_DM_NAME	128	/* a device-mapper name with its NUL, as in the kernel */
#define SYSFS_PATH	160	/* a node in /dev */

int sysfs_number(const char *name, dev_t *dev);
int sysfs_name(dev_t dev, char name[64]);
int sysfs_read(const char *path, char *text, size_t size);
int sysfs_each_below(const char *name, int (*visit)(void *arg,
		     const char *name, const char *uuid), void *arg);
int sysfs_device_path(dev_t dev, char path[SYSFS_PATH]);
void sysfs_holder_name(const char *holder, char name[SYSFS_DM_NAME]);
bool sysfs_first_holder(const char *disk, char holder[64],
			char name[SYSFS_DM_NAME]);
int sysfs_each_holder(const char *disk, int (*visit)(void *arg,
		      const char *holder), void *arg);

#endif /* VHDX_TOOLS_SYSFS_H */
