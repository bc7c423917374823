/* SPDX-License-Identifier: GPL-2.0 */
/* Changes to an image on disk. */
#ifndef VHDX_TOOLS_EDIT_H
#define VHDX_TOOLS_EDIT_H

#include "image.h"

int edit_write(struct image *image, u64 off, const void *buf, u64 bytes);
int edit_share(struct image *image, u64 off, const struct image *from,
	       u64 from_off, u64 bytes);
int edit_zero(struct image *image, u64 off, u64 bytes);
int edit_resize(struct image *image, u64 bytes);
int edit_write_end(struct image *image, u64 off, const void *buf, u64 bytes);
int edit_sync(struct image *image);
int edit_header(struct image *image);
int edit_apply_log(struct image *image, u64 end);
int edit_replay(struct image *image);
int edit_replay_first(struct image *image, bool dry_run);

#endif /* VHDX_TOOLS_EDIT_H */
