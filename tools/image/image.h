/* SPDX-License-Identifier: GPL-2.0 */
/* An image, opened and read by the format code. */
#ifndef VHDX_TOOLS_IMAGE_H
#define VHDX_TOOLS_IMAGE_H

#include <sys/stat.h>

#include "overlay.h"
#include "vhdx-load.h"

/* How far a file may grow by its log: as far as a BAT entry may point. */
#define IMAGE_MAX_BYTES	(1ULL << 48)

/**
 * enum image_mode - how to open an image
 * @IMAGE_PEEK: for reading; if it is in use a note will do
 * @IMAGE_READ: for reading; refuse it if it is in use
 * @IMAGE_WRITE: for writing; refuse it if it is in use
 * @IMAGE_WRITE_SOON: for writing; wait some seconds if it is in use
 */
enum image_mode {
	IMAGE_PEEK,
	IMAGE_READ,
	IMAGE_WRITE,
	IMAGE_WRITE_SOON,
};

/**
 * struct image - an open image
 * @path: as the user named it
 * @shown: the same, as it may be printed
 * @fd: open file
 * @st: of the file
 * @block_device: it is no regular file
 * @file_bytes: size of file or device as it is
 * @reader: for the format code: the image with the log's changes
 * @layout: the image but for its BAT
 * @space: who owns which MiB
 * @dirty: there is a log to replay
 * @log: its active sequence
 * @source: the log, for the format code
 * @overlay: its changes
 * @scratch: memory for the format code
 * @sector: memory for one sector of the log
 */
struct image {
	const char *path;
	char *shown;
	int fd;
	struct stat st;
	bool block_device;
	u64 file_bytes;
	struct vhdx_reader reader;
	struct vhdx_layout layout;
	struct vhdx_space space;
	bool dirty;
	struct vhdx_log_sequence log;
	struct vhdx_log_source source;
	struct overlay overlay;
	u8 *scratch;
	u8 sector[VHDX_SECTOR];
};

int image_open(struct image *image, const char *path, enum image_mode mode);
int image_hold_name(const struct image *image, bool change);
int image_take(struct image *image, const char *path, int fd);
int image_peek(struct image *image, const char *path);
int image_glance(struct image *image, const char *path);
void image_close(struct image *image);
int image_pread(const struct image *image, u64 off, void *buf, u32 bytes);
int image_load_log(struct image *image);
int image_load_space(struct image *image);
int image_load(struct image *image);
int image_load_bat(struct image *image, vhdx_bat_visit_fn visit, void *arg);
int image_rescan_bat(struct image *image, vhdx_bat_visit_fn visit, void *arg);
void image_forget(struct image *image);
u64 image_log_entries(const struct image *image);
u64 image_end(const struct image *image);

#endif /* VHDX_TOOLS_IMAGE_H */
