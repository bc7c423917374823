/* SPDX-License-Identifier: GPL-2.0 */
/* The second copy of a GUID partition table, at the end of a disk that is resized. */
#ifndef VHDX_TOOLS_GPT_H
#define VHDX_TOOLS_GPT_H

#include "vhdx-shim.h"

#define GPT_SECTOR_BYTES	4096	/* at most */

/**
 * struct gpt - a partition table
 * @sector_bytes: of the disk
 * @mbr: what is before it: a partition that is as large as the disk
 * @header: its first copy, a sector
 * @entries: its entries
 * @entries_bytes: how long they are, whole sectors
 */
struct gpt {
	u32 sector_bytes;
	u8 mbr[GPT_SECTOR_BYTES];
	u8 header[GPT_SECTOR_BYTES];
	u8 *entries;
	u32 entries_bytes;
};

typedef int (*gpt_read_fn)(void *arg, u64 at, void *buf, u32 bytes);
typedef int (*gpt_write_fn)(void *arg, u64 at, const void *buf, u32 bytes);

int gpt_load(struct gpt *gpt, u32 sector_bytes, gpt_read_fn read, void *arg);
u64 gpt_disk_bytes(const struct gpt *gpt, u64 end);
bool gpt_fits(const struct gpt *gpt, u64 disk_bytes);
int gpt_move(struct gpt *gpt, u64 disk_bytes, gpt_write_fn write, void *arg);
void gpt_free(struct gpt *gpt);

#endif /* VHDX_TOOLS_GPT_H */
