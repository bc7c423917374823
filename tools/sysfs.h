/* SPDX-License-Identifier: GPL-2.0 */
/* What /sys tells about block devices. */
#ifndef VHDX_TOOLS_SYSFS_H
#define VHDX_TOOLS_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

int sysfs_name(dev_t dev, char name[64]);
int sysfs_read(const char *path, char *text, size_t size);
bool sysfs_first_holder(const char *disk, char holder[64], char name[64]);
int sysfs_each_holder(const char *disk, int (*visit)(void *arg,
		      const char *holder), void *arg);

#endif /* VHDX_TOOLS_SYSFS_H */
