/* SPDX-License-Identifier: GPL-2.0 */
/* From a source to a path that can be opened. */
#ifndef VHDX_TOOLS_RESOLVE_H
#define VHDX_TOOLS_RESOLVE_H

#include "source.h"

/**
 * struct resolved - the image of a source
 * @path: its path
 * @lock: keeps the file system that has been mounted for it from being
 *        unmounted before the image is in use; -1: there is none
 */
struct resolved {
	char path[PATH_MAX];
	int lock;
};

bool resolve_is_there(const struct source *source);
int resolve_begin(struct resolved *resolved, const struct source *source,
		  bool read_only);
void resolve_end(struct resolved *resolved);
void resolve_release(const char *path);

#endif /* VHDX_TOOLS_RESOLVE_H */
