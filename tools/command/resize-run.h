/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx resize' does to disks that are attached, and to those that are not. */
#ifndef VHDX_TOOLS_RESIZE_RUN_H
#define VHDX_TOOLS_RESIZE_RUN_H

#include "command.h"
#include "content.h"
#include "gpt.h"
#include "newsize.h"
#include "search.h"
#include "stretch.h"

/**
 * struct resize_run - a run of the command
 * @path: the image
 * @bytes: size that its disk is to have
 * @minimum: as small as what it holds
 * @force: whatever it holds
 * @dry_run: tell what would be done
 * @json: report
 * @search: where parents are
 * @verbose: say what is done
 * @disk: the image, open; of one that is attached its disk
 * @content: what is on the disk
 * @gpt: its partition table
 * @has_gpt: that is one
 * @before: size of the disk, before
 * @size: the new one, and what is done for it
 */
struct resize_run {
	const char *path;
	u64 bytes;
	bool minimum;
	bool force;
	bool dry_run;
	bool json;
	bool verbose;
	struct parent_search search;
	struct disk disk;
	struct content content;
	struct gpt gpt;
	bool has_gpt;
	u64 before;
	struct newsize size;
};

/* resize-disk.c */
u64 resize_minimum(const struct resize_run *run);
int resize_look(struct resize_run *run);
int resize_check_shrink(struct resize_run *run);
int resize_check_limits(const struct resize_run *run, bool vhd);
void resize_print(const struct resize_run *run, const struct stretch *stretch);
int resize_alone(struct resize_run *run);

/* resize-live.c */
int resize_live(struct resize_run *run, const struct mapping *disk);

#endif /* VHDX_TOOLS_RESIZE_RUN_H */
