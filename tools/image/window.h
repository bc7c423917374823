/* SPDX-License-Identifier: GPL-2.0 */
/* A part of a disk as a file, which other programs can open: read-only, by FUSE. */
#ifndef VHDX_TOOLS_WINDOW_H
#define VHDX_TOOLS_WINDOW_H

#include <sys/types.h>

#include "disk.h"
#include "signals.h"

#define WINDOW_PATH	32

/**
 * struct window - the file
 * @dir: where it is mounted; empty: nowhere
 * @path: its name; for those who are in its namespace, see window_enter()
 * @server: who serves it; 0: nobody
 * @control: as long as this is open it is served; -1: it is not
 * @users: its user namespace; -1: it has none of its own
 * @mounts: its mount namespace; -1: it has none of its own
 * @before: which signals were not held back
 */
struct window {
	char dir[WINDOW_PATH];
	char path[WINDOW_PATH];
	pid_t server;
	int control;
	int users;
	int mounts;
	sigset_t before;
};

int window_open(struct window *window, struct disk *disk, u64 from, u64 bytes);
int window_enter(const struct window *window);
void window_close(struct window *window);

#endif /* VHDX_TOOLS_WINDOW_H */
