/* SPDX-License-Identifier: GPL-2.0 */
/* Is a disk in use, by whom, and until when? */
#ifndef VHDX_TOOLS_BUSY_H
#define VHDX_TOOLS_BUSY_H

#include "partition.h"

#define BUSY_TRIES	25	/* udev's programs open a device for a moment */
#define BUSY_WAIT_US	200000	/* between them */

void busy_say(const char *name);
int busy_wait(struct partitions *partitions, const struct mapping *disk,
	      unsigned int seconds);

#endif /* VHDX_TOOLS_BUSY_H */
