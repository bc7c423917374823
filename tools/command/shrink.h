/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx compact' and 'vhdx trim' have in common. */
#ifndef VHDX_TOOLS_SHRINK_H
#define VHDX_TOOLS_SHRINK_H

#include "command.h"
#include "mapping.h"
#include "search.h"

/**
 * struct shrink - a run of one of the commands
 * @path: the image
 * @trim: cut only what is behind the image
 * @zeros: drop blocks of zeros
 * @fs: drop blocks that file systems do not use
 * @search: for @fs, where parents are
 * @dry_run: tell what would be done
 * @json: report as JSON
 */
struct shrink {
	const char *path;
	bool trim;
	bool zeros;
	bool fs;
	struct parent_search search;
	bool dry_run;
	bool json;
};

int shrink_run(const struct shrink *shrink);
int compact_disk(const struct shrink *shrink, struct mapping *disk);

#endif /* VHDX_TOOLS_SHRINK_H */
