/* SPDX-License-Identifier: GPL-2.0 */
/* What is under a mapping of an image. */
#ifndef VHDX_TOOLS_BACKING_H
#define VHDX_TOOLS_BACKING_H

#include "loop.h"
#include "mapping.h"
#include "sysfs.h"

/**
 * struct backing - what is under a mapping
 * @device: the node of the device
 * @on_file: that is a loop device
 * @file: over this file
 */
struct backing {
	char device[SYSFS_PATH];
	bool on_file;
	struct loop_backing file;
};

/* What a device over a log in memory is called, as 'losetup' shows it. */
#define BACKING_LOG_NAME	"vhdx-log"

bool backing_is_log(const char *device);
dev_t backing_dev(const struct mapping *disk);
void backing_get(struct backing *backing, const struct mapping *disk);

#endif /* VHDX_TOOLS_BACKING_H */
