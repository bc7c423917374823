/* SPDX-License-Identifier: GPL-2.0 */
/* Partitions of a mapping, as mappings of their own. */
#ifndef VHDX_TOOLS_PARTITION_H
#define VHDX_TOOLS_PARTITION_H

#include "mapping.h"

#define PARTITIONS_MAX	256

/**
 * struct partitions - the partition mappings of a disk
 * @count: how many
 * @name: their names
 */
struct partitions {
	unsigned int count;
	char name[PARTITIONS_MAX][MAPPING_NAME];
};

/**
 * enum partitions_wanted - which partitions of a disk to map
 * @PARTITIONS_AUTO: all; none if the whole disk carries a file system
 * @PARTITIONS_ALL: all
 * @PARTITIONS_NONE: none
 */
enum partitions_wanted {
	PARTITIONS_AUTO,
	PARTITIONS_ALL,
	PARTITIONS_NONE,
};

int partitions_create(struct partitions *partitions,
		      const struct mapping *disk,
		      enum partitions_wanted wanted);
int partitions_follow(const struct mapping *disk);
int partitions_find(struct partitions *partitions, const struct mapping *disk,
		    char foreign[MAPPING_NAME]);
int partitions_remove(struct partitions *partitions);

#endif /* VHDX_TOOLS_PARTITION_H */
