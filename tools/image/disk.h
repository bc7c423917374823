/* SPDX-License-Identifier: GPL-2.0 */
/* The disk of an image of whatever format, as parts of files. */
#ifndef VHDX_TOOLS_DISK_H
#define VHDX_TOOLS_DISK_H

#include "chain.h"
#include "qemu.h"

/**
 * enum disk_format - what a file is
 * @DISK_AUTO: what it looks like
 * @DISK_RAW: the disk itself, or any block device
 * @DISK_VHDX: a VHDX image with its parents
 * @DISK_VHD: a VHD image with its parents
 * @DISK_QCOW2: an image of qemu's
 */
enum disk_format {
	DISK_AUTO,
	DISK_RAW,
	DISK_VHDX,
	DISK_VHD,
	DISK_QCOW2,
	DISK_FORMATS
};

struct vhd_layer;

/**
 * struct disk - a disk that is read
 * @path: its file, as the user named it
 * @format: what that is
 * @chain: the file and its parents; of a raw disk the one file
 * @vhd: for each layer of a VHD image what is where
 * @qemu: for qcow2
 * @bytes: size of the disk, whole sectors of 512 bytes
 * @logical_bytes: size of its sectors
 * @physical_bytes: size of its physical sectors
 * @solid_fd: file of which a part is known
 * @solid_from: from here on it has no hole
 * @solid_to: up to here
 */
struct disk {
	const char *path;
	enum disk_format format;
	struct chain chain;
	struct vhd_layer *vhd;
	struct qemu qemu;
	u64 bytes;
	u32 logical_bytes;
	u32 physical_bytes;
	int solid_fd;
	u64 solid_from;
	u64 solid_to;
};

/**
 * struct disk_run - a part of the disk that has one source
 * @end: where it ends, in bytes from the start of the disk
 * @image: the file that has it; NULL: it is zeros
 * @off: where, in bytes from the start of that
 */
struct disk_run {
	u64 end;
	struct image *image;
	u64 off;
};

const char *disk_format_name(enum disk_format format);
enum disk_format disk_format_named(const char *name);
enum disk_format disk_format_of_name(const char *path);
int disk_open(struct disk *disk, const char *path, enum disk_format format,
	      enum image_mode mode, const struct parent_search *search);
int disk_take(struct disk *disk, const char *path, enum disk_format format,
	      int fd, const struct parent_search *search);
int disk_run_at(struct disk *disk, u64 at, struct disk_run *run);
int disk_read(struct disk *disk, u64 at, void *buf, u32 bytes);
bool disk_has_others(const struct disk *disk);
bool disk_is_shared(const struct disk *a, const struct disk_run *a_run,
		    const struct disk *b, const struct disk_run *b_run);
const char *disk_changed(const struct disk *disk);
void disk_close(struct disk *disk);

#endif /* VHDX_TOOLS_DISK_H */
