/* SPDX-License-Identifier: GPL-2.0 */
/* What is on a disk and on its partitions: file systems, as a rule. */
#ifndef VHDX_TOOLS_VOLUME_H
#define VHDX_TOOLS_VOLUME_H

#include "partition.h"

/**
 * struct volume - a disk without partitions, or a partition
 * @name: of its mapping
 * @number: of the partition; 0: the whole disk
 * @type: what libblkid calls it, such as "ext4"; empty if there is nothing
 * @label: its name, may be empty
 * @filesystem: it can be mounted
 * @helper: for the firmware or the recovery of a system, and not the system
 * @bytes: its size
 */
struct volume {
	char name[MAPPING_NAME];
	unsigned int number;
	char type[32];
	char label[64];
	bool filesystem;
	bool helper;
	u64 bytes;
};

#define VOLUME_ANY	(-1)

int volume_choose(const struct mapping *disk, int number,
		  struct volume *volume);

#endif /* VHDX_TOOLS_VOLUME_H */
