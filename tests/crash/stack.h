/* SPDX-License-Identifier: GPL-2.0 */
/* Devices in memory, and what the device mapper puts on top of them. */
#ifndef CRASH_STACK_H
#define CRASH_STACK_H

#include "crash.h"
#include "loop.h"

/**
 * struct ramdisk - a file in a tmpfs with a loop device over it
 * @path: the file
 * @fd: open file
 * @bytes: its size
 * @map: its contents, shared with the loop device
 * @loop: the device
 */
struct ramdisk {
	char path[96];
	int fd;
	u64 bytes;
	u8 *map;
	struct loop loop;
};

/**
 * struct io_counts - what a block device has done so far
 * @writes: writes
 * @discards: discards
 */
struct io_counts {
	u64 writes;
	u64 discards;
};

void ramdisk_init(struct ramdisk *disk, const char *dir, const char *name,
		  u64 bytes);
void ramdisk_attach(struct ramdisk *disk);
void ramdisk_freeze(struct ramdisk *disk);
void ramdisk_exit(struct ramdisk *disk);
u64 ramdisk_next_data(const struct ramdisk *disk, u64 off, u64 *end);
void ramdisk_counts(const struct ramdisk *disk, struct io_counts *counts);

int stack_map(const char *name, const char *target, u64 sectors, bool read_only,
	      const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void stack_unmap(const char *name);
int stack_open(const char *name, int flags);
void stack_message(const char *name, const char *message);
void stack_suspend(const char *name);
void stack_resume(const char *name);

#endif /* CRASH_STACK_H */
