/* SPDX-License-Identifier: GPL-2.0 */
/* One loop device and one mapping over it, for one image after the other. */
#ifndef FUZZ_DEVICE_H
#define FUZZ_DEVICE_H

#include "sparse.h"

/**
 * struct device - where the images go
 * @fd: the file under the loop device, in memory
 * @loop: the loop device
 * @loop_path: its node
 * @logical: its logical block size
 * @exists: the mapping does, with a table or without
 * @kmsg: what the kernel says from now on
 */
struct device {
	int fd;
	int loop;
	char loop_path[32];
	u32 logical;
	bool exists;
	int kmsg;
};

int device_open(struct device *device);
void device_close(struct device *device);
int device_put(struct device *device, const struct sparse *image);
int device_map(struct device *device, u64 sectors, bool writable);
int device_unmap(struct device *device);
int device_disk(bool writable);
bool device_said(struct device *device, const char *sentence);

#endif /* FUZZ_DEVICE_H */
