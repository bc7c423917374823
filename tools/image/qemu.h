/* SPDX-License-Identifier: GPL-2.0 */
/* Images in a format of qemu's, by qemu's own programs. */
#ifndef VHDX_TOOLS_QEMU_H
#define VHDX_TOOLS_QEMU_H

#include <stdio.h>
#include <sys/types.h>

#include "nbd.h"

/**
 * struct qemu - an image that qemu-nbd has open
 * @dir: directory of its socket; empty: there is none
 * @ended: end of a pipe whose other one is closed when the server has ended
 * @nbd: the connection to it
 * @map: what 'qemu-img map' says, read as it is needed
 * @map_pid: that
 * @start: what it has said last: where a part of the disk starts
 * @end: and ends
 * @zero: it is zeros
 */
struct qemu {
	char dir[32];
	int ended;
	struct nbd nbd;
	FILE *map;
	pid_t map_pid;
	u64 start;
	u64 end;
	bool zero;
};

int qemu_create(const char *path, const char *shown, u64 bytes);
int qemu_open(struct qemu *qemu, const char *path, const char *shown,
	      bool writable);
int qemu_run(struct qemu *qemu, const char *path, u64 at, u64 *end, bool *zero);
void qemu_close(struct qemu *qemu);

#endif /* VHDX_TOOLS_QEMU_H */
