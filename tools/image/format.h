/* SPDX-License-Identifier: GPL-2.0 */
/* Writing a new image. */
#ifndef VHDX_TOOLS_FORMAT_H
#define VHDX_TOOLS_FORMAT_H

#include "image.h"

/**
 * struct format - what a new image is to be like
 * @meta: block, disk and sector sizes, type and disk ID
 * @log_bytes: size of the log
 * @locator: of a differencing image, what it says of its parent
 * @locator_bytes: at most LOCATOR_MAX_BYTES
 */
struct format {
	struct vhdx_meta meta;
	u32 log_bytes;
	void *locator;
	u32 locator_bytes;
};

/**
 * struct format_place - where things are in a new image
 * @bat_off: its BAT, in bytes from its start
 * @end: its end, where the first block goes
 */
struct format_place {
	u64 bat_off;
	u64 end;
};

void format_find_place(const struct format *format,
		       struct format_place *place);
int format_file_at(const struct format *format, int fd, const char *path,
		   struct format_place *place);
int format_take_space(int fd, const char *path, u64 bytes);
int format_zero_device(struct image *image, u64 off, u64 end);
int format_file(const struct format *format, int fd, const char *path);
int format_device(const struct format *format, struct image *image);

#endif /* VHDX_TOOLS_FORMAT_H */
