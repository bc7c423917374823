/* SPDX-License-Identifier: GPL-2.0 */
/* One process per device that runs beside it, and how to find and end it. */
#ifndef VHDX_TOOLS_DAEMON_H
#define VHDX_TOOLS_DAEMON_H

#include <sys/types.h>

#include "vhdx-shim.h"

/**
 * struct daemon_claim - being the one process that serves a device
 * @fd: of the file that is locked; -1 if there is none
 * @path: the file
 */
struct daemon_claim {
	int fd;
	char path[64];
};

int daemon_claim(struct daemon_claim *claim, dev_t dev);
void daemon_unclaim(struct daemon_claim *claim);
int daemon_find(dev_t dev);
int daemon_end(int pidfd, unsigned int seconds);
int daemon_fork(int *ready);
void daemon_detach(int ready);
int daemon_start(const char *name);

#endif /* VHDX_TOOLS_DAEMON_H */
