/* SPDX-License-Identifier: GPL-2.0 */
/* The part of the virtual disk that is looked at: all sites, and some more. */
#ifndef CRASH_VIEW_H
#define CRASH_VIEW_H

#include "ledger.h"

/**
 * struct window - neighbouring sectors
 * @lba: first one
 * @count: how many
 * @at: where they are in the buffer, in sectors
 */
struct window {
	u64 lba;
	u32 count;
	u32 at;
};

/**
 * struct view - windows
 * @ledger: what to expect in them
 * @windows: sorted
 * @nr: how many
 * @sectors: in all of them
 * @number: number of each sector among the sites' ones, or -1
 * @bad: the last sector that was found wrong, as an index to @number ...
 * @bad_lba: ... and where it is
 */
struct view {
	const struct ledger *ledger;
	struct window *windows;
	u32 nr;
	u32 sectors;
	int *number;
	u32 bad;
	u64 bad_lba;
};

void view_init(struct view *view, const struct ledger *ledger, u64 disk_sectors,
	       bool probe, struct dice *dice);
void view_exit(struct view *view);
void *view_buffer(const struct view *view);
int view_read(const struct view *view, int fd, void *buf);
void *view_inherited(const struct view *view);
bool view_has(const struct view *view, u64 lba);
u32 view_check(struct view *view, const void *buf,
	       const struct duty *duty);
u32 view_differs(const struct view *view, const void *a, const void *b,
		 const char *what);

#endif /* CRASH_VIEW_H */
