/* SPDX-License-Identifier: GPL-2.0 */
/* A disk that is written from its start to its end, in whatever format. */
#ifndef VHDX_TOOLS_NEWDISK_H
#define VHDX_TOOLS_NEWDISK_H

#include "disk.h"
#include "format.h"
#include "vhd-format.h"

/**
 * struct newdisk - a disk in the making
 * @format: what it becomes: DISK_RAW, DISK_VHDX, DISK_VHD or DISK_QCOW2
 * @fixed: all of its blocks have their places from the start
 * @preallocate: nothing of the file is to be a hole
 * @bytes: size of the disk
 * @vhdx: what a VHDX image is to be like
 * @vhd: what a VHD image is to be like
 * @image: the file or device
 * @qemu: of a qcow2 image
 * @block_shift: of an image with blocks: log2 of their size
 * @end: of the image so far: the next block goes there
 * @block: the one that was placed last; ~0: none
 * @block_off: where that is
 * @placed: blocks that were placed
 * @sector: of the BAT, that is in @entry; ~0: none
 * @entry: it
 * @hidden: starts of what makes a device show an image, kept back till the end
 */
struct newdisk {
	enum disk_format format;
	bool fixed;
	bool preallocate;
	u64 bytes;
	struct format vhdx;
	struct vhd_format vhd;
	struct image *image;
	struct qemu qemu;
	u8 block_shift;
	u64 end;
	u32 block;
	u64 block_off;
	u64 placed;
	u64 sector;
	u8 entry[VHDX_SECTOR];
	struct {
		u64 off;
		u8 data[VHDX_SECTOR];
	} hidden[2];
};

int newdisk_begin(struct newdisk *disk);
bool newdisk_find(struct newdisk *disk, u64 at, u64 *off, u64 *end);
int newdisk_place(struct newdisk *disk, u64 at, u64 *off, u64 *end,
		  bool *fresh);
int newdisk_settle(struct newdisk *disk);
int newdisk_again(struct newdisk *disk, u64 end, u64 placed, u32 block,
		  u64 block_off);
int newdisk_finish(struct newdisk *disk);

#endif /* VHDX_TOOLS_NEWDISK_H */
