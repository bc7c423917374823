// SPDX-License-Identifier: GPL-2.0
#include <unistd.h>

#include "initramfs.h"

/**
 * initramfs_is_this() - is what is running now an initramfs?
 *
 * Return: true if so, be it made by dracut or by initramfs-tools.
 */
bool initramfs_is_this(void)
{
	return !access("/etc/initrd-release", F_OK) ||
	       !access("/conf/initramfs.conf", F_OK);
}
