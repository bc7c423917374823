/* SPDX-License-Identifier: GPL-2.0 */
/* Loop devices. */
#ifndef VHDX_TOOLS_LOOP_H
#define VHDX_TOOLS_LOOP_H

#include <limits.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "vhdx-shim.h"

#define LOOP_PATH	32	/* a node in /dev */
#define LOOP_NAME	32	/* the kernel's name */

typedef int (*loop_visit_fn)(void *arg, const char *name);

/**
 * struct loop - a loop device
 * @fd: open device; -1 if there is none
 * @path: its node
 * @direct: it bypasses the page cache
 */
struct loop {
	int fd;
	char path[LOOP_PATH];
	bool direct;
};

/**
 * struct loop_backing - the file under a loop device
 * @path: where it was last seen
 * @dev: device that has it
 * @inode: its inode number
 * @autoclear: the loop device goes away when nobody uses it
 * @read_only: it is not written
 * @most_bytes: how much of it the loop device shows at most; 0: all of it
 */
struct loop_backing {
	char path[PATH_MAX];
	u64 dev;
	u64 inode;
	bool autoclear;
	bool read_only;
	u64 most_bytes;
};

int loop_attach(struct loop *loop, int fd, const char *path, u32 block_bytes,
		bool read_only);
void loop_first_free(char path[LOOP_PATH], unsigned int skip);
int loop_share(struct loop *loop, const struct stat *st, u32 block_bytes);
int loop_each(const struct stat *st, loop_visit_fn visit, void *arg);
void loop_close(struct loop *loop);
int loop_limit(const struct loop *loop, u64 bytes);
int loop_grow(int fd);
int loop_no_discard(const struct loop *loop);
int loop_retire(const char *device);
int loop_backing(dev_t dev, struct loop_backing *backing);

#endif /* VHDX_TOOLS_LOOP_H */
