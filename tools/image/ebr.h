/* SPDX-License-Identifier: GPL-2.0 */
/* The tables of logical partitions, which lie between these. */
#ifndef VHDX_TOOLS_EBR_H
#define VHDX_TOOLS_EBR_H

#include "disk.h"
#include "vhd-disk.h"

/* Is called with the place of a table, in bytes; returns 0 or a negative errno. */
typedef int (*ebr_visit_fn)(void *arg, u64 at);

bool ebr_has_partitions(const u8 table[VHD_SECTOR]);
int ebr_each(struct disk *disk, ebr_visit_fn visit, void *arg);

#endif /* VHDX_TOOLS_EBR_H */
