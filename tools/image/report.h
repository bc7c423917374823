/* SPDX-License-Identifier: GPL-2.0 */
/* What 'vhdx check' says. */
#ifndef VHDX_TOOLS_REPORT_H
#define VHDX_TOOLS_REPORT_H

#include "output.h"
#include "parent.h"
#include "rebuild.h"
#include "salvage.h"
#include "vhd-image.h"

/* Exit status, as of fsck. */
enum {
	CHECK_CLEAN = 0,
	CHECK_REPAIRED = 1,
	CHECK_ERRORS = 4,
	CHECK_FAILED = 8,
	CHECK_USAGE = 16,
};

/**
 * enum check_mode - what to do about what is found
 * @CHECK_LOOK: nothing
 * @CHECK_REPAIR: what can be done without loss
 * @CHECK_SALVAGE: give up what is lost, to get at the rest
 */
enum check_mode {
	CHECK_LOOK,
	CHECK_REPAIR,
	CHECK_SALVAGE,
};

/**
 * struct check - a run of the command
 * @mode: what to do about what is found
 * @out: the report
 * @quiet: only the exit status counts
 * @json: the report is for programs
 * @fixable: 'check --repair' would do something
 * @search: where to look for the parent
 * @parent: that of the image, as far as it was found
 * @audit: what is wrong
 * @before: what was wrong before the repair
 * @rebuilt: the headers are new
 * @rebuild: how they were found
 * @salvage: what was lost
 * @is_vhd: it is a VHD image
 * @vhd: that, loaded
 */
struct check {
	enum check_mode mode;
	struct output out;
	bool quiet;
	bool json;
	bool fixable;
	struct parent_search search;
	struct parent parent;
	struct audit audit;
	struct audit before;
	bool rebuilt;
	struct rebuild rebuild;
	struct salvage salvage;
	bool is_vhd;
	struct vhd_image vhd;
};

int report_rebuild(const struct check *check, const struct image *image);
int report_salvage(const struct check *check, const struct image *image);
void report_check(struct check *check, const struct image *image, int status);

#endif /* VHDX_TOOLS_REPORT_H */
